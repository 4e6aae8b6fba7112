// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package dsp

import "math"

// zoomTable is the number of table entries over half the filter, between which it is interpolated: so many that the error
// is far below what the filter lets through.
const zoomTable = 1 << 13

// Zoom shifts one frequency of a stream to zero and keeps a narrow band around it as complex samples at a low,
// exact rate, whatever the rate of the input and however uneven its sampling (Hoyer and Stork 1977).
//
// Output m belongs to the time m / Rate on the stream's clock; input times must not decrease.
type Zoom struct {
	// Center is the frequency that becomes zero, and Rate the output's samples a second; both in hertz.
	Center, Rate float64

	half    float64 // half the filter's length, seconds
	kernel  []float64
	times   []float64
	samples []complex128 // already shifted, weighted by the time each stands for
	next    int          // index of the next output
}

// NewZoom returns a zoom to center hertz. It keeps ±band hertz; everything that would alias there is suppressed by
// 80 dB. It panics unless the output rate exceeds twice the band.
func NewZoom(center, band, rate float64) *Zoom {
	z := &Zoom{Center: center, Rate: rate, half: halfLength(rate - 2*band)}
	z.kernel = make([]float64, zoomTable+2)
	for i := range z.kernel {
		t := float64(i) / zoomTable // share of half
		z.kernel[i] = rate * sinc(rate*t*z.half) * kaiser(t)
	}
	return z
}

// halfLength is half the length, in seconds, of a filter whose transition band has so many hertz (Kaiser 1974).
func halfLength(transition float64) float64 {
	if !(transition > 0) {
		panic("dsp: an output rate of no more than twice the band")
	}
	return (stopband - 7.95) / (14.36 * transition) / 2
}

// Delay returns how far the output lags behind the input, in seconds.
func (z *Zoom) Delay() float64 { return z.half }

// Push adds the input sample x, which stands for dt seconds around the time t, in seconds.
func (z *Zoom) Push(t, dt float64, x complex128) {
	turns := z.Center * t
	turns -= math.Floor(turns)
	sin, cos := math.Sincos(-2 * math.Pi * turns)
	z.push(t, x*complex(cos*dt, sin*dt))
}

// push adds an input sample that is shifted and weighted already.
func (z *Zoom) push(t float64, x complex128) {
	z.times = append(z.times, t)
	z.samples = append(z.samples, x)
}

// Read appends to dst the outputs that the input so far completes, and returns the extended slice.
func (z *Zoom) Read(dst []complex128) []complex128 {
	if len(z.times) == 0 {
		return dst
	}
	last := z.times[len(z.times)-1]
	from := 0
	for {
		t := float64(z.next) / z.Rate
		if t+z.half > last {
			break
		}
		for from < len(z.times) && z.times[from] < t-z.half {
			from++
		}
		dst = append(dst, z.filter(t, from))
		z.next++
	}
	if from > 0 {
		z.times = z.times[:copy(z.times, z.times[from:])]
		z.samples = z.samples[:copy(z.samples, z.samples[from:])]
	}
	return dst
}

// filter returns the output at time t; inputs before index from are out of reach.
func (z *Zoom) filter(t float64, from int) complex128 {
	var re, im float64
	scale := zoomTable / z.half
	for i := from; i < len(z.times); i++ {
		at := math.Abs(z.times[i]-t) * scale
		if at >= zoomTable {
			if z.times[i] > t {
				break
			}
			continue
		}
		j := int(at)
		h := z.kernel[j] + (at-float64(j))*(z.kernel[j+1]-z.kernel[j])
		re += h * real(z.samples[i])
		im += h * imag(z.samples[i])
	}
	return complex(re, im)
}

// Flush appends the outputs up to the time end, as if silence followed the input.
func (z *Zoom) Flush(dst []complex128, end float64) []complex128 {
	z.push(end+z.half+1/z.Rate, 0)
	return z.Read(dst)
}
