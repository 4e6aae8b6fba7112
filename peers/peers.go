// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package peers makes a truth of the participants' own streams, for a conference without a committee: each participant's
// best channel is a proof, and the rule of Proof-of-ENF (package poenf) picks what most of them agree on.
//
// A deepfake is outvoted as long as those who carry the grid's hum are more than those who carry one and the same other hum. Three
// participants with hum are the least; and if more than half of them agree to be wrong, so is this truth.
//
// # Clocks
//
// A participant's sampling clock may be wrong by 100 ppm, which makes all its values 6 mHz wrong at 60 Hz. The median
// rule of poenf takes such an offset from each vector before it looks for what they agree on, and the truth has the
// median of the offsets. But whose offset is the median changes with who is there, and a truth that jumps by a
// millihertz looks like a splice in everybody's stream. So each member's offset from the truth is learned over minutes
// and taken off beforehand, and the truth keeps its level as people come and go. That level itself is off by some
// clock's error, which a comparison takes for the channel's own: it looks at what is left.
package peers

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/monitor"
	"github.com/defakepro/defakepro/poenf"
)

const (
	// Least is the least number of participants with hum that a truth takes: of two, none can be outvoted.
	Least = 3
	// length is the number of seconds that the rule is given at once, a minute: over less, grids that have nothing to
	// do with one another move alike too often.
	length = 60
	// missing is how many of these seconds a member may lack; they are taken to be as the one before.
	missing = 12
	// agreeHz is how far, in hertz, two members may be apart and agree (root mean square over a minute), offsets apart, and stayHz how far
	// an offset may be from what it was: good streams of one grid are 0.5-2 mHz apart, in unrelated ones a minute differs by 7 and the
	// next begins 15 elsewhere (docs/detection.md).
	agreeHz, stayHz = 0.003, 0.003
	// proveHz is agreeHz, and proveStayHz stayHz, until they are believed: two strangers who move alike for a minute do
	// not do so that well.
	proveHz, proveStayHz = 0.0022, 0.001
	// mostMembers is how many are heard, as each is compared with each.
	mostMembers = 64
	// clockHz is the most, in hertz, that is taken for a clock's offset: that of the rule.
	clockHz = 0.010
	// follow is the share by which a member's offset moves towards the newest: a time constant of two minutes.
	follow = 1.0 / 120
	// patience is how long a second is waited for, so that who is slower may be heard, and giveUp how long until it has no truth for good;
	// relearn is how long a member must not agree before its offset is forgotten. All in seconds.
	patience, giveUp, relearn = 2, 60, 60
	// steady is for how many seconds in succession most must agree before they are believed: strangers do for a moment.
	steady = 25
	// kept is for how many seconds a truth is remembered: two hours.
	kept = 7200
)

// Options set a [Truth] up.
type Options struct {
	// Streams returns what each participant's channels carried: [monitor.Monitor.Streams].
	Streams func(from, to time.Time) []monitor.Stream
	// Grid is the nominal frequency; with GridAuto it is the first that three participants have. Who hums elsewhere is not
	// heard.
	Grid enf.Grid
	// Now is the clock; nil stands for time.Now.
	Now func() time.Time
}

// Truth is the frequency that the participants agree on: a [monitor.Truth]. It is safe for concurrent use.
type Truth struct {
	options Options

	mu      sync.Mutex
	next    int64             // the first second without a decision
	values  map[int64]value   // of the seconds decided that have one
	maybe   map[int64]value   // what they become if most go on agreeing
	offsets map[string]offset // of the members, from the truth
	known   int64             // the newest second that has a value
	agreed  int               // seconds in succession for which most agreed, up to the newest decided
	problem string
}

type value struct{ hz, sigma float64 }

// offset is a member's, in hertz.
type offset struct {
	hz   float64
	seen int64 // when it was last learned
}

// New returns a truth that knows nothing yet.
func New(o Options) *Truth {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Truth{options: o, values: make(map[int64]value), maybe: make(map[int64]value), offsets: make(map[string]offset), problem: need(0)}
}

func need(n int) string {
	return fmt.Sprintf("it takes %d participants with hum or flicker, and there are %d", Least, n)
}

