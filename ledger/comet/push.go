// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"bytes"
	"context"
	"fmt"

	"github.com/cometbft/cometbft/consensus"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	cmtcons "github.com/cometbft/cometbft/proto/tendermint/consensus"
	"github.com/cometbft/cometbft/rpc/core"
	"github.com/cometbft/cometbft/types"
)

// pushEvents is how many votes and proposals may wait for the pusher before CometBFT drops its subscription. A height of
// a hundred validators has two hundred votes.
const pushEvents = 4096

// pusher sends this node's own votes and proposals to its peers at once. CometBFT's reactor has each peer's goroutine
// look for something to send every peer_gossip_sleep_duration, and a block takes four such hops in a row; pushing takes
// the wait out of each. What is lost on the way the reactor still brings, and what arrives twice it ignores.
type pusher struct {
	peers *p2p.Switch
	state *consensus.State
	self  types.Address
	bus   *types.EventBus
}

func newPusher(n *node.Node, env *core.Environment) (*pusher, error) {
	state, ok := env.ConsensusState.(*consensus.State)
	if !ok {
		return nil, fmt.Errorf("consensus state is a %T", env.ConsensusState)
	}
	return &pusher{n.Switch(), state, env.PubKey.Address(), n.EventBus()}, nil
}

// run pushes until ctx ends.
func (p *pusher) run(ctx context.Context) {
	for ctx.Err() == nil {
		votes, err := p.bus.Subscribe(ctx, "push-votes", types.EventQueryVote, pushEvents)
		if err != nil {
			return // the bus has stopped: so has the node
		}
		blocks, err := p.bus.Subscribe(ctx, "push-blocks", types.EventQueryCompleteProposal, pushEvents)
		if err != nil {
			return
		}
		p.follow(ctx, votes, blocks)
		_ = p.bus.UnsubscribeAll(context.WithoutCancel(ctx), "push-votes")
		_ = p.bus.UnsubscribeAll(context.WithoutCancel(ctx), "push-blocks")
	}
}

// follow returns when ctx ends or a subscription was dropped because too much waited in it.
func (p *pusher) follow(ctx context.Context, votes, blocks types.Subscription) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-votes.Canceled():
			return
		case <-blocks.Canceled():
			return
		case m := <-votes.Out():
			if e, ok := m.Data().(types.EventDataVote); ok && bytes.Equal(e.Vote.ValidatorAddress, p.self) {
				p.vote(e.Vote)
			}
		case m := <-blocks.Out():
			if e, ok := m.Data().(types.EventDataCompleteProposal); ok {
				p.proposal(e)
			}
		}
	}
}

func (p *pusher) vote(v *types.Vote) {
	message := p2p.Envelope{ChannelID: consensus.VoteChannel, Message: &cmtcons.Vote{Vote: v.ToProto()}}
	for _, peer := range p.peers.Peers().List() {
		state, ok := peer.Get(types.PeerStateKey).(*consensus.PeerState)
		if ok && state.GetHeight() == v.Height && peer.TrySend(message) {
			state.SetHasVote(v)
		}
	}
}

// proposal sends the block that this node proposes; those of others travel by CometBFT's own gossip, a part at a time
// from whoever has it.
func (p *pusher) proposal(e types.EventDataCompleteProposal) {
	round := p.state.GetRoundState()
	parts := round.ProposalBlockParts
	if round.Height != e.Height || round.Round != e.Round || round.Proposal == nil || parts == nil || !parts.IsComplete() ||
		!bytes.Equal(round.Validators.GetProposer().Address, p.self) {
		return
	}
	for _, peer := range p.peers.Peers().List() {
		state, ok := peer.Get(types.PeerStateKey).(*consensus.PeerState)
		if !ok || state.GetHeight() != e.Height {
			continue
		}
		message := &cmtcons.Proposal{Proposal: *round.Proposal.ToProto()}
		if !peer.TrySend(p2p.Envelope{ChannelID: consensus.DataChannel, Message: message}) {
			continue
		}
		state.SetHasProposal(round.Proposal)
		for i := range int(parts.Total()) {
			part, err := parts.GetPart(i).ToProto()
			if err != nil {
				return
			}
			message := &cmtcons.BlockPart{Height: e.Height, Round: e.Round, Part: *part}
			if !peer.TrySend(p2p.Envelope{ChannelID: consensus.DataChannel, Message: message}) {
				break
			}
			state.SetHasProposalBlockPart(e.Height, e.Round, i)
		}
	}
}
