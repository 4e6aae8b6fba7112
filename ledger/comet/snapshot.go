// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	abci "github.com/cometbft/cometbft/abci/types"

	"github.com/defakepro/defakepro/poenf"
)

// A snapshot lets a new node begin at a recent height with the whole history of rounds, without replaying a block.
//
//	chunk 0   count u32, then for each chunk of the journal where it begins (entry u64, hash 32); then the state
//	chunk i   the journal's entries of its i-th chunk: length u32, bytes
//
// Chunk 0 is checked against the application hash, which the new node has from CometBFT's light client. That fixes the
// journal's running hashes, of its entries and of where its chunks begin, and so each chunk: a chunk that differs was
// forged by who sent it. The journal's chunks are the same on every node, and are read from it when asked for: keeping a
// snapshot costs no more than keeping a state.
const snapshotFormat = 2

// maxHead is the most bytes of chunk 0: CometBFT drops the connection over a message of more than 16 MB. A committee whose
// state is larger, or a journal of some 400 GB, has no snapshots, and its new nodes replay the blocks. A later chunk has
// chunkBytes and what its last entry takes, which is far less.
const maxHead = 16e6 - 1000

// restoring is how far an offered snapshot has come.
type restoring struct {
	appHash []byte
	height  int64
	chunks  uint32 // as offered
	hash    []byte // of chunk 0, as offered
	state   *state
	starts  []journal // where chunks begin, and after them where the journal ends
	at      journal   // how far entries are in
	rounds  uint64
	marks   uint64 // pieces of evidence
}

// ListSnapshots offers the states that this node kept.
func (a *app) ListSnapshots(context.Context, *abci.RequestListSnapshots) (*abci.ResponseListSnapshots, error) {
	heights, err := a.store.snapshots()
	if err != nil {
		return nil, err
	}
	out := &abci.ResponseListSnapshots{}
	for _, height := range heights {
		h, err := a.store.snapshotHead(height)
		if err != nil {
			return nil, err
		}
		if h == nil {
			continue // dropped meanwhile
		}
		if len(h.bytes) > maxHead {
			a.log.Warn("no snapshot is offered: the state is too large", "height", height, "bytes", len(h.bytes))
			continue
		}
		out.Snapshots = append(out.Snapshots, &abci.Snapshot{
			Height: uint64(height), Format: snapshotFormat, Chunks: 1 + h.end.chunks, Hash: h.hash[:],
		})
	}
	return out, nil
}

// LoadSnapshotChunk reads a chunk for a peer; one that is not there, or no longer, is empty.
func (a *app) LoadSnapshotChunk(_ context.Context, req *abci.RequestLoadSnapshotChunk) (*abci.ResponseLoadSnapshotChunk, error) {
	if req.Format != snapshotFormat || req.Height > math.MaxInt64 {
		return &abci.ResponseLoadSnapshotChunk{}, nil
	}
	h, err := a.store.snapshotHead(int64(req.Height))
	if err != nil || h == nil || req.Chunk > h.end.chunks || len(h.bytes) > maxHead {
		return &abci.ResponseLoadSnapshotChunk{}, err
	}
	if req.Chunk == 0 {
		return &abci.ResponseLoadSnapshotChunk{Chunk: h.bytes}, nil
	}
	chunk, err := a.store.journalChunk(req.Chunk-1, h.end)
	return &abci.ResponseLoadSnapshotChunk{Chunk: chunk}, err
}

// OfferSnapshot accepts a snapshot whose first chunk can then be checked against the application hash. CometBFT offers
// one only while it has no state itself. What the application has then is of no use to it: the node was stopped after a
// snapshot was in and before CometBFT had noted that, or CometBFT has lost its own. It goes, and the snapshot brings it
// back.
func (a *app) OfferSnapshot(_ context.Context, req *abci.RequestOfferSnapshot) (*abci.ResponseOfferSnapshot, error) {
	switch {
	case req.Snapshot == nil || req.Snapshot.Format != snapshotFormat:
		return &abci.ResponseOfferSnapshot{Result: abci.ResponseOfferSnapshot_REJECT_FORMAT}, nil
	case req.Snapshot.Chunks < 1 || len(req.AppHash) != sha256.Size || req.Snapshot.Height > math.MaxInt64:
		return &abci.ResponseOfferSnapshot{Result: abci.ResponseOfferSnapshot_REJECT}, nil
	}
	if s := a.committed.Swap(nil); s != nil {
		a.log.Warn("the ledger has a state and the engine has none: the ledger starts over", "height", s.height)
	}
	a.restore = nil
	if err := a.store.clear(); err != nil {
		return nil, err
	}
	a.restore = &restoring{
		appHash: req.AppHash, height: int64(req.Snapshot.Height), chunks: req.Snapshot.Chunks, hash: req.Snapshot.Hash,
	}
	a.log.Info("state sync begins", "height", req.Snapshot.Height, "chunks", req.Snapshot.Chunks)
	return &abci.ResponseOfferSnapshot{Result: abci.ResponseOfferSnapshot_ACCEPT}, nil
}

