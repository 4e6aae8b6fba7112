// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"crypto/sha256"
	"fmt"
)

// maxKept is more than the open rounds, and the committees, that a machine can have: MaxOpen from before a halt, as many
// from after it, and a few for the rounds at the edges.
const maxKept = 2*MaxOpen + 8

// append appends the machine's state.
func (m *Machine) append(b []byte) []byte {
	tag := byte(tagMachine)
	if m.registry != nil {
		tag = tagGoverned
	}
	b = m.committee.append(append(b, tag))
	b = appendUint64(b, m.next)
	b = append(b, m.head[:]...)
	b = appendUint64(b, m.sequence)
	b = appendUint64(b, m.epoch)
	b = append(b, m.seed[:]...)
	b = appendUint16(b, len(m.tickets))
	for _, l := range m.tickets {
		b = append(appendString(b, l.member), l.output[:]...)
	}
	b = appendUint16(b, len(m.eras))
	for _, e := range m.eras {
		b = appendUint16(appendUint64(b, e.from), e.committee.Faulty)
		b = appendMembers(b, e.committee.Members)
	}
	b = appendUint16(b, len(m.open))
	for _, o := range m.open {
		b = appendUint64(appendUint64(b, o.number), uint64(o.since))
		b = appendUint16(b, len(o.entries))
		for _, e := range o.entries {
			b = append(e.proof.append(b), bit(e.twice))
		}
	}
	if m.registry != nil {
		b = append(b, m.registry.encoded...)
	}
	return b
}

// AppendBinary appends the machine's whole state: what another machine needs to go on from here. Its error is nil.
func (m *Machine) AppendBinary(b []byte) ([]byte, error) { return m.append(b), nil }

// MarshalBinary returns the machine's whole state. Its error is nil.
func (m *Machine) MarshalBinary() ([]byte, error) { return m.append(nil), nil }

// Hash returns the SHA-256 of the machine's bytes.
func (m *Machine) Hash() [32]byte { return sha256.Sum256(m.append(nil)) }

// UnmarshalBinary takes the bytes of a machine and nothing else. An error wraps [ErrMalformed] or [ErrCommittee].
// Signatures are not verified: whoever takes a state from others compares its hash with one that the committee agreed on.
func (m *Machine) UnmarshalBinary(data []byte) error {
	r := &reader{data: data}
	governed := len(data) > 0 && data[0] == tagGoverned
	if governed {
		r.tag(tagGoverned, "machine")
	} else {
		r.tag(tagMachine, "machine")
	}
	out := Machine{committee: r.committee(), next: r.number(8), head: r.hash(), sequence: r.number(8), epoch: r.number(8), seed: r.hash()}
	r.tickets(&out)
	r.eras(&out)
	r.open(&out)
	if governed {
		out.registry = r.registered(out.committee)
	}
	if err := r.end(); err != nil {
		return fmt.Errorf("machine: %w", err)
	}
	*m = out
	return nil
}

func (r *reader) tickets(m *Machine) {
	n := r.count(0, len(m.committee.Members), 1+1+64, "tickets")
	for range n {
		l := lot{member: r.name()}
		copy(l.output[:], r.take(len(l.output)))
		if _, ok := find(m.committee.Members, l.member); r.err == nil && (!ok || m.committee.Seats == 0) {
			r.fail("ticket of %s, who is not registered", l.member)
		}
		if r.err == nil && len(m.tickets) > 0 && m.tickets[len(m.tickets)-1].member >= l.member {
			r.fail("ticket of %s is not after the one before", l.member)
		}
		m.tickets = append(m.tickets, l)
	}
}

func (r *reader) eras(m *Machine) {
	n := r.count(1, maxKept, 8+2+2, "eras")
	for range n {
		from, c := r.number(8), m.committee
		c.Faulty = int(r.number(2))
		c.Members = r.members()
		if r.err == nil && c.Seats > 0 && c.Seats != len(c.Members) {
			r.fail("%d members for %d seats", len(c.Members), c.Seats)
		}
		if r.err == nil {
			r.err = c.Validate()
		}
		if k := len(m.eras); r.err == nil && (k > 0 && from <= max(m.eras[k-1].from, m.next)) {
			r.fail("committee from round %d is not after the one before", from)
		}
		if r.err != nil {
			return
		}
		m.eras = append(m.eras, era{from, &c, c.Hash()})
	}
}

func (r *reader) open(m *Machine) {
	n := r.count(0, maxKept, 8+8+2, "open rounds")
	for range n {
		b := &ballots{number: r.number(8), since: int64(r.number(8))}
		if k := len(m.open); r.err == nil && (b.number < m.next || k > 0 && m.open[k-1].number >= b.number) {
			r.fail("round %d is not after the one before", b.number)
		}
		if r.err != nil {
			return
		}
		e, _ := m.era(b.number)
		count := r.count(1, len(e.committee.Members), 1, "proofs")
		for range count {
			p := r.proof()
			entry := ballot{&p, r.flag()}
			if r.err == nil {
				r.ballot(e, b, entry)
			}
			b.entries = append(b.entries, entry)
		}
		if r.err == nil && (b.since < 0 || b.since > maxTime || count < e.quorum() && b.since != 0) {
			r.fail("round %d had its n-f proofs at %d ms", b.number, b.since)
		}
		m.open = append(m.open, b)
	}
}

// ballot checks a proof that a machine is said to hold.
func (r *reader) ballot(e era, b *ballots, entry ballot) {
	p := entry.proof
	if _, ok := find(e.committee.Members, p.Member); !ok {
		r.fail("proof of %s, who is not a member in round %d", p.Member, b.number)
	}
	if p.Round != b.number || p.Nominal != e.committee.Nominal || len(p.Values) != e.committee.Length {
		r.fail("proof of %s is not one for round %d", p.Member, b.number)
	}
	if k := len(b.entries); k > 0 && b.entries[k-1].proof.Member >= p.Member {
		r.fail("proof of %s is not after the one before", p.Member)
	}
}
