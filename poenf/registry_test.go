// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func of(op Op, name string) Operation { return Operation{Op: op, Member: Member{Name: name}} }

func enrol(name string, roles Roles) Operation {
	return Operation{Op: Enrol, Member: Member{Name: name, Key: public(name)}, Roles: roles}
}

func rotate(name, key string) Operation {
	return Operation{Op: Rotate, Member: Member{Name: name, Key: public(key)}}
}

func join(zone, name string) Operation {
	return Operation{Op: Join, Zone: zone, Member: Member{Name: name}}
}

func endorsed(t testing.TB, c Committee, sequence uint64, by []string, operations ...Operation) Change {
	t.Helper()
	ch := Change{Sequence: sequence, Operations: operations}
	for _, name := range by {
		if err := ch.Endorse(c.ID, key(name)); err != nil {
			t.Fatal(err)
		}
	}
	return ch
}

// governed returns a machine whose registry has something of all that there is.
func governed(t testing.TB) *Machine {
	c := committee(4)
	m := machine(t, c, genesis)
	apply(t, m, end, change(t, c, 1, enrol("guard", Guard), enrol("ann", Participant), enrol("gone", Auditor),
		Operation{Op: PutZone, Zone: "acme", Kind: OrganisationZone}, join("acme", "ann"), join("acme", "m01"),
		of(Suspend, "m03"), of(Revoke, "gone"), Operation{Op: SetFaulty},
		Operation{Op: RevokeToken, Revocation: Revocation{[32]byte{7}, end + 1000}},
		Operation{Op: AddAdministrator, Member: Member{Key: public("second")}}))
	return m
}

func TestRegistryBeforeAnyChangeIsTheCommittee(t *testing.T) {
	c := committee(3)
	c.Members[0].Power, c.Members[0].Validator = 10, public("votes")
	m := machine(t, c, genesis)
	want := Registry{Administrators: []ed25519.PublicKey{public("administrator")}, Threshold: 1, Accounts: []Account{
		{Name: "m00", Key: public("m00"), Roles: Prover | ValidatorRole},
		{Name: "m01", Key: public("m01"), Roles: Prover}, {Name: "m02", Key: public("m02"), Roles: Prover},
	}}
	if diff := cmp.Diff(want, m.Registry()); diff != "" {
		t.Error(diff)
	}
	apply(t, m, end, change(t, c, 1, Operation{Op: Put, Member: member(3)}))
	if m.RegistryBytes() != nil || len(m.Registry().Accounts) != 4 || m.append(nil)[0] != tagMachine {
		t.Error("a change of the committee alone made a registry of its own")
	}
}

func TestSuspendedMemberCountsForNothing(t *testing.T) {
	c := committee(4)
	c.Faulty = 0
	c.Members[1].Power, c.Members[1].Validator = 10, public("m01 votes")
	c.Members[0].Power, c.Members[0].Validator = 10, public("m00 votes")
	m := machine(t, c, genesis)
	before := m.Clone()
	apply(t, m, end, change(t, c, 1, of(Suspend, "m01")))
	if got := ValidatorChanges(before, m); len(got) != 1 || got[0].Power != 0 {
		t.Errorf("validators changed: %v", got)
	}
	a, ok := m.Registry().Account("m01")
	want := Account{Name: "m01", Key: public("m01"), Roles: Prover | ValidatorRole, Status: Suspended, Since: end, Power: 10, Validator: public("m01 votes")}
	if diff := cmp.Diff(want, a); diff != "" || !ok {
		t.Error(diff)
	}
	now := int64(end + 5000)
	refuse(t, m, now, proof(t, c, 1, first+1, 0), ErrNotMember)
	for _, i := range []int{0, 2, 3} {
		apply(t, m, now, proof(t, c, i, first+1, 0))
	}
	if got := m.Tick(now); len(got) != 1 || len(got[0].Entries) != 3 {
		t.Errorf("without the suspended member closed %v", got)
	}
	// Its seat cannot be taken from behind, and comes back with it.
	refuse(t, m, now, change(t, c, 2, Operation{Op: Put, Member: member(1)}), ErrNotMember)
	refuse(t, m, now, change(t, c, 2, of(Suspend, "m01")), ErrPresent)
	refuse(t, m, now, change(t, c, 2, of(Suspend, "m00")), ErrCommittee) // the last vote
	apply(t, m, now, change(t, c, 2, rotate("m01", "m01 new"), of(Resume, "m01")))
	if got, _ := m.Registered().Member("m01"); got.Power != 10 || !got.Key.Equal(public("m01 new")) {
		t.Errorf("resumed as %v", got)
	}
	refuse(t, m, now, change(t, c, 3, of(Resume, "m01")), ErrPresent)
}

func TestSuspensionThatTheCommitteeCannotBearIsRefused(t *testing.T) {
	c := committee(6) // f = 1
	c.Rule, c.Faulty = Krum, 1
	m := machine(t, c, genesis)
	refuse(t, m, end, change(t, c, 1, of(Suspend, "m01")), ErrCommittee)
	apply(t, m, end, change(t, c, 1, of(Suspend, "m01"), Operation{Op: SetFaulty}))
}

