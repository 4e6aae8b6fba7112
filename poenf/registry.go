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

// Bounds of a registry. A registry at all of them has some 10 MB.
const (
	MaxAccounts       = 16384 // those revoked among them, whose names and keys never come back
	MaxZones          = 1024
	MaxZoneMembers    = 65536 // of all zones together
	MaxRevocations    = 16384 // of tokens that have not expired
	MaxAdministrators = 16
)

// Registry is who is known to a committee beside its provers: accounts with roles, trust zones, tokens that were revoked, and
// the administrators whose signatures change any of it (the paper's permissioned network, DeFakePro §III-B). What a
// [Machine] returns is never written again, and the caller must not write to it.
type Registry struct {
	// Administrators are the Ed25519 keys that sign changes, in order: at most [MaxAdministrators]. Threshold is how many of
	// them a change needs, from 1 to all.
	Administrators []ed25519.PublicKey
	Threshold      int
	// Accounts are in order of name.
	Accounts []Account
	// Zones are in order of name.
	Zones []Zone
	// Revoked are in order of token.
	Revoked []Revocation
}

// Account is a registered member.
type Account struct {
	// Name is 1 to [MaxName] of A-Z a-z 0-9 . _ -. It is nobody else's, and never will be where the account is revoked; one that
	// a member leaves with [Remove] is free.
	Name string
	// Key is the Ed25519 key by which the member is known; that of a revoked account is nobody else's any more.
	Key ed25519.PublicKey
	// Roles are what the member is meant to be. [Prover] and [ValidatorRole] are those of the committee's members: they come and go
	// with [Put] and [Remove].
	Roles Roles
	// Status says whether the account counts.
	Status Status
	// Since is when the status became that, in Unix milliseconds, by the block's time; 0 for the genesis' members.
	Since int64
	// Power and Validator are those of a suspended member of the committee, who gets its seat back with [Resume].
	Power     int64
	Validator []byte
}

// Roles is a set of roles. Those of a seat, [ValidatorRole] and [Prover], come with it; the others say what a member is meant to be, and
// bind nothing: what a member may do, a token says.
type Roles uint8

const (
	// ValidatorRole votes on blocks; it goes with voting power.
	ValidatorRole Roles = 1 << iota
	// Prover proves what the grid did.
	Prover
	// Guard is meant to watch meetings.
	Guard
	// Auditor is meant to read what others may not.
	Auditor
	// Participant is meant to take part in meetings.
	Participant

	seatRoles = ValidatorRole | Prover
	allRoles  = 1<<5 - 1
)

var roleNames = [...]string{"validator", "prover", "guard", "auditor", "participant"}

