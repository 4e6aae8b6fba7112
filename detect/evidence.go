// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"math"

	"github.com/defakepro/defakepro/enf"
)

// The autocorrelation of a grid's frequency: 0.755 exp(-t/79 s) + 0.245 exp(-t/1979 s), fitted to 243 days of the
// US Eastern grid (docs/detection.md).
const (
	fastShare, fastSeconds = 0.755, 79.0
	slowShare, slowSeconds = 0.245, 1979.0
	gridSpread             = 0.0164 // standard deviation in those days, in hertz
	leastSpread            = 0.008  // bounds of what a reference may say it is
	mostSpread             = 0.500  // Great Britain: 55-70 mHz; weak grids swing by hundreds
	spreadSeconds          = 3600.0 // a reference shorter than this does not tell its grid's spread
	outlierShare           = 0.02   // of values that are wrong by far although the recording is genuine
	outlierSpread          = 0.030  // and how far, in hertz
	anythingHz             = 2.0    // another grid's frequency may be anywhere in this breadth
)

// grid is a model of the frequency of a grid that has nothing to do with the reference: Gaussian about mean, with the
// autocorrelation above.
type grid struct{ mean, variance float64 }

// gridModel takes mean and spread from the reference, the rest from what grids are like.
func gridModel(s enf.Series) grid {
	var m moments
	stride := max(1, s.Len()/(1<<20)) // a sample will do
	first := math.NaN()
	for i := 0; i < s.Len(); i += stride {
		if v := s.Hz[i]; v-v == 0 { // neither NaN nor infinite
			if m.n == 0 {
				first = v
			}
			m.add(0, v-first)
		}
	}
	if m.n == 0 {
		return grid{60, gridSpread * gridSpread}
	}
	mean := m.sy / m.n
	spread := math.Sqrt(max(0, m.syy/m.n-mean*mean))
	if s.Step.Seconds()*float64(s.Len()) < spreadSeconds {
		spread = max(spread, gridSpread)
	}
	spread = max(leastSpread, min(spread, mostSpread))
	return grid{first + mean, spread * spread}
}

// evidence returns the log-likelihood ratio, in nats, of "the recording follows truth, but for a constant offset and its noise"
// against "it follows another time or grid, with such an offset and noise" (docs/detection.md, taking the reference as
// free of noise). The offset is a clock's error or, one time in twenty, that of a recording at the wrong speed. It is 0
// where there is nothing to compare.
func (g grid) evidence(hz, truth, noise []float64) float64 {
	const odds = 20
	match, other := g.densities(hz, truth, 0, clockPrior, noise)
	oddMatch, oddOther := g.densities(hz, truth, 0, oddPrior, noise)
	return max(match, oddMatch-math.Log(odds)) - max(other, oddOther-math.Log(odds))
}

// evidenceOver is evidence with an offset that is known to be mean ± spread, in hertz.
func (g grid) evidenceOver(hz, truth []float64, mean, spread float64, noise []float64) float64 {
	match, other := g.densities(hz, truth, mean, spread, noise)
	return match - other
}

// densities returns the log densities of the values under either hypothesis. Values are averaged over the effective
// length of an estimation frame, so that neighbours are independent.
func (g grid) densities(hz, truth []float64, mean, spread float64, noise []float64) (match, other float64) {
	const bin = int(frameSeconds)
	m := level{value: mean, variance: spread * spread}
	o := newWander(g, spread)
	for from := 0; from < len(hz); from += bin {
		to := min(from+bin, len(hz))
		y, d, variance, n := 0.0, 0.0, 0.0, 0.0
		for i := from; i < to; i++ {
			if !math.IsNaN(hz[i]) && !math.IsNaN(truth[i]) {
				y, d, variance, n = y+hz[i], d+hz[i]-truth[i], variance+noise[i]*noise[i], n+1
			}
		}
		o.step(frameSeconds)
		if n < float64(bin)/4 {
			continue
		}
		y, d, variance = y/n, d/n, variance/n
		match += m.update(d, variance)
		other += o.update(y-g.mean-mean, variance)
	}
	return match, other
}

// level is a constant that is being learned.
type level struct{ value, variance float64 }

// update takes an observation in and returns its log density. A gross error costs no more than such errors are rare,
// and teaches nothing.
func (l *level) update(v, noise float64) float64 {
	s := l.variance + noise
	e := v - l.value
	good := (1 - outlierShare) * density(e, s)
	bad := outlierShare * density(e, s+outlierSpread*outlierSpread)
	if good > bad {
		k := l.variance / s
		l.value += k * e
		l.variance *= 1 - k
	}
	return math.Log(good + bad)
}

// density is the normal density of e with variance v, never quite zero.
func density(e, v float64) float64 {
	return math.Exp(-0.5*e*e/v)/math.Sqrt(2*math.Pi*v) + 1e-30
}

// wander predicts a grid's frequency from its own past: a Kalman filter over the sum of two Ornstein-Uhlenbeck
// processes, whose autocorrelation is the sum of two exponentials.
type wander struct {
	variance      [2]float64 // of each when nothing is known
	tau           [2]float64
	x             [2]float64
	pa, pb, cross float64
}

// newWander begins with nothing known. An offset that may be anywhere within so much, in hertz, is taken for a slow
// movement.
func newWander(g grid, offset float64) *wander {
	w := &wander{
		variance: [2]float64{fastShare * g.variance, slowShare*g.variance + offset*offset},
		tau:      [2]float64{fastSeconds, slowSeconds},
	}
	w.pa, w.pb = w.variance[0], w.variance[1]
	return w
}

// step lets so many seconds pass.
func (w *wander) step(seconds float64) {
	a, b := math.Exp(-seconds/w.tau[0]), math.Exp(-seconds/w.tau[1])
	w.x[0] *= a
	w.x[1] *= b
	w.pa = a*a*w.pa + (1-a*a)*w.variance[0]
	w.pb = b*b*w.pb + (1-b*b)*w.variance[1]
	w.cross *= a * b
}

// update takes an observation in and returns its log density.
func (w *wander) update(v, noise float64) float64 {
	ha, hb := w.pa+w.cross, w.pb+w.cross
	s := ha + hb + noise
	e := v - w.x[0] - w.x[1]
	good := (1 - outlierShare) * density(e, s)
	bad := outlierShare * max(1/anythingHz, density(e, s+outlierSpread*outlierSpread))
	if good > bad {
		w.x[0] += ha / s * e
		w.x[1] += hb / s * e
		w.pa -= ha * ha / s
		w.pb -= hb * hb / s
		w.cross -= ha * hb / s
	}
	return math.Log(good + bad)
}
