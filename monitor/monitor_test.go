// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package monitor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/dsp"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
	"github.com/defakepro/defakepro/media"
	"github.com/defakepro/defakepro/monitor"
)

const rate = 500 // samples a second: room for four harmonics

// hall is a grid and what hums in it. Time zero is when the test began.
type hall struct {
	began time.Time
	grid  *enftest.Grid
}

func newHall(seed uint64) *hall {
	return &hall{time.Now(), enftest.NewGrid(seed, enftest.GridOptions{Duration: time.Hour})}
}

func (h *hall) seconds(t time.Time) float64 { return t.Sub(h.began).Seconds() }

// truth is the grid's frequency, known so many seconds late; nothing is known of the time between stops and resumes.
type truth struct {
	hall           *hall
	late           time.Duration
	stops, resumes time.Duration
	fails          atomic.Bool
}

func (t *truth) Between(_ context.Context, from, to time.Time) (enf.Series, error) {
	if t.fails.Load() {
		return enf.Series{}, errors.New("secret address")
	}
	from = from.Truncate(time.Second)
	s := enf.Series{Start: from, Step: time.Second}
	for at := from; at.Before(to); at = at.Add(time.Second) {
		hz := t.hall.grid.Frequency(t.hall.seconds(at))
		since := at.Sub(t.hall.began)
		if time.Since(at) < t.late || since >= t.stops && since < t.resumes {
			hz = math.NaN()
		}
		s.Hz = append(s.Hz, hz)
	}
	return s, nil
}

// microphone is a source of hum in real time, in blocks of half a second.
type microphone struct {
	hall  *hall
	seed  uint64
	phase func(t float64) float64
	next  time.Time
	until time.Time
	err   error // at the end
	// from is when the hum is silent, if not zero.
	silent time.Time
}

func (m *microphone) Read(ctx context.Context) (media.Block, error) {
	if m.next.IsZero() {
		m.next = time.Now()
	}
	start, end := m.next, m.next.Add(time.Second/2)
	if !m.until.IsZero() && end.After(m.until) {
		if m.err != nil {
			return media.Block{}, m.err
		}
		return media.Block{}, io.EOF
	}
	select {
	case <-time.After(time.Until(end)):
	case <-ctx.Done():
		return media.Block{}, ctx.Err()
	}
	m.next = end
	x := make([]float64, rate/2)
	if m.silent.IsZero() || start.Before(m.silent) {
		phase := m.phase
		if phase == nil {
			phase = m.hall.grid.Phase
		}
		enftest.Hum(x, rate, m.hall.seconds(start), []enftest.Harmonic{{Number: 2, Amplitude: 0.01}, {Number: 3, Amplitude: 0.004}}, phase)
	}
	enftest.Noise(x, m.seed+uint64(start.UnixNano()), 0.003)
	return media.Block{Audio: &dsp.Signal{Start: start, Rate: rate, Channels: [][]float64{x}}}, nil
}

// stage runs a monitor in a bubble of its own time.
func stage(t *testing.T, tr *truth, f func(t *testing.T, ctx context.Context, h *hall, m *monitor.Monitor)) {
	t.Helper()
	stageWith(t, tr, monitor.Options{}, f)
}

// stageWith does so with options.
func stageWith(t *testing.T, tr *truth, o monitor.Options, f func(t *testing.T, ctx context.Context, h *hall, m *monitor.Monitor)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := newHall(1)
		tr.hall = h
		ctx, cancel := context.WithCancel(t.Context())
		o.Room, o.Truth, o.Grid = "board", tr, enf.Grid60
		o.TruthState = func() monitor.TruthState { return monitor.TruthState{Kind: monitor.TruthCommittee, Grid: enf.Grid60} }
		m := monitor.New(o)
		ended := make(chan error, 1)
		go func() { ended <- m.Run(ctx) }()
		f(t, ctx, h, m)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		synctest.Wait()
	})
}

