// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package enf estimates the Electrical Network Frequency: the mains frequency that hums in recorded sound and flickers
// in recorded light, wandering by millihertz about its nominal 50 or 60 Hz as the grid's load and generation do.
//
// An [AudioEstimator] takes samples, a [VideoEstimator] the luminance of frames; both give an [Estimate]: a [Series]
// with one value a second, each with its own uncertainty, and none where there is no ENF. Both work on a stream (Write,
// Take) just as on a whole recording (Write, Close). [ReadFile] reads series from CSV.
//
// # Method
//
// The outline is that of DeFakePro §III-A-3, which follows Hajj-Ahmad, Garg and Wu [1]: a power spectrum matrix of
// overlapping frames; from the nominal frequency, strips around its harmonics, brought to the scale of the fundamental;
// weights from the signal-to-noise ratio of each; the weighted strips combined into one slice per second; its ridge is
// the ENF. Within that outline:
//
//   - Only the strips are computed: each harmonic's surroundings are shifted to zero frequency and kept at a few
//     samples a second (sound by [dsp.Downconverter], light by [dsp.Zoom]), k times as many for harmonic k, so that all
//     strips have the same bins.
//   - Power is in units of the strip's own noise. The evidence for a line is ln(1+power), which adds up over harmonics
//     without one loud stranger deciding [2].
//   - The ridge is tracked by dynamic programming over the slices [3], decided sixteen seconds later, or
//     sooner in a live stream, where nothing can change it any more.
//   - A harmonic takes part where its own peak follows the ridge in enough of the seconds around: the gate. Where too few
//     do, there is no ENF, and no value.
//   - Along the ridge the frequency is measured by maximum likelihood over all harmonics that take part [4], with a
//     slope, in a frame of 4 to 32 seconds, whichever promises the least error. The Fisher information of that fit is
//     the uncertainty.
//   - Without a nominal frequency, both are followed, and the one with more evidence wins.
//
// In video the flicker, at twice the mains frequency, is projected out of each frame's rows; see [VideoEstimator].
//
// References:
//
//  1. A. Hajj-Ahmad, R. Garg, M. Wu, Spectrum combining for ENF signal estimation, IEEE Signal Processing Letters
//     20(9):885-888, 2013.
//  2. D. Bykhovsky, A. Cohen, Electrical network frequency (ENF) maximum-likelihood estimation via a multitone harmonic
//     model, IEEE TIFS 8(5):744-753, 2013.
//  3. L. Ojowu, J. Karlsson, J. Li, Y. Liu, ENF extraction from digital recordings using adaptive techniques and
//     frequency tracking, IEEE TIFS 7(4):1330-1338, 2012.
//  4. D. C. Rife, R. R. Boorstyn, Single-tone parameter estimation from discrete-time observations, IEEE Trans.
//     Information Theory 20(5):591-598, 1974.
//  5. R. Garg, A. L. Varna, A. Hajj-Ahmad, M. Wu, "Seeing" ENF: power-signature-based timestamp for digital multimedia
//     via optical sensing and signal processing, IEEE TIFS 8(9):1417-1432, 2013.
//  6. S. Vatansever, A. E. Dirik, N. Memon, Analysis of rolling shutter effect on ENF-based video forensics, IEEE TIFS
//     14(9):2262-2275, 2019.
//  7. H. Han, Y. Jeon, B.-K. Song, J. W. Yoon, A phase-based approach for ENF signal extraction from rolling shutter
//     videos, IEEE Signal Processing Letters 29:1724-1728, 2022.
//  8. I. Kåsa, A circle fitting procedure and its error analysis, IEEE Trans. Instrumentation and Measurement
//     25(1):8-14, 1976.
package enf
