// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"context"
	"math"
	"time"

	"github.com/defakepro/defakepro/enf"
)

// What a verdict on a whole channel takes.
const (
	// chance is the evidence, in nats, beyond what as many tries reach by chance: odds of a hundred and fifty to one.
	chance = 5.0
	// chanceAnywhere is that of a recording that was searched for: unrelated recordings of a grid whose calm and lively times were told by nothing have reached
	// 12 nats beyond, of 700 searches in references of a quarter of an hour (docs/detection.md).
	chanceAnywhere = 14.0
	// againstAll is the evidence, in nats, against a recording of which nothing agrees: odds of twenty thousand to one.
	againstAll = -10.0
	// wanderDoubt is how many times as much it takes against a camera whose clock wanders: of a genuine minute of light as much as 20 nats speak against it.
	wanderDoubt = 2.5
	// covered is the share of the recording's values that must have been compared.
	covered = 0.5
	// mostly is the share of a recording that must follow the reference, if at an offset that no clock explains, and lie in it, if at a place that nobody named.
	mostly = 0.8
	// scatter is how much greater than stated the noise may be for a forged span, or that all agrees, to be believed.
	scatter = 2.0
	// longForeign is the least length, in seconds, of a foreign end that is looked for elsewhere in the reference.
	longForeign = 120
)

// comparison is Compare at work.
type comparison struct {
	options Options
	rec     track
	ref     reference
	near    reference // the part of ref in question
	grid    Statistics
	tries   float64 // places that were tried
	claimed float64 // place of second 0, in seconds from the reference's first value
	dated   bool    // somebody said so
	main    alignment
	noise   uncertainty
	lines   []timeline
	segs    []segment
	agreed  float64 // evidence, in nats, for what follows the reference; 0 if it may be chance
	channel Channel
}

// Compare tells whether the estimate follows the grid's frequency as truth has it, and where it does not.
//
// It finds how the recording lies on the reference (the start as claimed, by date or by o, give or take MaxLag; or, with
// Search, anywhere), and its constant clock offset; splits it into stretches that follow the reference, from there or
// from up to two minutes before or after, and stretches that do not; and judges every window and the whole. The channel
// is forged on solid evidence alone; authentic when offset, correlation, RMSE and a likelihood ratio that accounts for the
// places tried all agree, over at least a window and half of the recording; else undetermined. A recording that follows
// the reference nowhere is forged if its time was claimed, and undetermined if it was searched for.
//
// Truth may be at a harmonic, of any step, have gaps, and be shorter or longer than the recording. If ctx ends before the comparison does, the channel is
// undetermined.
func Compare(ctx context.Context, est enf.Estimate, truth enf.Series, o Options) Channel {
	c := &comparison{options: o.withDefaults()}
	est.Series = est.Series.Resample(time.Second)
	c.channel = Channel{Estimate: est, Verdict: Undetermined, Correlation: math.NaN(), RMSE: math.NaN()}
	c.channel.Truth = enf.Series{Start: est.Series.Start, Step: time.Second, Hz: nothing(est.Series.Len())}
	if reason := c.prepare(est, truth); reason != "" {
		c.channel.Reason = reason
		return c.channel
	}
	unfinished := c.channel
	for _, step := range []func(context.Context){func(ctx context.Context) { c.place(ctx, truth) }, c.split, c.measure, c.decide} {
		if step(ctx); ctx.Err() != nil {
			unfinished.Reason = "The comparison was ended before it was through."
			return unfinished
		}
	}
	return c.channel
}

// nothing returns n missing values.
func nothing(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.NaN()
	}
	return out
}

