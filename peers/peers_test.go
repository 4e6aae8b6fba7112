// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package peers_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
	"github.com/defakepro/defakepro/monitor"
	"github.com/defakepro/defakepro/peers"
)

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// meeting is participants whose values are made, not estimated, played second by second.
type meeting struct {
	grid   *enftest.Grid
	people []participant
	second int // now
	delay  int
	noise  float64
}

type participant struct {
	id     string
	offset float64
	// from and to are when it is there; lies, if not nil, is what it says instead.
	from, to int
	lies     func(second int) float64
	twice    bool // by sound and picture
}

func (m *meeting) now() time.Time { return began.Add(time.Duration(m.second) * time.Second) }

func (m *meeting) streams(from, to time.Time) []monitor.Stream {
	var out []monitor.Stream
	for i, p := range m.people {
		if m.second < p.from || m.second >= p.to {
			continue
		}
		n := int(to.Sub(from) / time.Second)
		s := enf.Series{Start: from, Step: time.Second, Hz: make([]float64, n), Sigma: make([]float64, n), SNR: make([]float64, n)}
		for j := range n {
			second := int(from.Sub(began)/time.Second) + j
			s.Hz[j], s.Sigma[j] = math.NaN(), math.NaN()
			if second < p.from || second >= m.second-m.delay {
				continue
			}
			rng := rand.New(rand.NewPCG(uint64(i), uint64(second)))
			s.Hz[j], s.Sigma[j] = m.grid.Frequency(float64(second))+p.offset+m.noise*rng.NormFloat64(), m.noise
			if p.lies != nil {
				s.Hz[j] = p.lies(second)
			}
		}
		channels := []enf.Source{enf.SourceAudio}
		if p.twice {
			channels = append(channels, enf.SourceVideo)
		}
		for _, c := range channels {
			out = append(out, monitor.Stream{Person: monitor.Person{ID: p.id}, Channel: c, Series: s})
		}
	}
	return out
}

// play lets time pass and returns what the truth had in the end, and its error.
func (m *meeting) play(t testing.TB, truth *peers.Truth, seconds int, each func(second int)) (values, errors []float64) {
	t.Helper()
	for range seconds {
		m.second++
		if _, err := truth.Between(t.Context(), m.now(), m.now()); err != nil {
			t.Fatal(err)
		}
		if each != nil {
			each(m.second)
		}
	}
	s, err := truth.Between(t.Context(), began, m.now())
	if err != nil {
		t.Fatal(err)
	}
	for i, hz := range s.Hz {
		values = append(values, hz)
		errors = append(errors, hz-m.grid.Frequency(float64(i)))
	}
	return values, errors
}

func crowd(n int) []participant {
	var out []participant
	for i := range n {
		out = append(out, participant{id: fmt.Sprint("p", i), offset: []float64{0.006, -0.004, 0.001, -0.006, 0.003}[i%5], to: math.MaxInt})
	}
	return out
}

func newMeeting(seed uint64, people []participant) (*meeting, *peers.Truth) {
	m := &meeting{grid: enftest.NewGrid(seed, enftest.GridOptions{Duration: time.Hour}), people: people, delay: 12, noise: 0.001}
	return m, peers.New(peers.Options{Streams: m.streams, Now: m.now})
}

// spreadOf returns the standard deviation of the values that are there, and their number.
func spreadOf(x []float64) (sd float64, n int) {
	sum, squares := 0.0, 0.0
	for _, v := range x {
		if !math.IsNaN(v) {
			sum, squares, n = sum+v, squares+v*v, n+1
		}
	}
	mean := sum / float64(n)
	return math.Sqrt(squares/float64(n) - mean*mean), n
}

func TestFollowsTheGridInSpiteOfClocks(t *testing.T) {
	for _, n := range []int{3, 4, 7} {
		m, truth := newMeeting(1, crowd(n))
		if n == 7 {
			m.noise = 0.0014
		}
		_, errors := m.play(t, truth, 600, nil)
		sd, known := spreadOf(errors)
		t.Logf("%d participants: %.2f mHz over %d s", n, 1e3*sd, known)
		if sd > 0.001 || known < 600-12-15 {
			t.Errorf("%d participants: %.2f mHz over %d s", n, 1e3*sd, known)
		}
		if s := truth.State(); s.Problem != "" || s.Kind != monitor.TruthParticipants || m.now().Sub(s.Known) > 15*time.Second {
			t.Errorf("%+v", s)
		}
	}
}

