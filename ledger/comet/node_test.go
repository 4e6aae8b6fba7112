// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/ledger/ledgertest"
	"github.com/defakepro/defakepro/poenf"
)

// TestRestart: what was closed is there after a restart, once, and what was admitted still counts.
func TestRestart(t *testing.T) {
	t.Parallel()
	c := ledgertest.NewCommittee("restart", 3, 10)
	cfg := comet.Config{Home: t.TempDir(), Committee: c.Committee, Member: "m000"}
	n := &net{Committee: c, clock: new(ledgertest.Clock), nodes: make([]*comet.Node, 1)}
	cfg.Clock = n.clock.Now
	var rounds []poenf.Round
	var open uint64
	for i := range 3 {
		node, err := comet.Start(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		n.nodes[0] = node
		if i > 0 { // m000 proved before the restart
			n.SubmitAll(t.Context(), t, n.ledgers(), open, c.Members[1:]...)
			rounds = append(rounds, n.wait(t, node, open))
		}
		rounds = append(rounds, n.round(t))
		var got []poenf.Round
		for r, err := range node.Follow(t.Context(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, r); len(got) == len(rounds) {
				break
			}
		}
		if !reflect.DeepEqual(got, rounds) {
			t.Fatalf("start %d: %+v, want %+v", i, got, rounds)
		}
		open = rounds[len(rounds)-1].Number + 1
		n.clock.Until(n.EndOf(open))
		n.SubmitAll(t.Context(), t, n.ledgers(), open, c.Members[0])
		height := node.Height()
		stop(t, node)
		if node.Running() == nil {
			t.Error("a stopped node says that it runs")
		}
		if _, err := node.Round(t.Context(), open); err == nil || errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("a stopped node says %v", err)
		}
		if height < int64(2*i) {
			t.Errorf("height %d", height)
		}
	}
}

