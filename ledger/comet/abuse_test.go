// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cometbft/cometbft/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"

	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/ledger/ledgertest"
	"github.com/defakepro/defakepro/poenf"
)

// TestFlood: whatever members and strangers send, what waits is bounded by the committee.
func TestFlood(t *testing.T) {
	t.Parallel()
	c := ledgertest.NewCommittee("flood", 3, 10)
	n := newNet(t, c, comet.Layout{Validators: 2}, 1, nil) // one of two: nothing is decided, so all waits
	node := n.nodes[0]
	eventually(t, func() bool { _, err := node.Committee(); return err == nil }, "the genesis is there")
	round := n.Last(n.clock.Now().UnixMilli()) + 1
	n.clock.Until(n.EndOf(round))
	good := must(c.Proof("m000", round).MarshalBinary())
	forged := append(good[:len(good)-1:len(good)-1], good[len(good)-1]^1)
	if err := node.Take(forged); !errors.Is(err, poenf.ErrSignature) {
		t.Errorf("forged: %v", err)
	}
	for i := range 200 {
		for _, m := range c.Members {
			p := c.Proof(m.Name, round)
			p.Values[0] = int32(i)
			if err := node.Take(must(c.Sign(p).MarshalBinary())); (err != nil) != (i > 1) || err != nil && !errors.Is(err, poenf.ErrPresent) {
				t.Fatalf("proof %d of %s: %v", i, m.Name, err)
			}
		}
	}
	for name, test := range map[string]struct {
		tx   []byte
		want error
	}{
		"empty":     {nil, poenf.ErrMalformed},
		"garbage":   {[]byte("garbage"), poenf.ErrMalformed},
		"oversize":  {make([]byte, poenf.MaxTx+1), poenf.ErrMalformed},
		"trailing":  {append(slices.Clip(good), 0), poenf.ErrMalformed},
		"cut":       {good[:len(good)-1], poenf.ErrMalformed},
		"forged":    {forged, poenf.ErrPresent}, // nobody looks at the signature where the place is taken
		"stranger":  {must(c.Sign(poenf.Proof{Nominal: 50, Round: round, Member: "m777", Values: make([]int32, 10)}).MarshalBinary()), poenf.ErrNotMember},
		"tomorrow":  {must(c.Proof("m000", round+17280).MarshalBinary()), poenf.ErrEarly},
		"yesterday": {must(c.Proof("m000", round-17280).MarshalBinary()), poenf.ErrOutdated},
		"a clock":   {comet.Clock(1), poenf.ErrMalformed},
	} {
		for range 100 {
			if err := node.Take(test.tx); !errors.Is(err, test.want) {
				t.Fatalf("%s: %v, want %v", name, err, test.want)
			}
		}
	}
	if got := node.Waiting(); got != 6 {
		t.Errorf("%d transactions wait, want a proof and a contradiction of each of three", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	n.start(t, 1)
	for _, l := range n.ledgers() {
		if r := n.wait(t, l, round); len(r.Entries) != 3 {
			t.Errorf("%d entries", len(r.Entries))
		}
	}
	count := 0
	for e, err := range node.Evidence(ctx, 0) {
		if err != nil || e.Equivocation == nil {
			t.Fatalf("%+v, %v", e, err)
		}
		count++
	}
	if count != 3 || node.Waiting() != 0 {
		t.Errorf("%d pieces of evidence, and %d still wait", count, node.Waiting())
	}
}

// TestJudge: what a validator votes against.
func TestJudge(t *testing.T) {
	t.Parallel()
	c := ledgertest.NewCommittee("judge", 3, 10)
	n := &net{Committee: c, clock: new(ledgertest.Clock)}
	n.nodes = []*comet.Node{start(t, comet.Config{Home: t.TempDir(), Committee: c.Committee, Clock: n.clock.Now, Log: logger(t)})}
	node, last := n.nodes[0], n.round(t)
	open := last.Number + 1
	n.clock.Until(n.EndOf(open))
	now := n.EndOf(open).UnixMilli()
	proof := must(c.Proof("m000", open).MarshalBinary())
	forged := append(proof[:len(proof)-1:len(proof)-1], proof[len(proof)-1]^1)
	late := must(c.Proof("m000", last.Number).MarshalBinary())
	lie := func(member string, round uint64, value int32) []byte {
		return must(c.Sign(poenf.Proof{Nominal: 50, Round: round, Member: member, Values: append(make([]int32, 9), value)}).MarshalBinary())
	}
	garbage := must(poenf.Proof{Nominal: 50, Round: 1, Member: "m777", Values: make([]int32, 600), Signature: make([]byte, 64)}.MarshalBinary())
	for name, test := range map[string]struct {
		txs  [][]byte
		want error
	}{
		"honest":            {[][]byte{comet.Clock(now), proof}, nil},
		"evidence":          {[][]byte{comet.Clock(now), proof, lie("m000", open, 1)}, nil},
		"evidence twice":    {[][]byte{comet.Clock(now), proof, lie("m000", open, 1), lie("m000", open, 2)}, poenf.ErrPresent},
		"early by its time": {[][]byte{comet.Clock(last.Closed), proof}, poenf.ErrEarly},
		"early":             {[][]byte{comet.Clock(now), lie("m000", open+1, 0)}, poenf.ErrEarly},
		"stranger":          {[][]byte{comet.Clock(now), lie("m777", open, 0)}, poenf.ErrNotMember},
		"unsigned":          {[][]byte{comet.Clock(now), garbage}, poenf.ErrOutdated},
		"empty":             {nil, poenf.ErrMalformed},
		"no clock":          {[][]byte{proof}, poenf.ErrMalformed},
		"two clocks":        {[][]byte{comet.Clock(now), comet.Clock(now)}, poenf.ErrMalformed},
		"back":              {[][]byte{comet.Clock(last.Closed - 1)}, poenf.ErrOutdated},
		"far ahead":         {[][]byte{comet.Clock(n.clock.Now().UnixMilli() + 5000)}, poenf.ErrEarly},
		"negative":          {[][]byte{comet.Clock(-1)}, poenf.ErrMalformed},
		"twice":             {[][]byte{comet.Clock(now), proof, proof}, poenf.ErrPresent},
		"garbage":           {[][]byte{comet.Clock(now), []byte("garbage")}, poenf.ErrMalformed},
		"forged":            {[][]byte{comet.Clock(now), forged}, poenf.ErrSignature},
		"outdated":          {[][]byte{comet.Clock(now), late}, poenf.ErrOutdated},
		"lagging, no harm":  {[][]byte{comet.Clock(last.Closed)}, nil},
	} {
		if err := node.Judge(test.txs...); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

// TestDoubleSign: a validator that votes for two blocks is on record, on every node.
func TestDoubleSign(t *testing.T) {
	t.Parallel()
	c := ledgertest.NewCommittee("double", 4, 10)
	n := newNet(t, c, comet.Layout{Validators: 4}, 4, nil)
	n.ready(t, 4)
	n.round(t)
	const height = 2
	env := n.nodes[0].Env()
	set := must(env.StateStore.LoadValidators(height))
	home := n.homes[2].Dir
	key := privval.LoadFilePVEmptyState(filepath.Join(home, "config", "priv_validator_key.json"), filepath.Join(home, "data", "none.json")).Key
	index, _ := set.GetByAddress(key.Address)
	at := env.BlockStore.LoadBlockMeta(height).Header.Time
	vote := func(block byte) *types.Vote {
		hash := make([]byte, 32)
		hash[0] = block
		v := &types.Vote{
			Type: cmtproto.PrecommitType, Height: height, Timestamp: at, ValidatorAddress: key.Address, ValidatorIndex: index,
			BlockID: types.BlockID{Hash: hash, PartSetHeader: types.PartSetHeader{Total: 1, Hash: hash}},
		}
		v.Signature = must(key.PrivKey.Sign(types.VoteSignBytes(c.ID, v.ToProto())))
		return v
	}
	evidence := must(types.NewDuplicateVoteEvidence(vote(1), vote(2), at, set))
	if err := env.EvidencePool.AddEvidence(evidence); err != nil {
		t.Fatal(err)
	}
	record := func(node *comet.Node) *comet.DoubleSign {
		for e, err := range node.Evidence(t.Context(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			return e.DoubleSign
		}
		return nil
	}
	for end := time.Now().Add(patience); record(n.nodes[0]) == nil && time.Now().Before(end); {
		n.round(t) // it is in a block that its holder proposes, or that of one it has told
	}
	for i, node := range n.nodes {
		eventually(t, func() bool { return record(node) != nil }, "node %d has the evidence", i)
		if d := record(node); d.Height != height || d.Power != 10 || d.Total != 40 || d.Light || !d.Time.Equal(at.Truncate(time.Millisecond)) {
			t.Errorf("node %d: %+v", i, d)
		}
	}
}
