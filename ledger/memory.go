// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/defakepro/defakepro/poenf"
)

// Memory is a ledger in this process that keeps nothing: for one-shot tools and for tests. It runs the same machine as
// the replicated one, and closes a round when it is asked about anything after the round is due.
type Memory struct {
	now func() time.Time

	mu       sync.Mutex
	machine  *poenf.Machine
	clock    int64 // Unix ms; never goes back
	rounds   []poenf.Round
	evidence []poenf.Evidence
	changed  chan struct{} // closed at each change, and then replaced
}

var _ Ledger = (*Memory)(nil)

// NewMemory returns a ledger of the committee that begins now. now gives the time; nil is [time.Now]. An error wraps
// [poenf.ErrCommittee].
func NewMemory(c poenf.Committee, now func() time.Time) (*Memory, error) {
	if now == nil {
		now = time.Now
	}
	at := now().UnixMilli()
	machine, err := poenf.New(c, at)
	if err != nil {
		return nil, err
	}
	return &Memory{now: now, machine: machine, clock: at, changed: make(chan struct{})}, nil
}

// Submit implements [Ledger].
func (m *Memory) Submit(ctx context.Context, p poenf.Proof) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := p.MarshalBinary(); err != nil {
		return err // such a proof could not have been sent
	}
	p.Values, p.Signature = slices.Clone(p.Values), slices.Clone(p.Signature) // the machine keeps them
	return m.apply(p)
}

// Change makes a change of membership. A refusal wraps an error of package poenf.
func (m *Memory) Change(ctx context.Context, c poenf.Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return m.apply(c)
}

// Ticket offers a ticket for an epoch's draw. A refusal wraps an error of package poenf.
func (m *Memory) Ticket(ctx context.Context, t poenf.Ticket) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return m.apply(t)
}

// Election returns the epoch that tickets are taken for now and the seed that they are made over; false where nobody is elected.
func (m *Memory) Election() (epoch uint64, seed [32]byte, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tick()
	return m.machine.Election(m.clock)
}

func (m *Memory) apply(tx poenf.Tx) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tick()
	r, err := m.machine.Apply(m.clock, tx)
	if err != nil {
		return err
	}
	m.tick()
	close(m.changed)
	m.changed = make(chan struct{})
	if e := r.Evidence; e != nil {
		m.evidence = append(m.evidence, *e)
		return fmt.Errorf("%w: another proof of %s for round %d; both are kept as evidence", poenf.ErrPresent, e.Member, e.Round)
	}
	return nil
}

// tick closes what is due. The caller holds mu.
func (m *Memory) tick() {
	m.clock = max(m.clock, m.now().UnixMilli())
	if closed := m.machine.Tick(m.clock); len(closed) > 0 {
		m.rounds = append(m.rounds, closed...)
		close(m.changed)
		m.changed = make(chan struct{})
	}
}

// Round implements [Ledger].
func (m *Memory) Round(ctx context.Context, n uint64) (poenf.Round, error) {
	if err := ctx.Err(); err != nil {
		return poenf.Round{}, err
	}
	r, ok, _, _ := m.from(n)
	if !ok || r.Number != n {
		return poenf.Round{}, fmt.Errorf("round %d: %w", n, ErrNotFound)
	}
	return r, nil
}

// from returns the first closed round from n on, or else when to look again at the latest.
func (m *Memory) from(n uint64) (r poenf.Round, ok bool, changed <-chan struct{}, wait time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tick()
	i, _ := slices.BinarySearchFunc(m.rounds, n, func(r poenf.Round, n uint64) int {
		switch {
		case r.Number < n:
			return -1
		case r.Number > n:
			return 1
		}
		return 0
	})
	if i < len(m.rounds) {
		r = m.rounds[i]
		r.Truth, r.Entries = slices.Clone(r.Truth), slices.Clone(r.Entries)
		return r, true, nil, 0
	}
	wait = time.Hour
	if due, ok := m.machine.Due(); ok {
		// The clock that was given may be set, so that nobody knows when it will show that time.
		wait = min(max(time.Duration(due-m.clock)*time.Millisecond, time.Millisecond), 200*time.Millisecond)
	}
	return poenf.Round{}, false, m.changed, wait
}

// Follow implements [Ledger].
func (m *Memory) Follow(ctx context.Context, n uint64) iter.Seq2[poenf.Round, error] {
	return func(yield func(poenf.Round, error) bool) {
		for ctx.Err() == nil {
			r, ok, changed, wait := m.from(n)
			if ok {
				if !yield(r, nil) {
					return
				}
				n = r.Number + 1
				continue
			}
			timer := time.NewTimer(wait)
			select {
			case <-changed:
			case <-timer.C:
			case <-ctx.Done():
			}
			timer.Stop()
		}
		yield(poenf.Round{}, ctx.Err())
	}
}

// Evidence returns the equivocations recorded, oldest first.
func (m *Memory) Evidence() []poenf.Evidence {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.evidence)
}
