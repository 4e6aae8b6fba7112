// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enftest

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"slices"
)

// Harmonic is one component of a hum.
type Harmonic struct {
	// Number is the multiple of the grid's frequency, from 1.
	Number int
	// Amplitude is the peak amplitude; full scale is 1.
	Amplitude float64
	// Phase is the phase at time zero, in radians.
	Phase float64
}

// RoomHum returns the harmonics that a microphone in an ordinary room picks up, with the strongest at amplitude peak: even ones
// (acoustic: magnetostriction goes with the square of the current) above odd ones, and little of the fundamental. The levels
// are chosen to look like room recordings, not fitted to any. The seed varies levels and phases.
func RoomHum(seed uint64, peak float64) []Harmonic {
	// Levels of harmonics 1 to 10, in decibels below the strongest.
	levels := [...]float64{-14, 0, -9, -3, -12, -6, -16, -10, -20, -14}
	rng := rand.New(rand.NewPCG(seed, 3))
	out := make([]Harmonic, len(levels))
	strongest := math.Inf(-1)
	for i := range out {
		levels[i] += 4 * rng.NormFloat64()
		strongest = max(strongest, levels[i])
		out[i] = Harmonic{Number: i + 1, Phase: 2 * math.Pi * rng.Float64()}
	}
	for i := range out {
		out[i].Amplitude = peak * math.Pow(10, (levels[i]-strongest)/20)
	}
	return out
}

// Hum adds to dst the hum of g from time from (seconds) on, at rate samples a second: the sum over the harmonics of
// Amplitude·sin(2π·Number·Phase(t) + Phase). Harmonics at or above half the rate are left out. A clock error of the recorder is a
// rate a little off: rate·(1+1e-6·ppm) makes the recording, read at rate, seem low by that much.
func (g *Grid) Hum(dst []float64, rate, from float64, harmonics []Harmonic) {
	var audible []Harmonic
	for _, h := range harmonics {
		if float64(h.Number)*float64(g.opts.Nominal) < rate/2 {
			audible = append(audible, h)
		}
	}
	Hum(dst, rate, from, audible, g.Phase)
}

// Hum adds to dst the same sum for a mains whose phase at a time in seconds, in cycles, is the function's. Harmonics
// without a number are left out.
func Hum(dst []float64, rate, from float64, harmonics []Harmonic, phase func(t float64) float64) {
	var coefficients []complex128 // of each power of the fundamental
	for _, h := range harmonics {
		if h.Number < 1 {
			continue
		}
		for len(coefficients) < h.Number {
			coefficients = append(coefficients, 0)
		}
		coefficients[h.Number-1] += cmplx.Rect(h.Amplitude, h.Phase)
	}
	for i := range dst {
		_, cycle := math.Modf(phase(from + float64(i)/rate))
		// Horner's rule in the fundamental's rotation: one sine for all harmonics.
		z, sum := cmplx.Rect(1, 2*math.Pi*cycle), complex128(0)
		for _, c := range slices.Backward(coefficients) {
			sum = (sum + c) * z
		}
		dst[i] += imag(sum)
	}
}

// Noise adds white Gaussian noise of standard deviation rms to dst.
func Noise(dst []float64, seed uint64, rms float64) {
	rng := rand.New(rand.NewPCG(seed, 4))
	for i := range dst {
		dst[i] += rms * rng.NormFloat64()
	}
}

// Amplitude returns the amplitude of a tone whose carrier-to-noise density is cn0 dB-Hz in white noise of standard deviation noise at
// rate samples a second: C is half the amplitude squared, N0 the variance divided by half the rate.
func Amplitude(cn0, noise, rate float64) float64 {
	return noise * math.Sqrt(4/rate*math.Pow(10, cn0/10))
}

// CN0 is the inverse of [Amplitude]: the carrier-to-noise density, in dB-Hz.
func CN0(amplitude, noise, rate float64) float64 {
	return 10 * math.Log10(amplitude*amplitude/2/(noise*noise/(rate/2)))
}
