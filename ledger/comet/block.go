// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto/ed25519"

	"github.com/defakepro/defakepro/poenf"
)

// txOverhead is the most that a transaction costs in a block beside its bytes: a tag and a length.
const txOverhead = 6

// PrepareProposal makes the block that this node proposes: its clock, and all that waits here and that the machine takes
// in that order, for others refuse a block with anything else. The first transaction of a block is its time: the
// header's will not do, because CometBFT makes it of the votes on the block before, so in a ledger that is silent between
// rounds it is a round old.
func (a *app) PrepareProposal(_ context.Context, req *abci.RequestPrepareProposal) (*abci.ResponsePrepareProposal, error) {
	s := a.committed.Load()
	waiting, _ := a.pool.all()
	t, machine := a.blockTime(s), s.machine.Clone()
	first := clockTx(t)
	out := &abci.ResponsePrepareProposal{Txs: [][]byte{first}}
	size := int64(len(first) + txOverhead)
	for _, c := range waiting {
		more := int64(len(c.bytes) + txOverhead)
		if size+more > req.MaxTxBytes {
			break
		}
		if _, err := machine.Apply(t, c.tx); err != nil {
			continue // Commit looks at it again
		}
		size += more
		out.Txs = append(out.Txs, c.bytes)
	}
	return out, nil
}

// blockTime returns the time of a block that this node would propose now.
func (a *app) blockTime(s *state) int64 { return max(a.now(), s.clock) }

// complete reports whether no proof is missing in any round that has one waiting.
func complete(s *state, waiting []*checked) bool {
	have := make(map[uint64]int)
	for _, c := range waiting {
		p, ok := c.tx.(poenf.Proof)
		if !ok {
			continue
		}
		if _, seen := have[p.Round]; !seen {
			have[p.Round] = 0
		}
		if members, open := s.missing(p.Round); open && members[p.Member] && !c.second {
			have[p.Round]++
		}
	}
	for round, n := range have {
		if members, open := s.missing(round); open && n < len(members) {
			return false
		}
	}
	return true
}

// ProcessProposal votes against blocks that no honest node proposes.
func (a *app) ProcessProposal(_ context.Context, req *abci.RequestProcessProposal) (*abci.ResponseProcessProposal, error) {
	if err := a.judge(req.Txs); err != nil {
		a.log.Warn("proposal refused", "height", req.Height, "proposer", fmt.Sprintf("%X", req.ProposerAddress), "err", err)
		a.metrics.refused.WithLabelValues(reasonOf(err)).Inc()
		return &abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_REJECT}, nil
	}
	return &abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_ACCEPT}, nil
}

// judge returns why a block of txs is refused. Its time may not go back, nor far ahead of this node's: a block is not
// refused for lagging behind, since one that was voted on before may be proposed again much later, and time
// catches up with the next proposer.
//
// Nor may it have a transaction that the machine would refuse at that time, in that order, for whatever reason. Else a
// proposer could date its block so far back that it makes honest proofs early, which takes them out of every pool for
// nothing, or have the ledger keep garbage forever. All who vote have the same state at a height, and the time is in the
// block, so an honest proposer's block is refused by nobody honest, however late it is proposed again.
func (a *app) judge(txs [][]byte) error {
	s := a.committed.Load()
	if len(txs) == 0 {
		return fmt.Errorf("%w: block without a time", poenf.ErrMalformed)
	}
	t, ok := clockOf(txs[0])
	switch now := a.now(); {
	case !ok:
		return fmt.Errorf("%w: block does not begin with a time", poenf.ErrMalformed)
	case t < s.clock:
		return fmt.Errorf("%w: block's time %d ms is before the last one's, %d ms", poenf.ErrOutdated, t, s.clock)
	case t > now+a.cfg.Tolerance.Milliseconds():
		return fmt.Errorf("%w: block's time %d ms, and here it is %d ms", poenf.ErrEarly, t, now)
	}
	machine := s.machine.Clone()
	for i, tx := range txs[1:] {
		decoded, err := a.decode(tx)
		if err == nil {
			_, err = machine.Apply(t, decoded)
		}
		if err != nil {
			return fmt.Errorf("transaction %d of the block: %w", i+1, err)
		}
	}
	return nil
}

// FinalizeBlock works the block out on a copy. Nothing of it is visible before Commit.
func (a *app) FinalizeBlock(_ context.Context, req *abci.RequestFinalizeBlock) (*abci.ResponseFinalizeBlock, error) {
	from := a.committed.Load()
	if from == nil {
		return nil, errSyncing
	}
	b, results := a.execute(from, req)
	a.staged, a.results = b, make(map[[sha256.Size]byte]error, len(req.Txs))
	out := &abci.ResponseFinalizeBlock{TxResults: make([]*abci.ExecTxResult, len(req.Txs)), AppHash: b.state.appHash()}
	for i, err := range results {
		a.results[sha256.Sum256(req.Txs[i])] = err
		out.TxResults[i] = &abci.ExecTxResult{Code: codeOf(err)}
	}
	for _, v := range poenf.ValidatorChanges(from.machine, b.state.machine) {
		out.ValidatorUpdates = append(out.ValidatorUpdates, abci.Ed25519ValidatorUpdate(ed25519.PubKey(v.Key), v.Power))
	}
	return out, nil
}

