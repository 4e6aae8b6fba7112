// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

import "math"

// tracker finds the path through successive spectrum slices that gathers the most evidence while moving little:
// dynamic programming over the bins of a strip (Ojowu et al. 2012), decided after a delay so that it runs on a
// live stream.
type tracker struct {
	bins  int
	delay int     // most seconds between a slice and its decision
	sure  float64 // how far behind the best, in nats, paths must be not to count when that is decided sooner; 0 for never
	move  float64 // cost of moving one bin in a second
	score []float64
	back  [][]int16 // ring of delay+1 rows: where each bin came from
	seen  int       // slices so far
	out   int       // decisions so far
}

func newTracker(bins, delay int, sure, move float64) *tracker {
	t := &tracker{bins: bins, delay: delay, sure: sure, move: move, score: make([]float64, bins), back: make([][]int16, delay+1)}
	for i := range t.back {
		t.back[i] = make([]int16, bins)
	}
	return t
}

// push adds the evidence of one more second, in nats.
func (t *tracker) push(evidence []float64) {
	from := t.back[t.seen%len(t.back)]
	// The best predecessor under a cost linear in the distance, by one sweep up and one down.
	for b := range from {
		from[b] = int16(b)
	}
	for b := 1; b < t.bins; b++ {
		if s := t.score[b-1] - t.move; s > t.score[b] {
			t.score[b], from[b] = s, from[b-1]
		}
	}
	for b := t.bins - 2; b >= 0; b-- {
		if s := t.score[b+1] - t.move; s > t.score[b] {
			t.score[b], from[b] = s, from[b+1]
		}
	}
	best := math.Inf(-1)
	for b, e := range evidence {
		t.score[b] += e
		best = math.Max(best, t.score[b])
	}
	for b := range t.score {
		t.score[b] -= best
	}
	t.seen++
}

// next returns the next bin that can be decided, until there is none for now.
func (t *tracker) next() (bin int, ok bool) {
	if waiting := t.seen - t.out; waiting > t.delay || waiting > 0 && t.settled() {
		return t.decide(), true
	}
	return 0, false
}

// settled reports whether all paths that may turn out the best went through one place in the oldest undecided second.
func (t *tracker) settled() bool {
	const apart = 4 // bins: half of what a line takes up at the second harmonic
	if t.sure == 0 {
		return false
	}
	low, high := t.bins, 0
	for b, s := range t.score {
		if s > -t.sure {
			b = t.origin(b)
			low, high = min(low, b), max(high, b)
		}
	}
	return high-low <= apart
}

// origin is where the path to a bin was in the oldest undecided second.
func (t *tracker) origin(bin int) int {
	for s := t.seen - 1; s > t.out; s-- {
		bin = int(t.back[s%len(t.back)][bin])
	}
	return bin
}

// flush returns the next undecided bin after the last slice, until none is left.
func (t *tracker) flush() (bin int, ok bool) {
	if t.out == t.seen {
		return 0, false
	}
	return t.decide(), true
}

// decide follows the best path back to the oldest undecided second.
func (t *tracker) decide() int {
	bin := 0
	for b, s := range t.score {
		if s > t.score[bin] {
			bin = b
		}
	}
	bin = t.origin(bin)
	t.out++
	return bin
}