// Nobody said which grid it is: three say it themselves.
func TestFindsTheGrid(t *testing.T) {
	for _, nominal := range []enf.Grid{enf.Grid50, enf.Grid60} {
		m := &meeting{grid: enftest.NewGrid(3, enftest.GridOptions{Nominal: nominal, Duration: time.Hour}), people: crowd(3), delay: 12, noise: 0.001}
		truth := peers.New(peers.Options{Streams: m.streams, Now: m.now})
		if g := truth.State().Grid; g != enf.GridAuto {
			t.Errorf("%d Hz before anybody has spoken", g)
		}
		_, errors := m.play(t, truth, 300, nil)
		if sd, known := spreadOf(errors); truth.State().Grid != nominal || sd > 0.001 || known < 250 {
			t.Errorf("%d Hz: %+v, %.2f mHz over %d s", nominal, truth.State(), 1e3*sd, known)
		}
	}
}

// Whatever one of four says, the truth stays with the others.
func TestOneLiarAmongFour(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		people := crowd(4)
		m, truth := newMeeting(seed, people)
		other := enftest.NewGrid(seed+1, enftest.GridOptions{Duration: time.Hour})
		begins := rapid.IntRange(0, 150).Draw(rt, "begins")
		kind := rapid.IntRange(0, 5).Draw(rt, "kind")
		amount := rapid.Float64Range(-0.05, 0.05).Draw(rt, "amount")
		rng := rand.New(rand.NewPCG(seed, 9))
		liar := &m.people[rapid.IntRange(0, 3).Draw(rt, "liar")]
		honest := func(s int) float64 { return m.grid.Frequency(float64(s)) + liar.offset }
		liar.lies = func(s int) float64 {
			if s < begins {
				return honest(s)
			}
			switch kind {
			case 0: // another grid
				return other.Frequency(float64(s))
			case 1: // a step
				return honest(s) + amount
			case 2: // pulls away slowly
				return honest(s) + amount*float64(s-begins)/100
			case 3: // anything
				return 60 + 0.9*(2*rng.Float64()-1)
			case 4: // late
				return m.grid.Frequency(float64(s - 20))
			}
			return 60 + math.Inf(1)*amount // not a frequency
		}
		_, errors := m.play(t, truth, 240, nil)
		sd, known := spreadOf(errors)
		worst := 0.0
		mean := 0.0
		for _, e := range errors {
			if !math.IsNaN(e) {
				mean += e / float64(known)
			}
		}
		for _, e := range errors {
			if !math.IsNaN(e) {
				worst = max(worst, math.Abs(e-mean))
			}
		}
		// Noise is 1 mHz: the mean of three has 0.6.
		if known < 240-12-15 || sd > 0.0016 || worst > 0.008 {
			rt.Errorf("kind %d of %.1f mHz: %.2f mHz, at worst %.2f, over %d s", kind, 1e3*amount, 1e3*sd, 1e3*worst, known)
		}
	})
}

// People come and go, with clocks 12 mHz apart: the truth does not jump.
func TestChangesOfMembers(t *testing.T) {
	people := crowd(6)
	people[0].to = 200 // the extremes go first
	people[3].to = 260
	people[4].from = 150
	people[5].from, people[5].to = 180, 300
	m, truth := newMeeting(3, people)
	_, errors := m.play(t, truth, 400, nil)
	worst := 0.0
	before := math.NaN()
	mean := func(from int) float64 {
		sum := 0.0
		for _, e := range errors[from : from+20] {
			sum += e / 20
		}
		return sum
	}
	for from := 40; from+20 < 380; from += 20 {
		now := mean(from)
		if !math.IsNaN(before) {
			worst = max(worst, math.Abs(now-before))
		}
		before = now
	}
	t.Logf("worst change over 20 s: %.2f mHz", 1e3*worst)
	if !(worst < 0.0015) || math.IsNaN(before) {
		t.Errorf("the truth's level changes by %.2f mHz", 1e3*worst)
	}
}

