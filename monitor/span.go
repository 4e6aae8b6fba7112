// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"slices"
	"time"

	"github.com/defakepro/defakepro/detect"
)

// near is how far apart two spans may be and be the same one. It is also by how much in all a comparison may have a span begin elsewhere, or
// end later, than the newest seconds showed: those were compared with more that is honest beside them.
const near = 15 * time.Second

// span is a forged span and what it rests on.
type span struct {
	Span
	confirmed bool // by a comparison
	found     time.Time
	begun     uint64 // the number of the judgement in which it was new
	// first and last are where the newest seconds showed it to begin and to end; zero where they did not.
	first, last time.Time
}

// stretch is what was looked at, from its beginning to its end.
type stretch struct{ from, to time.Time }

// holds reports whether there is enough on either side of an instant to tell that something begins or ends there. What seems to at the edge
// of what was looked at may as well be older, or go on.
func (h stretch) holds(t time.Time) bool {
	return !t.Before(h.from.Add(near)) && !t.After(h.to.Add(-near))
}

func touch(a, b Span) bool { return !a.From.After(b.To.Add(near)) && !a.To.Before(b.From.Add(-near)) }

// warn takes in a span that the newest seconds show, of those since an instant.
func (c *channel) warn(s span, since time.Time) {
	s.first, s.last = s.From, s.To
	c.take([]span{s}, func(old, s span) span {
		// What a comparison found bounds it better; and what began before them, or is another one close by, did not begin where these do.
		if !old.confirmed {
			old.Kind = s.Kind
			if !old.From.Before(since) && !s.From.After(old.To) {
				old.From, old.first = s.From, s.From
			}
		}
		old.To, old.last, old.found = later(old.To, s.To), later(old.last, s.last), s.found
		return old
	})
}

// accused takes in the spans that a comparison found in the history that it looked at.
func (c *channel) accused(spans []span, history, strays stretch) {
	if len(spans) == 1 && !spans[0].From.After(history.from) && !spans[0].To.Before(history.to) && !history.to.IsZero() {
		c.foreign(spans[0], strays)
		return
	}
	c.confirm(joined(spans), history, strays)
}

// confirm takes in spans that a comparison found in the history that it looked at. strays is the newest part of it, if that by itself is not
// the grid's.
func (c *channel) confirm(spans []span, history, strays stretch) {
	c.take(spans, func(old, s span) span {
		old.confirmed, old.found, old.Kind = true, s.found, s.Kind
		old.From = old.begins(s.Span, history)
		old.To = old.ends(s.Span, history)
		if goesOn := !strays.to.IsZero() && !strays.from.Before(old.To); goesOn && s.To.After(old.To) {
			old.To = s.To
			if !old.last.IsZero() {
				old.last = s.To
			}
		}
		return old
	})
}

// begins returns where a span begins that a comparison has found to be s.
func (old span) begins(s Span, history stretch) time.Time {
	switch dated := !old.first.IsZero(); {
	case !history.holds(s.From),
		s.From.After(old.From) && !history.holds(old.From), // it has no more of what it began with
		s.From.After(old.To),
		dated && s.From.Sub(old.first).Abs() > near:
		return old.From
	}
	return s.From
}

// ends returns where a span ends that a comparison has found to be s.
func (old span) ends(s Span, history stretch) time.Time {
	dated := !old.last.IsZero()
	switch {
	case s.To.Before(old.To) && (!history.holds(s.To) || !history.holds(old.To) || s.To.Before(old.From)),
		s.To.After(old.To) && dated && (!history.holds(s.To) || s.To.Sub(old.last) > near):
		return old.To
	}
	return s.To
}

// foreign takes in that a comparison found next to nothing of all that it looked at to be the grid's, as it does when most of it is not. Where
// something is known of it already, that tells better where it begins and ends, and only the newest part is news: not even that where the
// newest seconds are looked at by themselves.
func (c *channel) foreign(all span, strays stretch) {
	known := false
	for i, old := range c.spans {
		if touch(old.Span, all.Span) {
			c.spans[i].confirmed, known = true, true
		}
	}
	if !known {
		c.take([]span{all}, nil)
		return
	}
	if !c.base.known && !strays.to.IsZero() {
		all.Span = Span{From: strays.from, To: strays.to, Kind: detect.SpanForeign}
		c.confirm([]span{all}, stretch{}, strays)
	}
}

// take lays spans, in order of time, over those that are known: meet returns what one of these becomes that one of those touches.
func (c *channel) take(spans []span, meet func(old, s span) span) {
	var out []span
	met := make([]bool, len(c.spans))
	for _, s := range spans {
		one, known := s, false
		for i, old := range c.spans {
			if !touch(old.Span, s.Span) {
				continue
			}
			old = meet(old, s)
			if known {
				old = one.and(old)
			}
			one, known, met[i] = old, true, true
		}
		out = append(out, one)
	}
	for i, old := range c.spans {
		if !met[i] {
			out = append(out, old)
		}
	}
	c.spans = joined(out)
	if n := len(c.spans) - mostSpans; n > 0 {
		c.spans = slices.Delete(c.spans, 0, n)
	}
}

// joined returns spans in order of time, those made one that touch.
func joined(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return a.From.Compare(b.From) })
	out := spans[:0]
	for _, s := range spans {
		if n := len(out); n > 0 && touch(out[n-1].Span, s.Span) {
			out[n-1] = out[n-1].and(s)
		} else {
			out = append(out, s)
		}
	}
	return out
}

// and returns one span of two.
func (old span) and(s span) span {
	if s.From.Before(old.From) {
		old.From, old.first = s.From, s.first
	}
	if s.To.After(old.To) {
		old.To, old.last = s.To, s.last
	}
	if s.Kind == detect.SpanForeign {
		old.Kind = s.Kind
	}
	old.confirmed = old.confirmed || s.confirmed
	old.found, old.begun = later(old.found, s.found), min(old.begun, s.begun)
	return old
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// recent returns the spans that end after an instant.
func (c *channel) recent(since time.Time) []span {
	var out []span
	for _, s := range c.spans {
		if s.To.After(since) {
			out = append(out, s)
		}
	}
	return out
}

// plain returns spans as others see them, nil for none.
func plain(spans []span) []Span {
	var out []Span
	for _, s := range spans {
		out = append(out, s.Span)
	}
	return out
}
