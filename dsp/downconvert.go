// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package dsp

import (
	"math"
	"math/cmplx"

	"gonum.org/v1/gonum/floats"
)

// tapPhases is how finely a filter is placed between two input samples. The output's time is then wrong by 1/128 of their distance at
// most, 5 µs at 1500 samples a second, which turns what is 1 Hz from the centre by 0.00003 rad; nothing else is wrong with it.
const tapPhases = 64

// Taps is the filter of downconverters that share a band and rates, for them to share it too. It is not safe for concurrent use.
type Taps struct {
	in, out float64
	half    float64              // half the filter's length, seconds
	phases  [tapPhases][]float64 // made when first used
}

// NewTaps returns the filter that keeps ±band hertz of a stream of in samples a second, and makes one of out samples a second of it. What
// would alias into the band is suppressed by 80 dB. It panics unless the output rate exceeds twice the band.
func NewTaps(band, in, out float64) *Taps {
	return &Taps{in: in, out: out, half: halfLength(out - 2*band)}
}

// phase returns the taps for inputs of which the first is so many 64ths of their distance after the filter's beginning.
func (f *Taps) phase(q int) []float64 {
	if f.phases[q] == nil {
		late := float64(q) / tapPhases
		taps := make([]float64, int(2*f.half*f.in-late)+1)
		for i := range taps {
			t := (float64(i)+late)/f.in - f.half
			taps[i] = f.out / f.in * sinc(f.out*t) * kaiser(t/f.half)
		}
		f.phases[q] = taps
	}
	return f.phases[q]
}

// Downconverter is a [Zoom] for samples that are real and evenly spaced, ten times as fast: it shifts one frequency to
// zero and keeps a narrow band around it as complex samples at a low rate. Output m belongs to the time m / rate on the
// stream's clock.
type Downconverter struct {
	taps       *Taps
	oscillator *oscillator
	origin     float64 // time of sample 0
	re, im     []float64
	first      int // number of re[0]
	next       int // index of the next output
}

// NewDownconverter returns a downconverter of center hertz, for a stream whose first sample is at start seconds.
func NewDownconverter(center, start float64, taps *Taps) *Downconverter {
	return &Downconverter{taps: taps, oscillator: newOscillator(center, start, taps.in), origin: start}
}

// Write appends to dst the outputs that the input src completes, and returns the extended slice.
func (d *Downconverter) Write(dst []complex128, src []float64) []complex128 {
	for _, x := range src {
		w := d.oscillator.next()
		d.re = append(d.re, x*real(w))
		d.im = append(d.im, x*imag(w))
	}
	for {
		begin := (float64(d.next)/d.taps.out - d.taps.half - d.origin) * d.taps.in
		n := int(math.Ceil(begin))
		q := int(math.Round((float64(n) - begin) * tapPhases))
		if q == tapPhases {
			n, q = n-1, 0
		}
		taps := d.taps.phase(q)
		from := n - d.first
		if from+len(taps) > len(d.re) {
			d.forget(from)
			return dst
		}
		if from < 0 { // before the stream began
			taps = taps[min(-from, len(taps)):]
			from = 0
		}
		to := from + len(taps)
		dst = append(dst, complex(floats.Dot(taps, d.re[from:to]), floats.Dot(taps, d.im[from:to])))
		d.next++
	}
}

// forget drops the samples before the given index, once they are most of those kept.
func (d *Downconverter) forget(n int) {
	n = min(n, len(d.re)) // all of them, where the first output is yet to come
	if 2*n > len(d.re) {
		d.re = d.re[:copy(d.re, d.re[n:])]
		d.im = d.im[:copy(d.im, d.im[n:])]
		d.first += n
	}
}

// oscillator turns at a constant rate: the phase factors exp(-j 2π f t) of evenly spaced samples, without calling a
// trigonometric function for each.
type oscillator struct {
	now, step complex128
	count     int
}

// newOscillator returns an oscillator of freq hertz that begins at time t seconds and is read rate times a second.
func newOscillator(freq, t, rate float64) *oscillator {
	turns := freq * t
	turns -= math.Floor(turns)
	return &oscillator{
		now:  cmplx.Rect(1, -2*math.Pi*turns),
		step: cmplx.Rect(1, -2*math.Pi*freq/rate),
	}
}

// next returns the next phase factor.
func (o *oscillator) next() complex128 {
	x := o.now
	o.now *= o.step
	if o.count++; o.count&1023 == 0 {
		o.now /= complex(cmplx.Abs(o.now), 0) // keeps rounding from growing
	}
	return x
}
