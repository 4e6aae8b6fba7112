// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package enftest makes power grids, hums and flickers whose frequency is known, for testing whatever reads the electrical
// network frequency (ENF). All of it is seeded: the same seed gives the same samples.
//
// A [Grid] is a frequency that wanders as real grids do. Its deviation from nominal is an autoregressive process of
// order four on a grid of two seconds, fitted to 243 days of mains frequency of the eastern United States; its
// increments over 2, 10 and 60 s are 1.6, 5.5 and 16.4 mHz (theirs 1.6, 5.5 and 14.9) and, what matters more, it has
// their chance of looking alike: unrelated windows of 60 s correlate above 0.8 about one time in ten. A process of
// order one (Ornstein–Uhlenbeck) with the same variance does so three times less often, and so flatters every detector
// tested with it.
//
// The frequency is defined at any instant, and its integral exactly, so a signal locked to the grid keeps its phase over days:
//
//   - [Grid.Hum] is what mains-powered equipment leaves in audio, harmonics of the grid's frequency [1]. [CN0] and [Amplitude]
//     convert between amplitudes and the carrier-to-noise density that bounds any estimate [2].
//   - [Speech] is what hides it: voiced segments whose pitch glides across the harmonics, fricatives, breath and pauses,
//     by formant synthesis [3].
//   - [Camera] films a scene lit from the mains: light swings at twice the grid's frequency, and a rolling shutter
//     samples it row by row [4] [5].
//
// References:
//
//  1. C. Grigoras, "Digital audio recording analysis: the electric network frequency criterion", Int. J. Speech,
//     Language and the Law 12(1), 2005.
//  2. D. Rife, R. Boorstyn, "Single-tone parameter estimation from discrete-time observations", IEEE Trans. Inf. Theory 20(5), 1974.
//  3. D. Klatt, "Software for a cascade/parallel formant synthesizer", J. Acoust. Soc. Am. 67(3), 1980.
//  4. H. Su, A. Hajj-Ahmad, R. Garg, M. Wu, "Exploiting rolling shutter for ENF signal extraction from video", IEEE ICIP, 2014.
//  5. S. Vatansever, A. E. Dirik, N. Memon, "Analysis of rolling shutter effect on ENF-based video forensics", IEEE TIFS 14(9), 2019.
package enftest
