// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
)

// era is a committee and the round from which it is in office, until the next.
type era struct {
	from      uint64
	committee *Committee // its Members are those of a round
	hash      [32]byte
}

// quorum returns n-f, the number of proofs with which a round may close.
func (e era) quorum() int { return len(e.committee.Members) - e.committee.Faulty }

// find returns the member of that name from a list in order of name.
func find(members []Member, name string) (Member, bool) {
	i, ok := slices.BinarySearchFunc(members, name, func(m Member, name string) int { return strings.Compare(m.Name, name) })
	if !ok {
		return Member{}, false
	}
	return members[i], true
}

// lot is a ticket that was verified.
type lot struct {
	member string
	output [64]byte
}

// Committee returns the committee of a round: the parameters, and the members who may prove it. For rounds to come it
// may still change. The caller must not write to it. An error wraps [ErrOutdated]: rounds that are decided are forgotten.
func (m *Machine) Committee(round uint64) (Committee, error) {
	e, err := m.era(round)
	if err != nil {
		return Committee{}, err
	}
	return *e.committee, nil
}

func (m *Machine) era(round uint64) (era, error) {
	if round < m.next {
		return era{}, fmt.Errorf("%w: round %d, and the next is %d", ErrOutdated, round, m.next)
	}
	for i := len(m.eras) - 1; ; i-- {
		if m.eras[i].from <= round || i == 0 {
			return m.eras[i], nil
		}
	}
}

// Registered returns the parameters and all members of the committee, of whom elections draw, in order of name. The caller
// must not write to it.
func (m *Machine) Registered() Committee { return m.committee }

// Sequence returns the number of the last change of membership; the next must have one more.
func (m *Machine) Sequence() uint64 { return m.sequence }

// Validator is a member of the engine that orders the transactions.
type Validator struct {
	// Key is an Ed25519 public key, of 32 bytes.
	Key []byte
	// Power is the weight of its vote; 0 in a list of changes is one who leaves.
	Power int64
}

// Validators returns the registered members that have voting power, in order of key.
func (m *Machine) Validators() []Validator {
	var out []Validator
	for _, member := range m.committee.Members {
		if member.Power > 0 {
			out = append(out, Validator{member.Validator, member.Power})
		}
	}
	slices.SortFunc(out, func(a, b Validator) int { return bytes.Compare(a.Key, b.Key) })
	return out
}

// ValidatorChanges returns what makes the validators of the machine before those of the machine after, in order of key:
// what an engine is to be told after a block.
func ValidatorChanges(before, after *Machine) []Validator {
	was, is := before.Validators(), after.Validators()
	var out []Validator
	for len(was) > 0 || len(is) > 0 {
		order := 0
		switch {
		case len(was) == 0:
			order = 1
		case len(is) == 0:
			order = -1
		default:
			order = bytes.Compare(was[0].Key, is[0].Key)
		}
		switch {
		case order < 0:
			out = append(out, Validator{Key: was[0].Key})
		case order > 0 || was[0].Power != is[0].Power:
			out = append(out, is[0])
		}
		if order <= 0 {
			was = was[1:]
		}
		if order >= 0 {
			is = is[1:]
		}
	}
	return out
}

func (m *Machine) applyChange(now int64, c Change) (Result, error) {
	m.advance(now)
	next, registry, err := m.judgeChange(now, c)
	if err != nil {
		return Result{}, err
	}
	m.sequence, m.registry = c.Sequence, registry
	m.tickets = slices.DeleteFunc(slices.Clone(m.tickets), func(l lot) bool {
		was, _ := find(m.committee.Members, l.member)
		is, ok := find(next.Members, l.member)
		return !ok || !bytes.Equal(was.Key, is.Key)
	})
	if registry != nil && next.Hash() == m.committee.Hash() {
		return Result{Round: m.next}, nil // no round is anybody else's for it
	}
	m.committee = next
	// The first round that nobody may have proved yet.
	from := max(m.committee.provable(now)+1, m.next)
	if n := len(m.open); n > 0 {
		from = max(from, m.open[n-1].number+1)
	}
	last := m.eras[len(m.eras)-1]
	from = max(from, last.from)
	m.seat(from, m.fill(last.committee.Members))
	return Result{Round: from}, nil
}

// seat puts members in office from a round on.
func (m *Machine) seat(from uint64, members []Member) {
	c := m.committee
	c.Members = members
	for len(m.eras) > 0 && m.eras[len(m.eras)-1].from >= from {
		m.eras = m.eras[:len(m.eras)-1]
	}
	m.eras = append(m.eras, era{from, &c, c.Hash()})
	m.forget()
}

