// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package ledgertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/poenf"
)

// Open returns the ledgers that a committee replicates, or the one there is. They tell the time by now, and are closed
// when the test ends. A suite submits to each of them and expects the same rounds of all.
type Open func(t *testing.T, c *Committee, now func() time.Time) []ledger.Ledger

// limit is how long anything in the suite may take.
const limit = 30 * time.Second

// suite is a committee of six, one of whom may lie, and its ledgers.
type suite struct {
	*Committee
	clock   *Clock
	ledgers []ledger.Ledger
	ctx     context.Context
}

// Run holds the ledgers that open returns to the contract.
func Run(t *testing.T, open Open) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*limit)
	defer cancel()
	s := &suite{Committee: NewCommittee("suite", 6, 20), clock: new(Clock), ctx: ctx}
	s.ledgers = open(t, s.Committee, s.clock.Now)
	for _, test := range []struct {
		name string
		run  func(*suite, *testing.T)
	}{
		{"AllProve", (*suite).allProve},
		{"Refusals", (*suite).refusals},
		{"Liar", (*suite).liar},
		{"Silence", (*suite).silence},
		{"Void", (*suite).void},
		{"Equivocation", (*suite).equivocation},
		{"Follow", (*suite).follow},
		{"Truth", (*suite).truth},
		{"Context", (*suite).context},
	} {
		if !t.Run(test.name, func(t *testing.T) { test.run(s, t) }) {
			return // what follows builds on it
		}
	}
}

// begin moves the clock to the end of a round that nobody has proved yet, and returns its number.
func (s *suite) begin() uint64 {
	round := s.Last(s.clock.Now().UnixMilli()) + 2
	s.clock.Until(s.EndOf(round))
	return round
}

func (s *suite) submit(i int, p poenf.Proof) error {
	ctx, cancel := context.WithTimeout(s.ctx, limit)
	defer cancel()
	return s.ledgers[i%len(s.ledgers)].Submit(ctx, p)
}

// agreed waits until every ledger has the round, and returns it when they all have the same.
func (s *suite) agreed(t *testing.T, n uint64) poenf.Round {
	t.Helper()
	var first poenf.Round
	for i, l := range s.ledgers {
		r := s.first(t, l, n)
		if r.Number != n {
			t.Fatalf("ledger %d goes on with round %d, not %d", i, r.Number, n)
		}
		if i == 0 {
			first = r
		}
		if again, err := l.Round(s.ctx, n); err != nil || !reflect.DeepEqual(r, again) || !reflect.DeepEqual(r, first) {
			t.Fatalf("ledger %d has %+v, %v for round %d; before, or elsewhere: %+v", i, again, err, n, first)
		}
	}
	return first
}

// first returns the first closed round from n on.
func (s *suite) first(t *testing.T, l ledger.Ledger, n uint64) poenf.Round {
	t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, limit)
	defer cancel()
	for r, err := range l.Follow(ctx, n) {
		if err != nil {
			t.Fatalf("follow from round %d: %v", n, err)
		}
		return r
	}
	t.Fatalf("follow from round %d ends without a word", n)
	return poenf.Round{}
}

// near fails unless the round's truth is within 5 µHz of the grid's: members err by 4.
func (s *suite) near(t *testing.T, r poenf.Round) {
	t.Helper()
	for i, want := range s.Truth(r.Number) {
		if d := r.Truth[i] - want; d < -5 || d > 5 {
			t.Fatalf("round %d, value %d: %d, and the grid did %d", r.Number, i, r.Truth[i], want)
		}
	}
}

func (s *suite) allProve(t *testing.T) {
	for range 2 {
		n := s.begin()
		if _, err := s.ledgers[0].Round(s.ctx, n); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("an open round: %v, want ErrNotFound", err)
		}
		s.SubmitAll(s.ctx, t, s.ledgers, n, s.Members...)
		r := s.agreed(t, n)
		s.near(t, r)
		if len(r.Entries) != len(s.Members) || r.Nominal != 50 {
			t.Errorf("%d entries at %d Hz", len(r.Entries), r.Nominal)
		}
		for i, e := range r.Entries {
			if want := s.Proof(s.Members[i].Name, n).Hash(); e.ProofHash != want {
				t.Errorf("entry of %s has another proof", e.Member)
			}
		}
	}
}

