// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

const (
	// askFor is how long a truth may take to answer, and staleAfter how old its newest value may be before it counts as stopped, in
	// seconds.
	askFor     = 4 * time.Second
	staleAfter = 60
	// leftAfter is how long somebody who has left is judged on, since the truth comes late.
	leftAfter = time.Minute
	// recent is how many windows a verdict looks at, a minute of them: the last is told, and the others were when they were.
	recent = 12
)

// Run judges until ctx ends, and returns why. Verdicts are made every [Options.Shift], and whether something forged has begun is
// looked at every second. It must run once only.
func (m *Monitor) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			m.end()
			return ctx.Err()
		case <-tick.C:
			m.Judge(ctx)
		}
	}
}

// end tells what is told of those who are there no longer.
func (m *Monitor) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.options.Now()
	for _, p := range m.people {
		if !p.parted {
			m.part(p, now)
		}
	}
}

// Judge does once what [Monitor.Run] does every second. It is for those who replay a conference by a clock of their own.
func (m *Monitor) Judge(ctx context.Context) {
	m.judging.Lock()
	defer m.judging.Unlock()
	now := m.options.Now()
	m.judgement++
	m.watchClock(now)
	m.learn(ctx, now)
	full := now.Sub(m.compared) >= m.options.Shift
	if full {
		m.compared = now
		for _, c := range m.due(now) {
			m.compare(ctx, c, now)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.summon()
	for _, p := range m.people {
		if gone(p, now) {
			if !p.parted {
				m.part(p, now)
			}
			continue
		}
		for c := range p.channels() {
			m.guard(p, c, now)
			m.conclude(c, now)
		}
		for _, d := range p.media {
			m.weigh(p, d, now)
		}
		m.combine(p, now)
	}
	m.admit()
	if full {
		m.touch()
	}
}

// gone reports whether somebody has left for so long that nothing more can become known.
func gone(p *person, now time.Time) bool { return !p.left.IsZero() && now.Sub(p.left) > leftAfter }

// due returns the channels of all who are to be judged.
func (m *Monitor) due(now time.Time) []*channel {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []*channel
	for _, p := range m.people {
		if !gone(p, now) {
			out = slices.AppendSeq(out, p.channels())
		}
	}
	return out
}

// learn asks the truth for what is new.
func (m *Monitor) learn(ctx context.Context, now time.Time) {
	state := TruthState{Kind: TruthNone}
	if m.options.TruthState != nil {
		state = m.options.TruthState()
	}
	if m.options.Truth != nil {
		from := now.Add(-m.options.Keep)
		if m.truth.last > 0 {
			from = later(from, time.Unix(m.truth.last+1, 0))
		}
		ask, cancel := context.WithTimeout(ctx, askFor)
		s, err := m.options.Truth.Between(ask, from, now)
		cancel()
		switch {
		case err == nil:
			m.mu.Lock()
			m.truth.know(s, now.Unix())
			m.mu.Unlock()
		case state.Problem == "" && ctx.Err() == nil:
			state.Problem = "it does not answer"
			m.options.Log.Warn("truth", "err", err)
		}
	}
	if state.Known.IsZero() && m.truth.last > 0 {
		state.Known = time.Unix(m.truth.last, 0).UTC()
	}
	if state.Problem == "" && m.truth.last > 0 && now.Unix()-m.truth.last > staleAfter {
		state.Problem = "it stopped at " + m.clock(time.Unix(m.truth.last, 0))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.room.Truth.Problem != state.Problem || m.room.Truth.Kind != state.Kind {
		m.touch()
	}
	m.room.Truth = state
}

// know takes in what a truth says, of any step.
func (t *trace) know(s enf.Series, now int64) {
	s = s.Resample(time.Second)
	if s.Sigma == nil {
		s.Sigma = make([]float64, len(s.Hz))
	}
	s.SNR = make([]float64, len(s.Hz))
	for i, hz := range s.Hz {
		if !math.IsNaN(hz) {
			one := s.Slice(i, i+1)
			one.Start = one.Start.Truncate(time.Second)
			t.put(one, 0, now, false)
		}
	}
}

// compare lays all that is kept of a channel beside the truth. Nobody waits for it meanwhile.
func (m *Monitor) compare(ctx context.Context, c *channel, now time.Time) {
	est, truth, ok := m.prepare(c, now)
	var ch detect.Channel
	if ok {
		o := detect.Options{
			Window: m.options.Window, Shift: m.options.Shift, Rule: m.options.Rule, Threshold: m.options.Threshold,
			Unheard: -1, // people mute themselves; a hum that stops is said by the guard itself
		}
		if o.Rule != detect.RuleCorrelation { // which goes by all of them
			o.Recent = recent
		}
		if ch = detect.Compare(ctx, est, truth, o); ctx.Err() != nil {
			return // it says nothing
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !ok {
		c.pend(detect.Undetermined, ch)
		return
	}
	m.note(c, ch, now)
}

// prepare copies what is to be compared.
func (m *Monitor) prepare(c *channel, now time.Time) (est enf.Estimate, truth enf.Series, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	end := min(c.trace.last, m.truth.last) + 1
	from := m.start(c, end, now)
	c.found.present = c.trace.present(now.Unix()-int64(m.options.Window.Seconds()), now.Unix()) >= leastValues
	if from >= end {
		return est, truth, false
	}
	c.base.settle(c, m.truth, from, end)
	series := c.base.level(c, m.truth, from, end)
	truth = m.truth.series(from-2*maxLag, end+2*maxLag, false)
	truth.SNR = nil
	est = enf.Estimate{Series: series, Source: c.source, Grid: m.options.Grid, Present: series.Present() >= leastValues, SNR: detect.Median(series.SNR)}
	if est.Grid == enf.GridAuto {
		est.Grid = nominal(truth)
	}
	return est, truth, true
}

// start is the first second of the history to compare: a window's end falls on its end.
func (m *Monitor) start(c *channel, end int64, now time.Time) int64 {
	window, shift := int64(m.options.Window.Seconds()), int64(m.options.Shift.Seconds())
	from := now.Unix() - int64(m.options.Keep.Seconds())
	for ; from < end; from++ {
		if !math.IsNaN(c.trace.at(from).hz) {
			break
		}
	}
	if end-from > window {
		from = end - window - (end-from-window)/shift*shift
	}
	return from
}

// nominal is the grid that a truth is of.
func nominal(s enf.Series) enf.Grid {
	if v := detect.Median(s.Hz); math.Abs(v-50) < 5 {
		return enf.Grid50
	}
	return enf.Grid60
}

// note keeps what a comparison found.
func (m *Monitor) note(c *channel, ch detect.Channel, now time.Time) {
	c.found.snr, c.found.lag, c.found.offset = ch.Estimate.SNR, math.NaN(), math.NaN()
	c.found.correlation, c.found.rmse, c.found.llr = math.NaN(), math.NaN(), math.NaN()
	start := ch.Estimate.Series.Start
	at := func(seconds float64) time.Time {
		return start.Add(time.Duration(seconds * float64(time.Second)))
	}
	var newest stretch
	if n := len(ch.Windows); n > 0 {
		w := ch.Windows[n-1]
		c.found.correlation, c.found.rmse, c.found.llr = w.Correlation, w.RMSE, w.LLR
		c.found.offset, c.found.lag = ch.Offset+w.Offset, ch.Lag
		c.addWindow(Window{From: at(w.Start), To: at(w.End), Correlation: w.Correlation, LLR: w.LLR, Verdict: w.Verdict}, now.Add(-m.options.Keep))
		if m.options.Rule == detect.RuleCorrelation && w.Verdict == detect.Forged {
			ch.Forged = []detect.Span{{Start: w.Start, End: w.End, Kind: detect.SpanForeign}}
		} else if w.LLR < 0 {
			newest = stretch{at(w.Start), at(w.End)}
		}
	}
	if ch.Verdict == detect.Authentic {
		c.base.take(c, ch)
	}
	c.pend(ch.Verdict, ch)
	if ch.Verdict == detect.Forged && (c.judged >= sureAfter || c.alarm.on) {
		var spans []span
		for _, s := range ch.Forged {
			spans = append(spans, span{Span: Span{From: at(s.Start), To: at(s.End), Kind: s.Kind}, confirmed: true, found: now, begun: m.judgement})
		}
		c.accused(spans, m.looked(ch), newest)
		c.evidence = max(c.evidence, -ch.LLR, -c.found.llr)
	}
}

// looked returns the history that a comparison laid beside the truth, nothing if it tells no edges: the correlation of a window has none.
func (m *Monitor) looked(ch detect.Channel) stretch {
	var s stretch
	if m.options.Rule == detect.RuleCorrelation {
		return s
	}
	series := ch.Estimate.Series
	for i, hz := range series.Hz {
		if math.IsNaN(hz - ch.Truth.Hz[i]) {
			continue
		}
		if s.from.IsZero() {
			s.from = series.Time(i)
		}
		s.to = series.Time(i + 1)
	}
	return s
}

// addWindow keeps a window, unless it is known, and forgets those that ended before since.
func (c *channel) addWindow(w Window, since time.Time) {
	if n := len(c.windows); n == 0 || w.To.After(c.windows[n-1].To) {
		c.windows = append(c.windows, w)
	}
	old := 0
	for old < len(c.windows) && c.windows[old].To.Before(since) {
		old++
	}
	c.windows = slices.Delete(c.windows, 0, old)
}

// pend notes what a comparison says, and how often it has said so in succession.
func (c *channel) pend(v detect.Verdict, ch detect.Channel) {
	if v != c.pending {
		c.pending, c.judged = v, 0
	}
	c.judged++
	c.said = ch.Reason
}

// Curves returns the series behind the verdict on a participant's channel, and whether there is such a channel. It shares
// nothing with the monitor.
func (m *Monitor) Curves(id string, source enf.Source) (Curves, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.find(id)
	if p == nil {
		return Curves{}, false
	}
	d, now := p.medium(source), m.options.Now()
	if d == nil {
		return Curves{}, false
	}
	c, _ := d.worst(now)
	if c == nil {
		return Curves{}, false
	}
	to := now.Unix() + 1
	from := to - int64(m.options.Keep.Seconds())
	truth := m.truth.series(from, to, false)
	truth.SNR = nil
	return Curves{Series: c.trace.series(from, to, false), Truth: truth, Windows: slices.Clone(c.windows)}, true
}

// Stream is what one channel of one participant carried.
type Stream struct {
	Person  Person
	Channel enf.Source
	Series  enf.Series
}

// Streams returns the values of every channel of all who are there, at each whole second from from, inclusive, to to, exclusive:
// NaN where there is none, or not yet. It is what a truth by the participants themselves is made of.
func (m *Monitor) Streams(from, to time.Time) []Stream {
	first, last := from.Add(time.Second-time.Nanosecond).Unix(), to.Add(time.Second-time.Nanosecond).Unix()
	last = min(last, first+int64(m.options.Keep.Seconds()))
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Stream
	for _, p := range m.people {
		for c := range p.channels() {
			if p.left.IsZero() {
				out = append(out, Stream{Person: p.Person, Channel: c.source, Series: c.trace.series(first, last, false)})
			}
		}
	}
	return out
}
