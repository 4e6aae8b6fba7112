// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distmv"

	"github.com/defakepro/defakepro/internal/race"
)

// usEast is the grid of which nothing else is known.
var usEast = Statistics{Mean: 60, Spread: gridSpread, FastShare: fastShare, FastSeconds: fastSeconds, SmoothSeconds: smoothSeconds, SlowSeconds: slowSeconds}

// TestFilter holds the filter against the density of the whole vector, of which it is a factorisation: a grid's movement, in noise that frames
// smear and in noise beside. Values are drawn from the model, so that none is a fault.
func TestFilter(t *testing.T) {
	race.SkipNumeric(t)
	const n, framed, white = 40, 0.002, 0.0008 * 0.0008
	g := usEast
	cov := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			d := binSeconds * float64(j-i)
			fast := (g.FastSeconds*math.Exp(-d/g.FastSeconds) - g.SmoothSeconds*math.Exp(-d/g.SmoothSeconds)) / (g.FastSeconds - g.SmoothSeconds)
			v := g.Spread * g.Spread * (g.FastShare*fast + (1-g.FastShare)*math.Exp(-d/g.SlowSeconds))
			for k := 0; k+j-i < frameBins; k++ {
				v += framed * framed * frameWeights[k] * frameWeights[k+j-i]
			}
			if i == j {
				v += white
			}
			cov.SetSym(i, j, v)
		}
	}
	normal, ok := distmv.NewNormal(make([]float64, n), cov, rand.NewPCG(1, 1))
	if !ok {
		t.Fatal("covariance is not positive definite")
	}
	x := normal.Rand(nil)
	f := newFilter(g.movement(1, 0, binSeconds), true)
	for _, v := range x {
		f.step()
		f.update(v, framed, white, math.Inf(-1))
	}
	// Of each value's density the shares of loose values and of faults are taken away, and given back in part.
	if want := normal.LogProb(x); f.log > want+n*looseShare || f.log < want-n*(looseShare+faultShare) {
		t.Errorf("log density %.3f, want %.3f", f.log, want)
	}
}

// TestEvidenceIsHonest checks what a log-likelihood ratio of x nats promises: unrelated series reach it no more often
// than in exp(-x) of cases.
func TestEvidenceIsHonest(t *testing.T) {
	race.SkipNumeric(t)
	const trials, n, sigma = 4000, 60, 0.002
	const slowShare = 1 - fastShare
	g := usEast
	rng := rand.New(rand.NewPCG(2, 1))
	draw := func() []float64 {
		fast, slow := gridSpread*math.Sqrt(fastShare)*rng.NormFloat64(), gridSpread*math.Sqrt(slowShare)*rng.NormFloat64()
		a, b := math.Exp(-1/fastSeconds), math.Exp(-1/slowSeconds)
		out := make([]float64, n)
		for i := range out {
			fast = a*fast + gridSpread*math.Sqrt(fastShare*(1-a*a))*rng.NormFloat64()
			slow = b*slow + gridSpread*math.Sqrt(slowShare*(1-b*b))*rng.NormFloat64()
			out[i] = g.Mean + fast + slow
		}
		return out
	}
	noise := uncertainty{stated: slices.Repeat([]float64{sigma}, n), raise: 1}
	reached := map[float64]int{}
	genuine := 0
	for range trials {
		x, y := draw(), draw()
		llr := g.evidence(y, x, noise)
		for _, level := range []float64{1, 2, 3, 5} {
			if llr > level {
				reached[level]++
			}
		}
		for i := range x {
			y[i] = x[i] + 0.001 + sigma*rng.NormFloat64()
		}
		if g.evidence(y, x, noise) > 3 {
			genuine++
		}
	}
	for level, count := range reached {
		if limit := trials*math.Exp(-level) + 3*math.Sqrt(trials*math.Exp(-level)); float64(count) > limit {
			t.Errorf("%d of %d unrelated series reach %.0f nats, want at most %.0f", count, trials, level, limit)
		}
	}
	if genuine < 0.9*trials {
		t.Errorf("%d of %d genuine series reach 3 nats", genuine, trials)
	}
}

func TestHannStep(t *testing.T) {
	sum := 0.0
	for i := -20; i <= 20; i++ {
		v := hannStep(float64(i))
		if mirror := 1 - hannStep(-float64(i)); math.Abs(v-mirror) > 1e-12 {
			t.Errorf("at %d: %.6f, mirrored %.6f", i, v, mirror)
		}
		sum += v
	}
	if hannStep(-smear) != 0 || hannStep(smear) != 1 || hannStep(0) != 0.5 || math.Abs(sum-20.5) > 1e-9 {
		t.Errorf("step from %g by %g to %g, sum %g", hannStep(-smear), hannStep(0), hannStep(smear), sum)
	}
}
