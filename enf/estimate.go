// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

// Source is the kind of signal that an estimate was made from.
type Source string

// The sources of an estimate.
const (
	SourceAudio Source = "audio"
	SourceVideo Source = "video"
)

// Estimate is what an estimator found in one channel of a recording.
type Estimate struct {
	// Series holds one value per second, at whole seconds of the signal's time, with the uncertainty and SNR of each.
	Series Series
	// Source is what the signal was.
	Source Source
	// Grid is the nominal frequency, given or detected.
	Grid Grid
	// Present reports whether there is any ENF in the signal.
	Present bool
	// Reason says, in one clause, why there is none, or what limits it; empty when there is nothing to say.
	Reason string
	// SNR is the median of Series.SNR over the values present, in decibels.
	SNR float64
	// Harmonics describes each harmonic of the nominal frequency that was looked at, in ascending order.
	Harmonics []Harmonic
	// Readout is the estimated read-out time of a rolling shutter, in seconds; 0 for a global one or audio.
	Readout float64
}

// Harmonic is the share of one harmonic in an estimate.
type Harmonic struct {
	// Number is the multiple of the nominal frequency, from 1.
	Number int
	// SNR is its average power on the track, in decibels above the noise of a sixteen-second frame. Gaps do not count.
	SNR float64
	// Share is the part of the recording's values, 0 to 1, in which it was used.
	Share float64
}

// Tone is a stretch of one harmonic, its nominal frequency shifted to zero; it is only valid during the call.
type Tone struct {
	// Grid is the nominal frequency, Number the harmonic, and Input the mixture of the signal's channels that it is of:
	// 0 their mean, 1 their difference.
	Grid          Grid
	Number, Input int
	// Sample i belongs to (First+i)/Rate seconds from the start of the signal, that brought down to a whole second.
	Rate    float64
	First   int
	Samples []complex128
}

// Slice is one spectrum slice: the power around the harmonics that were used, combined on the scale of the
// fundamental, for one second. Estimators hand it to an observer for display; it is only valid during the call.
type Slice struct {
	// Grid is the nominal frequency that the slice is about. While the grid is being detected there are slices of both.
	Grid Grid
	// Second is the time of the slice's centre, in seconds from the start of the signal.
	Second float64
	// From and Step give the frequency of Power[0] and the spacing, in hertz at the fundamental.
	From, Step float64
	// Power holds the combined power in units of the noise.
	Power []float64
}
