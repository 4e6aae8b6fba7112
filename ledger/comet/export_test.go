// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/cometbft/cometbft/rpc/core"
)

// Eventually returns once done does. What it waits for happens in CometBFT's goroutines, which tell nobody, so it asks again and again.
func Eventually(t testing.TB, within time.Duration, done func() bool, what string, args ...any) {
	t.Helper()
	late := time.NewTimer(within)
	defer late.Stop()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !done() {
		select {
		case <-again.C:
		case <-late.C:
			t.Fatalf("not within %s: %s", within, fmt.Sprintf(what, args...))
		}
	}
}

// Quiet reports whether the newest block changed nothing, so that none follows by itself.
func (n *Node) Quiet() bool {
	s := n.app.committed.Load()
	meta := n.env.BlockStore.LoadBlockMeta(s.height)
	return meta != nil && bytes.Equal(meta.Header.AppHash, s.appHash())
}

// Take gives the node a transaction as a peer would.
func (n *Node) Take(tx []byte) error {
	return n.app.take(tx, "0123456789012345678901234567890123456789")
}

// Waiting returns how many transactions wait.
func (n *Node) Waiting() int {
	all, _ := n.app.pool.all()
	return len(all)
}

// Judge returns why the node votes against a block of txs.
func (n *Node) Judge(txs ...[]byte) error { return n.app.judge(txs) }

// Clock returns the transaction that a block of that time begins with, in Unix milliseconds.
func Clock(t int64) []byte { return clockTx(t) }

// Env gives tests the engine's insides.
func (n *Node) Env() *core.Environment { return n.env }
