// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package dsp

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
)

// stopband is the attenuation of everything that would alias, in decibels.
const stopband = 80

// Decimator lowers the sampling rate of a stream by a whole factor, keeping the band up to a given frequency. It works
// in stages, each a linear-phase FIR filter that protects only the band kept in the end (Crochiere and Rabiner, ch. 5).
// Its delay is compensated: output i belongs to the time of input i × Factor.
type Decimator struct {
	stages []*stage
	factor int
}

// NewDecimator returns a decimator for a stream of rate samples a second that keeps 0 to band hertz, with a ripple
// and aliases of at most -80 dB, at the lowest output rate that is not below least. A rate that is already low gives
// a decimator of factor 1, which passes samples through. It panics unless least is above twice band, which is positive: nothing
// else has room for both.
func NewDecimator(rate, band, least float64) *Decimator {
	if !(band > 0 && least > 2*band) {
		panic(fmt.Sprintf("dsp: a band of %g Hz does not fit into %g samples a second", band, least))
	}
	d := &Decimator{factor: 1}
	for _, m := range stageFactors(rate, least) {
		d.stages = append(d.stages, newStage(rate, band, m))
		rate /= float64(m)
		d.factor *= m
	}
	return d
}

// stageFactors splits the largest usable decimation factor into stages, largest first.
func stageFactors(rate, least float64) []int {
	limit := int(rate / least)
	for total := limit; total > 1; total-- {
		rest, factors := total, []int(nil)
		for m := 8; m > 1; m-- {
			for rest%m == 0 {
				factors = append(factors, m)
				rest /= m
			}
		}
		if rest == 1 {
			return factors
		}
	}
	return nil
}

// Factor returns the ratio of the input rate to the output rate.
func (d *Decimator) Factor() int { return d.factor }

// Write appends to dst the output samples that the input src completes, and returns the extended slice.
func (d *Decimator) Write(dst, src []float64) []float64 {
	if len(d.stages) == 0 {
		return append(dst, src...)
	}
	for _, s := range d.stages[:len(d.stages)-1] {
		s.out = s.write(s.out[:0], src)
		src = s.out
	}
	return d.stages[len(d.stages)-1].write(dst, src)
}

// Flush appends the outputs that belong to inputs already written, as if silence followed.
func (d *Decimator) Flush(dst []float64) []float64 {
	span := 1
	tail := 0
	for _, s := range d.stages {
		tail += span * (len(s.taps)/2 + s.factor)
		span *= s.factor
	}
	return d.Write(dst, make([]float64, tail))
}

// stage is one filter and its rate change.
type stage struct {
	factor int
	taps   []float64 // symmetric, odd length
	buf    []float64 // input not yet used up
	next   int       // index in buf of the first tap's sample for the next output
	out    []float64
}

func newStage(rate, band float64, factor int) *stage {
	stop := rate/float64(factor) - band
	taps := lowpass((band+stop)/2/rate, (stop-band)/rate)
	// The first output is centred on input 0: half a filter of silence goes before it.
	return &stage{factor: factor, taps: taps, buf: make([]float64, len(taps)/2)}
}

func (s *stage) write(dst, src []float64) []float64 {
	s.buf = append(s.buf, src...)
	for n := len(s.taps); s.next+n <= len(s.buf); s.next += s.factor {
		dst = append(dst, floats.Dot(s.taps, s.buf[s.next:s.next+n]))
	}
	if used := min(s.next, len(s.buf)); used > 0 {
		s.buf = s.buf[:copy(s.buf, s.buf[used:])]
		s.next -= used
	}
	return dst
}

// lowpass returns a Kaiser-windowed sinc of odd length and unit gain at zero: cut-off and transition width are shares
// of the sampling rate.
func lowpass(cutoff, transition float64) []float64 {
	n := int(math.Ceil((stopband-7.95)/(14.36*transition))) | 1
	taps := make([]float64, n)
	sum := 0.0
	for i := range taps {
		t := float64(i - n/2)
		taps[i] = sinc(2*cutoff*t) * kaiser(2*t/float64(n+1))
		sum += taps[i]
	}
	for i := range taps {
		taps[i] /= sum
	}
	return taps
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the Kaiser window over -1 to 1 for the stopband, with beta = 0.1102 (A - 8.7) (Kaiser 1974).
func kaiser(x float64) float64 {
	if x <= -1 || x >= 1 {
		return 0
	}
	const beta = 0.1102 * (stopband - 8.7)
	return bessel0(beta*math.Sqrt(1-x*x)) / bessel0(beta)
}

// bessel0 is the modified Bessel function of the first kind, order zero, by its power series.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-12*sum; k++ {
		term *= x / 2 / k * x / 2 / k
		sum += term
	}
	return sum
}
