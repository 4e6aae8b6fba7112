// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
)

// Machine is the replicated rule: it takes transactions in the order of the ledger with the time of their block, and
// closes rounds. The same calls give the same state, everywhere.
//
// Time is Unix milliseconds, the block's, and must not go backwards from call to call. For each block, [Machine.Apply] is
// called for its transactions in order, then [Machine.Tick] once.
//
// What a Machine holds is bounded by its committee: proofs of at most [MaxOpen] open rounds, one a member and round, and
// one ticket a member. Methods that only read may run at the same time as each other; Apply and Tick may not run at the
// same time as anything.
type Machine struct {
	// All that these point to is never written again, so that a clone may share it.
	committee Committee   // its Members are those registered, in order of name
	eras      []era       // ascending; the first holds for round next
	open      []*ballots  // ascending; rounds that have proofs and are not decided
	tickets   []lot       // for epoch+1, ascending by member
	registry  *registered // nil until a change is about more than the committee

	next     uint64   // the lowest round not decided
	head     [32]byte // of all rounds closed, in order
	sequence uint64   // of the last change
	epoch    uint64   // the last drawn
	seed     [32]byte // what tickets for epoch+1 are made over

	verifier Verifier // of proofs; nil is Ed25519's. It is no part of the state.
}

// Verifier reports whether signature is key's for message. Its answers must be those of [ed25519.Verify].
type Verifier func(key ed25519.PublicKey, message, signature []byte) bool

// SetVerifier has the machine and its clones to come verify proofs with v in place of [ed25519.Verify]: an engine sees each
// proof several times on its way, and may remember that its signature is good. nil is [ed25519.Verify].
func (m *Machine) SetVerifier(v Verifier) { m.verifier = v }

// ballots is the proofs of an open round.
type ballots struct {
	number  uint64
	since   int64    // when the (n-f)-th proof came; 0 before
	entries []ballot // ascending by member
}

type ballot struct {
	proof *Proof
	twice bool // evidence against the member is out
}

// Result is what a transaction did.
type Result struct {
	// Round is that of a proof, or the first one under a change.
	Round uint64
	// Evidence is not nil when the transaction was a second, different proof. It has not counted in the round, and is
	// reported once for a member and round.
	Evidence *Evidence
}

// New returns a machine whose first round is the first to end after genesis, in Unix milliseconds. An error wraps
// [ErrCommittee].
func New(c Committee, genesis int64) (*Machine, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c.Members = slices.SortedFunc(slices.Values(c.Members), byName)
	m := &Machine{committee: c, next: c.Last(genesis) + 1, seed: c.Hash()}
	if c.Seats > 0 {
		m.epoch = c.provable(genesis) / uint64(c.EpochRounds)
	}
	m.seat(m.next, m.fill(nil))
	return m, nil
}

// Next returns the lowest round that is not decided.
func (m *Machine) Next() uint64 { return m.next }

// Head returns a hash of all rounds closed so far, in order: SHA-256 of the former head and the round's hash, beginning
// with zeros.
func (m *Machine) Head() [32]byte { return m.head }

// Missing returns the members of a round, in order of name, that have no proof in it. An error wraps [ErrOutdated].
func (m *Machine) Missing(round uint64) ([]string, error) {
	e, err := m.era(round)
	if err != nil {
		return nil, err
	}
	var names []string
	b := m.ballots(round)
	for _, member := range e.committee.Members {
		if _, ok := b.find(member.Name); !ok {
			names = append(names, member.Name)
		}
	}
	return names, nil
}

// Due returns when [Machine.Tick] will next decide a round, in Unix milliseconds, if nothing else comes; false when
// nothing is open.
func (m *Machine) Due() (int64, bool) {
	if b := m.ready(); b != nil {
		return m.due(b), true
	}
	if len(m.open) > 0 {
		return m.committee.End(m.open[0].number) + m.committee.Expiry, true
	}
	return 0, false
}

// Check returns nil when Apply would take the transaction now, which for a second, different proof it would, once. An
// error wraps one of this package's. The machine stays as it is.
func (m *Machine) Check(now int64, tx Tx) error {
	now = clampTime(now)
	m = m.advanced(now)
	switch tx := tx.(type) {
	case Proof:
		_, err := m.judgeProof(now, tx)
		return err
	case Change:
		_, _, err := m.judgeChange(now, tx)
		return err
	case Ticket:
		_, err := m.judgeTicket(tx)
		return err
	}
	return fmt.Errorf("%w: no such transaction: %T", ErrMalformed, tx)
}

// Apply takes a transaction, or refuses it with an error that wraps one of this package's and changes nothing but what
// time has changed. The machine keeps what it takes: the caller must not write to it any more.
func (m *Machine) Apply(now int64, tx Tx) (Result, error) {
	now = clampTime(now)
	switch tx := tx.(type) {
	case Proof:
		return m.applyProof(now, tx)
	case Change:
		return m.applyChange(now, tx)
	case Ticket:
		return m.applyTicket(now, tx)
	}
	return Result{}, fmt.Errorf("%w: no such transaction: %T", ErrMalformed, tx)
}

// Tick decides all that is due and returns the rounds it closed, in order. Void rounds are passed over, in constant time
// however many they are.
func (m *Machine) Tick(now int64) []Round {
	now = clampTime(now)
	m.advance(now)
	var closed []Round
	b := m.ready()
	for b != nil && m.due(b) <= now {
		r := m.close(b, now)
		hash := r.Hash()
		m.head = sha256.Sum256(append(m.head[:], hash[:]...))
		closed = append(closed, r)
		m.pass(b.number + 1)
		b = m.ready()
	}
	live := uint64(0) // the first round that has not expired
	if now >= m.committee.Expiry {
		live = m.committee.Last(now-m.committee.Expiry) + 1
	}
	if b != nil {
		live = min(live, b.number)
	}
	m.pass(live)
	return closed
}

