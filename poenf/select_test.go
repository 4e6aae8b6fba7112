// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func names(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("member-%04d", i)
	}
	return out
}

func TestSelectIgnoresOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 25).Draw(t, "n")
		vectors := committeeOf(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)), n, rapid.IntRange(0, n/3).Draw(t, "liars"), 20)
		if rapid.Bool().Draw(t, "ties") {
			for _, v := range vectors {
				for i := range v {
					v[i] &= 1
				}
			}
		}
		rule := rapid.SampledFrom([]Rule{Median, Krum}).Draw(t, "rule")
		f := rapid.IntRange(0, n).Draw(t, "f")
		want, err := Select(rule, names(n), vectors, f)
		if err != nil {
			t.Fatal(err)
		}
		order := rapid.Permutation(indices(n)).Draw(t, "order")
		shuffled, who := make([][]int32, n), make([]string, n)
		for i, at := range order {
			shuffled[i], who[i] = vectors[at], names(n)[at]
		}
		got, err := Select(rule, who, shuffled, f)
		if err != nil {
			t.Fatal(err)
		}
		back := Outcome{Truth: got.Truth, Spread: got.Spread, Winner: order[got.Winner], Scores: make([]uint64, n), Inliers: make([]bool, n)}
		for i, at := range order {
			back.Scores[at], back.Inliers[at] = got.Scores[i], got.Inliers[i]
		}
		if diff := cmp.Diff(want, back); diff != "" {
			t.Fatal(diff)
		}
	})
}

func indices(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// attack turns the honest vectors, of which there may be more than the liars can see, into those of the liars.
type attack struct {
	name string
	lie  func(r *rand.Rand, honest [][]int32, liars int) [][]int32
}

// attacks are those of the literature on aggregation: a recording of another time replayed by all; the point attack on
// Krum, which is as far off as still wins; ALIE, a little of the spread everywhere (Baruch, Baruch, Goldberg, NeurIPS
// 2019); all error in one value (El Mhamdi, Guerraoui, Rouault, ICML 2018); a clock that is off; noise.
var attacks = []attack{
	{"replay", func(r *rand.Rand, honest [][]int32, liars int) [][]int32 {
		return slices.Repeat(committeeOf(r, 1, 0, len(honest[0])), liars)
	}},
	{"point", func(r *rand.Rand, honest [][]int32, liars int) [][]int32 {
		// Delta = sigma sqrt(2m/(m-b+1) - 1) is where b identical liars begin to lose against m nearest neighbours.
		n := len(honest) + liars
		nearest := float64(n - liars - 2)
		mean, sd := moments(honest)
		by := math.Sqrt(max(2*nearest/max(nearest-float64(liars)+1, 1)-1, 0)) * 0.97
		v := make([]int32, len(mean))
		for i := range v {
			v[i] = int32(mean[i] + by*sd[i])
		}
		return slices.Repeat([][]int32{v}, liars)
	}},
	{"alie", func(_ *rand.Rand, honest [][]int32, liars int) [][]int32 {
		mean, sd := moments(honest)
		v := make([]int32, len(mean))
		for i := range v {
			v[i] = int32(mean[i] - 1.2*sd[i])
		}
		return slices.Repeat([][]int32{v}, liars)
	}},
	{"one value", func(_ *rand.Rand, honest [][]int32, liars int) [][]int32 {
		mean, sd := moments(honest)
		v := make([]int32, len(mean))
		for i := range v {
			v[i] = int32(mean[i])
		}
		v[len(v)/2] += int32(sd[0] * math.Sqrt(float64(len(v))))
		return slices.Repeat([][]int32{v}, liars)
	}},
	{"offset", func(r *rand.Rand, honest [][]int32, liars int) [][]int32 {
		out, by := make([][]int32, liars), int32(r.IntN(60_000)-30_000)
		for i := range out {
			out[i] = slices.Clone(honest[i%len(honest)])
			for k := range out[i] {
				out[i][k] += by
			}
		}
		return out
	}},
	{"garbage", func(r *rand.Rand, honest [][]int32, liars int) [][]int32 {
		out := make([][]int32, liars)
		for i := range out {
			out[i] = make([]int32, len(honest[0]))
			for k := range out[i] {
				out[i][k] = int32(r.IntN(2*MaxOffset+1) - MaxOffset)
			}
		}
		return out
	}},
	{"extremes", func(r *rand.Rand, honest [][]int32, liars int) [][]int32 {
		v := make([]int32, len(honest[0]))
		for k := range v {
			v[k] = int32(r.IntN(2)*2-1) * MaxOffset
		}
		return slices.Repeat([][]int32{v}, liars)
	}},
}

func moments(vectors [][]int32) (mean, sd []float64) {
	mean, sd = make([]float64, len(vectors[0])), make([]float64, len(vectors[0]))
	for k := range mean {
		for _, v := range vectors {
			mean[k] += float64(v[k]) / float64(len(vectors))
		}
		for _, v := range vectors {
			sd[k] += (float64(v[k]) - mean[k]) * (float64(v[k]) - mean[k]) / float64(len(vectors))
		}
		sd[k] = math.Sqrt(sd[k])
	}
	return mean, sd
}

// The bounds that the comment on Select proves, under every attack, with all n = 3f+3 proofs and with the n-f that a
// round may close with, under either rule, of which f are still lies.
func TestLiarsAreBounded(t *testing.T) {
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				f := rapid.IntRange(1, 9).Draw(t, "f")
				m := rapid.SampledFrom([]int{3*f + 3, 2*f + 3, 2*f + 1}).Draw(t, "m")
				liars := rapid.IntRange(1, f).Draw(t, "liars")
				length := rapid.IntRange(2, 60).Draw(t, "length")
				r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 3))
				honest := committeeOf(r, m-liars, 0, length)
				vectors := slices.Concat(honest, a.lie(r, honest, liars))
				checkMedian(t, vectors, honest, f)
				if m >= 2*f+3 {
					checkKrum(t, vectors, honest, f)
				}
			})
		})
	}
}