func TestRevokedNeverComesBack(t *testing.T) {
	c := committee(3)
	m := machine(t, c, genesis)
	apply(t, m, end, change(t, c, 1, enrol("ann", Participant), Operation{Op: PutZone, Zone: "z", Kind: MeetingZone}, join("z", "ann")))
	apply(t, m, end, change(t, c, 2, of(Revoke, "ann")))
	if z, _ := m.Registry().Zone("z"); z.Has("ann") {
		t.Error("still in the zone")
	}
	for what, o := range map[string]Operation{
		"enrol": enrol("ann", Guard), "resume": of(Resume, "ann"), "suspend": of(Suspend, "ann"), "revoke": of(Revoke, "ann"),
		"rotate": rotate("ann", "x"), "put": {Op: Put, Member: Member{Name: "ann", Key: public("x")}}, "join": join("z", "ann"),
	} {
		t.Run(what, func(t *testing.T) { refuse(t, m, end, change(t, c, 3, o), ErrNotMember) })
	}
	// Nor does its key, under another name.
	refuse(t, m, end, change(t, c, 3, Operation{Op: Enrol, Member: Member{Name: "eve", Key: public("ann")}, Roles: Guard}), ErrCommittee)
	refuse(t, m, end, change(t, c, 3, Operation{Op: Put, Member: Member{Name: "eve", Key: public("ann")}}), ErrCommittee)
}

func TestAccountsFollowSeats(t *testing.T) {
	c := committee(3)
	c.Faulty = 0
	m := machine(t, c, genesis)
	apply(t, m, end, change(t, c, 1, enrol("m00", Guard), enrol("ann", Participant)))
	if a, _ := m.Registry().Account("m00"); a.Roles != Prover|Guard {
		t.Errorf("roles %s", a.Roles)
	}
	apply(t, m, end, change(t, c, 2, of(Remove, "m00"), of(Remove, "m01"), Operation{Op: Put, Member: Member{Name: "ann", Key: public("ann")}}))
	if a, _ := m.Registry().Account("m00"); a.Roles != Guard {
		t.Errorf("roles %s", a.Roles)
	}
	if _, ok := m.Registry().Account("m01"); ok {
		t.Error("an account without a role")
	}
	if a, _ := m.Registry().Account("ann"); a.Roles != Prover|Participant {
		t.Errorf("roles %s", a.Roles)
	}
	refuse(t, m, end, change(t, c, 3, Operation{Op: Enrol, Member: Member{Name: "ann", Key: public("other")}, Roles: Guard}), ErrPresent)
}

func TestAdministrators(t *testing.T) {
	c := committee(3)
	m := machine(t, c, genesis)
	apply(t, m, end, change(t, c, 1, Operation{Op: AddAdministrator, Member: Member{Key: public("b")}},
		Operation{Op: AddAdministrator, Member: Member{Key: public("c")}}, Operation{Op: SetThreshold, Threshold: 2}))
	for what, ch := range map[string]Change{
		"one":                change(t, c, 2, enrol("ann", Guard)),
		"one, as of many":    endorsed(t, c, 2, []string{"b"}, enrol("ann", Guard)),
		"one and a stranger": endorsed(t, c, 2, []string{"b", "eve"}, enrol("ann", Guard)),
		"strangers":          endorsed(t, c, 2, []string{"eve", "mallory"}, enrol("ann", Guard)),
	} {
		t.Run(what, func(t *testing.T) { refuse(t, m, end, ch, ErrSignature) })
	}
	bad := endorsed(t, c, 2, []string{"b", "c"}, enrol("ann", Guard))
	bad.Endorsements[1].Signature = slices.Clone(bad.Endorsements[0].Signature)
	refuse(t, m, end, bad, ErrSignature)
	twice := endorsed(t, c, 2, []string{"b"}, enrol("ann", Guard))
	twice.Endorsements = append(twice.Endorsements, twice.Endorsements[0])
	refuse(t, m, end, twice, ErrMalformed)
	refused(t, "twice", twice.Endorse(c.ID, key("b")), ErrPresent)
	elsewhere := Change{Sequence: 2, Operations: []Operation{enrol("ann", Guard)}}
	for _, name := range []string{"b", "c"} {
		if err := elsewhere.Endorse("other", key(name)); err != nil {
			t.Fatal(err)
		}
	}
	refuse(t, m, end, elsewhere, ErrSignature)
	// A majority can be lost by removal only together with the threshold.
	remove := Operation{Op: RemoveAdministrator, Member: Member{Key: public("administrator")}}
	apply(t, m, end, endorsed(t, c, 2, []string{"administrator", "b"}, remove))
	refuse(t, m, end, endorsed(t, c, 3, []string{"administrator", "b"}, enrol("ann", Guard)), ErrSignature)
	refuse(t, m, end, endorsed(t, c, 3, []string{"b", "c"}, Operation{Op: RemoveAdministrator, Member: Member{Key: public("b")}}), ErrCommittee)
	refuse(t, m, end, endorsed(t, c, 3, []string{"b", "c"}, remove), ErrNotMember)
	// Nor is anybody put down as a signer who is none, with a signature of its own or without.
	refuse(t, m, end, endorsed(t, c, 3, []string{"administrator", "b", "c"}, enrol("ann", Guard)), ErrSignature)
	forged := endorsed(t, c, 3, []string{"administrator", "b", "c"}, enrol("ann", Guard))
	for i := range forged.Endorsements {
		if forged.Endorsements[i].Key.Equal(public("administrator")) {
			forged.Endorsements[i].Signature = make([]byte, 64)
		}
	}
	refuse(t, m, end, forged, ErrSignature)
	apply(t, m, end, endorsed(t, c, 3, []string{"b", "c"}, enrol("ann", Guard)))
}