// TestGrowth: a lone node becomes a committee of four validators by a change, and everybody has its history.
func TestGrowth(t *testing.T) {
	t.Parallel()
	c := ledgertest.NewCommittee("growth", 6, 10)
	n := newNet(t, c, comet.Layout{Validators: 1, Observers: 3}, 1, nil)
	alone := n.round(t)
	for i := 1; i < 4; i++ {
		n.start(t, i)
	}
	change := poenf.Change{Sequence: 1}
	for i := 1; i < 4; i++ {
		m := c.Members[i]
		m.Power, m.Validator = 10, n.nodes[i].Validator()
		change.Operations = append(change.Operations, poenf.Operation{Op: poenf.Put, Member: m})
	}
	if err := change.Sign(c.ID, c.Admin); err != nil {
		t.Fatal(err)
	}
	for _, node := range n.nodes {
		if got := n.wait(t, node, alone.Number); !reflect.DeepEqual(got, alone) {
			t.Fatalf("%+v, want %+v", got, alone)
		}
	}
	n.ready(t, 4)
	if err := n.nodes[3].Change(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	if err := n.nodes[0].Change(t.Context(), change); !errors.Is(err, poenf.ErrOutdated) {
		t.Errorf("the same change again: %v, want ErrOutdated", err)
	}
	for range 3 {
		n.round(t)
	}
	// The first node is needed no more: three of four go on, and a certificate leads from its genesis to them.
	stop(t, n.nodes[0])
	n.nodes[0] = nil
	r := n.round(t)
	certificate, err := n.nodes[2].Certificate(t.Context(), r.Number)
	if err != nil {
		t.Fatal(err)
	}
	last := certificate.Blocks[len(certificate.Blocks)-1]
	if len(certificate.Blocks) < 2 || len(last.Validators) != 4 {
		t.Errorf("%d blocks, the last with %d validators", len(certificate.Blocks), len(last.Validators))
	}
	if got, err := n.nodes[2].Latest(t.Context()); err != nil || got.Number < r.Number {
		t.Errorf("the latest round is %d, %v; want %d at least", got.Number, err, r.Number)
	}
	file := must(certificate.MarshalJSON())
	tamper(t, file, genesisOf(t, n.homes[0].Dir))
	golden(t, n.homes[0].Dir, file)
	// From a block that is trusted it is shorter.
	trusted, err := comet.TrustBlock(must(last.MarshalJSON()))
	if err != nil {
		t.Fatal(err)
	}
	if err := certificate.Verify(trusted); err != nil {
		t.Errorf("from its own last block: %v", err)
	}
	later, err := n.nodes[2].Certificate(t.Context(), n.round(t).Number)
	if err != nil {
		t.Fatal(err)
	}
	if err := later.Verify(trusted); err != nil {
		t.Errorf("from a trusted block: %v", err)
	}
	if root, err := comet.TrustBlock(must(later.Blocks[len(later.Blocks)-1].MarshalJSON())); err != nil || certificate.Verify(root) == nil {
		t.Errorf("a certificate from before the trusted block passes, or %v", err)
	}
}

// TestStateSync: a new node takes a snapshot, replays nothing that is before it, and has all rounds.
func TestStateSync(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("CometBFT looks for snapshots for five seconds at least")
	}
	c := ledgertest.NewCommittee("statesync", 4, 10)
	n := newNet(t, c, comet.Layout{Validators: 2, Observers: 1, RPC: -1}, 2, func(cfg *comet.Config) { cfg.SnapshotEvery = 4 })
	n.ready(t, 2)
	var rounds []poenf.Round
	for range 6 {
		rounds = append(rounds, n.round(t))
	}
	double := n.Sign(poenf.Proof{Nominal: 50, Round: rounds[5].Number + 1, Member: "m001", Values: make([]int32, 10)})
	n.clock.Until(n.EndOf(double.Round))
	n.SubmitAll(t.Context(), t, n.ledgers(), double.Round, c.Members[1])
	if err := n.nodes[0].Submit(t.Context(), double); !errors.Is(err, poenf.ErrPresent) {
		t.Fatal(err)
	}
	for range 6 {
		rounds = append(rounds, n.round(t))
	}
	stateSync(t, n, n.homes[2].Dir)
	node := n.start(t, 2)
	eventually(t, func() bool { return node.Height() > 0 && !node.Syncing() }, "the new node has a state")
	rounds = append(rounds, n.round(t))
	for _, want := range rounds {
		if got, err := node.Round(t.Context(), want.Number); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("round %d: %+v, %v", want.Number, got, err)
		}
	}
	if _, err := node.Block(1); err == nil {
		t.Error("the new node has the first block: it has not used the snapshot")
	}
	if _, err := node.Certificate(t.Context(), rounds[0].Number); !errors.Is(err, comet.ErrCertificate) {
		t.Errorf("certificate of a round before the snapshot: %v", err)
	}
	if _, err := node.Certificate(t.Context(), rounds[12].Number); err != nil {
		t.Errorf("certificate of a round after the snapshot: %v", err)
	}
	for e, err := range node.Evidence(t.Context(), 0) {
		if err != nil || e.Equivocation == nil || e.Equivocation.Member != "m001" || e.Equivocation.Verify(c.ID, c.Members[1].Key) != nil {
			t.Errorf("evidence %+v, %v", e, err)
		}
		return
	}
	t.Error("the new node has no evidence")
}

