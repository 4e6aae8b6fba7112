// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

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
		err := n.app.check(bytes, "")
		switch {
		case errors.Is(err, errSyncing):
		case err != nil:
			// It may have been admitted between the question and the answer.
			select {
			case err := <-outcome:
				return err
			default:
				n.app.metrics.refused.WithLabelValues(reasonOf(err)).Inc()
				return err
			}
		}
		select {
		case err := <-outcome:
			return err
		case <-changed: // ask again: it may have come too late for the block, and been dropped after it
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
