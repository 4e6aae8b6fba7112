// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// Round is the truth that a committee agreed on for one interval, and how it came to it.
type Round struct {
	// Number is the round's; it ends at Number · period of the committee.
	Number uint64
	// Start is the whole second of the first value, in Unix seconds, so that a round says by itself when it was.
	Start int64
	// Closed is when it was decided: the block's time, in Unix milliseconds.
	Closed int64
	// Nominal is the grid, 50 or 60 Hz.
	Nominal int
	// Rule made the truth of the proofs, and Faulty is the f it reckoned with.
	Rule   Rule
	Faulty int
	// CommitteeHash is [Committee.Hash] of the round's committee.
	CommitteeHash [32]byte
	// Winner is the member whose proof has the lowest score.
	Winner string
	// Truth is E*: offsets from nominal in µHz, one for each whole second of the round, oldest first.
	Truth []int32
	// Spread says how far the members were from the truth, in µHz: see [Outcome].
	Spread uint32
	// Entries are the proofs that took part, in order of member.
	Entries []Entry
}

// Entry is one member's part in a [Round].
type Entry struct {
	Member string
	// ProofHash is [Proof.Hash] of the member's proof.
	ProofHash [32]byte
	// Score is the proof's Krum score in µHz², the lower the better: see [Scores].
	Score uint64
	// Inlier reports whether the proof is as near to the truth as can be expected: see [Outcome].
	Inlier bool
}

func (r Round) append(b []byte) []byte {
	b = append(b, tagRound, byte(r.Nominal))
	b = appendUint64(b, r.Number)
	b = appendUint64(b, uint64(r.Start))
	b = appendUint64(b, uint64(r.Closed))
	b = appendUint16(append(b, byte(r.Rule)), r.Faulty)
	b = append(b, r.CommitteeHash[:]...)
	b = appendString(b, r.Winner)
	b = appendUint32(b, int64(r.Spread))
	b = appendValues(b, r.Truth)
	b = appendUint16(b, len(r.Entries))
	for _, e := range r.Entries {
		b = append(appendString(b, e.Member), e.ProofHash[:]...)
		b = appendUint64(b, e.Score)
		b = append(b, bit(e.Inlier))
	}
	return b
}

func bit(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// AppendBinary appends the round's bytes. An error wraps [ErrMalformed].
func (r Round) AppendBinary(b []byte) ([]byte, error) {
	if err := r.checkForm(); err != nil {
		return nil, err
	}
	return r.append(b), nil
}

// MarshalBinary returns the round's bytes. An error wraps [ErrMalformed].
func (r Round) MarshalBinary() ([]byte, error) { return r.AppendBinary(nil) }

// UnmarshalBinary takes the bytes of a round and nothing else. An error wraps [ErrMalformed].
func (r *Round) UnmarshalBinary(data []byte) error {
	in := &reader{data: data}
	in.tag(tagRound, "round")
	var out Round
	out.Nominal = in.nominal()
	out.Number = in.number(8)
	out.Start = int64(in.number(8))
	out.Closed = int64(in.number(8))
	out.Rule = Rule(in.number(1))
	out.Faulty = int(in.number(2))
	out.CommitteeHash = in.hash()
	out.Winner = in.name()
	out.Spread = uint32(in.number(4))
	out.Truth = in.values()
	out.Entries = make([]Entry, in.count(1, MaxMembers, 1+1+32+8+1, "entries"))
	for i := range out.Entries {
		out.Entries[i] = Entry{Member: in.name(), ProofHash: in.hash(), Score: in.number(8), Inlier: in.flag()}
	}
	err := in.end()
	if err == nil {
		err = out.checkForm()
	}
	if err != nil {
		return fmt.Errorf("round: %w", err)
	}
	*r = out
	return nil
}

func (r Round) checkForm() error {
	switch {
	case r.Nominal != 50 && r.Nominal != 60:
		return fmt.Errorf("%w: nominal frequency %d Hz is neither 50 nor 60", ErrMalformed, r.Nominal)
	case r.Closed < 0 || r.Closed > maxTime:
		return fmt.Errorf("%w: closed at %d ms", ErrMalformed, r.Closed)
	case r.Start < -MaxLength || r.Start > maxTime/1000:
		return fmt.Errorf("%w: starts at %d s", ErrMalformed, r.Start)
	case int(r.Rule) >= len(ruleNames):
		return fmt.Errorf("%w: no such rule: %d", ErrMalformed, uint8(r.Rule))
	case r.Faulty < 0 || r.Faulty > MaxMembers:
		return fmt.Errorf("%w: f = %d is not 0 to %d", ErrMalformed, r.Faulty, MaxMembers)
	case len(r.Truth) < 2 || len(r.Truth) > MaxLength:
		return fmt.Errorf("%w: %d values are not 2 to %d", ErrMalformed, len(r.Truth), MaxLength)
	case len(r.Entries) < 1 || len(r.Entries) > MaxMembers:
		return fmt.Errorf("%w: %d entries are not 1 to %d", ErrMalformed, len(r.Entries), MaxMembers)
	}
	won := false
	for i, e := range r.Entries {
		if !validName(e.Member, MaxName, "._-") {
			return fmt.Errorf("%w: member %.80q is not 1 to %d of A-Z a-z 0-9 . _ -", ErrMalformed, e.Member, MaxName)
		}
		if i > 0 && strings.Compare(r.Entries[i-1].Member, e.Member) >= 0 {
			return fmt.Errorf("%w: entry of %s is not after that of %s", ErrMalformed, e.Member, r.Entries[i-1].Member)
		}
		won = won || e.Member == r.Winner
	}
	if !won {
		return fmt.Errorf("%w: winner %.80q has no entry", ErrMalformed, r.Winner)
	}
	return checkRange(r.Truth)
}

// Hash returns the SHA-256 of the round's bytes.
func (r Round) Hash() [32]byte { return sha256.Sum256(r.append(nil)) }
