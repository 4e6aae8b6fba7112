// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package capability

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/biscuit-auth/biscuit-go/v2"
)

// The holder has a good token for little, and wants more.
func TestHolderWantsMore(t *testing.T) {
	a := authority(registry(), noon)
	little := token(t, "administrator", "ann", Limits{Operations: list("rounds:read"), Resources: list("node"), Zones: list("acme"), Until: noon.Add(time.Minute)})
	decided(t, a, little, read, nil)
	more := []Request{
		{"proofs:write", "node", "acme"}, {"rounds:read", "room/x", "acme"}, {"rounds:read", "node", "elsewhere"}, {"rounds:read", "node", ""},
		{"rounds:read", "", "acme"}, {"", "", ""}, {"*", "node", "acme"},
	}
	for _, r := range more {
		decided(t, a, little, r, ErrRight)
	}
	// A block that allows more takes nothing from those before it.
	for _, l := range []Limits{
		{}, {Operations: list("*"), Resources: list("*"), Zones: list("*"), Until: noon.Add(time.Hour * 24)},
		{Operations: list("proofs:write", "rounds:read")}, {Zones: list("elsewhere", "acme")},
	} {
		wider := narrow(t, little, l)
		for _, r := range more {
			decided(t, a, wider, r, ErrRight)
		}
		decided(t, authority(registry(), noon.Add(time.Minute)), wider, read, ErrToken)
	}
	// A narrowed token cannot be taken back to what it was: its last block's secret is not there any more.
	narrowed := unmarshal(t, narrow(t, token(t, "administrator", "ann", Limits{Operations: list("*")}), Limits{Operations: list("truth:read")}))
	narrowed.Blocks = nil
	decided(t, a, marshal(t, narrowed), read, ErrToken)
}

// The holder adds a block of its own making, with facts, rules, or checks that cost more than they are worth.
func TestHolderWritesDatalog(t *testing.T) {
	a := authority(registry(), noon)
	good, err := Parse(token(t, "administrator", "ann", Limits{Operations: list("rounds:read")}))
	if err != nil {
		t.Fatal(err)
	}
	operation := func(name string) biscuit.Predicate {
		return biscuit.Predicate{Name: "operation", IDs: []biscuit.Term{biscuit.String(name)}}
	}
	anything := biscuit.Predicate{Name: "operation", IDs: []biscuit.Term{biscuit.Variable("x")}}
	context, err := json.Marshal(block{})
	if err != nil {
		t.Fatal(err)
	}
	for what, write := range map[string]func(b biscuit.BlockBuilder) error{
		"a fact": func(b biscuit.BlockBuilder) error {
			return b.AddFact(biscuit.Fact{Predicate: operation("proofs:write")})
		},
		"a rule": func(b biscuit.BlockBuilder) error {
			return b.AddRule(biscuit.Rule{Head: operation("proofs:write"), Body: []biscuit.Predicate{anything}})
		},
		"a join of twenty": func(b biscuit.BlockBuilder) error {
			var body []biscuit.Predicate
			for i := range 20 {
				body = append(body, biscuit.Predicate{Name: "operation", IDs: []biscuit.Term{biscuit.Variable(fmt.Sprint("x", i))}})
			}
			return b.AddCheck(biscuit.Check{Queries: []biscuit.Rule{{Head: anything, Body: body}}})
		},
	} {
		for _, claim := range []string{"", string(context), `{"operations":["*"]}`, `{"holder":"root"}`, `{"operations":["*"]} {}`} {
			b := good.biscuit.CreateBlock()
			b.SetContext(claim)
			if err := write(b); err != nil {
				t.Fatal(err)
			}
			made, err := good.biscuit.Append(rand.Reader, b.Build())
			if err != nil {
				t.Fatal(err)
			}
			out, err := text(made)
			if err != nil {
				t.Fatal(err)
			}
			t.Run(what+" as "+claim, func(t *testing.T) {
				decided(t, a, out, read, ErrToken)
				decided(t, a, out, Request{Operation: "proofs:write"}, ErrToken)
			})
		}
	}
}

// The holder uses in one zone what it was given for another, and in zones of which it is no member.
func TestHolderCrossesZones(t *testing.T) {
	a := authority(registry(), noon)
	everywhere := token(t, "administrator", "ann", Limits{Operations: list("*")})
	decided(t, a, everywhere, Request{Operation: "rooms:read", Zone: "acme"}, nil)
	decided(t, a, everywhere, Request{Operation: "rooms:read", Zone: "other"}, ErrRight)
	here := token(t, "administrator", "ann", Limits{Operations: list("*"), Zones: list("acme")})
	decided(t, a, here, Request{Operation: "rooms:read", Zone: "nobody-knows-it"}, ErrRight)
	there := token(t, "administrator", "ann", Limits{Operations: list("*"), Zones: list("acme", "other")})
	decided(t, a, there, Request{Operation: "rooms:read", Zone: "other"}, ErrRight) // ann is not in it, whatever the token says
}
