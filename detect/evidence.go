// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "math"

const (
	// binSeconds is what values are averaged over: a grid moves 1.5 to 2.5 mHz in it, and the noise of a frame is alike for longer.
	binSeconds = 4
	// frameBins are those of a 16 s frame.
	frameBins   = 4
	anythingHz  = 2.0  // another grid's frequency may be anywhere in this breadth
	oddOdds     = 20.0 // against a recording at the wrong speed
	looseShare  = 0.07 // of values whose error has so many times the variance: recorders' are as heavy-tailed (kurtosis 7, docs/detection.md)
	looseScale  = 9.0
	faultShare  = 0.01  // of bins at which a value begins to be wrong by far although the recording is genuine
	faultSpread = 0.030 // and how far, in hertz
	faultStays  = 0.5   // share of such bins after which the next is wrong too: frames overlap
	faultMoves  = 0.005 // and by how much otherwise, in hertz
	calmShare   = 0.5   // of a grid's fast movement that there is in calm times
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

// densities returns the log densities of the values under either hypothesis.
func (s Statistics) densities(hz, truth []float64, mean, spread float64, noise uncertainty) (match, other float64) {
	return s.likelihood(hz, truth, mean, spread, noise), s.strays(hz, truth, mean, spread, noise)
}

// likelihood returns the log density of the values if they follow truth with an offset of mean ± spread, in hertz.
func (s Statistics) likelihood(hz, truth []float64, mean, spread float64, noise uncertainty) float64 {
	return density(constant(spread*spread), noise, math.Inf(-1), func(i int) float64 { return hz[i] - truth[i] - mean }, len(hz))
}

// strays returns that of the values if the grid that they follow is another, where truth has a value. Grids are calm at times, and of hundreds of places one is
// as calm as the recording: for a search the fast movement is as likely as great as it is on average as half of that.
func (s Statistics) strays(hz, truth []float64, mean, spread float64, noise uncertainty) float64 {
	value := func(i int) float64 { return hz[i] - s.Mean - mean + 0*truth[i] }
	usual := density(s.movement(1, spread*spread, noise.step()), noise, -math.Log(anythingHz), value, len(hz))
	if !s.calm {
		return usual
	}
	calm := density(s.movement(calmShare, spread*spread, noise.step()), noise, -math.Log(anythingHz), value, len(hz))
	return logSum(usual, calm) - math.Ln2
}

// density returns the log density of n values of a movement. The noise is as likely what is stated as what it is raised to, and as likely
// that of frames that overlap as that of seconds on their own: which, the values tell.
func density(m movement, noise uncertainty, least float64, value func(int) float64, n int) float64 {
	filters := []filter{newFilter(m, false)}
	if !noise.wanders {
		filters = append(filters, newFilter(m, true))
		if noise.raise > 1 {
			filters = append(filters, filters...)
		}
	}
	for from := 0; from < n; from += noise.step() {
		sum, variance, count := 0.0, 0.0, 0.0
		for i := from; i < min(from+noise.step(), n); i++ {
			if v := value(i); v == v { // not NaN
				sum, variance, count = sum+v, variance+noise.stated[i]*noise.stated[i], count+1
			}
		}
		for i := range filters {
			f := &filters[i]
			f.step()
			if count == 0 {
				continue
			}
			framed, white := 0.0, variance/count
			if noise.wanders || i >= 2 {
				white *= noise.raise * noise.raise
			}
			switch {
			case noise.wanders: // for as long as this
			case f.framed: // what two good recordings differ by may not be smooth
				framed, white = math.Sqrt(white), noiseFloor*noiseFloor/count
			default:
				white /= count
			}
			f.update(sum/count, framed, white, least)
		}
	}
	out := filters[0].log
	for _, f := range filters[1:] {
		out = logSum(out, f.log)
	}
	return out - math.Log(float64(len(filters)))
}

// logDensity is the logarithm of the normal density of e with variance v, within what sums of them bear.
func logDensity(e, v float64) float64 {
	return max(-1e3, -0.5*e*e/v) - 0.5*math.Log(2*math.Pi*v)
}

// modes is how many exponentials a movement is the sum of, at most.
const modes = 3

// movement is a Gaussian process without a trend: a weighted sum of exponentials, each of which decays by itself and which chance
// moves together (Uhlenbeck and Ornstein 1930).
type movement struct {
	n          int
	weight     [modes]float64
	keep       [modes]float64        // share that is left after a step
	covariance [modes][modes]float64 // at rest
}

// constant is a movement that does not move.
func constant(variance float64) movement {
	m := movement{n: 1}
	m.weight[0], m.keep[0], m.covariance[0][0] = 1, 1, variance
	return m
}

// movement is that of the grid, about its mean, of whose fast part there is so great a share, with an offset of such a variance, which is taken for a slow one;
// in steps of so many seconds.
func (s Statistics) movement(fast, offset float64, step int) movement {
	m := movement{n: 3, weight: [modes]float64{1, -1, 1}}
	v := s.Spread * s.Spread
	seconds := [...]float64{s.FastSeconds, s.SmoothSeconds, s.SlowSeconds}
	for i, t := range seconds {
		m.keep[i] = math.Exp(-float64(step) / t)
	}
	// The fast one, through a lag, is the difference of two that the same chance moves.
	both := func(i, j int) float64 { return 1 / (1/seconds[i] + 1/seconds[j]) }
	scale := fast * fast * s.FastShare * v / (both(0, 0) + both(1, 1) - 2*both(0, 1))
	for i := range 2 {
		for j := range 2 {
			m.covariance[i][j] = scale * both(i, j)
		}
	}
	m.covariance[2][2] = (1-s.FastShare)*v + offset
	return m
}

// filter predicts a movement in noise from its own past (Kalman 1960).
type filter struct {
	movement
	framed bool // the noise has a part that frames smear: the mean of past whites
	size   int  // of the state: the movement's, and the whites
	state  [modes + frameBins]float64
	cov    [modes + frameBins][modes + frameBins]float64
	fault  float64 // by how much the value before was wrong; NaN if it was not
	log    float64 // log density of all values so far
}

// frameWeights are those of a Hann window, the sum of whose squares is 1.
var frameWeights = func() (w [frameBins]float64) {
	sum := 0.0
	for i := range w {
		w[i] = math.Pow(math.Sin(math.Pi*(float64(i)+0.5)/frameBins), 2)
		sum += w[i] * w[i]
	}
	for i := range w {
		w[i] /= math.Sqrt(sum)
	}
	return w
}()

// newFilter begins with nothing known.
func newFilter(m movement, framed bool) filter {
	f := filter{movement: m, framed: framed, size: m.n, fault: math.NaN()}
	for i := range m.n {
		for j := range m.n {
			f.cov[i][j] = m.covariance[i][j]
		}
	}
	if framed {
		f.size += frameBins
		for i := m.n; i < f.size; i++ {
			f.cov[i][i] = 1
		}
	}
	return f
}

// step lets the time from one value to the next pass.
func (f *filter) step() {
	for i := f.size - 1; i > f.n; i-- { // the whites move on
		f.state[i] = f.state[i-1]
		for j := f.size - 1; j > f.n; j-- {
			f.cov[i][j] = f.cov[i-1][j-1]
		}
	}
	if f.framed {
		for i := f.size - 1; i > f.n; i-- {
			for j := range f.n {
				f.cov[i][j] = f.cov[i-1][j] * f.keep[j]
				f.cov[j][i] = f.cov[i][j]
			}
		}
		f.state[f.n] = 0
		for i := range f.size {
			f.cov[f.n][i], f.cov[i][f.n] = 0, 0
		}
		f.cov[f.n][f.n] = 1
	}
	for i := range f.n {
		f.state[i] *= f.keep[i]
		for j := range f.n {
			rest := f.covariance[i][j]
			f.cov[i][j] = rest + f.keep[i]*f.keep[j]*(f.cov[i][j]-rest)
		}
	}
}

// update takes a value in that has noise of this standard deviation in its frame and of this variance beside. A fault costs no more than faults
// are rare, and teaches nothing; the log density of its first value is no less than least.
func (f *filter) update(v, framed, white, least float64) {
	var h, gain [modes + frameBins]float64
	copy(h[:], f.weight[:f.n])
	for i := f.n; i < f.size; i++ {
		h[i] = framed * frameWeights[i-f.n]
	}
	e, s := v, white
	for i := range f.size {
		sum, row := 0.0, f.cov[i][:f.size]
		for j, c := range row {
			sum += c * h[j]
		}
		gain[i] = sum
		e -= h[i] * f.state[i]
		s += h[i] * sum
	}
	// Errors are Gaussian but for a few that are greater, and teach less.
	tight, loose := math.Log(1-looseShare)+logDensity(e, s), math.Log(looseShare)+logDensity(e, looseScale*s)
	fault, stays := math.Log(faultShare)+max(least, logDensity(e, s+faultSpread*faultSpread)), math.Log(1-faultShare)
	if f.fault == f.fault { // not NaN
		fault, stays = math.Log(faultStays)+logDensity(e-f.fault, white+faultMoves*faultMoves), math.Log(1-faultStays)
	}
	good := stays + logSum(tight, loose)
	f.log += logSum(good, fault)
	if fault > good {
		f.fault = e
		return
	}
	f.fault = math.NaN()
	if loose > tight {
		s *= looseScale
	}
	for i := range f.size {
		share, row := gain[i]/s, f.cov[i][:f.size]
		f.state[i] += share * e
		for j := range row {
			row[j] -= share * gain[j]
		}
	}
}
