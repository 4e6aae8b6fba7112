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
//	FastShare exp(-t/FastSeconds) + (1-FastShare) exp(-t/SlowSeconds).
type Statistics struct {
	// Mean and Spread are mean and standard deviation, in hertz.
	Mean, Spread float64
	// FastShare is the part of the variance that the fast movement has, FastSeconds and SlowSeconds are how long either lasts.
	FastShare, FastSeconds, SlowSeconds float64
	// Hours is the length of the reference that the autocorrelation was fitted to; 0 where it is that of the US Eastern grid.
	Hours float64
}

// The autocorrelation of a grid of which nothing is known: fitted to 243 days of the US Eastern grid (docs/detection.md).
const (
	fastShare, fastSeconds = 0.755, 79.0
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
	out := Statistics{Mean: 60, Spread: gridSpread, FastShare: fastShare, FastSeconds: fastSeconds, SlowSeconds: slowSeconds}
	var m moments
	stride := max(1, s.Len()/(1<<20)) // a sample will do
	var sample []float64
	for i := 0; i < s.Len(); i += max(1, s.Len()/(1<<12)) {
		sample = append(sample, s.Hz[i])
	}
	first := medianOf(sample)
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
	out.fit(s)
	return out
}

// fit takes the autocorrelation from the reference, if that is long enough.
func (s *Statistics) fit(truth enf.Series) {
	step := truth.Step.Seconds()
	if !(step > 0) || step > binSeconds || step*float64(truth.Len()) < fitHours*3600 {
		return
	}
	per := int(math.Round(binSeconds / step))
	var lags []int // in bins
	for lag := 1.0; lag*binSeconds <= fitLag; lag = max(lag+1, 1.3*lag) {
		lags = append(lags, int(lag))
	}
	sums, counts := make([]float64, len(lags)+1), make([]float64, len(lags)+1)
	length := int(fitSeconds / step)
	pieces := min(fitPieces, max(1, truth.Len()/length))
	hours := 0.0
	for p := range pieces {
		from := 0
		if pieces > 1 {
			from = p * (truth.Len() - length) / (pieces - 1)
		}
		hours += s.covariances(truth.Hz[from:min(from+length, truth.Len())], per, lags, sums, counts)
	}
	if hours < fitHours {
		return
	}
	for i := range sums {
		sums[i] /= max(counts[i], 1)
	}
	if sums[0] > 0 {
		s.Hours = hours
		s.exponentials(lags, sums)
	}
}

// covariances adds to sums the products of values, bins of so many, that lie so many bins apart, the variance first, and returns the hours
// looked at. What lies where no grid is for long, a drop-out, is left out.
func (s *Statistics) covariances(hz []float64, per int, lags []int, sums, counts []float64) (hours float64) {
	limit := max(apart, apartSpreads*s.Spread)
	x := make([]float64, len(hz)/per)
	present := 0
	for i := range x {
		x[i] = binMean(hz, i*per, (i+1)*per) - s.Mean
		if !(math.Abs(x[i]) < limit) {
			x[i] = math.NaN()
			continue
		}
		present++
	}
	for k := range sums {
		lag := 0
		if k > 0 {
			lag = lags[k-1]
		}
		for i := lag; i < len(x); i++ {
			if v := x[i] * x[i-lag]; v == v { // not NaN
				sums[k] += v
				counts[k]++
			}
		}
	}
	return float64(present) * binSeconds / 3600
}

// exponentials sets the two that are nearest to the covariances in the least squares' sense, spread the logarithms of the lags.
func (s *Statistics) exponentials(lags []int, covariance []float64) {
	s.Spread = max(leastSpread, min(math.Sqrt(covariance[0]), mostSpread))
	least := math.Inf(1)
	for fast := 10.0; fast <= 400; fast *= 1.1 {
		for slow := max(300, 2*fast); slow <= 10000; slow *= 1.2 {
			// Linear in the share: r = b + share (a - b).
			up, down := 0.0, 0.0
			for k, lag := range lags {
				a, b := math.Exp(-binSeconds*float64(lag)/fast), math.Exp(-binSeconds*float64(lag)/slow)
				up, down = up+(covariance[k+1]/covariance[0]-b)*(a-b), down+(a-b)*(a-b)
			}
			share := max(0.05, min(up/down, 0.95))
			rest := 0.0
			for k, lag := range lags {
				a, b := math.Exp(-binSeconds*float64(lag)/fast), math.Exp(-binSeconds*float64(lag)/slow)
				e := covariance[k+1]/covariance[0] - b - share*(a-b)
				rest += e * e
			}
			if rest < least {
				least = rest
				s.FastShare, s.FastSeconds, s.SlowSeconds = share, fast, slow
			}
		}
	}
}
