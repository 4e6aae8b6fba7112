// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cometbft/cometbft/types"

	"github.com/defakepro/defakepro/poenf"
)

// Certificate returns the certificate of a closed round, to be checked against the genesis. The block that carries it
// follows the one that closed the round at once; where it is not there yet, Certificate waits for it. An error wraps
// ledger.ErrNotFound where there is no such round, or [ErrCertificate] where this node cannot make the certificate,
// because it began with a snapshot taken after the round.
func (n *Node) Certificate(ctx context.Context, round uint64) (*Certificate, error) {
	r, err := n.Round(ctx, round)
	if err != nil {
		return nil, err
	}
	p, err := n.app.store.path(round)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, fmt.Errorf("%w of round %d: this node began after it, from a snapshot", ErrCertificate, round)
	}
	target, err := n.awaitBlock(ctx, p.height+1)
	if err != nil {
		return nil, err
	}
	root, err := trustGenesis(n.genesis)
	if err != nil {
		return nil, err
	}
	c := &Certificate{Round: r, Path: MerklePath{Index: p.proof.Index, Total: p.proof.Total, Aunts: p.proof.Aunts}}
	if c.Blocks, err = n.chain(root, target); err != nil {
		return nil, fmt.Errorf("%w of round %d: %w", ErrCertificate, round, err)
	}
	return c, c.Verify(root)
}

// Block returns the block of a height with the votes for it, for others to trust. An error wraps [ErrCertificate].
func (n *Node) Block(height int64) (*SignedBlock, error) {
	b, err := n.block(height)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	return b, nil
}

// awaitBlock returns the block of a height, which is on its way.
func (n *Node) awaitBlock(ctx context.Context, height int64) (*SignedBlock, error) {
	for {
		changed := n.app.next()
		if n.env.BlockStore.Height() >= height {
			return n.block(height)
		}
		select {
		case <-changed:
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-n.done:
			return nil, errStopped
		}
	}
}

// block reads a block of the chain, with no more votes than prove it.
func (n *Node) block(height int64) (*SignedBlock, error) {
	meta := n.env.BlockStore.LoadBlockMeta(height)
	if meta == nil {
		return nil, fmt.Errorf("block %d is not here: the first one is %d, the last one %d",
			height, n.env.BlockStore.Base(), n.env.BlockStore.Height())
	}
	commit := n.env.BlockStore.LoadBlockCommit(height)
	if commit == nil {
		commit = n.env.BlockStore.LoadSeenCommit(height)
	}
	if commit == nil {
		return nil, fmt.Errorf("the votes on block %d are not here", height)
	}
	set, err := n.env.StateStore.LoadValidators(height)
	if err != nil {
		return nil, err
	}
	if len(commit.Signatures) != set.Size() {
		return nil, fmt.Errorf("block %d has %d votes of %d validators", height, len(commit.Signatures), set.Size())
	}
	b := &SignedBlock{Header: meta.Header, Parts: commit.BlockID.PartSetHeader, Round: commit.Round}
	power, need := int64(0), set.TotalVotingPower()*2/3
	for i, v := range set.Validators {
		b.Validators = append(b.Validators, poenf.Validator{Key: v.PubKey.Bytes(), Power: v.VotingPower})
		vote := Vote{}
		if sig := commit.Signatures[i]; power <= need && sig.BlockIDFlag == types.BlockIDFlagCommit {
			vote = Vote{Time: sig.Timestamp, Signature: sig.Signature}
			power += v.VotingPower
		}
		b.Votes = append(b.Votes, vote)
	}
	if power <= need {
		return nil, errors.New("the votes at hand are too few")
	}
	return b, nil
}

// chain returns the blocks that carry the trust from root to target: target alone where enough of root's validators
// voted for it, else halfway blocks as well.
func (n *Node) chain(root Root, target *SignedBlock) ([]SignedBlock, error) {
	var out []SignedBlock
	ahead := []*SignedBlock{target}
	for len(ahead) > 0 {
		b := ahead[len(ahead)-1]
		next, err := root.follow(b)
		if err == nil {
			root, out, ahead = next, append(out, *b), ahead[:len(ahead)-1]
			continue
		}
		middle := root.height + (b.Header.Height-root.height)/2
		if middle <= root.height {
			return nil, err // not even the next block is vouched for
		}
		b, err = n.block(middle)
		if err != nil {
			return nil, err
		}
		ahead = append(ahead, b)
	}
	return out, nil
}
