// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"math"
	"slices"
	"time"

	"github.com/defakepro/defakepro/detect"
)

// What the test of the newest seconds takes.
const (
	// horizon is how many seconds it looks back.
	horizon = 90
	// foreignHz is the standard deviation, in hertz, of how far a foreign hum is from the grid's: that of the difference of two unrelated grids, and
	// driftHz by how much that changes in a second (docs/detection.md).
	foreignHz, driftHz = 0.023, 0.002
	// floorHz is what two good series of one grid differ by, and ceilingHz the most that is read from what is left over, in hertz (as in
	// package detect).
	floorHz, ceilingHz = 0.001, 0.005
	// worst is what one value's disagreement counts at most, in nats, and mostGain, mostEarly what one second adds at most: estimates
	// have outliers, and one of a frame shows for as many seconds as it is long.
	worst, mostGain, mostEarly = 14.0, 3.0, 2.0
	// alarmAt is the evidence, in nats, at which something forged is said to have begun, and alarmMost what is counted at most, so that it ends soon
	// when it has ended.
	alarmAt, alarmMost = 12.0, 24.0
	// togetherHz is how far from their median most witnesses must be at most, in hertz.
	togetherHz = 0.003
)

// alarm is the state of the test of the newest seconds.
type alarm struct {
	on       bool
	from, to int64
}

// guard looks at a channel's newest seconds: a cumulative sum of the log-likelihood ratio of "its values are anything" over
// "they are the grid's" (Page 1954; the densities are those by which package detect splits recordings). Where the truth is not
// known yet, others who have followed it so far stand in for it.
func (m *Monitor) guard(p *person, c *channel, now time.Time) {
	if !c.base.known || m.options.Rule == detect.RuleCorrelation {
		return
	}
	score, most := 0.0, 0.0
	usual, _ := c.base.usual()
	var a alarm
	var from int64
	var s stray
	for t := now.Unix() - horizon; t <= now.Unix()+future; t++ {
		cell := c.trace.at(t)
		if math.IsNaN(cell.hz) {
			continue
		}
		offset, ok := c.base.offsets[cell.turn]
		if !ok {
			offset = usual
		}
		instant := float64(t) + c.base.lag
		noise := c.base.uncertainty(cell)
		d := cell.hz - offset - m.truth.between(instant)
		if math.IsNaN(d) {
			if d = m.testify(p, cell.hz-offset, instant); math.IsNaN(d) {
				continue
			}
			noise = math.Hypot(noise, floorHz)
		}
		if !ok { // a source whose clock is not known yet: what a clock may do is no evidence
			d = math.Copysign(max(0, math.Abs(d)-turnLimit), d)
		}
		if score == 0 {
			from, s = t, stray{variance: foreignHz * foreignHz, at: t}
		}
		score = min(alarmMost, max(0, score+s.gain(d, noise, t, cell)))
		if score >= alarmAt {
			a = alarm{true, from, t}
			most = max(most, score)
		}
		if score == 0 {
			a.on = false
		}
	}
	c.alarm = a
	if a.on {
		s := Span{From: time.Unix(a.from, 0).UTC(), To: time.Unix(a.to+1, 0).UTC(), Kind: detect.SpanForeign}
		c.warn(span{Span: s, found: now, begun: m.judgement}, now.Add(-horizon*time.Second))
		c.evidence = max(c.evidence, most)
	}
}

// testify returns by how much a value of a person's, at an instant for which there is no truth yet, differs from what the
// others say; NaN where they say nothing, or it is they who may have left the grid rather than this person. Each has one word, however
// much it sends: or else one with several microphones would outvote the rest.
func (m *Monitor) testify(p *person, hz, instant float64) float64 {
	said := make([]float64, 0, len(m.witnesses))
	var heard *person
	for _, w := range m.witnesses {
		if w.person == p || w.person == heard {
			continue
		}
		if v := w.channel.trace.between(instant - w.channel.base.lag); !math.IsNaN(v) {
			heard = w.person
			said = append(said, v-w.channel.base.offsets[w.channel.turn])
		}
	}
	if len(said) == 0 {
		return math.NaN()
	}
	slices.Sort(said)
	median := (said[len(said)/2] + said[(len(said)-1)/2]) / 2
	together := 0
	for _, v := range said {
		if math.Abs(v-median) <= togetherHz {
			together++
		}
	}
	if 2*together <= len(said) {
		return math.NaN()
	}
	if last := m.truth.at(m.truth.last).hz; together == 1 && math.Abs(hz-last) < 2*math.Abs(median-last) {
		return math.NaN() // one word against another: who has moved more is in the wrong
	}
	return hz - median
}

// witness is a channel that stands in for the truth.
type witness struct {
	person  *person
	channel *channel
}

// summon notes whose channels are witnesses, person by person: those that are authentic, follow the truth as far as it is known, and
// whose source has been compared with it.
func (m *Monitor) summon() {
	m.witnesses = m.witnesses[:0]
	for _, p := range m.people {
		for c := range p.channels() {
			_, ok := c.base.offsets[c.turn]
			if p.left.IsZero() && ok && c.base.known && c.verdict == detect.Authentic && !c.alarm.on {
				m.witnesses = append(m.witnesses, witness{p, c})
			}
		}
	}
}

// uncertainty is that of a value, in hertz: what it states, raised to what is left over where the channel follows the truth.
func (b *baseline) uncertainty(c cell) float64 {
	return max(math.Hypot(c.sigma, floorHz), min(b.noise, ceilingHz))
}

// stray is where a hum that is not the grid's is thought to be, as its difference from it: a level that drifts.
type stray struct {
	level, variance float64
	at              int64
}

// gain is the log-likelihood ratio of one more value, which differs from the grid's by d, of "it strays" over "it does not".
func (s *stray) gain(d, noise float64, t int64, c cell) float64 {
	s.variance = min(s.variance+driftHz*driftHz*float64(t-s.at), foreignHz*foreignHz)
	s.at = t
	total := s.variance + noise*noise
	e := d - s.level
	ratio := min(0.5*d*d/(noise*noise), worst) - min(0.5*e*e/total, worst/2) - 0.5*math.Log(total/(noise*noise))
	s.level += s.variance / total * e
	s.variance *= noise * noise / total
	most := mostGain
	if c.early {
		most = mostEarly
	}
	return min(most, ratio/frames(c))
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
