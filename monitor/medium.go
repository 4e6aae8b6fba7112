// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

const (
	// mostTracks is how many sources of a kind may be sent side by side by one person.
	mostTracks = 4
	// longestProblem is how much is kept of what is said to be wrong, in bytes.
	longestProblem = 256
)

// medium is all that one person lets others hear, or see.
type medium struct {
	source enf.Source
	opinion
	problem  string     // why not all of it can be followed
	channels []*channel // by the number of their sources; nil where there is none
}

// medium returns the person's sound or picture, nil for none.
func (p *person) medium(source enf.Source) *medium {
	for _, d := range p.media {
		if d.source == source {
			return d
		}
	}
	return nil
}

// open returns the person's sound or picture, which is made if need be.
func (p *person) open(source enf.Source, now time.Time) *medium {
	if d := p.medium(source); d != nil {
		return d
	}
	d := &medium{source: source, opinion: opinion{verdict: detect.Undetermined, reason: "Nothing has arrived yet.", since: now}}
	p.media = append(p.media, d)
	return d
}

// channels yields all of the person's channels.
func (p *person) channels() iter.Seq[*channel] {
	return func(yield func(*channel) bool) {
		for _, d := range p.media {
			for _, c := range d.channels {
				if c != nil && !yield(c) {
					return
				}
			}
		}
	}
}

// rank orders verdicts by how much they weigh where several are sent side by side: who shows two pictures answers for both.
func rank(v detect.Verdict) int {
	return slices.Index([]detect.Verdict{detect.Authentic, detect.Undetermined, detect.Forged}, v)
}

// worst returns the channel that stands for the medium, nil if there is none, and of how many it is one. One in which nothing arrives any
// more counts only where it was forged, or where there is no other.
func (d *medium) worst(now time.Time) (worst *channel, of int) {
	var newest *channel
	for _, c := range d.channels {
		if c == nil {
			continue
		}
		if newest == nil || c.heard.After(newest.heard) {
			newest = c
		}
		if now.Sub(c.heard) > mutedAfter && c.verdict != detect.Forged {
			continue
		}
		of++
		if worst == nil || c.worse(worst) {
			worst = c
		}
	}
	if worst == nil {
		return newest, 1
	}
	return worst, of
}

// worse reports whether a channel says more against its person than another: a worse verdict, a surer one that it is forged, or a
// less sure one that it is not.
func (c *channel) worse(than *channel) bool {
	surer := cmp.Compare(c.confidence, than.confidence)
	if c.verdict != detect.Forged {
		surer = -surer
	}
	return cmp.Or(cmp.Compare(rank(c.verdict), rank(than.verdict)), surer) > 0
}

// recent returns the forged spans of all its channels that end after an instant, those made one that touch.
func (d *medium) recent(since time.Time) []span {
	var out []span
	for _, c := range d.channels {
		if c != nil {
			out = append(out, c.recent(since)...)
		}
	}
	return joined(out)
}

// recent returns those of all that the person sends.
func (p *person) recent(since time.Time) []span {
	var out []span
	for _, d := range p.media {
		out = append(out, d.recent(since)...)
	}
	return joined(out)
}

// view is what there is to be said of the medium now.
func (d *medium) view(now time.Time) opinion {
	c, of := d.worst(now)
	o := opinion{verdict: detect.Undetermined, reason: "Nothing has arrived yet."}
	if c != nil {
		o = c.opinion
	}
	if of > 1 && o.verdict != detect.Authentic {
		o.reason = fmt.Sprintf("One %s of %d. %s", nounOf(d.source), of, o.reason)
	}
	if d.problem != "" && o.verdict != detect.Forged {
		what := "Not all of the %s can be followed: %s."
		if c == nil || !c.receiving(now) {
			what = "The %s cannot be followed: %s."
		}
		o = opinion{verdict: detect.Undetermined, reason: fmt.Sprintf(what, nounOf(d.source), d.problem)}
	}
	return o
}

// weigh makes the verdict on the medium from those on its channels.
func (m *Monitor) weigh(p *person, d *medium, now time.Time) {
	former := d.verdict
	if m.change(&d.opinion, d.view(now), Event{Time: now, Person: p.Person, Channel: d.source}, d.recent) {
		m.options.Log.Info("verdict", "channel", string(d.source), "verdict", string(d.verdict), "former", string(former))
	}
}

// snapshot returns the medium as others see it.
func (d *medium) snapshot(now time.Time, there bool) Channel {
	c, _ := d.worst(now)
	if c == nil {
		c = newChannel(d.source, 0, now)
	}
	out := Channel{
		Source: d.source, Verdict: d.verdict, Reason: d.reason, Confidence: d.confidence, Since: d.since,
		Receiving: there && c.receiving(now), Present: c.found.present,
		SNR: c.found.snr, Correlation: c.found.correlation, RMSE: c.found.rmse,
		Offset: c.found.offset, Lag: c.found.lag, LLR: c.found.llr,
	}
	out.Forged = plain(c.spans)
	return out
}

// Problem says why not all of a participant's sound or picture can be followed, in a clause, or with nothing that it can. While that is so
// it is not authentic. Whoever has not joined does so by it.
func (m *Monitor) Problem(id string, source enf.Source, problem string) {
	if source != enf.SourceAudio && source != enf.SourceVideo {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.find(id)
	if p == nil {
		if problem == "" {
			return
		}
		if p = m.join(Person{ID: id}); p == nil {
			return
		}
	}
	p.open(source, m.options.Now()).problem = shorten(problem, longestProblem)
	m.touch()
}
