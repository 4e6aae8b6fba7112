// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package ledgertest is the contract of [ledger.Ledger] as a suite of tests that every implementation passes.
package ledgertest

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/poenf"
)

// Clock is the wall clock of a test: it runs, and it can be moved forward.
type Clock struct{ ahead atomic.Int64 }

// Now returns the time of the test.
func (c *Clock) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// Advance moves the clock forward by d.
func (c *Clock) Advance(d time.Duration) { c.ahead.Add(int64(d)) }

// Until moves the clock forward to t, where it is not there yet.
func (c *Clock) Until(t time.Time) {
	if d := t.Sub(c.Now()); d > 0 {
		c.Advance(d)
	}
}

// Committee is one whose members' keys a test has. The administrator's key is Admin.
type Committee struct {
	poenf.Committee
	Keys  map[string]ed25519.PrivateKey
	Admin ed25519.PrivateKey
}

// NewCommittee returns a committee of n members m000, m001 and so on, with keys that depend on its id alone. Proofs have
// length values.
func NewCommittee(id string, n, length int) *Committee {
	c := &Committee{Keys: make(map[string]ed25519.PrivateKey), Admin: Key(id, "administrator")}
	members := make([]poenf.Member, n)
	for i := range members {
		name := fmt.Sprintf("m%03d", i)
		c.Keys[name] = Key(id, name)
		members[i] = poenf.Member{Name: name, Key: c.Keys[name].Public().(ed25519.PublicKey)}
	}
	c.Committee = poenf.NewCommittee(id, 50, members...)
	c.Length = length
	c.Administrator = c.Admin.Public().(ed25519.PublicKey)
	return c
}

// Key returns the key of that name in the committee id.
func Key(id, name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(id + "/" + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// Truth returns what the test's grid did in the seconds of a round, in µHz from nominal: the same for overlapping rounds.
func (c *Committee) Truth(round uint64) []int32 {
	start := int64(round)*c.Period - int64(c.Length)
	values := make([]int32, c.Length)
	for i := range values {
		r := rand.New(rand.NewPCG(uint64(start+int64(i)), 7))
		values[i] = int32(r.IntN(40_000)) - 20_000
	}
	return values
}

// Proof returns a member's signed proof of a round: the truth, and an error of a few µHz that is the member's own.
func (c *Committee) Proof(member string, round uint64) poenf.Proof {
	index, _ := strconv.Atoi(member[1:])
	values := c.Truth(round)
	r := rand.New(rand.NewPCG(uint64(index), round))
	for i := range values {
		values[i] += int32(r.IntN(9)) - 4
	}
	return c.Sign(poenf.Proof{Nominal: c.Nominal, Round: round, Member: member, Values: values})
}

// Sign signs a proof as its member.
func (c *Committee) Sign(p poenf.Proof) poenf.Proof {
	key := c.Keys[p.Member]
	if key == nil {
		key = Key(c.ID, p.Member)
	}
	if err := p.Sign(c.ID, key); err != nil {
		panic(err)
	}
	return p
}

// EndOf returns the instant at which a round ends.
func (c *Committee) EndOf(round uint64) time.Time { return time.UnixMilli(c.End(round)) }

// SubmitAll submits the proofs of members for a round, each to the next one of ledgers, all at once, and waits for
// their admission.
func (c *Committee) SubmitAll(ctx context.Context, t testing.TB, ledgers []ledger.Ledger, round uint64, members ...poenf.Member) {
	t.Helper()
	errs := make(chan error, len(members))
	for i, m := range members {
		p := c.Proof(m.Name, round)
		go func() { errs <- ledgers[i%len(ledgers)].Submit(ctx, p) }()
	}
	for range members {
		if err := <-errs; err != nil {
			t.Fatalf("submit: %v", err)
		}
	}
}
