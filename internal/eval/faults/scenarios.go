// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// scenario is one thing that happens to a healthy committee under load.
type scenario struct {
	name      string
	quick     bool // part of the short form
	byzantine bool // the last f members' keys are the scenario's
	run       func(ctx context.Context, t *trial) error
}

// errSkip is wrapped by why a scenario cannot be run here.
var errSkip = errors.New("not here")

// scenarios returns all of a drill, in order.
func scenarios(o Options) []scenario {
	half, few := o.Nodes/2, o.faulty()
	split := func(a int) string { return fmt.Sprintf("partition %d to %d", a, o.Nodes-a) }
	out := []scenario{
		{name: "kill -9 of each in turn", quick: true, run: killEach},
		{name: "kill -9 of all at once", run: killAll},
		{name: split(half), run: func(ctx context.Context, t *trial) error { return partition(ctx, t, half) }},
		{name: split(few), quick: true, run: func(ctx context.Context, t *trial) error { return partition(ctx, t, few) }},
		{name: "slow link with loss", run: slowLink},
		{name: "clock 2 s off", run: wrongClock},
		{name: "full disk", run: fullDisk},
		{name: "a validator twice", run: twin},
	}
	for _, a := range attacks() {
		out = append(out, scenario{name: a.name, quick: a.name == equivocation, byzantine: true, run: func(ctx context.Context, t *trial) error {
			return underAttack(ctx, t, a)
		}})
	}
	return out
}

// recover waits until all nodes have a round that nobody had at since, and notes how long that took.
func (t *trial) recover(ctx context.Context, since time.Time) (took time.Duration, err error) {
	err = t.until(ctx, "a new round at every node, now that the fault is gone", func() (ok bool) {
		took, ok = t.recovered(t.nodes, since)
		return ok
	})
	if err == nil {
		t.Recovery = max(t.Recovery, took)
	}
	return took, err
}

// others returns all nodes but one.
func (t *trial) others(not *node) []*node {
	return slices.DeleteFunc(slices.Clone(t.nodes), func(n *node) bool { return n == not })
}

// goOn waits until each of nodes has so many rounds that nobody had at since.
func (t *trial) goOn(ctx context.Context, nodes []*node, rounds int, since time.Time) error {
	return t.until(ctx, fmt.Sprintf("%d rounds at %v under the fault", rounds, nodes), func() bool {
		for _, n := range nodes {
			if t.count(n.index, since) < rounds {
				return false
			}
		}
		return true
	})
}

// anyMoment waits for a part of a period that is another one each time, so that nodes are killed in whatever they do.
func (t *trial) anyMoment(ctx context.Context, rng *rand.Rand) error {
	return pause(ctx, time.Duration(rng.Int64N(int64(period*time.Second))))
}

// killEach kills one node after another; the others must go on, and it must come back.
func killEach(ctx context.Context, t *trial) error {
	rng := rand.New(rand.NewPCG(t.Seed, 3))
	for _, n := range t.nodes {
		if err := t.anyMoment(ctx, rng); err != nil {
			return err
		}
		killed := time.Now()
		if err := n.kill(ctx); err != nil {
			return err
		}
		if err := t.goOn(ctx, t.others(n), 2, killed); err != nil {
			return err
		}
		back := time.Now()
		if err := t.start(n); err != nil {
			return err
		}
		took, err := t.recover(ctx, back)
		if err != nil {
			return err
		}
		t.note("%s back in %.1f s", n, took.Seconds())
		if t.Quick {
			break
		}
		if err := t.healthy(ctx); err != nil {
			return err
		}
	}
	return nil
}

