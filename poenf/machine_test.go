// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"bytes"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// In these tests a committee proves every 5 s with a skew of 2 s, a grace of 1 s and an expiry of 60 s. Genesis is at
// 999 s, so that the first round is 200, which ends at 1000 s.
const (
	genesis = 999_000
	first   = 200
	end     = 1000_000
)

func TestFirstRound(t *testing.T) {
	for _, c := range []struct{ genesis, next int64 }{{0, 1}, {-5, 1}, {4999, 1}, {5000, 2}, {999_000, 200}, {1 << 62, maxTime/5000 + 1}} {
		if m := machine(t, committee(4), c.genesis); m.Next() != uint64(c.next) {
			t.Errorf("genesis at %d: first round %d, want %d", c.genesis, m.Next(), c.next)
		}
	}
}

func TestRoundClosesWhenAllHaveProved(t *testing.T) {
	c := committee(4)
	m := machine(t, c, genesis)
	for i := range 4 {
		if got := m.Tick(end); got != nil {
			t.Fatalf("closed with %d proofs", i)
		}
		apply(t, m, end+int64(i), proof(t, c, 3-i, first, 100))
	}
	if due, ok := m.Due(); !ok || due > end+3 {
		t.Errorf("due at %d, %v", due, ok)
	}
	rounds := m.Tick(end + 3)
	want := []Round{{
		Number: first, Start: end/1000 - 4, Closed: end + 3, Nominal: 50, Rule: Median, Faulty: 0, CommitteeHash: c.Hash(),
		Winner: "m00", Truth: []int32{100, 101, 102, 103}, Spread: 0,
		Entries: []Entry{
			{"m00", proof(t, c, 0, first, 100).Hash(), 0, true},
			{"m01", proof(t, c, 1, first, 100).Hash(), 0, true},
			{"m02", proof(t, c, 2, first, 100).Hash(), 0, true},
			{"m03", proof(t, c, 3, first, 100).Hash(), 0, true},
		},
	}}
	if diff := cmp.Diff(want, rounds); diff != "" {
		t.Error(diff)
	}
	if m.Next() != first+1 || m.Head() == [32]byte{} {
		t.Errorf("next is %d", m.Next())
	}
	refuse(t, m, end+4, proof(t, c, 0, first, 100), ErrOutdated)
}

func TestGrace(t *testing.T) {
	c := committee(6) // f = 1
	for name, at := range map[string]struct{ quorum, due int64 }{
		"after the end":  {end + 500, end + 1500},
		"before the end": {end - 1900, end + 1000}, // members whose clocks are ahead do not shut out the others
	} {
		t.Run(name, func(t *testing.T) {
			m := machine(t, c, genesis-3000)
			for i := range 4 {
				apply(t, m, at.quorum-int64(i), proof(t, c, i, first, 0))
			}
			if due, ok := m.Due(); due != end+60_000 || !ok {
				t.Errorf("due at %d without n-f proofs", due)
			}
			apply(t, m, at.quorum, proof(t, c, 4, first, 0))
			if due, ok := m.Due(); due != at.due || !ok {
				t.Errorf("due at %d, want %d", due, at.due)
			}
			if got := m.Tick(at.due - 1); got != nil {
				t.Error("closed before its grace was over")
			}
			if missing, err := m.Missing(first); err != nil || !slices.Equal(missing, []string{"m05"}) {
				t.Errorf("missing: %v, %v", missing, err)
			}
			if got := m.Tick(at.due); len(got) != 1 || len(got[0].Entries) != 5 || got[0].Faulty != 1 {
				t.Errorf("rounds: %+v", got)
			}
		})
	}
}

func TestWhenProofsAreTaken(t *testing.T) {
	c := committee(4)
	m := machine(t, c, genesis-3000)
	p := proof(t, c, 0, first, 0)
	refuse(t, m, end-2001, p, ErrEarly)
	if err := m.Check(end-2000, p); err != nil {
		t.Error(err)
	}
	if err := m.Check(end+59_999, p); err != nil {
		t.Error(err)
	}
	refuse(t, m, end+60_000, p, ErrOutdated)
	refuse(t, m, end, proof(t, c, 0, first-1, 0), ErrOutdated)
	refuse(t, m, end, proof(t, c, 0, 1<<63, 0), ErrEarly)
	refuse(t, m, 1<<62, proof(t, c, 0, 1<<63, 0), ErrEarly)
}

