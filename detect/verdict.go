// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/defakepro/defakepro/enf"
)

// strayClear is how many times a picture's own uncertainty it strays from a reference where that alone does not explain it.
const strayClear = 3

// unheardLittle is how many seconds without a value are not worth a word: those at either end of a recording.
const unheardLittle = 4

// decide fills in verdict and reason.
func (c *comparison) decide(ctx context.Context) {
	ch := &c.channel
	values, compared := c.rec.present(), c.compared()
	if least := c.options.Window.Seconds(); float64(compared) < least-min(unheardLittle, float64(len(c.rec.hz)-values)+1) {
		c.say(Undetermined, "The reference covers %s of the recording; it takes at least %s to tell.", clock(float64(compared)), clock(least))
		ch.Forged = nil
		return
	}
	if c.options.Rule == RuleCorrelation {
		c.decideByCorrelation()
		return
	}
	solid := c.agreed > 0
	limit, against := clockLimit, againstAll
	if c.noise.wanders {
		against *= wanderDoubt
	}
	if ch.Estimate.Source == enf.SourceVideo {
		limit = cameraLimit
	}
	odd := solid && math.Abs(ch.Offset) > limit
	if (odd || !solid || len(ch.Forged) > 0 || ch.Correlation < c.options.Threshold) && c.slipped() {
		return
	}
	switch {
	case !solid && ch.LLR < against && c.contradicted():
		ch.Forged = nil
		c.say(Undetermined, "As a whole the recording does not fit the reference, but no window of it is forged and some follow it: it scatters more than it says.")
	case !solid && ch.LLR < against || odd && c.following() < mostly:
		c.foreign(ctx)
	case odd:
		ch.Forged = nil
		c.say(Undetermined, "The recording moves as the reference does, but %.1f mHz %s it, which is more than a recorder's clock is wrong: "+
			"was it played at another speed?", 1e3*math.Abs(ch.Offset), aboveBelow(ch.Offset))
	case solid && len(ch.Forged) > 0 && !c.trusted():
		c.say(Undetermined, "The recording follows the grid's frequency, but its values scatter by %.1f mHz, more than they should: "+
			"where they stray, from %s on, it may be the recorder's fault.", 1e3*c.noise.median(), placed(ch.Forged[0].Start))
		ch.Forged = nil
	case solid && len(ch.Forged) > 0 && c.following() < 0.5:
		c.say(Forged, "Most of the recording does not follow the grid's frequency: not %s.", describe(ch.Forged))
	case solid && len(ch.Forged) > 0:
		c.say(Forged, "The recording follows the grid's frequency except %s.", describe(ch.Forged))
	case solid && !c.claims(timeline{place: c.claimed + ch.Lag}) && !c.dated:
		c.unsaid("follows", ch.Lag)
	case solid && !c.claims(timeline{place: c.claimed + ch.Lag}):
		c.say(Undetermined, "The recording follows the grid's frequency, but from a start %.1f s %s than claimed.", math.Abs(ch.Lag), laterEarlier(ch.Lag))
	case float64(compared) < covered*float64(values):
		ch.Forged = nil
		c.say(Undetermined, "The reference covers only %s of the recording's %s.", clock(float64(compared)), clock(float64(values)))
	case !solid:
		ch.Forged = nil
		c.say(Undetermined, "What there is of the grid's frequency neither fits the reference well enough nor contradicts it: %s.", c.weakness())
	case ch.Correlation < c.options.Threshold || math.IsNaN(ch.Correlation):
		c.say(Undetermined, "The grid's frequency hardly moved, so that agreement with it proves little.")
	default:
		c.agrees(compared)
	}
}

// agrees is the case that nothing contradicts: what may be wrong with a recording that follows the reference.
func (c *comparison) agrees(compared int) {
	at, step, turned := c.turn()
	from, to := c.unheard()
	switch {
	case turned:
		c.turned(at, step)
	case !c.noise.wanders && c.scatters(c.ref.stated):
		c.say(Undetermined, "The recording follows the grid's frequency, but its values scatter by %.1f mHz, more than they should: "+
			"its tempo was changed, samples were lost all along, or its clock wanders.", 1e3*c.noise.median())
	case c.options.Unheard >= 0 && to-from > c.options.Unheard.Seconds():
		c.say(Undetermined, "The recording follows the grid's frequency but carries none from %s to %s: what that part is cannot be told.", placed(from), placed(to))
	default:
		c.authentic(compared)
	}
}

