// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/cometbft/cometbft/crypto/merkle"

	"github.com/defakepro/defakepro/poenf"
)

// state is what a block leaves behind. Nothing in it changes once it is published, so readers need no lock.
type state struct {
	height   int64
	clock    int64          // Unix ms, by the clock of the last block that changed anything
	machine  *poenf.Machine // never applied to: blocks work on a clone
	encoded  []byte         // the machine's bytes
	journal  journal
	newest   uint64 // number of the newest closed round
	rounds   uint64 // how many were closed
	evidence uint64 // how many pieces were recorded
	// leaves are hashed into the application hash: the state's own hash, that of the registry where the machine has one of its
	// own, and those of the rounds that its block closed. A
	// block that changes nothing leaves them as they are, because CometBFT follows each change with a block that
	// carries it.
	leaves [][]byte

	mu      *sync.Mutex
	lacking map[uint64]map[string]bool // members without a proof, by round: what Missing says, kept
}

func newState(m *poenf.Machine, encoded []byte) *state {
	return &state{machine: m, encoded: encoded, mu: new(sync.Mutex), lacking: make(map[uint64]map[string]bool)}
}

// after returns a copy for the block of a height to work on, with a machine of its own.
func (s *state) after(height int64) *state {
	to := *s
	to.height, to.machine, to.mu, to.lacking = height, s.machine.Clone(), new(sync.Mutex), make(map[uint64]map[string]bool)
	return &to
}

// missing returns the members that have no proof in a round that is not decided; ok is false when it is. The caller must
// not write to it.
func (s *state) missing(round uint64) (members map[string]bool, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if members, ok = s.lacking[round]; ok {
		return members, true
	}
	names, err := s.machine.Missing(round)
	if err != nil {
		return nil, false
	}
	members = make(map[string]bool, len(names))
	for _, name := range names {
		members[name] = true
	}
	if len(s.lacking) < poenf.MaxOpen { // rounds to come are as many as anybody likes to name
		s.lacking[round] = members
	}
	return members, true
}

// contradicts reports whether a transaction that the machine would take is a member's second proof.
func (s *state) contradicts(tx poenf.Tx) bool {
	p, ok := tx.(poenf.Proof)
	if !ok {
		return false
	}
	members, open := s.missing(p.Round)
	return open && !members[p.Member]
}

const (
	stateVersion = 2
	stateDomain  = "defakepro/comet/state/v2"
)

// hash covers all of the state but the height, which the header has.
func (s *state) hash() []byte {
	h := sha256.New()
	h.Write([]byte(stateDomain))
	h.Write([]byte{0})
	h.Write(s.counts(nil))
	machine := sha256.Sum256(s.encoded)
	h.Write(machine[:])
	return h.Sum(nil)
}

// counts appends all but the machine and the leaves.
func (s *state) counts(b []byte) []byte {
	for _, n := range []uint64{uint64(s.clock), s.newest, s.rounds, s.evidence, s.journal.entries} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	b = append(b, s.journal.hash[:]...)
	b = append(b, s.journal.starts[:]...)
	b = binary.BigEndian.AppendUint32(b, s.journal.chunks)
	return binary.BigEndian.AppendUint32(b, s.journal.open)
}

const countsBytes = 5*8 + 2*sha256.Size + 4 + 4

// seal sets the leaves of a state whose block closed rounds, and returns the path of each to the application hash.
func (s *state) seal(rounds [][32]byte) []*merkle.Proof {
	s.leaves = [][]byte{s.hash()}
	if registry := s.machine.RegistryBytes(); registry != nil {
		hash := sha256.Sum256(registry)
		s.leaves = append(s.leaves, hash[:])
	}
	before := len(s.leaves)
	for _, r := range rounds {
		s.leaves = append(s.leaves, r[:])
	}
	_, proofs := merkle.ProofsFromByteSlices(s.leaves)
	return proofs[before:]
}

func (s *state) appHash() []byte { return merkle.HashFromByteSlices(s.leaves) }

func (s *state) encode() []byte {
	b := s.counts([]byte{stateVersion})
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.leaves)))
	for _, leaf := range s.leaves {
		b = append(b, leaf...)
	}
	return append(b, s.encoded...)
}

// decodeState takes what encode made, from disk or from a peer, and checks that the leaves are those of the state.
func decodeState(b []byte) (*state, error) {
	if len(b) < 1+countsBytes+4 || b[0] != stateVersion {
		return nil, errors.New("state: cut short, or of another version")
	}
	s := newState(new(poenf.Machine), nil)
	b = b[1:]
	next := func() (n uint64) { n, b = binary.BigEndian.Uint64(b), b[8:]; return n }
	s.clock = int64(next())
	s.newest, s.rounds, s.evidence, s.journal.entries = next(), next(), next(), next()
	b = b[copy(s.journal.hash[:], b):]
	b = b[copy(s.journal.starts[:], b):]
	s.journal.chunks, s.journal.open = binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	leaves := int(binary.BigEndian.Uint32(b[8:]))
	b = b[12:]
	if leaves < 1 || leaves > len(b)/sha256.Size {
		return nil, fmt.Errorf("state: %d leaves in %d bytes", leaves, len(b))
	}
	for range leaves {
		s.leaves = append(s.leaves, b[:sha256.Size:sha256.Size])
		b = b[sha256.Size:]
	}
	s.encoded = b
	if err := s.machine.UnmarshalBinary(b); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	if string(s.leaves[0]) != string(s.hash()) {
		return nil, errors.New("state: its hash is another than it says")
	}
	return s, nil
}
