// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/cometbft/cometbft/mempool"
)

// CometBFT makes a block when its mempool has a transaction. Ours has at most one, the engine's own, that says why a block
// is wanted; it never gets into the block.
const (
	// tagClock: that time has come, u64 in Unix milliseconds, and with it a round's deadline.
	tagClock = 0x7f
	// tagReady: what waits has been gathered for the block of that height, u64.
	tagReady = 0x7e
)

func clockTx(t int64) []byte { return binary.BigEndian.AppendUint64([]byte{tagClock}, uint64(t)) }
func readyTx(height int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{tagReady}, uint64(height))
}

// isEngines reports whether tx is one of the engine's own.
func isEngines(tx []byte) bool { return len(tx) == 9 && (tx[0] == tagClock || tx[0] == tagReady) }

// clockOf returns the time in a clock transaction; ok is false when tx is none.
func clockOf(tx []byte) (t int64, ok bool) {
	if !isEngines(tx) || tx[0] != tagClock {
		return 0, false
	}
	t = int64(binary.BigEndian.Uint64(tx[1:]))
	return t, t >= 0
}

// wanted reports whether what one of the engine's own transactions says is so.
func (a *app) wanted(tx []byte) bool {
	s := a.committed.Load()
	if s == nil {
		return false
	}
	if t, ok := clockOf(tx); ok {
		due, ok := s.machine.Due()
		return ok && due == t && t <= a.now()
	}
	return tx[0] == tagReady && binary.BigEndian.Uint64(tx[1:]) == uint64(s.height+1) && !a.pool.empty()
}

// wake has blocks made, until ctx ends.
func (n *Node) wake(ctx context.Context) {
	var g gathering
	for ctx.Err() == nil {
		changed := n.app.next()
		waiting, more := n.app.pool.all()
		var pause time.Duration
		switch s := n.app.committed.Load(); {
		case s == nil || n.Syncing():
			pause = 100 * time.Millisecond
		case len(waiting) > 0:
			if pause = g.left(s, waiting, n.app.cfg.Gather); pause <= 0 {
				n.want(readyTx(s.height + 1))
				pause = again
			}
		default:
			pause = n.deadline(s)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-more:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// again is when a node asks once more for a block that has not come: what it asked with may have been lost.
const again = 200 * time.Millisecond

// deadline asks for a block where a round is due that nobody says anything about any more, and returns when to look again.
func (n *Node) deadline(s *state) time.Duration {
	due, ok := s.machine.Due()
	if !ok {
		return time.Hour
	}
	if due <= n.app.now() {
		n.want(clockTx(due))
		return again
	}
	return n.app.until(due)
}

// gathering is the wait for the proofs of a round before a block is made of them: a proof that comes too late for it costs
// all members another.
type gathering struct {
	height int64 // of the state that it began with
	first  time.Time
	count  int // of what waited last
	latest time.Time
}

// left returns how long to wait for more: not at all when every member has a proof in each round that anyone has proved,
// and not longer than gather since the first came, but while they keep coming up to maxGather.
func (g *gathering) left(s *state, waiting []*checked, gather time.Duration) time.Duration {
	now := time.Now()
	if g.first.IsZero() || g.height != s.height {
		*g = gathering{height: s.height, first: now}
	}
	if len(waiting) != g.count {
		g.count, g.latest = len(waiting), now
	}
	if gather <= 0 || complete(s, waiting) {
		return 0
	}
	end := g.first.Add(gather)
	if later := g.latest.Add(gatherPause); later.After(end) {
		end = later
	}
	if limit := g.first.Add(maxGather); end.After(limit) {
		end = limit
	}
	return end.Sub(now)
}

// want puts one of the engine's own transactions before CometBFT. An error says that it is there already.
func (n *Node) want(tx []byte) { _ = n.pool.CheckTx(tx, nil, mempool.TxInfo{}) }
