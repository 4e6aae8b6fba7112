// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

import "fmt"

const (
	// longestGap is the longest gap that any signal may have, in seconds: six hours. Beyond, gaps may add up to gapShare times what there is
	// of the signal. More is an error in the file, and each second of it would take time and memory for nothing.
	longestGap, gapShare = 6 * 3600, 4
	// leastGap is the least gap that counts, in seconds. Shorter ones are common (a talker who is silent sends a packet every 0.4 s), and it
	// takes a block to make one.
	leastGap = 1
	// keptGap is what a longer gap is shortened to: beyond what is remembered, one second of it is like another.
	keptGap = ringSeconds
)

// gaps is the account of a signal's gaps. What is beyond keptGap of one is left out of the estimator's time, in whole seconds, at which
// every harmonic is where it was; and its values, which are missing, are put in where they are told. What comes before and after is the same
// as if all of it had been gone through. A live signal keeps its time, and takes as much of it as there are gaps.
type gaps struct {
	live           bool
	signal, absent float64 // seconds so far
	folds          []fold
}

// fold is where so many seconds were left out: before the given second of the estimator's time.
type fold struct{ second, length int }

// add notes that there is signal for so many seconds after a gap of so many. It is an error if the gap is too long.
func (g *gaps) add(gap, signal float64) error {
	g.signal += signal
	if gap <= leastGap {
		return nil
	}
	most := longestGap + gapShare*g.signal
	if g.live { // each is on its own
		g.absent, most = 0, longestGap
	}
	if g.absent += gap; g.absent > most {
		return fmt.Errorf("time stamps jump by %.0f s: %.0f s are missing by now, and %.0f s are there", gap, g.absent, g.signal)
	}
	return nil
}

// excess is how many seconds may be left out of a gap.
func (g *gaps) excess(gap float64) int {
	if g.live {
		return 0
	}
	return max(0, int(gap-keptGap))
}

// fold leaves out so many seconds of the gap that began at the given time, from its middle on.
func (g *gaps) fold(from float64, length int) {
	if length > 0 {
		g.folds = append(g.folds, fold{int(from) + keptGap/2, length})
	}
}

// folded is how many seconds were left out.
func (g *gaps) folded() (seconds int) {
	for _, f := range g.folds {
		seconds += f.length
	}
	return seconds
}

// second is which second of the signal one of the estimator's time is.
func (g *gaps) second(t int) int {
	second := t
	for _, f := range g.folds {
		if f.second <= t {
			second += f.length
		}
	}
	return second
}