// forget drops the committees that have no round left, so that the same past and future make the same state.
func (m *Machine) forget() {
	for len(m.eras) > 1 && m.eras[1].from <= m.next {
		m.eras = m.eras[1:]
	}
}

// fill returns the members of a round as they are now registered: all, or where there are elections those seated. A seat
// whose member is gone, and every seat before the first draw, goes to the registered member with the lowest
// SHA-256(seed ‖ name) that has none.
func (m *Machine) fill(seated []Member) []Member {
	if m.committee.Seats == 0 {
		return m.committee.Members
	}
	type candidate struct {
		Member
		rank [32]byte
	}
	var rest []candidate
	var out []Member
	for _, member := range m.committee.Members {
		if _, ok := slices.BinarySearchFunc(seated, member, byName); ok {
			out = append(out, member)
		} else {
			rest = append(rest, candidate{member, sha256.Sum256(append(m.seed[:], member.Name...))})
		}
	}
	slices.SortFunc(rest, func(a, b candidate) int { return bytes.Compare(a.rank[:], b.rank[:]) })
	for i := 0; len(out) < m.committee.Seats; i++ {
		out = append(out, rest[i].Member)
	}
	slices.SortFunc(out, byName)
	return out
}

// Election returns the epoch that tickets are now taken for, and the seed they are made over; false where the committee
// elects nobody.
func (m *Machine) Election(now int64) (epoch uint64, seed [32]byte, ok bool) {
	m = m.advanced(clampTime(now))
	return m.epoch + 1, m.seed, m.committee.Seats > 0
}

func (m *Machine) judgeTicket(t Ticket) (output [64]byte, err error) {
	member, ok := find(m.committee.Members, t.Member)
	_, present := slices.BinarySearchFunc(m.tickets, t.Member, lot.compare)
	switch {
	case m.committee.Seats == 0:
		return output, fmt.Errorf("%w: ticket of %.80q for a committee without elections", ErrMalformed, t.Member)
	case !ok:
		return output, fmt.Errorf("%w: %.80q, for epoch %d", ErrNotMember, t.Member, t.Epoch)
	case t.Epoch <= m.epoch:
		return output, fmt.Errorf("%w: epoch %d is drawn", ErrOutdated, t.Epoch)
	case t.Epoch > m.epoch+1:
		return output, fmt.Errorf("%w: epoch %d, and the last drawn is %d", ErrEarly, t.Epoch, m.epoch)
	case present:
		return output, fmt.Errorf("%w: ticket of %s for epoch %d", ErrPresent, t.Member, t.Epoch)
	}
	return t.Verify(m.committee.ID, m.seed, member.Key)
}

func (l lot) compare(member string) int { return strings.Compare(l.member, member) }

func (m *Machine) applyTicket(now int64, t Ticket) (Result, error) {
	m.advance(now)
	output, err := m.judgeTicket(t)
	if err != nil {
		return Result{}, err
	}
	i, _ := slices.BinarySearchFunc(m.tickets, t.Member, lot.compare)
	m.tickets = slices.Insert(m.tickets, i, lot{t.Member, output})
	return Result{Round: t.Epoch * uint64(m.committee.EpochRounds)}, nil
}

// advanced returns the machine as it is at now, which is m itself unless an epoch has ended.
func (m *Machine) advanced(now int64) *Machine {
	if !m.drawing(now) {
		return m
	}
	m = m.Clone()
	m.advance(now)
	return m
}

func (m *Machine) drawing(now int64) bool {
	return m.committee.Seats > 0 && m.committee.provable(now)/uint64(m.committee.EpochRounds) > m.epoch
}

// advance draws the committee of the next epoch once its first round may be proved. Where epochs passed without a block
// there were no tickets for them, and the committee and the seed stay.
func (m *Machine) advance(now int64) {
	if !m.drawing(now) {
		return
	}
	seats, rounds := m.committee.Seats, uint64(m.committee.EpochRounds)
	if len(m.tickets) >= seats {
		lots := slices.SortedFunc(slices.Values(m.tickets), func(a, b lot) int { return bytes.Compare(a.output[:], b.output[:]) })
		var drawn []Member
		for _, l := range lots[:seats] {
			member, _ := find(m.committee.Members, l.member)
			drawn = append(drawn, member)
		}
		slices.SortFunc(drawn, byName)
		m.seat((m.epoch+1)*rounds, drawn)
	}
	if len(m.tickets) > 0 {
		h := sha256.New()
		h.Write(m.seed[:])
		for _, l := range m.tickets {
			h.Write(l.output[:])
		}
		h.Sum(m.seed[:0])
	}
	m.tickets = nil
	m.epoch = m.committee.provable(now) / rounds
}