// execute returns what a block leaves behind, and what became of each of its transactions. It depends on its arguments
// alone.
func (a *app) execute(from *state, req *abci.RequestFinalizeBlock) (*block, []error) {
	to := from.after(req.Height)
	b := &block{state: to}
	now := from.clock
	results := make([]error, len(req.Txs))
	for i, tx := range req.Txs {
		if t, ok := clockOf(tx); ok {
			if i == 0 {
				now = max(now, t)
			}
			continue
		}
		decoded, err := a.decode(tx)
		if err != nil {
			results[i] = err
			continue
		}
		done, err := to.machine.Apply(now, decoded)
		results[i] = err
		if change, ok := decoded.(poenf.Change); ok && err == nil {
			b.add(changeEntry(now, change))
		}
		if err == nil && done.Evidence != nil {
			b.mark(entryEquivocation, must(done.Evidence.MarshalBinary()))
			results[i] = fmt.Errorf("%w: another proof of %s for round %d; both are kept as evidence",
				poenf.ErrPresent, done.Evidence.Member, done.Evidence.Round)
		}
	}
	rounds := to.machine.Tick(now)
	for _, r := range rounds {
		b.add(entry{bytes: append([]byte{entryRound}, must(r.MarshalBinary())...), number: r.Number})
		to.newest = r.Number
		to.rounds++
	}
	for _, m := range req.Misbehavior {
		b.mark(entryDoubleSign, doubleSignOf(m).encode())
	}
	to.encoded = must(to.machine.MarshalBinary())
	if len(b.entries) == 0 && bytes.Equal(to.encoded, from.encoded) {
		return b, results
	}
	b.changed = true
	to.clock = now
	hashes := make([][sha256.Size]byte, len(rounds))
	for i, r := range rounds {
		hashes[i] = r.Hash()
	}
	for i, proof := range to.seal(hashes) {
		b.paths = append(b.paths, path{number: rounds[i].Number, height: req.Height, proof: proof})
	}
	return b, results
}

// decode returns the transaction in tx, decoded already where it waited here.
func (a *app) decode(tx []byte) (poenf.Tx, error) {
	if c := a.pool.get(tx); c != nil {
		return c.tx, nil
	}
	return poenf.Decode(tx)
}

// add records an entry.
func (b *block) add(e entry) {
	e.before = b.state.journal
	b.state.journal, _ = e.before.add(e.bytes)
	b.entries = append(b.entries, e)
}

// mark records a piece of evidence.
func (b *block) mark(kind byte, payload []byte) {
	b.add(entry{bytes: append([]byte{kind}, payload...), number: b.state.evidence})
	b.state.evidence++
}

// must returns the encoding of something that a machine made, which cannot fail.
func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// Commit writes what FinalizeBlock worked out, and then shows it. CometBFT has locked the mempool, so nothing is checked
// meanwhile.
func (a *app) Commit(context.Context, *abci.RequestCommit) (*abci.ResponseCommit, error) {
	b := a.staged
	if every := a.cfg.SnapshotEvery; every > 0 && b.state.height%every == 0 {
		kept, err := a.store.snapshots()
		if err != nil {
			return nil, err
		}
		b.snapshot = true
		for _, height := range kept[:max(0, len(kept)-keptSnapshots+1)] {
			b.drop = append(b.drop, uint64(height))
		}
	}
	if err := a.store.commit(b); err != nil {
		return nil, fmt.Errorf("height %d: %w", b.state.height, err)
	}
	former := a.committed.Load()
	a.observe(former, b) // first: who waits for a round may look at what was counted next
	a.publish(b.state)
	a.settleBlock(b.state)
	a.staged, a.results = nil, nil
	return &abci.ResponseCommit{}, nil
}

// settleBlock empties the pool of what the block has, and of what has become void with it, and tells who waits. What was
// early in the block is as if it had not been in it: its time is its proposer's word, and here it may be late enough.
func (a *app) settleBlock(s *state) {
	for hash, err := range a.results {
		if errors.Is(err, poenf.ErrEarly) {
			delete(a.results, hash)
			continue
		}
		a.settle(hash, err)
	}
	now := a.blockTime(s)
	a.pool.remove(func(c *checked) bool {
		if _, ok := a.results[c.hash]; ok {
			return false
		}
		if err := s.machine.Check(now, c.tx); err != nil {
			a.settle(c.hash, err)
			return false
		}
		return true
	})
}

// observe counts what a block did.
func (a *app) observe(former *state, b *block) {
	a.metrics.height.Set(float64(b.state.height))
	newest := former.newest
	for _, e := range b.entries {
		if e.bytes[0] == entryChange {
			a.log.Info("change made", "height", b.state.height, "sequence", e.number)
			continue
		}
		if e.bytes[0] != entryRound {
			a.metrics.evidence.Inc()
			a.log.Warn("evidence recorded", "height", b.state.height, "kind", e.bytes[0])
			continue
		}
		a.metrics.closed.Inc()
		if newest > 0 {
			a.metrics.void.Add(float64(e.number - newest - 1))
		}
		newest = e.number
		var r poenf.Round
		if r.UnmarshalBinary(e.bytes[1:]) == nil {
			if c, err := former.machine.Committee(r.Number); err == nil {
				a.metrics.missing.Set(float64(len(c.Members) - len(r.Entries)))
			}
		}
		a.metrics.mu.Lock()
		a.metrics.last = a.cfg.Clock()
		a.metrics.mu.Unlock()
	}
}
