// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"context"
	"math"
	"slices"
)

const (
	reach       = 130   // seconds of the grid's time line by which a cut may shift what follows and be followed
	offsetReach = 0.100 // hertz; how far a recording's constant offset is looked for
	offsetBin   = 0.0005
	alignValues = 100_000 // seconds that are looked at, a day's; of a longer recording a sample is
)

// alignment is how a recording lies on the reference: second 0 at place, and values higher by offset.
type alignment struct {
	place, offset float64
	support       float64 // seconds that agree, a perfect agreement counting one; comparable within a recording
	rmse          float64 // of those seconds
}

// align finds the alignment within so many seconds of place that most of the recording agrees with. The rest may be
// anything: half of a recording with a cut lies elsewhere, and a replaced stretch nowhere. Once ctx ends, what it finds is of no use.
func align(ctx context.Context, rec track, ref reference, place float64, within int) alignment {
	best := alignment{place: place, rmse: math.NaN()}
	tolerance := rec.tolerance()
	votes := make([]float64, int(2*offsetReach/offsetBin)+1)
	try := func(p float64) alignment { return supportAt(rec, ref, p, tolerance, votes) }
	for lag := range 2*within + 1 {
		if ctx.Err() != nil {
			break
		}
		// The place nearest to the one claimed comes first, and wins a draw.
		p := place + float64((lag+1)/2)*float64(1-2*(lag%2))
		if a := try(p); a.support > best.support+1e-9 {
			best = a
		}
	}
	for _, step := range []float64{0.5, 0.25, 0.12, 0.06} {
		for _, p := range []float64{best.place - step, best.place + step} {
			if math.Abs(p-place) > float64(max(within, 1)) {
				continue // a flat stretch fits farther off as well
			}
			if a := try(p); a.support > best.support {
				best = a
			}
		}
	}
	return best
}

// tolerance returns the difference, in hertz, beyond which a second does not agree.
func (rec track) tolerance() float64 {
	return max(0.006, min(3*math.Hypot(rec.medianSigma(), noiseFloor), 0.015))
}

// supportAt finds the offset that most seconds agree on at a place: the mode of the differences, which stays put however many
// of them are foreign. votes is scratch.
func supportAt(rec track, ref reference, place, tolerance float64, votes []float64) alignment {
	clear(votes)
	n := 0
	stride := 1 + len(rec.hz)/alignValues
	differ := func(i int) float64 { return rec.hz[i] - ref.at(place+float64(i)) }
	for i := 0; i < len(rec.hz); i += stride {
		if d := differ(i); math.Abs(d) < offsetReach { // false for NaN
			votes[int((d+offsetReach)/offsetBin)]++
			n++
		}
	}
	a := alignment{place: place, rmse: math.NaN()}
	if n == 0 {
		return a
	}
	a.offset = mode(votes, int(tolerance/offsetBin))
	for range 3 { // settle on the mean of what agrees
		sum, squares, count := 0.0, 0.0, 0.0
		for i := 0; i < len(rec.hz); i += stride {
			if e := differ(i) - a.offset; math.Abs(e) < tolerance {
				sum, squares, count = sum+e, squares+e*e, count+1
			}
		}
		if count == 0 {
			return a
		}
		mean := sum / count
		a.offset += mean
		a.rmse = math.Sqrt(max(0, squares/count-mean*mean))
		a.support = count * (1 - squares/count/(tolerance*tolerance))
	}
	// Of two agreements alike, the one that a clock explains.
	a.support *= 1 - 0.1*min(1, math.Abs(a.offset)/clockLimit)
	return a
}

// mode returns the centre, in hertz, of the stretch of votes, half a width of so many bins, that holds the most.
func mode(votes []float64, half int) float64 {
	sum, best, at := 0.0, -1.0, 0
	for i := range len(votes) + half {
		if i < len(votes) {
			sum += votes[i]
		}
		if i-2*half-1 >= 0 {
			sum -= votes[i-2*half-1]
		}
		if sum > best {
			best, at = sum, i-half
		}
	}
	return (float64(at)+0.5)*offsetBin - offsetReach
}

// residuals returns what is left of each second after truth and offset; NaN where either is missing.
func (rec track) residuals(truth []float64, offset float64) []float64 {
	out := make([]float64, len(rec.hz))
	for i := range out {
		out[i] = rec.hz[i] - truth[i] - offset
	}
	return out
}

// Median returns the median of the values that are there, NaN for none. It does not change x.
func Median(x []float64) float64 {
	var s []float64
	for _, v := range x {
		if !math.IsNaN(v) {
			s = append(s, v)
		}
	}
	if len(s) == 0 {
		return math.NaN()
	}
	slices.Sort(s)
	if len(s)%2 == 0 {
		return (s[len(s)/2-1] + s[len(s)/2]) / 2
	}
	return s[len(s)/2]
}
