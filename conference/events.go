// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	// longest is how much of a participant's identity or name is kept, in bytes.
	longest = 256
	// eventsMost is how many events may wait to be read.
	eventsMost = 8192
)

// Participant is who takes part in a conference.
type Participant struct {
	// ID is unique in the room: LiveKit's identity. One that is longer than 256 bytes is cut short and told apart by its hash.
	ID string
	// Name is for people to read: any text, of whoever chose it, of at most 256 bytes.
	Name string
}

// newParticipant bounds what a participant may call itself.
func newParticipant(id, name string) Participant {
	if len(id) > longest {
		sum := sha256.Sum256([]byte(id))
		id = cut(id, longest-17) + "~" + hex.EncodeToString(sum[:8])
	}
	return Participant{ID: strings.ToValidUTF8(id, "\uFFFD"), Name: cut(strings.ToValidUTF8(name, "\uFFFD"), longest)}
}

// cut shortens s to at most n bytes of whole characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// EventKind says what has happened.
type EventKind string

// The kinds of events.
const (
	// Joined and Left: a participant came or went.
	Joined EventKind = "joined"
	Left   EventKind = "left"
	// Began: a track can be read. That it has ended, its Read says.
	Began EventKind = "began"
	// Unreadable: not all of what a participant lets others hear, or see, can be followed, for the reason in Err; nil when it can again.
	Unreadable EventKind = "unreadable"
	// Entered: the room has been joined, at first or again.
	Entered EventKind = "entered"
	// Lost: the room is not joined, for the reason in Err, at first or any more, and is tried again and again until Entered. It comes again
	// when the reason is another. All tracks may have ended.
	Lost EventKind = "lost"
	// Ended: the guard has been put out of the room for the reason in Err, and does not go back. It is the last event.
	Ended EventKind = "ended"
)

// Event is something that happened in a room.
type Event struct {
	Time time.Time
	Kind EventKind
	// Participant is whom it concerns; for Joined, Left, Began and Unreadable.
	Participant Participant
	// Track is what began.
	Track *Track
	// Of is what cannot be followed, for Unreadable.
	Of Kind
	// Err is the reason, for Lost, Unreadable and Ended.
	Err error
}

// events is a bounded queue.
type events struct {
	mu    sync.Mutex
	queue []Event
	some  chan struct{} // holds one when there may be something new
	over  bool
}

func newEvents() *events { return &events{some: make(chan struct{}, 1)} }

// put adds an event. When too many wait the oldest is dropped: whoever does not read them for so long has lost the room.
func (q *events) put(e Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over {
		return
	}
	if len(q.queue) >= eventsMost {
		if t := q.queue[0].Track; t != nil {
			go t.Close()
		}
		q.queue = q.queue[1:]
	}
	q.queue = append(q.queue, e)
	q.wake()
}

// end says that nothing more will come.
func (q *events) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.over = true
	q.wake()
}

func (q *events) wake() {
	select {
	case q.some <- struct{}{}:
	default:
	}
}

// take returns the next event, if there is one, and whether none will come.
func (q *events) take() (e Event, ok, over bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) == 0 {
		return Event{}, false, q.over
	}
	e = q.queue[0]
	q.queue[0] = Event{}
	q.queue = q.queue[1:]
	return e, true, false
}

// all yields events until ctx ends or nothing more will come.
func (q *events) all(ctx context.Context) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for {
			e, ok, over := q.take()
			switch {
			case ok && !yield(e), over:
				q.wake() // for whoever comes next
				return
			case ok:
				continue
			}
			select {
			case <-q.some:
			case <-ctx.Done():
				return
			}
		}
	}
}
