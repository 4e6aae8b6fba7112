// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet_test

import (
	"context"
	"testing"
	"time"

	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/ledger/ledgertest"
	"github.com/defakepro/defakepro/poenf"
)

// patience is how long a test waits for what must happen.
const patience = 2 * time.Minute

// net is a committee whose nodes run in this process, over TCP on loopback.
type net struct {
	*ledgertest.Committee
	homes []comet.Home
	nodes []*comet.Node
	clock *ledgertest.Clock
	tune  func(*comet.Config)
}

// newNet starts nodes 0 to running-1 of a layout.
func newNet(t testing.TB, c *ledgertest.Committee, l comet.Layout, running int, tune func(*comet.Config)) *net {
	t.Helper()
	homes, err := comet.WriteHomes(t.TempDir(), c.Committee, l)
	if err != nil {
		t.Fatal(err)
	}
	n := &net{Committee: c, homes: homes, nodes: make([]*comet.Node, len(homes)), clock: new(ledgertest.Clock), tune: tune}
	for i := range running {
		n.start(t, i)
	}
	return n
}

// start starts node i, until the test ends or the node is stopped.
func (n *net) start(t testing.TB, i int) *comet.Node {
	t.Helper()
	cfg := comet.Config{Home: n.homes[i].Dir, Clock: n.clock.Now, Log: logger(t)}
	if cfg.Log != nil {
		cfg.Log = cfg.Log.With("node", i)
	}
	if n.tune != nil {
		n.tune(&cfg)
	}
	n.nodes[i] = start(t, cfg)
	return n.nodes[i]
}

func (n *net) ledgers() []ledger.Ledger {
	var out []ledger.Ledger
	for _, node := range n.nodes {
		if node != nil {
			out = append(out, node)
		}
	}
	return out
}

// ready waits until the first count nodes take part in consensus and are connected with each other.
func (n *net) ready(t testing.TB, count int) {
	t.Helper()
	for i, node := range n.nodes[:count] {
		eventually(t, func() bool { return !node.Syncing() && node.Peers() >= count-1 && node.Height() > 0 }, "node %d takes part: %v", i, node)
	}
}

// round has all members prove the next round, and returns it once every running node has it.
func (n *net) round(t testing.TB, members ...poenf.Member) poenf.Round {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	number := n.Last(n.clock.Now().UnixMilli()) + 2
	n.clock.Until(n.EndOf(number))
	if members == nil {
		members = n.Members
	}
	n.SubmitAll(ctx, t, n.ledgers(), number, members...)
	var out poenf.Round
	for _, l := range n.ledgers() {
		out = n.wait(t, l, number)
	}
	return out
}

// wait returns a round once a ledger has it.
func (n *net) wait(t testing.TB, l ledger.Ledger, number uint64) poenf.Round {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for r, err := range l.Follow(ctx, number) {
		if err != nil || r.Number != number {
			t.Fatalf("round %d, %v; want %d", r.Number, err, number)
		}
		return r
	}
	panic("follow ends without a word")
}

func eventually(t testing.TB, done func() bool, what string, args ...any) {
	t.Helper()
	comet.Eventually(t, patience, done, what, args...)
}

func TestContractOfFour(t *testing.T) {
	t.Parallel()
	ledgertest.Run(t, func(t *testing.T, c *ledgertest.Committee, now func() time.Time) []ledger.Ledger {
		n := newNet(t, c, comet.Layout{Validators: 4}, 4, func(cfg *comet.Config) { cfg.Clock = now })
		n.ready(t, 4)
		return n.ledgers()
	})
}
