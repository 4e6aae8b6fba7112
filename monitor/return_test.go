// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package monitor_test

import (
	"context"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
	"github.com/defakepro/defakepro/media"
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

// A sender that breaks its stream off again and again, with a hum as near the grid's as a clock of its own would be, does not stay
// authentic: neither where no stretch can be compared, nor where each seems to have another clock.
func TestBreaksAreNotPassed(t *testing.T) {
	for _, stretch := range []time.Duration{18 * time.Second, 21 * time.Second, 25 * time.Second, 35 * time.Second, 45 * time.Second, 70 * time.Second} {
		t.Run(stretch.String(), func(t *testing.T) {
			if testing.Short() && stretch != 21*time.Second {
				t.Skip("one will do")
			}
			stage(t, &truth{late: 15 * time.Second}, func(t *testing.T, ctx context.Context, h *hall, m *monitor.Monitor) {
				go func() {
					_ = m.Watch(ctx, "eve", enf.SourceAudio, &microphone{hall: h, until: h.began.Add(200 * time.Second)})
					for ctx.Err() == nil {
						_ = m.Watch(ctx, "eve", enf.SourceAudio, &microphone{
							hall: h, seed: 2, until: time.Now().Add(stretch), phase: func(u float64) float64 { return h.grid.Phase(u) + 0.3*math.Sin(u/40) },
						})
					}
				}()
				pass(200 * time.Second)
				expect(t, m, "eve", detect.Authentic, "")
				pass(200 * time.Second)
				everySecond(t, m, "eve", 8*time.Minute, func(s int, p monitor.Participant) {
					if p.Verdict == detect.Authentic {
						t.Fatalf("authentic %d s after the last that was honest: %s", 200+s, p.Reason)
					}
				})
			})
		})
	}
}

// Who is honest and comes back again and again stays authentic, with one device, and is never called forged with another.
func TestHonestRestarts(t *testing.T) {
	for _, test := range []struct {
		name    string
		stretch time.Duration
		ppm     func(n int) float64 // of the clock of the nth source
		least   int                 // seconds of ten minutes to be authentic
	}{
		{"one device, 25 s", 25 * time.Second, func(int) float64 { return 30 }, 600},
		{"one device, a minute", time.Minute, func(int) float64 { return -50 }, 600},
		{"another device once", 5 * time.Minute, func(n int) float64 { return []float64{0, 50, 50, 50}[min(n, 3)] }, 550},
		{"between two devices", 4 * time.Minute, func(n int) float64 { return float64(n%2) * 80 }, 550},
	} {
		t.Run(test.name, func(t *testing.T) {
			if testing.Short() && test.stretch != 25*time.Second {
				t.Skip("one will do")
			}
			stage(t, &truth{late: 15 * time.Second}, func(t *testing.T, ctx context.Context, h *hall, m *monitor.Monitor) {
				go func() {
					for n := 0; ctx.Err() == nil; n++ {
						hz := test.ppm(n) * 60e-6
						_ = m.Watch(ctx, "ada", enf.SourceAudio, &microphone{
							hall: h, seed: uint64(n), until: time.Now().Add(test.stretch), phase: func(u float64) float64 { return h.grid.Phase(u) + hz*u },
						})
					}
				}()
				pass(150 * time.Second)
				authentic := 0
				everySecond(t, m, "ada", 10*time.Minute, func(s int, p monitor.Participant) {
					switch p.Verdict {
					case detect.Authentic:
						authentic++
					case detect.Forged:
						t.Fatalf("forged after %d s: %s", s, p.Reason)
					}
				})
				if authentic < test.least {
					t.Errorf("authentic for %d s of 600: %s", authentic, person(t, m, "ada").Reason)
				}
			})
		})
	}
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

// ahead is a source as a guard has it whose clock is ahead.
type ahead struct {
	monitor.Source
	by time.Duration
}

func (a ahead) Read(ctx context.Context) (media.Block, error) {
	b, err := a.Source.Read(ctx)
	if err == nil {
		b.Audio.Start = b.Audio.Start.Add(a.by)
	}
	return b, err
}

// A guard whose clock was minutes ahead, and is set right, is not blind until it is as late again; it says what happened, and takes what
// was sent by the old clock for nothing.
func TestClockIsSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		h := newHall(1)
		var off atomic.Int64
		off.Store(int64(5 * time.Minute))
		m := monitor.New(monitor.Options{
			Truth: &truth{hall: h, late: 15 * time.Second}, Grid: enf.Grid60, Now: func() time.Time { return time.Now().Add(time.Duration(off.Load())) },
		})
		m.SetBy(func(before, now time.Time) time.Duration {
			return time.Duration(off.Load()) - map[bool]time.Duration{true: 5 * time.Minute}[before.Sub(h.began) >= 5*time.Minute]
		})
		ended := make(chan struct{})
		go func() { _ = m.Run(ctx); close(ended) }()
		go func() {
			_ = m.Watch(ctx, "ada", enf.SourceAudio, ahead{&microphone{hall: h}, 5 * time.Minute}) // it goes on and on
		}()
		pass(100 * time.Second)
		expect(t, m, "ada", detect.Undetermined, "")
		off.Store(0)
		pass(2 * time.Second)
		expect(t, m, "ada", detect.Undetermined, "The guard's own clock was set back by 5m0s at ")
		go func() { _ = m.Watch(ctx, "ada", enf.SourceAudio, &microphone{hall: h}) }()
		everySecond(t, m, "ada", 2*time.Minute, func(s int, p monitor.Participant) {
			if p.Verdict == detect.Forged {
				t.Fatalf("forged after %d s: %s", s, p.Reason)
			}
		})
		expect(t, m, "ada", detect.Authentic, "")
		cancel()
		<-ended
		synctest.Wait()
	})
}

// When the clock is set, by however little, what was placed before is watched no longer, so that it is followed anew: also where it began
// between that and its being noticed.
func TestClockSetEndsSources(t *testing.T) {
	for _, test := range []struct {
		name  string
		first time.Duration // length of the first source
	}{{"before", time.Hour}, {"not noticed yet", 100500 * time.Millisecond}} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const by = 450 * time.Millisecond // conferences do not notice
				ctx, cancel := context.WithCancel(t.Context())
				h := newHall(1)
				var ahead, unseen atomic.Int64
				m := monitor.New(monitor.Options{
					Truth: &truth{hall: h, late: 15 * time.Second}, Grid: enf.Grid60, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
				})
				m.SetBy(func(_, _ time.Time) time.Duration { return time.Duration(unseen.Swap(0)) })
				ended := make(chan struct{})
				go func() { _ = m.Run(ctx); close(ended) }()
				go func() {
					_ = m.Watch(ctx, "ada", enf.SourceAudio, &microphone{hall: h, until: h.began.Add(test.first)})
					for ctx.Err() == nil {
						_ = m.Watch(ctx, "ada", enf.SourceAudio, &microphone{hall: h})
					}
				}()
				pass(100500 * time.Millisecond)
				ahead.Store(int64(by))
				unseen.Store(int64(by))
				pass(2 * time.Second)
				expect(t, m, "ada", detect.Undetermined, "The guard's own clock was set forward by 500ms at ")
				pass(2 * time.Minute)
				expect(t, m, "ada", detect.Authentic, "")
				cancel()
				<-ended
				synctest.Wait()
			})
		})
	}
}
