// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package monitor_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
	"github.com/defakepro/defakepro/monitor"
)

const begins = 150 // s into a call

// replay is a microphone whose hum is another grid's from a time on until another, in seconds.
func replay(h *hall, seed uint64, ends float64) *microphone {
	other := enftest.NewGrid(seed, enftest.GridOptions{Duration: time.Hour})
	return &microphone{hall: h, phase: func(u float64) float64 {
		if u < begins || u > ends {
			return h.grid.Phase(u)
		}
		return other.Phase(u)
	}}
}

// A forgery is dated once, however long it goes on and whatever of it is still kept, and its end is found when it has ended.
func TestForgeryStaysWhereItIs(t *testing.T) {
	const within = 15 // s
	for i, test := range []struct {
		seed uint64
		ends float64
	}{{11, 450}, {10, math.Inf(1)}, {9, 450}, {9, math.Inf(1)}} {
		t.Run(fmt.Sprintf("grid %d until %g s", test.seed, test.ends), func(t *testing.T) {
			if testing.Short() && i > 0 {
				t.Skip("one will do")
			}
			// With half as many comparisons as by default it takes half the time.
			stageWith(t, &truth{late: 15 * time.Second}, monitor.Options{Shift: 10 * time.Second}, func(t *testing.T, ctx context.Context, h *hall, m *monitor.Monitor) {
				go func() { _ = m.Watch(ctx, "eve", enf.SourceAudio, replay(h, test.seed, test.ends)) }()
				follow, end := context.WithCancel(ctx)
				events := m.Follow(follow)
				pass((begins + 60) * time.Second)
				everySecond(t, m, "eve", 30*time.Minute-(begins+60)*time.Second, func(s int, p monitor.Participant) {
					now := float64(begins + 60 + s)
					spans := p.Channels[0].Forged
					if len(spans) != 1 {
						t.Fatalf("%d spans after %.0f s", len(spans), now)
					}
					from, to := spans[0].From.Sub(h.began).Seconds(), spans[0].To.Sub(h.began).Seconds()
					if math.Abs(from-begins) > within {
						t.Fatalf("after %.0f s it begins at %.0f s", now, from)
					}
					switch { // the newest seconds take a minute to forget, and then a comparison tells
					case now < test.ends && now-to > 45, now > test.ends+150 && math.Abs(to-test.ends) > within:
						t.Fatalf("after %.0f s it ends at %.0f s", now, to)
					case now < test.ends+550 && p.Verdict != detect.Forged, now > test.ends+650 && p.Verdict == detect.Forged:
						t.Fatalf("%s after %.0f s: %s", p.Verdict, now, p.Reason)
					}
				})
				end()
				for e := range events { // the event that ends it has it as it was found in the end
					if e.Former == detect.Forged && (len(e.Forged) != 1 || math.Abs(e.Forged[0].From.Sub(h.began).Seconds()-begins) > within ||
						math.Abs(e.Forged[0].To.Sub(h.began).Seconds()-test.ends) > within) {
						t.Errorf("%+v", e)
					}
				}
			})
		})
	}
}
