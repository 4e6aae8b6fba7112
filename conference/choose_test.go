// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference

import (
	"errors"
	"strings"
	"testing"
)

func camera(id string) *publication { return &publication{id: id, kind: Video, declared: true} }

func (p publication) mute() *publication { p.muted = true; return &p }
func (p publication) hide() *publication { p.declared = false; return &p }
func (p publication) seal() *publication { p.problem = errSealed; return &p }

// TestChoose holds that every camera that others see is followed or told of, and that a track which no client shows is not followed
// in place of one.
func TestChoose(t *testing.T) {
	torn := errors.New("torn")
	trouble := func(id string) error {
		if id == "torn" {
			return torn
		}
		return nil
	}
	for _, test := range []struct {
		offered []*publication
		follow  string
		problem error
	}{
		{},
		{[]*publication{camera("a").hide()}, "a", nil},
		{[]*publication{camera("a").hide(), camera("b")}, "b", nil},
		{[]*publication{camera("b"), camera("c")}, "b c", nil},
		{[]*publication{camera("b").mute(), camera("c")}, "c b", nil},
		{[]*publication{camera("a").hide(), camera("b").mute()}, "a b", nil},
		{[]*publication{camera("a"), camera("b"), camera("c")}, "a b c", nil},
		{[]*publication{camera("a"), camera("b"), camera("c"), camera("d")}, "a b c", errMany},
		{[]*publication{camera("a").mute(), camera("b"), camera("c"), camera("d")}, "b c d", nil},
		{[]*publication{camera("a"), camera("b").seal()}, "a", errSealed},
		{[]*publication{camera("a"), camera("b").seal().mute()}, "a", nil},
		{[]*publication{camera("a"), camera("b").seal().hide()}, "a", nil},
		{[]*publication{camera("a"), camera("torn")}, "a torn", torn},
		{[]*publication{camera("a"), camera("torn").mute()}, "a torn", nil},
	} {
		var a attendance
		follow, problem := a.choose(test.offered, trouble)
		var ids []string
		for _, p := range follow {
			ids = append(ids, p.id)
		}
		if got := strings.Join(ids, " "); got != test.follow || !errors.Is(problem, test.problem) {
			t.Errorf("%+v: %q is followed, not %q; %v", test.offered, got, test.follow, problem)
		}
	}
}

// TestNumber holds that a track keeps its number, and that one in place of another gets that one's.
func TestNumber(t *testing.T) {
	var a attendance
	for _, step := range []struct{ there, lines string }{
		{"a b", "a b "}, {"b", " b "}, {"b c", "c b "}, {"c b d", "c b d"}, {"x y z", "x y z"}, {"", "  "},
	} {
		var offered []*publication
		for id := range strings.FieldsSeq(step.there) {
			offered = append(offered, camera(id))
		}
		follow, _ := a.choose(offered, func(string) error { return nil })
		numbers := a.number(follow)
		if got := strings.Join(a.lines[:], " "); got != step.lines || len(numbers) != len(follow) || len(a.seen) != len(offered) {
			t.Errorf("with %q there: %q, %v", step.there, got, numbers)
		}
	}
}
