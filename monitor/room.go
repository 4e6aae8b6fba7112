// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

const (
	// mostPeople is how many participants are remembered; of those who have left the first to leave is forgotten, once all is told of it. If there is
	// none such, who comes then is not followed before there is: a crowd drives nobody from the page, and no verdict.
	mostPeople = 512
	// mostSpans is how many forged spans of a channel are remembered.
	mostSpans = 64
	// mostEvents is by how many events a follower may be behind before it loses the oldest.
	mostEvents = 1024
	// longestName is how much of a participant's name is kept, in bytes.
	longestName = 256
)

// Options set a [Monitor] up. The zero value of each field stands for its default.
type Options struct {
	// Room is the conference's name.
	Room string
	// Truth is what channels are compared with; without one all are undetermined.
	Truth Truth
	// TruthState describes Truth; nil for one that has nothing to say of itself.
	TruthState func() TruthState
	// Grid is the nominal frequency. With GridAuto it is that of TruthState, and if that has none each channel finds its own.
	Grid enf.Grid
	// Window is the length of the sliding window, 60 s by default, and Shift the time from one judgement to the next, 5 s
	// (both as in DeFakePro §III-D). Keep is how much of each channel is kept and compared, 10 min; at least two windows.
	Window, Shift, Keep time.Duration
	// Rule and Threshold are those of [detect.Options]. Under RuleCorrelation the rule is all that judges.
	Rule      detect.Rule
	Threshold float64
	// Now is the clock; nil stands for time.Now.
	Now func() time.Time
	// Log takes what happens; nil for nothing. Names and media of participants never reach it.
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	fill := func(v *time.Duration, standard, least time.Duration) {
		if *v <= 0 {
			*v = standard
		}
		*v = max(v.Truncate(time.Second), least)
	}
	fill(&o.Window, 60*time.Second, 10*time.Second)
	fill(&o.Shift, 5*time.Second, time.Second)
	fill(&o.Keep, 10*time.Minute, 2*o.Window)
	if o.Threshold == 0 {
		o.Threshold = 0.8 // DeFakePro §III-D
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Monitor watches one conference. It is safe for concurrent use.
type Monitor struct {
	options Options

	judging   sync.Mutex // one judgement at a time
	judgement uint64     // its number
	compared  time.Time  // when channels were last compared
	placed    time.Time  // a reading of the clock by which all is placed
	setBy     func(before, now time.Time) time.Duration
	truth     *trace    // written under both locks
	witnesses []witness // in a judgement

	mu      sync.Mutex
	room    Room // without participants
	people  []*person
	outside []Person // who is there and not followed, in the order in which they came
	changed chan struct{}
	events  []Event // the newest, at most mostEvents
	seen    uint64  // events so far
	reset   string  // what is to be said of the clock that was set
}

// person is one participant.
type person struct {
	Person
	joined, left time.Time
	parted       bool // what there was to tell of one who has left was told
	opinion
	media []*medium
}

// opinion is a verdict with what goes with it.
type opinion struct {
	verdict    detect.Verdict
	reason     string
	confidence float64
	since      time.Time
	told       uint64 // the number of the judgement that was last told of
}

// New returns a monitor of a conference without anybody in it. [Monitor.Run] must run for it to judge.
func New(o Options) *Monitor {
	o = o.withDefaults()
	m := &Monitor{options: o, changed: make(chan struct{}), truth: newTrace(o.Keep), placed: o.Now(), setBy: setBy}
	m.room = Room{Name: o.Room, Began: o.Now(), Problem: "not connected yet", Truth: TruthState{Kind: TruthNone}, Threshold: o.Threshold}
	if o.TruthState != nil {
		m.room.Truth = o.TruthState()
	}
	return m
}

// Join says that somebody has come. Who comes again keeps what was found before, and may have another name.
func (m *Monitor) Join(p Person) {
	p.Name = shorten(p.Name, longestName)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.join(p) == nil {
		m.exclude(p)
	}
	m.touch()
}

// shorten cuts text to so many bytes at most.
func shorten(s string, most int) string {
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}

// join returns nil where there are too many.
func (m *Monitor) join(p Person) *person {
	now := m.options.Now()
	if old := m.find(p.ID); old != nil {
		old.Person = p
		if !old.left.IsZero() {
			old.joined, old.left, old.parted = now, time.Time{}, false
			for _, d := range old.media {
				d.problem = ""
			}
		}
		return old
	}
	if len(m.people) >= mostPeople && !m.forget() {
		return nil
	}
	m.readmit(p.ID)
	q := &person{Person: p, joined: now, opinion: opinion{verdict: detect.Undetermined, reason: "There is neither sound nor picture yet.", since: now}}
	m.people = append(m.people, q)
	return q
}

// forget drops whoever left first, if anybody has of whom all is told.
func (m *Monitor) forget() bool {
	first := -1
	for i, p := range m.people {
		if p.parted && (first < 0 || p.left.Before(m.people[first].left)) {
			first = i
		}
	}
	if first < 0 {
		return false
	}
	m.people = slices.Delete(m.people, first, first+1)
	return true
}

// exclude notes who cannot be followed.
func (m *Monitor) exclude(p Person) {
	if len(m.outside) == 0 {
		m.options.Log.Warn("more participants than can be followed: who comes now is not, before another has left", slog.Int("followed", mostPeople))
	}
	if i := slices.IndexFunc(m.outside, func(q Person) bool { return q.ID == p.ID }); i >= 0 {
		m.outside[i].Name = cmp.Or(p.Name, m.outside[i].Name)
		return
	}
	m.outside = append(m.outside, p)
}

// follows reports whether somebody is followed.
func (m *Monitor) follows(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.find(id) != nil
}

// readmit forgets that somebody is not followed.
func (m *Monitor) readmit(id string) {
	m.outside = slices.DeleteFunc(m.outside, func(q Person) bool { return q.ID == id })
}

// Leave says that somebody has gone. The last verdict stays.
func (m *Monitor) Leave(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.find(id); p != nil && p.left.IsZero() {
		p.left = m.options.Now() // what could not be followed is not authentic for that
	}
	m.readmit(id)
	m.touch()
}

// admit follows those who could not be, as far as there is room by now.
func (m *Monitor) admit() {
	for len(m.outside) > 0 && m.join(m.outside[0]) != nil {
		m.touch()
	}
}

// Connection says whether the guard is in the room, and if not, in a clause, why.
func (m *Monitor) Connection(connected bool, problem string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.room.Connected != connected || m.room.Problem != problem {
		m.room.Connected, m.room.Problem = connected, problem
		m.touch()
	}
}

func (m *Monitor) find(id string) *person {
	for _, p := range m.people {
		if p.ID == id {
			return p
		}
	}
	return nil
}

// Room returns the conference as it is now. It shares nothing with the monitor.
func (m *Monitor) Room() Room {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.options.Now()
	room := m.room
	if n := len(m.outside); n > 0 {
		room.Problem = strings.TrimPrefix(fmt.Sprintf("%s; not followed, since there are %d already: %d more", room.Problem, mostPeople, n), "; ")
	}
	for _, p := range m.people {
		q := Participant{
			Person: p.Person, Joined: p.joined, Left: p.left,
			Verdict: p.verdict, Reason: p.reason, Confidence: p.confidence, Since: p.since,
		}
		for _, d := range p.media {
			q.Channels = append(q.Channels, d.snapshot(now, p.left.IsZero()))
		}
		room.Participants = append(room.Participants, q)
	}
	return room
}

// Changed returns a channel that is closed at the next change of what [Monitor.Room] returns.
func (m *Monitor) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

// touch says that something has changed.
func (m *Monitor) touch() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// Follow yields every event from now on, as it happens, until ctx ends, and then what happened before that and has not been yielded yet. Who
// is more than a thousand events behind loses the oldest.
func (m *Monitor) Follow(ctx context.Context) iter.Seq[Event] {
	m.mu.Lock()
	next := m.seen
	m.mu.Unlock()
	return func(yield func(Event) bool) {
		for {
			ended := ctx.Err() != nil // asked before: what happened until then is among what follows
			fresh, seen, changed := m.after(next)
			next = seen
			for _, e := range fresh {
				if !yield(e) {
					return
				}
			}
			if ended {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
	}
}

// after returns the events from number next on that are still there, the number of the next one, and what says that there
// is more.
func (m *Monitor) after(next uint64) ([]Event, uint64, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := min(m.seen-next, uint64(len(m.events)))
	return slices.Clone(m.events[uint64(len(m.events))-n:]), m.seen, m.changed
}

// say makes an event known.
func (m *Monitor) say(e Event) {
	if len(m.events) == mostEvents {
		m.events = append(m.events[:0], m.events[1:]...)
	}
	m.events = append(m.events, e)
	m.seen++
}
