// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/defakepro/defakepro/capability"
	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/history"
	"github.com/defakepro/defakepro/httpapi"
	"github.com/defakepro/defakepro/monitor"
	"github.com/defakepro/defakepro/peers"
	"github.com/defakepro/defakepro/webhook"
)

// Conference is a meeting that somebody else's server holds.
type Conference interface {
	// Follow is in the meeting until ctx ends, and says what happens there. It comes back by itself after a connection is
	// lost; it returns an error where trying again would not help.
	Follow(ctx context.Context, to Listener) error
}

// Listener is told what happens in a meeting. A [monitor.Monitor] is one.
type Listener interface {
	// Connection says whether the guard is in the meeting, and in a clause why not.
	Connection(connected bool, problem string)
	// Join and Leave say who is there, by what the conference knows them by.
	Join(p monitor.Person)
	Leave(id string)
	// Watch reads a source of somebody's sound or picture until it ends. Several run at once; those of one person and kind that are sent
	// side by side are [monitor.Numbered].
	Watch(ctx context.Context, id string, channel enf.Source, src monitor.Source) error
	// Problem says in a clause why not all of somebody's sound or picture can be followed; with nothing, that it can again.
	Problem(id string, channel enf.Source, problem string)
}

// Options say what a [Guard] does. Room and Conference are required.
type Options struct {
	// Room is the meeting's name.
	Room string
	// Conference is the meeting.
	Conference Conference
	// Committee is the truth, or else Reference; with neither it is what the participants' own streams agree on.
	Committee *Committee
	Reference *Reference
	// Grid is the nominal frequency; with GridAuto it is the truth's, or what most participants have.
	Grid enf.Grid
	// Window, Shift, Keep, Rule and Threshold are those of [monitor.Options].
	Window, Shift, Keep time.Duration
	Rule                detect.Rule
	Threshold           float64
	// History keeps changes of verdicts, and Webhook posts them; nil for neither.
	History *history.Store
	Webhook *webhook.Sender
	// Invite returns where, and with which token, someone of this name may join the meeting from the guard's own page;
	// nil for no such page.
	Invite func(ctx context.Context, name string) (url, token string, err error)
	// Rate is how many requests a second one client's address may make; 0 is the default of [httpapi.Limits].
	Rate float64
	// Pages are what the guard shows to people; nil for nothing.
	Pages http.Handler
	// Tokens has the pages' interface ask for tokens, which the Committee's registry verifies: it takes a Committee. Audit keeps
	// what became of them, nil for nowhere, and Zone is the trust zone in which the guard works, empty for none.
	Tokens bool
	Audit  *capability.Audit
	Zone   string
	// Check returns the report on a recording that somebody uploads; nil takes none.
	Check func(ctx context.Context, u httpapi.Upload) ([]byte, error)
	// Hosts are names by which the pages are reached through a proxy on this machine.
	Hosts []string
	// Now is the clock; nil stands for time.Now.
	Now func() time.Time
	// Log takes what happens. Names, tokens and media of participants never reach it. nil discards.
	Log *slog.Logger
}

// Guard watches one meeting.
type Guard struct {
	options Options
	monitor *monitor.Monitor
	desk    *desk
}