// ApplySnapshotChunk takes a chunk in. One that is not what the application hash commits to is fetched again, from another
// peer: honest nodes have one and the same, so its sender has forged it. A snapshot that cannot be got as it was offered
// is given up for another.
func (a *app) ApplySnapshotChunk(_ context.Context, req *abci.RequestApplySnapshotChunk) (*abci.ResponseApplySnapshotChunk, error) {
	r := a.restore
	if r == nil {
		return &abci.ResponseApplySnapshotChunk{Result: abci.ResponseApplySnapshotChunk_ABORT}, nil
	}
	var err error
	if req.Index == 0 {
		err = r.head(req.Chunk)
	} else {
		err = a.store.restoreChunk(r, req.Index, req.Chunk)
	}
	var bad *badChunkError
	switch {
	case errors.As(err, &bad):
		a.log.Warn("state sync: bad chunk", "chunk", req.Index, "peer", req.Sender, "err", err)
		out := &abci.ResponseApplySnapshotChunk{
			Result:        abci.ResponseApplySnapshotChunk_RETRY,
			RefetchChunks: []uint32{req.Index},
			RejectSenders: []string{req.Sender},
		}
		if sum := sha256.Sum256(req.Chunk); req.Index == 0 && bytes.Equal(sum[:], r.hash) {
			a.restore = nil // it was offered with this very chunk
			out.Result, out.RefetchChunks = abci.ResponseApplySnapshotChunk_REJECT_SNAPSHOT, nil
		}
		return out, nil
	case errors.Is(err, errOffer):
		a.log.Warn("state sync: bad snapshot", "height", r.height, "err", err)
		a.restore = nil
		return &abci.ResponseApplySnapshotChunk{Result: abci.ResponseApplySnapshotChunk_REJECT_SNAPSHOT}, nil
	case err != nil:
		return nil, err
	}
	if r.at == r.state.journal {
		if err := a.finishRestore(r); err != nil {
			return nil, err
		}
	}
	return &abci.ResponseApplySnapshotChunk{Result: abci.ResponseApplySnapshotChunk_ACCEPT}, nil
}

// finishRestore makes the restored state the node's own: the journal is in, and with this write the store counts. CometBFT
// notes its own part only afterwards: see OfferSnapshot for when that does not come.
func (a *app) finishRestore(r *restoring) error {
	r.state.height = r.height
	if r.rounds != r.state.rounds || r.marks != r.state.evidence {
		return fmt.Errorf("snapshot %d has %d rounds and %d pieces of evidence, and says %d and %d",
			r.height, r.rounds, r.marks, r.state.rounds, r.state.evidence)
	}
	if err := a.store.commit(&block{state: r.state, changed: true}); err != nil {
		return err
	}
	a.restore = nil
	a.verify.attach(r.state.machine)
	a.publish(r.state)
	a.log.Info("state sync done", "height", r.height, "rounds", r.state.rounds)
	return nil
}

// badChunkError says that a chunk is not part of the snapshot.
type badChunkError struct{ reason error }

func (e *badChunkError) Error() string { return "bad chunk: " + e.reason.Error() }

func badChunk(format string, args ...any) error {
	return &badChunkError{fmt.Errorf(format, args...)}
}

// errOffer says that a snapshot is not what its peers offered, whoever sent the chunk that showed it.
var errOffer = errors.New("the snapshot is not what was offered")

// head takes chunk 0.
func (r *restoring) head(chunk []byte) error {
	if len(chunk) < 4 {
		return badChunk("%d bytes", len(chunk))
	}
	count, rest := binary.BigEndian.Uint32(chunk), chunk[4:]
	if uint64(count)*startBytes > uint64(len(rest)) {
		return badChunk("%d chunks in %d bytes", count, len(chunk))
	}
	starts := make([]journal, 0, count+1)
	var hash [sha256.Size]byte
	for range count {
		j := journal{entries: binary.BigEndian.Uint64(rest)}
		copy(j.hash[:], rest[8:])
		starts, hash, rest = append(starts, j), begin(hash, rest[:startBytes]), rest[startBytes:]
	}
	s, err := decodeState(rest)
	if err != nil {
		return badChunk("%w", err)
	}
	if string(s.appHash()) != string(r.appHash) {
		return badChunk("the state is not what the committee signed")
	}
	if count != s.journal.chunks || hash != s.journal.starts {
		return badChunk("its %d chunks of the journal do not begin where the committee's %d do", count, s.journal.chunks)
	}
	if uint64(r.chunks) != 1+uint64(count) { // more would never end, and fewer never be enough
		return fmt.Errorf("%w: it has %d chunks, not %d", errOffer, 1+uint64(count), r.chunks)
	}
	r.state, r.starts = s, append(starts, s.journal)
	return nil
}

