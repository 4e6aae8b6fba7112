// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// What tells a grid from a logger's fault. Hertz are of the fundamental.
const (
	fitLeast      = 10               // values, below which a series is too short to say that it stands still
	fitStepsLeast = 60               // and that it moves in steps
	fitCoarse     = 0.0051           // hertz; steps beyond drown what tells one minute of a strong grid from another
	stuckTime     = 10 * time.Second // the same value to all digits for longer is no grid's
	stuckValues   = 5
	stuckPerHertz = 20 * time.Second * 1000 // and so much longer for the resolution: at 1 mHz a calm grid gives 8 alike now and then
	glitchLeast   = 0.05                    // hertz in a second; a strong grid moves 5 mHz (docs/detection.md)
	glitchUsual   = 25                      // a weak one may more: times its own usual step
	glitchTime    = time.Minute             // a jump that is taken back within it is the logger's
)

// Unfit returns why the series cannot serve as a reference, nil if it can: a grid neither stands still nor moves in steps of
// 10 mHz, so that an honest recording would not follow it.
func (s Series) Unfit() error {
	unit := s.harmonic()
	values, step := s.distinct(1e-6 * unit)
	switch {
	case len(values) == 1 && s.Present() >= fitLeast:
		return fmt.Errorf("is constant at %.6g Hz, as no grid is", values[0])
	case step > fitCoarse*unit && s.Present() >= fitStepsLeast:
		return fmt.Errorf("moves in steps of %.3g mHz, too coarse to compare with", 1e3*step)
	}
	return nil
}

// Mended returns s with gaps where its logger stood still or jumped and came back, and how many values it took out. It
// shares storage with s if these are none.
func (s Series) Mended() (Series, int) {
	return s.without(func(s Series) int { return s.dropStuck() + s.dropGlitches() })
}

// Unstuck is Mended for the series of a recording: it leaves jumps in, which a forger may have made.
func (s Series) Unstuck() (Series, int) { return s.without(Series.dropStuck) }

// without returns s less what drop takes out, and how many values that was.
func (s Series) without(drop func(Series) int) (Series, int) {
	out := s
	out.Hz = slices.Clone(s.Hz)
	n := drop(out)
	if n == 0 {
		return s, 0
	}
	return out, n
}

// harmonic returns about which harmonic the values are of; 1 for none.
func (s Series) harmonic() float64 {
	const between = 55 // 50 and 60
	if k := math.Round(s.medianHz() / between); k > 1 {
		return k
	}
	return 1
}

// distinct returns the different values of the series, of an even sample if they are many, and the least difference.
func (s Series) distinct(same float64) (values []float64, step float64) {
	const most = 1 << 14
	stride := max(1, len(s.Hz)/most)
	for i := 0; i < len(s.Hz); i += stride {
		if !math.IsNaN(s.Hz[i]) {
			values = append(values, s.Hz[i])
		}
	}
	slices.Sort(values)
	values = slices.CompactFunc(values, func(a, b float64) bool { return math.Abs(a-b) < same })
	for i := 1; i < len(values); i++ {
		if d := values[i] - values[i-1]; i == 1 || d < step {
			step = d
		}
	}
	return values, step
}

// dropStuck takes out stretches of one value and returns how many values that were.
func (s Series) dropStuck() int {
	_, resolution := s.distinct(1e-9)
	most := stuckTime + time.Duration(resolution/s.harmonic()*float64(stuckPerHertz))
	dropped, from := 0, 0
	for i := 1; i <= len(s.Hz); i++ {
		if i < len(s.Hz) && s.Hz[i] == s.Hz[from] {
			continue
		}
		if n := i - from; n >= stuckValues && time.Duration(n)*s.Step > most {
			dropped += s.drop(from, i)
		}
		from = i
	}
	return dropped
}

// dropGlitches takes out stretches that are reached by a jump and left by one back.
func (s Series) dropGlitches() int {
	limit := max(glitchLeast*s.harmonic(), glitchUsual*s.usualStep()) * max(1, s.Step.Seconds())
	reach := max(1, int(glitchTime/max(1, s.Step)))
	dropped := 0
	for i := 1; i < len(s.Hz); i++ {
		if !(math.Abs(s.Hz[i]-s.Hz[i-1]) > limit) { // a gap is not
			continue
		}
		if back := s.back(i, min(len(s.Hz), i+reach), limit); back > i {
			dropped += s.drop(i, back)
			i = back
		}
	}
	return dropped
}

// back returns where, before end, the series jumps back to what it was before i; 0 if it does not.
func (s Series) back(i, end int, limit float64) int {
	last := s.Hz[i]
	for j := i + 1; j < end; j++ {
		v := s.Hz[j]
		switch {
		case math.IsNaN(v):
			continue
		case math.Abs(v-s.Hz[i-1]) < limit/2:
			if math.Abs(v-last) > limit/2 {
				return j
			}
			return 0 // it swung back, as a grid may
		}
		last = v
	}
	return 0
}

// usualStep returns the median change from value to value.
func (s Series) usualStep() float64 {
	const most = 1 << 14
	var steps []float64
	for i := 1; i < len(s.Hz); i += max(1, len(s.Hz)/most) {
		if d := math.Abs(s.Hz[i] - s.Hz[i-1]); !math.IsNaN(d) {
			steps = append(steps, d)
		}
	}
	if len(steps) == 0 {
		return 0
	}
	slices.Sort(steps)
	return steps[len(steps)/2]
}

// drop makes gaps of values from to to-1 and returns how many that were.
func (s Series) drop(from, to int) int {
	n := 0
	for i := from; i < to; i++ {
		if !math.IsNaN(s.Hz[i]) {
			s.Hz[i] = math.NaN()
			n++
		}
	}
	return n
}
