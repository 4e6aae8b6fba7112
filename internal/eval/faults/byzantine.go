// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/defakepro/defakepro/identity"
	"github.com/defakepro/defakepro/poenf"
)

// attack is what the liars do.
type attack struct {
	name string
	// round is called for each round, shortly before it ends.
	round func(l *liars, ctx context.Context, round uint64)
	// always runs beside it; nil for nothing.
	always func(l *liars, ctx context.Context)
	// authors reports whether the liars must be named in evidence.
	authors bool
}

const equivocation = "byzantine: equivocation"

func attacks() []attack {
	return []attack{
		{name: "byzantine: garbage", round: (*liars).garbage},
		{name: "byzantine: replay", round: (*liars).replay},
		{name: equivocation, round: (*liars).equivocate, authors: true},
		{name: "byzantine: collusion", round: (*liars).collude},
		{name: "byzantine: flood", round: (*liars).prove, always: (*liars).flood, authors: true},
	}
}

// liars are the byzantine members: what they hold is their keys, connections to every node's HTTP interface, and a peer in
// the nodes' network.
type liars struct {
	*trial
	keys []identity.Key
	peer *peer

	mu     sync.Mutex
	rng    *rand.Rand
	old    [][]byte // transactions heard
	broken []string // what nodes should not have answered

	posted, refused, gossiped, thrownOut, admitted atomic.Int64
}

func newLiars(t *trial) (*liars, error) {
	l := &liars{trial: t, keys: t.keys[len(t.keys)-t.liars:], rng: rand.New(rand.NewPCG(t.Seed, 99))}
	var err error
	l.peer, err = l.stranger(l.hear)
	return l, err
}

// stranger returns a peer that knows all nodes.
func (l *liars) stranger(heard func([]byte)) (*peer, error) {
	var addresses []string
	for _, n := range l.nodes {
		at, _ := l.fabric.listen(n.index)
		door, err := l.fabric.door(n.index, at)
		if err != nil {
			return nil, err
		}
		id, _, _ := strings.Cut(n.home.P2P, "@")
		addresses = append(addresses, id+"@"+door)
	}
	return newPeer(l.ID, addresses, heard)
}

// heardMost is how many transactions the liars remember.
const heardMost = 64

func (l *liars) hear(tx []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.old = append(l.old, bytes.Clone(tx)); len(l.old) > heardMost {
		l.old = l.old[1:]
	}
}

func (l *liars) counts() string {
	return fmt.Sprintf("%d requests, %d of them refused; %d messages to peers, %d times thrown out", l.posted.Load(), l.refused.Load(),
		l.gossiped.Load(), l.thrownOut.Load())
}

// early is how long before a round's end the liars speak, so that they are heard first: half a period, less than the skew.
const early = 500 * time.Millisecond

// each calls f for each round until ctx ends.
func (l *liars) each(ctx context.Context, f func(*liars, context.Context, uint64)) {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	for round := l.Last(time.Now().UnixMilli()) + 2; ; round++ {
		if pause(ctx, time.Until(time.UnixMilli(l.End(round)).Add(-early))) != nil {
			return
		}
		tasks.Go(func() { f(l, ctx, round) })
	}
}

// proof is one of a liar, signed.
func (l *liars) proof(liar int, round uint64, values []int32) poenf.Proof {
	return l.signed(liar, poenf.Proof{Nominal: l.Nominal, Round: round, Member: l.keys[liar].Name, Values: values})
}

func (l *liars) signed(liar int, p poenf.Proof) poenf.Proof {
	if err := p.Sign(l.ID, l.keys[liar].Private); err != nil {
		panic(err) // what is signed here has the form of a proof
	}
	return p
}

// honest is what a liar sees, like all others.
func (l *liars) honest(liar int, round uint64) []int32 {
	return l.values(len(l.committee.keys)-len(l.keys)+liar, round)
}

func encoded(p poenf.Proof) []byte {
	b, err := p.MarshalBinary()
	if err != nil {
		panic(err) // signed, so well-formed
	}
	return b
}

// post submits a proof to a node.
func (l *liars) post(ctx context.Context, n *node, p poenf.Proof) error {
	l.posted.Add(1)
	err := n.client.Submit(ctx, p)
	if err != nil {
		l.refused.Add(1)
	}
	return err
}

// forbidden submits what no node may admit.
func (l *liars) forbidden(ctx context.Context, p poenf.Proof) {
	for _, n := range l.nodes {
		if l.post(ctx, n, p) == nil {
			l.admitted.Add(1)
		}
		l.gossip(n, encoded(p))
	}
}