// judgeProof returns nil for a proof that would be taken, and the first proof of its member where this is a second.
func (m *Machine) judgeProof(now int64, p Proof) (first *Proof, err error) {
	e, err := m.era(p.Round)
	switch end := m.committee.End(p.Round); {
	case err != nil:
		return nil, err
	case p.Round > m.committee.provable(now):
		return nil, fmt.Errorf("%w: round %d ends at %d ms, and it is %d ms", ErrEarly, p.Round, end, now)
	case end+m.committee.Expiry <= now:
		return nil, fmt.Errorf("%w: round %d has expired", ErrOutdated, p.Round)
	}
	member, ok := find(e.committee.Members, p.Member)
	if !ok {
		return nil, fmt.Errorf("%w: %.80q, in round %d", ErrNotMember, p.Member, p.Round)
	}
	if p.Nominal != m.committee.Nominal || len(p.Values) != m.committee.Length {
		return nil, fmt.Errorf("%w: proof of %s has %d values at %d Hz, and the committee's have %d at %d Hz", ErrMalformed,
			p.Member, len(p.Values), p.Nominal, m.committee.Length, m.committee.Nominal)
	}
	b := m.ballots(p.Round)
	if i, ok := b.find(p.Member); ok {
		if b.entries[i].twice || !contradict(*b.entries[i].proof, p) {
			return nil, fmt.Errorf("%w: proof of %s for round %d", ErrPresent, p.Member, p.Round)
		}
		first = b.entries[i].proof
	}
	return first, p.verify(m.committee.ID, member.Key, m.verifier)
}

func (m *Machine) applyProof(now int64, p Proof) (Result, error) {
	m.advance(now)
	first, err := m.judgeProof(now, p)
	if err != nil {
		return Result{}, err
	}
	old := m.ballots(p.Round)
	at, _ := old.find(p.Member)
	b := &ballots{number: p.Round, since: old.since, entries: slices.Clone(old.entries)}
	result := Result{Round: p.Round}
	if first != nil {
		b.entries[at].twice = true
		result.Evidence = &Evidence{Round: p.Round, Member: p.Member, First: *first, Second: p}
	} else {
		b.entries = slices.Insert(b.entries, at, ballot{proof: &p})
		e, _ := m.era(p.Round)
		if len(b.entries) == e.quorum() {
			b.since = now
		}
	}
	i, ok := slices.BinarySearchFunc(m.open, p.Round, (*ballots).compare)
	if !ok {
		m.open = slices.Insert(m.open, i, b)
	}
	m.open[i] = b
	return result, nil
}

func (b *ballots) compare(round uint64) int {
	switch {
	case b.number < round:
		return -1
	case b.number > round:
		return 1
	}
	return 0
}

// ballots returns those of a round, which may be none.
func (m *Machine) ballots(round uint64) *ballots {
	if i, ok := slices.BinarySearchFunc(m.open, round, (*ballots).compare); ok {
		return m.open[i]
	}
	return &ballots{number: round}
}

func (b *ballots) find(member string) (int, bool) {
	return slices.BinarySearchFunc(b.entries, member, func(e ballot, name string) int {
		return strings.Compare(e.proof.Member, name)
	})
}

// ready returns the first open round with n-f proofs, or nil.
func (m *Machine) ready() *ballots {
	for _, b := range m.open {
		if e, _ := m.era(b.number); len(b.entries) >= e.quorum() {
			return b
		}
	}
	return nil
}

// due returns when a round with n-f proofs closes: at once when it has n, else a grace after they were in, but not after
// less than a grace from its end, lest members whose clocks are ahead shut out those whose clocks are right.
func (m *Machine) due(b *ballots) int64 {
	if e, _ := m.era(b.number); len(b.entries) >= len(e.committee.Members) {
		return b.since
	}
	return max(b.since, m.committee.End(b.number)) + m.committee.Grace
}

// pass makes round the next one, if it is not passed already.
func (m *Machine) pass(round uint64) {
	m.next = max(m.next, round)
	i, _ := slices.BinarySearchFunc(m.open, m.next, (*ballots).compare)
	m.open = m.open[i:]
	m.forget()
}

// close makes a round's truth.
func (m *Machine) close(b *ballots, now int64) Round {
	e, _ := m.era(b.number)
	names, vectors := make([]string, len(b.entries)), make([][]int32, len(b.entries))
	for i, entry := range b.entries {
		names[i], vectors[i] = entry.proof.Member, entry.proof.Values
	}
	o, err := Select(e.committee.Rule, names, vectors, e.committee.Faulty)
	if err != nil {
		panic(err) // proofs are judged before they are kept
	}
	r := Round{
		Number: b.number, Start: e.committee.End(b.number)/1000 - int64(e.committee.Length), Closed: now,
		Nominal: e.committee.Nominal, Rule: e.committee.Rule, Faulty: e.committee.Faulty,
		CommitteeHash: e.hash, Winner: names[o.Winner], Truth: o.Truth, Spread: o.Spread,
		Entries: make([]Entry, len(names)),
	}
	for i, name := range names {
		r.Entries[i] = Entry{name, b.entries[i].proof.Hash(), o.Scores[i], o.Inliers[i]}
	}
	return r
}

// Clone returns a copy that goes its own way. It costs a few hundred bytes, for what is large is shared.
func (m *Machine) Clone() *Machine {
	c := *m
	c.eras, c.open, c.tickets = slices.Clone(m.eras), slices.Clone(m.open), slices.Clone(m.tickets)
	return &c
}
