// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// ErrGrid means that values do not tell which grid they are of.
var ErrGrid = errors.New("nominal frequency is ambiguous")

// Fundamental returns s at the fundamental of grid g: values at a harmonic (299.9 Hz is the 5th of 60 Hz) are divided
// by its number, with their uncertainties. It also returns the grid, which for GridAuto is told from the values. The
// error wraps [ErrGrid] if both grids have a harmonic there, as at 300 Hz, and otherwise says that none has. The
// result shares storage with s where nothing is divided.
func (s Series) Fundamental(g Grid) (Series, Grid, error) {
	center := s.medianHz()
	if math.IsNaN(center) {
		return s, g, nil
	}
	number := make(map[Grid]int)
	for _, grid := range []Grid{Grid50, Grid60} {
		k := math.Round(center / float64(grid))
		// Two percent is beyond what grids do, and keeps the harmonics of both apart below 300 Hz.
		if k >= 1 && math.Abs(center/k-float64(grid)) < 0.02*float64(grid) {
			number[grid] = int(k)
		}
	}
	if g == GridAuto {
		switch {
		case number[Grid50] > 0 && number[Grid60] > 0:
			return s, g, fmt.Errorf("values near %.1f Hz may be harmonic %d of 50 Hz or %d of 60 Hz: %w",
				center, number[Grid50], number[Grid60], ErrGrid)
		case number[Grid50] > 0:
			g = Grid50
		default:
			g = Grid60
		}
	}
	k := number[g]
	if k == 0 {
		return s, g, fmt.Errorf("values near %.2f Hz are no harmonic of a %d Hz grid", center, g)
	}
	if k == 1 {
		return s, g, nil
	}
	s.Hz, s.Sigma = scaledBy(s.Hz, 1/float64(k)), scaledBy(s.Sigma, 1/float64(k))
	return s, g, nil
}

// scaledBy returns v times x as a new slice, nil for nil.
func scaledBy(x []float64, v float64) []float64 {
	if x == nil {
		return nil
	}
	y := make([]float64, len(x))
	for i := range x {
		y[i] = x[i] * v
	}
	return y
}

// Resample returns s at another step, positive, from the same start: finer values are averaged over the new step, coarser ones
// interpolated on a straight line. A new value is NaN where more than half of what it rests on is missing. With the
// step of s it returns s.
func (s Series) Resample(step time.Duration) Series {
	if step == s.Step || s.Step <= 0 || step <= 0 || s.Len() == 0 {
		return s
	}
	n := int(time.Duration(s.Len()-1)*s.Step/step) + 1
	if step > s.Step {
		n = max(1, int(time.Duration(s.Len())*s.Step/step))
	}
	out := s
	out.Step = step
	ratio := float64(step) / float64(s.Step)
	out.Hz, out.Sigma, out.SNR = resampleValues(s.Hz, n, ratio), resampleValues(s.Sigma, n, ratio), resampleValues(s.SNR, n, ratio)
	return out
}

// resampleValues returns n values of x, ratio apart; nil for nil.
func resampleValues(x []float64, n int, ratio float64) []float64 {
	if x == nil {
		return nil
	}
	y := make([]float64, n)
	for i := range y {
		at := float64(i) * ratio
		if ratio < 1 {
			y[i] = lineAt(x, at)
			continue
		}
		y[i] = meanAround(x, at, ratio/2)
	}
	return y
}

// meanAround returns the mean of x over reach to either side of the index at, less at the ends, so that the curve does not
// shift: a value stands for half an index to either side. It is NaN where more than half of that is missing.
func meanAround(x []float64, at, reach float64) float64 {
	reach = min(reach, at+0.5, float64(len(x))-0.5-at)
	from, to := at-reach, at+reach
	sum, present := 0.0, 0.0
	for i := max(0, int(from+0.5)); i < len(x) && float64(i)-0.5 < to; i++ {
		part := min(to, float64(i)+0.5) - max(from, float64(i)-0.5)
		if v := x[i]; v == v && part > 0 { // not NaN
			sum, present = sum+part*v, present+part
		}
	}
	if present <= 0 || present < reach*(1-1e-9) { // rounding must not decide
		return math.NaN()
	}
	return sum / present
}

// lineAt returns x at the fractional index at, NaN outside of it.
func lineAt(x []float64, at float64) float64 {
	i := int(math.Floor(at))
	part := at - float64(i)
	switch {
	case i < 0 || i >= len(x):
		return math.NaN()
	case part == 0:
		return x[i]
	case i+1 >= len(x):
		return math.NaN()
	}
	return x[i]*(1-part) + x[i+1]*part
}

// medianHz returns the median of the values present, of an even sample of them when there are many; NaN for none.
func (s Series) medianHz() float64 {
	const most = 1 << 14
	var sample []float64
	stride := max(1, len(s.Hz)/most)
	for i := 0; i < len(s.Hz); i += stride {
		if !math.IsNaN(s.Hz[i]) {
			sample = append(sample, s.Hz[i])
		}
	}
	if len(sample) == 0 && stride > 1 { // hardly any: look at all
		for _, hz := range s.Hz {
			if !math.IsNaN(hz) && len(sample) < most {
				sample = append(sample, hz)
			}
		}
	}
	if len(sample) == 0 {
		return math.NaN()
	}
	slices.Sort(sample)
	return sample[len(sample)/2]
}