func TestAdmission(t *testing.T) {
	c := committee(4)
	m := machine(t, c, genesis)
	good := proof(t, c, 0, first, 0)

	stranger := proof(t, c, 9, first, 0)
	refuse(t, m, end, stranger, ErrNotMember)

	nominal := good
	nominal.Nominal = 60
	if err := nominal.Sign(c.ID, key("m00")); err != nil {
		t.Fatal(err)
	}
	refuse(t, m, end, nominal, ErrMalformed)

	long := good
	long.Values = make([]int32, 5)
	if err := long.Sign(c.ID, key("m00")); err != nil {
		t.Fatal(err)
	}
	refuse(t, m, end, long, ErrMalformed)

	ranged := good
	ranged.Values = []int32{0, 0, 0, MaxOffset + 1}
	refuse(t, m, end, ranged, ErrMalformed)

	forged := good
	forged.Member = "m01"
	refuse(t, m, end, forged, ErrSignature)

	foreign := good
	if err := foreign.Sign("other", key("m00")); err != nil {
		t.Fatal(err)
	}
	refuse(t, m, end, foreign, ErrSignature)
	refuse(t, m, end, nil, ErrMalformed)

	apply(t, m, end, good)
	refuse(t, m, end, good, ErrPresent)
}

func TestEquivocation(t *testing.T) {
	c := committee(4)
	m := machine(t, c, genesis)
	one, two, three := proof(t, c, 0, first, 0), proof(t, c, 0, first, 50), proof(t, c, 0, first, 70)
	apply(t, m, end, one)

	// The same statement signed anew is no lie. (A signature with another nonce, as any holder of the key can make.)
	again := one
	again.Signature = slices.Clone(one.Signature)
	again.Signature[0] ^= 1
	refuse(t, m, end, again, ErrPresent)

	// Nobody else can make evidence.
	forged := two
	forged.Signature = one.Signature
	refuse(t, m, end, forged, ErrSignature)

	r := apply(t, m, end, two)
	want := Evidence{Round: first, Member: "m00", First: one, Second: two}
	if r.Evidence == nil {
		t.Fatal("no evidence")
	}
	if diff := cmp.Diff(want, *r.Evidence); diff != "" {
		t.Error(diff)
	}
	if err := r.Evidence.Verify(c.ID, public("m00")); err != nil {
		t.Error(err)
	}
	refuse(t, m, end, three, ErrPresent)
	refuse(t, m, end, two, ErrPresent)

	for i := 1; i < 4; i++ {
		apply(t, m, end, proof(t, c, i, first, 0))
	}
	round := m.Tick(end)[0]
	if round.Entries[0].ProofHash != one.Hash() {
		t.Error("the first proof does not count")
	}
}

func TestEvidenceIsVerified(t *testing.T) {
	c := committee(4)
	one, two := proof(t, c, 0, first, 0), proof(t, c, 0, first, 50)
	good := Evidence{first, "m00", one, two}
	refused(t, "key", good.Verify(c.ID, public("m01")), ErrSignature)
	refused(t, "same", Evidence{first, "m00", one, one}.Verify(c.ID, public("m00")), ErrMalformed)
	refused(t, "round", Evidence{first + 1, "m00", one, two}.Verify(c.ID, public("m00")), ErrMalformed)
	refused(t, "member", Evidence{first, "m01", one, two}.Verify(c.ID, public("m00")), ErrMalformed)
}

func TestVoidRounds(t *testing.T) {
	c := committee(4)
	m := machine(t, c, genesis)
	apply(t, m, end, proof(t, c, 0, first, 0)) // one of four: void in the end
	if m.Tick(end + 59_999); m.Next() != first {
		t.Errorf("next is %d before the first round expires", m.Next())
	}
	if got := m.Tick(end + 60_000); got != nil || m.Next() != first+1 {
		t.Errorf("next is %d with %v when it does", m.Next(), got)
	}
	if _, ok := m.Due(); ok {
		t.Error("something is due of nothing")
	}
}

