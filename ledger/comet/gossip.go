// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"github.com/cometbft/cometbft/mempool"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	protomem "github.com/cometbft/cometbft/proto/tendermint/mempool"

	"github.com/defakepro/defakepro/poenf"
)

const (
	// batchBytes is the most bytes of transactions in a message: it must fit in what the channel takes, one poenf.MaxTx.
	batchBytes = 30 << 10
	// batchPause lets more come before a batch goes out.
	batchPause = time.Millisecond
	// resendAfter is when what still waits is sent again: a peer whose clock or height is behind may have refused it.
	resendAfter = time.Second
	// patienceWithPeer is how many transactions that nobody honest passes on a peer may send before it is disconnected.
	patienceWithPeer = 32
)

// gossip spreads what waits in the pool, in place of CometBFT's mempool reactor and on its channel, in its messages. There
// transactions wait for consensus: it begins a block with the first of them, and while a proposal is made the
// connections to its peers stand still, so that the others come too late. Here they are gathered first, and then
// the mempool is told that there is something to propose (see wake.go). It also sends them in batches, and checks those
// of different peers at the same time.
type gossip struct {
	*mempool.Reactor
	app *app

	mu    sync.Mutex
	stops map[p2p.ID]chan struct{}
	bad   map[p2p.ID]int
}

// newGossip puts a gossip in the place of n's mempool reactor.
func newGossip(a *app) node.Option {
	return func(n *node.Node) {
		if r, ok := n.MempoolReactor().(*mempool.Reactor); ok {
			g := &gossip{Reactor: r, app: a, stops: make(map[p2p.ID]chan struct{}), bad: make(map[p2p.ID]int)}
			node.CustomReactors(map[string]p2p.Reactor{"MEMPOOL": g})(n)
		}
	}
}

// InitPeer implements p2p.Reactor.
func (g *gossip) InitPeer(peer p2p.Peer) p2p.Peer { return peer }

// AddPeer implements p2p.Reactor: it begins to send to the peer.
func (g *gossip) AddPeer(peer p2p.Peer) {
	stop := make(chan struct{})
	g.mu.Lock()
	g.stops[peer.ID()] = stop
	g.mu.Unlock()
	go g.send(peer, stop)
}

// RemovePeer implements p2p.Reactor.
func (g *gossip) RemovePeer(peer p2p.Peer, _ any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if stop, ok := g.stops[peer.ID()]; ok {
		close(stop)
		delete(g.stops, peer.ID())
		delete(g.bad, peer.ID())
	}
}

// Receive implements p2p.Reactor.
func (g *gossip) Receive(e p2p.Envelope) {
	message, ok := e.Message.(*protomem.Txs)
	if !ok {
		g.Switch.StopPeerForError(e.Src, errors.New("not a message of transactions"))
		return
	}
	for _, tx := range message.GetTxs() {
		if isEngines(tx) {
			continue // each node wakes itself
		}
		err := g.app.take(tx, e.Src.ID())
		if errors.Is(err, poenf.ErrSignature) || errors.Is(err, poenf.ErrMalformed) {
			g.mu.Lock()
			g.bad[e.Src.ID()]++
			enough := g.bad[e.Src.ID()] > patienceWithPeer
			g.mu.Unlock()
			if enough {
				g.Switch.StopPeerForError(e.Src, err)
				return
			}
		}
	}
}

// take admits a transaction that a peer sent.
func (a *app) take(tx []byte, from p2p.ID) error {
	if a.pool.knows(sha256.Sum256(tx), from) {
		return nil
	}
	err := a.check(tx, from)
	if err != nil && !errors.Is(err, errSyncing) {
		a.metrics.refused.WithLabelValues(reasonOf(err)).Inc()
	}
	return err
}

// send sends a peer all that waits and that it has not sent itself, until stop is closed.
func (g *gossip) send(peer p2p.Peer, stop <-chan struct{}) {
	var last uint64 // the order of what was sent last
	resend := time.NewTicker(resendAfter)
	defer resend.Stop()
	for {
		txs, next, more := g.app.pool.since(last, peer.ID())
		for len(txs) > 0 {
			var batch [][]byte
			size := 0
			for len(txs) > 0 && (len(batch) == 0 || size+len(txs[0]) <= batchBytes) {
				size += len(txs[0]) + txOverhead
				batch, txs = append(batch, txs[0]), txs[1:]
			}
			if !peer.Send(p2p.Envelope{ChannelID: mempool.MempoolChannel, Message: &protomem.Txs{Txs: batch}}) {
				break // its queue is full, or it is gone; what was lost is sent again
			}
		}
		last = next
		select {
		case <-stop:
			return
		case <-resend.C:
			last = 0
			if g.app.pool.youngest() < resendAfter {
				last = next
			}
		case <-more:
			time.Sleep(batchPause)
		}
	}
}
