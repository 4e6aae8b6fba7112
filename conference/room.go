// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/defakepro/defakepro/media"
)

const (
	// resumeTime is how long LiveKit's client may try to repair a connection before it is made anew.
	resumeTime = 5 * time.Second
	// Waits between attempts to join again, twice as long each time.
	firstWait, longestWait = 500 * time.Millisecond, 15 * time.Second
	// tracksMost is how many tracks are followed at once: each has a process.
	tracksMost = 200
)

// Room is a conference that has been joined as a guest nobody sees. Its methods are safe for concurrent use.
type Room struct {
	options Options
	log     *slog.Logger
	events  *events
	cancel  context.CancelFunc
	work    sync.WaitGroup
	slots   chan struct{} // one taken for each track that is followed

	// Of run alone:
	people map[string]*attendee
	lost   string // why the room is not joined, as it was told last; empty when it is

	mu       sync.Mutex
	troubles map[string]error // why tracks cannot be followed, by their id
}

// Join joins a room as a hidden participant that listens and watches. Options that make no sense, and a key or token that the server refuses at
// once, are errors: there is somebody to correct them. A server that cannot be reached, and a room that it does not have, may come to be there,
// and so are tried again and again, as is a connection that breaks later, until Close is called or ctx ends, which leaves the room. The first
// event, which is there when Join returns, says which it is: Entered, or Lost and why.
func Join(ctx context.Context, o Options) (*Room, error) {
	o, err := o.prepare()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &Room{
		options: o, log: o.Log, events: newEvents(), cancel: cancel, slots: make(chan struct{}, tracksMost),
		people: make(map[string]*attendee), troubles: make(map[string]error),
	}
	s, err := r.connect(ctx)
	switch {
	case err == nil:
		r.enter()
	case ctx.Err() == nil && errors.Is(err, errNotYet):
		r.lose(err)
	default:
		cancel()
		return nil, err
	}
	r.work.Go(func() { r.run(ctx, s) })
	return r, nil
}

// Name is the room's name.
func (r *Room) Name() string { return r.options.Room }

// Events yields what happens, from when the room was joined on, waiting for it, until ctx ends or the room has been left. An
// event is yielded once, to one of those who ask. When thousands wait, the oldest are dropped.
func (r *Room) Events(ctx context.Context) iter.Seq[Event] { return r.events.all(ctx) }

// Close leaves the room and ends all tracks. It returns nil and may be called more than once.
func (r *Room) Close() error {
	r.cancel()
	r.work.Wait()
	return nil
}

func (r *Room) put(e Event) {
	e.Time = r.options.Now()
	r.events.put(e)
}

// run keeps the room joined, from a session on or, with nil, from none.
func (r *Room) run(ctx context.Context, s *session) {
	defer r.events.end()
	for {
		if s == nil {
			if s = r.rejoin(ctx); s == nil {
				return
			}
		}
		err := r.stay(ctx, s)
		s.leave()
		s = nil
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errDouble) && r.options.Token == "":
			// Whoever knows an identity could keep its owner out. Nobody in the room knows this one.
			r.options.Identity = newIdentity()
		case errors.Is(err, errExpelled):
			r.put(Event{Kind: Ended, Err: err})
			return
		}
		r.lose(err)
	}
}

// lose tells that the room is not joined, once for each reason why.
func (r *Room) lose(err error) {
	if r.lost != err.Error() {
		r.lost = err.Error()
		r.log.Warn("the conference is not joined; trying again", slog.Any("err", err))
		r.put(Event{Kind: Lost, Err: err})
	}
}

// enter tells that the room is joined.
func (r *Room) enter() {
	r.lost = ""
	r.log.Info("the conference is joined")
	r.put(Event{Kind: Entered})
}

// stay follows a session until it ends, and returns why.
func (r *Room) stay(ctx context.Context, s *session) error {
	var late <-chan time.Time
	for {
		switch broken := s.isBroken(); {
		case broken && late == nil:
			r.lose(errBroken)
			late = time.After(resumeTime)
		case !broken:
			late = nil
			if r.lost != "" {
				r.enter()
			}
			r.sync(s)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.changed:
		case <-s.down:
			return s.reason()
		case <-late:
			return errBroken
		}
	}
}

// rejoin joins again, however long it takes; nil when ctx has ended.
func (r *Room) rejoin(ctx context.Context) *session {
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		s, err := r.connect(ctx)
		if err == nil {
			return s
		}
		if ctx.Err() == nil {
			r.lose(err)
		}
	}
}

// sync tells who has come and gone since it was last called, and subscribes to what is to be followed.
func (r *Room) sync(s *session) {
	present, tracks := make(map[string]bool), make(map[string]bool)
	for _, m := range s.members() {
		for _, p := range m.publications {
			tracks[p.id] = true
		}
		present[m.who.ID] = true
		a := r.people[m.who.ID]
		if a == nil {
			a = &attendee{who: m.who}
			r.people[m.who.ID] = a
			r.put(Event{Kind: Joined, Participant: m.who})
		}
		r.attend(m, Audio, &a.audio)
		r.attend(m, Video, &a.video)
	}
	s.forget(tracks)
	r.mu.Lock()
	maps.DeleteFunc(r.troubles, func(id string, _ error) bool { return !tracks[id] })
	r.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(r.people)) {
		if !present[id] {
			r.put(Event{Kind: Left, Participant: r.people[id].who})
			delete(r.people, id)
		}
	}
}

// admit waits until there is room for one more track, and reports whether the track is still there then. What arrives meanwhile is
// thrown away: later it would be out of its time.
func (r *Room) admit(in *incoming) bool {
	for {
		select {
		case r.slots <- struct{}{}:
			return true
		default:
			r.trouble(in, errTooMany)
			if _, _, err := in.read(); err != nil && !errors.Is(err, errCodec) {
				return false
			}
		}
	}
}

// follow makes tracks of what a subscription brings, until it ends. It has a goroutine of its own.
func (r *Room) follow(ctx context.Context, in *incoming) {
	defer r.trouble(in, nil)
	defer context.AfterFunc(ctx, in.expire)()
	if !r.admit(in) {
		return
	}
	defer func() { <-r.slots }()
	r.trouble(in, nil) // it may have been one too many before
	rec := &receiver{
		kind: in.kind, log: r.log, key: in.askKey,
		// What has arrived when the room is left may still be read.
		open: func(c media.Codec) (decoder, error) {
			return media.OpenLive(context.WithoutCancel(ctx), c, media.LiveOptions{})
		},
		began: func(d decoder) {
			r.put(Event{Kind: Began, Participant: in.who, Track: &Track{Participant: in.who, Kind: in.kind, number: in.number, live: d}})
		},
		failed: func(err error) { r.trouble(in, err) },
	}
	for {
		p, codec, err := in.read()
		now := r.options.Now()
		switch {
		case errors.Is(err, errCodec):
			rec.restart(now, "a codec that is not known")
			rec.fail(err) // until something can be decoded
		case err != nil:
			rec.restart(now, "the subscription has ended")
			return
		default:
			rec.packet(p, codec, now)
		}
	}
}
