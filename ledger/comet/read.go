// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"context"
	"fmt"
	"iter"

	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/poenf"
)

// Round implements [ledger.Ledger].
func (n *Node) Round(ctx context.Context, number uint64) (poenf.Round, error) {
	if err := n.reading(ctx); err != nil {
		return poenf.Round{}, fmt.Errorf("round %d: %w", number, err)
	}
	return n.app.store.round(number)
}

// Latest returns the last closed round, or an error wrapping ledger.ErrNotFound where there is none.
func (n *Node) Latest(ctx context.Context) (poenf.Round, error) {
	if err := n.reading(ctx); err != nil {
		return poenf.Round{}, err
	}
	number, ok, err := n.app.store.last()
	if err != nil {
		return poenf.Round{}, err
	}
	if !ok {
		return poenf.Round{}, fmt.Errorf("the latest round: %w", ledger.ErrNotFound)
	}
	return n.app.store.round(number)
}

// Running returns nil, or why the node serves nothing any more.
func (n *Node) Running() error { return n.running(context.Background()) }

// Follow implements [ledger.Ledger].
func (n *Node) Follow(ctx context.Context, number uint64) iter.Seq2[poenf.Round, error] {
	return func(yield func(poenf.Round, error) bool) {
		for {
			changed := n.app.next()
			for {
				if err := n.running(ctx); err != nil {
					yield(poenf.Round{}, err)
					return
				}
				if n.app.committed.Load() == nil {
					break // there are rounds to come
				}
				next, ok, err := n.app.store.next(number)
				if err == nil && !ok {
					break
				}
				var r poenf.Round
				if err == nil {
					r, err = n.app.store.round(next)
				}
				if !yield(r, err) || err != nil {
					return
				}
				number = next + 1
			}
			select {
			case <-changed:
			case <-ctx.Done():
			case <-n.done:
			}
		}
	}
}

// Evidence yields the breaches recorded, oldest first, from index first on: the index of the first one ever is 0. It does
// not wait for more.
func (n *Node) Evidence(ctx context.Context, first uint64) iter.Seq2[Evidence, error] {
	return recorded(ctx, n, keyEvidence, first, decodeEvidence)
}

// recorded yields what there is under keys of a kind, in order, from number first on.
func recorded[T any](ctx context.Context, n *Node, kind byte, first uint64, decode func(entry []byte) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for i := first; ; i++ {
			var entry []byte
			err := n.reading(ctx)
			if err == nil {
				entry, err = n.app.store.find(key(kind, i))
			}
			if err == nil && entry == nil {
				return
			}
			var one T
			if err == nil {
				one, err = decode(entry)
			}
			if !yield(one, err) || err != nil {
				return
			}
		}
	}
}

// reading returns why nothing can be read now. Of a snapshot nothing counts before all of it is in, so a node without a
// state has no round yet, whatever its store has.
func (n *Node) reading(ctx context.Context) error {
	if err := n.running(ctx); err != nil {
		return err
	}
	if n.app.committed.Load() == nil {
		return fmt.Errorf("%w: %w", ledger.ErrNotFound, errSyncing)
	}
	return nil
}

// running returns why nothing can be read any more.
func (n *Node) running(ctx context.Context) error {
	select {
	case <-n.done:
		return errStopped
	default:
		return ctx.Err()
	}
}

// round returns closed round n, or an error wrapping ledger.ErrNotFound.
func (s *store) round(n uint64) (poenf.Round, error) {
	entry, err := s.find(key(keyRound, n))
	if err != nil {
		return poenf.Round{}, err
	}
	if entry == nil {
		return poenf.Round{}, fmt.Errorf("round %d: %w", n, ledger.ErrNotFound)
	}
	var r poenf.Round
	return r, r.UnmarshalBinary(entry[1:])
}
