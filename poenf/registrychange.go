// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
)

// draft is what a change would make of a committee and its registry.
type draft struct {
	now       int64
	committee Committee
	// registry is nil while only committees have been changed: their members are the registry.
	registry *Registry
}

// judgeChange returns what a change would make, or why it is refused.
func (m *Machine) judgeChange(now int64, c Change) (Committee, *registered, error) {
	switch {
	case c.Sequence <= m.sequence:
		return Committee{}, nil, fmt.Errorf("%w: change %d, and the last was %d", ErrOutdated, c.Sequence, m.sequence)
	case c.Sequence > m.sequence+1:
		return Committee{}, nil, fmt.Errorf("%w: change %d, and the last was %d", ErrEarly, c.Sequence, m.sequence)
	}
	is := m.Registry()
	if err := c.VerifyBy(m.committee.ID, is.Administrators, is.Threshold); err != nil {
		return Committee{}, nil, err
	}
	d := draft{now: now, committee: m.committee}
	d.committee.Members = slices.Clone(d.committee.Members)
	if m.registry != nil || slices.ContainsFunc(c.Operations, func(o Operation) bool { return o.Op > SetFaulty }) {
		d.registry = is.clone()
	}
	for i, o := range c.Operations {
		if err := d.apply(o); err != nil {
			return Committee{}, nil, fmt.Errorf("change %d, operation %d: %w", c.Sequence, i, err)
		}
	}
	if err := d.committee.Validate(); err != nil {
		return Committee{}, nil, fmt.Errorf("change %d: %w", c.Sequence, err)
	}
	if votes := func(m Member) bool { return m.Power > 0 }; slices.ContainsFunc(m.committee.Members, votes) &&
		!slices.ContainsFunc(d.committee.Members, votes) {
		return Committee{}, nil, fmt.Errorf("%w: change %d leaves no validator", ErrCommittee, c.Sequence)
	}
	if d.registry == nil {
		return d.committee, nil, nil
	}
	d.registry.Revoked = slices.DeleteFunc(d.registry.Revoked, func(r Revocation) bool { return r.Until <= now })
	if wrong := d.registry.check(d.committee.Members); wrong != "" {
		return Committee{}, nil, fmt.Errorf("%w: change %d: %s", ErrCommittee, c.Sequence, wrong)
	}
	return d.committee, &registered{*d.registry, d.registry.append(nil)}, nil
}

// clone returns a copy whose lists are its own; zones' members are copied when they change.
func (r Registry) clone() *Registry {
	r.Administrators = slices.Clone(r.Administrators)
	r.Accounts, r.Zones, r.Revoked = slices.Clone(r.Accounts), slices.Clone(r.Zones), slices.Clone(r.Revoked)
	return &r
}

func (d *draft) apply(o Operation) error {
	switch o.Op {
	case Put, Remove, SetFaulty:
		return d.seats(o)
	case Enrol, Suspend, Resume, Rotate, Revoke:
		return d.account(o)
	case PutZone, RemoveZone, Join, Leave:
		return d.zone(o)
	case RevokeToken:
		return d.token(o)
	}
	return d.administrators(o)
}

// seats changes the committee.
func (d *draft) seats(o Operation) error {
	at, ok := slices.BinarySearchFunc(d.committee.Members, o.Member, byName)
	switch {
	case o.Op == SetFaulty:
		d.committee.Faulty = o.Faulty
		return nil
	case o.Op == Remove && !ok:
		return fmt.Errorf("%w: it removes %s", ErrNotMember, o.Member.Name)
	case o.Op == Remove:
		d.committee.Members = slices.Delete(d.committee.Members, at, at+1)
	case ok:
		d.committee.Members[at] = o.Member
	default:
		d.committee.Members = slices.Insert(d.committee.Members, at, o.Member)
	}
	if d.registry == nil {
		return nil
	}
	i, known := d.registry.account(o.Member.Name)
	if !known { // then it is a Put
		d.registry.Accounts = slices.Insert(d.registry.Accounts, i,
			Account{Name: o.Member.Name, Key: o.Member.Key, Roles: o.Member.roles(), Since: d.now})
		return nil
	}
	a := &d.registry.Accounts[i]
	if o.Op == Remove {
		if a.Roles &^= seatRoles; a.Roles == 0 {
			d.forget(a.Name)
		}
		return nil
	}
	if a.Status != Active {
		return fmt.Errorf("%w: %s is %s", ErrNotMember, a.Name, a.Status)
	}
	a.Roles, a.Key = a.Roles&^seatRoles|o.Member.roles(), o.Member.Key
	return nil
}

// forget removes an account that has no role left, from zones as well.
func (d *draft) forget(name string) {
	if i, ok := d.registry.account(name); ok {
		d.registry.Accounts = slices.Delete(d.registry.Accounts, i, i+1)
	}
	d.leaveAll(name)
}

func (d *draft) leaveAll(name string) {
	for i, z := range d.registry.Zones {
		if at, ok := slices.BinarySearch(z.Members, name); ok {
			d.registry.Zones[i].Members = slices.Delete(slices.Clone(z.Members), at, at+1)
		}
	}
}

// account changes what is known of a member.
func (d *draft) account(o Operation) error {
	name := o.Member.Name
	i, ok := d.registry.account(name)
	if !ok {
		if o.Op != Enrol {
			return fmt.Errorf("%w: %s is not registered", ErrNotMember, name)
		}
		d.registry.Accounts = slices.Insert(d.registry.Accounts, i, Account{Name: name, Key: o.Member.Key, Roles: o.Roles, Since: d.now})
		return nil
	}
	a := &d.registry.Accounts[i]
	if a.Status == Revoked {
		return fmt.Errorf("%w: %s is revoked, for good", ErrNotMember, name)
	}
	seat, seated := slices.BinarySearchFunc(d.committee.Members, o.Member, byName)
	switch o.Op {
	case Enrol:
		if a.Status != Active || !a.Key.Equal(o.Member.Key) {
			return fmt.Errorf("%w: %s, %s, has another key, or does not count; rotate or resume it", ErrPresent, name, a.Status)
		}
		a.Roles = a.Roles&seatRoles | o.Roles
	case Rotate:
		if a.Key = o.Member.Key; seated {
			d.committee.Members[seat].Key = o.Member.Key
		}
	case Suspend:
		if a.Status == Suspended {
			return fmt.Errorf("%w: %s is suspended", ErrPresent, name)
		}
		if seated {
			a.Power, a.Validator = d.committee.Members[seat].Power, d.committee.Members[seat].Validator
		}
		a.Status, a.Since = Suspended, d.now
	case Resume:
		if a.Status == Active {
			return fmt.Errorf("%w: %s is active", ErrPresent, name)
		}
		if a.Roles&Prover != 0 {
			d.committee.Members = slices.Insert(d.committee.Members, seat, Member{name, a.Key, a.Power, a.Validator})
		}
		a.Status, a.Since, a.Power, a.Validator = Active, d.now, 0, nil
	case Revoke:
		*a = Account{Name: name, Key: a.Key, Status: Revoked, Since: d.now}
		d.leaveAll(name)
	}
	if a.Status != Active && seated {
		d.committee.Members = slices.Delete(d.committee.Members, seat, seat+1)
	}
	return nil
}

// zone changes zones.
func (d *draft) zone(o Operation) error {
	i, ok := d.registry.zone(o.Zone)
	switch {
	case o.Op == PutZone && ok:
		d.registry.Zones[i].Kind = o.Kind
		return nil
	case o.Op == PutZone:
		d.registry.Zones = slices.Insert(d.registry.Zones, i, Zone{Name: o.Zone, Kind: o.Kind})
		return nil
	case !ok:
		return fmt.Errorf("%w: there is no zone %s", ErrNotMember, o.Zone)
	case o.Op == RemoveZone:
		d.registry.Zones = slices.Delete(d.registry.Zones, i, i+1)
		return nil
	}
	z := &d.registry.Zones[i]
	at, in := slices.BinarySearch(z.Members, o.Member.Name)
	if o.Op == Leave {
		if !in {
			return fmt.Errorf("%w: %s is not in zone %s", ErrNotMember, o.Member.Name, z.Name)
		}
		z.Members = slices.Delete(slices.Clone(z.Members), at, at+1)
		return nil
	}
	if a, ok := d.registry.Account(o.Member.Name); !ok || a.Status == Revoked {
		return fmt.Errorf("%w: %s is not registered", ErrNotMember, o.Member.Name)
	}
	if in {
		return fmt.Errorf("%w: %s is in zone %s", ErrPresent, o.Member.Name, z.Name)
	}
	z.Members = slices.Insert(slices.Clone(z.Members), at, o.Member.Name)
	return nil
}

// token revokes one.
func (d *draft) token(o Operation) error {
	if o.Revocation.Until <= d.now {
		return fmt.Errorf("%w: the token has expired, at %d ms", ErrOutdated, o.Revocation.Until)
	}
	i, ok := slices.BinarySearchFunc(d.registry.Revoked, o.Revocation.Token, Revocation.compare)
	if !ok {
		d.registry.Revoked = slices.Insert(d.registry.Revoked, i, o.Revocation)
		return nil
	}
	d.registry.Revoked[i].Until = max(d.registry.Revoked[i].Until, o.Revocation.Until)
	return nil
}