// killAll is a power cut: all nodes at once, several times.
func killAll(ctx context.Context, t *trial) error {
	rng := rand.New(rand.NewPCG(t.Seed, 4))
	for range 5 {
		if err := t.anyMoment(ctx, rng); err != nil {
			return err
		}
		var all sync.WaitGroup
		errs := make([]error, len(t.nodes))
		for i, n := range t.nodes {
			all.Go(func() { errs[i] = n.kill(ctx) })
		}
		all.Wait()
		back := time.Now()
		for _, n := range t.nodes {
			errs = append(errs, t.start(n))
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
		took, err := t.recover(ctx, back)
		if err != nil {
			return err
		}
		t.note("all back in %.1f s", took.Seconds())
		if err := t.healthy(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Of a partition: how long what was under way before it may still arrive, and how long it lasts where nothing can be
// waited for, because no side may decide anything.
const (
	underWay   = time.Second
	standstill = 8 * time.Second
)

// partition cuts the first nodes off the rest. A side with a quorum must go on, one without must not.
func partition(ctx context.Context, t *trial, first int) error {
	sides := [][]*node{t.nodes[:first], t.nodes[first:]}
	between := func(l link) {
		for _, a := range sides[0] {
			for _, b := range sides[1] {
				t.fabric.set(a.index, b.index, l)
			}
		}
	}
	between(link{cut: true})
	cut := time.Now()
	quorum := len(t.nodes) - t.faulty()
	if len(sides[1]) >= quorum {
		if err := t.goOn(ctx, sides[1], 5, cut); err != nil {
			return err
		}
	} else if err := pause(ctx, standstill); err != nil {
		return err
	}
	held := time.Since(cut)
	for _, side := range sides {
		for _, n := range side {
			if late := t.since(n.index, cut.Add(underWay)); len(side) < quorum && len(late) > 0 {
				t.fail(fmt.Errorf("%s closed %d rounds on a side without a quorum", n, len(late)))
			}
		}
	}
	healed := time.Now()
	between(link{})
	if _, err := t.recover(ctx, healed); err != nil {
		return err
	}
	t.note("cut for %.1f s", held.Seconds())
	return t.healthy(ctx)
}

// slowLink gives one node a line that is slow and loses packets.
func slowLink(ctx context.Context, t *trial) error {
	bad := link{delay: 200 * time.Millisecond, jitter: 50 * time.Millisecond, loss: 0.05}
	slow := t.nodes[len(t.nodes)-1]
	before := t.lag(t.nodes[0], time.Now().Add(-time.Minute))
	for _, n := range t.others(slow) {
		t.fabric.set(slow.index, n.index, bad)
	}
	began := time.Now()
	if err := t.goOn(ctx, t.nodes, 15, began); err != nil {
		return err
	}
	t.note("%v ± %v and %.0f %% loss between %s and all others, for %.0f s", bad.delay, bad.jitter, 100*bad.loss, slow, time.Since(began).Seconds())
	t.note("from a round's end to its being at %s: median %.2f s, before %.2f s", t.nodes[0], t.lag(t.nodes[0], began).Seconds(), before.Seconds())
	t.note("and at %s: %.2f s", slow, t.lag(slow, began).Seconds())
	for _, n := range t.others(slow) {
		t.fabric.set(slow.index, n.index, link{})
	}
	_, err := t.recover(ctx, time.Now())
	return err
}

// lag returns the median time from the end of a round to its being at a node, of those that it has had since.
func (t *trial) lag(n *node, since time.Time) time.Duration {
	var lags []time.Duration
	for _, r := range t.since(n.index, since) {
		lags = append(lags, r.at.Sub(time.UnixMilli(t.End(r.Number))))
	}
	if len(lags) == 0 {
		return 0
	}
	slices.Sort(lags)
	return lags[len(lags)/2]
}

// wrongClock sets one node's clock ahead, and then back.
func wrongClock(ctx context.Context, t *trial) error {
	n := t.nodes[1]
	t.astray = map[string]bool{t.keys[n.index].Name: true} // its values belong to other seconds
	for _, offset := range []string{"2s", "-2s", "0s"} {
		if err := n.stop(ctx); err != nil {
			return err
		}
		began := time.Now()
		if err := t.start(n, "--clock-offset="+offset); err != nil {
			return err
		}
		if offset == "0s" {
			_, err := t.recover(ctx, began)
			return err
		}
		if err := t.goOn(ctx, t.nodes, 10, began); err != nil {
			return err
		}
		rounds := t.since(0, began)
		with := 0
		for _, r := range rounds {
			for _, e := range r.Entries {
				if e.Member == t.keys[n.index].Name {
					with++
				}
			}
		}
		t.note("clock of %s at %s: its proof in %d of %d rounds, median %.2f s from a round's end to its being at node0", n, offset, with, len(rounds),
			t.lag(t.nodes[0], began).Seconds())
	}
	return nil
}

// diskSize is a disk on which a node has room for many minutes.
const diskSize = 96 << 20

// fullDisk fills the disk under one node, and makes room again.
func fullDisk(ctx context.Context, t *trial) error {
	n := t.nodes[2]
	d, err := t.smallDisk(ctx, n)
	if err != nil {
		return err
	}
	t.note("%s", d.what)
	if err := t.healthy(ctx); err != nil {
		return err
	}
	t.fragile = n
	full := time.Now()
	if err := d.fill(); err != nil {
		return err
	}
	if err := t.goOn(ctx, t.others(n), 10, full); err != nil {
		return err
	}
	if n.running() {
		t.note("%s runs on", n)
		if err := n.kill(ctx); err != nil {
			return err
		}
	} else {
		t.note("%s ends: %s", n, n.tail())
	}
	if err := d.empty(); err != nil {
		return err
	}
	back := time.Now()
	if err := t.start(n); err != nil {
		return err
	}
	t.fragile = nil
	if _, err := t.recover(ctx, back); err != nil {
		return err
	}
	return t.healthy(ctx)
}

// disk is what a node writes to.
type disk struct {
	what        string
	fill, empty func() error
}

// smallDisk moves a node's data to a small disk of its own. Where that cannot be had, the node, as it runs, may not write to
// files beyond their first bytes, which fails as a full disk does.
func (t *trial) smallDisk(ctx context.Context, n *node) (disk, error) {
	if err := n.stop(ctx); err != nil {
		return disk{}, err
	}
	data := t.data(n)
	old := data + ".old"
	if err := os.Rename(data, old); err != nil {
		return disk{}, err
	}
	remove, err := smallDisk(data, diskSize)
	if err != nil {
		d := disk{what: "files limited by prlimit (" + err.Error() + ")", empty: func() error { return nil }}
		d.fill = func() error {
			err := limitFiles(n.cmd.Process.Pid, 1<<10)
			if err != nil {
				err = fmt.Errorf("%w: %w", errSkip, err)
			}
			return err
		}
		return d, errors.Join(os.Rename(old, data), t.start(n))
	}
	t.after = append(t.after, remove)
	ballast := filepath.Join(data, "ballast")
	d := disk{what: fmt.Sprintf("a tmpfs of %d MiB", diskSize>>20), fill: func() error { return fill(ballast) }, empty: func() error { return os.Remove(ballast) }}
	return d, errors.Join(os.CopyFS(data, os.DirFS(old)), t.start(n))
}

// fill writes until there is no space left.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, zeros{}, make([]byte, 1<<16))
	if errors.Is(err, syscall.ENOSPC) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }
