// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package report writes what detect decided, for a reader or a program: a [github.com/defakepro/defakepro/detect.Report]
// as a few lines of text, as JSON, or as one HTML page with plots; an estimate as JSON or as an SVG plot. It decides
// nothing and reads nothing.
//
// # What a reader needs
//
// A comparison of the electrical network frequency (ENF) is only evidence when someone else can follow it: what was
// compared with what, by which method with which settings, and what the curves looked like [1, 2]. The page therefore
// begins with a verdict in a sentence and what it does not claim, and then shows, for each channel, the recording's
// frequency over the grid's, their difference, the correlation that was tested, and the spectrogram from which the
// frequency was read; below them are the same numbers as tables, all options with their sources, and the SHA-256 of
// every input.
//
// # What leaves the package is safe to open
//
// Names of files and reasons come from outside. Everything passes through html/template, the plots included, and
// control characters, among them those that reverse the direction of text, are written as escapes, in the terminal as
// well. A page needs no script and forbids itself every external resource, so it reads the same offline and in ten
// years. All output depends on the arguments alone: the same report gives the same bytes.
//
// # How plots are drawn
//
// Hours of one value a second do not fit on a thousand pixels. Each column of pixels shows the least and the greatest
// of its values, in the order in which they occurred, so that no spike is lost [3]. Spectrograms are coloured on a
// decibel scale with viridis, which is uniform in lightness and readable with any colour vision and in grey print [4].
//
// References:
//
//  1. C. Grigoras, Applications of ENF criterion in forensic audio, video, computer and telecommunication analysis,
//     Forensic Science International 167(2-3):136-145, 2007.
//  2. ENFSI, Best practice guidelines for ENF analysis in forensic authentication of digital evidence,
//     FSAAWG-BPM-ENF-001, 2009.
//  3. U. Jugel, Z. Jerzak, G. Hackenbroich, V. Markl, M4: a visualization-oriented time series data aggregation,
//     Proc. VLDB Endowment 7(10):797-808, 2014.
//  4. S. van der Walt, N. Smith, viridis, the default colour map of Matplotlib 2.0 (dedicated to the public domain,
//     CC0), 2015.
package report
