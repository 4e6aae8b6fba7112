// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/defakepro/defakepro/conference"
	"github.com/defakepro/defakepro/dashboard"
	"github.com/defakepro/defakepro/enf/enftest"
	"github.com/defakepro/defakepro/guard"
	"github.com/defakepro/defakepro/history"
	"github.com/defakepro/defakepro/httpapi"
	"github.com/defakepro/defakepro/internal/livekit"
	"github.com/defakepro/defakepro/poenf"
	"github.com/defakepro/defakepro/sim"
)

// demoRoom is the room's name.
const demoRoom = "demo"

// demoRound is how many seconds a round covers: less than usual, so that the first one need not wait a minute.
const demoRound = 15

// stage is all that a demo runs.
type stage struct {
	options  demoOptions
	dir      string
	tell     *story
	mains    *enftest.Grid
	began    time.Time // second zero of the mains
	attackAt time.Time

	log     *os.File
	opened  []io.Closer
	livekit *livekit.Server
	nodes   []string // their URLs
	genesis []byte
	truth   *guard.Committee
	guard   *guard.Guard
	history *history.Store
	page    net.Listener

	group *errgroup.Group
	ctx   context.Context //nolint:containedctx // the group's: what runs ends with it
	stop  context.CancelFunc
}

// newStage starts the server, the committee and the guard.
func newStage(ctx context.Context, opts demoOptions, dir string, tell *story) (s *stage, err error) {
	s = &stage{options: opts, dir: dir, tell: tell, began: time.Now().Truncate(time.Second)}
	run, stop := context.WithCancel(ctx)
	s.stop = stop
	s.group, s.ctx = errgroup.WithContext(run)
	defer func() {
		if err != nil {
			s.strike()
		}
	}()
	if s.log, err = os.Create(filepath.Join(dir, "demo.log")); err != nil {
		return nil, err
	}
	s.opened = append(s.opened, s.log)
	s.mains = sim.NewMains(opts.seed, demoGrid, s.began)
	binary, err := livekit.Get(ctx, s.log, func() { tell.say("Building LiveKit %s, once: some three minutes.", livekit.Version) })
	if err != nil {
		return nil, err
	}
	if s.livekit, err = livekit.Start(s.ctx, binary, s.log); err != nil {
		return nil, err
	}
	tell.say("LiveKit holds the call: %s", s.livekit.URL)
	if opts.alone {
		return s, s.watch()
	}
	if err := s.committee(); err != nil {
		return nil, err
	}
	tell.say("Four nodes listen to the mains, each with its own noise and clock: %s", s.nodes[0])
	return s, s.watch()
}

// committee starts the nodes.
func (s *stage) committee() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	keys, members, err := newMembers(demoNodes)
	if err != nil {
		return err
	}
	c := poenf.NewCommittee(demoRoom, int(demoGrid), members...)
	c.Length = demoRound
	rng := rand.New(rand.NewPCG(s.options.seed, 4))
	var ports []net.Listener // open at once, so that all differ
	for range demoNodes {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		s.nodes = append(s.nodes, "http://"+l.Addr().String())
		ports = append(ports, l)
	}
	homes, err := writeCommittee(filepath.Join(s.dir, "committee"), c, keys, nil, func(i int) nodeConfig {
		return nodeConfig{
			Listen: s.nodes[i][len("http://"):],
			Input: fmt.Sprintf("command:exec '%s' sim mains --nominal %d --grid-seed %d --grid-start %s --seed %d --ppm %.1f --cn0 45", self, demoGrid,
				s.options.seed, s.began.UTC().Format(time.RFC3339), i+1, 80*rng.Float64()-40),
		}
	})
	if err != nil {
		return err
	}
	if s.genesis, err = os.ReadFile(genesisPath(homes[0])); err != nil {
		return err
	}
	for _, l := range ports {
		_ = l.Close()
	}
	s.group.Go(func() error {
		if err := runHomes(s.ctx, homes, s.log); err != nil {
			return err
		}
		return s.ctx.Err()
	})
	return nil
}

// watch starts the guard and its page.
func (s *stage) watch() error {
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelInfo}))
	var err error
	if !s.options.alone {
		if s.truth, err = guard.NewCommittee(s.nodes, s.genesis, httpapi.ClientOptions{Log: log}, nil); err != nil {
			return err
		}
	}
	if s.history, err = history.Open(filepath.Join(s.dir, "history.sqlite"), history.Options{}); err != nil {
		return err
	}
	s.opened = append(s.opened, s.history)
	if s.page, err = listenNear(s.options.listen); err != nil {
		return err
	}
	s.opened = append(s.opened, s.page)
	room := s.conference("", "DeFakePro guard")
	room.Log = log
	s.guard = guard.New(guard.Options{
		Room: demoRoom, Conference: guard.LiveKit(room), Committee: s.truth, History: s.history, Invite: guard.Inviter(room),
		Pages: dashboard.Handler(room.URL), Log: log,
	})
	s.group.Go(func() error { return serveGuard(s.ctx, s.guard, s.page, httpapi.ServeOptions{Log: log}) })
	return nil
}

// conference says how somebody joins the room; an identity is made up where there is none.
func (s *stage) conference(identity, name string) conference.Options {
	return conference.Options{URL: s.livekit.URL, Room: demoRoom, Key: s.livekit.Key, Secret: s.livekit.Secret, Identity: identity, Name: name}
}

// waitForTruth waits for the committee's first round.
func (s *stage) waitForTruth(ctx context.Context) error {
	if s.options.alone {
		s.tell.say("There is no committee: what most participants hum is the truth.")
		return nil
	}
	s.tell.say("It takes them half a minute to hear enough for a first round.")
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	late := time.After(2 * time.Minute)
	for s.truth.State().Known.IsZero() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ctx.Done():
			return s.failed()
		case <-late:
			return errors.New("the committee has not closed a round in two minutes")
		case <-tick.C:
		}
	}
	s.tell.say("The committee agrees on what the grid does.")
	return nil
}

// deepfake is the name of who turns.
func (*stage) deepfake() string { return demoNames[len(demoNames)-1] }

// call has everybody join.
func (s *stage) call() error {
	people := sim.Meeting(s.options.seed, s.mains, len(demoNames))
	start := time.Now().Add(time.Second)
	honest := min(max(s.options.seconds*demoHonest/9, demoVerdicts), s.options.seconds-demoAfter)
	s.tell.began = start
	s.attackAt = start.Add(honest)
	for i, name := range demoNames {
		r := people[i]
		r.Start = start
		if name == s.deepfake() {
			attack := sim.Attack{Kind: s.options.attack, From: honest}
			if attack.Kind == sim.Cut || attack.Kind == sim.Insert {
				attack.To = honest + 20*time.Second
			}
			r.Attacks = []sim.Attack{attack}
		}
		guest, err := newGuest(s.ctx, r, s.conference("demo-"+name, name))
		if err != nil {
			return err
		}
		s.group.Go(func() error { return guest.send(s.ctx) })
	}
	s.tell.say("Ada, Ben, Chloe and Mallory are in the call. A verdict takes a minute of it.")
	return nil
}

// failed returns why something on the stage has ended before its time, nil if nothing has.
func (s *stage) failed() error {
	if s.ctx.Err() == nil {
		return nil
	}
	if err := s.group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// strike ends all that runs.
func (s *stage) strike() {
	s.stop()
	_ = s.group.Wait() // it was to end
	if s.livekit != nil {
		s.livekit.Stop()
	}
	for _, c := range s.opened {
		_ = c.Close()
	}
}
