// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "math"

const (
	// binSeconds is what values are averaged over: the effective length of a 16 s Hann frame, and where the two exponentials move as
	// much as grids do. Over 4 s grids move less (docs/detection.md), and whatever is as smooth would pass for evidence.
	binSeconds    = 8
	outlierShare  = 0.02  // of values that are wrong by far although the recording is genuine
	outlierSpread = 0.030 // and how far, in hertz
	anythingHz    = 2.0   // another grid's frequency may be anywhere in this breadth
	oddOdds       = 20.0  // against a recording at the wrong speed
)

// evidence returns the log-likelihood ratio, in nats, of "the recording follows truth, but for a constant offset and its noise"
// against "it follows another time or grid, with such an offset and noise" (docs/detection.md, taking the reference as
// free of noise). The offset is a clock's error or, one time in twenty, that of a recording at the wrong speed. It is 0
// where there is nothing to compare.
func (s Statistics) evidence(hz, truth []float64, noise uncertainty) float64 {
	match, other := s.densities(hz, truth, 0, clockPrior, noise)
	oddMatch, oddOther := s.densities(hz, truth, 0, oddPrior, noise)
	return logSum(match, oddMatch-math.Log(oddOdds)) - logSum(other, oddOther-math.Log(oddOdds))
}

// evidenceOver is evidence with an offset that is known to be mean ± spread, in hertz.
func (s Statistics) evidenceOver(hz, truth []float64, mean, spread float64, noise uncertainty) float64 {
	match, other := s.densities(hz, truth, mean, spread, noise)
	return match - other
}

// logSum returns log(exp(a) + exp(b)).
func logSum(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	return a + math.Log1p(math.Exp(b-a))
}

// densities returns the log densities of the values under either hypothesis. The noise is as likely what is stated as what it is raised to,
// and as likely that of frames that overlap as that of seconds on their own: which, the values tell, alike under both.
func (s Statistics) densities(hz, truth []float64, mean, spread float64, noise uncertainty) (match, other float64) {
	var follows, strays [5]filter
	kinds := 4
	switch {
	case noise.raise == 1:
		kinds = 2
	case noise.wander > 0:
		kinds = 5
	}
	clock, v := spread*spread, s.Spread*s.Spread
	for i := range kinds {
		wander := process{}
		if i == 4 {
			wander = process{noise.wander * noise.wander, wanderSeconds}
		}
		follows[i] = newFilter(process{clock, math.Inf(1)}, wander)
		// An offset that may be anywhere within the spread is taken for a slow movement, and a clock's wandering for a fast one.
		strays[i] = newFilter(process{s.FastShare*v + wander.variance, s.FastSeconds}, process{(1-s.FastShare)*v + clock, s.SlowSeconds})
	}
	for from := 0; from < len(hz); from += binSeconds {
		to := min(from+binSeconds, len(hz))
		y, d, variance, n := 0.0, 0.0, 0.0, 0.0
		for i := from; i < to; i++ {
			if !math.IsNaN(hz[i]) && !math.IsNaN(truth[i]) {
				y, d, variance, n = y+hz[i], d+hz[i]-truth[i], variance+noise.stated[i]*noise.stated[i], n+1
			}
		}
		y, d, variance = y/n-s.Mean-mean, d/n-mean, variance/n
		for i := range kinds {
			follows[i].step()
			strays[i].step()
			if n < binSeconds/4 {
				continue
			}
			r := variance
			if i%2 == 1 {
				r /= n
			}
			if i == 2 || i == 3 {
				r *= noise.raise * noise.raise
			}
			follows[i].update(d, r, math.Inf(-1))
			strays[i].update(y, r, -math.Log(anythingHz))
		}
	}
	match, other = follows[0].log, strays[0].log
	for i := 1; i < kinds; i++ {
		match, other = logSum(match, follows[i].log), logSum(other, strays[i].log)
	}
	return match - math.Log(float64(kinds)), other - math.Log(float64(kinds))
}

// logDensity is the logarithm of the normal density of e with variance v, within what sums of them bear.
func logDensity(e, v float64) float64 {
	return max(-1e3, -0.5*e*e/v) - 0.5*math.Log(2*math.Pi*v)
}

// process is a movement without a trend (Ornstein and Uhlenbeck 1930): its variance, and the time after which a part of 1/e is
// left of the correlation. One of infinite time is a constant.
type process struct{ variance, seconds float64 }

// filter predicts the sum of two processes from its own past (Kalman 1960).
type filter struct {
	a, b         process
	keepA, keepB float64 // share that is left after a step
	x, y         float64
	pa, pb, pab  float64
	log          float64 // log density of all values so far
}

// newFilter begins with nothing known.
func newFilter(a, b process) filter {
	return filter{a: a, b: b, keepA: math.Exp(-binSeconds / a.seconds), keepB: math.Exp(-binSeconds / b.seconds), pa: a.variance, pb: b.variance}
}

// step lets the time from one value to the next pass.
func (f *filter) step() {
	f.x *= f.keepA
	f.y *= f.keepB
	f.pa = f.keepA*f.keepA*f.pa + (1-f.keepA*f.keepA)*f.a.variance
	f.pb = f.keepB*f.keepB*f.pb + (1-f.keepB*f.keepB)*f.b.variance
	f.pab *= f.keepA * f.keepB
}

// update takes a value in that has noise of this variance. A gross error costs no more than such errors are rare, and teaches
// nothing; its log density is no less than least.
func (f *filter) update(v, noise, least float64) {
	ga, gb := f.pa+f.pab, f.pb+f.pab
	s := ga + gb + noise
	e := v - f.x - f.y
	good := math.Log(1-outlierShare) + logDensity(e, s)
	bad := math.Log(outlierShare) + max(least, logDensity(e, s+outlierSpread*outlierSpread))
	if good > bad {
		f.x += ga / s * e
		f.y += gb / s * e
		f.pa -= ga * ga / s
		f.pb -= gb * gb / s
		f.pab -= ga * gb / s
	}
	f.log += logSum(good, bad)
}
