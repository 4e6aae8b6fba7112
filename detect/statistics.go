// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"fmt"
	"math"

	"github.com/defakepro/defakepro/enf"
)

// Statistics say what a grid's frequency is like: what another hour of it would be. It is taken for Gaussian, the sum of a fast
// and a slow movement, whose autocorrelation is
//
//	FastShare exp(-t/FastSeconds) + (1-FastShare) exp(-t/SlowSeconds)
//
// once t is much longer than SmoothSeconds, by which the fast one lags behind what moves it: generators have inertia.
type Statistics struct {
	// Mean and Spread are mean and standard deviation, in hertz.
	Mean, Spread float64
	// FastShare is the part of the variance that the fast movement has, FastSeconds and SlowSeconds are how long either lasts, SmoothSeconds is the lag
	// of the fast one.
	FastShare, FastSeconds, SmoothSeconds, SlowSeconds float64
	// Hours is the length of the reference that the autocorrelation was fitted to; 0 where it is that of the US Eastern grid.
	Hours float64

	// pace is how many times as much as Spread says the reference moves within half a minute, where that was not fitted; 0 if nothing tells.
	pace float64
	calm bool // it may be calm at times
}

// The autocorrelation of a grid of which nothing is known: fitted to 243 days of the US Eastern grid (docs/detection.md).
const (
	fastShare, fastSeconds = 0.755, 79.0
	smoothSeconds          = 5.0
	slowSeconds            = 1979.0
	gridSpread             = 0.0164 // standard deviation in those days, in hertz
	leastSpread            = 0.008  // bounds of what a reference may say it is
	mostSpread             = 0.500  // Great Britain: 55-70 mHz; weak grids swing by hundreds
	spreadSeconds          = 3600.0 // a reference shorter than this does not tell its grid's spread
)

const (
	// fitHours is the least length of a reference that the autocorrelation is taken from, in hours.
	fitHours = 6
	// Of a long one, so many evenly spaced pieces of so many seconds are looked at.
	fitPieces, fitSeconds = 28, 43200
	// hastenPairs is how many pairs of values tell how fast a grid moves.
	hastenPairs = 30
	// fitStep is the greatest step of a reference that tells how a grid moves, in seconds.
	fitStep = 8
	// fitLag is the greatest distance at which values are held against each other, in seconds: beyond, a day's curve has little to say.
	fitLag = 1200
)

// Fit takes the statistics of a grid from a reference, at the fundamental, of at least six hours, gaps not counted. Less does
// not tell its slow movements.
func Fit(s enf.Series) (Statistics, error) {
	out := modelOf(s)
	if out.Hours == 0 {
		return out, fmt.Errorf("%d frequencies, %v apart, do not tell what a grid is like: it takes %d h of them", s.Present(), s.Step, fitHours)
	}
	return out, nil
}

// modelOf takes mean and spread from a reference and, if it is long enough, the autocorrelation; the rest from what grids are like.
func modelOf(s enf.Series) Statistics {
	out := Statistics{Mean: 60, Spread: gridSpread, FastShare: fastShare, FastSeconds: fastSeconds, SmoothSeconds: smoothSeconds, SlowSeconds: slowSeconds}
	var m moments
	stride := max(1, s.Len()/(1<<20)) // a sample will do
	var sample []float64
	for i := 0; i < s.Len(); i += max(1, s.Len()/(1<<12)) {
		sample = append(sample, s.Hz[i])
	}
	first := Median(sample)
	for i := 0; i < s.Len(); i += stride {
		if d := s.Hz[i] - first; math.Abs(d) < mostSpread*apartSpreads { // no drop-out
			m.add(0, d)
		}
	}
	if m.n == 0 {
		return out
	}
	mean := m.sy / m.n
	spread := math.Sqrt(max(0, m.syy/m.n-mean*mean))
	if s.Step.Seconds()*float64(s.Len()) < spreadSeconds {
		spread = max(spread, gridSpread)
	}
	out.Mean, out.Spread = first+mean, max(leastSpread, min(spread, mostSpread))
	if out.fit(s); out.Hours == 0 {
		out.hasten(s)
	}
	return out
}

// searching are the statistics for a search, which finds among hundreds of places the one where a recording that is calm, or moves fast, is most alike.
func (s Statistics) searching() Statistics {
	s.calm = true
	s.Spread = min(s.Spread*max(1, s.pace), mostSpread)
	return s
}

// hasten sets the pace: of how fast a grid moves a quarter of an hour tells enough, while of how far it goes it does not.
func (s *Statistics) hasten(truth enf.Series) {
	step := truth.Step.Seconds()
	if !(step > 0) || step > fitStep {
		return
	}
	per := max(1, int(math.Round(binSeconds/step)))
	bin := float64(per) * step
	lags := []int{int(8 / bin), int(16 / bin), int(32 / bin)}
	sums, counts := make([]float64, len(lags)+1), make([]float64, len(lags)+1)
	s.differences(truth.Hz[:min(truth.Len(), int(fitSeconds/step))], per, lags, sums, counts)
	faster, n := 0.0, 0.0
	for k, lag := range lags {
		if counts[k+1] < hastenPairs {
			return
		}
		t := float64(lag) * bin
		fast := lagged(t, s.FastSeconds, s.SmoothSeconds)
		moves := s.FastShare*(1-fast) + (1-s.FastShare)*(1-math.Exp(-t/s.SlowSeconds))
		faster, n = faster+math.Log(sums[k+1]/counts[k+1]/(moves*s.Spread*s.Spread)), n+1
	}
	s.pace = math.Exp(faster / n / 2)
}