// pass lets time go by and all that it brings happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func person(t *testing.T, m *monitor.Monitor, id string) monitor.Participant {
	t.Helper()
	for _, p := range m.Room().Participants {
		if p.ID == id {
			return p
		}
	}
	t.Fatalf("%s is not in the room", id)
	return monitor.Participant{}
}

// expect fails unless the participant has the verdict, for a reason that contains the words.
func expect(t *testing.T, m *monitor.Monitor, id string, v detect.Verdict, words string) {
	t.Helper()
	p := person(t, m, id)
	if p.Verdict != v || !strings.Contains(p.Reason, words) {
		t.Errorf("%s is %s: %s", id, p.Verdict, p.Reason)
	}
}

func TestHonestBecomesAuthentic(t *testing.T) {
	stage(t, &truth{late: 15 * time.Second}, func(t *testing.T, ctx context.Context, h *hall, m *monitor.Monitor) {
		var events []monitor.Event
		follow, stop := context.WithCancel(ctx)
		followed := make(chan struct{})
		seq := m.Follow(follow)
		go func() {
			for e := range seq {
				events = append(events, e)
			}
			close(followed)
		}()
		m.Join(monitor.Person{ID: "ada", Name: "Ada"})
		expect(t, m, "ada", detect.Undetermined, "neither sound nor picture")
		changed := m.Changed()
		go func() { _ = m.Watch(ctx, "ada", enf.SourceAudio, &microphone{hall: h}) }()
		pass(10 * time.Second)
		expect(t, m, "ada", detect.Undetermined, "Listening")
		select {
		case <-changed:
		default:
			t.Error("a change was not told")
		}
		pass(35 * time.Second)
		expect(t, m, "ada", detect.Undetermined, "so far; it takes 60")
		pass(55 * time.Second)
		expect(t, m, "ada", detect.Authentic, "follows the grid's frequency")
		pass(3 * time.Minute)
		p := person(t, m, "ada")
		c := p.Channels[0]
		if p.Verdict != detect.Authentic || p.Confidence < 0.9 || !c.Receiving || !c.Present || c.Correlation < 0.9 || c.RMSE > 0.002 || len(c.Forged) > 0 {
			t.Errorf("%+v", p)
		}
		curves, ok := m.Curves("ada", enf.SourceAudio)
		if !ok || curves.Series.Present() < 200 || curves.Truth.Present() < 200 || len(curves.Windows) < 30 || !curves.Series.Start.Equal(curves.Truth.Start) {
			t.Errorf("%d values, %d of truth, %d windows", curves.Series.Present(), curves.Truth.Present(), len(curves.Windows))
		}
		if _, ok := m.Curves("ada", enf.SourceVideo); ok {
			t.Error("there is a picture")
		}
		stop()
		<-followed
		if len(events) != 2 || events[0].Channel != enf.SourceAudio || events[1].Channel != "" || events[1].Verdict != detect.Authentic || events[1].Former != detect.Undetermined {
			t.Errorf("%+v", events)
		}
	})
}

