// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

// What is forged is told when it begins, each stretch of it, and again as it was found in the end.
func TestEventsTellForgeries(t *testing.T) {
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now := began
	m := New(Options{Now: func() time.Time { return now }})
	sound, _ := m.begin("eve", enf.SourceAudio, 0)
	picture, _ := m.begin("eve", enf.SourceVideo, 0)
	at := func(s int) time.Time { return began.Add(time.Duration(s) * time.Second) }
	judge := func(s int) (told []string) {
		now = at(s)
		before := m.seen
		m.Judge(context.Background())
		fresh, _, _ := m.after(before)
		for _, e := range fresh {
			line := fmt.Sprintf("%s %s after %s:", e.Channel, e.Verdict, e.Former)
			for _, f := range e.Forged {
				line += fmt.Sprintf(" %.0f-%.0f", f.From.Sub(began).Seconds(), f.To.Sub(began).Seconds())
			}
			told = append(told, line)
		}
		return told
	}
	show := func(c *channel, from, to int) {
		c.warn(span{Span: Span{From: at(from), To: at(to), Kind: detect.SpanForeign}, found: at(to), begun: m.judgement + 1}, at(to-horizon))
	}
	confirm := func(c *channel) {
		for i := range c.spans {
			c.spans[i].confirmed = true
		}
	}
	for _, step := range []struct {
		s    int
		do   func()
		want []string
	}{
		{100, func() {}, nil},
		{160, func() { show(sound, 150, 160) }, []string{"audio forged after undetermined: 150-160", " forged after undetermined: 150-160"}},
		{161, func() { show(sound, 150, 161) }, nil},
		// The picture's is the same forgery for the participant.
		{163, func() { show(picture, 152, 163) }, []string{"video forged after undetermined: 152-163"}},
		{200, func() { show(sound, 150, 200); confirm(sound) }, nil},
		{230, func() {}, []string{"video undetermined after forged:"}}, // withdrawn
		{400, func() { show(sound, 390, 400); confirm(sound) }, []string{"audio forged after forged: 150-200 390-400", " forged after forged: 150-200 390-400"}},
		{450, func() { show(sound, 400, 450); confirm(sound) }, nil},
		{900, func() {}, nil}, // the first is long ago
		{1060, func() {}, []string{"audio undetermined after forged: 150-200 390-450", " undetermined after forged: 150-200 390-450"}},
		{2000, func() { show(sound, 1990, 2000) }, []string{"audio forged after undetermined: 1990-2000", " forged after undetermined: 1990-2000"}},
		{2060, func() {}, []string{"audio undetermined after forged:", " undetermined after forged:"}},
	} {
		step.do()
		if got := judge(step.s); !slices.Equal(got, step.want) {
			t.Errorf("after %d s: %q, not %q", step.s, got, step.want)
		}
	}
	if p := m.Room().Participants[0]; !p.Since.Equal(at(2060)) {
		t.Errorf("%+v", p)
	}
}

// Whoever goes while called forged, or is when the watch ends, leaves behind how long it lasted.
func TestEventsTellTheLast(t *testing.T) {
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now := began
	m := New(Options{Now: func() time.Time { return now }})
	at := func(s int) time.Time { return began.Add(time.Duration(s) * time.Second) }
	show := func(id string, s int) {
		c, _ := m.begin(id, enf.SourceAudio, 0)
		now = at(s)
		c.warn(span{Span: Span{From: at(100), To: now, Kind: detect.SpanForeign}, found: now, begun: m.judgement + 1}, now.Add(-horizon*time.Second))
		for i := range c.spans {
			c.spans[i].confirmed = true
		}
		m.Judge(t.Context())
	}
	told := func(since uint64) (out []string) {
		fresh, _, _ := m.after(since)
		for _, e := range fresh {
			out = append(out, fmt.Sprintf("%s %s %s after %s until %.0f", e.Person.ID, e.Channel, e.Verdict, e.Former, e.Forged[0].To.Sub(began).Seconds()))
		}
		return out
	}
	for _, id := range []string{"eve", "mallory"} {
		show(id, 110)
		show(id, 130)
	}
	since := m.seen
	m.Leave("eve")
	now = now.Add(leftAfter + time.Second)
	for range 3 { // it is told once
		m.Judge(t.Context())
	}
	if got, want := told(since), []string{"eve audio forged after forged until 130", "eve  forged after forged until 130"}; !slices.Equal(got, want) {
		t.Errorf("gone: %q, not %q", got, want)
	}
	since = m.seen
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got, want := told(since), []string{"mallory audio forged after forged until 130", "mallory  forged after forged until 130"}; !slices.Equal(got, want) {
		t.Errorf("watched no longer: %q, not %q", got, want)
	}
}

// Times in reasons are those of no place in particular, and of a day where it is not the same one.
func TestReasonsTellUTC(t *testing.T) {
	now := time.Date(2026, 3, 1, 23, 59, 58, 0, time.FixedZone("CET", 3600))
	m := New(Options{Now: func() time.Time { return now }})
	c, _ := m.begin("eve", enf.SourceAudio, 0)
	began := now
	show := func(to time.Time) string {
		now = to
		c.warn(span{Span: Span{From: began, To: to, Kind: detect.SpanForeign}, found: to}, to.Add(-horizon*time.Second))
		c.trace.last = to.Unix()
		m.Judge(t.Context())
		return m.Room().Participants[0].Channels[0].Reason
	}
	for _, test := range []struct {
		after time.Duration
		want  string
	}{
		{5 * time.Second, "Since 22:59:58 UTC the mains hum"},
		{30 * time.Minute, "Since 22:59:58 UTC the mains hum"},
		{time.Hour + 3*time.Second, "Since 2026-03-01 22:59:58 UTC the mains hum"},
	} {
		if got := show(began.Add(test.after)); !strings.HasPrefix(got, test.want) {
			t.Errorf("%v after it began: %s", test.after, got)
		}
	}
	c.spans[0].confirmed = true
	c.trace.last += 60
	now = now.Add(time.Minute)
	m.Judge(t.Context())
	if got := m.Room().Participants[0].Channels[0].Reason; !strings.HasPrefix(got, "From 2026-03-01 22:59:58 UTC to 00:00:01 UTC the mains hum") {
		t.Error(got)
	}
}
