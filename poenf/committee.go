// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
)

// Bounds of a committee and of what its members send.
const (
	MaxID         = 50        // bytes of a committee's id, which CometBFT takes as the chain's id
	MaxName       = 64        // bytes of a member's name
	MaxMembers    = 1024      // with MaxLength and MaxOffset, sums of squares stay below 2^63
	MaxLength     = 600       // seconds in a proof
	MaxOffset     = 1_000_000 // µHz from nominal, either way; the grids of the world keep within a third of it
	MaxPeriod     = 3600      // seconds
	MaxSkew       = 60_000    // milliseconds
	MinExpiry     = 10_000    // milliseconds; see Committee.Expiry
	MaxOpen       = 128       // rounds that can be open at once: (expiry + skew) / period
	MaxEpoch      = 1_000_000 // rounds in an epoch
	MaxPower      = 1 << 32   // voting power of a validator, exclusive
	ValidatorSize = 32        // bytes of a validator's key
)

// Committee is the parameters of a Proof-of-ENF and the members who run it. It belongs to one grid, and its form in
// JSON is a file that the administrator writes (see [Committee.UnmarshalJSON]).
//
// [NewCommittee] fills in the defaults; [Committee.Validate] says what is out of bounds.
type Committee struct {
	// ID names the committee: 1 to [MaxID] of A-Z a-z 0-9 _ -. It is bound into every signature.
	ID string
	// Nominal is the grid's frequency, 50 or 60 Hz.
	Nominal int
	// Rule makes the truth of the proofs.
	Rule Rule
	// Faulty is f: how many of a round's members may lie or be silent.
	Faulty int
	// Length is d, the number of values in a proof, one a second: 2 to [MaxLength].
	Length int
	// Period is the time from round to round, in seconds.
	Period int64
	// Grace is how long a round waits, in milliseconds, for the members still missing once n-f proofs are in.
	Grace int64
	// Expiry is how long after its end, in milliseconds, a round without n-f proofs is void: [MinExpiry] at least. An
	// engine bears blocks whose time is some seconds ahead of the clocks of those who vote (ledger/comet: 3 s), so that with
	// less one dishonest proposer could expire a round before honest proofs can be in a block.
	Expiry int64
	// Skew is how far before a round's end, in milliseconds, its proofs are accepted: some members' clocks are ahead.
	Skew int64
	// EpochRounds and Seats are zero, or elect: every EpochRounds rounds, Seats of the members are drawn to prove.
	EpochRounds, Seats int
	// Administrator is the Ed25519 key that signs changes of membership; without one there are none.
	Administrator ed25519.PublicKey
	// Members are those registered, or (from [Machine.Committee]) those of one round.
	Members []Member
}

// Member is one who may submit a proof each round.
type Member struct {
	// Name identifies the member: 1 to [MaxName] of A-Z a-z 0-9 . _ -.
	Name string
	// Key verifies the member's proofs and tickets.
	Key ed25519.PublicKey
	// Power is the member's voting power in the engine that orders the transactions; 0 for one who only proves.
	Power int64
	// Validator is the Ed25519 key, of 32 bytes, with which the member votes there; none when Power is 0.
	Validator []byte
}

// NewCommittee returns a committee with the default parameters: the median rule, the greatest f, 60 values every 5 s,
// a grace of 1 s, an expiry of 60 s, a skew of 2 s, no elections and no administrator.
func NewCommittee(id string, nominal int, members ...Member) Committee {
	return Committee{
		ID: id, Nominal: nominal, Rule: Median, Faulty: Median.MaxFaulty(len(members)), Length: 60,
		Period: 5, Grace: 1000, Expiry: 60_000, Skew: 2000, Members: members,
	}
}

// Stall returns for how many milliseconds no round may close: by then one is certainly void.
func (c Committee) Stall() int64 { return c.Expiry + 2000*c.Period }

// Validate returns nil, or an error that wraps [ErrCommittee] and says what is out of bounds.
func (c Committee) Validate() error {
	if err := c.check(); err != "" {
		return fmt.Errorf("%w: %s", ErrCommittee, err)
	}
	return nil
}

