// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestValidate(t *testing.T) {
	if err := committee(6).Validate(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(c *Committee){
		"id":                           func(c *Committee) { c.ID = "a b" },
		"not 1 to 50":                  func(c *Committee) { c.ID = strings.Repeat("a", 51) },
		"neither 50 nor 60":            func(c *Committee) { c.Nominal = 55 },
		"no such rule":                 func(c *Committee) { c.Rule = 2 },
		"0 members":                    func(c *Committee) { c.Members = nil },
		"length 1":                     func(c *Committee) { c.Length = 1 },
		"length 601":                   func(c *Committee) { c.Length = 601 },
		"period 0":                     func(c *Committee) { c.Period = 0 },
		"skew -1":                      func(c *Committee) { c.Skew = -1 },
		"skew 60001":                   func(c *Committee) { c.Skew = 60_001 },
		"expiry 0":                     func(c *Committee) { c.Expiry = 0 },
		"expiry 9999":                  func(c *Committee) { c.Expiry = MinExpiry - 1 },
		"128 rounds would":             func(c *Committee) { c.Expiry = 128*5000 - 1999 },
		"grace 60001":                  func(c *Committee) { c.Grace = 60_001 },
		"epochs of 5":                  func(c *Committee) { c.EpochRounds = 5 },
		"epochs of 0":                  func(c *Committee) { c.Seats = 5 },
		"7 seats":                      func(c *Committee) { c.EpochRounds, c.Seats = 5, 7 },
		"3 members bear at most f = 0": func(c *Committee) { c.EpochRounds, c.Seats = 5, 3 },
		"m >= 2f+1":                    func(c *Committee) { c.Faulty = 2 },
		"m >= 2f+3":                    func(c *Committee) { c.Rule, c.Faulty = Krum, 2 },
		"f = -1":                       func(c *Committee) { c.Faulty = -1 },
		"administrator":                func(c *Committee) { c.Administrator = c.Administrator[:31] },
		"the same name":                func(c *Committee) { c.Members[0].Name = "m03" },
		"the same key":                 func(c *Committee) { c.Members[0].Key = c.Members[5].Key },
		"member \"m/0\"":               func(c *Committee) { c.Members[0].Name = "m/0" },
		"key of member m00":            func(c *Committee) { c.Members[0].Key = nil },
		"power -1":                     func(c *Committee) { c.Members[0].Power = -1 },
		"power 4294967296":             func(c *Committee) { c.Members[0].Power = 1 << 32 },
		"no power":                     func(c *Committee) { c.Members[0].Validator = make([]byte, 32) },
		"has 0 bytes":                  func(c *Committee) { c.Members[0].Power = 1 },
		"the same validator's key": func(c *Committee) {
			c.Members[0].Power, c.Members[0].Validator = 1, make([]byte, 32)
			c.Members[3].Power, c.Members[3].Validator = 1, make([]byte, 32)
		},
	} {
		c := committee(6)
		spoil(&c)
		err := c.Validate()
		refused(t, want, err, ErrCommittee)
		if err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestMaxFaulty(t *testing.T) {
	for n, want := range map[int][2]int{1: {0, 0}, 3: {0, 0}, 4: {1, 0}, 5: {1, 0}, 6: {1, 1}, 7: {2, 1}, 9: {2, 2}, 12: {3, 3}, 500: {166, 165}} {
		if m, k := Median.MaxFaulty(n), Krum.MaxFaulty(n); m != want[0] || k != want[1] {
			t.Errorf("f of %d is %d and %d, want %v", n, m, k, want)
		}
	}
}

const smallFile = `{
	"id": "lab",
	"nominal_hz": 60,
	"members": [{"name": "alice", "key": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}]
}`

func TestCommitteeFile(t *testing.T) {
	var got Committee
	if err := json.Unmarshal([]byte(smallFile), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(NewCommittee("lab", 60, Member{Name: "alice", Key: make([]byte, 32)}), got); diff != "" {
		t.Error(diff)
	}
	want := committee(8)
	want.Members[2].Power, want.Members[2].Validator = 10, make([]byte, 32)
	want.Rule, want.EpochRounds, want.Seats, want.Faulty = Krum, 100, 6, 0
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got = Committee{}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.Hash() != want.Hash() {
		t.Error("the hash is another")
	}
}

func TestCommitteeFileRefused(t *testing.T) {
	with := func(field string) string {
		return strings.Replace(smallFile, `"nominal_hz": 60`, `"nominal_hz": 60, `+field, 1)
	}
	for text, want := range map[string]error{
		with(`"size": 60`):          ErrMalformed,
		with(`"length": 60.5`):      ErrMalformed,
		with(`"length": null`):      ErrMalformed,
		with(`"Length": 60`):        ErrMalformed,
		with("\"\u017fkew_ms\": 1"): ErrMalformed, // a long s, which encoding/json takes for an s
		with(`"id": "other"`):       ErrMalformed,
		with(`"rule": "mean"`):      ErrMalformed,
		with(`"rule": 1`):           ErrMalformed,
		with(`"length": 1`):         ErrCommittee,
		with(`"faulty": 1`):         ErrCommittee,
		with(`"administrator": ""`): nil,
		`[]`:                        ErrMalformed,
		`{}`:                        ErrCommittee,
	} {
		var c Committee
		err := json.Unmarshal([]byte(text), &c)
		if want == nil && err == nil {
			continue
		}
		refused(t, text, err, want)
	}
	var c Committee
	refused(t, "trailing", c.UnmarshalJSON([]byte(smallFile+"{}")), ErrMalformed)
	refused(t, "nothing", c.UnmarshalJSON(nil), ErrMalformed)
}

func TestHashIgnoresOrder(t *testing.T) {
	a, b := committee(5), committee(5)
	slices.Reverse(b.Members)
	if a.Hash() != b.Hash() {
		t.Error("the order of the members matters")
	}
	if b.Members[0].Name != "m04" {
		t.Error("hashing has sorted the caller's members")
	}
	b.Members[0].Power++
	if a.Hash() == b.Hash() {
		t.Error("power does not matter")
	}
}

func TestRule(t *testing.T) {
	for _, r := range []Rule{Median, Krum} {
		got, err := ParseRule(r.String())
		if err != nil || got != r {
			t.Errorf("%v is read as %v, %v", r, got, err)
		}
	}
	_, err := ParseRule("")
	refused(t, "no name", err, ErrMalformed)
	_, err = Rule(9).MarshalText()
	refused(t, "rule 9", err, ErrMalformed)
	if Rule(9).String() != "rule(9)" {
		t.Error(Rule(9).String())
	}
}

func TestTime(t *testing.T) {
	c := committee(1)
	if c.End(200) != 1000_000 || c.Last(1000_000) != 200 || c.Last(999_999) != 199 || c.Last(-1) != 0 {
		t.Error("round 200 does not end at 1000 s")
	}
	if c.End(1<<63) != maxTime {
		t.Error("a round past the end of time")
	}
}