func TestNeedsThree(t *testing.T) {
	people := crowd(3)
	people[0].twice, people[1].twice = true, true // sound and picture are one proof
	people[2].from, people[2].to = 100, 200
	m, truth := newMeeting(4, people)
	var problems [2]string
	m.play(t, truth, 400, func(second int) {
		switch second {
		case 90:
			problems[0] = truth.State().Problem
		case 190:
			if p := truth.State().Problem; p != "" {
				t.Errorf("three are not enough: %s", p)
			}
		case 390:
			problems[1] = truth.State().Problem
		}
	})
	for _, p := range problems {
		if want := "it takes 3 participants with hum or flicker, and there are 2"; p != want {
			t.Errorf("%q, not %q", p, want)
		}
	}
	s, err := truth.Between(t.Context(), began, m.now())
	if err != nil {
		t.Fatal(err)
	}
	for i, hz := range s.Hz {
		if !math.IsNaN(hz) && (i < 100 || i >= 200) {
			t.Errorf("second %d has a truth", i)
		}
	}
	if s.Present() < 50 {
		t.Errorf("%d seconds of a truth", s.Present())
	}
}

// Three who each hum as another grid have no truth for most of the time: of unrelated grids two move alike for a minute now and then.
func TestStrangersDoNotAgree(t *testing.T) {
	agreed, problems := 0, 0
	const meetings = 60
	for seed := range uint64(meetings) {
		people := crowd(3)
		for i := range people {
			other := enftest.NewGrid(100*seed+uint64(i), enftest.GridOptions{Duration: time.Hour})
			people[i].lies = func(s int) float64 { return other.Frequency(float64(s)) }
		}
		m, truth := newMeeting(5, people)
		values, _ := m.play(t, truth, 300, func(int) {
			if truth.State().Problem != "" {
				problems++
			}
		})
		_, n := spreadOf(values)
		agreed += n
	}
	t.Logf("three strangers have a truth for %.1f %% of the time, and are said not to agree for %.0f %%", 100.*float64(agreed)/(300*meetings), 100*float64(problems)/(300*meetings))
	if agreed > 300*meetings/100 {
		t.Error("that is too often")
	}
}

// What was once said is not changed.
func TestValuesStay(t *testing.T) {
	m, truth := newMeeting(6, crowd(4))
	said := map[int]float64{}
	m.play(t, truth, 200, func(second int) {
		s, err := truth.Between(t.Context(), began, m.now())
		if err != nil {
			t.Fatal(err)
		}
		for i, hz := range s.Hz {
			if old, ok := said[i]; ok && old != hz {
				t.Fatalf("at %d second %d changes from %g to %g", second, i, old, hz)
			}
			if !math.IsNaN(hz) {
				said[i] = hz
			}
		}
	})
	if len(said) < 150 {
		t.Errorf("%d values", len(said))
	}
}

func Example() {
	var guard *monitor.Monitor
	truth := peers.New(peers.Options{
		Grid:    enf.Grid60,
		Streams: func(from, to time.Time) []monitor.Stream { return guard.Streams(from, to) },
	})
	guard = monitor.New(monitor.Options{Room: "board", Truth: truth, TruthState: truth.State, Grid: enf.Grid60})
	fmt.Println(truth.State().Problem)
	// Output: it takes 3 participants with hum or flicker, and there are 0
}

// A clock that is set back is no reason to be silent until it is as late again.
func TestClockSetBack(t *testing.T) {
	m, truth := newMeeting(7, crowd(4))
	m.play(t, truth, 400, nil)
	m.second -= 300
	m.play(t, truth, 20, nil)
	if s := truth.State(); m.now().Sub(s.Known) > 15*time.Second || s.Known.After(m.now()) {
		t.Errorf("%v before it was set, the truth is known until %v", s.Known.Sub(began), m.now().Sub(began))
	}
}