func (s *suite) refusals(t *testing.T) {
	n := s.begin()
	name := s.Members[0].Name
	good := s.Proof(name, n)
	with := func(change func(*poenf.Proof)) poenf.Proof {
		p := good
		p.Values = slices.Clone(p.Values)
		change(&p)
		return s.Sign(p)
	}
	stranger := with(func(p *poenf.Proof) { p.Member = "m999" })
	forged := good
	forged.Signature = bytes.Repeat([]byte{1}, 64)
	wild := good
	wild.Values = append(slices.Clone(good.Values[1:]), poenf.MaxOffset+1)
	for _, test := range []struct {
		name  string
		proof poenf.Proof
		want  error
	}{
		{"stranger", stranger, poenf.ErrNotMember},
		{"early", with(func(p *poenf.Proof) { p.Round += 2 }), poenf.ErrEarly},
		{"far too early", with(func(p *poenf.Proof) { p.Round = math.MaxUint64 }), poenf.ErrEarly},
		{"outdated", with(func(p *poenf.Proof) { p.Round -= 100 }), poenf.ErrOutdated},
		{"short", with(func(p *poenf.Proof) { p.Values = p.Values[1:] }), poenf.ErrMalformed},
		{"long", with(func(p *poenf.Proof) { p.Values = make([]int32, poenf.MaxLength) }), poenf.ErrMalformed},
		{"other grid", with(func(p *poenf.Proof) { p.Nominal = 60 }), poenf.ErrMalformed},
		{"out of range", wild, poenf.ErrMalformed},
		{"empty", poenf.Proof{}, poenf.ErrMalformed},
		{"forged", forged, poenf.ErrSignature},
	} {
		for i := range s.ledgers {
			if err := s.submit(i, test.proof); !errors.Is(err, test.want) {
				t.Errorf("%s, ledger %d: %v, want %v", test.name, i, err, test.want)
			}
		}
	}
	// None of them has spoilt the round.
	s.SubmitAll(s.ctx, t, s.ledgers, n, s.Members...)
	s.near(t, s.agreed(t, n))
	for i := range s.ledgers {
		if err := s.submit(i, good); !errors.Is(err, poenf.ErrOutdated) {
			t.Errorf("again, ledger %d: %v, want ErrOutdated", i, err)
		}
	}
}

func (s *suite) liar(t *testing.T) {
	n := s.begin()
	lie := s.Proof(s.Members[0].Name, n)
	for i := range lie.Values {
		lie.Values[i] = int32(900_000 - 90_000*i)
	}
	if err := s.submit(0, s.Sign(lie)); err != nil {
		t.Fatal(err)
	}
	s.SubmitAll(s.ctx, t, s.ledgers, n, s.Members[1:]...)
	r := s.agreed(t, n)
	s.near(t, r)
	if r.Winner == lie.Member || r.Entries[0].Inlier {
		t.Errorf("the liar is %+v, and the winner %s", r.Entries[0], r.Winner)
	}
}

// silence: one of six says nothing, so the round waits for the grace and closes with five.
func (s *suite) silence(t *testing.T) {
	n := s.begin()
	s.SubmitAll(s.ctx, t, s.ledgers, n, s.Members[1:]...)
	if _, err := s.ledgers[0].Round(s.ctx, n); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("within the grace: %v, want ErrNotFound", err)
	}
	if err := s.submit(0, s.Proof(s.Members[1].Name, n)); !errors.Is(err, poenf.ErrPresent) {
		t.Errorf("again within the grace: %v, want ErrPresent", err)
	}
	s.clock.Advance(time.Duration(s.Grace+1) * time.Millisecond)
	r := s.agreed(t, n)
	s.near(t, r)
	if len(r.Entries) != len(s.Members)-1 {
		t.Errorf("%d entries", len(r.Entries))
	}
	if err := s.submit(0, s.Proof(s.Members[0].Name, n)); !errors.Is(err, poenf.ErrOutdated) {
		t.Errorf("late: %v, want ErrOutdated", err)
	}
}

// void: too few prove, the round expires, and the ledger goes on with the next.
func (s *suite) void(t *testing.T) {
	n := s.begin()
	s.SubmitAll(s.ctx, t, s.ledgers, n, s.Members[:2]...)
	s.clock.Advance(time.Duration(s.Expiry) * time.Millisecond)
	later := s.begin()
	s.SubmitAll(s.ctx, t, s.ledgers, later, s.Members...)
	s.near(t, s.agreed(t, later))
	for i, l := range s.ledgers {
		if _, err := l.Round(s.ctx, n); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("ledger %d, void round: %v, want ErrNotFound", i, err)
		}
		if r := s.first(t, l, n); r.Number != later {
			t.Errorf("ledger %d, from the void round: round %d, want %d", i, r.Number, later)
		}
	}
}

