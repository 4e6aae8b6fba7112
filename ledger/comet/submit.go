// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/mempool"

	"github.com/defakepro/defakepro/poenf"
)

// Submit implements [ledger.Ledger].
func (n *Node) Submit(ctx context.Context, p poenf.Proof) error {
	if err := n.submit(ctx, p); err != nil {
		return fmt.Errorf("submit proof of %s for round %d: %w", p.Member, p.Round, err)
	}
	return nil
}

// Change offers a change of membership; it returns once it is made. A refusal wraps an error of package poenf. Validators
// that it names vote from two blocks later.
func (n *Node) Change(ctx context.Context, c poenf.Change) error {
	if err := n.submit(ctx, c); err != nil {
		return fmt.Errorf("submit change %d: %w", c.Sequence, err)
	}
	return nil
}

// Ticket offers a ticket for an epoch's draw; it returns once it is admitted. A refusal wraps an error of package poenf.
func (n *Node) Ticket(ctx context.Context, t poenf.Ticket) error {
	if err := n.submit(ctx, t); err != nil {
		return fmt.Errorf("submit ticket of %s for epoch %d: %w", t.Member, t.Epoch, err)
	}
	return nil
}

// errStopped is what those get who still wait when a node stops.
var errStopped = errors.New("the node has stopped")

func (n *Node) submit(ctx context.Context, tx poenf.Tx) error {
	bytes, err := tx.MarshalBinary()
	if err != nil {
		return err
	}
	hash := sha256.Sum256(bytes)
	outcome, done := n.app.wait(hash)
	defer done()
	for {
		changed := n.app.next()
		err := n.offer(tx, bytes, hash)
		switch {
		case errors.Is(err, errSyncing):
		case err != nil:
			// It may have been admitted between the question and the answer.
			select {
			case err := <-outcome:
				return err
			default:
				return err
			}
		}
		select {
		case err := <-outcome:
			return err
		case <-changed: // ask again: what waited may have been lost, or refused without a word
			select {
			case err := <-outcome:
				return err
			default:
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-n.done:
			return errStopped
		}
	}
}

// offer puts tx before the committed machine and then into the mempool, unless it waits there already. It asks the machine
// first because CometBFT remembers what it has seen, and says only that.
func (n *Node) offer(tx poenf.Tx, bytes []byte, hash [sha256.Size]byte) error {
	s := n.app.committed.Load()
	if s == nil {
		return errSyncing
	}
	if n.app.pool.has(hash) {
		return nil
	}
	answer := make(chan *abci.ResponseCheckTx, 1)
	err := n.pool.CheckTx(bytes, func(r *abci.ResponseCheckTx) { answer <- r }, mempool.TxInfo{})
	switch {
	case errors.Is(err, mempool.ErrTxInCache):
		if n.app.pool.has(hash) {
			return nil
		}
		return s.machine.Check(n.app.now(), tx)
	case err != nil:
		return fmt.Errorf("mempool: %w", err)
	}
	if r := <-answer; r.Code != 0 {
		return refusal(r)
	}
	return nil
}

// refusal returns the error that a node answered with.
func refusal(r *abci.ResponseCheckTx) error {
	if i := int(r.Code) - 1; i >= 0 && i < len(reasons) {
		return &refusedError{reasons[i].err, r.Log}
	}
	if r.Log == errSyncing.Error() {
		return errSyncing
	}
	return errors.New(r.Log)
}

// refusedError is an error of package poenf that has been on the wire: the sentinel, and the words.
type refusedError struct {
	kind error
	text string
}

func (e *refusedError) Error() string { return e.text }
func (e *refusedError) Unwrap() error { return e.kind }