func checkMedian(t *rapid.T, vectors, honest [][]int32, f int) {
	o, err := Select(Median, names(len(vectors)), vectors, f)
	if err != nil {
		t.Fatal(err)
	}
	var s int32
	low, high := make([]int32, len(o.Truth)), make([]int32, len(o.Truth))
	for i := range o.Truth {
		low[i], high[i] = honest[0][i], honest[0][i]
		for _, v := range honest {
			low[i], high[i] = min(low[i], v[i]), max(high[i], v[i])
		}
		s = max(s, high[i]-low[i])
	}
	for i, x := range o.Truth {
		if by := 7*s + 4; x < low[i]-by || x > high[i]+by {
			t.Fatalf("second %d: %d is more than %d outside %d to %d", i, x, by, low[i], high[i])
		}
	}
}

func checkKrum(t *rapid.T, vectors, honest [][]int32, f int) {
	o, err := Select(Krum, names(len(vectors)), vectors, f)
	if err != nil {
		t.Fatal(err)
	}
	var diameter float64
	nearest := math.Inf(1)
	for i, v := range honest {
		nearest = min(nearest, distance(v, o.Truth))
		for _, u := range honest[:i] {
			diameter = max(diameter, distance(u, v))
		}
	}
	m := len(vectors)
	if bound := diameter * math.Sqrt(float64(m-f-2)/float64(m-2*f-1)); nearest > bound+1 {
		t.Fatalf("the truth is %.0f from the nearest honest proof, and %.0f is the bound", nearest, bound)
	}
}

func distance(a, b []int32) float64 {
	var sum float64
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		sum += d * d
	}
	return math.Sqrt(sum)
}

// What the bounds leave open, measured: how far lies move the truth of the median rule from what it would have been.
// n = 50, f = 15: docs/design/poenf.md has the table.
func TestLiarsInPractice(t *testing.T) {
	const n, f, rounds = 50, 15, 40
	for _, a := range attacks {
		r := rand.New(rand.NewPCG(7, 7))
		var rms [2]float64
		for range rounds {
			honest := committeeOf(r, n-f, 0, 60)
			want, _ := moments(honest)
			vectors := slices.Concat(honest, a.lie(r, honest, f))
			for i, rule := range []Rule{Median, Krum} {
				o, err := Select(rule, names(n), vectors, f)
				if err != nil {
					t.Fatal(err)
				}
				for k, x := range o.Truth {
					rms[i] += (float64(x) - want[k]) * (float64(x) - want[k]) / 60 / rounds
				}
			}
		}
		t.Logf("%-10s median %.2f mHz, krum %.2f mHz", a.name, math.Sqrt(rms[0])/1e3, math.Sqrt(rms[1])/1e3)
		if got := math.Sqrt(rms[0]); got > 1500 {
			t.Errorf("%s: the median rule is off by %.0f µHz, more than one honest member's noise", a.name, got)
		}
	}
}