// gossip tells a node a transaction as a peer does.
func (l *liars) gossip(n *node, txs ...[]byte) {
	if l.peer.dial(n.index) {
		l.thrownOut.Add(1)
	}
	if l.peer.send(n.index, txs...) {
		l.gossiped.Add(1)
	}
}

func (l *liars) random(n int) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(l.rng.Uint32())
	}
	return b
}

// raw posts bytes that are no proof.
func (l *liars) raw(ctx context.Context, n *node, kind string, body []byte) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+n.door+"/v1/proofs", bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	request.Header.Set("Content-Type", kind)
	l.posted.Add(1)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return // refused with the connection
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20))
	switch {
	case response.StatusCode < 300:
		l.admitted.Add(1)
	case response.StatusCode >= 500 && ctx.Err() == nil:
		l.mu.Lock()
		l.broken = append(l.broken, fmt.Sprintf("%s answers garbage with %s", n, response.Status))
		l.mu.Unlock()
	default:
		l.refused.Add(1)
	}
}

// garbage sends what is no proof at all, and proofs that no committee may take.
func (l *liars) garbage(ctx context.Context, round uint64) {
	for _, n := range l.nodes {
		for _, size := range []int{0, 1, 9, 200, 15_000, 100_000} {
			b := l.random(size)
			l.raw(ctx, n, "application/octet-stream", b)
			l.raw(ctx, n, "application/json", b)
			if size < poenf.MaxTx {
				l.gossip(n, b, append([]byte{1, 50}, b...), append([]byte{2}, b...), append([]byte{3}, b...))
			}
		}
	}
	victim := l.committee.keys[0].Name
	for liar, k := range l.keys {
		values := l.honest(liar, round)
		p := func(change func(*poenf.Proof)) {
			p := poenf.Proof{Nominal: l.Nominal, Round: round, Member: k.Name, Values: values}
			change(&p)
			l.forbidden(ctx, l.signed(liar, p))
		}
		p(func(p *poenf.Proof) { p.Member = victim })
		p(func(p *poenf.Proof) { p.Member = "nobody" })
		p(func(p *poenf.Proof) { p.Nominal = 60 })
		p(func(p *poenf.Proof) { p.Values = make([]int32, poenf.MaxLength) })
		p(func(p *poenf.Proof) { p.Values = p.Values[1:] })
		p(func(p *poenf.Proof) { p.Round += 50 })
		p(func(p *poenf.Proof) { p.Round -= 50 })
		p(func(p *poenf.Proof) { p.Round = 1<<64 - 1 })
		broken := l.proof(liar, round, values)
		broken.Signature[7]++
		l.forbidden(ctx, broken)
	}
}

// replay sends again what others have sent, as it is and for the round that is due, and old values as the liar's own.
func (l *liars) replay(ctx context.Context, round uint64) {
	l.mu.Lock()
	old := l.old
	l.mu.Unlock()
	for _, n := range l.nodes {
		l.gossip(n, old...)
	}
	for i := 0; i < len(old) && ctx.Err() == nil; i += 8 {
		var p poenf.Proof
		if p.UnmarshalBinary(old[i]) != nil {
			continue
		}
		for _, n := range l.nodes {
			_ = l.post(ctx, n, p) // may count, if it is its member's for an open round
		}
		if p.Round < round {
			p.Round = round
			l.forbidden(ctx, p)
		}
	}
	for liar := range l.keys {
		l.everywhere(ctx, l.proof(liar, round, l.honest(0, round-30)))
	}
}

// everywhere submits a proof to all nodes at once.
func (l *liars) everywhere(ctx context.Context, p poenf.Proof) {
	l.posted.Add(1)
	if (everyone{l.nodes}).Submit(ctx, p) != nil {
		l.refused.Add(1)
	}
}

// prove does what is right.
func (l *liars) prove(ctx context.Context, round uint64) {
	for liar := range l.keys {
		l.everywhere(ctx, l.proof(liar, round, l.honest(liar, round)))
	}
}

// equivocate tells half of the nodes this and the other half that.
func (l *liars) equivocate(ctx context.Context, round uint64) {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	for liar := range l.keys {
		this, that := l.honest(liar, round), l.honest(liar, round)
		for i := range that {
			that[i] += 2000
		}
		both := []poenf.Proof{l.proof(liar, round, this), l.proof(liar, round, that)}
		for i, n := range l.nodes {
			tasks.Go(func() { _ = l.post(ctx, n, both[i%2]) })
		}
	}
}

