// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

import (
	"math"
	"slices"
)

const (
	// levelFrames is how many frames are looked at together for jumps between levels: a minute at 30 a second.
	levelFrames = 1800
	// levelLag is the most frames after which the flicker's alias may be expected to come back to where it was.
	levelLag = 12
	// A jump is a change, from the frames at which the alias was the same, of 1 % at least, and of so many times the usual change.
	leastJump, outstanding = 0.01, 10
	// So many jumps it takes, as a share of the frames, of which all but a few are as large as one another within alikeWidth, to say that
	// there are levels. Undoing them must leave hardly any.
	levelJumps, alike, alikeWidth, jumpsLeft = 1.0 / 90, 0.8, 0.15, 0.2
	// levelMemory is over how many frames the level is averaged.
	levelMemory = 9
)

// levels undoes the jumps of a picture's mean between two or more levels a constant factor apart. A mean over the bright part of the
// picture does so if a segment of it is just bright enough at times: the flicker itself then switches it in and out, so that no
// averaging over frames leaves that out. What is not a jump by the same factor again and again stays as it is.
type levels struct {
	held []frame
	past []float64 // the logarithms before those held, as they came
	jump float64   // in the logarithm; 0 if there are no levels
	mean float64   // of late, jumps undone
}

// push takes a frame of one cell and returns those that are ready, a block at a time.
func (l *levels) push(f frame) []frame {
	if l.held = append(l.held, f); len(l.held) < levelFrames {
		return nil
	}
	return l.flush()
}

// flush returns what is held.
func (l *levels) flush() []frame {
	out := l.held
	l.held = nil
	x := slices.Clone(l.past)
	for _, f := range out {
		x = append(x, f.cells[0])
	}
	before := len(l.past)
	l.past = slices.Clone(x[max(0, len(x)-levelLag):])
	lag, usual := period(x)
	if lag == 0 {
		return out
	}
	limit := max(leastJump, outstanding*usual)
	jumps := jumpsOf(x, lag, limit)
	if float64(len(jumps)) >= levelJumps*float64(len(x)) {
		l.jump = common(jumps)
	}
	if l.jump == 0 {
		l.mean = x[len(x)-1]
		return out
	}
	if before == 0 {
		l.mean = x[0]
	}
	y := slices.Clone(x)
	mean := l.mean
	for i := before; i < len(y); i++ {
		y[i] -= l.jump * math.Round((y[i]-mean)/l.jump)
		mean += (y[i] - mean) / levelMemory
	}
	if float64(len(jumpsOf(y[before:], lag, limit))) > jumpsLeft*float64(len(jumps)) {
		l.jump, l.mean = 0, x[len(x)-1]
		return out
	}
	l.mean = mean
	for i := range out {
		out[i].cells[0] = y[before+i]
	}
	return out
}

// period returns after how many values they are most alike, and by how much they usually change in that time; 0 if there are too few.
func period(x []float64) (lag int, usual float64) {
	if len(x) <= 2*levelLag {
		return 0, 0
	}
	usual = math.Inf(1)
	changes := make([]float64, 0, len(x))
	for p := 1; p <= levelLag; p++ {
		changes = changes[:0]
		for i := p; i < len(x); i++ {
			changes = append(changes, math.Abs(x[i]-x[i-p]))
		}
		if m := quickSelect(changes, len(changes)/2); m < usual {
			lag, usual = p, m
		}
	}
	return lag, usual
}

// jumpsOf returns the sizes of the changes beyond the limit.
func jumpsOf(x []float64, lag int, limit float64) (jumps []float64) {
	for i := lag; i < len(x); i++ {
		if d := math.Abs(x[i] - x[i-lag]); d > limit {
			jumps = append(jumps, d)
		}
	}
	return jumps
}

// common returns the size that nearly all jumps have, 0 if there is none.
func common(jumps []float64) float64 {
	size := quickSelect(slices.Clone(jumps), len(jumps)/2)
	n := 0.0
	for _, d := range jumps {
		if math.Abs(d-size) < alikeWidth*size {
			n++
		}
	}
	if n < alike*float64(len(jumps)) {
		return 0
	}
	return size
}