// Members that were away for a while do not make those who follow wait for the rounds that they missed.
func TestLaterRoundVoidsEarlierOnes(t *testing.T) {
	c := committee(4)
	m := machine(t, c, genesis)
	apply(t, m, end, proof(t, c, 0, first, 0))
	for i := range 4 {
		apply(t, m, end+15_000, proof(t, c, i, first+3, 0))
	}
	got := m.Tick(end + 15_000)
	if len(got) != 1 || got[0].Number != first+3 || m.Next() != first+4 {
		t.Errorf("next is %d with %v", m.Next(), got)
	}
}

// A round that has its n-f proofs is waited for, and closes before those after it.
func TestRoundsCloseInOrder(t *testing.T) {
	c := committee(6)
	m := machine(t, c, genesis)
	for i := range 6 {
		apply(t, m, end+5000, proof(t, c, i, first+1, 0))
	}
	for i := range 5 {
		apply(t, m, end+5000, proof(t, c, i, first, 0))
	}
	if got := m.Tick(end + 5999); got != nil {
		t.Errorf("closed %v too early", got)
	}
	got := m.Tick(end + 6000)
	if len(got) != 2 || got[0].Number != first || got[1].Number != first+1 {
		t.Errorf("closed %v", got)
	}
}

// A halt of 7900 years is passed over at once.
func TestLongHalt(t *testing.T) {
	c := committee(6)
	c.EpochRounds, c.Seats = 1, 6
	m := machine(t, c, genesis)
	for i := range 5 {
		apply(t, m, end, proof(t, c, i, first, 0))
	}
	apply(t, m, end, proof(t, c, 0, first+0, 9)) // with evidence
	if got := m.Tick(1 << 62); len(got) != 1 || got[0].Number != first {
		t.Errorf("closed %v", got)
	}
	if want := c.Last(maxTime-60_000) + 1; m.Next() != want {
		t.Errorf("next is %d, want %d", m.Next(), want)
	}
	if len(m.append(nil)) > 2000 {
		t.Error("something is left of it")
	}
}

func TestCloneGoesItsOwnWay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(t)
		for range rapid.IntRange(0, 30).Draw(t, "before") {
			_, _, _ = h.step(t)
		}
		before := h.m.append(nil)
		other := *h
		other.m = h.m.Clone()
		if !bytes.Equal(other.m.append(nil), before) {
			t.Fatal("the clone is different")
		}
		for range rapid.IntRange(1, 30).Draw(t, "after") {
			_, _, _ = other.step(t)
		}
		if !bytes.Equal(h.m.append(nil), before) {
			t.Fatal("the clone writes to its original")
		}
		after := other.m.append(nil)
		for range 10 {
			_, _, _ = h.step(t)
		}
		if !bytes.Equal(other.m.append(nil), after) {
			t.Fatal("the original writes to its clone")
		}
	})
}

// The same transactions at the same times give the same state, also from one that was written down and read on the way,
// and a check says what applying does.
func TestReplay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(t)
		replay, err := New(h.c, genesis)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
				var read Machine
				data := replay.append(nil)
				if err := read.UnmarshalBinary(data); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(read.append(nil), data) {
					t.Fatal("read and written is different")
				}
				replay = &read
			}
			tx, rounds, refusal := h.step(t)
			var again []Round
			if tx == nil {
				again = replay.Tick(h.now)
			} else {
				check := replay.Check(h.now, tx)
				_, err := replay.Apply(h.now, tx)
				if (err == nil) != (refusal == nil) || (err == nil) != (check == nil) {
					t.Fatalf("%v, then %v after %v", refusal, err, check)
				}
			}
			if diff := cmp.Diff(rounds, again); diff != "" {
				t.Fatal(diff)
			}
			if replay.Hash() != h.m.Hash() {
				t.Fatal("the replay is different")
			}
			if n := len(h.m.open); n > MaxOpen+1 && tx == nil {
				t.Fatalf("%d rounds open", n)
			}
		}
	})
}

