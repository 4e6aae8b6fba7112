// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/cometbft/cometbft/p2p"

	"github.com/defakepro/defakepro/poenf"
)

// checked is a transaction that passed CheckTx.
type checked struct {
	tx     poenf.Tx
	bytes  []byte
	hash   [sha256.Size]byte // of bytes
	order  uint64            // of arrival
	second bool              // it contradicts a proof of its member
	came   time.Time
	from   map[p2p.ID]struct{} // the peers that have sent it
}

// pool is what CheckTx let in and no block has settled yet. It holds one transaction a slot, so a member cannot fill it.
type pool struct {
	mu    sync.Mutex
	byID  map[[sha256.Size]byte]*checked
	slots map[slot]*checked
	count uint64
	// more is closed when something comes in, and then replaced.
	more chan struct{}
}

// slot is what one sender may have waiting: one proof for a round and one that contradicts it, one ticket for an epoch;
// one change of each number from the administrator.
type slot struct {
	kind   byte
	member string
	number uint64
}

const (
	slotProof = iota
	slotContradiction
	slotTicket
	slotChange
)

func newPool() *pool {
	return &pool{byID: make(map[[sha256.Size]byte]*checked), slots: make(map[slot]*checked), more: make(chan struct{})}
}

// slotOf returns the slot that tx takes where it is the first of its sender.
func slotOf(tx poenf.Tx) slot {
	switch tx := tx.(type) {
	case poenf.Proof:
		return slot{slotProof, tx.Member, tx.Round}
	case poenf.Ticket:
		return slot{slotTicket, tx.Member, tx.Epoch}
	case poenf.Change:
		return slot{slotChange, "", tx.Sequence}
	}
	panic(fmt.Sprintf("transaction of type %T", tx)) // poenf.Decode makes no other
}

// place returns the slot that tx takes, or an error that wraps [poenf.ErrPresent]. contradicts reports whether the machine
// has another proof in the place of tx. The caller holds mu.
func (p *pool) place(tx poenf.Tx, contradicts bool) (slot, error) {
	s := slotOf(tx)
	former := p.slots[s]
	if proof, ok := tx.(poenf.Proof); ok && (contradicts || former != nil) {
		if former == nil || !slices.Equal(former.tx.(poenf.Proof).Values, proof.Values) {
			s.kind = slotContradiction
			former = p.slots[s]
		}
	}
	if former != nil {
		return s, fmt.Errorf("%w: of %s for %d enough waits for a block", poenf.ErrPresent, s.member, s.number)
	}
	return s, nil
}

// full returns the error of add for a transaction whose signature nobody has looked at, where it is certain. contradicts
// is asked only about rounds of which something waits.
func (p *pool) full(tx poenf.Tx, contradicts func(poenf.Tx) bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := slotOf(tx)
	s.kind = slotContradiction
	_, err := p.place(tx, p.slots[s] != nil && contradicts(tx))
	return err
}

// add takes a transaction in. An error wraps [poenf.ErrPresent]: its slot is taken. contradicts reports whether the machine
// has another proof in its place.
func (p *pool) add(c *checked, contradicts bool, from p2p.ID) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if former := p.byID[c.hash]; former != nil {
		former.heard(from)
		return nil
	}
	s, err := p.place(c.tx, contradicts)
	if err != nil {
		return err
	}
	p.count++
	c.second = s.kind == slotContradiction
	c.order = p.count
	c.came = time.Now()
	c.heard(from)
	p.slots[s], p.byID[c.hash] = c, c
	close(p.more)
	p.more = make(chan struct{})
	return nil
}

// heard notes that a peer has c. The caller holds mu.
func (c *checked) heard(from p2p.ID) {
	if from == "" {
		return
	}
	if c.from == nil {
		c.from = make(map[p2p.ID]struct{})
	}
	c.from[from] = struct{}{}
}

// knows reports whether the transaction of that hash waits, and notes that the peer has it.
func (p *pool) knows(hash [sha256.Size]byte, from p2p.ID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.byID[hash]
	if c != nil {
		c.heard(from)
	}
	return c != nil
}

// since returns what came after that order and not from the peer, in order of arrival, the order of the last one, and a
// channel that is closed when more comes.
func (p *pool) since(order uint64, peer p2p.ID) (txs [][]byte, last uint64, more <-chan struct{}) {
	all, more := p.all()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range all {
		if _, has := c.from[peer]; c.order > order && !has {
			txs = append(txs, c.bytes)
		}
		order = max(order, c.order)
	}
	return txs, order, more
}

// youngest returns how long nothing has come.
func (p *pool) youngest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	age := time.Duration(0)
	for _, c := range p.slots {
		if a := time.Since(c.came); age == 0 || a < age {
			age = a
		}
	}
	return age
}

// empty reports whether nothing waits.
func (p *pool) empty() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.byID) == 0
}

// has reports whether the transaction of that hash waits.
func (p *pool) has(hash [sha256.Size]byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.byID[hash] != nil
}

// get returns the transaction of those bytes when it has been checked, nil otherwise.
func (p *pool) get(tx []byte) *checked {
	hash := sha256.Sum256(tx)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.byID[hash]
}

// all returns what waits, in order of arrival, and a channel that is closed when more comes.
func (p *pool) all() ([]*checked, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := slices.SortedFunc(maps.Values(p.byID), func(a, b *checked) int {
		if a.order < b.order {
			return -1
		}
		return 1
	})
	return out, p.more
}

// remove drops what keep refuses.
func (p *pool) remove(keep func(*checked) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s, c := range p.slots {
		if !keep(c) {
			delete(p.slots, s)
			delete(p.byID, c.hash)
		}
	}
}
