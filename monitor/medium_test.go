// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package monitor_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
	"github.com/defakepro/defakepro/monitor"
)

// second is a microphone beside others.
type second struct {
	*microphone
	number int
}

func (s second) Number() int { return s.number }

// Who sends two of a kind answers for both: the second is neither passed for the first, nor does a good one beside it hide it.
func TestTwoOfAKind(t *testing.T) {
	other := enftest.NewGrid(9, enftest.GridOptions{Duration: time.Hour})
	for _, test := range []struct {
		name  string
		other func(h *hall) *microphone
		words string
		want  detect.Verdict
	}{
		{"foreign", func(*hall) *microphone { return &microphone{phase: other.Phase} }, "One sound of 2. Since", detect.Forged},
		{"without hum", func(h *hall) *microphone { return &microphone{silent: h.began} }, "One sound of 2. No mains hum", detect.Undetermined},
		{"honest", func(*hall) *microphone { return &microphone{} }, "follows the grid", detect.Authentic},
	} {
		t.Run(test.name, func(t *testing.T) {
			stage(t, &truth{late: 15 * time.Second}, func(t *testing.T, ctx context.Context, h *hall, m *monitor.Monitor) {
				go func() { _ = m.Watch(ctx, "eve", enf.SourceAudio, &microphone{hall: h}) }()
				pass(150 * time.Second)
				expect(t, m, "eve", detect.Authentic, "")
				mic := test.other(h)
				mic.hall, mic.seed, mic.until = h, 7, time.Now().Add(4*time.Minute)
				go func() { _ = m.Watch(ctx, "eve", enf.SourceAudio, second{mic, 1}) }()
				pass(5 * time.Second)
				expect(t, m, "eve", detect.Undetermined, "One sound of 2. Listening")
				everySecond(t, m, "eve", 40*time.Second, func(s int, p monitor.Participant) {
					if p.Verdict == detect.Authentic {
						t.Fatalf("authentic %d s after the second came: %s", s, p.Reason)
					}
				})
				pass(2 * time.Minute)
				expect(t, m, "eve", test.want, test.words)
				if n := len(person(t, m, "eve").Channels); n != 1 {
					t.Errorf("%d channels", n)
				}
				pass(3 * time.Minute)
				if test.want == detect.Undetermined { // the second has gone
					expect(t, m, "eve", detect.Authentic, "follows the grid")
				}
			})
		})
	}
}

// What cannot be followed is said, and is not passed for what can be.
func TestProblem(t *testing.T) {
	stage(t, &truth{late: 15 * time.Second}, func(t *testing.T, ctx context.Context, h *hall, m *monitor.Monitor) {
		m.Problem("ada", enf.SourceVideo, "what is sent cannot be decoded")
		pass(2 * time.Second)
		expect(t, m, "ada", detect.Undetermined, "Picture: The picture cannot be followed: what is sent cannot be decoded.")
		if c := person(t, m, "ada").Channels; len(c) != 1 || c[0].Source != enf.SourceVideo || c[0].Receiving {
			t.Errorf("%+v", c)
		}
		m.Problem("ada", enf.SourceVideo, "")
		pass(2 * time.Second)
		expect(t, m, "ada", detect.Undetermined, "Picture: Nothing has arrived yet.")
		go func() {
			mic := &microphone{hall: h, until: h.began.Add(150 * time.Second), err: errors.New("the decoder has ended" + strings.Repeat("!", 1<<16))}
			_ = m.Watch(ctx, "bob", enf.SourceAudio, mic)
		}()
		pass(138 * time.Second)
		expect(t, m, "bob", detect.Authentic, "")
		m.Problem("bob", enf.SourceAudio, "more than 3 are sent at once")
		pass(2 * time.Second)
		expect(t, m, "bob", detect.Undetermined, "Sound: Not all of the sound can be followed: more than 3 are sent at once.")
		m.Problem("bob", enf.SourceAudio, "")
		pass(2 * time.Second)
		expect(t, m, "bob", detect.Authentic, "")
		pass(15 * time.Second)
		expect(t, m, "bob", detect.Undetermined, "followed no longer: the decoder has ended!")
		if n := len(person(t, m, "bob").Reason); n > 400 {
			t.Errorf("a reason of %d bytes", n)
		}
		go func() { _ = m.Watch(ctx, "bob", enf.SourceAudio, &microphone{hall: h}) }()
		pass(2 * time.Minute)
		expect(t, m, "bob", detect.Authentic, "")
		if err := m.Watch(ctx, "bob", enf.SourceAudio, second{&microphone{hall: h}, 99}); err == nil {
			t.Error("a hundred at once are followed")
		}
	})
}

