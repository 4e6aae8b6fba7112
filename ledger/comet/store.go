// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/crypto/merkle"
)

// The keys of a store. Numbers in them are big-endian, so that iteration goes upwards.
//
//	h          height of the newest block: u64
//	s          the state after it (state.encode)
//	j seq      journal entry: kind u8, payload
//	r number   where a closed round is in the journal: u64
//	e index    where a piece of evidence is: u64
//	c sequence where a change is: u64
//	p number   what proves a closed round: height u64, path
//	b chunk    where a chunk of the journal begins: u64, and its hash up to there
//	n height   a state kept for new nodes
const (
	keyHeight   = 'h'
	keyState    = 's'
	keyJournal  = 'j'
	keyRound    = 'r'
	keyEvidence = 'e'
	keyChange   = 'c'
	keyPath     = 'p'
	keyChunk    = 'b'
	keySnapshot = 'n'
)

// Kinds of journal entries.
const (
	entryRound        = 1 // poenf.Round
	entryEquivocation = 2 // poenf.Evidence
	entryDoubleSign   = 3 // DoubleSign
	entryChange       = 4 // the block's time, Unix ms: u64; poenf.Change
)

// chunkBytes is when a chunk of the journal is full. It is the same for every node, so that any of them can hand out
// any chunk; CometBFT allows 16 MB.
const chunkBytes = 1 << 20

// journal is all that a ledger has ever recorded, as a count, a running hash, and where its last chunk stands.
type journal struct {
	entries uint64
	hash    [sha256.Size]byte
	chunks  uint32
	open    uint32            // bytes in the last chunk
	starts  [sha256.Size]byte // running hash of where its chunks begin: with it a snapshot's chunks can be checked one by one
}

// startBytes is the length of what [journal.start] returns.
const startBytes = 8 + sha256.Size

// start returns where a chunk begins that the journal's next entry opens: the entry's number, and the hash before it.
func (j journal) start() []byte {
	return append(binary.BigEndian.AppendUint64(nil, j.entries), j.hash[:]...)
}

// begin adds where a chunk begins to a running hash.
func begin(starts [sha256.Size]byte, start []byte) [sha256.Size]byte {
	return sha256.Sum256(append(starts[:], start...))
}

// add returns the journal with one more entry, and whether the entry begins a chunk.
func (j journal) add(entry []byte) (journal, bool) {
	begins := j.chunks == 0 || j.open >= chunkBytes
	if begins {
		j.starts = begin(j.starts, j.start())
		j.chunks, j.open = j.chunks+1, 0
	}
	sum := sha256.New()
	sum.Write(j.hash[:])
	sum.Write(entry)
	sum.Sum(j.hash[:0])
	j.entries++
	j.open += uint32(len(entry))
	return j, begins
}

// store keeps a ledger on disk. Each block is one batch, synced, so that after a crash the ledger is where one of its
// blocks left it.
type store struct {
	db dbm.DB

	mu    sync.Mutex
	heads map[int64]*head // of the snapshots that peers have asked for, by height
}

func openStore(dir string) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "ledger.db")
	db, err := openDatabase(path, func() (dbm.DB, error) { return dbm.NewGoLevelDB("ledger", dir) })
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return nil, fmt.Errorf("%s is in use: another node runs in this home", path)
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return &store{db: db}, nil
}

func (s *store) close() error { return s.db.Close() }

func key(kind byte, number uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{kind}, number)
}

// number reads the u64 stored under k; ok is false when there is none.
func (s *store) number(k []byte) (n uint64, ok bool, err error) {
	value, err := s.db.Get(k)
	if err != nil || value == nil {
		return 0, false, err
	}
	if len(value) < 8 {
		return 0, false, fmt.Errorf("key %q holds %d bytes, not a number", k, len(value))
	}
	return binary.BigEndian.Uint64(value), true, nil
}

// load returns the newest state, or nil where there is none yet. What an interrupted state sync left is removed.
func (s *store) load() (*state, error) {
	record, err := s.db.Get([]byte{keyState})
	if err != nil {
		return nil, err
	}
	if record == nil {
		return nil, s.clear()
	}
	st, err := decodeState(record)
	if err != nil {
		return nil, err
	}
	height, ok, err := s.number([]byte{keyHeight})
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errors.New("the ledger's store has a state but no height")
	}
	st.height = int64(height)
	return st, nil
}

// clear removes all that is in the store.
func (s *store) clear() error {
	s.mu.Lock()
	s.heads = nil
	s.mu.Unlock()
	it, err := s.db.Iterator(nil, nil)
	if err != nil {
		return err
	}
	batch := s.db.NewBatch()
	defer func() { _ = batch.Close() }()
	for ; it.Valid(); it.Next() {
		if err := batch.Delete(it.Key()); err != nil {
			return errors.Join(err, it.Close())
		}
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return err
	}
	return batch.WriteSync()
}

