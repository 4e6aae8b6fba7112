// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/defakepro/defakepro/ledger/comet"
)

// Options say how a drill is run. Program and Nodes are needed.
type Options struct {
	// Program is the file of the defakepro command, which the nodes run.
	Program string
	// Nodes is how many there are, all of them validators: 4 to 10.
	Nodes int
	// Seed is what all chance comes from, but for the keys of the engine and the times at which things happen.
	Seed uint64
	// Quick runs the short form: what is most likely to break.
	Quick bool
	// Only runs the scenario of that name alone; empty is all of them.
	Only string
	// Loopback keeps the drill from network namespaces.
	Loopback bool
	// Keep leaves the nodes' homes and logs, and says where. Those of a scenario that fails are left in any case.
	Keep bool
	// Say takes a line on what happens. nil discards.
	Say func(string)
}

// faulty returns how many nodes may fail: the most that the engine bears.
func (o Options) faulty() int { return (o.Nodes - 1) / 3 }

// memoryBound is the most resident memory of a node, whatever is done to it: several times what one takes in peace (race
// detector and all), and far less than a flood brings.
const memoryBound = 512 << 20

// Run runs the scenarios one after another, each with a new committee. An error says that the drill could not be run;
// what it found is in the report.
func Run(ctx context.Context, o Options) (Report, error) {
	if o.Say == nil {
		o.Say = func(string) {}
	}
	if o.Nodes < 4 || o.Nodes > 10 {
		return Report{}, fmt.Errorf("a drill of %d nodes: must be 4 to 10", o.Nodes)
	}
	report := Report{Options: o}
	f, why, err := newFabric(1, o.Seed, o.Loopback)
	if err != nil {
		return report, err
	}
	report.Network, report.Why = f.String(), why
	if err := f.close(); err != nil {
		return report, err
	}
	for _, s := range scenarios(o) {
		if o.Only != "" && o.Only != s.name || o.Quick && o.Only == "" && !s.quick {
			continue
		}
		result := drill(ctx, o, s)
		if ctx.Err() != nil {
			return report, ctx.Err()
		}
		report.Results = append(report.Results, result)
		o.Say(result.String())
	}
	if len(report.Results) == 0 {
		return report, fmt.Errorf("no scenario %q", o.Only)
	}
	return report, nil
}

// drill runs one scenario. Whatever happens, nothing of it runs or is mounted when it returns.
func drill(ctx context.Context, o Options, s scenario) (result Result) {
	result.Scenario = s.name
	began := time.Now()
	defer func() { result.Took = time.Since(began) }()
	dir, err := os.MkdirTemp("", "defakepro-faults-")
	if err != nil {
		result.fail(err)
		return result
	}
	defer func() {
		if o.Keep || len(result.Failures) > 0 && ctx.Err() == nil {
			o.Say(s.name + ": homes and logs are in " + dir)
			return
		}
		result.fail(os.RemoveAll(dir))
	}()
	liars := 0
	if s.byzantine {
		liars = o.faulty()
	}
	c, err := newCommittee(o, dir, liars)
	if err != nil {
		result.fail(err)
		return result
	}
	t := &trial{committee: c, Result: &result}
	defer t.cleanUp()
	// Also when a scenario panics: processes first, then what they use.
	ended := false
	defer func() {
		if !ended {
			result.fail(c.end(context.WithoutCancel(ctx)))
		}
	}()
	err = c.begin(ctx)
	if err == nil {
		err = s.run(ctx, t)
	}
	if errors.Is(err, errSkip) {
		result.Skipped = err.Error()
		return result
	}
	result.fail(err)
	last := t.settle(ctx)
	ended = true
	result.fail(c.end(context.WithoutCancel(ctx)))
	for _, n := range c.nodes {
		result.RSS = max(result.RSS, n.memory())
	}
	if ctx.Err() == nil {
		t.judge(last)
	}
	return result
}

// trial is a scenario under way.
type trial struct {
	*committee
	*Result
	authors []string        // of equivocations
	doubles []string        // addresses of validators who vote twice
	astray  map[string]bool // members who mean no harm and are wrong
	after   []func() error  // to be undone once the homes have been read
}

func (t *trial) cleanUp() {
	for _, undo := range slices.Backward(t.after) {
		t.fail(undo())
	}
}

// settle waits until every node has what any has, and returns the last round of it. What closes later may be cut off by
// the end.
func (t *trial) settle(ctx context.Context) uint64 {
	last := t.highest()
	t.fail(t.until(ctx, fmt.Sprintf("round %d, or a later one, at every node", last), func() bool {
		for _, n := range t.nodes {
			if !t.reached(n.index, last) {
				return false
			}
		}
		return true
	}))
	return last
}

// judge compares the ledgers of the nodes, which have stopped.
func (t *trial) judge(last uint64) {
	var kept, said []book
	var evidence [][]comet.Evidence
	for _, n := range t.nodes {
		stored, err := comet.ReadHome(n.home.Dir)
		if err != nil {
			t.fail(fmt.Errorf("ledger of %s: %w", n, err))
			return
		}
		kept = append(kept, bookOf(n.String()+"'s ledger", stored.Rounds))
		evidence = append(evidence, stored.Evidence)
		said = append(said, book{"what " + n.String() + " served", t.given(n.index)})
	}
	t.compare(said, kept, last)
	t.failAll(t.takenBack())
	for i, list := range evidence {
		t.failAll(unnamed(t.nodes[i].String(), list, t.Committee, t.authors, t.doubles))
	}
	t.failAll(sameEvidence(evidence))
	t.judgeTruth(kept[0])
	if t.RSS > memoryBound {
		t.fail(fmt.Errorf("a node had %d MiB of memory; the bound is %d", t.RSS>>20, memoryBound>>20))
	}
}

// compare has the books of all nodes, what they served and what they kept, agree on every round, and nothing up to last be
// missing in what any of them kept.
func (r *Result) compare(said, kept []book, last uint64) {
	disagreed, gone := disagreements(slices.Concat(said, kept)), lost(said, kept, last)
	r.Rounds, r.Void = len(numbers(kept)), void(kept)
	r.Disagreements, r.Lost = len(disagreed), len(gone)
	r.failAll(disagreed)
	r.failAll(gone)
	if r.Rounds == 0 {
		r.fail(errors.New("no round was closed"))
	}
}

// judgeTruth compares each round's truth with what its honest members saw.
func (t *trial) judgeTruth(b book) {
	index := make(map[string]int)
	for i, k := range t.keys[:len(t.keys)-t.liars] {
		if !t.astray[k.Name] {
			index[k.Name] = i
		}
	}
	for _, number := range numbers([]book{b}) {
		r := b.rounds[number]
		var honest [][]int32
		for _, e := range r.Entries {
			if i, ok := index[e.Member]; ok {
				honest = append(honest, t.values(i, number))
			}
		}
		if len(honest) == 0 {
			t.fail(fmt.Errorf("round %d was closed without an honest proof", number))
			continue
		}
		most, bound := away(r, honest)
		if most > bound {
			t.fail(fmt.Errorf("round %d: the truth is %d µHz outside what the honest saw; the bound is %d", number, most, bound))
		}
		t.Away, t.Bound = max(t.Away, most), max(t.Bound, bound)
	}
}

// data returns the directory of what a node has written.
func (t *trial) data(n *node) string { return filepath.Join(n.home.Dir, "data") }
