// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
)

// append appends the registry's bytes.
func (r Registry) append(b []byte) []byte {
	b = append(b, tagRegistry, byte(r.Threshold), byte(len(r.Administrators)))
	for _, key := range r.Administrators {
		b = append(b, key...)
	}
	b = appendUint16(b, len(r.Accounts))
	for _, a := range r.Accounts {
		b = append(appendString(b, a.Name), a.Key...)
		b = appendUint64(append(b, byte(a.Roles), byte(a.Status)), uint64(a.Since))
		b = append(appendUint32(b, a.Power), a.Validator...)
	}
	b = appendUint16(b, len(r.Zones))
	for _, z := range r.Zones {
		b = appendUint32(append(appendString(b, z.Name), byte(z.Kind)), int64(len(z.Members)))
		for _, name := range z.Members {
			b = appendString(b, name)
		}
	}
	b = appendUint16(b, len(r.Revoked))
	for _, v := range r.Revoked {
		b = appendUint64(append(b, v.Token[:]...), uint64(v.Until))
	}
	return b
}

// AppendBinary appends the registry's bytes. Its error is nil.
func (r Registry) AppendBinary(b []byte) ([]byte, error) { return r.append(b), nil }

// MarshalBinary returns the registry's bytes. Its error is nil.
func (r Registry) MarshalBinary() ([]byte, error) { return r.append(nil), nil }

// UnmarshalBinary takes the bytes of a registry and nothing else. An error wraps [ErrMalformed].
func (r *Registry) UnmarshalBinary(data []byte) error {
	in := &reader{data: data}
	out := in.registry()
	if err := in.end(); err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	*r = out
	return nil
}

// registry reads what [Registry.append] wrote, in its one form. Whether it is in bounds, and fits a committee, is for
// [Registry.check] to say.
func (r *reader) registry() (out Registry) {
	r.tag(tagRegistry, "registry")
	out.Threshold = int(r.number(1))
	for range r.number(1) {
		key := ed25519.PublicKey(r.take(ed25519.PublicKeySize))
		if k := len(out.Administrators); r.err == nil && k > 0 && bytes.Compare(out.Administrators[k-1], key) >= 0 {
			r.fail("administrator %d is not after the one before", k)
		}
		out.Administrators = append(out.Administrators, key)
	}
	out.Accounts = make([]Account, r.count(0, MaxAccounts, 1+1+32+1+1+8+4, "accounts"))
	for i := range out.Accounts {
		out.Accounts[i] = r.account()
		if r.err == nil && i > 0 && out.Accounts[i-1].Name >= out.Accounts[i].Name {
			r.fail("account of %s is not after that of %s", out.Accounts[i].Name, out.Accounts[i-1].Name)
		}
	}
	out.Zones = make([]Zone, r.count(0, MaxZones, 1+1+1+4, "zones"))
	for i := range out.Zones {
		out.Zones[i] = r.zone()
		if r.err == nil && i > 0 && out.Zones[i-1].Name >= out.Zones[i].Name {
			r.fail("zone %s is not after %s", out.Zones[i].Name, out.Zones[i-1].Name)
		}
	}
	out.Revoked = make([]Revocation, r.count(0, MaxRevocations, 32+8, "revocations"))
	for i := range out.Revoked {
		out.Revoked[i] = Revocation{r.hash(), int64(r.number(8))}
		if r.err == nil && i > 0 && out.Revoked[i-1].compare(out.Revoked[i].Token) >= 0 {
			r.fail("revocation %d is not after the one before", i)
		}
	}
	return out
}

func (r *reader) account() Account {
	a := Account{Name: r.name(), Key: r.take(ed25519.PublicKeySize), Roles: Roles(r.number(1)), Status: Status(r.number(1)), Since: int64(r.number(8))}
	if a.Power = int64(r.number(4)); a.Power > 0 {
		a.Validator = r.take(ValidatorSize)
	}
	if r.err != nil {
		return a
	}
	kept := a.Status == Suspended && a.Roles&ValidatorRole != 0
	switch {
	case a.Roles > allRoles || a.Status > Revoked || a.Since < 0 || a.Since > maxTime:
		r.fail("account of %s has roles %d, status %d, since %d ms", a.Name, a.Roles, a.Status, a.Since)
	case a.Roles&seatRoles == ValidatorRole || (a.Roles == 0) != (a.Status == Revoked) || kept != (a.Power > 0):
		r.fail("account of %s, %s, has roles %q and power %d", a.Name, a.Status, a.Roles, a.Power)
	}
	return a
}

func (r *reader) zone() Zone {
	z := Zone{Name: r.name(), Kind: ZoneKind(r.number(1))}
	n := r.number(4)
	if r.err == nil && (z.Kind < OrganisationZone || z.Kind > GridZone) {
		r.fail("zone %s is of kind %d", z.Name, z.Kind)
	}
	if r.err == nil && (n > MaxZoneMembers || 2*n > uint64(len(r.data))) {
		r.fail("cut short, or zone %s has too many members", z.Name)
	}
	if r.err != nil {
		return z
	}
	if n > 0 {
		z.Members = make([]string, n)
	}
	for i := range z.Members {
		z.Members[i] = r.name()
		if r.err == nil && i > 0 && z.Members[i-1] >= z.Members[i] {
			r.fail("member %s of zone %s is not after the one before", z.Members[i], z.Name)
		}
	}
	return z
}

// registered reads the registry of a machine and checks it against the machine's committee.
func (r *reader) registered(c Committee) *registered {
	out := r.registry()
	if r.err == nil {
		if wrong := out.check(c.Members); wrong != "" {
			r.fail("registry: %s", wrong)
		}
	}
	return &registered{out, out.append(nil)}
}
