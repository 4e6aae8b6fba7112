// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

import (
	"math"
	"time"
)

// Grid is the nominal frequency of a power grid, in hertz.
type Grid int

// The world's two nominal frequencies. GridAuto asks an estimator to find out.
const (
	GridAuto Grid = 0
	Grid50   Grid = 50
	Grid60   Grid = 60
)

// Series is a grid's frequency over time, evenly sampled: what was estimated from a recording, or a reference.
type Series struct {
	// Start is the instant of the first value. Without a known wall clock it counts from the zero [time.Time]
	// (see [Series.Dated]).
	Start time.Time
	// Step is the time between values; a second unless the source says otherwise.
	Step time.Duration
	// Hz holds the frequency at the fundamental, in hertz; NaN where there is none.
	Hz []float64
	// Sigma holds the standard uncertainty of each value, in hertz; nil when the source gives none, else as long
	// as Hz.
	Sigma []float64
	// SNR holds the signal-to-noise ratio behind each value, in decibels; nil when the source gives none, else as
	// long as Hz.
	SNR []float64
}

// Dated reports whether the series has a wall-clock time, rather than a count from an unknown start.
func (s Series) Dated() bool { return s.Start.Year() > 1 }

// Origin returns the second at which the series begins by its own count; 0 for a dated one, whose start is where counting
// begins.
func (s Series) Origin() float64 {
	if s.Dated() {
		return 0
	}
	return s.Start.Sub(time.Time{}).Seconds()
}

// Len returns the number of values, NaN included.
func (s Series) Len() int { return len(s.Hz) }

// Time returns the instant of value i.
func (s Series) Time(i int) time.Time { return s.Start.Add(time.Duration(i) * s.Step) }

// Seconds returns the time from the first value to value i, in seconds.
func (s Series) Seconds(i int) float64 { return (time.Duration(i) * s.Step).Seconds() }

// Slice returns values i to j-1 as a series that shares storage with s.
func (s Series) Slice(i, j int) Series {
	out := Series{Start: s.Time(i), Step: s.Step, Hz: s.Hz[i:j:j]}
	if s.Sigma != nil {
		out.Sigma = s.Sigma[i:j:j]
	}
	if s.SNR != nil {
		out.SNR = s.SNR[i:j:j]
	}
	return out
}

// Present returns the number of values that are not NaN.
func (s Series) Present() int {
	n := 0
	for _, hz := range s.Hz {
		if !math.IsNaN(hz) {
			n++
		}
	}
	return n
}
