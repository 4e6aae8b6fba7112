// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package monitor watches a live conference: it follows the ENF of every participant's sound and picture, compares each
// with what the grid really did, and says of each participant, all the time: authentic, forged, or undetermined and why.
//
// Whoever is in the conference tells a [Monitor] who comes and goes, and hands it each track as a [Source]. It asks a
// [Truth] for the grid's frequency, which comes late, and judges what can be judged by then:
//
//	m := monitor.New(monitor.Options{Room: "board", Truth: truth, Grid: enf.Grid60})
//	go m.Run(ctx)
//	m.Join(monitor.Person{ID: "ada", Name: "Ada"})
//	go m.Watch(ctx, "ada", enf.SourceAudio, track)
//	for e := range m.Follow(ctx) {
//		fmt.Println(e.Person.Name, e.Verdict, e.Reason)
//	}
//
// # How it judges
//
// Two tests run side by side (docs/results/live.md has what they reach). [detect.Compare] looks at all that is kept, every
// few seconds: it knows how a channel lies on the grid's time, its clock's offset and its noise, and it is what calls a channel
// authentic. A cumulative sum of log-likelihood ratios (Page 1954) looks at the newest seconds, every second: it is
// what calls a deepfake that begins in mid-call. A verdict of undetermined always comes with a reason; hum that stops is one, and no proof.
//
// A forgery is dated by the newest seconds when it is new, and by the comparisons while what it began with, or ended with, is kept with enough beside
// it to tell. One that calls all that is kept foreign, as most of it is, dates nothing that is known already.
package monitor
