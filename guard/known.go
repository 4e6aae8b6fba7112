// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/poenf"
)

// known is the ledger of the rounds that a committee's nodes have told. Nothing can be submitted to it.
type known struct{ c *Committee }

// Submit implements ledger.Ledger.
func (known) Submit(context.Context, poenf.Proof) error {
	return fmt.Errorf("a guard takes no proofs, a node does: %w", errors.ErrUnsupported)
}

// Round implements ledger.Ledger.
func (k known) Round(_ context.Context, n uint64) (poenf.Round, error) {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	r, ok := k.c.rounds[n]
	if !ok {
		return poenf.Round{}, fmt.Errorf("round %d: %w", n, ledger.ErrNotFound)
	}
	return r, nil
}

// Follow implements ledger.Ledger.
func (k known) Follow(ctx context.Context, n uint64) iter.Seq2[poenf.Round, error] {
	return func(yield func(poenf.Round, error) bool) {
		for {
			r, ok := k.next(n)
			if !ok {
				if !sleep(ctx, time.Second) {
					yield(poenf.Round{}, ctx.Err())
					return
				}
				continue
			}
			if !yield(r, nil) {
				return
			}
			n = r.Number + 1
		}
	}
}

// next returns the first known round from number n on.
func (k known) next(n uint64) (poenf.Round, bool) {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	if k.c.newest < n || len(k.c.rounds) == 0 {
		return poenf.Round{}, false
	}
	for n = max(n, k.c.newest-min(k.c.newest, keptRounds)); n <= k.c.newest; n++ {
		if r, ok := k.c.rounds[n]; ok {
			return r, true
		}
	}
	return poenf.Round{}, false
}