// check is the one place where bounds are refused.
func (c Committee) check() string {
	n := len(c.Members)
	seats := c.seats()
	switch {
	case !validName(c.ID, MaxID, "_-"):
		return fmt.Sprintf("id %.60q is not 1 to %d of A-Z a-z 0-9 _ -", c.ID, MaxID)
	case c.Nominal != 50 && c.Nominal != 60:
		return fmt.Sprintf("nominal frequency %d Hz is neither 50 nor 60", c.Nominal)
	case int(c.Rule) >= len(ruleNames):
		return fmt.Sprintf("no such rule: %d", uint8(c.Rule))
	case n < 1 || n > MaxMembers:
		return fmt.Sprintf("%d members are not 1 to %d", n, MaxMembers)
	case c.Length < 2 || c.Length > MaxLength:
		return fmt.Sprintf("length %d is not 2 to %d", c.Length, MaxLength)
	case c.Period < 1 || c.Period > MaxPeriod:
		return fmt.Sprintf("period %d s is not 1 to %d", c.Period, MaxPeriod)
	case c.Skew < 0 || c.Skew > MaxSkew:
		return fmt.Sprintf("skew %d ms is not 0 to %d", c.Skew, MaxSkew)
	case c.Expiry < MinExpiry || c.Expiry > MaxOpen*c.Period*1000-c.Skew:
		return fmt.Sprintf("expiry %d ms is not %d to %d, with which %d rounds would be open at once", c.Expiry, MinExpiry,
			MaxOpen*c.Period*1000-c.Skew, MaxOpen)
	case c.Grace < 0 || c.Grace > c.Expiry:
		return fmt.Sprintf("grace %d ms is not 0 to the expiry, %d ms", c.Grace, c.Expiry)
	case (c.EpochRounds == 0) != (c.Seats == 0) || c.EpochRounds < 0 || c.EpochRounds > MaxEpoch:
		return fmt.Sprintf("epochs of %d rounds with %d seats: both zero, or epochs of 1 to %d rounds", c.EpochRounds, c.Seats, MaxEpoch)
	case c.Seats < 0 || c.Seats > n:
		return fmt.Sprintf("%d seats are not 0 to the number of members, %d", c.Seats, n)
	case c.Faulty < 0 || c.Faulty > MaxMembers:
		return fmt.Sprintf("f = %d is not 0 to %d", c.Faulty, MaxMembers)
	case c.Faulty > c.Rule.MaxFaulty(seats):
		return fmt.Sprintf("%d members bear at most f = %d with the rule %s, not %d: a round may close with m = n-f proofs, and it needs %s",
			seats, c.Rule.MaxFaulty(seats), c.Rule, c.Faulty, c.Rule.needs())
	case len(c.Administrator) != 0 && len(c.Administrator) != ed25519.PublicKeySize:
		return fmt.Sprintf("administrator's key has %d bytes, not %d", len(c.Administrator), ed25519.PublicKeySize)
	}
	return checkMembers(c.Members)
}

func checkMembers(members []Member) string {
	for _, m := range members {
		switch {
		case !validName(m.Name, MaxName, "._-"):
			return fmt.Sprintf("member %.80q is not 1 to %d of A-Z a-z 0-9 . _ -", m.Name, MaxName)
		case len(m.Key) != ed25519.PublicKeySize:
			return fmt.Sprintf("key of member %s has %d bytes, not %d", m.Name, len(m.Key), ed25519.PublicKeySize)
		case m.Power < 0 || m.Power >= MaxPower:
			return fmt.Sprintf("power %d of member %s is not 0 to %d", m.Power, m.Name, int64(MaxPower-1))
		case m.Power == 0 && len(m.Validator) != 0:
			return fmt.Sprintf("member %s has a validator's key and no power", m.Name)
		case m.Power > 0 && len(m.Validator) != ValidatorSize:
			return fmt.Sprintf("validator's key of member %s has %d bytes, not %d", m.Name, len(m.Validator), ValidatorSize)
		}
	}
	for _, by := range [...]struct {
		what    string
		compare func(a, b Member) int
	}{
		{"name", func(a, b Member) int { return strings.Compare(a.Name, b.Name) }},
		{"key", func(a, b Member) int { return bytes.Compare(a.Key, b.Key) }},
		{"validator's key", func(a, b Member) int { return bytes.Compare(a.Validator, b.Validator) }},
	} {
		sorted := slices.SortedStableFunc(slices.Values(members), by.compare)
		for i, m := range sorted[1:] {
			if by.compare(sorted[i], m) == 0 && (len(m.Validator) > 0 || by.what != "validator's key") {
				return fmt.Sprintf("members %s and %s have the same %s", sorted[i].Name, m.Name, by.what)
			}
		}
	}
	return ""
}

// seats returns n, the number of members in a round.
func (c Committee) seats() int {
	if c.Seats > 0 {
		return c.Seats
	}
	return len(c.Members)
}

// End returns when round ends, in Unix milliseconds: round · Period. Value i of its proofs is the frequency at the
// whole second End/1000 - Length + i. For rounds past the year 9999 it returns the end of that year. The committee must be valid.
func (c Committee) End(round uint64) int64 {
	if round > uint64(maxTime/(c.Period*1000)) {
		return maxTime
	}
	return int64(round) * c.Period * 1000
}

// Last returns the last round that has ended at now, in Unix milliseconds: the one to prove.
func (c Committee) Last(now int64) uint64 { return uint64(clampTime(now) / (c.Period * 1000)) }

// maxTime is the end of the year 9999 in Unix milliseconds, past which no arithmetic here can overflow.
const maxTime = 253_402_300_799_999

func clampTime(now int64) int64 { return min(max(now, 0), maxTime) }

// provable returns the last round that accepts proofs at now.
func (c Committee) provable(now int64) uint64 { return c.Last(clampTime(now) + c.Skew) }

// Member returns the member of that name.
func (c Committee) Member(name string) (Member, bool) {
	for _, m := range c.Members {
		if m.Name == name {
			return m, true
		}
	}
	return Member{}, false
}

// Hash returns the SHA-256 of the committee's bytes. The order of its members does not matter.
func (c Committee) Hash() [32]byte { return sha256.Sum256(c.append(nil)) }

// validName reports whether name is 1 to limit ASCII letters, digits and others.
func validName(name string, limit int, others string) bool {
	if len(name) < 1 || len(name) > limit {
		return false
	}
	for i := range len(name) {
		switch b := name[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9':
		case strings.IndexByte(others, b) < 0:
			return false
		}
	}
	return true
}
