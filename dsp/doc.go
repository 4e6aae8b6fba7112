// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package dsp holds the signal processing that the rest stands on: what a signal is, decimation, the zoom that moves
// a narrow band to zero frequency, and the spectrum of a stretch of it. It knows nothing of power grids.
//
// To measure a line within millihertz in a recording of 48,000 samples a second, almost all of the signal can be
// thrown away first. A [Decimator] keeps the band below a few hundred hertz; a [Downconverter] shifts one line of that to
// zero frequency and keeps a few hertz around it, as complex samples at a few samples a second; a [Zoom] does the same
// where samples are complex or unevenly spaced, as the frames of a video are. A [Spectrum] of sixteen seconds of either
// costs as much as a thousand-point Fourier transform [1, 2].
//
// References:
//
//  1. R. E. Crochiere, L. R. Rabiner, Multirate Digital Signal Processing, Prentice Hall 1983, ch. 5: decimation in
//     stages, each protecting only the band kept in the end.
//  2. E. A. Hoyer, R. F. Stork, The zoom FFT using complex modulation, IEEE ICASSP 1977, pp. 78-81.
//  3. J. F. Kaiser, Nonrecursive digital filter design using the I0-sinh window function, IEEE ISCAS 1974, pp. 20-23.
//  4. F. J. Harris, On the use of windows for harmonic analysis with the discrete Fourier transform, Proc. IEEE
//     66(1):51-83, 1978.
package dsp
