// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func memberNames(c Committee) (out []string) {
	for _, m := range c.Members {
		out = append(out, m.Name)
	}
	return out
}

func TestChangeTakesEffectWithTheFirstUnprovableRound(t *testing.T) {
	c := committee(3)
	m := machine(t, c, genesis)
	// At 1000.5 s, with a skew of 2 s, round 200 may have been proved and 201 not.
	r := apply(t, m, end+500, change(t, c, 1, Operation{Op: Put, Member: member(3)}))
	if r.Round != first+1 {
		t.Errorf("in effect with round %d, want %d", r.Round, first+1)
	}
	refuse(t, m, end+500, proof(t, c, 3, first, 0), ErrNotMember)
	for i := range 3 {
		apply(t, m, end+500, proof(t, c, i, first, 0))
	}
	if got := m.Tick(end + 500); len(got) != 1 || got[0].CommitteeHash != c.Hash() {
		t.Errorf("closed %v", got)
	}
	now := int64(end + 5000)
	for i := range 4 {
		apply(t, m, now, proof(t, c, i, first+1, 0))
	}
	after := c
	after.Members = append(slices.Clone(c.Members), member(3))
	if got := m.Tick(now); len(got) != 1 || got[0].CommitteeHash != after.Hash() || len(got[0].Entries) != 4 {
		t.Errorf("closed %v", got)
	}
	if _, err := m.Committee(first); err == nil {
		t.Error("committee of a decided round")
	}
	if got, err := m.Committee(m.Next()); err != nil || got.Hash() != after.Hash() {
		t.Errorf("committee: %v, %v", got, err)
	}
	if got := m.Registered(); got.Hash() != after.Hash() || m.Sequence() != 1 {
		t.Errorf("registry: %v", got)
	}
}

func TestChangesInOneRound(t *testing.T) {
	c := committee(3)
	m := machine(t, c, genesis)
	apply(t, m, end, change(t, c, 1, Operation{Op: Put, Member: member(3)}))
	apply(t, m, end, change(t, c, 2, Operation{Op: Remove, Member: Member{Name: "m00"}}, Operation{Op: Put, Member: member(4)}))
	for round, want := range map[uint64][]string{
		first: {"m00", "m01", "m02"}, first + 1: {"m01", "m02", "m03", "m04"}, first + 1000: {"m01", "m02", "m03", "m04"},
	} {
		got, err := m.Committee(round)
		if err != nil || !slices.Equal(memberNames(got), want) {
			t.Errorf("round %d: %v, %v", round, memberNames(got), err)
		}
	}
	if len(m.eras) != 2 {
		t.Errorf("%d eras", len(m.eras))
	}
}

func TestChangesRefused(t *testing.T) {
	c := committee(6) // f = 1, with nobody to spare under this rule
	c.Rule = Krum
	c.Members[0].Power, c.Members[0].Validator = 10, public("validator")
	m := machine(t, c, genesis)
	remove := Operation{Op: Remove, Member: Member{Name: "m05"}}
	refuse(t, m, end, change(t, c, 1, remove), ErrCommittee)
	apply(t, m, end, change(t, c, 1, remove, Operation{Op: SetFaulty})) // with f = 0 it goes
	refuse(t, m, end, change(t, c, 1, Operation{Op: Put, Member: member(7)}), ErrOutdated)
	refuse(t, m, end, change(t, c, 3, Operation{Op: Put, Member: member(7)}), ErrEarly)
	refuse(t, m, end, change(t, c, 2, remove), ErrNotMember)
	refuse(t, m, end, change(t, c, 2, Operation{Op: SetFaulty, Faulty: 1}), ErrCommittee)
	refuse(t, m, end, change(t, c, 2, Operation{Op: Remove, Member: Member{Name: "m00"}}), ErrCommittee) // the last validator
	same := member(7)
	same.Key = public("m01")
	refuse(t, m, end, change(t, c, 2, Operation{Op: Put, Member: same}), ErrCommittee)

	forged := Change{Sequence: 2, Operations: []Operation{{Op: Put, Member: member(7)}}}
	if err := forged.Sign(c.ID, key("m00")); err != nil {
		t.Fatal(err)
	}
	refuse(t, m, end, forged, ErrSignature)

	c.Administrator = nil
	refuse(t, machine(t, c, genesis), end, change(t, c, 1, Operation{Op: Put, Member: member(7)}), ErrSignature)
}