// Between returns the frequency at each whole second from from, inclusive, to to, exclusive, with the spread of the participants
// about it as Sigma; NaN where they do not tell, or not yet. A second's value never changes once given.
func (t *Truth) Between(_ context.Context, from, to time.Time) (enf.Series, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(t.options.Now().Unix())
	first := from.Add(time.Second - time.Nanosecond).Unix()
	n := min(max(0, int(to.Add(time.Second-time.Nanosecond).Unix()-first)), kept)
	s := enf.Series{Start: time.Unix(first, 0).UTC(), Step: time.Second, Hz: make([]float64, n), Sigma: make([]float64, n)}
	for i := range n {
		v, ok := t.values[first+int64(i)]
		if !ok {
			v = value{math.NaN(), math.NaN()}
		}
		s.Hz[i], s.Sigma[i] = v.hz, v.sigma
	}
	return s, nil
}

// State describes the truth, and says what is wrong with it.
func (t *Truth) State() monitor.TruthState {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := monitor.TruthState{Kind: monitor.TruthParticipants, Name: "the participants' own streams", Grid: t.options.Grid, Problem: t.problem}
	if t.known > 0 {
		s.Known = time.Unix(t.known, 0).UTC()
	}
	return s
}

// advance decides what can be decided by now.
func (t *Truth) advance(now int64) {
	if t.next > now+giveUp { // the clock has been set back
		clear(t.values)
		clear(t.maybe)
		clear(t.offsets)
		t.next, t.known, t.agreed = 0, 0, 0
	}
	t.next = max(t.next, now-giveUp)
	streams := t.options.Streams(time.Unix(t.next-length, 0), time.Unix(now+1, 0))
	if t.options.Grid == enf.GridAuto {
		if t.options.Grid = common(streams); t.options.Grid == enf.GridAuto {
			t.problem = need(max(len(choose(streams, enf.Grid50)), len(choose(streams, enf.Grid60))))
			return
		}
	}
	members := choose(streams, t.options.Grid)
	reach := make([]int64, 0, len(members))
	for _, m := range members {
		reach = append(reach, m.last())
	}
	slices.SortFunc(reach, func(a, b int64) int { return cmp.Compare(b, a) })
	if len(reach) < Least {
		t.problem = need(len(reach))
		return
	}
	t.problem = ""
	// A second is ripe when all have said what they know of it, or most have and the rest have had time.
	all, most := reach[len(reach)-1], reach[max(Least, len(reach)/2+1)-1]-patience
	for ; t.next <= max(all, most); t.next++ {
		t.decide(t.next, members)
	}
	for s := range t.values {
		if s < now-kept {
			delete(t.values, s)
		}
	}
	for id, o := range t.offsets {
		if o.seen < now-kept {
			delete(t.offsets, id)
		}
	}
}

// decide finds the value of one second from the stretch that ends with it.
func (t *Truth) decide(second int64, members []member) {
	var names []string
	var vectors [][]int32
	for _, m := range members {
		if v := m.vector(second-length+1, second+1); v != nil {
			o := int32(math.Round(t.offsets[m.id].hz * 1e6))
			for i := range v {
				v[i] = min(max(v[i]-o, -poenf.MaxOffset), poenf.MaxOffset)
			}
			names, vectors = append(names, m.id), append(vectors, v)
		}
	}
	if len(vectors) < Least {
		clear(t.maybe)
		t.agreed, t.problem = 0, need(len(vectors))
		return
	}
	outcome, err := poenf.Select(poenf.Median, names, vectors, (len(vectors)-1)/2)
	if err != nil {
		t.problem = "the participants' streams cannot be compared"
		return
	}
	if !t.agree(second, names, vectors, outcome) {
		if t.known == 0 {
			clear(t.offsets) // of people who only seemed to agree
		}
		clear(t.maybe)
		t.agreed, t.problem = 0, "the participants' hums do not agree"
		return
	}
	t.agreed++
	for i, offset := range outcome.Truth { // all of it, the first time
		s := second - length + 1 + int64(i)
		if _, ok := t.maybe[s]; !ok {
			t.maybe[s] = value{float64(t.options.Grid) + float64(offset)/1e6, max(float64(outcome.Spread)/1e6, 0.0002)}
		}
	}
	if t.agreed < steady {
		return
	}
	for s, v := range t.maybe {
		if _, ok := t.values[s]; !ok {
			t.values[s] = v
		}
	}
	clear(t.maybe)
	t.known = max(t.known, second)
}

