// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

var sentinels = []error{ErrNotMember, ErrOutdated, ErrEarly, ErrPresent, ErrMalformed, ErrSignature, ErrCommittee}

// refused checks that err wraps want and no other sentinel.
func refused(t *testing.T, what string, err, want error) {
	t.Helper()
	for _, s := range sentinels {
		if errors.Is(err, s) != errors.Is(want, s) {
			t.Errorf("%s: error %q, want one that wraps %q alone", what, err, want)
			return
		}
	}
}

func key(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func public(name string) ed25519.PublicKey { return key(name).Public().(ed25519.PublicKey) }

func member(i int) Member {
	name := fmt.Sprintf("m%02d", i)
	return Member{Name: name, Key: public(name)}
}

// committee returns one of n members, with an administrator whose key is key("administrator") and proofs of 4 values.
func committee(n int) Committee {
	members := make([]Member, n)
	for i := range members {
		members[i] = member(i)
	}
	c := NewCommittee("test", 50, members...)
	c.Length = 4
	c.Faulty = Krum.MaxFaulty(n) // so that either rule will do
	c.Administrator = public("administrator")
	return c
}

// proof returns member i's for a round: values about base.
func proof(t testing.TB, c Committee, i int, round uint64, base int32) Proof {
	t.Helper()
	p := Proof{Nominal: c.Nominal, Round: round, Member: member(i).Name, Values: make([]int32, c.Length)}
	for k := range p.Values {
		p.Values[k] = base + int32(k)
	}
	if err := p.Sign(c.ID, key(p.Member)); err != nil {
		t.Fatal(err)
	}
	return p
}

func change(t testing.TB, c Committee, sequence uint64, operations ...Operation) Change {
	t.Helper()
	ch := Change{Sequence: sequence, Operations: operations}
	if err := ch.Sign(c.ID, key("administrator")); err != nil {
		t.Fatal(err)
	}
	return ch
}

func machine(t testing.TB, c Committee, genesis int64) *Machine {
	t.Helper()
	m, err := New(c, genesis)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// apply makes m take tx.
func apply(t testing.TB, m *Machine, now int64, tx Tx) Result {
	t.Helper()
	if err := m.Check(now, tx); err != nil {
		t.Fatalf("check: %v", err)
	}
	r, err := m.Apply(now, tx)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// refuse checks that m refuses tx with an error that wraps want, and stays as it is.
func refuse(t *testing.T, m *Machine, now int64, tx Tx, want error) {
	t.Helper()
	refused(t, "check", m.Check(now, tx), want)
	before := m.Hash()
	_, err := m.Apply(now, tx)
	refused(t, "apply", err, want)
	if m.Hash() != before {
		t.Error("the machine has changed")
	}
}

// authorsScores is the algorithm that the authors of DeFakePro published (EconLedger, ENF_consensus.py), in plain Go:
// f = floor((n-3)/2), squared Euclidean distances, the sum over the n-f-2 nearest others.
func authorsScores(vectors [][]int32) []uint64 {
	n := len(vectors)
	nearest := n - (n-3)/2 - 2
	scores := make([]uint64, n)
	for i, a := range vectors {
		var distances []uint64
		for j, b := range vectors {
			if i == j {
				continue
			}
			var sum uint64
			for k := range a {
				d := int64(a[k]) - int64(b[k])
				sum += uint64(d * d)
			}
			distances = append(distances, sum)
		}
		slices.Sort(distances)
		for _, d := range distances[:nearest] {
			scores[i] += d
		}
	}
	return scores
}

// committeeOf returns n members' vectors about a wandering grid: honest noise of 1.5 mHz, clock offsets of 1.2 mHz, as
// measured on real devices, and of them liars that are 30 mHz off.
func committeeOf(r *rand.Rand, n, liars, length int) [][]int32 {
	grid, at := make([]float64, length), r.NormFloat64()*15_000
	for i := range grid {
		at += r.NormFloat64() * 1400
		grid[i] = at
	}
	vectors := make([][]int32, n)
	for j := range vectors {
		vectors[j] = make([]int32, length)
		offset := r.NormFloat64() * 1200
		if j < liars {
			offset = 30_000
		}
		for i := range grid {
			vectors[j][i] = int32(grid[i] + offset + r.NormFloat64()*1500)
		}
	}
	r.Shuffle(n, func(i, j int) { vectors[i], vectors[j] = vectors[j], vectors[i] })
	return vectors
}