func TestValidatorChanges(t *testing.T) {
	c := committee(3)
	validator := func(i int, power int64) Member {
		m := member(i)
		m.Power, m.Validator = power, public(m.Name+" votes")
		return m
	}
	c.Members[0], c.Members[1] = validator(0, 10), validator(1, 10)
	before := machine(t, c, genesis)
	after := before.Clone()
	if got := ValidatorChanges(before, after); got != nil {
		t.Errorf("changes: %v", got)
	}
	apply(t, after, end, change(t, c, 1,
		Operation{Op: Put, Member: validator(1, 20)},
		Operation{Op: Put, Member: validator(2, 5)},
		Operation{Op: Put, Member: member(0)},
	))
	want := []Validator{{validator(0, 1).Validator, 0}, {validator(1, 1).Validator, 20}, {validator(2, 1).Validator, 5}}
	slices.SortFunc(want, func(a, b Validator) int { return slices.Compare(a.Key, b.Key) })
	if diff := cmp.Diff(want, ValidatorChanges(before, after)); diff != "" {
		t.Error(diff)
	}
	if len(before.Validators()) != 2 || len(after.Validators()) != 2 {
		t.Error("validators are not two")
	}
}

// electing returns a committee of n of whom seats are drawn every ten rounds; round 200 begins epoch 20.
func electing(n, seats int) Committee {
	c := committee(n)
	c.EpochRounds, c.Seats, c.Faulty = 10, seats, Krum.MaxFaulty(seats)
	return c
}

func ticket(t testing.TB, m *Machine, now int64, i int) Ticket {
	t.Helper()
	epoch, seed, ok := m.Election(now)
	if !ok {
		t.Fatal("no elections")
	}
	tk := Ticket{Epoch: epoch, Member: member(i).Name}
	if err := tk.Sign(m.committee.ID, seed, key(tk.Member)); err != nil {
		t.Fatal(err)
	}
	return tk
}

func TestElection(t *testing.T) {
	c := electing(9, 3)
	m := machine(t, c, end)
	genesisSeats, err := m.Committee(m.Next())
	if err != nil || len(genesisSeats.Members) != 3 {
		t.Fatalf("seats before the first draw: %v, %v", memberNames(genesisSeats), err)
	}
	epoch, seed, _ := m.Election(end)
	if epoch != 21 || seed != c.Hash() {
		t.Errorf("tickets for epoch %d", epoch)
	}
	outputs := map[string][64]byte{}
	for i := range 7 { // two abstain
		tk := ticket(t, m, end, i)
		out, err := tk.Verify(c.ID, seed, public(tk.Member))
		if err != nil {
			t.Fatal(err)
		}
		outputs[tk.Member] = out
		apply(t, m, end, tk)
		refuse(t, m, end, tk, ErrPresent)
	}
	var order []string
	for name := range outputs {
		order = append(order, name)
	}
	slices.SortFunc(order, func(a, b string) int {
		x, y := outputs[a], outputs[b]
		return slices.Compare(x[:], y[:])
	})
	want := slices.Sorted(slices.Values(order[:3]))

	// Round 210, the first of epoch 21, ends at 1050 s and may be proved from 1048 s.
	if got, _ := m.Committee(210); !slices.Equal(memberNames(got), memberNames(genesisSeats)) {
		t.Errorf("drawn too early: %v", memberNames(got))
	}
	late := ticket(t, m, end, 8)
	if err := m.Check(1047_999, late); err != nil {
		t.Error(err)
	}
	refused(t, "late", m.Check(1048_000, late), ErrOutdated)
	m.Tick(1048_000)
	got, _ := m.Committee(210)
	if !slices.Equal(memberNames(got), want) {
		t.Errorf("drawn %v, want %v", memberNames(got), want)
	}
	if got, _ := m.Committee(209); !slices.Equal(memberNames(got), memberNames(genesisSeats)) {
		t.Errorf("the former epoch has %v", memberNames(got))
	}
	for i := range 9 {
		err := m.Check(1048_000, proof(t, c, i, 210, 0))
		if slices.Contains(want, member(i).Name) != (err == nil) {
			t.Errorf("proof of %s: %v", member(i).Name, err)
		}
	}
	next, after, _ := m.Election(1048_000)
	if next != 22 || after == seed {
		t.Errorf("epoch %d with the old seed", next)
	}
	// Too few tickets: who sits stays, but the seed goes on.
	apply(t, m, 1048_000, ticket(t, m, 1048_000, 0))
	m.Tick(1098_000)
	if got, _ := m.Committee(220); !slices.Equal(memberNames(got), want) {
		t.Errorf("with too few tickets: %v, want %v", memberNames(got), want)
	}
	if _, now, _ := m.Election(1098_000); now == after {
		t.Error("the seed stays with a ticket")
	}
}