// New returns a guard, which does nothing before [Guard.Run].
func New(o Options) *Guard {
	if o.Room == "" || o.Conference == nil {
		panic("guard: Options need a Room and a Conference")
	}
	if o.Tokens {
		if o.Committee == nil {
			panic("guard: tokens take a Committee")
		}
		o.Committee.registering = true
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	g := &Guard{options: o}
	m := monitor.Options{
		Room: o.Room, Grid: o.Grid, Window: o.Window, Shift: o.Shift, Keep: o.Keep, Rule: o.Rule, Threshold: o.Threshold, Now: o.Now, Log: o.Log,
	}
	switch {
	case o.Committee != nil:
		m.Truth, m.TruthState = o.Committee, o.Committee.State
	case o.Reference != nil:
		m.Truth, m.TruthState = o.Reference, o.Reference.State
	default:
		p := peers.New(peers.Options{Grid: o.Grid, Now: o.Now, Streams: func(from, to time.Time) []monitor.Stream {
			return g.monitor.Streams(from, to)
		}})
		m.Truth, m.TruthState = p, p.State
	}
	g.monitor = monitor.New(m)
	g.desk = newDesk(g.monitor)
	return g
}

// Monitor is what the guard knows of the meeting.
func (g *Guard) Monitor() *monitor.Monitor { return g.monitor }

// Run watches until ctx ends, and returns nil then; an error says why it could not, as that the conference refused it.
func (g *Guard) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	// Events are followed for as long as there is judging, so that what the last judgement says is kept as well.
	judging, judged := context.WithCancel(context.WithoutCancel(ctx))
	defer judged()
	if c := g.options.Committee; c != nil {
		group.Go(func() error { return c.Run(ctx) })
	}
	if w := g.options.Webhook; w != nil {
		events := g.monitor.Follow(judging)
		group.Go(func() error { return w.Run(ctx) })
		group.Go(func() error { w.Follow(events); return nil })
		group.Go(func() error { g.desk.ask(ctx, w.Problem); return nil })
	}
	if g.options.History != nil {
		events := g.monitor.Follow(judging)
		group.Go(func() error { g.keep(ctx, events); return nil })
		group.Go(func() error { g.forget(ctx); return nil })
	}
	group.Go(func() error {
		defer judged()
		return g.monitor.Run(ctx)
	})
	group.Go(func() error { return g.options.Conference.Follow(ctx, g.desk) })
	err := group.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// keep writes down changes of verdicts. That one cannot be written is no reason to stop watching, but to say so.
func (g *Guard) keep(ctx context.Context, events iter.Seq[monitor.Event]) {
	for e := range events {
		// What was seen before the end is written after it.
		err := g.options.History.Add(context.WithoutCancel(ctx), e)
		g.desk.kept(err)
		if err != nil {
			g.options.Log.ErrorContext(ctx, "verdict not kept", slog.Any("err", err))
		}
	}
}

// forgetEvery is how often the history drops what it is to keep no longer.
const forgetEvery = time.Hour

// forget has the history drop what is too old, also in a meeting in which nothing changes.
func (g *Guard) forget(ctx context.Context) {
	for sleep(ctx, forgetEvery) {
		if err := g.options.History.Prune(ctx); err != nil && ctx.Err() == nil {
			g.options.Log.ErrorContext(ctx, "old verdicts not removed", slog.Any("err", err))
		}
	}
}

// Handler serves the meeting, the truth and the history to people and programs: the interface of package httpapi, and
// Options.Pages.
func (g *Guard) Handler() http.Handler {
	o := httpapi.Options{
		Meetings: func() map[string]httpapi.Meeting { return map[string]httpapi.Meeting{g.options.Room: g.monitor} },
		Check:    g.options.Check,
		Pages:    g.options.Pages, Hosts: g.options.Hosts, Now: g.options.Now, Log: g.options.Log,
		Limits: httpapi.Limits{Rate: g.options.Rate},
	}
	if c := g.options.Committee; c != nil {
		c.serve(&o)
	}
	if g.options.Tokens {
		o.Security = g.security()
	}
	if g.options.History != nil {
		o.Verdicts = Verdicts(g.options.History)
	}
	if invite := g.options.Invite; invite != nil {
		o.Join = func(ctx context.Context, room, name string) (string, string, error) {
			if room != g.options.Room {
				return "", "", fmt.Errorf("no room %q is watched here", room)
			}
			return invite(ctx, name)
		}
	}
	return httpapi.Handler(o)
}

// Verdicts returns what asks a history, as an Options.Verdicts of package httpapi.
func Verdicts(h *history.Store) func(context.Context, httpapi.VerdictQuery) ([]httpapi.VerdictRecord, error) {
	return func(ctx context.Context, q httpapi.VerdictQuery) ([]httpapi.VerdictRecord, error) {
		records, err := h.Events(ctx, history.Query{
			Room: q.Room, Person: q.Person, From: q.From, To: q.To, After: q.After, Limit: q.Limit,
		})
		out := make([]httpapi.VerdictRecord, len(records))
		for i, r := range records {
			out[i] = httpapi.VerdictRecord{ID: r.ID, Event: r.Event}
		}
		return out, err
	}
}
