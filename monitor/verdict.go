// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

const (
	// sureAfter is how many comparisons in succession must agree before the verdict becomes theirs, and holdFor how many must be
	// undetermined before a channel is no longer authentic: evidence that is thin comes and goes.
	sureAfter, holdFor = 2, 6
	// mutedAfter is for how long nothing must have arrived before an authentic channel is undetermined.
	mutedAfter = 15 * time.Second
	// retractAfter is how long a span that only the newest seconds showed may stay without a comparison that shows it too.
	retractAfter = 45 * time.Second
	// evidenceScale is how many nats of evidence count as one in a confidence: the model behind them is not the world.
	evidenceScale = 4
)

// conclude makes the verdict on a channel.
func (m *Monitor) conclude(c *channel, now time.Time) {
	c.retract(now)
	c.opinion = m.opinion(c, now)
}

// change makes a new opinion the one that is held, and reports whether there is something to tell: the verdict is another, or another stretch
// has turned forged. e, whose time, person and channel are set, then says so. recent returns the forged spans that end after an instant.
func (m *Monitor) change(held *opinion, o opinion, e Event, recent func(since time.Time) []span) bool {
	var spans []span
	switch {
	case o.verdict == detect.Forged:
		spans = recent(e.Time.Add(-m.options.Keep))
	case held.verdict == detect.Forged: // all that it rested on for as long as it was
		spans = recent(held.since.Add(-m.options.Keep))
	}
	another := func(s span) bool { return s.begun > held.told }
	if o.verdict == held.verdict && !slices.ContainsFunc(spans, another) {
		held.reason, held.confidence = o.reason, o.confidence
		return false
	}
	e.Room, e.Former = m.options.Room, held.verdict
	o.since, o.told = e.Time, m.judgement
	if o.verdict == held.verdict {
		o.since = held.since
	}
	*held = o
	e.Verdict, e.Reason, e.Confidence, e.Forged = o.verdict, o.reason, o.confidence, plain(spans)
	m.say(e)
	m.touch()
	return true
}

// part tells of whoever has gone, or is watched no longer, and is called forged, from when until when that lasted.
func (m *Monitor) part(p *person, now time.Time) {
	last := func(held opinion, channel enf.Source, recent func(since time.Time) []span) {
		if held.verdict == detect.Forged {
			m.say(Event{
				Time: now, Room: m.options.Room, Person: p.Person, Channel: channel, Verdict: held.verdict, Former: held.verdict,
				Reason: held.reason, Confidence: held.confidence, Forged: plain(recent(held.since.Add(-m.options.Keep))),
			})
		}
	}
	for _, d := range p.media {
		last(d.opinion, d.source, d.recent)
	}
	last(p.opinion, "", p.recent)
	p.parted = true
	m.touch()
}

// retract forgets spans that were seen in passing only.
func (c *channel) retract(now time.Time) {
	kept := c.spans[:0]
	for _, s := range c.spans {
		if s.confirmed || now.Sub(s.found) <= retractAfter {
			kept = append(kept, s)
		}
	}
	c.spans = kept
}

// opinion is what there is to be said of a channel now.
func (m *Monitor) opinion(c *channel, now time.Time) opinion {
	if spans := c.recent(now.Add(-m.options.Keep)); len(spans) > 0 {
		return opinion{verdict: detect.Forged, reason: m.accuse(c, spans), confidence: confidence(c.evidence)}
	}
	grey := func(format string, args ...any) opinion {
		return opinion{verdict: detect.Undetermined, reason: fmt.Sprintf(format, args...)}
	}
	if m.reset != "" && now.Sub(m.placed) < mostPatience {
		return grey("%s", m.reset)
	}
	hum := humOf(c.source)
	switch silent := now.Sub(c.heard); {
	case c.problem != "":
		return grey("It can be followed no longer: %s.", c.problem)
	case c.heard.IsZero():
		return grey("Nothing has arrived yet.")
	case silent > mutedAfter || silent > silentAfter && c.verdict == detect.Undetermined:
		return grey("Nothing has arrived since %s: it is muted, switched off or held up.", m.clock(c.heard))
	case m.room.Truth.Problem != "" && (m.truth.last == 0 || now.Unix()-m.truth.last > staleAfter):
		return grey("There is nothing to compare with: %s.", m.blame())
	case m.truth.last == 0:
		return grey("There is nothing to compare with yet: %s.", m.blame())
	}
	newest := c.trace.newest()
	known := c.trace.present(now.Unix()-int64(m.options.Keep.Seconds()), now.Unix()+1)
	window := int(m.options.Window.Seconds())
	switch {
	case known < leastValues && now.Sub(c.began) < mostPatience:
		return grey("Listening for %s: that takes half a minute.", hum)
	case known < leastValues:
		return grey("No %s can be found in it.", hum)
	case c.trace.last-newest > stoppedAfter:
		return grey("The %s stopped at %s. It may have been switched off, or what is %s now was not recorded in that room.",
			hum, m.clock(time.Unix(newest, 0)), heardOf(c.source))
	case known < window:
		return grey("The %s could be followed for %d s so far; it takes %d.", hum, known, window)
	}
	from := min(c.trace.last, m.truth.last) + 1 - horizon
	if !c.resumed.IsZero() {
		from = max(from, c.resumed.Unix()) // before, it may have been somebody else
	}
	n, strange := m.countCompared(c, from)
	switch {
	case strange > n || c.base.clocks() > mostClocks:
		return grey("The sender's clock changed from one of its tracks to the next, so that they do not bear each other out.")
	case n == 0 || n < turnValues && c.verdict != detect.Authentic:
		return grey("Listening for %s again: that takes a minute.", hum)
	}
	return m.verdictOf(c, grey)
}