func (s *suite) equivocation(t *testing.T) {
	n := s.begin()
	first := s.Proof(s.Members[2].Name, n)
	second := s.Sign(poenf.Proof{Nominal: 50, Round: n, Member: first.Member, Values: make([]int32, s.Length)})
	third := second
	third.Values = slices.Clone(second.Values)
	third.Values[0] = 1
	if err := s.submit(0, first); err != nil {
		t.Fatal(err)
	}
	for i, p := range []poenf.Proof{second, s.Sign(third), first} {
		if err := s.submit(i, p); !errors.Is(err, poenf.ErrPresent) {
			t.Errorf("proof %d: %v, want ErrPresent", i+2, err)
		}
	}
	s.SubmitAll(s.ctx, t, s.ledgers, n, slices.Concat(s.Members[:2], s.Members[3:])...)
	r := s.agreed(t, n)
	s.near(t, r)
	if r.Entries[2].ProofHash != first.Hash() {
		t.Error("the first proof is not the one that counted")
	}
}

func (s *suite) follow(t *testing.T) {
	from := s.begin()
	ctx, cancel := context.WithTimeout(s.ctx, limit)
	defer cancel()
	const rounds = 3
	type seen struct {
		ledger int
		rounds []uint64
		err    error
	}
	results := make(chan seen, len(s.ledgers))
	for i, l := range s.ledgers {
		go func() {
			out := seen{ledger: i}
			for r, err := range l.Follow(ctx, from) {
				if out.err = err; err != nil || len(out.rounds) == rounds-1 {
					out.rounds = append(out.rounds, r.Number)
					break
				}
				out.rounds = append(out.rounds, r.Number)
			}
			results <- out
		}()
	}
	var want []uint64
	for n := from; len(want) < rounds; n = s.begin() {
		s.SubmitAll(ctx, t, s.ledgers, n, s.Members...)
		want = append(want, n)
	}
	for range s.ledgers {
		if got := <-results; got.err != nil || !slices.Equal(got.rounds, want) {
			t.Errorf("ledger %d: rounds %v, %v; want %v", got.ledger, got.rounds, got.err, want)
		}
	}
}

// truth: a second keeps the value of the first round that covered it, whatever later rounds say of it.
func (s *suite) truth(t *testing.T) {
	n := s.begin()
	s.SubmitAll(s.ctx, t, s.ledgers, n, s.Members...)
	first := s.agreed(t, n)
	truth := ledger.NewTruth(s.ledgers[0], s.Committee.Committee)
	from, to := s.EndOf(n).Add(-time.Duration(s.Length)*time.Second), s.EndOf(n)
	before, err := truth.Between(s.ctx, from, to.Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range first.Truth {
		// The round's oldest seconds may have been told by an earlier one.
		if want := ledger.Hertz(50, v); math.Abs(before.Hz[i]-want) > 10e-6 || i >= s.Length-int(s.Period) && before.Hz[i] != want {
			t.Fatalf("second %d: %.6f, want %.6f", i, before.Hz[i], want)
		}
	}
	if !math.IsNaN(before.Hz[s.Length]) {
		t.Error("a second that no round covers has a value")
	}
	s.clock.Until(s.EndOf(n + 1))
	s.SubmitAll(s.ctx, t, s.ledgers, n+1, s.Members...)
	s.agreed(t, n+1)
	for i, l := range s.ledgers {
		after, err := ledger.NewTruth(l, s.Committee.Committee).Between(s.ctx, from, to)
		if err != nil || !slices.Equal(after.Hz, before.Hz[:s.Length]) {
			t.Errorf("ledger %d: %v, %v; want %v", i, after.Hz, err, before.Hz)
		}
	}
}

func (s *suite) context(t *testing.T) {
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	n := s.begin()
	for i, l := range s.ledgers {
		if err := l.Submit(ctx, s.Proof(s.Members[0].Name, n)); !errors.Is(err, context.Canceled) {
			t.Errorf("ledger %d: submit: %v, want context.Canceled", i, err)
		}
		pairs := 0
		for r, err := range l.Follow(ctx, n+1) {
			pairs++
			if !errors.Is(err, context.Canceled) || r.Number != 0 {
				t.Errorf("ledger %d: follow: round %d, %v, want context.Canceled", i, r.Number, err)
			}
		}
		if pairs != 1 {
			t.Errorf("ledger %d: follow gave %d pairs, want one with the error", i, pairs)
		}
		if _, err := l.Round(ctx, n); err == nil {
			t.Error(fmt.Errorf("ledger %d: a round that is not closed", i))
		}
	}
}