// unheard returns the longest stretch of which the reference knows the frequency and the recording does not, in seconds.
func (c *comparison) unheard() (from, to float64) {
	begin := -1
	for i := range len(c.rec.hz) + 1 {
		missing := i < len(c.rec.hz) && math.IsNaN(c.rec.hz[i])
		switch {
		case missing && begin < 0:
			begin = i
		case !missing && begin >= 0:
			if float64(i-begin) > to-from {
				from, to = float64(begin), float64(i)
			}
			begin = -1
		}
	}
	return from, to
}

func (c *comparison) authentic(compared int) {
	total := len(c.rec.hz)
	within := "throughout"
	switch missing := total - compared; {
	case float64(missing) > 0.05*float64(total):
		within = fmt.Sprintf("for the %s of its %s that could be compared", clock(float64(compared)), clock(float64(total)))
	case missing > unheardLittle:
		within = fmt.Sprintf("throughout, but for %s in which there was nothing to compare", clock(float64(missing)))
	}
	if c.noise.wanders {
		within += "; but the camera's clock wanders, and a minute put in another's stead might not show"
	}
	c.say(Authentic, "The recording follows the grid's frequency %s.", within)
}

// foreign is the case that next to nothing agrees.
func (c *comparison) foreign(ctx context.Context) {
	if c.options.Search {
		c.channel.Forged = nil
		c.say(Undetermined, "As a whole the recording follows the reference nowhere: it was made at a time or on a grid that the reference does not cover, or is forged.")
		return
	}
	at, solid, possible := c.elsewhere(ctx)
	if possible && !c.dated {
		c.channel.Forged = nil
		verb := "may follow"
		if solid {
			verb = "follows"
		}
		c.unsaid(verb, at)
		return
	}
	c.channel.Forged = []Span{c.extent()}
	switch {
	case solid:
		c.say(Forged, "The recording does not follow the grid's frequency at the time claimed, but that of %s %s.", clock(math.Abs(at-c.claimed)), laterEarlier(at-c.claimed))
	case c.dated:
		c.say(Forged, "The recording does not follow the grid's frequency at the time claimed.")
	default:
		c.say(Forged, "The recording does not follow the grid's frequency from the reference's beginning on.")
	}
}

// unsaid is the case that the recording lies elsewhere than at the reference's beginning, where nobody said that it does.
func (c *comparison) unsaid(verb string, at float64) {
	c.say(Undetermined, "The recording %s the grid's frequency from %s %s the reference's beginning on; nobody said that it was made then.",
		verb, clock(math.Abs(at)), afterBefore(at))
}

// elsewhere returns where in the reference, in seconds, other than as claimed, all of the recording was made: solid, with the evidence that a search
// takes; or possible, where it has some and the reference covers it, as a recording of much noise may have.
func (c *comparison) elsewhere(ctx context.Context) (at float64, solid, possible bool) {
	for _, p := range search(ctx, c.rec, c.ref, c.grid, searchPlaces) {
		switch {
		case math.Abs(p.offset-c.claimed) <= c.options.MaxLag.Seconds():
		case p.score > chanceAnywhere+math.Log(float64(len(c.ref.hz))*c.ref.step):
			return p.offset, true, true
		case p.score > 0 && float64(c.rec.fit(c.ref, p.offset).seconds) >= mostly*float64(c.rec.present()):
			return p.offset, false, true
		}
	}
	return 0, false, false
}

// extent is what was compared, from its first second to its last.
func (c *comparison) extent() Span {
	s := Span{Start: math.Inf(1), Kind: SpanForeign}
	for i, x := range c.channel.Truth.Hz {
		if !math.IsNaN(x) && !math.IsNaN(c.rec.hz[i]) {
			s.Start, s.End = min(s.Start, float64(i)), float64(i+1)
		}
	}
	return s
}

// contradicted reports whether the windows say otherwise than a verdict of forged would.
func (c *comparison) contradicted() bool {
	follow := false
	for _, w := range c.channel.Windows {
		if w.Verdict == Forged {
			return false
		}
		follow = follow || w.Verdict == Authentic
	}
	return follow
}