func TestSelectByHand(t *testing.T) {
	// Three who agree but for a clock 1 mHz fast, one value that is off, and a liar.
	vectors := [][]int32{
		{100, 200, 300, 400, 500},
		{1100, 1200, 1300, 1400, 1500},
		{100, 200, 900, 400, 500},
		{100, 200, 300, 400, 500},
		{100, 200, 300, 400, 500},
		{-90_000, 70_000, -50_000, 30_000, -10_000},
	}
	o, err := Select(Median, names(6), vectors, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := Outcome{
		Truth:   []int32{100, 200, 300, 400, 500},
		Spread:  0,
		Winner:  0,
		Scores:  []uint64{0, 0, 3 * 600 * 600, 0, 0, o.Scores[5]},
		Inliers: []bool{true, true, false, true, true, false},
	}
	if diff := cmp.Diff(want, o); diff != "" {
		t.Error(diff)
	}
	if o.Scores[5] < 1e9 {
		t.Errorf("the liar's score is %d", o.Scores[5])
	}
	// Krum leaves offsets as they are.
	o, err = Select(Krum, []string{"f", "e", "d", "c", "b", "a"}, vectors, 1)
	if err != nil {
		t.Fatal(err)
	}
	if o.Winner != 4 || !slices.Equal(o.Truth, vectors[4]) {
		t.Errorf("winner %d with %v, want the lowest name among equals, 4", o.Winner, o.Truth)
	}
}

func TestSelectFew(t *testing.T) {
	for n := 1; n <= 4; n++ {
		vectors := committeeOf(rand.New(rand.NewPCG(1, 9)), n, 0, 10)
		for _, rule := range []Rule{Median, Krum} {
			o, err := Select(rule, names(n), vectors, 0)
			if err != nil {
				t.Fatal(err)
			}
			if n == 1 && (!slices.Equal(o.Truth, vectors[0]) || o.Scores[0] != 0 || o.Spread != 0 || !o.Inliers[0]) {
				t.Errorf("%v of one: %+v", rule, o)
			}
		}
	}
}

// At the edge of the range the aligned mean may fall outside it, and the truth may not.
func TestSelectStaysInRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.Int32Range(MaxOffset-30_000, MaxOffset), rapid.Int32Range(-MaxOffset, MaxOffset))
		vectors := make([][]int32, rapid.IntRange(1, 7).Draw(t, "m"))
		for i := range vectors {
			vectors[i] = rapid.SliceOfN(value, 5, 5).Draw(t, "vector")
		}
		o, err := Select(Median, names(len(vectors)), vectors, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkRange(o.Truth); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSelectRefuses(t *testing.T) {
	ok := [][]int32{{1, 2}, {1, 2}}
	for name, call := range map[string]func() (Outcome, error){
		"rule":    func() (Outcome, error) { return Select(7, names(2), ok, 0) },
		"nothing": func() (Outcome, error) { return Select(Median, nil, nil, 0) },
		"names":   func() (Outcome, error) { return Select(Median, names(3), ok, 0) },
		"f":       func() (Outcome, error) { return Select(Median, names(2), ok, -1) },
		"empty":   func() (Outcome, error) { return Select(Median, names(1), [][]int32{{}}, 0) },
		"lengths": func() (Outcome, error) { return Select(Krum, names(2), [][]int32{{1, 2}, {1}}, 0) },
		"range":   func() (Outcome, error) { return Select(Krum, names(1), [][]int32{{1, MaxOffset + 1}}, 0) },
	} {
		_, err := call()
		refused(t, name, err, ErrMalformed)
	}
}
