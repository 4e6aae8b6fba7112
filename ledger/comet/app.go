// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/p2p"

	"github.com/defakepro/defakepro/poenf"
)

const (
	// appVersion names the rules that a ledger begins with. CometBFT reads it at height 0 only and puts that into every
	// header: it keeps nodes of different rules from beginning one ledger together, and does not notice when the rules of
	// a node change later.
	//
	// 2: changes are entries of the journal, and a registry is a leaf under the application hash.
	appVersion = 2
	// maxBlock is the most bytes of a block: room for two of the longest proofs of each of the most members.
	maxBlock = 8 << 20
)

// app is the application that CometBFT drives: poenf.Machine on disk. CometBFT calls it over four connections at once,
// each of them one call at a time: consensus (block.go), mempool (CheckTx), snapshot (snapshot.go) and query (Info).
type app struct {
	abci.BaseApplication
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	store   *store
	pool    *pool
	verify  *verifier

	// committed is the state after the last block: all that readers and CheckTx see. It is nil before the genesis, and in a
	// node that waits for a snapshot.
	committed atomic.Pointer[state]

	// These belong to the consensus connection: what FinalizeBlock made and Commit is to write.
	staged  *block
	results map[[sha256.Size]byte]error

	// This belongs to the snapshot connection.
	restore *restoring

	mu      sync.Mutex
	changed chan struct{}                                 // closed at each publication, and then replaced
	waiting map[[sha256.Size]byte]map[chan error]struct{} // who waits for a transaction
}

func newApp(cfg Config, s *store, m *metrics) (*app, error) {
	a := &app{
		cfg: cfg, log: cfg.Log, metrics: m, store: s, pool: newPool(), verify: newVerifier(),
		changed: make(chan struct{}), waiting: make(map[[sha256.Size]byte]map[chan error]struct{}),
	}
	st, err := s.load()
	if err != nil {
		return nil, err
	}
	if st != nil {
		a.verify.attach(st.machine)
		a.committed.Store(st)
	}
	return a, nil
}

// now returns the node's time in Unix milliseconds.
func (a *app) now() int64 { return a.cfg.Clock().UnixMilli() }

// Info says where the last commit left the ledger, so that CometBFT replays what followed and nothing else.
func (a *app) Info(context.Context, *abci.RequestInfo) (*abci.ResponseInfo, error) {
	out := &abci.ResponseInfo{Data: "poenf", AppVersion: appVersion}
	if s := a.committed.Load(); s != nil && s.height > 0 {
		out.LastBlockHeight, out.LastBlockAppHash = s.height, s.appHash()
	}
	return out, nil
}

// InitChain begins the ledger with the committee of the genesis.
func (a *app) InitChain(_ context.Context, req *abci.RequestInitChain) (*abci.ResponseInitChain, error) {
	var c poenf.Committee
	if err := json.Unmarshal(req.AppStateBytes, &c); err != nil {
		return nil, fmt.Errorf("genesis: app_state: %w", err)
	}
	if c.ID != req.ChainId {
		return nil, fmt.Errorf("genesis: committee %q on chain %q", c.ID, req.ChainId)
	}
	if err := checkValidators(c, req.Validators); err != nil {
		return nil, err
	}
	machine, err := poenf.New(c, req.Time.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("genesis: %w", err)
	}
	a.verify.attach(machine)
	s := newState(machine, must(machine.MarshalBinary()))
	s.seal(nil)
	a.publish(s)
	return &abci.ResponseInitChain{AppHash: s.appHash()}, nil
}

// checkValidators refuses a genesis in which a member's validator is not one of the chain's.
func checkValidators(c poenf.Committee, validators []abci.ValidatorUpdate) error {
	powers := make(map[string]int64, len(validators))
	for _, v := range validators {
		powers[string(v.PubKey.GetEd25519())] = v.Power
	}
	for _, m := range c.Members {
		if m.Power > 0 && powers[string(m.Validator)] != m.Power {
			return fmt.Errorf("genesis: validator of member %s is not among the chain's with power %d", m.Name, m.Power)
		}
	}
	return nil
}

// CheckTx decides whether a transaction may wait for a block. The engine's own come this way, and what somebody sends over
// RPC; the rest comes through gossip.
func (a *app) CheckTx(_ context.Context, req *abci.RequestCheckTx) (*abci.ResponseCheckTx, error) {
	if req.Type == abci.CheckTxType_Recheck {
		// Commit has asked the machine about all that wait.
		if isEngines(req.Tx) && a.wanted(req.Tx) || a.pool.has(sha256.Sum256(req.Tx)) {
			return &abci.ResponseCheckTx{}, nil
		}
		return &abci.ResponseCheckTx{Code: codeOf(poenf.ErrOutdated)}, nil
	}
	if isEngines(req.Tx) {
		if !a.wanted(req.Tx) {
			return &abci.ResponseCheckTx{Code: codeOf(poenf.ErrEarly)}, nil
		}
		return &abci.ResponseCheckTx{}, nil
	}
	err := a.check(req.Tx, "")
	if err != nil {
		a.metrics.refused.WithLabelValues(reasonOf(err)).Inc()
		return &abci.ResponseCheckTx{Code: codeOf(err), Log: err.Error()}, nil
	}
	return &abci.ResponseCheckTx{}, nil
}

// check admits tx to the pool, where it may wait already, or says why not. from is the peer that sent it, or empty.
func (a *app) check(tx []byte, from p2p.ID) error {
	s := a.committed.Load()
	if s == nil {
		return errSyncing
	}
	hash := sha256.Sum256(tx)
	if a.pool.knows(hash, from) {
		return nil
	}
	decoded, err := poenf.Decode(tx)
	if err != nil {
		return err
	}
	// Before the signature, which costs the most by far: a member can sign as many proofs of a round as it likes.
	if err := a.pool.full(decoded, s.contradicts); err != nil {
		return err
	}
	if err := s.machine.Check(a.blockTime(s), decoded); err != nil {
		return err
	}
	return a.pool.add(&checked{tx: decoded, bytes: tx, hash: hash}, s.contradicts(decoded), from)
}

// errSyncing is answered while the node has no state yet.
var errSyncing = errors.New("the ledger has no state yet: it waits for a snapshot or its genesis")

// publish shows s to readers and wakes those who wait for something new.
func (a *app) publish(s *state) {
	a.committed.Store(s)
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.changed)
	a.changed = make(chan struct{})
}

// next returns a channel that is closed at the next publication.
func (a *app) next() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.changed
}

// wait registers for the outcome of the transaction of that hash; done ends it.
func (a *app) wait(hash [sha256.Size]byte) (outcome <-chan error, done func()) {
	c := make(chan error, 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waiting[hash] == nil {
		a.waiting[hash] = make(map[chan error]struct{})
	}
	a.waiting[hash][c] = struct{}{}
	return c, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.waiting[hash], c)
		if len(a.waiting[hash]) == 0 {
			delete(a.waiting, hash)
		}
	}
}

// settle tells who waits for a transaction what became of it.
func (a *app) settle(hash [sha256.Size]byte, outcome error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for c := range a.waiting[hash] {
		select {
		case c <- outcome:
		default: // it has an outcome already
		}
	}
}

// until is how long a node that waits for t does so before it looks at the clock again: the clock may be set, or may not be
// the wall's.
func (a *app) until(t int64) time.Duration {
	return min(max(time.Duration(t-a.now())*time.Millisecond, time.Millisecond), 200*time.Millisecond)
}