// trusted reports whether what the seconds that follow the reference differ by is what the series says it may be.
func (c *comparison) trusted() bool {
	return !c.noise.wanders && !c.scatters(0)
}

// scatters reports whether it is much more than the series says, and a reference whose uncertainty is as given.
func (c *comparison) scatters(reference float64) bool {
	stated := c.rec.medianSigma()
	return stated > 0 && c.noise.median() > scatter*math.Hypot(math.Hypot(stated, noiseFloor), reference)
}

// decideByCorrelation is the rule of the paper.
func (c *comparison) decideByCorrelation() {
	below, judged := 0, 0
	for _, w := range c.channel.Windows {
		if w.Verdict == Undetermined {
			continue
		}
		judged++
		if w.Verdict == Forged {
			below++
			c.channel.Forged = extend(c.channel.Forged, Span{Start: w.Start, End: w.End, Kind: SpanForeign})
		}
	}
	switch {
	case judged == 0:
		c.say(Undetermined, "No window holds enough values to correlate.")
	case below > 0:
		c.say(Forged, "%d of %d windows correlate with the reference by less than %.2g.", below, judged, c.options.Threshold)
	default:
		c.say(Authentic, "All %d windows correlate with the reference by %.2g or more.", judged, c.options.Threshold)
	}
}

// extend adds a span that may overlap the last.
func extend(spans []Span, s Span) []Span {
	if n := len(spans); n > 0 && s.Start <= spans[n-1].End {
		spans[n-1].End = max(spans[n-1].End, s.End)
		return spans
	}
	return append(spans, s)
}

func (c *comparison) say(v Verdict, format string, args ...any) {
	c.channel.Verdict, c.channel.Reason = v, fmt.Sprintf(format, args...)
}

// compared returns the number of seconds at which both have a value.
func (c *comparison) compared() int {
	n := 0
	for i, x := range c.channel.Truth.Hz {
		if !math.IsNaN(x) && !math.IsNaN(c.rec.hz[i]) {
			n++
		}
	}
	return n
}

// weakness says why there is too little evidence.
func (c *comparison) weakness() string {
	noise, stated, strays := c.noise.median(), Median(c.noise.stated), c.channel.RMSE
	switch {
	case c.rec.camera && strays > strayClear*stated:
		return fmt.Sprintf("it strays from it by %.1f mHz, where %.1f would be its own uncertainty, as a camera's clock may for a while", 1e3*strays, 1e3*stated)
	case noise > 0.004:
		return fmt.Sprintf("its uncertainty of %.0f mHz is too great", 1e3*noise)
	case c.options.Search:
		return "a recording so short fits a reference so long by chance"
	}
	return "it is too short, or the grid moved too little meanwhile"
}

// describe lists the spans.
func describe(spans []Span) string {
	var parts []string
	for i, s := range spans {
		if i == 3 && len(spans) > 4 {
			parts = append(parts, fmt.Sprintf("and in %d more places", len(spans)-i))
			break
		}
		switch {
		case s.Kind == SpanForeign:
			parts = append(parts, fmt.Sprintf("from %s to %s", placed(s.Start), placed(s.End)))
		case s.Jump == 0:
			parts = append(parts, fmt.Sprintf("at %s, where the phase of the hum jumps", placed(s.middle())))
		case s.Jump > 0:
			parts = append(parts, fmt.Sprintf("at %s, where %s are missing", placed(s.middle()), clock(s.Jump)))
		default:
			parts = append(parts, fmt.Sprintf("at %s, where it goes back by %s", placed(s.middle()), clock(-s.Jump)))
		}
	}
	return strings.Join(parts, ", ")
}

// placed writes a place in a recording, as its report does.
func placed(seconds float64) string {
	s := max(0, int(math.Round(seconds)))
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// clock writes a length of so many seconds as a person would.
func clock(seconds float64) string {
	s := int(math.Round(seconds))
	switch {
	case s < 120:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d:%02d min", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d h", s/3600, s/60%60, s%60)
}

func aboveBelow(v float64) string {
	if v > 0 {
		return "above"
	}
	return "below"
}

func afterBefore(v float64) string {
	if v > 0 {
		return "after"
	}
	return "before"
}

func laterEarlier(v float64) string {
	if v > 0 {
		return "later"
	}
	return "earlier"
}
