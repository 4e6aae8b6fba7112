// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"math"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

const (
	// maxLag is how far a channel may lie from where its time puts it, in seconds: that of [detect.Options].
	maxLag = 2
	// turnValues is from how many values the offset of a new source is taken, and turnLimit how far, in hertz, it may be from that of the
	// sources before: twice what a sound card is wrong by (detect, docs/detection.md). Beyond it is no clock's.
	turnValues, turnLimit = 20, 0.012
	// leastValues is how many values there must be for ENF to be said to be present (as in package enf).
	leastValues = 8
)

// baseline is how the channel lies on the truth: what the last comparison that called it authentic found.
type baseline struct {
	known bool
	// lag is in seconds, noise the spread of what is left, in hertz.
	lag, noise float64
	// offsets are those of the sources, in hertz, by the number of their turn: two devices have two clocks.
	offsets map[int]float64
}

// settle finds the offsets of sources that have none yet, as soon as they have values enough.
func (b *baseline) settle(c *channel, truth *trace, from, end int64) {
	differences := make(map[int][]float64)
	for t := from; t < end; t++ {
		cell := c.trace.at(t)
		if x := truth.between(float64(t) + b.lag); !math.IsNaN(cell.hz-x) && len(differences[cell.turn]) < turnValues {
			differences[cell.turn] = append(differences[cell.turn], cell.hz-x)
		}
	}
	if b.offsets == nil {
		b.offsets = make(map[int]float64)
	}
	usual, any := b.usual()
	for turn, d := range differences {
		if _, ok := b.offsets[turn]; ok || len(d) < turnValues {
			continue
		}
		offset := medianOf(d)
		if any && math.Abs(offset-usual) > turnLimit {
			offset = usual
		}
		b.offsets[turn] = offset
	}
	for turn := range b.offsets {
		if len(differences[turn]) == 0 && len(b.offsets) > 1 {
			delete(b.offsets, turn)
		}
	}
}

// usual is the offset of the newest source that has one.
func (b *baseline) usual() (offset float64, ok bool) {
	newest := -1
	for turn, o := range b.offsets {
		if turn > newest {
			newest, offset, ok = turn, o, true
		}
	}
	return offset, ok
}

// level returns the channel's values with the offsets of all sources made that of the newest. Those of a source without
// one are left out, and those for which there is no truth: a truth that stopped for a while is no fault of the channel.
func (b *baseline) level(c *channel, truth *trace, from, end int64) enf.Series {
	s := c.trace.series(from, end, false)
	usual, _ := b.usual()
	for i := range s.Hz {
		offset, ok := b.offsets[c.trace.at(from+int64(i)).turn]
		switch {
		case !ok && len(b.offsets) > 0, math.IsNaN(truth.at(from + int64(i)).hz):
			s.Hz[i] = math.NaN()
		case ok:
			s.Hz[i] += usual - offset
		}
	}
	return s
}

// countCompared returns how many of a channel's seconds, from from on, could be compared with the truth: those that [baseline.level] leaves.
func (m *Monitor) countCompared(c *channel, from int64) int {
	n := 0
	for t := from; t <= min(c.trace.last, m.truth.last); t++ {
		cell := c.trace.at(t)
		_, ok := c.base.offsets[cell.turn]
		if !cell.early && !math.IsNaN(cell.hz) && !math.IsNaN(m.truth.at(t).hz) && (ok || len(c.base.offsets) == 0) {
			n++
		}
	}
	return n
}

// take learns from a comparison that called the channel authentic.
func (b *baseline) take(c *channel, ch detect.Channel) {
	usual, _ := b.usual()
	for turn := range b.offsets {
		b.offsets[turn] += ch.Offset - usual
	}
	var left []float64
	for i, hz := range ch.Estimate.Series.Hz {
		left = append(left, math.Abs(hz-ch.Truth.Hz[i]-ch.Offset))
	}
	b.known, b.lag, b.noise = true, ch.Lag, 1.4826*medianOf(left)
	c.evidence = 0
}

// between returns the value at an instant, on a straight line between seconds; NaN where there is none.
func (t *trace) between(second float64) float64 {
	i := math.Floor(second)
	part := second - i
	a := t.at(int64(i)).hz
	if part < 1e-6 {
		return a
	}
	return a*(1-part) + t.at(int64(i)+1).hz*part
}

// present returns how many of seconds from to to-1 have a value.
func (t *trace) present(from, to int64) int {
	n := 0
	for s := from; s < to; s++ {
		if c := t.at(s); !c.early && !math.IsNaN(c.hz) {
			n++
		}
	}
	return n
}

// newest returns the newest second that has a value, 0 if none has.
func (t *trace) newest() int64 {
	for s := t.last; s > t.last-int64(len(t.cells)) && s > 0; s-- {
		if !math.IsNaN(t.at(s).hz) {
			return s
		}
	}
	return 0
}
