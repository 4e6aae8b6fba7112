// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/crypto/merkle"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/light"
	"github.com/cometbft/cometbft/types"

	"github.com/defakepro/defakepro/poenf"
)

// Root is what a verifier trusts: a committee's genesis, or a block of its chain.
type Root struct {
	chain      string
	height     int64
	time       time.Time
	validators *types.ValidatorSet // of height or, for a genesis, of the first block
	next       []byte              // hash of the validators of the block that follows
	hash       []byte              // of the header; nil for a genesis
}

// TrustGenesis returns the root that a genesis.json is. An error wraps [ErrCertificate].
func TrustGenesis(file []byte) (Root, error) {
	doc, err := readGenesis(file)
	if err != nil {
		return Root{}, fmt.Errorf("%w: genesis: %w", ErrCertificate, err)
	}
	return trustGenesis(doc)
}

// readGenesis reads a genesis.json. CometBFT's own reader panics over a validator without a key, or with one of another
// length than its type's.
func readGenesis(file []byte) (*types.GenesisDoc, error) {
	var doc types.GenesisDoc
	if err := cmtjson.Unmarshal(file, &doc); err != nil {
		return nil, err
	}
	if doc.GenesisTime.IsZero() { // CometBFT would take the present, which is another at each reader
		return nil, errors.New("there is no genesis_time")
	}
	for i, v := range doc.Validators {
		if key, ok := v.PubKey.(ed25519.PubKey); !ok || len(key) != ed25519.PubKeySize {
			return nil, fmt.Errorf("validator %d, %.60q, has no Ed25519 key in pub_key", i, v.Name)
		}
	}
	return &doc, doc.ValidateAndComplete()
}

func trustGenesis(doc *types.GenesisDoc) (Root, error) {
	var validators []*types.Validator
	for _, v := range doc.Validators {
		validators = append(validators, types.NewValidator(v.PubKey, v.Power))
	}
	set, err := validatorSet(validators)
	if err != nil {
		return Root{}, fmt.Errorf("%w: genesis: %w", ErrCertificate, err)
	}
	// The first block has the genesis' time, and a header must be later than the one it is trusted for.
	return Root{chain: doc.ChainID, height: doc.InitialHeight - 1, time: doc.GenesisTime.Add(-1), validators: set, next: set.Hash()}, nil
}

// TrustBlock returns the root that a block is, in the form that it has in a certificate. That its validators voted for it is
// checked; that it can be trusted is for the caller to know, from the hash of its header for instance. An error wraps
// [ErrCertificate].
func TrustBlock(file []byte) (Root, error) {
	var b SignedBlock
	if err := json.Unmarshal(file, &b); err != nil {
		return Root{}, err
	}
	header, set, err := b.light()
	if err == nil {
		err = set.VerifyCommit(b.Header.ChainID, header.Commit.BlockID, b.Header.Height, header.Commit)
	}
	if err != nil {
		return Root{}, fmt.Errorf("%w: trusted block: %w", ErrCertificate, err)
	}
	return b.root(set), nil
}

func (b *SignedBlock) root(set *types.ValidatorSet) Root {
	h := b.Header
	return Root{chain: h.ChainID, height: h.Height, time: h.Time, validators: set, next: h.NextValidatorsHash, hash: h.Hash()}
}

// trustingPeriod is as good as forever. Who checks a certificate decides what to trust; a certificate does not expire.
const trustingPeriod = 200 * 365 * 24 * time.Hour

// Verify checks a certificate's file against a root and returns the round that it certifies. It needs no network and no
// clock. An error wraps [ErrCertificate].
func Verify(file []byte, root Root) (poenf.Round, error) {
	var c Certificate
	if err := json.Unmarshal(file, &c); err != nil {
		if !errors.Is(err, ErrCertificate) {
			err = fmt.Errorf("%w: %w", ErrCertificate, err)
		}
		return poenf.Round{}, err
	}
	return c.Round, c.Verify(root)
}

// Verify returns nil when the certificate's round is what the validators of the root's chain agreed on. An error wraps
// [ErrCertificate].
func (c *Certificate) Verify(root Root) error {
	if err := c.verify(root); err != nil {
		return fmt.Errorf("%w of round %d: %w", ErrCertificate, c.Round.Number, err)
	}
	return nil
}

func (c *Certificate) verify(root Root) error {
	if c.Path.Index < 1 || c.Path.Index >= c.Path.Total {
		return fmt.Errorf("path: leaf %d of %d is no round", c.Path.Index, c.Path.Total)
	}
	return verifyLeaf(c.Round.Hash(), c.Path, c.Blocks, root)
}

