// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package detect tells whether a recording follows the frequency that the power grid really had, and where it does not.
//
// [Compare] takes what an estimator found in one channel of a recording, and a reference; [Combine] makes a [Report] of
// the channels. [FindMatches] asks when a recording was made.
//
// # The question
//
// A grid's frequency wanders by some 16 mHz, about the same for a minute and never quite the same again, and is equal all over
// the grid [1]. A recording that carries it can be laid beside a record of it: what was made there and then agrees to a
// millihertz or two. The comparison finds where on the reference the recording lies, and how far its own clock is off,
// which shifts all values alike; what differs beyond that and beyond the uncertainty of the values is from another time
// or grid.
//
// # Correlation, and what is better
//
// The paper that this project follows slides a window of a minute over both and asks for a Pearson correlation of 0.8
// [2]. Measured on months of a real grid that passes 11 of 100 unrelated minutes, since frequency often just drifts up or down,
// and fails as many genuine ones, since when it hardly moves noise is all there is. Correlation also forgets the level,
// which says most. [RuleCorrelation] is that rule; [RuleLLR], the default, goes by a likelihood ratio, which weighs shape and level together.
//
// The likelihood ratio holds "it follows the reference, but for a constant and noise" against "it is what another hour
// of a grid like this would be". The latter is a Gaussian process with the autocorrelation of a real grid, which a Kalman
// filter predicts. In nats, unrelated recordings reach x at most once in exp(x) times, which gives a search its honest
// price: the best of n places must show log(n) more. So a minute fits somewhere in a year, and proves
// nothing; ten minutes do.
//
// # Where
//
// A recording that was edited follows the reference in pieces: a cut shifts what follows it, an insertion
// shifts it back, a replacement follows nowhere. The likeliest sequence of pieces, each at its shift or foreign, is
// found by dynamic programming over seconds, as [3] does by eye on a map of errors, with prices for each change that keep
// hours of genuine recordings whole. Frames of 16 s smear every splice over as many seconds; its place is taken at half
// height.
//
// # What is not claimed
//
// A verdict is about time and grid. [Undetermined] is the honest answer where there is no hum, too little of it, or a
// reference that does not cover it; it always comes with a reason. Who plays the grid's live hum into a forgery passes.
//
//	[1] C. Grigoras, Digital audio recording analysis: the Electric Network Frequency criterion, Int. J. Speech
//	    Language and the Law 12(1), 2005
//	[2] D. Nagothu, R. Xu, Y. Chen, E. Blasch, A. Aved, DeFakePro: Decentralized Deepfake Attacks Detection Using ENF
//	    Authentication, IT Professional 24(5), 2022, §III-D
//	[3] G. Hua, Y. Zhang, J. Goh, V. Thing, Audio authentication by exploring the absolute-error-map of ENF signals,
//	    IEEE TIFS 11(5), 2016
//	[4] D. P. N. Rodriguez, J. A. Apolinario, L. W. P. Biscainho, Audio authenticity: detecting ENF discontinuity with high precision phase analysis,
//	    IEEE TIFS 5(3), 2010
package detect