// split divides the recording into stretches: first by what its noise may be, then by what is left of the stretches
// that follow the reference.
func (c *comparison) split(ctx context.Context) {
	c.focus(ctx)
	c.lines = timelines(c.rec, c.near, c.main)
	c.learn(c.rec.residuals(c.lines[0].truth, c.main.offset))
	c.segs = c.rec.segments(c.lines, c.main.offset, c.noise, c.options.AlarmPrice())
	left := c.left()
	for i := range left {
		left[i] -= c.main.offset
	}
	c.learn(left)
	if m := Median(left); math.Abs(m) < c.rec.tolerance() {
		c.main.offset += m
	}
	c.segs = c.rec.segments(c.lines, c.main.offset, c.noise, c.options.AlarmPrice())
	c.agreed = c.prune(ctx)
	// Noise that is as great as that of a comparison with anything, and still not most of the recording agrees: chance.
	if c.agreed > 0 && !c.trusted() && c.following() < mostly {
		c.agreed = 0
	}
	if c.agreed == 0 {
		c.resign(ctx)
		return
	}
	if far := c.faraway(ctx); len(far) > 0 {
		c.lines = append(c.lines, far...)
		c.segs = c.rec.segments(c.lines, c.main.offset, c.noise, c.options.AlarmPrice())
		c.agreed = c.prune(ctx)
	}
	c.displaced()
}

// displaced makes foreign what lies at another time between two stretches of the place that most of the recording has: it was put in the stead of
// what was there. Two cuts would be all that is said of it otherwise.
func (c *comparison) displaced() {
	length := make(map[int]int)
	home := foreign
	for _, s := range c.segs {
		if s.state == foreign {
			continue
		}
		length[s.state] += s.to - s.from
		if home == foreign || length[s.state] > length[home] {
			home = s.state
		}
	}
	away := func(s segment) bool {
		return s.state == foreign || math.Abs(c.lines[s.state].place-c.lines[home].place) >= leastJump
	}
	last := -1 // segment at home
	for i, s := range c.segs {
		if away(s) {
			continue
		}
		for j := last + 1; last >= 0 && j < i; j++ {
			c.segs[j].state = foreign
		}
		last = i
	}
	c.segs = joined(c.segs)
}

// learn sets the noise from what is left of the seconds that may follow the reference.
func (c *comparison) learn(left []float64) {
	c.noise = c.rec.noise(spreadOf(left))
}

// spreadOf returns the standard deviation of the values that are near zero, from their median, NaN for none.
func spreadOf(x []float64) float64 {
	var near []float64
	for _, v := range x {
		if v = math.Abs(v); v < faultSpread/2 {
			near = append(near, v)
		}
	}
	return 1.4826 * Median(near)
}

// faraway returns timelines for a foreign beginning or end that lie farther off than the others reach.
func (c *comparison) faraway(ctx context.Context) []timeline {
	var lines []timeline
	for _, s := range []segment{c.segs[0], c.segs[len(c.segs)-1]} {
		if s.state != foreign || s.to-s.from < longForeign || len(c.segs) == 1 {
			continue
		}
		piece := c.rec.slice(s.from, s.to)
		for _, p := range search(ctx, piece, c.ref, c.grid, 1) {
			truth := c.rec.along(c.ref, p.offset-float64(s.from), c.main.offset/c.rec.mean)
			llr := c.grid.evidenceOver(piece.hz, truth[s.from:s.to], c.main.offset, offsetSlack, c.noise.slice(s.from, s.to))
			if llr > chance+math.Log(float64(len(c.ref.hz))*c.ref.step) {
				lines = append(lines, timeline{p.offset - float64(s.from), truth})
			}
		}
	}
	return lines
}

// slice returns seconds from to to-1.
func (rec track) slice(from, to int) track {
	s := enf.Series{Step: time.Second, Hz: rec.hz[from:to]}
	if rec.sigma != nil {
		s.Sigma = rec.sigma[from:to]
	}
	out := newTrack(s)
	out.camera = rec.camera
	return out
}

