// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The winner must be the one that the authors' code elects, ties included, and every score the same number.
func TestScoresAreTheAuthors(t *testing.T) {
	r := rand.New(rand.NewPCG(2022, 13))
	for range 3000 {
		n, length := 3+r.IntN(30), 1+r.IntN(70)
		vectors := committeeOf(r, n, r.IntN(n), length)
		switch r.IntN(4) {
		case 0: // few values, so that scores tie
			for _, v := range vectors {
				for i := range v {
					v[i] = int32(r.IntN(2))
				}
			}
		case 1: // colluders
			for i := range n / 3 {
				vectors[i] = vectors[0]
			}
		case 2: // garbage
			for _, v := range vectors[:1+r.IntN(n)] {
				for i := range v {
					v[i] = int32(r.IntN(2*MaxOffset+1) - MaxOffset)
				}
			}
		}
		want := authorsScores(vectors)
		got := Scores(nil, vectors, (n-3)/2)
		if !slices.Equal(got, want) {
			t.Fatalf("n = %d, length = %d:\n%v\n%v", n, length, got, want)
		}
		// Their ties go to the first; ours go to the lowest name, and names in order make that the same.
		if got, want := lowest(got, names(n)), slices.Index(want, slices.Min(want)); got != want {
			t.Fatalf("n = %d: winner %d, theirs %d", n, got, want)
		}
	}
}

// naive is the definition, for any f.
func naive(vectors [][]int32, f int) []uint64 {
	m := len(vectors)
	out := make([]uint64, m)
	for i, a := range vectors {
		var distances []uint64
		for j, b := range vectors {
			var sum uint64
			for k := range a {
				d := int64(a[k]) - int64(b[k])
				sum += uint64(d * d)
			}
			if i != j {
				distances = append(distances, sum)
			}
		}
		slices.Sort(distances)
		nearest := m - f - 2
		if nearest < 1 {
			nearest = m - 1
		}
		for _, d := range distances[:nearest] {
			out[i] += d
		}
	}
	return out
}

func TestScoresExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, length := rapid.IntRange(1, 40).Draw(t, "m"), rapid.IntRange(1, 70).Draw(t, "length")
		// Around the length where two vectors no longer go through one multiplication, and out to the bounds.
		limit := rapid.SampledFrom([]int32{1, 1000, 5900, 6100, 46340, MaxOffset + maxAlign}).Draw(t, "limit")
		value := rapid.OneOf(rapid.Int32Range(-limit, limit), rapid.SampledFrom([]int32{-limit, limit}))
		vectors := make([][]int32, m)
		for i := range vectors {
			vectors[i] = rapid.SliceOfN(value, length, length).Draw(t, "vector")
		}
		f := rapid.IntRange(0, m).Draw(t, "f")
		if diff := cmp.Diff(naive(vectors, f), Scores(nil, vectors, f)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// The largest committee of the longest proofs, as far apart as can be, stays within 64 bits.
func TestScoresAtTheBounds(t *testing.T) {
	vectors := make([][]int32, MaxMembers)
	for i := range vectors {
		vectors[i] = make([]int32, MaxLength)
		for k := range vectors[i] {
			vectors[i][k] = int32(i%2*2-1) * (MaxOffset + maxAlign)
		}
	}
	const apart = MaxLength * 4 * (MaxOffset + maxAlign) * (MaxOffset + maxAlign)
	for i, s := range Scores(nil, vectors, 0) {
		// Of the 1022 nearest, 511 are on the same side.
		if want := uint64(511) * apart; s != want {
			t.Fatalf("score %d is %d, want %d", i, s, want)
		}
	}
}

func TestScoresUsesDst(t *testing.T) {
	vectors := committeeOf(rand.New(rand.NewPCG(1, 1)), 7, 2, 10)
	dst := make([]uint64, 3, 20)
	got := Scores(dst, vectors, 1)
	if &got[0] != &dst[0] || len(got) != 7 {
		t.Errorf("%d scores, not in dst", len(got))
	}
	if diff := cmp.Diff(naive(vectors, 1), got); diff != "" {
		t.Error(diff)
	}
}

func TestScoresPanics(t *testing.T) {
	for name, f := range map[string]func(){
		"lengths": func() { Scores(nil, [][]int32{{1, 2}, {1}}, 0) },
		"f":       func() { Scores(nil, [][]int32{{1}}, -1) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
}

func TestSmallest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spread := rapid.SampledFrom([]int64{0, 1, 3, 1000, 1 << 61}).Draw(t, "spread")
		v := rapid.SliceOfN(rapid.Int64Range(-spread, spread), 1, 300).Draw(t, "v")
		if rapid.Bool().Draw(t, "sorted") {
			slices.Sort(v)
		}
		k := rapid.IntRange(1, len(v)).Draw(t, "k")
		sorted := slices.Sorted(slices.Values(v))
		var want int64
		for _, x := range sorted[:k] {
			want += x
		}
		if got := smallest(v, k); got != want {
			t.Fatalf("sum %d, want %d", got, want)
		}
		slices.Sort(v[:k])
		slices.Sort(v[k:])
		if !slices.Equal(v, sorted) {
			t.Fatalf("%v is not %v with the %d smallest first", v, sorted, k)
		}
	})
}