// From the start of the deepfake to the event, with a truth 15 s late: alone it takes as long as the truth and a few seconds.
func TestReplayTurnsForged(t *testing.T) {
	other := enftest.NewGrid(9, enftest.GridOptions{Duration: time.Hour})
	for _, sameSource := range []bool{true, false} {
		stage(t, &truth{late: 15 * time.Second}, func(t *testing.T, ctx context.Context, h *hall, m *monitor.Monitor) {
			begins := 150 * time.Second
			mic := &microphone{hall: h, until: h.began.Add(begins)}
			if sameSource {
				mic.until = time.Time{}
				mic.phase = func(u float64) float64 {
					if u < begins.Seconds() {
						return h.grid.Phase(u)
					}
					return other.Phase(u)
				}
			}
			m.Join(monitor.Person{ID: "eve", Name: "Eve"})
			go func() {
				_ = m.Watch(ctx, "eve", enf.SourceAudio, mic)
				_ = m.Watch(ctx, "eve", enf.SourceAudio, &microphone{hall: h, phase: other.Phase, seed: 2})
			}()
			pass(begins - 5*time.Second)
			expect(t, m, "eve", detect.Authentic, "")
			for e := range m.Follow(ctx) {
				if e.Verdict != detect.Forged {
					continue
				}
				after := e.Time.Sub(h.began) - begins
				t.Logf("same source %v: %v after the start: %s", sameSource, after, e.Reason)
				if after > 60*time.Second || len(e.Forged) != 1 || e.Forged[0].From.Sub(h.began)-begins > 15*time.Second || e.Forged[0].From.Sub(h.began)-begins < -15*time.Second {
					t.Errorf("%v after its start: %+v", after, e)
				}
				break
			}
			pass(4 * time.Minute)
			expect(t, m, "eve", detect.Forged, "Sound: ")
			if n := len(person(t, m, "eve").Channels[0].Forged); n != 1 {
				t.Errorf("%d spans", n)
			}
		})
	}
}

func TestHumStops(t *testing.T) {
	stage(t, &truth{late: 15 * time.Second}, func(t *testing.T, ctx context.Context, h *hall, m *monitor.Monitor) {
		go func() {
			_ = m.Watch(ctx, "ada", enf.SourceAudio, &microphone{hall: h, silent: h.began.Add(150 * time.Second)})
		}()
		pass(150 * time.Second)
		expect(t, m, "ada", detect.Authentic, "")
		pass(60 * time.Second)
		expect(t, m, "ada", detect.Undetermined, "hum stopped at ")
		if n := len(person(t, m, "ada").Channels[0].Forged); n != 0 {
			t.Errorf("%d forged spans of silence", n)
		}
	})
}

func TestNoHum(t *testing.T) {
	stage(t, &truth{late: 15 * time.Second}, func(t *testing.T, ctx context.Context, h *hall, m *monitor.Monitor) {
		go func() {
			_ = m.Watch(ctx, "ada", enf.SourceAudio, &microphone{hall: h, silent: h.began})
		}()
		pass(3 * time.Minute)
		expect(t, m, "ada", detect.Undetermined, "No mains hum can be found")
	})
}

// Mute is a gap in one source; afterwards the verdict comes back.
func TestMuteAndReconnect(t *testing.T) {
	stage(t, &truth{late: 15 * time.Second}, func(t *testing.T, ctx context.Context, h *hall, m *monitor.Monitor) {
		go func() {
			_ = m.Watch(ctx, "ada", enf.SourceAudio, &microphone{hall: h, until: h.began.Add(150 * time.Second)})
		}()
		pass(170 * time.Second)
		expect(t, m, "ada", detect.Undetermined, "Nothing has arrived since")
		if person(t, m, "ada").Channels[0].Receiving {
			t.Error("it receives")
		}
		// A new source, with a clock of its own, 50 ppm off.
		go func() {
			_ = m.Watch(ctx, "ada", enf.SourceAudio, &microphone{hall: h, phase: func(u float64) float64 { return h.grid.Phase(u) + 0.003*u }})
		}()
		pass(2 * time.Minute)
		expect(t, m, "ada", detect.Authentic, "")
		pass(5 * time.Minute)
		expect(t, m, "ada", detect.Authentic, "")
		m.Leave("ada")
		pass(5 * time.Minute)
		expect(t, m, "ada", detect.Authentic, "") // the last verdict stays
		if p := person(t, m, "ada"); p.Left.IsZero() || p.Channels[0].Receiving {
			t.Errorf("%+v", p)
		}
	})
}

