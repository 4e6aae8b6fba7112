// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package dsp

import "time"

// Signal is a stretch of uniformly sampled signal: one block of a stream, or all of a short recording.
//
// Time travels with the samples. A stream whose wall-clock time is unknown counts from the zero [time.Time], so that
// the first sample of a recording is at time.Time{}.
type Signal struct {
	// Start is the instant of sample 0 of every channel.
	Start time.Time
	// Rate is the number of samples a second, in hertz; positive, not necessarily whole.
	Rate float64
	// Channels holds the samples, channel by channel, all of one length. Full scale is ±1. A sample that is NaN or
	// infinite is missing, and is treated as a gap.
	Channels [][]float64
}

// Len returns the number of samples in each channel.
func (s Signal) Len() int {
	if len(s.Channels) == 0 {
		return 0
	}
	return len(s.Channels[0])
}

// End returns the instant just after the last sample.
func (s Signal) End() time.Time {
	return s.Start.Add(time.Duration(float64(s.Len()) / s.Rate * float64(time.Second)))
}

// Luma is the light of one video frame: its mean luminance in cells of one row by one vertical strip. Rows are what a
// rolling shutter samples one after the other; strips let a later stage ignore those through which something moves.
type Luma struct {
	// Time is the frame's presentation time, counted as in [Signal]. Frames may be unevenly spaced.
	Time time.Time
	// Rows and Strips give the number of cells down and across. A series of one mean per frame has one of each.
	Rows, Strips int
	// Mean holds the mean luma of each cell, row by row (Rows × Strips values), as a share of full scale, 0 to 1.
	Mean []float64
}
