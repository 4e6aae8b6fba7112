// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"math"
	"time"

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
// one are left out.
func (b *baseline) level(c *channel, from, end int64) enf.Series {
	s := c.trace.series(from, end, false)
	usual, _ := b.usual()
	for i := range s.Hz {
		offset, ok := b.offsets[c.trace.at(from+int64(i)).turn]
		switch {
		case ok:
			s.Hz[i] += usual - offset
		case len(b.offsets) > 0:
			s.Hz[i] = math.NaN()
		}
	}
	return s
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

// What the test of the newest seconds takes.
const (
	// horizon is how many seconds it looks back.
	horizon = 90
	// foreignHz is the breadth in which a foreign value may lie, in hertz (as in package detect).
	foreignHz = 0.080
	// floorHz is what two good series of one grid differ by, in hertz (as in package detect).
	floorHz = 0.001
	// worst is what one value's disagreement counts at most, in nats: estimates have outliers.
	worst = 14.0
	// alarmAt is the evidence, in nats, at which something forged is said to have begun, and alarmMost what is counted at most, so that it ends soon
	// when it has ended.
	alarmAt, alarmMost = 12.0, 24.0
)

// alarm is the state of the test of the newest seconds.
type alarm struct {
	on       bool
	from, to int64
}

// guard looks at a channel's newest seconds: a cumulative sum of the log-likelihood ratio of "its values are anything" over
// "they are the truth's" (Page 1954; the densities are those by which package detect splits recordings).
func (m *Monitor) guard(c *channel, now time.Time) {
	if !c.base.known || m.options.Rule == detect.RuleCorrelation {
		return
	}
	score, most := 0.0, 0.0
	a := alarm{on: c.alarm.on}
	a.on = false
	var from int64
	for t := now.Unix() - horizon; t <= now.Unix()+future; t++ {
		cell := c.trace.at(t)
		offset, ok := c.base.offsets[cell.turn]
		d := cell.hz - m.truth.between(float64(t)+c.base.lag) - offset
		if !ok || math.IsNaN(d) {
			continue
		}
		if score == 0 {
			from = t
		}
		score = min(alarmMost, max(0, score+c.base.gain(d, cell)))
		if score >= alarmAt {
			a.on, a.from, a.to = true, from, t
			most = max(most, score)
		}
		if score == 0 {
			a.on = false
		}
	}
	c.alarm = a
	if a.on {
		c.remember(Span{From: time.Unix(a.from, 0).UTC(), To: time.Unix(a.to+1, 0).UTC(), Kind: detect.SpanForeign}, false, now)
		c.evidence = max(c.evidence, most)
	}
}

// gain is the log-likelihood ratio of one value, which differs from the truth by d.
func (b *baseline) gain(d float64, c cell) float64 {
	noise := max(math.Hypot(c.sigma, floorHz), min(b.noise, 0.005))
	return (min(0.5*d*d/(noise*noise), worst) - math.Log(foreignHz/noise/math.Sqrt(2*math.Pi))) / frames(c)
}

// frames is in how many neighbouring values the same noise shows: half the length of the frame that a value is from, which
// its uncertainty tells, since it has the frame's smear in it (enf, docs/estimation.md).
func frames(c cell) float64 {
	switch {
	case c.early || c.sigma < 0.4e-3:
		return 2
	case c.sigma < 0.9e-3:
		return 4
	case c.sigma < 1.7e-3:
		return 8
	}
	return 16
}