// A truth that stops is said, and forgiven.
func TestTruthStops(t *testing.T) {
	tr := &truth{late: 15 * time.Second, stops: 150 * time.Second, resumes: 400 * time.Second}
	stage(t, tr, func(t *testing.T, ctx context.Context, h *hall, m *monitor.Monitor) {
		go func() { _ = m.Watch(ctx, "ada", enf.SourceAudio, &microphone{hall: h}) }()
		pass(160 * time.Second)
		expect(t, m, "ada", detect.Authentic, "")
		pass(140 * time.Second)
		expect(t, m, "ada", detect.Undetermined, "it stopped at ")
		if p := m.Room().Truth.Problem; !strings.Contains(p, "it stopped at") {
			t.Errorf("the truth's problem is %q", p)
		}
		pass(200 * time.Second)
		expect(t, m, "ada", detect.Authentic, "")
		tr.fails.Store(true)
		pass(100 * time.Second)
		expect(t, m, "ada", detect.Undetermined, "does not answer")
	})
}

func TestNoTruth(t *testing.T) {
	stage(t, &truth{late: 24 * time.Hour}, func(t *testing.T, ctx context.Context, h *hall, m *monitor.Monitor) {
		go func() { _ = m.Watch(ctx, "ada", enf.SourceAudio, &microphone{hall: h}) }()
		pass(2 * time.Minute)
		expect(t, m, "ada", detect.Undetermined, "the committee has not agreed on the grid's frequency")
	})
}

