// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"sync"

	"github.com/defakepro/defakepro/conference"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/monitor"
)

// liveKit is a room of a LiveKit server.
type liveKit struct{ options conference.Options }

// LiveKit returns the room of a LiveKit server as a Conference. It does not connect.
func LiveKit(o conference.Options) Conference { return liveKit{o} }

// Inviter returns an Options.Invite for the room of a LiveKit server, whose key and secret are in o.
func Inviter(o conference.Options) func(context.Context, string) (url, token string, err error) {
	return func(_ context.Context, name string) (string, string, error) {
		token, err := o.Invite(name)
		return o.URL, token, err
	}
}

// Follow implements Conference. A wrong call, and credentials that the server refuses at first, are errors at once: there is somebody to
// correct them. Whatever else keeps the guard out of the room is said and tried again.
func (l liveKit) Follow(ctx context.Context, to Listener) error {
	room, err := conference.Join(ctx, l.options)
	if err != nil {
		return err
	}
	var tracks sync.WaitGroup
	defer tracks.Wait()
	defer func() { _ = room.Close() }() // always nil
	if err := l.tell(ctx, room.Events(ctx), &tracks, to); err != nil {
		return err
	}
	if ctx.Err() == nil {
		return errors.New("the conference has ended")
	}
	return ctx.Err()
}

// tell passes on what happens in the room, and returns why the guard is not to go back there.
func (l liveKit) tell(ctx context.Context, events iter.Seq[conference.Event], tracks *sync.WaitGroup, to Listener) error {
	for e := range events {
		switch e.Kind {
		case conference.Joined:
			to.Join(monitor.Person{ID: e.Participant.ID, Name: e.Participant.Name})
		case conference.Left:
			to.Leave(e.Participant.ID)
		case conference.Began:
			tracks.Go(func() { l.watch(ctx, e.Track, to) })
		case conference.Unreadable:
			problem := ""
			if e.Err != nil {
				problem = clause(e.Err)
				l.log().WarnContext(ctx, "a track cannot be followed", slog.String("kind", string(e.Of)), slog.Any("err", e.Err))
			}
			to.Problem(e.Participant.ID, enf.Source(e.Of), problem)
		case conference.Entered:
			to.Connection(true, "")
		case conference.Lost:
			to.Connection(false, absence(e.Err))
		case conference.Ended:
			to.Connection(false, absence(e.Err))
			return fmt.Errorf("room %q: %w", l.options.Room, e.Err)
		}
	}
	return nil
}

// absence says in a clause why the guard is not in the room.
func absence(err error) string { return strings.TrimPrefix(clause(err), "conference: ") }

func (l liveKit) log() *slog.Logger {
	if l.options.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l.options.Log
}

// watch has a track watched to its end.
func (l liveKit) watch(ctx context.Context, t *conference.Track, to Listener) {
	defer func() { _ = t.Close() }() // always nil
	err := to.Watch(ctx, t.Participant.ID, enf.Source(t.Kind), t)
	if err != nil && ctx.Err() == nil {
		l.log().WarnContext(ctx, "a track is followed no longer", slog.String("kind", string(t.Kind)), slog.Any("err", err))
	}
}