// fit takes the autocorrelation from the reference, if that is long enough.
func (s *Statistics) fit(truth enf.Series) {
	step := truth.Step.Seconds()
	if !(step > 0) || step > fitStep || step*float64(truth.Len()) < fitHours*3600 {
		return
	}
	per := max(1, int(math.Round(binSeconds/step)))
	bin := float64(per) * step
	var lags []int // in bins
	for lag := 1.0; lag*bin <= fitLag; lag = max(lag+1, 1.3*lag) {
		lags = append(lags, int(lag))
	}
	sums, counts := make([]float64, len(lags)+1), make([]float64, len(lags)+1)
	length := int(fitSeconds / step)
	pieces := min(fitPieces, max(1, truth.Len()/length))
	present := 0
	for p := range pieces {
		from := 0
		if pieces > 1 {
			from = p * (truth.Len() - length) / (pieces - 1)
		}
		present += s.differences(truth.Hz[from:min(from+length, truth.Len())], per, lags, sums, counts)
	}
	hours := float64(present) * bin / 3600
	if hours < fitHours || sums[0] <= 0 {
		return
	}
	s.Hours = hours
	s.Spread = max(leastSpread, min(math.Sqrt(sums[0]/counts[0]), mostSpread))
	var points []variogram
	for k, lag := range lags {
		if counts[k+1] > 0 && sums[k+1] > 0 {
			points = append(points, variogram{float64(lag) * bin, sums[k+1] / counts[k+1] / (s.Spread * s.Spread)})
		}
	}
	s.exponentials(points)
}

// variogram is how far values so many seconds apart differ: half their mean square difference, as a share of the variance (Matheron 1963).
type variogram struct{ seconds, share float64 }

// differences adds to sums the squares of the values, bins of so many, and then half the squared differences of those that lie so many bins apart;
// and returns how many there are. What lies where no grid is for long, a drop-out, is left out.
func (s *Statistics) differences(hz []float64, per int, lags []int, sums, counts []float64) (present int) {
	limit := max(apart, apartSpreads*s.Spread)
	x := make([]float64, len(hz)/per)
	for i := range x {
		x[i] = binMean(hz, i*per, (i+1)*per) - s.Mean
		if !(math.Abs(x[i]) < limit) {
			x[i] = math.NaN()
			continue
		}
		present++
		sums[0] += x[i] * x[i]
		counts[0]++
	}
	for k, lag := range lags {
		for i := lag; i < len(x); i++ {
			if d := x[i] - x[i-lag]; d == d { // not NaN
				sums[k+1] += d * d / 2
				counts[k+1]++
			}
		}
	}
	return present
}

// lagged is the autocorrelation, after t seconds, of an exponential of so many seconds behind a lag of others.
func lagged(t, seconds, lag float64) float64 {
	return (seconds*math.Exp(-t/seconds) - lag*math.Exp(-t/lag)) / (seconds - lag)
}

// exponentials sets those by which the points are off least, each as a share of itself, so that seconds tell as much as minutes do. What
// the reference itself is noisy by is found beside them, and left out.
func (s *Statistics) exponentials(points []variogram) {
	least := math.Inf(1)
	for fast := 10.0; fast <= 400; fast *= 1.1 {
		for _, smooth := range []float64{0.5, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 13} {
			if smooth > fast/2 {
				break
			}
			for slow := max(300, 2*fast); slow <= 10000; slow *= 1.2 {
				share, rest := shareOf(points, fast, smooth, slow)
				if rest < least {
					least = rest
					s.FastShare, s.FastSeconds, s.SmoothSeconds, s.SlowSeconds = share, fast, smooth, slow
				}
			}
		}
	}
}

// shareOf returns the fast movement's share of the variance that fits the points best, and by how much they are off: it is linear in the share and in the
// reference's noise.
func shareOf(points []variogram, fast, smooth, slow float64) (share, rest float64) {
	var aa, ab, bb, ay, by float64
	terms := func(p variogram) (a, b, y float64) {
		f := lagged(p.seconds, fast, smooth)
		g := math.Exp(-p.seconds / slow)
		return (g - f) / p.share, g / p.share, 1 - (1-g)/p.share
	}
	for _, p := range points {
		a, b, y := terms(p)
		aa, ab, bb, ay, by = aa+a*a, ab+a*b, bb+b*b, ay+a*y, by+b*y
	}
	noise := max(0, (by*aa-ay*ab)/(aa*bb-ab*ab))
	share = max(0.05, min((ay-noise*ab)/aa, 0.95))
	for _, p := range points {
		a, b, y := terms(p)
		e := y - share*a - noise*b
		rest += e * e
	}
	return share, rest
}