// verifyLeaf checks that a leaf of that hash is under the application hash of the last of the blocks, and that the root
// vouches for these.
func verifyLeaf(hash [sha256.Size]byte, at MerklePath, blocks []SignedBlock, root Root) error {
	if root.validators == nil {
		return errors.New("there is nothing to check it against")
	}
	if len(blocks) == 0 {
		return errors.New("it has no block")
	}
	last := blocks[len(blocks)-1].Header
	leaf := merkle.HashFromByteSlices([][]byte{hash[:]})
	path := merkle.Proof{Total: at.Total, Index: at.Index, LeafHash: leaf, Aunts: at.Aunts}
	if err := path.ValidateBasic(); err != nil {
		return fmt.Errorf("path: %w", err)
	}
	if err := path.Verify(last.AppHash, hash[:]); err != nil {
		return fmt.Errorf("path: %w", err)
	}
	begin := root.height
	for i := range blocks {
		height := blocks[i].Header.Height
		if i > 0 && height <= blocks[i-1].Header.Height {
			return fmt.Errorf("block %d, of height %d, does not come after the one before it", i, height)
		}
		if i < len(blocks)-1 && height < begin {
			continue // it leads to what is trusted already
		}
		next, err := root.follow(&blocks[i])
		if err != nil {
			return fmt.Errorf("block %d, of height %d: %w", i, height, err)
		}
		root = next
	}
	return nil
}

// follow returns b as a root when two thirds of its validators voted for it and the validators of r vouch for those: r
// names the validators of the block that follows it, and of later blocks more than a third of r's have voted for it,
// one of whom at least is honest.
func (r Root) follow(b *SignedBlock) (Root, error) {
	header, set, err := b.light()
	if err != nil {
		return Root{}, err
	}
	if b.Header.ChainID != r.chain {
		return Root{}, fmt.Errorf("it is of %q, and %q is trusted", b.Header.ChainID, r.chain)
	}
	next := b.root(set)
	// CometBFT's light client stops counting when two thirds are in; here every vote must be good.
	if err := set.VerifyCommit(r.chain, header.Commit.BlockID, b.Header.Height, header.Commit); err != nil {
		return Root{}, err
	}
	switch {
	case len(r.hash) > 0 && bytes.Equal(r.hash, next.hash): // a genesis has none, and is no block
		return next, nil
	case r.height == b.Header.Height:
		return Root{}, errors.New("the trusted block of its height is another")
	case r.height > b.Header.Height:
		return Root{}, fmt.Errorf("it is before the trusted one, of height %d: trust an older one, or the genesis", r.height)
	}
	trusted := &types.SignedHeader{Header: &types.Header{ChainID: r.chain, Height: r.height, Time: r.time, NextValidatorsHash: r.next}}
	err = light.Verify(trusted, r.validators, header, set, trustingPeriod, b.Header.Time, time.Second, light.DefaultTrustLevel)
	return next, err
}

// light returns the block as CometBFT's light package takes it. It checks that the validators are those of the header, in
// their order.
func (b *SignedBlock) light() (*types.SignedHeader, *types.ValidatorSet, error) {
	var validators []*types.Validator
	for _, v := range b.Validators {
		validators = append(validators, types.NewValidator(ed25519.PubKey(v.Key), v.Power))
	}
	set, err := validatorSet(validators)
	if err != nil {
		return nil, nil, err
	}
	if !bytes.Equal(set.Hash(), b.Header.ValidatorsHash) {
		return nil, nil, errors.New("the validators are not those of the header")
	}
	commit := &types.Commit{
		Height: b.Header.Height, Round: b.Round, BlockID: types.BlockID{Hash: b.Header.Hash(), PartSetHeader: b.Parts},
		Signatures: make([]types.CommitSig, len(b.Votes)),
	}
	for i, v := range b.Votes {
		if !bytes.Equal(set.Validators[i].PubKey.Bytes(), b.Validators[i].Key) {
			return nil, nil, errors.New("the validators are not in their order")
		}
		commit.Signatures[i] = types.NewCommitSigAbsent()
		if v.Signature != nil {
			commit.Signatures[i] = types.CommitSig{
				BlockIDFlag: types.BlockIDFlagCommit, ValidatorAddress: set.Validators[i].Address, Timestamp: v.Time, Signature: v.Signature,
			}
		}
	}
	header := b.Header
	signed := &types.SignedHeader{Header: &header, Commit: commit}
	return signed, set, signed.ValidateBasic(header.ChainID)
}

// validatorSet makes a set of validators that somebody sent: CometBFT's own constructor panics over bad ones.
func validatorSet(validators []*types.Validator) (*types.ValidatorSet, error) {
	if len(validators) == 0 || len(validators) > poenf.MaxMembers+1 {
		return nil, fmt.Errorf("%d validators", len(validators))
	}
	seen := make(map[string]bool, len(validators))
	for _, v := range validators {
		if v.VotingPower < 1 || v.VotingPower >= poenf.MaxPower {
			return nil, fmt.Errorf("validator %X has power %d", v.Address, v.VotingPower)
		}
		if seen[string(v.Address)] {
			return nil, fmt.Errorf("validator %X is there twice", v.Address)
		}
		seen[string(v.Address)] = true
	}
	return types.NewValidatorSet(validators), nil
}