// Who could not be followed is not authentic for having left, and is heard without prejudice after coming back.
func TestProblemOutlastsLeaving(t *testing.T) {
	stage(t, &truth{late: 15 * time.Second}, func(t *testing.T, ctx context.Context, h *hall, m *monitor.Monitor) {
		go func() {
			_ = m.Watch(ctx, "eve", enf.SourceAudio, &microphone{hall: h, until: h.began.Add(150 * time.Second)})
		}()
		pass(60 * time.Second)
		m.Problem("eve", enf.SourceAudio, "more than 3 are sent at once")
		pass(90 * time.Second)
		m.Leave("eve")
		everySecond(t, m, "eve", 70*time.Second, func(s int, p monitor.Participant) {
			if p.Verdict != detect.Undetermined {
				t.Fatalf("%s %d s after leaving: %s", p.Verdict, s, p.Reason)
			}
		})
		m.Join(monitor.Person{ID: "eve"})
		go func() { _ = m.Watch(ctx, "eve", enf.SourceAudio, &microphone{hall: h}) }()
		pass(2 * time.Minute)
		expect(t, m, "eve", detect.Authentic, "")
	})
}

// Who sends three of a kind has no more to say of the others than each of these, while the truth is not known yet.
func TestOneWordEach(t *testing.T) {
	other := enftest.NewGrid(9, enftest.GridOptions{Duration: time.Hour})
	stage(t, &truth{late: 15 * time.Second}, func(t *testing.T, ctx context.Context, h *hall, m *monitor.Monitor) {
		const turn = 250 // s: then all of one person's leave the grid
		phase := func(u float64) float64 {
			if u < turn {
				return h.grid.Phase(u)
			}
			return h.grid.Phase(turn) + other.Phase(u) - other.Phase(turn) + 0.2*(u-turn)
		}
		for i, id := range []string{"ada", "bob"} {
			go func() { _ = m.Watch(ctx, id, enf.SourceAudio, &microphone{hall: h, seed: uint64(i)}) }()
		}
		for n := range 3 {
			go func() {
				_ = m.Watch(ctx, "eve", enf.SourceAudio, second{&microphone{hall: h, seed: uint64(5 + n), phase: phase}, n})
			}()
		}
		pass((turn - 5) * time.Second)
		expect(t, m, "eve", detect.Authentic, "")
		everySecond(t, m, "eve", time.Minute, func(s int, _ monitor.Participant) {
			for _, id := range []string{"ada", "bob"} {
				if p := person(t, m, id); p.Verdict != detect.Authentic {
					t.Fatalf("%s is %s after %d s: %s", id, p.Verdict, s, p.Reason)
				}
			}
		})
		expect(t, m, "eve", detect.Forged, "")
	})
}

// For several side by side stands what weighs most: the surest forgery, and the least sure of what is authentic.
func TestWorst(t *testing.T) {
	const a, u, f = detect.Authentic, detect.Undetermined, detect.Forged
	for _, test := range []struct {
		verdicts    []detect.Verdict
		confidences []float64
		want        int
	}{
		{[]detect.Verdict{a, f, u}, []float64{1, 0.5, 0}, 1},
		{[]detect.Verdict{f, f, a}, []float64{0.5, 0.9, 1}, 1},
		{[]detect.Verdict{f, f, a}, []float64{0.9, 0.5, 1}, 0},
		{[]detect.Verdict{a, a}, []float64{0.9, 0.8}, 1},
		{[]detect.Verdict{a, u}, []float64{0.9, 0.8}, 1},
	} {
		if got := monitor.Worst(time.Now(), test.verdicts, test.confidences); got != test.want {
			t.Errorf("%v, %v: %d, want %d", test.verdicts, test.confidences, got, test.want)
		}
	}
}
