// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"errors"

	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/mempool"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/p2p/conn"
	protomem "github.com/cometbft/cometbft/proto/tendermint/mempool"
	"github.com/cometbft/cometbft/version"
)

// peer is a stranger in the nodes' own network, who speaks CometBFT's protocol as far as transactions go: it says what it
// likes, hears what they tell each other, and dials again when it is thrown out.
type peer struct {
	p2p.BaseReactor
	transport *p2p.MultiplexTransport
	sw        *p2p.Switch
	nodes     []*p2p.NetAddress
	heard     func(tx []byte)
}

// newPeer returns a peer in the network of that name. Addresses are those of the nodes, with their ids; heard takes each
// transaction that a node passes on, from several goroutines.
func newPeer(network string, addresses []string, heard func([]byte)) (*peer, error) {
	key := p2p.NodeKey{PrivKey: ed25519.GenPrivKey()}
	info := p2p.DefaultNodeInfo{
		ProtocolVersion: p2p.NewProtocolVersion(version.P2PProtocol, version.BlockProtocol, 0),
		DefaultNodeID:   key.ID(), ListenAddr: "127.0.0.1:26656", Network: network, Version: version.TMCoreSemVer,
		Channels: []byte{mempool.MempoolChannel}, Moniker: "stranger", Other: p2p.DefaultNodeInfoOther{TxIndex: "off"},
	}
	cfg := config.DefaultP2PConfig()
	cfg.SendRate, cfg.RecvRate = 20<<20, 20<<20
	p := &peer{heard: heard, transport: p2p.NewMultiplexTransport(info, key, p2p.MConnConfig(cfg))}
	p.BaseReactor = *p2p.NewBaseReactor("stranger", p)
	for _, a := range addresses {
		n, err := p2p.NewNetAddressString(a)
		if err != nil {
			return nil, err
		}
		p.nodes = append(p.nodes, n)
	}
	p.sw = p2p.NewSwitch(cfg, p.transport)
	p.sw.SetNodeInfo(info)
	p.sw.SetNodeKey(&key)
	p.sw.AddReactor("MEMPOOL", p)
	return p, p.sw.Start()
}

// GetChannels implements p2p.Reactor.
func (p *peer) GetChannels() []*conn.ChannelDescriptor {
	return []*conn.ChannelDescriptor{{
		ID: mempool.MempoolChannel, Priority: 5, SendQueueCapacity: 64, RecvMessageCapacity: 1 << 20, MessageType: &protomem.Message{},
	}}
}

// Receive implements p2p.Reactor.
func (p *peer) Receive(e p2p.Envelope) {
	if message, ok := e.Message.(*protomem.Txs); ok && p.heard != nil {
		for _, tx := range message.GetTxs() {
			p.heard(tx)
		}
	}
}

// dial connects to node i, if it is not connected. It reports whether it had to.
func (p *peer) dial(i int) bool {
	return !p.sw.Peers().Has(p.nodes[i].ID) && p.sw.DialPeerWithAddress(p.nodes[i]) == nil
}

// send passes transactions on to node i, in one message. It reports whether there was room for it.
func (p *peer) send(i int, txs ...[]byte) bool {
	p.dial(i)
	to := p.sw.Peers().Get(p.nodes[i].ID)
	return to != nil && to.TrySend(p2p.Envelope{ChannelID: mempool.MempoolChannel, Message: &protomem.Txs{Txs: txs}})
}

func (p *peer) stop() error {
	err := p.sw.Stop()
	return errors.Join(err, p.transport.Close())
}
