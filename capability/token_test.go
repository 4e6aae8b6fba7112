// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package capability

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestTokenAllowsWhatItSays(t *testing.T) {
	a := authority(registry(), noon)
	for _, c := range []struct {
		limits Limits
		ask    Request
		want   error
	}{
		{Limits{Operations: list("*")}, read, nil},
		{Limits{Operations: list("rounds:read")}, read, nil},
		{Limits{Operations: list("truth:read", "rounds:read")}, read, nil},
		{Limits{Operations: list("truth:read")}, read, ErrRight},
		{Limits{Operations: list("*"), Resources: list("node")}, read, nil},
		{Limits{Operations: list("*"), Resources: list("room/x")}, read, ErrRight},
		{Limits{Operations: list("*"), Zones: list("acme")}, read, nil},
		{Limits{Operations: list("*"), Zones: list("other")}, read, ErrRight},
		{Limits{Operations: list("*"), Zones: list("other")}, Request{Operation: "x"}, ErrRight},
		{Limits{Operations: list("*"), Resources: list("node")}, Request{Operation: "x"}, ErrRight},
		{Limits{Operations: list("*"), Until: noon.Add(time.Second)}, read, nil},
		{Limits{Operations: list("*"), Until: noon}, read, ErrToken},
	} {
		decided(t, a, token(t, "administrator", "ann", c.limits), c.ask, c.want)
	}
}

func TestParseSaysWhatIsInIt(t *testing.T) {
	first := Limits{Operations: list("b", "a", "a"), Resources: list("room/x"), Zones: list("acme"), Until: noon.Add(time.Hour)}
	text := narrow(t, token(t, "administrator", "ann", first), Limits{Operations: list("a")})
	got, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	first.Operations = list("a", "b")
	if diff := cmp.Diff([]Limits{first, {Operations: list("a")}}, got.Blocks); diff != "" || got.Holder != "ann" || len(got.IDs()) != 2 {
		t.Errorf("%s %s", got, diff)
	}
	if s := fmt.Sprintf("%v %+v %#v %s", got, got, got, got.Describe()); len(s) > 300 {
		t.Errorf("printed as %s", s)
	}
}

func TestIssueRefuses(t *testing.T) {
	for what, l := range map[string]Limits{
		"no operation": {Until: noon}, "no expiry": {Operations: list("*")}, "a name that is none": {Operations: list(`"`), Until: noon},
		"an empty name": {Operations: list(""), Until: noon},
	} {
		if _, err := Issue(key("administrator"), "ann", l); err == nil {
			t.Errorf("%s: issued", what)
		}
	}
	if _, err := Issue(nil, "ann", Limits{Operations: list("*"), Until: noon}); err == nil {
		t.Error("issued without a key")
	}
	text := token(t, "administrator", "ann", Limits{Operations: list("*")})
	for range MaxBlocks - 1 {
		text = narrow(t, text, Limits{Zones: list("acme")})
	}
	if _, err := Attenuate(text, Limits{}); err == nil {
		t.Error("more blocks than there may be")
	}
}

// However a token is narrowed, it allows nothing that it did not before.
func TestAttenuationOnlyNarrows(t *testing.T) {
	a := authority(registry(), noon)
	drawLimits := func(t *rapid.T) (l Limits) {
		some := func(of ...string) []string {
			return rapid.SliceOfNDistinct(rapid.SampledFrom(append(of, "*")), 0, 3, rapid.ID[string]).Draw(t, "names")
		}
		l.Operations, l.Resources, l.Zones = some("a", "b"), some("x", "y"), some("acme", "z")
		if rapid.Bool().Draw(t, "expires") {
			l.Until = noon.Add(time.Duration(rapid.IntRange(-2, 2).Draw(t, "minutes")) * time.Minute)
		}
		return l
	}
	requests := []Request{{"a", "x", "acme"}, {"b", "x", "acme"}, {"a", "y", "z"}, {"b", "", ""}, {"a", "", "z"}}
	rapid.Check(t, func(rt *rapid.T) {
		first := drawLimits(rt)
		if len(first.Operations) == 0 {
			first.Operations = list("a")
		}
		text := token(t, "administrator", "ann", first)
		for range rapid.IntRange(1, 3).Draw(rt, "blocks") {
			narrower := narrow(t, text, drawLimits(rt))
			for _, r := range requests {
				_, before := a.Authorize(text, r)
				_, after := a.Authorize(narrower, r)
				if before != nil && after == nil {
					rt.Fatalf("%s was refused (%v), and is allowed now", r, before)
				}
			}
			text = narrower
		}
	})
}

func FuzzParse(f *testing.F) {
	text := token(f, "administrator", "ann", Limits{Operations: list("rounds:read"), Zones: list("acme")})
	f.Add(text)
	f.Add(narrow(f, text, Limits{Resources: list("room/x"), Until: noon}))
	f.Add("")
	a := authority(registry(), noon)
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := Parse(text)
		if err != nil {
			return
		}
		_, _ = a.Authorize(text, read)
		if narrower, err := Attenuate(text, Limits{Operations: list("x")}); err == nil {
			if _, err := Parse(narrower); err != nil {
				t.Errorf("%s cannot be narrowed: %v", parsed, err)
			}
		}
	})
}

func BenchmarkAuthorize(b *testing.B) {
	a := authority(registry(), noon)
	text := token(b, "administrator", "ann", Limits{Operations: list("rounds:read"), Zones: list("acme")})
	for b.Loop() {
		if _, err := a.Authorize(text, read); err != nil {
			b.Fatal(err)
		}
	}
}

func Example() {
	text, err := Issue(key("administrator"), "ann", Limits{Operations: []string{"rounds:read", "rooms:read"}, Until: noon.Add(time.Hour)})
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err = Attenuate(text, Limits{Operations: []string{"rooms:read"}, Resources: []string{"room/standup"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	a := authority(registry(), noon)
	for _, r := range []Request{{Operation: "rooms:read", Resource: "room/standup"}, {Operation: "rounds:read"}} {
		holder, err := a.Authorize(text, r)
		fmt.Println(r, "|", holder, "|", err)
	}
	// Output:
	// rooms:read on room/standup | ann | <nil>
	// rounds:read |  | missing right: rounds:read; the token of ann is for rooms:read rounds:read until 2026-11-23T13:00:00Z, and then only rooms:read on room/standup
}
