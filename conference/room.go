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

	people map[string]*attendee // of run alone
	lost   bool                 // of run alone

	mu       sync.Mutex
	troubles map[string]error // why tracks cannot be followed, by their id
}

// Join joins a room as a hidden participant that listens and watches. A server that cannot be reached, a key that it does
// not know, and a room that it does not have, are each an error that says so. Later the connection is made anew whenever it breaks, until Close is
// called or ctx ends, which leaves the room.
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
	if err != nil {
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

// run keeps the room joined.
func (r *Room) run(ctx context.Context, s *session) {
	defer r.events.end()
	for {
		err := r.stay(ctx, s)
		s.leave()
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errExpelled) {
			r.put(Event{Kind: Ended, Err: err})
			return
		}
		r.lose(err)
		if s = r.rejoin(ctx); s == nil {
			return
		}
	}
}

// lose tells that the connection is lost, once.
func (r *Room) lose(err error) {
	if !r.lost {
		r.lost = true
		r.log.Warn("connection to the conference lost", slog.Any("err", err))
		r.put(Event{Kind: Lost, Err: err})
	}
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
			if r.lost {
				r.lost = false
				r.log.Info("connection to the conference regained")
				r.put(Event{Kind: Regained})
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
		r.log.Info("the conference cannot be joined yet", slog.Any("err", err), slog.Duration("wait", wait))
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
