// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

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

var sizes = []int{10, 20, 50, 100, 200, 500}

func BenchmarkScores(b *testing.B) {
	for _, n := range sizes {
		for _, with := range []struct {
			name  string
			liars int
		}{{"honest", 0}, {"liars", n / 3}} {
			b.Run(fmt.Sprintf("%s/K=%d", with.name, n), func(b *testing.B) {
				vectors := committeeOf(rand.New(rand.NewPCG(1, 2)), n, with.liars, 60)
				dst := make([]uint64, n)
				b.ReportAllocs()
				cpu(b, func() { Scores(dst, vectors, DefaultFaulty(n)) })
			})
		}
	}
}

func BenchmarkAuthors(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("K=%d", n), func(b *testing.B) {
			vectors := committeeOf(rand.New(rand.NewPCG(1, 2)), n, 0, 60)
			b.ReportAllocs()
			cpu(b, func() { authorsScores(vectors) })
		})
	}
}

func BenchmarkSelect(b *testing.B) {
	for _, rule := range []Rule{Median, Krum} {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("%v/K=%d", rule, n), func(b *testing.B) {
				vectors := committeeOf(rand.New(rand.NewPCG(1, 2)), n, 0, 60)
				names := make([]string, n)
				for i := range names {
					names[i] = fmt.Sprintf("m%03d", i)
				}
				b.ReportAllocs()
				cpu(b, func() {
					if _, err := Select(rule, names, vectors, DefaultFaulty(n)); err != nil {
						b.Fatal(err)
					}
				})
			})
		}
	}
}
