// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/poenf"
)

// paperTable1 is what the paper prints (DeFakePro Table I): seconds by number of validators, on a Raspberry Pi 4 and on a desktop.
var paperTable1 = []struct {
	K           int
	Pi, Desktop float64
}{{10, 0.02, 0.01}, {20, 0.08, 0.02}, {50, 0.48, 0.15}, {100, 1.93, 0.59}, {200, 7.71, 2.4}, {500, 48.5, 15.4}}

// Table1Options says how Table I is measured. The zero value is the full size.
type Table1Options struct {
	// Provers are the sizes of committees; nil for those of the paper.
	Provers []int
	// Validators is the number of nodes that agree; 0 for 4.
	Validators int
	// Rounds is the number of whole rounds of each size, and of scorings; 0 for 20.
	Rounds int
	Seed   uint64
	// Dir is where nodes keep their homes, removed afterwards; empty for a temporary directory.
	Dir string
	// Say, when not nil, is called with each size done.
	Say func(string)
}

// Table1Row is the latency with K provers: medians.
type Table1Row struct {
	K int
	// Krum is the time to score all proofs by the paper's rule, Median that of making the truth by the default rule; on one core.
	Krum, Median time.Duration
	// Round is a whole round: from the instant at which all submit their signed proofs to that at which every validator
	// shows the truth. Worst is the longest.
	Round, Worst time.Duration
}

// Table1 measures scoring alone, and whole rounds on a committee of nodes in this process that talk over loopback.
func Table1(ctx context.Context, o Table1Options) ([]Table1Row, error) {
	if o.Provers == nil {
		for _, p := range paperTable1 {
			o.Provers = append(o.Provers, p.K)
		}
	}
	if o.Validators == 0 {
		o.Validators = 4
	}
	if o.Rounds == 0 {
		o.Rounds = 20
	}
	var rows []Table1Row
	for _, k := range o.Provers {
		row, err := o.size(ctx, k)
		if err != nil {
			return rows, fmt.Errorf("%d provers: %w", k, err)
		}
		rows = append(rows, row)
		if o.Say != nil {
			o.Say(fmt.Sprintf("%d provers: scoring %v, a round %v", k, row.Krum, row.Round))
		}
	}
	return rows, nil
}

func (o Table1Options) size(ctx context.Context, k int) (row Table1Row, err error) {
	row.K = k
	t := newTestCommittee(o.Seed, k)
	vectors, names := make([][]int32, k), make([]string, k)
	for i, m := range t.Members {
		names[i], vectors[i] = m.Name, t.values(i, 1)
	}
	var scores []uint64
	row.Krum, _ = median(o.Rounds, func() (time.Duration, error) {
		begin := time.Now()
		scores = poenf.Scores(scores, vectors, max(0, (k-3)/2))
		return time.Since(begin), nil
	})
	row.Median, err = median(o.Rounds, func() (time.Duration, error) {
		begin := time.Now()
		_, err := poenf.Select(poenf.Median, names, vectors, t.Faulty)
		return time.Since(begin), err
	})
	if err != nil {
		return row, err
	}
	dir, err := os.MkdirTemp(o.Dir, "defakepro-eval-")
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := t.start(ctx, dir, min(o.Validators, k)); err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	if _, err := t.round(ctx); err != nil { // the first opens connections and files
		return row, err
	}
	row.Round, err = median(o.Rounds, func() (time.Duration, error) {
		took, err := t.round(ctx)
		row.Worst = max(row.Worst, took)
		return took, err
	})
	return row, err
}

// median returns that of what run returns, n times.
func median(n int, run func() (time.Duration, error)) (time.Duration, error) {
	took := make([]time.Duration, n)
	for i := range took {
		var err error
		if took[i], err = run(); err != nil {
			return 0, err
		}
	}
	slices.Sort(took)
	return took[n/2], nil
}

// testCommittee is a committee whose keys are all here, with its nodes.
type testCommittee struct {
	poenf.Committee
	seed  uint64
	keys  []ed25519.PrivateKey
	nodes []*comet.Node
	ahead atomic.Int64 // of the committee's clock before the machine's, in nanoseconds
}

func newTestCommittee(seed uint64, n int) *testCommittee {
	t := &testCommittee{seed: seed}
	members := make([]poenf.Member, n)
	for i := range members {
		key := sha256.Sum256(fmt.Appendf(nil, "%d/%d", seed, i))
		t.keys = append(t.keys, ed25519.NewKeyFromSeed(key[:]))
		members[i] = poenf.Member{Name: fmt.Sprintf("m%03d", i), Key: t.keys[i].Public().(ed25519.PublicKey)}
	}
	t.Committee = poenf.NewCommittee("table1-"+strconv.Itoa(n), 60, members...)
	return t
}

// values are what member i proves in a round: a grid that all see, and an error of up to 2 mHz that is its own.
func (t *testCommittee) values(i int, round uint64) []int32 {
	grid, own := rand.New(rand.NewPCG(t.seed, round)), rand.New(rand.NewPCG(t.seed+1+uint64(i), round))
	out := make([]int32, t.Length)
	for s := range out {
		out[s] = int32(grid.IntN(40_000)) - 20_000 + int32(own.IntN(4000)) - 2000
	}
	return out
}

func (t *testCommittee) now() time.Time { return time.Now().Add(time.Duration(t.ahead.Load())) }

