// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"

	"github.com/defakepro/defakepro/ledger/ledgertest"
	"github.com/defakepro/defakepro/poenf"
)

// driven is an application that a test drives in the engine's place, at a time that stands still.
type driven struct {
	*app
	*ledgertest.Committee
	t     *testing.T
	clock time.Time
}

// drive begins a ledger a second before the first round ends, and returns the round.
func drive(t *testing.T, c *ledgertest.Committee) (*driven, uint64) {
	t.Helper()
	s, err := openStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.db.Close() })
	d := &driven{Committee: c, t: t, clock: time.UnixMilli(1_000_000_000_000 - 1000)}
	m, err := newMetrics(nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if d.app, err = newApp(Config{Clock: func() time.Time { return d.clock }}.withDefaults(), s, m); err != nil {
		t.Fatal(err)
	}
	genesis := &abci.RequestInitChain{Time: d.clock, ChainId: c.ID, AppStateBytes: must(json.Marshal(c.Committee))}
	if _, err := d.InitChain(t.Context(), genesis); err != nil {
		t.Fatal(err)
	}
	return d, d.committed.Load().machine.Next()
}

// prepare returns the block that the application proposes.
func (d *driven) prepare(size int64) [][]byte {
	d.t.Helper()
	out, err := d.PrepareProposal(d.t.Context(), &abci.RequestPrepareProposal{MaxTxBytes: size})
	if err != nil {
		d.t.Fatal(err)
	}
	return out.Txs
}

// accepts reports whether the application votes for a block.
func (d *driven) accepts(txs [][]byte) bool {
	d.t.Helper()
	out, err := d.ProcessProposal(d.t.Context(), &abci.RequestProcessProposal{Txs: txs})
	if err != nil {
		d.t.Fatal(err)
	}
	return out.Status == abci.ResponseProcessProposal_ACCEPT
}

// decide has the application take a block, whatever it thinks of it.
func (d *driven) decide(txs [][]byte) {
	d.t.Helper()
	height := d.committed.Load().height + 1
	if _, err := d.FinalizeBlock(d.t.Context(), &abci.RequestFinalizeBlock{Height: height, Txs: txs}); err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.Commit(d.t.Context(), nil); err != nil {
		d.t.Fatal(err)
	}
}

// submit has the members' proofs of a round wait, and returns their bytes.
func (d *driven) submit(round uint64, members ...poenf.Member) (txs [][]byte) {
	d.t.Helper()
	for _, m := range members {
		txs = append(txs, must(d.Proof(m.Name, round).MarshalBinary()))
		if err := d.check(txs[len(txs)-1], ""); err != nil {
			d.t.Fatal(err)
		}
	}
	return txs
}

// TestBackdated: a proposer that dates its block back takes no honest proof out of a pool, even if the block is decided.
func TestBackdated(t *testing.T) {
	d, round := drive(t, ledgertest.NewCommittee("backdated", 4, 10))
	d.clock = d.EndOf(round)
	txs := d.submit(round, d.Members...)
	waiting, _ := d.pool.all()
	outcome, done := d.wait(waiting[0].hash)
	defer done()

	back := slices.Concat([][]byte{clockTx(d.committed.Load().clock)}, txs)
	if err := d.judge(back); !errors.Is(err, poenf.ErrEarly) || d.accepts(back) {
		t.Errorf("a block that makes its proofs early: %v", err)
	}
	d.decide(back)
	select {
	case err := <-outcome:
		t.Fatalf("whoever submitted is told %v", err)
	default:
	}
	honest := d.prepare(maxBlock)
	if len(honest) != 1+len(txs) || !d.accepts(honest) {
		t.Fatalf("the next block has %d transactions, or is refused", len(honest))
	}
	d.clock = d.clock.Add(time.Minute) // it is decided late, in a later round of the engine
	if !d.accepts(honest) {
		t.Error("a block is refused when it is proposed again")
	}
	d.decide(honest)
	if s := d.committed.Load(); s.newest != round || !d.pool.empty() {
		t.Errorf("the newest round is %d, want %d; the pool is empty: %v", s.newest, round, d.pool.empty())
	}
	if err := <-outcome; err != nil {
		t.Error(err)
	}
}

// TestPrepare: a node proposes nothing that others refuse.
func TestPrepare(t *testing.T) {
	d, round := drive(t, ledgertest.NewCommittee("prepare", 4, 10))
	d.clock = d.EndOf(round)
	txs := d.submit(round, d.Members[:2]...)
	lie := d.Sign(poenf.Proof{Nominal: 50, Round: round, Member: "m000", Values: make([]int32, 10)})
	if err := d.check(must(lie.MarshalBinary()), ""); err != nil {
		t.Fatal(err)
	}
	if block := d.prepare(maxBlock); len(block) != 4 || !d.accepts(block) {
		t.Errorf("a block of two proofs and a contradiction has %d transactions, or is refused", len(block))
	}
	if block := d.prepare(int64(len(txs[0])) + 40); len(block) != 2 || !d.accepts(block) {
		t.Errorf("a block with room for one proof has %d transactions, or is refused", len(block))
	}
	d.decide(d.prepare(maxBlock))
	if s := d.committed.Load(); s.evidence != 1 {
		t.Errorf("%d pieces of evidence", s.evidence)
	}

	txs = d.submit(round, d.Members[2])
	waiting, _ := d.pool.all()
	outcome, done := d.wait(waiting[0].hash)
	defer done()
	d.clock = d.EndOf(round).Add(time.Duration(d.Expiry) * time.Millisecond)
	expired := d.prepare(maxBlock)
	if len(expired) != 1 || !d.accepts(expired) {
		t.Errorf("a block has %d expired proofs, or is refused", len(expired)-1)
	}
	if d.accepts(append(expired, txs...)) {
		t.Error("a block with an expired proof is not refused")
	}
	d.decide(expired)
	if err := <-outcome; !errors.Is(err, poenf.ErrOutdated) || !d.pool.empty() {
		t.Errorf("whoever submitted what expired is told %v", err)
	}
}