// What only reads may run at the same time; the race detector watches.
func TestReadersTogether(t *testing.T) {
	c := electing(6, 3)
	m := machine(t, c, end)
	tk := ticket(t, m, end, 0)
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 20 {
				_ = m.Check(end, tk)
				_ = m.Check(1048_000, tk) // in the next epoch, for which a draw is made on a copy
				_, _, _ = m.Election(1048_000)
				_, _ = m.Committee(m.Next())
				_, _ = m.Missing(m.Next())
				_ = ValidatorChanges(m, m.Clone())
				m.Due()
				m.Hash()
				m.Clone().Tick(1048_000)
			}
		})
	}
	readers.Wait()
}

// The order of proofs within a block makes no difference to the rounds that follow.
func TestOrderInABlock(t *testing.T) {
	c := committee(7)
	rapid.Check(t, func(t *rapid.T) {
		m, _ := New(c, genesis)
		n, _ := New(c, genesis)
		var block []Tx
		for i := range 7 {
			p := Proof{Nominal: 50, Round: first, Member: member(i).Name, Values: rapid.SliceOfN(rapid.Int32Range(-5000, 5000), 4, 4).Draw(t, "values")}
			if err := p.Sign(c.ID, key(p.Member)); err != nil {
				t.Fatal(err)
			}
			block = append(block, p)
		}
		for _, tx := range block {
			if _, err := m.Apply(end, tx); err != nil {
				t.Fatal(err)
			}
		}
		for _, tx := range rapid.Permutation(block).Draw(t, "order") {
			if _, err := n.Apply(end, tx); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(m.Tick(end), n.Tick(end)); diff != "" || m.Hash() != n.Hash() {
			t.Fatal(diff)
		}
	})
}

// history is a machine to which all sorts of things happen.
type history struct {
	c   Committee
	m   *Machine
	now int64
}

func newHistory(t *rapid.T) *history {
	c := committee(rapid.IntRange(1, 7).Draw(t, "n"))
	c.Rule = rapid.SampledFrom([]Rule{Median, Krum}).Draw(t, "rule")
	if rapid.Bool().Draw(t, "elections") {
		c.EpochRounds, c.Seats = rapid.IntRange(1, 3).Draw(t, "rounds"), max(1, len(c.Members)-2)
		c.Faulty = Krum.MaxFaulty(c.Seats)
	}
	m, err := New(c, genesis)
	if err != nil {
		t.Fatal(err)
	}
	return &history{c: c, m: m, now: genesis}
}

func (h *history) step(t *rapid.T) (tx Tx, rounds []Round, err error) {
	i := rapid.IntRange(0, 7).Draw(t, "member")
	who := member(i)
	switch rapid.IntRange(0, 9).Draw(t, "what") {
	case 0, 1:
		h.now += rapid.SampledFrom([]int64{0, 300, 1000, 5000, 61_000, 3_600_000}).Draw(t, "wait")
		return nil, h.m.Tick(h.now), nil
	case 2:
		ch := Change{Sequence: h.m.Sequence() + uint64(rapid.IntRange(0, 1).Draw(t, "sequence"))}
		ch.Operations = []Operation{rapid.SampledFrom([]Operation{
			{Op: Put, Member: who}, {Op: Remove, Member: Member{Name: who.Name}}, {Op: SetFaulty, Faulty: i % 2},
		}).Draw(t, "operation")}
		if err := ch.Sign(h.c.ID, key("administrator")); err != nil {
			t.Fatal(err)
		}
		tx = ch
	case 3:
		epoch, seed, _ := h.m.Election(h.now)
		ticket := Ticket{Epoch: epoch, Member: who.Name}
		if err := ticket.Sign(h.c.ID, seed, key(who.Name)); err != nil {
			t.Fatal(err)
		}
		tx = ticket
	default:
		round := h.c.Last(h.now) + uint64(rapid.IntRange(0, 2).Draw(t, "round"))
		p := Proof{Nominal: 50, Round: round, Member: who.Name, Values: []int32{1, 2, 3, int32(rapid.IntRange(0, 1).Draw(t, "value"))}}
		if err := p.Sign(h.c.ID, key(who.Name)); err != nil {
			t.Fatal(err)
		}
		tx = p
	}
	_, err = h.m.Apply(h.now, tx)
	return tx, nil, err
}