func TestWatchEnds(t *testing.T) {
	stage(t, &truth{late: 15 * time.Second}, func(t *testing.T, ctx context.Context, h *hall, m *monitor.Monitor) {
		broken := errors.New("broken")
		if err := m.Watch(ctx, "ada", enf.SourceAudio, &microphone{hall: h, until: time.Now(), err: broken}); !errors.Is(err, broken) {
			t.Error(err)
		}
		if err := m.Watch(ctx, "ada", enf.SourceAudio, &microphone{hall: h, until: time.Now()}); err != nil {
			t.Error(err)
		}
		if err := m.Watch(ctx, "ada", "smell", &microphone{hall: h}); err == nil {
			t.Error("a smell is watched")
		}
		if err := m.Watch(ctx, "ada", enf.SourceVideo, &microphone{hall: h}); err == nil {
			t.Error("sound is watched as a picture")
		}
		short, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		if err := m.Watch(short, "ada", enf.SourceAudio, &microphone{hall: h}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestPeopleAreBounded(t *testing.T) {
	m := monitor.New(monitor.Options{})
	for i := range 2000 {
		id := fmt.Sprint("p", i)
		m.Join(monitor.Person{ID: id, Name: strings.Repeat("x", 1<<16)})
		if i > 0 {
			m.Leave(id)
		}
	}
	room := m.Room()
	if n := len(room.Participants); n > 600 || room.Participants[0].ID != "p0" || len(room.Participants[1].Name) > 300 {
		t.Errorf("%d are remembered, first %s", n, room.Participants[0].ID)
	}
	m.Join(monitor.Person{ID: "p0", Name: "again"})
	if p := m.Room().Participants[0]; p.Name != "again" || !p.Left.IsZero() {
		t.Errorf("%+v", p)
	}
}

// TestCrowd: who comes when as many are there as can be followed drives nobody out, is said to be not followed, and is once another leaves.
func TestCrowd(t *testing.T) {
	stage(t, &truth{late: 15 * time.Second}, func(t *testing.T, ctx context.Context, h *hall, m *monitor.Monitor) {
		const most = 512
		for i := range most + 2 {
			m.Join(monitor.Person{ID: fmt.Sprint("p", i), Name: fmt.Sprint("name ", i)})
		}
		room := m.Room()
		if n := len(room.Participants); n != most || room.Participants[0].ID != "p0" || !strings.HasSuffix(room.Problem, "; not followed, since there are 512 already: 2 more") {
			t.Errorf("%d are followed, the first is %s: %s", n, room.Participants[0].ID, room.Problem)
		}
		go func() { _ = m.Watch(ctx, "p512", enf.SourceAudio, &microphone{hall: h}) }()
		m.Problem("p513", enf.SourceVideo, "of no known codec")
		pass(10 * time.Second)
		m.Leave("p513")
		m.Problem("p513", enf.SourceVideo, "of no known codec") // what comes late makes nobody come back
		m.Leave("p7")
		pass(10 * time.Second)
		if room = m.Room(); room.Participants[7].ID != "p7" || len(room.Participants) != most {
			t.Errorf("who left is forgotten before all is told: %+v", room.Participants[7])
		}
		pass(time.Minute)
		room = m.Room()
		if last := room.Participants[most-1]; last.ID != "p512" || last.Name != "name 512" || len(last.Channels) != 1 || !last.Channels[0].Receiving ||
			strings.Contains(room.Problem, "followed") {
			t.Errorf("%+v: %s", last, room.Problem)
		}
	})
}

// tape plays blocks as fast as they are taken.
type tape []media.Block

func (s *tape) Read(context.Context) (media.Block, error) {
	if len(*s) == 0 {
		return media.Block{}, io.EOF
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return b, nil
}

// Whatever a sender's blocks are like, nothing breaks, and none costs time without bound.
func TestHostileBlocks(t *testing.T) {
	now := time.Now()
	sound := func(at time.Duration, rate float64, channels, n int) media.Block {
		s := &dsp.Signal{Start: now.Add(at), Rate: rate}
		for range channels {
			s.Channels = append(s.Channels, make([]float64, n))
		}
		return media.Block{Audio: s}
	}
	picture := func(at time.Duration, rows, strips, n int) media.Block {
		return media.Block{Luma: &dsp.Luma{Time: now.Add(at), Rows: rows, Strips: strips, Mean: make([]float64, n)}}
	}
	audio := tape{
		sound(0, 48000, 1, 960), sound(0, math.NaN(), 1, 960), sound(0, 0, 1, 960), sound(0, -1, 1, 1), sound(0, math.Inf(1), 1, 10), sound(0, 48000, 0, 0),
		sound(0, 48000, 64, 960), sound(6*time.Hour, 48000, 1, 960), sound(-6*time.Hour, 48000, 1, 960), sound(1000000*time.Hour, 48000, 1, 960),
		sound(-2000000*time.Hour, 8000, 2, 960), sound(time.Second, 44100, 2, 0), sound(5*time.Hour, 149, 1, 10), sound(0, 1e9, 1, 10), sound(0, 48000, 1, 960),
	}
	video := tape{picture(0, 0, 0, 0), picture(0, -1, 8, 8), picture(0, 1<<30, 8, 8), picture(0, 720, 8, 1), picture(0, 720, 8, 720*8)}
	for i := range 200 {
		video = append(video, picture(time.Duration(i)*time.Nanosecond, 360+i%2*360, 8, (360+i%2*360)*8))
		audio = append(audio, sound(time.Duration(i)*5*time.Hour, 48000, 1, 960))
	}
	m := monitor.New(monitor.Options{Truth: &truth{hall: newHall(1)}})
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := m.Watch(t.Context(), "eve", enf.SourceAudio, &audio); err != nil {
			t.Error(err)
		}
		if err := m.Watch(t.Context(), "eve", enf.SourceVideo, &video); err != nil {
			t.Error(err)
		}
		m.Judge(t.Context())
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("it hangs")
	}
	expect(t, m, "eve", detect.Undetermined, "")
}

func ExampleMonitor() {
	m := monitor.New(monitor.Options{Room: "board", Grid: enf.Grid60})
	m.Connection(true, "")
	m.Join(monitor.Person{ID: "ada", Name: "Ada"})
	for _, p := range m.Room().Participants {
		fmt.Printf("%s is %s. %s\n", p.Name, p.Verdict, p.Reason)
	}
	// Output: Ada is undetermined. There is neither sound nor picture yet.
}
