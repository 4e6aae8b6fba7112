// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"bytes"

	"github.com/cometbft/cometbft/rpc/core"
)

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
