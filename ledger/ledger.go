// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package ledger keeps the rounds of Proof-of-ENF. A [Ledger] takes proofs and serves the rounds that a committee has
// agreed on; [Memory] is one in this process, package comet has one that the committee's nodes replicate, and
// [Truth] reads any of them as the frequency that the grid had.
package ledger

import (
	"context"
	"errors"
	"iter"

	"github.com/defakepro/defakepro/poenf"
)

// ErrNotFound is wrapped when a ledger has no such round: it is not closed yet, or it was void.
var ErrNotFound = errors.New("round not found")

// Ledger accepts proofs and serves closed rounds. It is safe for concurrent use. What it has returned of a round it
// returns ever after.
type Ledger interface {
	// Submit offers p to its round; it returns once p is durably admitted. A refusal wraps an error of package poenf.
	// When ctx ends first, p may or may not be admitted.
	Submit(ctx context.Context, p poenf.Proof) error
	// Round returns closed round n, or an error wrapping ErrNotFound.
	Round(ctx context.Context, n uint64) (poenf.Round, error)
	// Follow yields closed rounds from n on, in order, waiting for new ones, until ctx ends: its last pair has the error
	// then, and the round is empty. A round that was void is skipped.
	Follow(ctx context.Context, n uint64) iter.Seq2[poenf.Round, error]
}