// edit sets values in a section of a home's config.toml.
func edit(t *testing.T, home, section string, values map[string]string) {
	t.Helper()
	path := filepath.Join(home, "config", "config.toml")
	lines := strings.Split(string(must(os.ReadFile(path))), "\n")
	inside := false
	for i, line := range lines {
		if strings.HasPrefix(line, "[") {
			inside = line == section
		}
		if name, _, ok := strings.Cut(line, " = "); ok && inside && values[name] != "" {
			lines[i] = name + " = " + values[name]
			delete(values, name)
		}
	}
	if len(values) > 0 {
		t.Fatalf("not in %s: %v", section, values)
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestOneOfFourDown: three of four go on, and the fourth catches up when it is back.
func TestOneOfFourDown(t *testing.T) {
	t.Parallel()
	c := ledgertest.NewCommittee("down", 6, 10)
	n := newNet(t, c, comet.Layout{Validators: 4}, 4, nil)
	n.ready(t, 4)
	before := n.round(t)
	stop(t, n.nodes[3])
	n.nodes[3] = nil
	missed := n.round(t)
	back := n.start(t, 3)
	for _, want := range []poenf.Round{before, missed} {
		if got := n.wait(t, back, want.Number); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	n.ready(t, 4)
	n.round(t)
}

// TestUncommitted: nobody sees a round that the ledger has not made durable, nor a proof that is not in a block.
func TestUncommitted(t *testing.T) {
	t.Parallel()
	c := ledgertest.NewCommittee("uncommitted", 3, 10)
	n := newNet(t, c, comet.Layout{Validators: 2}, 1, nil) // one of two can decide nothing
	number := n.Last(n.clock.Now().UnixMilli()) + 1
	n.clock.Until(n.EndOf(number))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	for _, m := range c.Members {
		go func() { _ = n.nodes[0].Submit(ctx, c.Proof(m.Name, number)) }()
	}
	if err := n.nodes[0].Submit(ctx, c.Proof("m000", number)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("submit without a quorum: %v", err)
	}
	if _, err := n.nodes[0].Round(t.Context(), number); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("round without a quorum: %v", err)
	}
	n.start(t, 1)
	for _, l := range n.ledgers() {
		n.wait(t, l, number)
	}
}

// TestMetrics: a registry has our figures and CometBFT's, and can be given to one node only.
func TestMetrics(t *testing.T) {
	t.Parallel()
	c := ledgertest.NewCommittee("metrics", 3, 10)
	registry := prometheus.NewRegistry()
	n := &net{Committee: c, clock: new(ledgertest.Clock)}
	cfg := comet.Config{Home: t.TempDir(), Committee: c.Committee, Clock: n.clock.Now, Metrics: registry}
	n.nodes = []*comet.Node{start(t, cfg)}
	n.round(t)
	stranger := c.Proof("m000", 1)
	_ = n.nodes[0].Submit(t.Context(), stranger)
	got := make(map[string]float64)
	for _, family := range must(registry.Gather()) {
		for _, m := range family.Metric {
			got[family.GetName()] += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	for name, want := range map[string]float64{
		"defakepro_ledger_rounds_closed_total": 1, "defakepro_ledger_refused_total": 1, "defakepro_ledger_members_missing": 0,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
	if got["cometbft_consensus_height"] == 0 {
		t.Error("CometBFT's metrics are not there")
	}
	cfg.Home = t.TempDir()
	if other, err := comet.Start(t.Context(), cfg); err == nil {
		stop(t, other)
		t.Error("a second node registers with the same registry")
	}
}

// TestBadHomes: what cannot be read is said, and nothing is started.
func TestBadHomes(t *testing.T) {
	c := ledgertest.NewCommittee("homes", 3, 10)
	for name, spoil := range map[string]func(home string) error{
		"no home":          func(string) error { return nil },
		"unknown key":      func(home string) error { return appendTo(home, "config.toml", "\nno_such_key = 1\n") },
		"bad value":        func(home string) error { return appendTo(home, "config.toml", "\n[p2p2]\nladdr = 1\n") },
		"no toml":          func(home string) error { return appendTo(home, "config.toml", "\n[[[\n") },
		"bad genesis":      func(home string) error { return appendTo(home, "genesis.json", "}") },
		"bad validator":    func(home string) error { return appendTo(home, "priv_validator_key.json", "}") },
		"bad node key":     func(home string) error { return appendTo(home, "node_key.json", "}") },
		"bad signed state": func(home string) error { return appendTo(home, "../data/priv_validator_state.json", "}") },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := comet.Config{}
			if name != "no home" {
				cfg.Home = must(comet.WriteHomes(t.TempDir(), c.Committee, comet.Layout{Validators: 1}))[0].Dir
				if err := spoil(cfg.Home); err != nil {
					t.Fatal(err)
				}
			}
			if n, err := comet.Start(t.Context(), cfg); err == nil {
				stop(t, n)
				t.Error("it starts")
			}
		})
	}
}

func appendTo(home, file, text string) error {
	path := filepath.Join(home, "config", file)
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, text...), 0o600)
}