// block is what one block adds to a store.
type block struct {
	state    *state   // after it
	changed  bool     // whether the state is another than before
	entries  []entry  // what it records
	paths    []path   // of the rounds among them, by the rounds' order
	snapshot bool     // whether the state is kept for new nodes
	drop     []uint64 // heights of states no longer kept
}

// entry is one thing recorded: its kind and payload, and the number of the round, sequence of the change, or index of the
// evidence.
type entry struct {
	bytes  []byte
	number uint64
	before journal
}

// path leads from a closed round to the application hash in the header that follows its block.
type path struct {
	number uint64
	height int64 // of the block that closed it
	proof  *merkle.Proof
}

// commit writes b, atomically and durably.
func (s *store) commit(b *block) error {
	batch := s.db.NewBatch()
	defer func() { _ = batch.Close() }()
	var failed error
	set := func(k, v []byte) {
		if failed == nil {
			failed = batch.Set(k, v)
		}
	}
	set([]byte{keyHeight}, binary.BigEndian.AppendUint64(nil, uint64(b.state.height)))
	if b.changed {
		set([]byte{keyState}, b.state.encode())
	}
	for _, e := range b.entries {
		setEntry(set, e)
	}
	for _, p := range b.paths {
		set(key(keyPath, p.number), p.encode())
	}
	if b.snapshot {
		set(key(keySnapshot, uint64(b.state.height)), b.state.encode())
	}
	for _, height := range b.drop {
		if failed == nil {
			failed = batch.Delete(key(keySnapshot, height))
		}
	}
	if failed != nil {
		return failed
	}
	return batch.WriteSync()
}

// setEntry writes an entry and what finds it.
func setEntry(set func(k, v []byte), e entry) {
	start := e.before.start()
	at := start[:8]
	set(key(keyJournal, e.before.entries), e.bytes)
	switch e.bytes[0] {
	case entryRound:
		set(key(keyRound, e.number), at)
	case entryChange:
		set(key(keyChange, e.number), at)
	default:
		set(key(keyEvidence, e.number), at)
	}
	if after, begins := e.before.add(e.bytes); begins {
		set(key(keyChunk, uint64(after.chunks-1)), start)
	}
}

// entry returns the journal's entry number seq.
func (s *store) entry(seq uint64) ([]byte, error) {
	bytes, err := s.db.Get(key(keyJournal, seq))
	if err != nil {
		return nil, err
	}
	if len(bytes) == 0 {
		return nil, fmt.Errorf("journal entry %d is missing", seq)
	}
	return bytes, nil
}

// find returns the entry that the index key k points to, nil where there is none.
func (s *store) find(k []byte) ([]byte, error) {
	seq, ok, err := s.number(k)
	if err != nil || !ok {
		return nil, err
	}
	return s.entry(seq)
}

// last returns the number of the last closed round.
func (s *store) last() (number uint64, ok bool, err error) {
	it, err := s.db.ReverseIterator(key(keyRound, 0), []byte{keyRound + 1})
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = it.Close() }() // read only
	if !it.Valid() {
		return 0, false, it.Error()
	}
	return binary.BigEndian.Uint64(it.Key()[1:]), true, nil
}

// next returns the number of the first closed round from n on.
func (s *store) next(n uint64) (number uint64, ok bool, err error) {
	it, err := s.db.Iterator(key(keyRound, n), []byte{keyRound + 1})
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = it.Close() }()
	if !it.Valid() {
		return 0, false, it.Error()
	}
	return binary.BigEndian.Uint64(it.Key()[1:]), true, nil
}

// path returns what proves closed round number n, nil when this node did not see its block.
func (s *store) path(n uint64) (*path, error) {
	value, err := s.db.Get(key(keyPath, n))
	if err != nil || value == nil {
		return nil, err
	}
	return decodePath(n, value)
}

func (p path) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(p.height))
	b = binary.BigEndian.AppendUint32(b, uint32(p.proof.Index))
	b = binary.BigEndian.AppendUint32(b, uint32(p.proof.Total))
	b = append(b, p.proof.LeafHash...)
	for _, aunt := range p.proof.Aunts {
		b = append(b, aunt...)
	}
	return b
}

func decodePath(n uint64, b []byte) (*path, error) {
	const head = 16 + sha256.Size
	if len(b) < head || (len(b)-head)%sha256.Size != 0 {
		return nil, fmt.Errorf("path of round %d has %d bytes", n, len(b))
	}
	p := &path{number: n, height: int64(binary.BigEndian.Uint64(b)), proof: &merkle.Proof{
		Index:    int64(binary.BigEndian.Uint32(b[8:])),
		Total:    int64(binary.BigEndian.Uint32(b[12:])),
		LeafHash: b[16:head],
	}}
	for rest := b[head:]; len(rest) > 0; rest = rest[sha256.Size:] {
		p.proof.Aunts = append(p.proof.Aunts, rest[:sha256.Size])
	}
	return p, nil
}
