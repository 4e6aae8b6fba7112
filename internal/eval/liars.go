// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/poenf"
)

// Liars is a way in which members of a committee may lie together.
type Liars struct {
	Name string
	// lie returns the vectors of so many liars, who know those of the honest and a stretch of the grid at another time.
	lie func(r *rand.Rand, honest [][]int32, other []float64, liars int) [][]int32
}

// AllLiars are the attacks of the literature on aggregation, for frequencies: Blanchard et al. 2017 (garbage), Baruch,
// Baruch and Goldberg 2019 (ALIE), El Mhamdi, Guerraoui and Rouault 2018 (all error in one value), and the point that
// Krum's score still prefers.
var AllLiars = []Liars{
	{"none", nil},
	{"replay of another time, together", func(_ *rand.Rand, _ [][]int32, other []float64, liars int) [][]int32 {
		return slices.Repeat([][]int32{micro(other)}, liars)
	}},
	{"point attack on Krum", func(_ *rand.Rand, honest [][]int32, _ []float64, liars int) [][]int32 {
		// Of b identical liars among n, one wins while it is nearer than sqrt(2m/(m-b+1) - 1) standard deviations, of m nearest others.
		mean, sd := spreads(honest)
		m, b := float64(len(honest)-2), float64(liars)
		by := 0.97 * math.Sqrt(max(2*m/max(m-b+1, 1)-1, 0))
		return together(mean, liars, func(i int) float64 { return by * sd[i] })
	}},
	{"ALIE", func(_ *rand.Rand, honest [][]int32, _ []float64, liars int) [][]int32 {
		mean, sd := spreads(honest)
		return together(mean, liars, func(i int) float64 { return -1.2 * sd[i] })
	}},
	{"all in one second", func(_ *rand.Rand, honest [][]int32, _ []float64, liars int) [][]int32 {
		mean, sd := spreads(honest)
		return together(mean, liars, func(i int) float64 {
			if i != len(mean)/2 {
				return 0
			}
			return sd[i] * math.Sqrt(float64(len(mean)))
		})
	}},
	{"constant offset", func(r *rand.Rand, honest [][]int32, _ []float64, liars int) [][]int32 {
		mean, _ := spreads(honest)
		by := 30_000 * (2*r.Float64() - 1)
		return together(mean, liars, func(int) float64 { return by })
	}},
	{"garbage", func(r *rand.Rand, honest [][]int32, _ []float64, liars int) [][]int32 {
		out := make([][]int32, liars)
		for i := range out {
			out[i] = make([]int32, len(honest[0]))
			for k := range out[i] {
				out[i][k] = int32(r.IntN(2*poenf.MaxOffset+1) - poenf.MaxOffset)
			}
		}
		return out
	}},
}

// together returns one vector, so far from the mean, for each liar.
func together(mean []float64, liars int, by func(i int) float64) [][]int32 {
	v := make([]int32, len(mean))
	for i := range v {
		v[i] = int32(mean[i] + by(i))
	}
	return slices.Repeat([][]int32{v}, liars)
}

// spreads returns mean and standard deviation of each second.
func spreads(vectors [][]int32) (mean, sd []float64) {
	n := float64(len(vectors))
	mean, sd = make([]float64, len(vectors[0])), make([]float64, len(vectors[0]))
	for k := range mean {
		sum, squares := 0.0, 0.0
		for _, v := range vectors {
			sum += float64(v[k])
			squares += float64(v[k]) * float64(v[k])
		}
		mean[k] = sum / n
		sd[k] = math.Sqrt(max(0, squares/n-mean[k]*mean[k]))
	}
	return mean, sd
}

// micro returns frequencies in µHz from 60 Hz. They are a grid's, so that they are in range.
func micro(hz []float64) []int32 {
	out, err := ledger.Offsets(hz, int(enf.Grid60))
	if err != nil {
		panic(err)
	}
	return out
}

// The noise of honest members, in hertz, as measured on three recorders against their mains (docs/results/real.md): white from second to
// second, and a constant offset of the clock.
const memberNoise, memberOffset = 1.5e-3, 1.2e-3

// members returns the vectors of n honest members who see truth.
func members(r *rand.Rand, truth []float64, n int) [][]int32 {
	out := make([][]int32, n)
	seen := make([]float64, len(truth))
	for i := range out {
		offset := memberOffset * r.NormFloat64()
		for k, v := range truth {
			seen[k] = v + offset + memberNoise*r.NormFloat64()
		}
		out[i] = micro(seen)
	}
	return out
}

// authorsWinner is the authors' algorithm as their public code has it (EconLedger, ENF_analyze): the index of the
// lowest sum of squared Euclidean distances to the n-f-2 nearest others, f = (n-3)/2 rounded down; of the first, where
// there are several.
func authorsWinner(vectors [][]float64) int {
	n := len(vectors)
	nearest := n - (n-3)/2 - 2
	best, least := 0, math.Inf(1)
	for i := range vectors {
		distances := make([]float64, 0, n-1)
		for j := range vectors {
			if j == i {
				continue
			}
			sum := 0.0
			for k := range vectors[i] {
				d := 100 * (vectors[i][k] - vectors[j][k])
				sum += d * d
			}
			distances = append(distances, sum)
		}
		slices.Sort(distances)
		score := 0.0
		for _, d := range distances[:nearest] {
			score += d
		}
		if score < least {
			best, least = i, score
		}
	}
	return best
}
