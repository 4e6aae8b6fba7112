// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/poenf"
)

// observations is what nodes said of rounds while they ran, and when they first said it.
type observations struct {
	mu      sync.Mutex
	rounds  []map[uint64]observed // by node and number
	newest  []uint64
	changed chan struct{} // closed at each observation, and then replaced
	broken  []string      // what nodes have said twice, and differently
}

type observed struct {
	poenf.Round
	at time.Time
}

func newObservations(nodes int) *observations {
	o := &observations{newest: make([]uint64, nodes), changed: make(chan struct{})}
	for range nodes {
		o.rounds = append(o.rounds, make(map[uint64]observed))
	}
	return o
}

// observe notes that a node has a round.
func (o *observations) observe(node int, r poenf.Round) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if before, ok := o.rounds[node][r.Number]; ok {
		if before.Hash() != r.Hash() {
			o.broken = append(o.broken, fmt.Sprintf("node%d gave round %d twice, differently", node, r.Number))
		}
		return
	}
	o.rounds[node][r.Number] = observed{r, time.Now()}
	o.newest[node] = max(o.newest[node], r.Number)
	close(o.changed)
	o.changed = make(chan struct{})
}

// next returns a channel that is closed at the next observation.
func (o *observations) next() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.changed
}

// newestWith returns the newest round of at least so many proofs that a node has given since, 0 for none.
func (o *observations) newestWith(node, proofs int, since time.Time) uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	newest := uint64(0)
	for number, r := range o.rounds[node] {
		if len(r.Entries) >= proofs && r.at.After(since) {
			newest = max(newest, number)
		}
	}
	return newest
}

// count returns how many rounds a node has given that nobody had before since.
func (o *observations) count(node int, since time.Time) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	count := 0
	for number := range o.rounds[node] {
		if o.first(number).After(since) {
			count++
		}
	}
	return count
}

// first returns when a round was first given. The caller holds mu.
func (o *observations) first(number uint64) time.Time {
	var at time.Time
	for _, rounds := range o.rounds {
		if r, ok := rounds[number]; ok && (at.IsZero() || r.at.Before(at)) {
			at = r.at
		}
	}
	return at
}

// recovered returns how long after since all of nodes had one round that nobody had before since; false before that.
func (o *observations) recovered(nodes []*node, since time.Time) (time.Duration, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	best, found := time.Duration(0), false
	for number := range o.rounds[nodes[0].index] {
		if !o.first(number).After(since) {
			continue
		}
		last, everywhere := time.Duration(0), true
		for _, n := range nodes {
			r, ok := o.rounds[n.index][number]
			everywhere = everywhere && ok
			last = max(last, r.at.Sub(since))
		}
		if everywhere && (!found || last < best) {
			best, found = last, true
		}
	}
	return best, found
}

// highest returns the newest round that any node has given.
func (o *observations) highest() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	highest := uint64(0)
	for _, n := range o.newest {
		highest = max(highest, n)
	}
	return highest
}

// reached reports whether a node has given a round from number on.
func (o *observations) reached(node int, number uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.newest[node] >= number
}

// summary says where the nodes are.
func (o *observations) summary() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var b strings.Builder
	b.WriteString("newest rounds")
	for i, n := range o.newest {
		fmt.Fprintf(&b, " node%d: %d of %d;", i, n, len(o.rounds[i]))
	}
	return strings.TrimSuffix(b.String(), ";")
}

// everyone is the ledger of all nodes: a proof goes to each of them, and is admitted when one has admitted it.
type everyone struct{ nodes []*node }

func (e everyone) Submit(ctx context.Context, p poenf.Proof) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	outcomes := make(chan error, len(e.nodes))
	for _, n := range e.nodes {
		go func() { outcomes <- n.client.Submit(ctx, p) }()
	}
	var errs []error
	for range e.nodes {
		err := <-outcomes
		if err == nil || errors.Is(err, poenf.ErrPresent) {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (e everyone) Round(ctx context.Context, n uint64) (poenf.Round, error) {
	return e.nodes[0].client.Round(ctx, n)
}

func (e everyone) Follow(ctx context.Context, n uint64) iter.Seq2[poenf.Round, error] {
	return e.nodes[0].client.Follow(ctx, n)
}

var _ ledger.Ledger = everyone{}

// given returns the rounds that a node has given.
func (o *observations) given(node int) map[uint64]poenf.Round {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make(map[uint64]poenf.Round, len(o.rounds[node]))
	for number, r := range o.rounds[node] {
		out[number] = r.Round
	}
	return out
}

// since returns the rounds that a node has given first after an instant.
func (o *observations) since(node int, at time.Time) []observed {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []observed
	for _, r := range o.rounds[node] {
		if r.at.After(at) {
			out = append(out, r)
		}
	}
	return out
}

// takenBack names what nodes have said twice, and differently.
func (o *observations) takenBack() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.broken
}