// administrators changes who signs.
func (d *draft) administrators(o Operation) error {
	r := d.registry
	i, ok := slices.BinarySearchFunc(r.Administrators, o.Member.Key, func(a, b ed25519.PublicKey) int { return bytes.Compare(a, b) })
	switch {
	case o.Op == SetThreshold:
		r.Threshold = o.Threshold
	case o.Op == AddAdministrator && ok:
		return fmt.Errorf("%w: the administrator of key %x", ErrPresent, o.Member.Key[:4])
	case o.Op == AddAdministrator:
		r.Administrators = slices.Insert(r.Administrators, i, o.Member.Key)
	case !ok:
		return fmt.Errorf("%w: no administrator has the key %x", ErrNotMember, o.Member.Key[:4])
	default:
		r.Administrators = slices.Delete(r.Administrators, i, i+1)
	}
	return nil
}

// VerifyBy returns nil when at least threshold of the administrators signed the change for the committee, and nobody else. An error
// wraps [ErrMalformed] or [ErrSignature].
func (c Change) VerifyBy(committee string, administrators []ed25519.PublicKey, threshold int) error {
	if err := c.checkForm(); err != nil {
		return err
	}
	signed, good := c.signed(committee), 0
	if len(c.Endorsements) == 0 {
		if slices.ContainsFunc(administrators, func(key ed25519.PublicKey) bool { return verify(key, signed, c.Signature) }) {
			good = 1
		}
	}
	for _, e := range c.Endorsements {
		if !slices.ContainsFunc(administrators, func(key ed25519.PublicKey) bool { return key.Equal(e.Key) }) {
			// Else whoever passes the change on could add names to it, and the journal would have them as its signers.
			return fmt.Errorf("%w: change %d of %s: key %x is no administrator's", ErrSignature, c.Sequence, committee, e.Key[:4])
		}
		if !verify(e.Key, signed, e.Signature) {
			return fmt.Errorf("%w: change %d of %s, by the administrator of key %x", ErrSignature, c.Sequence, committee, e.Key[:4])
		}
		good++
	}
	if good < max(threshold, 1) {
		return fmt.Errorf("%w: change %d of %s has %d signatures of the %d administrators, and needs %d", ErrSignature, c.Sequence,
			committee, good, len(administrators), max(threshold, 1))
	}
	return nil
}

// Endorse adds an administrator's signature to those of others. The change then needs no Signature. An error wraps
// [ErrMalformed], or [ErrPresent] where the key has signed already.
func (c *Change) Endorse(committee string, key ed25519.PrivateKey) error {
	if len(key) != ed25519.PrivateKeySize {
		return fmt.Errorf("%w: private key has %d bytes, not %d", ErrMalformed, len(key), ed25519.PrivateKeySize)
	}
	signer := key.Public().(ed25519.PublicKey)
	i, ok := slices.BinarySearchFunc(c.Endorsements, signer, Endorsement.compare)
	switch {
	case ok:
		return fmt.Errorf("%w: a signature of key %x", ErrPresent, signer[:4])
	case len(c.Endorsements) >= MaxAdministrators:
		return fmt.Errorf("%w: more than %d signatures", ErrMalformed, MaxAdministrators)
	}
	if err := c.checkForm(); err != nil {
		return err
	}
	c.Signature = nil
	c.Endorsements = slices.Insert(slices.Clone(c.Endorsements), i, Endorsement{signer, ed25519.Sign(key, c.signed(committee))})
	return nil
}

// Endorsement is an administrator's signature under a change.
type Endorsement struct {
	Key       ed25519.PublicKey
	Signature []byte
}

func (e Endorsement) compare(key ed25519.PublicKey) int { return bytes.Compare(e.Key, key) }

// String describes an operation, for people.
func (o Operation) String() string {
	words := []string{opNames[min(int(o.Op), len(opNames)-1)]}
	has := o.Op.fields()
	add := func(field uint16, format string, args ...any) {
		if has&field != 0 {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	add(hasName, "%s", o.Member.Name)
	add(hasKey, "key %x", o.Member.Key)
	add(hasSeat, "power %d", o.Member.Power)
	if len(o.Member.Validator) > 0 {
		add(hasSeat, "validator %x", o.Member.Validator)
	}
	add(hasFaulty, "f = %d", o.Faulty)
	add(hasRoles, "as %s", o.Roles)
	add(hasZone, "zone %s", o.Zone)
	add(hasKind, "for %s", o.Kind)
	add(hasToken, "%x until %d ms", o.Revocation.Token, o.Revocation.Until)
	add(hasThreshold, "%d", o.Threshold)
	return strings.Join(words, " ")
}
