// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"crypto/ed25519"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/mempool"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/p2p/mock"
	protomem "github.com/cometbft/cometbft/proto/tendermint/mempool"

	"github.com/defakepro/defakepro/ledger/ledgertest"
	"github.com/defakepro/defakepro/poenf"
)

// lies returns n proofs of a member for a round, all different.
func lies(c *ledgertest.Committee, member string, round uint64, n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		p := c.Proof(member, round)
		p.Values[0] = int32(i)
		out[i] = must(c.Sign(p).MarshalBinary())
	}
	return out
}

// TestLiesCostNoSignature: past two proofs of a member for a round, wherever they are by then, no signature is verified.
func TestLiesCostNoSignature(t *testing.T) {
	d, round := drive(t, ledgertest.NewCommittee("lies", 4, 10))
	d.clock = d.EndOf(round)
	var verified atomic.Int64
	d.committed.Load().machine.SetVerifier(func(key ed25519.PublicKey, message, signature []byte) bool {
		verified.Add(1)
		return ed25519.Verify(key, message, signature)
	})
	txs := lies(d.Committee, "m000", round, 100)
	offer := func(when string, taken int, txs [][]byte) {
		t.Helper()
		verified.Store(0)
		for i, tx := range txs {
			if err := d.take(tx, "peer"); i < taken && err != nil || i >= taken && !errors.Is(err, poenf.ErrPresent) {
				t.Fatalf("%s, %d: %v", when, i, err)
			}
		}
		if n := verified.Load(); n != int64(taken) {
			t.Errorf("%s: %d signatures were verified, want %d", when, n, taken)
		}
	}
	offer("first", 2, txs)
	offer("both wait", 0, txs[2:])
	proposed := d.prepare(maxBlock)
	d.decide(proposed[:2])
	offer("one is in a block, one waits", 0, txs[2:])
	d.decide(d.prepare(maxBlock))
	if !d.pool.empty() || d.committed.Load().evidence != 1 {
		t.Fatalf("%d pieces of evidence", d.committed.Load().evidence)
	}
	offer("both are in a block", 0, txs)
}

// TestConduct: what a peer may send for a place that is taken.
func TestConduct(t *testing.T) {
	c := ledgertest.NewCommittee("conduct", 4, 10)
	present, honest := poenf.ErrPresent, &conduct{extra: make(map[slot][][32]byte)}
	for range 3 * patienceWithPeer {
		for round := range uint64(3 * patienceWithPeer) {
			for _, tx := range lies(c, "m000", round, mostOfOne)[:1+round%mostOfOne] {
				if honest.note(tx, present) || honest.note(tx, nil) || honest.note(tx, poenf.ErrOutdated) {
					t.Fatal("a peer that passes on the same again is given up")
				}
			}
		}
	}
	for round := range uint64(2 * keptConduct) {
		honest.note(lies(c, "m001", round, 1)[0], present)
	}
	if len(honest.extra) > keptConduct {
		t.Errorf("%d places are remembered", len(honest.extra))
	}
	for name, err := range map[string]error{"signature": poenf.ErrSignature, "form": poenf.ErrMalformed, "present": present} {
		bad := &conduct{extra: make(map[slot][][32]byte)}
		borne := 0
		for _, tx := range lies(c, "m000", 1, 100) {
			if !bad.note(tx, err) {
				borne++
			}
		}
		want := patienceWithPeer
		if name == "present" {
			want += mostOfOne
		}
		if borne != want {
			t.Errorf("%s: %d are borne, want %d", name, borne, want)
		}
	}
}

// TestFloodingPeer: a peer that passes on what no honest one can have is disconnected.
func TestFloodingPeer(t *testing.T) {
	d, round := drive(t, ledgertest.NewCommittee("peer", 4, 10))
	d.clock = d.EndOf(round)
	other, _ := drive(t, d.Committee)
	switches := p2p.MakeConnectedSwitches(config.TestP2PConfig(), 2, func(i int, s *p2p.Switch) *p2p.Switch {
		s.AddReactor("MEMPOOL", &gossip{Reactor: mempool.NewReactor(config.TestMempoolConfig(), nil), app: []*app{d.app, other.app}[i]})
		return s
	}, p2p.Connect2Switches)
	t.Cleanup(func() {
		for _, s := range switches {
			_ = s.Stop()
		}
	})
	peer := switches[1].Peers().List()[0]
	send := func(txs ...[]byte) {
		peer.Send(p2p.Envelope{ChannelID: mempool.MempoolChannel, Message: &protomem.Txs{Txs: txs}})
	}
	txs := lies(d.Committee, "m000", round, 100)
	for range 100 {
		send(txs[:4]...)
	}
	send(must(d.Proof("m001", round).MarshalBinary()))
	Eventually(t, 10*time.Second, func() bool { all, _ := d.pool.all(); return len(all) == 3 }, "all came")
	if switches[0].Peers().Size() != 1 {
		t.Fatal("a peer that sends the same again is disconnected")
	}
	send(txs...)
	Eventually(t, 10*time.Second, func() bool { return switches[0].Peers().Size() == 0 }, "the peer is disconnected")
}

// TestPeerGoneBeforeAdded: CometBFT may remove a peer before it adds it, and nothing of it stays.
func TestPeerGoneBeforeAdded(t *testing.T) {
	d, _ := drive(t, ledgertest.NewCommittee("gone", 4, 10))
	g, peer := &gossip{app: d.app}, mock.NewPeer(nil)
	if err := peer.Stop(); err != nil {
		t.Fatal(err)
	}
	g.RemovePeer(peer, nil)
	done := make(chan struct{})
	go func() { g.send(peer); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("a peer that is gone is still sent to")
	}
}
