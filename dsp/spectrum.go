// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package dsp

import (
	"fmt"
	"math"
	"math/bits"

	"gonum.org/v1/gonum/dsp/fourier"
)

// Spectrum computes power spectra of frames of one length, under a Hann window (Harris 1978), zero-padded to a finer
// spacing of bins.
type Spectrum struct {
	window []float64
	fft    *fourier.CmplxFFT // nil for a power of four, which has a transform three times as fast
	work   []complex128
	gain   float64
}

// NewSpectrum returns a plan for frames of n samples, transformed with bins points. It panics unless n is positive and bins at least n.
func NewSpectrum(n, bins int) *Spectrum {
	if n < 1 || bins < n {
		panic(fmt.Sprintf("dsp: frames of %d samples do not fit into %d points", n, bins))
	}
	s := &Spectrum{window: Hann(n), work: make([]complex128, bins)}
	if bits.OnesCount(uint(bins)) != 1 || bits.TrailingZeros(uint(bins))%2 != 0 {
		s.fft = fourier.NewCmplxFFT(bins)
	}
	energy := 0.0
	for _, w := range s.window {
		energy += w * w
	}
	s.gain = 1 / energy
	return s
}

// Power puts into dst the power of frame at bins -h to h, where dst has 2h+1 elements: bin i is at i / bins of the
// sampling rate. White noise of unit variance has a mean power of one in every bin.
func (s *Spectrum) Power(dst []float64, frame []complex128) {
	clear(s.work)
	for i, w := range s.window {
		s.work[i] = frame[i] * complex(w, 0)
	}
	if s.fft == nil {
		fourier.CoefficientsRadix4(s.work)
	} else {
		s.fft.Coefficients(s.work, s.work)
	}
	h, n := len(dst)/2, len(s.work)
	for i := range dst {
		x := s.work[(i-h+n)%n]
		dst[i] = (real(x)*real(x) + imag(x)*imag(x)) * s.gain
	}
}

// Hann returns the n-point Hann window whose end points, just outside, are zero: 0.5 (1 - cos(2π (i+1)/(n+1))).
func Hann(n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i+1)/float64(n+1))
	}
	return w
}

// Peak returns where, between -0.5 and 0.5 samples of the middle one, the parabola through three neighbouring values
// has its maximum; 0 if the middle one is not the greatest. Use logarithms of power.
func Peak(left, middle, right float64) float64 {
	curve := left - 2*middle + right
	if !(curve < 0) || middle < left || middle < right {
		return 0
	}
	return 0.5 * (left - right) / curve
}