// Values arranged so that every pivot is the worst must not take quadratic time; here they come from an adversary who
// answers comparisons (McIlroy, Software: Practice and Experience 29(4):341-344, 1999) in the simplest form: long runs.
func TestSmallestOfRuns(t *testing.T) {
	v := make([]int64, 0, 4096)
	for i := range int64(64) {
		for j := range int64(64) {
			v = append(v, (i*j)%7*1000+i)
		}
	}
	want := slices.Sorted(slices.Values(v))
	for _, k := range []int{1, 2, 63, 2048, 4095, 4096} {
		var sum int64
		for _, x := range want[:k] {
			sum += x
		}
		if got := smallest(slices.Clone(v), k); got != sum {
			t.Errorf("k = %d: %d, want %d", k, got, sum)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []int64
		want   int64
	}{
		{[]int64{5}, 5},
		{[]int64{3, 1, 2}, 2},
		{[]int64{1, 2}, 2}, // 1.5, half to even
		{[]int64{2, 3}, 2}, // 2.5
		{[]int64{-1, -2}, -2},
		{[]int64{-3, -2}, -2},
		{[]int64{-1, 0}, 0},
		{[]int64{4, 4, 4, 4}, 4},
		{[]int64{9, 1, 8, 2}, 5},
	} {
		if got := median(slices.Clone(c.values)); got != c.want {
			t.Errorf("median of %v is %d, want %d", c.values, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SliceOfN(rapid.Int64Range(-1<<30, 1<<30), 1, 200).Draw(t, "v")
		s := slices.Sorted(slices.Values(v))
		want := s[len(s)/2]
		if len(s)%2 == 0 {
			want = divide(s[len(s)/2-1]+want, 2)
		}
		if got := median(v); got != want {
			t.Fatalf("%d, want %d", got, want)
		}
	})
}

func TestDivide(t *testing.T) {
	for _, c := range [][3]int64{{7, 2, 4}, {5, 2, 2}, {-5, 2, -2}, {-7, 2, -4}, {10, 3, 3}, {11, 3, 4}, {-10, 3, -3}, {-11, 3, -4}, {0, 9, 0}} {
		if got := divide(c[0], c[1]); got != c[2] {
			t.Errorf("%d/%d = %d, want %d", c[0], c[1], got, c[2])
		}
	}
}

func TestSqrt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Uint64Max(1<<62).Draw(t, "x")
		r := sqrt(x)
		if r*r > x || (r+1)*(r+1) <= x {
			t.Fatalf("root of %d is not %d", x, r)
		}
	})
}