func TestTicketsRefused(t *testing.T) {
	c := electing(6, 3)
	m := machine(t, c, end)
	epoch, seed, _ := m.Election(end)
	for name, tk := range map[string]struct {
		Ticket
		key  string
		want error
	}{
		"stranger":     {Ticket{Epoch: epoch, Member: "m08"}, "m08", ErrNotMember},
		"drawn":        {Ticket{Epoch: epoch - 1, Member: "m00"}, "m00", ErrOutdated},
		"early":        {Ticket{Epoch: epoch + 1, Member: "m00"}, "m00", ErrEarly},
		"another's":    {Ticket{Epoch: epoch, Member: "m00"}, "m01", ErrSignature},
		"no elections": {Ticket{Epoch: epoch, Member: "m00"}, "m00", ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			if err := tk.Sign(c.ID, seed, key(tk.key)); err != nil {
				t.Fatal(err)
			}
			m := m
			if name == "no elections" {
				m = machine(t, committee(3), end)
			}
			refuse(t, m, end, tk.Ticket, tk.want)
		})
	}
	t.Run("seed", func(t *testing.T) {
		m := machine(t, c, end)
		tk := Ticket{Epoch: epoch, Member: "m00"}
		if err := tk.Sign(c.ID, [32]byte{1}, key("m00")); err != nil {
			t.Fatal(err)
		}
		refuse(t, m, end, tk, ErrSignature)
	})
}

// A seat does not stay empty when its member is removed, and a new key is good from the same round on.
func TestChangeUnderElection(t *testing.T) {
	c := electing(8, 6) // f = 1
	m := machine(t, c, end)
	seated, _ := m.Committee(m.Next())
	gone, rekeyed := seated.Members[0].Name, seated.Members[1]
	for i := range 8 {
		apply(t, m, end, ticket(t, m, end, i))
	}
	rekeyed.Key = public("new key")
	r := apply(t, m, end+4000, change(t, c, 1, Operation{Op: Remove, Member: Member{Name: gone}}, Operation{Op: Put, Member: rekeyed}))
	after, _ := m.Committee(r.Round)
	if len(after.Members) != 6 || slices.Contains(memberNames(after), gone) {
		t.Errorf("seated: %v", memberNames(after))
	}
	if got, _ := after.Member(rekeyed.Name); !got.Key.Equal(rekeyed.Key) {
		t.Error("the old key is still good")
	}
	if before, _ := m.Committee(r.Round - 1); !slices.Contains(memberNames(before), gone) {
		t.Error("removed from a round that may have been proved")
	}
	if len(m.tickets) != 6 {
		t.Errorf("%d tickets are left, want 6", len(m.tickets))
	}
	// Below the seats there is no committee.
	var all []Operation
	for _, member := range after.Members[:2] {
		all = append(all, Operation{Op: Remove, Member: Member{Name: member.Name}})
	}
	refuse(t, m, end, change(t, c, 2, all...), ErrCommittee)
}

// Every member is drawn as often as another: chi square over 400 epochs of 3 out of 12.
func TestElectionIsFair(t *testing.T) {
	if testing.Short() {
		t.Skip("5000 tickets")
	}
	const n, seats, epochs = 12, 3, 400
	c := electing(n, seats)
	c.EpochRounds = 1
	m := machine(t, c, end)
	drawn := map[string]float64{}
	now := int64(end)
	for range epochs {
		for i := range n {
			if _, err := m.Apply(now, ticket(t, m, now, i)); err != nil {
				t.Fatal(err)
			}
		}
		now += 5000
		m.Tick(now)
		got, err := m.Committee(c.provable(now))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range memberNames(got) {
			drawn[name]++
		}
	}
	const expected = float64(epochs) * seats / n
	chi := 0.0
	for i := range n {
		d := drawn[fmt.Sprintf("m%02d", i)] - expected
		chi += d * d / expected
	}
	chi *= float64(n-1) / (n - seats) // drawn without replacement, each varies less than if with
	t.Logf("chi square %.1f with %d degrees of freedom", chi, n-1)
	if chi > 31.3 { // 0.1 % of fair elections exceed it
		t.Errorf("chi square %.1f: %v", chi, drawn)
	}
}

// Keys of small order, for which a ticket's number would not be unique, are refused.
func TestTicketKeyOfSmallOrder(t *testing.T) {
	tk := Ticket{Epoch: 1, Member: "m00"}
	if err := tk.Sign("test", [32]byte{}, key("m00")); err != nil {
		t.Fatal(err)
	}
	weak := make(ed25519.PublicKey, 32)
	weak[0] = 1 // the neutral element
	_, err := tk.Verify("test", [32]byte{}, weak)
	refused(t, "weak key", err, ErrSignature)
}
