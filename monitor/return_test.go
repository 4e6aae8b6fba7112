// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package monitor_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
	"github.com/defakepro/defakepro/monitor"
)

// everySecond calls f for every second of a stretch with the participant's verdict and the seconds since it began.
func everySecond(t *testing.T, m *monitor.Monitor, id string, stretch time.Duration, f func(s int, p monitor.Participant)) {
	t.Helper()
	for s := range int(stretch.Seconds()) {
		pass(time.Second)
		f(s+1, person(t, m, id))
	}
}

// Who was silent is not authentic again for what was heard before: somebody else may have come back.
func TestReturnIsHeardFirst(t *testing.T) {
	other := enftest.NewGrid(9, enftest.GridOptions{Duration: time.Hour})
	for _, test := range []struct {
		name string
		mic  func(h *hall) *microphone
	}{
		{"foreign", func(*hall) *microphone { return &microphone{phase: other.Phase, seed: 2} }},
		{"without hum", func(h *hall) *microphone { return &microphone{silent: h.began, seed: 2} }},
	} {
		t.Run(test.name, func(t *testing.T) {
			stage(t, &truth{late: 15 * time.Second}, func(t *testing.T, ctx context.Context, h *hall, m *monitor.Monitor) {
				go func() {
					_ = m.Watch(ctx, "eve", enf.SourceAudio, &microphone{hall: h, until: h.began.Add(200 * time.Second)})
				}()
				pass(198 * time.Second)
				expect(t, m, "eve", detect.Authentic, "")
				pass(42 * time.Second)
				expect(t, m, "eve", detect.Undetermined, "Nothing has arrived since")
				mic := test.mic(h)
				mic.hall = h
				go func() { _ = m.Watch(ctx, "eve", enf.SourceAudio, mic) }()
				everySecond(t, m, "eve", 3*time.Minute, func(s int, p monitor.Participant) {
					if p.Verdict == detect.Authentic {
						t.Errorf("authentic %d s after the return: %s", s, p.Reason)
					}
				})
			})
		})
	}
}

// A sender that breaks its stream off again and again, so that no stretch of it can be compared, does not stay authentic.
func TestBreaksAreNotPassed(t *testing.T) {
	stage(t, &truth{late: 15 * time.Second}, func(t *testing.T, ctx context.Context, h *hall, m *monitor.Monitor) {
		go func() {
			_ = m.Watch(ctx, "eve", enf.SourceAudio, &microphone{hall: h, until: h.began.Add(200 * time.Second)})
			for ctx.Err() == nil { // a forger whose hum is as near the grid as a clock of its own would be
				_ = m.Watch(ctx, "eve", enf.SourceAudio, &microphone{
					hall: h, seed: 2, until: time.Now().Add(18 * time.Second), phase: func(u float64) float64 { return h.grid.Phase(u) + 0.3*math.Sin(u/40) },
				})
			}
		}()
		pass(200 * time.Second)
		expect(t, m, "eve", detect.Authentic, "")
		pass(150 * time.Second)
		everySecond(t, m, "eve", 5*time.Minute, func(s int, p monitor.Participant) {
			if p.Verdict == detect.Authentic {
				t.Fatalf("still authentic %d s after the last that could be compared: %s", 150+s, p.Reason)
			}
		})
	})
}

// What a truth tells late, after it could not be reached for minutes, is taken in: what was sent meanwhile is compared then.
func TestTruthComesBack(t *testing.T) {
	tr := &truth{late: 15 * time.Second}
	stage(t, tr, func(t *testing.T, ctx context.Context, h *hall, m *monitor.Monitor) {
		go func() { _ = m.Watch(ctx, "ada", enf.SourceAudio, &microphone{hall: h}) }()
		pass(150 * time.Second)
		tr.fails.Store(true)
		pass(5 * time.Minute)
		expect(t, m, "ada", detect.Undetermined, "does not answer")
		tr.fails.Store(false)
		pass(time.Minute)
		expect(t, m, "ada", detect.Authentic, "")
		if c, _ := m.Curves("ada", enf.SourceAudio); c.Truth.Present() < 450 {
			t.Errorf("the truth of %d seconds is known", c.Truth.Present())
		}
	})
}