// start starts the validators and waits until they are connected and have made a block.
func (t *testCommittee) start(ctx context.Context, dir string, validators int) error {
	homes, err := comet.WriteHomes(dir, t.Committee, comet.Layout{Validators: validators})
	if err != nil {
		return err
	}
	for _, h := range homes {
		node, err := comet.Start(ctx, comet.Config{Home: h.Dir, Clock: t.now})
		if err != nil {
			return errors.Join(err, t.stop())
		}
		t.nodes = append(t.nodes, node)
	}
	return errors.Join(t.wait(ctx, func(n *comet.Node) bool { return !n.Syncing() && n.Peers() >= validators-1 && n.Height() > 0 }), t.failed())
}

// settle is how long a committee's nodes may take to be ready, and how often they are asked.
const settle, settlePoll = time.Minute, 5 * time.Millisecond

// wait waits until all nodes are ready.
func (t *testCommittee) wait(ctx context.Context, ready func(*comet.Node) bool) error {
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	tick := time.NewTicker(settlePoll)
	defer tick.Stop()
	for slices.ContainsFunc(t.nodes, func(n *comet.Node) bool { return !ready(n) }) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("the committee's nodes: %w", ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}

// failed returns why a node has stopped, if one has.
func (t *testCommittee) failed() error {
	for _, n := range t.nodes {
		if err := n.Running(); err != nil {
			return err
		}
	}
	return nil
}

func (t *testCommittee) stop() (err error) {
	for _, n := range t.nodes {
		n.Stop()
		err = errors.Join(err, n.Wait())
	}
	t.nodes = nil
	return err
}

// round has all members prove the next round at once, and returns how long it took until every validator showed its truth.
func (t *testCommittee) round(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	number := t.Last(t.now().UnixMilli()) + 1
	proofs := make([]poenf.Proof, len(t.Members))
	for i, m := range t.Members {
		proofs[i] = poenf.Proof{Nominal: t.Nominal, Round: number, Member: m.Name, Values: t.values(i, number)}
		if err := proofs[i].Sign(t.ID, t.keys[i]); err != nil {
			return 0, err
		}
	}
	// The block that carried the former round's hash is through, as it is when rounds are seconds apart.
	height := t.nodes[0].Height()
	if err := t.wait(ctx, func(n *comet.Node) bool { return n.Height() >= height }); err != nil {
		return 0, err
	}
	if d := time.UnixMilli(t.End(number)).Sub(t.now()); d > 0 {
		t.ahead.Add(int64(d))
	}
	begin := time.Now()
	done := make(chan error, len(proofs)+len(t.nodes))
	for i, p := range proofs {
		go func() { done <- t.nodes[i%len(t.nodes)].Submit(ctx, p) }()
	}
	for _, n := range t.nodes {
		go func() {
			for _, err := range n.Follow(ctx, number) {
				done <- err
				return
			}
			done <- ctx.Err()
		}()
	}
	var err error
	for range cap(done) {
		err = errors.Join(err, <-done)
	}
	return time.Since(begin), err
}

// Table1Part writes the result down.
func Table1Part(rows []Table1Row, validators int, repeat string) Part {
	t := Table{Name: "latency", Columns: []string{"K", "scoring (Krum), ms", "truth by the median rule, ms", "a whole round, median ms", "the longest", "paper, desktop, ms",
		"paper, Raspberry Pi 4, ms"}}
	plot := Plot{Name: "latency", Title: "Latency against the number of provers", X: "provers K", Y: "milliseconds", LogX: true, LogY: true}
	lines := [5]Line{{Name: "paper, Raspberry Pi 4"}, {Name: "paper, desktop"}, {Name: "a whole round"}, {Name: "truth, median rule"}, {Name: "scoring, Krum"}}
	point := func(l int, k int, ms float64) {
		lines[l].X, lines[l].Y = append(lines[l].X, float64(k)), append(lines[l].Y, ms)
	}
	ms := func(d time.Duration) float64 { return d.Seconds() * 1e3 }
	for _, r := range rows {
		row := []string{strconv.Itoa(r.K), fixed(ms(r.Krum), 3), fixed(ms(r.Median), 3), fixed(ms(r.Round), 0), fixed(ms(r.Worst), 0), "", ""}
		for _, p := range paperTable1 {
			if p.K == r.K {
				row[5], row[6] = fixed(1e3*p.Desktop, 0), fixed(1e3*p.Pi, 0)
				point(0, r.K, 1e3*p.Pi)
				point(1, r.K, 1e3*p.Desktop)
			}
		}
		t.Rows = append(t.Rows, row)
		point(2, r.K, ms(r.Round))
		point(3, r.K, ms(r.Median))
		point(4, r.K, ms(r.Krum))
	}
	plot.Lines = lines[:]
	return Part{
		Name: "table1", Title: "Table I: latency against the number of validators", Repeat: repeat,
		Text: []string{
			fmt.Sprintf("Proofs have %d values. Scoring is Krum's, f = (K-3)/2, on one core: what grows with K²d in the paper. A whole round is real: %d validators, nodes of CometBFT that talk over "+
				"loopback and write to disk, and K provers that send them signed proofs at once; it ends when every validator shows the truth. The paper's every validator is a prover too; its numbers are of its "+
				"own machines.", proofSeconds, validators),
			"Medians by the clock; on a machine that others use as well they say at most what it takes. See [consensus.md](consensus.md) for all validators and for what a round costs.",
		},
		Tables: []Table{t}, Plots: []Plot{plot},
	}
}