func TestRevokedTokensAreForgottenOnceExpired(t *testing.T) {
	m, c := governed(t), committee(4)
	if !m.Registry().Withdrawn([32]byte{7}) || m.Registry().Withdrawn([32]byte{8}) {
		t.Error("not withdrawn")
	}
	refuse(t, m, end, change(t, c, 2, Operation{Op: RevokeToken, Revocation: Revocation{[32]byte{8}, end}}), ErrOutdated)
	apply(t, m, end+1000, change(t, c, 2, enrol("bob", Guard)))
	if len(m.Registry().Revoked) != 0 {
		t.Error("kept after its expiry")
	}
}

// 10,000 members are registered, forty changes of 256 operations each.
func TestTenThousandAccounts(t *testing.T) {
	if testing.Short() {
		t.Skip("some seconds")
	}
	c := committee(4)
	m := machine(t, c, genesis)
	for i := range 40 {
		ops := make([]Operation, 0, MaxOperations)
		for j := range 250 {
			ops = append(ops, enrol(fmt.Sprintf("p%05d", i*250+j), Participant))
		}
		apply(t, m, end, change(t, c, uint64(i+1), ops...))
	}
	if n := len(m.Registry().Accounts); n != 10_004 {
		t.Errorf("%d accounts", n)
	}
	again := new(Machine)
	if err := again.UnmarshalBinary(m.append(nil)); err != nil || again.Hash() != m.Hash() {
		t.Errorf("read again: %v", err)
	}
}

// Whatever administrators do, the registry stays one that is read again, and of one mind with the committee.
func TestRegistryStaysWhole(t *testing.T) {
	names := []string{"m00", "m01", "m02", "m03", "ann", "bob"}
	rapid.Check(t, func(t *rapid.T) {
		c := committee(4)
		c.Faulty = 0
		m, err := New(c, genesis)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rapid.IntRange(1, 30).Draw(t, "changes") {
			o := drawOperation(t)
			if o.Op.fields()&hasName != 0 {
				o.Member.Name = rapid.SampledFrom(names).Draw(t, "name")
			}
			if o.Op.fields()&hasKey != 0 {
				o.Member.Key = public(rapid.SampledFrom(names).Draw(t, "whose key"))
			}
			if o.Op.fields()&hasZone != 0 {
				o.Zone = rapid.SampledFrom([]string{"y", "z"}).Draw(t, "which zone")
			}
			if o.Op == SetThreshold {
				o.Threshold = 1
			}
			ch := Change{Sequence: m.Sequence() + 1, Operations: []Operation{o}}
			if err := ch.Sign(c.ID, key("administrator")); err != nil {
				t.Fatal(err)
			}
			before := m.Hash()
			if _, err := m.Apply(int64(end+i), ch); err != nil && m.Hash() != before {
				t.Fatalf("%v was refused, and changed something", o)
			}
			again := new(Machine)
			if err := again.UnmarshalBinary(m.append(nil)); err != nil || again.Hash() != m.Hash() {
				t.Fatalf("after %v: %v", o, err)
			}
			if m.registry != nil {
				if wrong := m.registry.check(m.committee.Members); wrong != "" {
					t.Fatalf("after %v: %s", o, wrong)
				}
			}
		}
	})
}

func TestOperationInWords(t *testing.T) {
	for want, o := range map[string]Operation{
		"suspend ann":             of(Suspend, "ann"),
		"join ann zone z":         join("z", "ann"),
		"open zone z for meeting": {Op: PutZone, Zone: "z", Kind: MeetingZone},
		"set threshold 2":         {Op: SetThreshold, Threshold: 2},
		"unknown":                 {Op: 200},
		fmt.Sprintf("put p key %x power 0", public("p")): {Op: Put, Member: Member{Name: "p", Key: public("p")}},
		fmt.Sprintf("put v key %x power 7 validator %x", public("v"), public("w")): {
			Op: Put, Member: Member{Name: "v", Key: public("v"), Power: 7, Validator: public("w")},
		},
		fmt.Sprintf("revoke token %x until 5 ms", [32]byte{1}): {Op: RevokeToken, Revocation: Revocation{[32]byte{1}, 5}},
		fmt.Sprintf("enrol g key %x as guard", public("g")):    enrol("g", Guard),
	} {
		if got := o.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