// collude has all liars say the same: a constant offset, one second alone, or just beyond what the honest say.
func (l *liars) collude(ctx context.Context, round uint64) {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	values := l.honest(0, round)
	switch round % 3 {
	case 0:
		for i := range values {
			values[i] += 9000
		}
	case 1:
		values[len(values)-1] = poenf.MaxOffset
	case 2:
		for i := range values {
			values[i] += int32(3000 * (i%2*2 - 1))
		}
	}
	for liar := range l.keys {
		tasks.Go(func() { l.everywhere(ctx, l.proof(liar, round, values)) })
	}
}

// flood sends, as fast as it may, proofs that are correctly signed and all different, what is too large, and requests that
// do not end.
func (l *liars) flood(ctx context.Context) {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	for _, n := range l.nodes {
		tasks.Go(func() { l.floodPeer(ctx, n) })
		for range 4 {
			tasks.Go(func() {
				for ctx.Err() == nil {
					_ = l.post(ctx, n, l.different())
				}
			})
		}
		for range 50 {
			tasks.Go(func() { dawdle(ctx, n.door) })
		}
	}
}

// different is a proof of a liar for a round that is open, with values that it has not said before.
func (l *liars) different() poenf.Proof {
	l.mu.Lock()
	liar, by := l.rng.IntN(len(l.keys)), l.rng.Int32N(1000)
	later := uint64(l.rng.IntN(3))
	l.mu.Unlock()
	round := l.Last(time.Now().UnixMilli()) + later
	values := l.honest(liar, round)
	for i := range values {
		values[i] += by
	}
	return l.proof(liar, round, values)
}

// floodPause is how often a peer floods: with what it sends each time some 2000 proofs a second and node, more than a
// committee of a thousand members.
const floodPause = 10 * time.Millisecond

func (l *liars) floodPeer(ctx context.Context, n *node) {
	rude, err := l.stranger(nil)
	if err != nil {
		return
	}
	defer func() { _ = rude.stop() }()
	for pause(ctx, floodPause) == nil {
		var batch [][]byte
		for range 20 {
			batch = append(batch, encoded(l.different()))
		}
		l.gossip(n, batch...)
		if rude.send(n.index, l.random(poenf.MaxTx-1000)) {
			l.gossiped.Add(1)
		}
	}
}

// dawdle begins a request and does not end it.
func dawdle(ctx context.Context, address string) {
	for ctx.Err() == nil {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/v1/proofs", slow{ctx})
		if err != nil {
			panic(err)
		}
		request.Header.Set("Content-Type", "application/octet-stream")
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			_ = response.Body.Close()
		}
		_ = pause(ctx, 100*time.Millisecond)
	}
}

// slow is a body of a byte a second.
type slow struct{ ctx context.Context }

func (s slow) Read(b []byte) (int, error) {
	if err := pause(s.ctx, time.Second); err != nil {
		return 0, err
	}
	return min(1, len(b)), nil
}

// stop ends the liars' connections.
func (l *liars) stop() error { return l.peer.stop() }

// attackRounds is how many rounds an attack lasts.
const attackRounds = 12

// underAttack has the liars attack for a while. The committee must go on all the time.
func underAttack(ctx context.Context, t *trial, a attack) (err error) {
	l, err := newLiars(t)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.stop()) }()
	rounds := attackRounds
	if t.Quick {
		rounds = 4
	}
	if a.authors {
		for _, k := range l.keys {
			t.authors = append(t.authors, k.Name)
		}
	}
	peace := t.most()
	began := time.Now()
	inner, cancel := context.WithCancel(ctx)
	var tasks sync.WaitGroup
	if a.always != nil {
		tasks.Go(func() { a.always(l, inner) })
	}
	tasks.Go(func() { l.each(inner, a.round) })
	err = t.goOn(ctx, t.nodes, rounds, began)
	cancel()
	tasks.Wait()
	if err != nil {
		return err
	}
	t.note("%d of %d members lie, for %.0f s: %s", len(l.keys), len(t.keys), time.Since(began).Seconds(), l.counts())
	t.note("memory of a node at most %d MiB, before %d", t.most()>>20, peace>>20)
	t.note("from a round's end to its being at node0: median %.2f s", t.lag(t.nodes[0], began).Seconds())
	if n := l.admitted.Load(); n > 0 {
		t.fail(fmt.Errorf("nodes admitted what they should have refused %d times", n))
	}
	t.failAll(l.broken)
	_, err = t.recover(ctx, time.Now())
	return err
}

// most returns the most memory that a node had so far.
func (t *trial) most() uint64 {
	for _, n := range t.nodes {
		t.RSS = max(t.RSS, n.memory())
	}
	return t.RSS
}
