// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSnapped(t *testing.T) {
	foreign := func(from, to float64) Span { return Span{Start: from, End: to, Kind: SpanForeign} }
	jump := func(at float64) Span { return Span{Start: at - cutWidth, End: at + cutWidth, Kind: SpanCut} }
	for _, c := range []struct {
		name         string
		spans, jumps []Span
		want         []Span
	}{
		{"nothing", nil, nil, nil},
		{"a jump alone", nil, []Span{jump(50)}, []Span{jump(50)}},
		{"one jump by two spans", []Span{foreign(100, 120), foreign(125, 160)}, []Span{jump(127)}, []Span{foreign(100, 120), foreign(127, 160)}},
		{"between two spans", []Span{foreign(100, 120), foreign(125, 160)}, []Span{jump(114), jump(122.6)}, []Span{foreign(100, 114), foreign(122.6, 160)}},
		{"not past a neighbour", []Span{foreign(100, 120), foreign(125, 160)}, []Span{jump(114.5), jump(120.5)}, []Span{foreign(100, 120.5), foreign(125, 160)}},
		{"the beginning is no splice", []Span{foreign(0, 40)}, []Span{jump(9)}, []Span{foreign(0, 40)}},
		{"nor is the end", []Span{foreign(360, 400)}, []Span{jump(391)}, []Span{foreign(360, 400)}},
		{"two jumps by one edge", []Span{foreign(100, 160)}, []Span{jump(96), jump(108)}, []Span{foreign(96, 160)}},
		{"a jump outside is kept", []Span{foreign(100, 160)}, []Span{jump(90), jump(101)}, []Span{jump(90), foreign(101, 160)}},
		{"a jump within", []Span{foreign(100, 160)}, []Span{jump(130)}, []Span{foreign(100, 160)}},
		{"two jumps by a cut", []Span{cut(200, 30)}, []Span{jump(195), jump(204)}, []Span{jump(195), cut(204, 30)}},
		{"a cut beside a span", []Span{cut(200, 30), foreign(204, 260)}, []Span{jump(202.5)}, []Span{cut(200, 30), foreign(202.5, 260)}},
		{"too far", []Span{foreign(100, 160)}, []Span{jump(80)}, []Span{jump(80), foreign(100, 160)}},
	} {
		before := slices.Clone(c.spans)
		if got := ordered(snapped(c.spans, c.jumps, 400)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if !slices.Equal(c.spans, before) {
			t.Errorf("%s: its spans are changed to %v", c.name, c.spans)
		}
	}
}

// TestSnappedInOrder: whatever the jumps, spans stay in order, do not overlap, and none vanishes.
func TestSnappedInOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 5))
	for range 20_000 {
		var spans, jumps []Span
		for at := 30 * rng.Float64(); at < 370; at += 1 + 40*rng.Float64() {
			s := Span{Start: at, End: at + 1 + 30*rng.Float64(), Kind: SpanForeign}
			if rng.IntN(3) == 0 {
				s = cut(at+cutWidth, 5)
			}
			spans = append(spans, s)
			at = s.End
		}
		for at := 5 + 30*rng.Float64(); at < 395; at += cutApart + 0.25 + 30*rng.Float64() {
			jumps = append(jumps, Span{Start: at - cutWidth, End: at + cutWidth, Kind: SpanCut})
		}
		moved, alone := snapped(spans, jumps, 400)
		all := ordered(moved, alone)
		if len(all) != len(spans)+len(alone) {
			t.Fatalf("%v and %v: %v", spans, jumps, all)
		}
		for i, s := range all {
			if s.End <= s.Start || i > 0 && s.Start < all[i-1].End {
				t.Fatalf("%v and %v: %v", spans, jumps, all)
			}
		}
	}
}