// agree reports whether most members follow one another, at the offsets that they had, and follows these.
func (t *Truth) agree(second int64, names []string, vectors [][]int32, outcome poenf.Outcome) bool {
	rests, stay, near := make(map[string]float64), stayHz, agreeHz
	if t.agreed < steady {
		stay, near = proveStayHz, proveHz
	}
	for i, id := range names {
		company := 0
		for _, v := range vectors {
			if _, rms := apart(vectors[i], v); rms <= near {
				company++ // itself, too
			}
		}
		o, known := t.offsets[id]
		if known && second-o.seen > relearn {
			delete(t.offsets, id)
			known = false
		}
		rest, _ := apart(vectors[i], outcome.Truth)
		if 2*company > len(names) && (!known || math.Abs(rest) <= stay) {
			rests[id] = rest
		}
	}
	if 2*len(rests) <= len(names) {
		return false
	}
	for id, rest := range rests {
		o, known := t.offsets[id]
		if known {
			rest *= follow // who comes is taken as it is, and does not move the truth
		}
		t.offsets[id] = offset{min(max(o.hz+rest, -clockHz), clockHz), second}
	}
	return true
}

// apart returns the median difference of two vectors, and the root mean square of what is left, in hertz.
func apart(a, b []int32) (offset, rms float64) {
	var differences, sorted [length]float64
	for i := range differences {
		differences[i] = float64(a[i]-b[i]) / 1e6
	}
	sorted = differences
	slices.Sort(sorted[:])
	offset = (sorted[length/2] + sorted[(length-1)/2]) / 2
	for _, d := range differences {
		rms += (d - offset) * (d - offset)
	}
	return offset, math.Sqrt(rms / length)
}

// member is one participant's proof: the better of its channels.
type member struct {
	id      string
	series  enf.Series
	nominal enf.Grid
}

// common is the grid that enough participants have for a truth, GridAuto if none is.
func common(streams []monitor.Stream) enf.Grid {
	for _, grid := range []enf.Grid{enf.Grid50, enf.Grid60} {
		if len(choose(streams, grid)) >= Least {
			return grid
		}
	}
	return enf.GridAuto
}

// choose takes each participant's best channel: the one with more values, of two alike the one that is surer of them.
func choose(streams []monitor.Stream, grid enf.Grid) []member {
	var out []member
	scores := make(map[string][2]float64)
	for _, s := range streams {
		n, sum := 0.0, 0.0
		for i, hz := range s.Series.Hz {
			if math.Abs(hz-float64(grid)) < 1 {
				n++
				sum += s.Series.Sigma[i]
			}
		}
		if n == 0 {
			continue
		}
		m := member{id: s.Person.ID, series: s.Series, nominal: grid}
		score := [2]float64{math.Floor(n / 5), -sum / n}
		old, ok := scores[m.id]
		switch {
		case !ok:
			out = append(out, m)
		case cmp.Or(cmp.Compare(score[0], old[0]), cmp.Compare(score[1], old[1])) <= 0:
			continue
		default:
			out[slices.IndexFunc(out, func(o member) bool { return o.id == m.id })] = m
		}
		scores[m.id] = score
	}
	return out[:min(len(out), mostMembers)]
}

// last is the newest second with a value.
func (m member) last() int64 {
	for i, hz := range slices.Backward(m.series.Hz) {
		if !math.IsNaN(hz) {
			return m.series.Start.Unix() + int64(i)
		}
	}
	return 0
}

// vector returns seconds from to to-1 in µHz from nominal, nil if too many are missing, or the first or last is.
func (m member) vector(from, to int64) []int32 {
	start := m.series.Start.Unix()
	out := make([]int32, 0, to-from)
	absent, before := 0, math.NaN()
	at := func(s int64) float64 {
		if i := s - start; i >= 0 && i < int64(len(m.series.Hz)) {
			return m.series.Hz[i]
		}
		return math.NaN()
	}
	if math.IsNaN(at(from)) || math.IsNaN(at(to-1)) {
		return nil
	}
	for s := from; s < to; s++ {
		hz := at(s)
		if math.IsNaN(hz) {
			if absent++; absent > missing {
				return nil
			}
			hz = before
		}
		before = hz
		d := math.Round((hz - float64(m.nominal)) * 1e6)
		if !(math.Abs(d) <= poenf.MaxOffset) {
			return nil
		}
		out = append(out, int32(d))
	}
	return out
}
