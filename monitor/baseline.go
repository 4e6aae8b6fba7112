// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"maps"
	"math"
	"slices"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

const (
	// maxLag is how far a channel may lie from where its time puts it, in seconds: that of [detect.Options].
	maxLag = 2
	// turnValues is from how many values the offset of a new source is taken, and turnLimit how far, in hertz, it may be from that of the
	// sources before: twice what a sound card is wrong by (detect, docs/detection.md). Beyond it is no clock's.
	turnValues, turnLimit = 20, 0.012
	// clockHz is how far apart, in hertz, the offsets of two sources may be and be one clock's: twice what the median of turnValues is wrong by.
	// Another clock is believed from clockValues values on, and mostClocks in the time that is kept: people change a device once.
	clockHz, clockValues, mostClocks = 0.002, 40, 2
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

// settle finds the offsets of sources that have none yet, as soon as they have values enough. One device has one clock: a source whose
// offset is that of another source has that one's, and whose is not needs more values to have one of its own. Or else who begins anew
// all the time would follow any grid.
func (b *baseline) settle(c *channel, truth *trace, from, end int64) {
	differences := make(map[int][]float64)
	for t := from; t < end; t++ {
		cell := c.trace.at(t)
		if x := truth.between(float64(t) + b.lag); !math.IsNaN(cell.hz-x) && len(differences[cell.turn]) < clockValues {
			differences[cell.turn] = append(differences[cell.turn], cell.hz-x)
		}
	}
	if b.offsets == nil {
		b.offsets = make(map[int]float64)
	}
	for _, turn := range slices.Sorted(maps.Keys(differences)) {
		d := differences[turn]
		if _, ok := b.offsets[turn]; ok || len(d) < turnValues {
			continue
		}
		offset := detect.Median(d)
		usual, any := b.usual()
		switch same, ok := b.clock(offset); {
		case ok:
			b.offsets[turn] = same
		case any && math.Abs(offset-usual) > turnLimit:
			b.offsets[turn] = usual
		case !any || len(d) >= clockValues:
			b.offsets[turn] = offset
		}
	}
	for turn := range b.offsets {
		if len(differences[turn]) == 0 && len(b.offsets) > 1 {
			delete(b.offsets, turn)
		}
	}
}

// clock returns the offset of the sources whose clock one with a given offset may have.
func (b *baseline) clock(offset float64) (same float64, ok bool) {
	nearest := max(clockHz, min(b.noise, ceilingHz))
	for _, o := range b.offsets {
		if d := math.Abs(o - offset); d <= nearest {
			nearest, same, ok = d, o, true
		}
	}
	return same, ok
}

// clocks is how many clocks the sources have.
func (b *baseline) clocks() int {
	different := make(map[float64]bool) // sources of one clock have the very same offset
	for _, o := range b.offsets {
		different[o] = true
	}
	return len(different)
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

// countCompared returns how many of a channel's seconds, from from on, could be compared with the truth, those that [baseline.level] leaves,
// and how many could not for their source's clock.
func (m *Monitor) countCompared(c *channel, from int64) (compared, strange int) {
	for t := from; t <= min(c.trace.last, m.truth.last); t++ {
		cell := c.trace.at(t)
		if cell.early || math.IsNaN(cell.hz) || math.IsNaN(m.truth.at(t).hz) {
			continue
		}
		if _, ok := c.base.offsets[cell.turn]; ok || len(c.base.offsets) == 0 {
			compared++
		} else {
			strange++
		}
	}
	return compared, strange
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
	b.known, b.lag, b.noise = true, ch.Lag, 1.4826*detect.Median(left)
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
