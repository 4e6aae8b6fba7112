// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

import "math"

// tracker finds the path through successive spectrum slices that gathers the most evidence while moving little:
// dynamic programming over the bins of a strip (Ojowu et al. 2012), decided with a fixed delay so that it runs on a
// live stream.
type tracker struct {
	bins  int
	delay int     // seconds between a slice and its decision
	move  float64 // cost of moving one bin in a second
	score []float64
	back  [][]int16 // ring of delay+1 rows: where each bin came from
	seen  int       // slices so far
	out   int       // decisions so far
}

func newTracker(bins, delay int, move float64) *tracker {
	t := &tracker{bins: bins, delay: delay, move: move, score: make([]float64, bins), back: make([][]int16, delay+1)}
	for i := range t.back {
		t.back[i] = make([]int16, bins)
	}
	return t
}

// push adds the evidence of one more second. It returns the bin decided for the second delay before it, and whether
// there is one yet.
func (t *tracker) push(evidence []float64) (bin int, ok bool) {
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
	if t.seen-t.out <= t.delay {
		return 0, false
	}
	return t.decide(), true
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
	for s := t.seen - 1; s > t.out; s-- {
		bin = int(t.back[s%len(t.back)][bin])
	}
	t.out++
	return bin
}
