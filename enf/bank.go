// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

import (
	"math"

	"github.com/defakepro/defakepro/dsp"
)

const (
	// zoomRate is the rate of the complex samples kept of the fundamental's surroundings, and zoomBand what they
	// hold without aliases, in hertz; harmonic k has k times both, so that all share one scale.
	zoomRate, zoomBand = 4.0, 1.1
	// frameSeconds is the length of a frame of the power spectrum matrix: the best fixed choice between 10 and
	// 30 dB-Hz (docs/estimation.md).
	frameSeconds = 16
	// spectrumBins is the length of the transform of a frame, and binWidth the resulting spacing at the fundamental.
	spectrumBins = 1024
	binWidth     = zoomRate / spectrumBins
	// stripHalf is the number of bins on either side of nominal in a strip: ±1 Hz. Weak and islanded grids swing that
	// far; large interconnections stay within ±0.1 Hz.
	stripHalf = spectrumBins / zoomRate
	stripBins = 2*stripHalf + 1
)

// line is one harmonic as one input sees it: its surroundings as complex samples.
type line struct {
	grid    Grid
	number  int // the harmonic
	input   int // which of the signal's inputs (audio channel, row projection) it is taken from
	rate    float64
	tuner   *dsp.Downconverter // of sound
	zoom    *dsp.Zoom          // of pictures, whose frames are not evenly spaced
	newest  complex128         // picture that went into zoom
	kept    []complex128       // samples from index first on
	first   int
	plan    *dsp.Spectrum
	frame   []complex128
	level   float64 // ln(1+power) on the ridge, summed over all seconds
	shunned bool    // not to be used: another line of its harmonic is known to be better
	spread  float64 // how many times the uncertainty is that of white noise
	image   float64 // error made by a mirror image of the line, as a share of the distance from still
	twin    *line   // if not nil: the same without the line, to know the noise by where it is coloured
	still   float64 // with a twin or image: where on this line's scale what stands still appears, hertz at the fundamental
}

func newLine(grid Grid, number, input int) *line {
	k := float64(number)
	l := &line{grid: grid, number: number, input: input, rate: k * zoomRate, spread: 1}
	n := frameLen(l.rate, frameSeconds)
	l.plan = dsp.NewSpectrum(n, spectrumBins)
	l.frame = make([]complex128, n)
	return l
}

// frameLen is the odd number of samples whose Hann window spans the given seconds.
func frameLen(rate float64, seconds int) int { return 2*int(rate*float64(seconds)/2) - 1 }

// until is the time up to which samples are there, in seconds.
func (l *line) until() float64 { return float64(l.first+len(l.kept)) / l.rate }

// cut copies into dst the samples around second t, zero where there are none.
func (l *line) cut(dst []complex128, t int) {
	from := int(float64(t)*l.rate) - len(dst)/2 - l.first
	for i := range dst {
		if j := from + i; j >= 0 && j < len(l.kept) {
			dst[i] = l.kept[j]
		} else {
			dst[i] = 0
		}
	}
}

// forget drops the samples before second t.
func (l *line) forget(t int) {
	if n := min(int(float64(t)*l.rate)-l.first, len(l.kept)); n > 0 {
		l.kept = l.kept[:copy(l.kept, l.kept[n:])]
		l.first += n
	}
	if l.twin != nil {
		l.twin.forget(t)
	}
}

// strip puts into dst the line's power around second t, over ±1 Hz at the fundamental, and returns the level of the noise
// in it and the greatest power. It is a strip of the power spectrum matrix of DeFakePro §III-A-3 (Hajj-Ahmad, Garg and Wu 2013).
func (l *line) strip(dst, scratch []float64, t int) (noise, most float64) {
	l.cut(l.frame, t)
	l.plan.Power(dst, l.frame)
	for _, p := range dst {
		most = math.Max(most, p)
	}
	return noiseLevel(dst, scratch), most
}

// scale brings a strip to units of the noise: these make strips comparable, and ln(1+power) of their sum a likelihood that one
// loud stranger cannot dominate.
func (l *line) scale(dst, scratch []float64, t int, noise float64) {
	for i := range dst {
		dst[i] /= noise
	}
	if l.twin != nil {
		l.whiten(dst, scratch, t, noise)
	}
}

// whiten divides by the noise that the twin shows above the level, averaged over the resolution.
func (l *line) whiten(dst, scratch []float64, t int, level float64) {
	l.twin.cut(l.twin.frame, t)
	l.plan.Power(scratch, l.twin.frame)
	reach := int(1.5 / frameSeconds / float64(l.number) / binWidth)
	sum, n := 0.0, 0
	for i := -reach; i < len(dst); i++ {
		if j := i + reach; j < len(dst) {
			sum += scratch[j]
			n++
		}
		if j := i - reach - 1; j >= 0 {
			sum -= scratch[j]
			n--
		}
		if i >= 0 {
			dst[i] /= math.Max(1, sum/float64(n)/level)
		}
	}
}

// noiseLevel is the mean power of the noise in a strip: the median over ln 2, as of an exponential distribution, which
// a line and its side lobes hardly move.
func noiseLevel(power, scratch []float64) float64 {
	copy(scratch, power)
	return quickSelect(scratch, len(scratch)/2) / math.Ln2
}

// quickSelect returns the k-th smallest of x, which it reorders.
func quickSelect(x []float64, k int) float64 {
	lo, hi := 0, len(x)-1
	for lo < hi {
		pivot := x[(lo+hi)/2]
		i, j := lo, hi
		for i <= j {
			for x[i] < pivot {
				i++
			}
			for x[j] > pivot {
				j--
			}
			if i <= j {
				x[i], x[j] = x[j], x[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return x[k]
		}
	}
	return x[lo]
}