// restoreChunk takes a chunk of the journal and writes its entries.
func (s *store) restoreChunk(r *restoring, index uint32, chunk []byte) error {
	if r.state == nil || index < 1 || index > r.state.journal.chunks || r.at.entries != r.starts[index-1].entries {
		return fmt.Errorf("chunk %d of the snapshot is not the one that comes next", index)
	}
	at, rounds, marks := r.at, r.rounds, r.marks
	var entries []entry
	for len(chunk) > 0 {
		if len(chunk) < 4 || uint64(binary.BigEndian.Uint32(chunk)) > uint64(len(chunk)-4) {
			return badChunk("an entry is cut short")
		}
		n := binary.BigEndian.Uint32(chunk)
		e := entry{bytes: chunk[4 : 4+n], before: at}
		chunk = chunk[4+n:]
		if n == 0 {
			return badChunk("an entry is empty")
		}
		switch e.bytes[0] {
		case entryRound:
			var round poenf.Round
			if err := round.UnmarshalBinary(e.bytes[1:]); err != nil {
				return badChunk("%w", err)
			}
			e.number = round.Number
			rounds++
		case entryChange:
			made, err := decodeChange(e.bytes)
			if err != nil {
				return badChunk("%w", err)
			}
			e.number = made.Change.Sequence
		default:
			e.number = marks
			marks++
		}
		at, _ = at.add(e.bytes)
		entries = append(entries, e)
	}
	if end := r.starts[index]; at.entries != end.entries || at.hash != end.hash {
		return badChunk("its entries are not those of the journal")
	}
	if err := s.writeEntries(entries); err != nil {
		return err
	}
	r.at, r.rounds, r.marks = at, rounds, marks
	return nil
}

// writeEntries writes entries of a store that does not count yet.
func (s *store) writeEntries(entries []entry) error {
	batch := s.db.NewBatch()
	defer func() { _ = batch.Close() }()
	var failed error
	for _, e := range entries {
		setEntry(func(k, v []byte) {
			if failed == nil {
				failed = batch.Set(k, v)
			}
		}, e)
	}
	if failed != nil {
		return failed
	}
	return batch.WriteSync()
}

// snapshots returns the heights of the states kept, upwards.
func (s *store) snapshots() ([]int64, error) {
	it, err := s.db.Iterator([]byte{keySnapshot}, []byte{keySnapshot + 1})
	if err != nil {
		return nil, err
	}
	defer func() { _ = it.Close() }()
	var heights []int64
	for ; it.Valid(); it.Next() {
		heights = append(heights, int64(binary.BigEndian.Uint64(it.Key()[1:])))
	}
	return heights, it.Error()
}

// head is chunk 0 of a snapshot, its hash, and where the journal ends in it.
type head struct {
	bytes []byte
	hash  [sha256.Size]byte
	end   journal
}

// snapshotHead returns chunk 0 of the snapshot at height, nil where there is none. It stays in
// memory, because a new node asks for chunks by the thousand, and for each it must be known where the journal ended.
func (s *store) snapshotHead(height int64) (*head, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.heads[height]; h != nil {
		return h, nil
	}
	record, err := s.db.Get(key(keySnapshot, uint64(height)))
	if err != nil || record == nil {
		return nil, err
	}
	st, err := decodeState(record)
	if err != nil {
		return nil, err
	}
	h := &head{end: st.journal, bytes: binary.BigEndian.AppendUint32(nil, st.journal.chunks)}
	for i := range st.journal.chunks {
		start, err := s.db.Get(key(keyChunk, uint64(i)))
		if err != nil {
			return nil, err
		}
		h.bytes = append(h.bytes, start...)
	}
	h.bytes = append(h.bytes, record...)
	h.hash = sha256.Sum256(h.bytes)
	if s.heads == nil {
		s.heads = make(map[int64]*head)
	}
	if len(s.heads) > keptSnapshots { // the oldest is no longer offered
		delete(s.heads, slices.Min(slices.Collect(maps.Keys(s.heads))))
	}
	s.heads[height] = h
	return h, nil
}

// journalChunk returns the entries of a chunk of the journal as it was at end.
func (s *store) journalChunk(chunk uint32, end journal) ([]byte, error) {
	from, ok, err := s.number(key(keyChunk, uint64(chunk)))
	if err != nil || !ok {
		return nil, err
	}
	to := end.entries
	if chunk+1 < end.chunks {
		if to, _, err = s.number(key(keyChunk, uint64(chunk+1))); err != nil {
			return nil, err
		}
	}
	var out []byte
	for seq := from; seq < to; seq++ {
		e, err := s.entry(seq)
		if err != nil {
			return nil, err
		}
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(e))), e...)
	}
	return out, nil
}