// String returns the roles' names, with commas between.
func (r Roles) String() string {
	var names []string
	for i, name := range roleNames {
		if r&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// ParseRoles takes what [Roles.String] returns, in any order. An error wraps [ErrMalformed].
func ParseRoles(s string) (Roles, error) {
	var out Roles
	for name := range strings.SplitSeq(s, ",") {
		i := slices.Index(roleNames[:], name)
		if i < 0 {
			return 0, fmt.Errorf("%w: no role %.40q: want %s", ErrMalformed, name, strings.Join(roleNames[:], ", "))
		}
		out |= 1 << i
	}
	return out, nil
}

// MarshalText returns the roles' names.
func (r Roles) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText takes the roles' names; none is no role.
func (r *Roles) UnmarshalText(text []byte) (err error) {
	*r = 0
	if len(text) > 0 {
		*r, err = ParseRoles(string(text))
	}
	return err
}

// Status is whether an account counts.
type Status uint8

const (
	// Active accounts count.
	Active Status = iota
	// Suspended ones do not, until they are resumed.
	Suspended
	// Revoked ones never do again.
	Revoked
)

var statusNames = [...]string{"active", "suspended", "revoked"}

// String returns the status' name.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return fmt.Sprintf("status %d", uint8(s))
}

// Zone is a virtual trust zone: those who know each other for some purpose.
type Zone struct {
	// Name is 1 to [MaxName] of A-Z a-z 0-9 . _ -.
	Name string
	// Kind says what the zone is of.
	Kind ZoneKind
	// Members are names of accounts that are not revoked, in order.
	Members []string
}

// ZoneKind is what a zone is of.
type ZoneKind uint8

const (
	// OrganisationZone is those of an organisation.
	OrganisationZone ZoneKind = 1 + iota
	// MeetingZone is those who may meet.
	MeetingZone
	// GridZone is those on one grid.
	GridZone
)

var kindNames = [...]string{"", "organisation", "meeting", "grid"}

// String returns the kind's name.
func (k ZoneKind) String() string {
	if 0 < k && int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// ParseZoneKind takes what [ZoneKind.String] returns. An error wraps [ErrMalformed].
func ParseZoneKind(s string) (ZoneKind, error) {
	if i := slices.Index(kindNames[:], s); i > 0 {
		return ZoneKind(i), nil
	}
	return 0, fmt.Errorf("%w: no kind of zone %.40q: want %s", ErrMalformed, s, strings.Join(kindNames[1:], ", "))
}

// Revocation is of a token.
type Revocation struct {
	// Token is the SHA-256 of the token's revocation identifier.
	Token [32]byte
	// Until is when the token expires, in Unix milliseconds: after that nobody need remember it.
	Until int64
}

// Account returns the account of that name.
func (r Registry) Account(name string) (Account, bool) {
	i, ok := r.account(name)
	if !ok {
		return Account{}, false
	}
	return r.Accounts[i], true
}

func (r Registry) account(name string) (int, bool) {
	return slices.BinarySearchFunc(r.Accounts, name, func(a Account, name string) int { return strings.Compare(a.Name, name) })
}

// Zone returns the zone of that name.
func (r Registry) Zone(name string) (Zone, bool) {
	i, ok := r.zone(name)
	if !ok {
		return Zone{}, false
	}
	return r.Zones[i], true
}

func (r Registry) zone(name string) (int, bool) {
	return slices.BinarySearchFunc(r.Zones, name, func(z Zone, name string) int { return strings.Compare(z.Name, name) })
}

// Has reports whether the member of that name is in the zone.
func (z Zone) Has(name string) bool {
	_, ok := slices.BinarySearch(z.Members, name)
	return ok
}

// Administers reports whether key is an administrator's.
func (r Registry) Administers(key ed25519.PublicKey) bool {
	return slices.ContainsFunc(r.Administrators, func(a ed25519.PublicKey) bool { return a.Equal(key) })
}

// Withdrawn reports whether a token is revoked, of which the argument is the SHA-256 of a revocation identifier.
func (r Registry) Withdrawn(token [32]byte) bool {
	_, ok := slices.BinarySearchFunc(r.Revoked, token, Revocation.compare)
	return ok
}

func (r Revocation) compare(token [32]byte) int { return bytes.Compare(r.Token[:], token[:]) }

// Hash returns the SHA-256 of the registry's bytes.
func (r Registry) Hash() [32]byte { return sha256.Sum256(r.append(nil)) }

// Registry returns who is registered: before the first change that is about more than the committee's own members, these
// and the administrator. The caller must not write to it.
func (m *Machine) Registry() Registry {
	if m.registry != nil {
		return m.registry.Registry
	}
	return implied(m.committee)
}

// RegistryBytes returns the registry as [Registry.MarshalBinary] does, which the caller must not write to; nil before
// the first change that is about more than the committee's own members.
func (m *Machine) RegistryBytes() []byte {
	if m.registry == nil {
		return nil
	}
	return m.registry.encoded
}

// registered is a registry that is never written again, and its bytes.
type registered struct {
	Registry
	encoded []byte
}

// implied returns the registry that a committee is.
func implied(c Committee) Registry {
	r := Registry{Accounts: make([]Account, len(c.Members))}
	if len(c.Administrator) > 0 {
		r.Administrators, r.Threshold = []ed25519.PublicKey{c.Administrator}, 1
	}
	for i, m := range c.Members {
		r.Accounts[i] = Account{Name: m.Name, Key: m.Key, Roles: m.roles()}
	}
	return r
}

func (m Member) roles() Roles {
	if m.Power > 0 {
		return Prover | ValidatorRole
	}
	return Prover
}

// check returns what is out of bounds, or contradicts the members of the committee, who are in order.
func (r Registry) check(members []Member) string {
	switch k := len(r.Administrators); {
	case k < 1 || k > MaxAdministrators:
		return fmt.Sprintf("%d administrators are not 1 to %d", k, MaxAdministrators)
	case r.Threshold < 1 || r.Threshold > k:
		return fmt.Sprintf("%d administrators cannot give %d signatures", k, r.Threshold)
	case len(r.Accounts) > MaxAccounts:
		return fmt.Sprintf("%d accounts are more than %d", len(r.Accounts), MaxAccounts)
	case len(r.Zones) > MaxZones:
		return fmt.Sprintf("%d zones are more than %d", len(r.Zones), MaxZones)
	case len(r.Revoked) > MaxRevocations:
		return fmt.Sprintf("%d tokens revoked are more than %d", len(r.Revoked), MaxRevocations)
	}
	seats := 0
	for _, a := range r.Accounts {
		m, seated := find(members, a.Name)
		if wants := a.Status == Active && a.Roles&Prover != 0; wants != seated {
			return fmt.Sprintf("account of %s contradicts the committee", a.Name)
		}
		if seated {
			seats++
			if !bytes.Equal(m.Key, a.Key) || a.Roles&seatRoles != m.roles() {
				return fmt.Sprintf("account of %s contradicts the committee", a.Name)
			}
		}
	}
	if seats != len(members) {
		return fmt.Sprintf("%d of %d members of the committee have accounts", seats, len(members))
	}
	keys := make([]*Account, len(r.Accounts))
	for i := range r.Accounts {
		keys[i] = &r.Accounts[i]
	}
	slices.SortFunc(keys, func(a, b *Account) int { return bytes.Compare(a.Key, b.Key) })
	for i := 1; i < len(keys); i++ {
		if bytes.Equal(keys[i-1].Key, keys[i].Key) {
			return fmt.Sprintf("%s and %s have the same key", keys[i-1].Name, keys[i].Name)
		}
	}
	total := 0
	for _, z := range r.Zones {
		total += len(z.Members)
		for _, name := range z.Members {
			if a, ok := r.Account(name); !ok || a.Status == Revoked {
				return fmt.Sprintf("%s, in zone %s, is not registered", name, z.Name)
			}
		}
	}
	if total > MaxZoneMembers {
		return fmt.Sprintf("%d members of zones are more than %d", total, MaxZoneMembers)
	}
	return ""
}
