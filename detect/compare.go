// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"fmt"
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
	// covered is the share of the recording's values that must have been compared.
	covered = 0.5
	// mostly is the share of a recording that must follow the reference, if at an offset that no clock explains.
	mostly = 0.8
	// scatter is how much greater than stated the noise may be for a forged span to be believed.
	scatter = 2.0
	// searchPiece is the length, in seconds, of the pieces that are searched for beside the whole: a forged
	// recording as a whole is nowhere.
	searchPiece, searchPieces = 300, 4
	// refineLength is what recordings are long, in seconds, that are placed by their likelihood, and refineReach how far they are moved.
	refineLength, refineReach = 300, 4.0
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
// Truth may be at a harmonic, of any step, have gaps, and be shorter or longer than the recording.
func Compare(est enf.Estimate, truth enf.Series, o Options) Channel {
	c := &comparison{options: o.withDefaults()}
	est.Series = est.Series.Resample(time.Second)
	c.channel = Channel{Estimate: est, Verdict: Undetermined, Correlation: math.NaN(), RMSE: math.NaN()}
	c.channel.Truth = enf.Series{Start: est.Series.Start, Step: time.Second, Hz: nothing(est.Series.Len())}
	if reason := c.prepare(est, truth); reason != "" {
		c.channel.Reason = reason
		return c.channel
	}
	for _, step := range []func(){func() { c.place(truth) }, c.split, c.measure, c.decide} {
		if stopped(c.options.Done) {
			c.channel.Reason = "The comparison was ended before it was through."
			break
		}
		step()
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

// prepare readies the two series, and returns the reason if they cannot be compared.
func (c *comparison) prepare(est enf.Estimate, truth enf.Series) string {
	if !est.Present {
		reason := "There is no mains hum or flicker in the recording to compare"
		if est.Reason != "" {
			reason += ": " + est.Reason
		}
		return reason + "."
	}
	c.rec = newTrack(est.Series)
	least := int(c.options.Window.Seconds())
	if n := c.rec.present(); n < least {
		return fmt.Sprintf("The grid's frequency could be read for %s only; it takes at least %s to tell.", clock(float64(n)), clock(float64(least)))
	}
	truth, grid, err := truth.Fundamental(est.Grid)
	if err != nil && est.Grid != enf.GridAuto {
		return fmt.Sprintf("The recording's hum is that of a %d Hz grid, the reference is not.", est.Grid)
	}
	if err != nil {
		return fmt.Sprintf("The reference cannot be used: %v.", err)
	}
	if truth.Present() < 2 {
		return "The reference holds no frequencies."
	}
	if own, _, err := est.Series.Fundamental(grid); err == nil && own.Len() > 0 { // a recorder's series may be at a harmonic
		c.rec = newTrack(own)
		c.channel.Estimate.Series = own
	} else if err != nil {
		return fmt.Sprintf("The recording cannot be compared with the reference: %v.", err)
	}
	c.rec.camera = est.Source == enf.SourceVideo
	c.ref = newReference(truth)
	if c.options.Statistics != nil {
		c.grid = *c.options.Statistics
	} else {
		c.grid = modelOf(truth)
	}
	c.channel.Statistics = c.grid
	if reason := c.still(); reason != "" {
		return reason
	}
	return c.stranger()
}

const (
	// still, in hertz, is what no grid's frequency keeps to, by means of stillSeconds, for as long as two minutes: over so long they spread by 3.7 mHz in nine
	// cases of ten (docs/detection.md), and a generator or a converter with a quartz by a hundredth of it.
	still        = 0.0005
	stillSeconds = 16
	stillLeast   = 120
)

// still returns the reason if recording or reference do not move at all.
func (c *comparison) still() string {
	resting := func(hz []float64) bool {
		var m moments
		n := 0
		for from := 0; from+stillSeconds <= len(hz); from += stillSeconds {
			if v := binMean(hz, from, from+stillSeconds); !math.IsNaN(v) {
				m.add(0, v-c.grid.Mean)
				n += stillSeconds
			}
		}
		return n >= stillLeast && m.syy/m.n-m.sy/m.n*m.sy/m.n < still*still
	}
	if resting(c.ref.near(0, min(float64(len(c.ref.hz)-1)*c.ref.step, 86400)).hz) {
		return "The reference keeps to one frequency, as no grid does: nothing can be compared with it."
	}
	if resting(c.rec.hz) {
		c.channel.Estimate.Present = false
		return fmt.Sprintf("The recording's hum keeps to %.4f Hz, as no grid's does: a generator, a converter or a test tone hums there, so there is no ENF to compare.", c.rec.mean)
	}
	return ""
}

const (
	// apart is how far from a grid's mean, in hertz, a part of it never is for long: the parts of one interconnection
	// agree within a millihertz over seconds (docs/detection.md), and a strong one stays within 0.1 Hz. A weak grid is given
	// apartSpreads times its own spread.
	apart, apartSpreads = 0.15, 4.0
)

// stranger returns the reason if most of the hum is where the reference's grid cannot have been, not even by a recorder's
// clock. A fan, a local generator or another grid hums so in an honest recording, and its hum says nothing of when that was
// made: there is no ENF of this grid in it.
func (c *comparison) stranger() string {
	limit := max(apart, apartSpreads*c.grid.Spread)
	if c.channel.Estimate.Source == enf.SourceVideo {
		limit += cameraLimit
	}
	var near []float64
	for _, v := range c.rec.hz {
		if !(math.Abs(v-c.grid.Mean) <= limit) {
			v = math.NaN()
		}
		near = append(near, v)
	}
	if all := c.rec.present(); 2*present(near) >= all {
		camera := c.rec.camera
		c.rec = newTrack(enf.Series{Step: time.Second, Hz: near, Sigma: c.rec.sigma}) // the others are errors
		c.rec.camera = camera
		return ""
	}
	c.channel.Estimate.Present = false
	return fmt.Sprintf("The recording's hum, near %.2f Hz, is not that of the reference's grid, which stays near %.2f Hz: "+
		"a machine, a local generator or another grid hums there, so there is no ENF to compare.", medianOf(c.rec.hz), c.grid.Mean)
}

// place finds how the recording lies on the reference.
func (c *comparison) place(truth enf.Series) {
	within := int(math.Ceil(c.options.MaxLag.Seconds())) + reach
	c.tries = 2*c.options.MaxLag.Seconds() + 1
	switch dated := truth.Dated() && c.channel.Estimate.Series.Dated(); {
	case c.options.Search:
		c.tries = max(c.tries, float64(len(c.ref.hz))*c.ref.step)
		c.main = c.search()
		return
	case c.options.Start != 0:
		c.claimed, c.dated = c.options.Start.Seconds(), true
	case dated:
		c.dated = true
		c.claimed = c.channel.Estimate.Series.Start.Sub(truth.Start).Seconds()
	}
	c.main = c.claimedOr(align(c.rec, c.ref, c.claimed, within))
}

// claimedOr returns the best place within the lag allowed, unless the one given, anywhere near, has the evidence for itself that one
// of hundreds must have.
func (c *comparison) claimedOr(other alignment) alignment {
	if math.Abs(other.place-c.claimed) <= c.options.MaxLag.Seconds()+0.5 {
		return other
	}
	best := align(c.rec, c.ref, c.claimed, int(math.Ceil(c.options.MaxLag.Seconds())))
	evidence := func(a alignment) float64 {
		truth := c.rec.along(c.ref, a.place, 0)
		noise := c.rec.noise(spreadOf(c.rec.residuals(truth, a.offset)))
		return c.grid.evidence(c.rec.hz, truth, noise)
	}
	if evidence(other) < evidence(best)+math.Log(2*reach+1) {
		return best
	}
	return other
}

// search finds the recording in the reference as a whole or by a piece, whichever most of it agrees with.
func (c *comparison) search() alignment {
	var starts []float64
	add := func(from, to int) {
		piece := c.rec.slice(from, to)
		if piece.present() < int(matchOverlap) {
			return
		}
		for _, p := range search(piece, c.ref, c.grid, 5, c.options.Done) {
			starts = append(starts, p.offset-float64(from))
		}
	}
	n := len(c.rec.hz)
	add(0, n)
	if n >= 2*searchPiece {
		for i := range searchPieces {
			from := i * (n - searchPiece) / (searchPieces - 1)
			add(from, from+searchPiece)
		}
	}
	best := alignment{rmse: math.NaN()}
	for _, p := range starts {
		if a := align(c.rec, c.ref, p, 1); a.support > best.support {
			best = a
		}
	}
	return best
}

// split divides the recording into stretches: first by what its noise may be, then by what is left of the stretches
// that follow the reference.
func (c *comparison) split() {
	c.focus()
	c.lines = timelines(c.rec, c.near, c.main)
	c.learn(c.rec.residuals(c.lines[0].truth, c.main.offset))
	c.segs = c.rec.segments(c.lines, c.main.offset, c.noise, c.options.AlarmPrice())
	left := c.left()
	for i := range left {
		left[i] -= c.main.offset
	}
	c.learn(left)
	if m := medianOf(left); math.Abs(m) < c.rec.tolerance() {
		c.main.offset += m
	}
	c.segs = c.rec.segments(c.lines, c.main.offset, c.noise, c.options.AlarmPrice())
	c.agreed = c.prune()
	// Noise that is as great as that of a comparison with anything, and still not most of the recording agrees: chance.
	if c.agreed > 0 && !c.trusted() && c.following() < mostly {
		c.agreed = 0
	}
	if c.agreed == 0 {
		c.resign()
		return
	}
	if far := c.faraway(); len(far) > 0 {
		c.lines = append(c.lines, far...)
		c.segs = c.rec.segments(c.lines, c.main.offset, c.noise, c.options.AlarmPrice())
		c.agreed = c.prune()
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

// focus takes the part of the reference that the recording may lie on, smoothed as the recording is if that fits better:
// a reference may come from frames like the recording's, or from a meter of a value a second.
func (c *comparison) focus() {
	margin := reach + 2*frameSeconds
	c.near = c.ref.near(math.Floor(c.main.place-margin), math.Ceil(c.main.place+float64(len(c.rec.hz))*(1+1e-2)+margin))
	smooth := c.near.smoothed()
	if len(c.rec.hz) <= refineLength {
		plain, most := c.likeliest(c.near)
		c.main = plain
		if a, v := c.likeliest(smooth); v > most {
			c.near, c.main = smooth, a
		}
		return
	}
	if a := align(c.rec, smooth, c.main.place, 0); a.support > c.main.support {
		c.near, c.main = smooth, a
	}
}

// likeliest returns the alignment with ref, near that found, at which the values are likeliest, and their log density. Seconds agree well enough beside
// it too: noise that frames smear is as smooth as what a small shift of a grid that moves slowly leaves.
func (c *comparison) likeliest(ref reference) (best alignment, most float64) {
	from := c.main.place
	best, most = c.main, math.Inf(-1)
	within := max(c.options.MaxLag.Seconds(), math.Abs(from-c.claimed)) // of the place claimed, if there is one
	try := func(place float64) {
		if math.Abs(place-from) > refineReach || !c.options.Search && math.Abs(place-c.claimed) > within {
			return
		}
		truth := c.rec.along(ref, place, 0)
		noise := c.rec.noise(spreadOf(c.rec.residuals(truth, c.main.offset)))
		if v := c.grid.likelihood(c.rec.hz, truth, c.main.offset, clockPrior, noise); v > most {
			best.place, most = place, v
		}
	}
	try(from)
	for k := 1.0; k <= 2*refineReach; k++ {
		try(from + k/2)
		try(from - k/2)
	}
	for _, step := range []float64{0.25, 0.12} {
		at := best.place
		try(at + step)
		try(at - step)
	}
	return best, most
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
	return 1.4826 * medianOf(near)
}

// faraway returns timelines for a foreign beginning or end that lie farther off than the others reach.
func (c *comparison) faraway() []timeline {
	var lines []timeline
	for _, s := range []segment{c.segs[0], c.segs[len(c.segs)-1]} {
		if s.state != foreign || s.to-s.from < longForeign || len(c.segs) == 1 {
			continue
		}
		piece := c.rec.slice(s.from, s.to)
		for _, p := range search(piece, c.ref, c.grid, 1, c.options.Done) {
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
func (c *comparison) measure() {
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
func (c *comparison) prune() float64 {
	used, pieces := make(map[int]float64), make(map[int]float64)
	for _, s := range c.segs {
		if s.state != foreign {
			pieces[s.state]++
		}
	}
	best := foreign
	for state := range pieces {
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
func (c *comparison) resign() {
	if !c.options.Search {
		c.main = align(c.rec, c.ref, c.claimed, int(c.options.MaxLag.Seconds()))
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
