// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"crypto/sha256"
	"errors"
	"slices"
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
	// mostOfOne is how many transactions for one place in the ledger, a member's in a round, a peer may send although that
	// place is taken. A member that signs many proofs can give each node others, which it then passes on in good faith:
	// a pool holds two at once, and three until a block has two of that member (see place in pool.go).
	mostOfOne = 4
	// keptConduct is of how many such places a node remembers what a peer has sent. Past it all is forgotten.
	keptConduct = 1024
)

// gossip spreads what waits in the pool, in place of CometBFT's mempool reactor and on its channel, in its messages. There
// transactions wait for consensus: it begins a block with the first of them, and while a proposal is made the
// connections to its peers stand still, so that the others come too late. Here they are gathered first, and then
// the mempool is told that there is something to propose (see wake.go). It also sends them in batches, and checks those
// of different peers at the same time.
type gossip struct {
	*mempool.Reactor
	app *app
}

// conduct is what a node holds against a peer. It is kept with the peer, and goes with it; only Receive uses it, which is
// called for one message of a peer at a time.
type conduct struct {
	bad   int
	extra map[slot][][sha256.Size]byte // hashes of what came for places that were taken
}

const conductKey = "defakepro.conduct"

// newGossip puts a gossip in the place of n's mempool reactor.
func newGossip(a *app) node.Option {
	return func(n *node.Node) {
		if r, ok := n.MempoolReactor().(*mempool.Reactor); ok {
			node.CustomReactors(map[string]p2p.Reactor{"MEMPOOL": &gossip{Reactor: r, app: a}})(n)
		}
	}
}

// InitPeer implements p2p.Reactor.
func (g *gossip) InitPeer(peer p2p.Peer) p2p.Peer {
	peer.Set(conductKey, &conduct{extra: make(map[slot][][sha256.Size]byte)})
	return peer
}

// AddPeer implements p2p.Reactor: it begins to send to the peer.
func (g *gossip) AddPeer(peer p2p.Peer) { go g.send(peer) }

// RemovePeer implements p2p.Reactor. CometBFT may call it before AddPeer, so all ends with the peer itself.
func (g *gossip) RemovePeer(p2p.Peer, any) {}

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
		if c, ok := e.Src.Get(conductKey).(*conduct); ok && c.note(tx, err) {
			g.Switch.StopPeerForError(e.Src, err)
			return
		}
	}
}

// note takes down what became of a transaction that the peer sent, and reports whether the peer is borne no longer.
func (c *conduct) note(tx []byte, err error) bool {
	switch {
	case errors.Is(err, poenf.ErrSignature), errors.Is(err, poenf.ErrMalformed):
		c.bad++
	case errors.Is(err, poenf.ErrPresent) && c.tooMany(tx):
		c.bad++
	}
	return c.bad > patienceWithPeer
}

// tooMany reports whether tx is one more for its place than an honest peer can have. The same one again never is: a peer
// sends what waits with it time and again.
func (c *conduct) tooMany(tx []byte) bool {
	decoded, err := poenf.Decode(tx)
	if err != nil {
		return true
	}
	s, hash := slotOf(decoded), sha256.Sum256(tx)
	came := c.extra[s]
	if slices.Contains(came, hash) {
		return false
	}
	if len(came) >= mostOfOne {
		return true
	}
	if came == nil && len(c.extra) >= keptConduct {
		clear(c.extra)
	}
	c.extra[s] = append(came, hash)
	return false
}

// take admits a transaction that a peer sent.
func (a *app) take(tx []byte, from p2p.ID) error {
	err := a.check(tx, from)
	if err != nil && !errors.Is(err, errSyncing) {
		a.metrics.refused.WithLabelValues(reasonOf(err)).Inc()
	}
	return err
}

// send sends a peer all that waits and that it has not sent itself, until the peer stops.
func (g *gossip) send(peer p2p.Peer) {
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
		case <-peer.Quit():
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