// mostPatience is after how long without a value there is said to be no hum: a picture's takes half a minute to begin with.
const mostPatience = time.Minute

// verdictOf is the opinion by what comparisons say.
func (m *Monitor) verdictOf(c *channel, grey func(string, ...any) opinion) opinion {
	was := c.verdict == detect.Authentic
	if c.pending == detect.Authentic && (was || c.judged >= sureAfter) || was && (c.pending == detect.Forged && c.judged < sureAfter || c.judged < holdFor) {
		reason := fmt.Sprintf("The %s follows the grid's frequency.", humOf(c.source))
		if r := c.found.correlation; r > 0 {
			reason = fmt.Sprintf("The %s follows the grid's frequency: correlation %.2f over the last %d s.", humOf(c.source), r, int(m.options.Window.Seconds()))
		}
		return opinion{verdict: detect.Authentic, reason: reason, confidence: confidence(c.found.llr)}
	}
	if c.pending != detect.Undetermined {
		return grey("The %s is being compared with the grid's frequency.", humOf(c.source))
	}
	return grey("%s", strings.NewReplacer("The recording's hum", "The "+humOf(c.source), "The recording", "The "+nounOf(c.source),
		"the recording", "the "+nounOf(c.source), "the recorder's", "the sender's").Replace(c.said))
}

// accuse says why a channel is forged.
func (m *Monitor) accuse(c *channel, spans []span) string {
	s := spans[len(spans)-1]
	hum := humOf(c.source)
	switch {
	case s.Kind == detect.SpanCut:
		return fmt.Sprintf("At %s the %s jumps to another time of the grid's: something was cut out or played in.", m.clock(s.From), hum)
	case c.alarm.on || c.trace.last-s.To.Unix() < int64(near.Seconds()):
		return fmt.Sprintf("Since %s the %s is not the grid's: what is %s was not recorded now, on this grid.", m.clock(s.From), hum, heardOf(c.source))
	}
	return fmt.Sprintf("From %s to %s the %s was not the grid's.", m.clock(s.From), m.clock(s.To), hum)
}

// blame says what is wrong with the truth.
func (m *Monitor) blame() string {
	t := m.room.Truth
	who := map[TruthKind]string{
		TruthCommittee: "the committee has not agreed on the grid's frequency", TruthParticipants: "the participants' own streams do not tell the grid's frequency",
		TruthFile: "the reference does not cover this time", TruthNone: "no source of the grid's frequency is in use",
	}[t.Kind]
	if who == "" {
		who = "the grid's frequency is not known"
	}
	if t.Problem != "" {
		who += " (" + t.Problem + ")"
	}
	return who
}

func humOf(s enf.Source) string {
	if s == enf.SourceVideo {
		return "flicker of the light"
	}
	return "mains hum"
}

func nounOf(s enf.Source) string {
	if s == enf.SourceVideo {
		return "picture"
	}
	return "sound"
}

func heardOf(s enf.Source) string {
	if s == enf.SourceVideo {
		return "seen"
	}
	return "heard"
}

// confidence turns evidence, in nats, into a number from one half to one: the probability that goes with a share of it at even odds.
func confidence(nats float64) float64 {
	if math.IsNaN(nats) {
		return 0.5
	}
	return 1 / (1 + math.Exp(-max(nats, 0)/evidenceScale))
}

// clock is a time for people to read, in UTC, since whoever reads it may be anywhere: with the date if that is another than now.
func (m *Monitor) clock(t time.Time) string {
	t = t.UTC()
	if now := m.options.Now().UTC(); t.YearDay() != now.YearDay() || t.Year() != now.Year() {
		return t.Format("2006-01-02 15:04:05 UTC")
	}
	return t.Format("15:04:05 UTC")
}

// combine makes the verdict on a participant from those on sound and picture.
func (m *Monitor) combine(p *person, now time.Time) {
	o := opinion{verdict: detect.Undetermined, reason: "There is neither sound nor picture yet."}
	var by *medium
	weight := map[detect.Verdict]int{detect.Undetermined: 0, detect.Authentic: 1, detect.Forged: 2}
	for _, d := range p.media {
		if by == nil || weight[d.verdict] > weight[o.verdict] || d.verdict == o.verdict && d.confidence > o.confidence {
			by = d
			o = d.opinion
			o.reason = map[enf.Source]string{enf.SourceAudio: "Sound: ", enf.SourceVideo: "Picture: "}[d.source] + d.reason
		}
	}
	m.change(&p.opinion, o, Event{Time: now, Person: p.Person}, p.recent)
}