// measure fills in what was found, verdict and reason excepted.
func (c *comparison) measure(context.Context) {
	ch := &c.channel
	truth := ch.Truth.Hz
	state := 0
	for _, s := range c.segs { // foreign seconds are compared with what precedes them
		if s.state != foreign {
			state = s.state
			break
		}
	}
	ch.Lag = c.lines[state].place - c.claimed
	for _, s := range c.segs {
		if s.state != foreign && c.options.Rule != RuleCorrelation {
			state = s.state
		}
		copy(truth[s.from:s.to], c.lines[state].truth[s.from:s.to])
	}
	var all moments
	for i, x := range truth {
		if y := c.rec.hz[i]; !math.IsNaN(x) && !math.IsNaN(y) {
			all.add(x-c.grid.Mean, y-c.grid.Mean)
		}
	}
	fit := all.fit(0, 0, 1)
	ch.Offset, ch.Correlation, ch.RMSE = c.main.offset, fit.correlation, fit.rmse
	ch.LLR, ch.Noise = c.grid.evidence(c.rec.hz, truth, c.noise), c.noise.median()
	if c.options.Rule != RuleCorrelation {
		ch.Forged = c.rec.spans(c.segs, c.lines, c.main.offset, c.noise)
	}
	w := windowed{c.rec.hz, truth, c.noise, c.grid, c.main.offset, c.options}
	ch.Windows = w.windows(ch.Forged)
}

// prune makes foreign what lies beside the timeline with the most evidence and has not the evidence for itself that
// choosing its place, among hundreds, takes. It returns the evidence for all that is left, 0 if the best itself has not
// enough.
func (c *comparison) prune(ctx context.Context) float64 {
	used, pieces := make(map[int]float64), make(map[int]float64)
	for _, s := range c.segs {
		if s.state != foreign {
			pieces[s.state]++
		}
	}
	best := foreign
	for state := range pieces {
		if ctx.Err() != nil {
			return 0
		}
		used[state] = c.evidenceFor(state)
		if best == foreign || used[state] > used[best] || used[state] == used[best] && state < best {
			best = state
		}
	}
	if best == foreign {
		return 0
	}
	// The place was chosen from all that were tried, and each stretch from anywhere in the recording.
	others := math.Log(2*reach + 1)
	price, beside := others, others+chance
	if c.claims(c.lines[best]) {
		price = math.Log(c.tries)
	}
	price += pieces[best] * math.Log(max(1, float64(len(c.rec.hz))/c.options.Window.Seconds()))
	if c.options.Search && !c.noise.wanders {
		price += chanceAnywhere - chance
	}
	if used[best] < chance+price {
		return 0
	}
	total := used[best]
	for i, s := range c.segs {
		if s.state != foreign && s.state != best && used[s.state] < beside {
			c.segs[i].state = foreign
		}
	}
	for state, llr := range used {
		if state != best && llr >= beside {
			total += llr
		}
	}
	c.segs = joined(c.segs)
	return total
}

// resign compares the whole recording with the place claimed, or for a search with the best, since nothing is known to
// follow the reference.
func (c *comparison) resign(ctx context.Context) {
	if !c.options.Search {
		c.main = align(ctx, c.rec, c.ref, c.claimed, int(c.options.MaxLag.Seconds()))
	}
	c.lines = []timeline{{c.main.place, c.rec.along(c.ref, c.main.place, 0)}}
	c.segs = []segment{{0, len(c.rec.hz), 0}}
}

// claims reports whether the timeline begins where the recording is claimed to.
func (c *comparison) claims(l timeline) bool {
	return c.options.Search || math.Abs(l.place-c.claimed) <= c.options.MaxLag.Seconds()+0.5
}

// following returns the share of the compared seconds that follow the reference.
func (c *comparison) following() float64 {
	follow, all := 0, 0
	for _, s := range c.segs {
		for i := s.from; i < s.to; i++ {
			if !math.IsNaN(c.lines[max(s.state, 0)].truth[i]) && !math.IsNaN(c.rec.hz[i]) {
				if all++; s.state != foreign {
					follow++
				}
			}
		}
	}
	return float64(follow) / float64(max(all, 1))
}

// evidenceFor returns the evidence, in nats, in the seconds that follow a timeline.
func (c *comparison) evidenceFor(state int) float64 {
	truth := nothing(len(c.rec.hz))
	for _, s := range c.segs {
		if s.state == state {
			copy(truth[s.from:s.to], c.lines[state].truth[s.from:s.to])
		}
	}
	return c.grid.evidence(c.rec.hz, truth, c.noise)
}

// joined joins neighbours of one state.
func joined(segs []segment) []segment {
	out := segs[:1]
	for _, s := range segs[1:] {
		if last := &out[len(out)-1]; last.state == s.state {
			last.to = s.to
		} else {
			out = append(out, s)
		}
	}
	return out
}
