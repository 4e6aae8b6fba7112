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
)

// start starts a node that stops with the test.
func start(t testing.TB, cfg comet.Config) *comet.Node {
	t.Helper()
	n, err := comet.Start(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, n) })
	return n
}

func stop(t testing.TB, n *comet.Node) {
	n.Stop()
	if err := n.Wait(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestContractOfOne(t *testing.T) {
	t.Parallel()
	ledgertest.Run(t, func(t *testing.T, c *ledgertest.Committee, now func() time.Time) []ledger.Ledger {
		return []ledger.Ledger{start(t, comet.Config{Home: t.TempDir(), Committee: c.Committee, Clock: now, Log: logger(t)})}
	})
}
