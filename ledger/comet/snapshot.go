// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	abci "github.com/cometbft/cometbft/abci/types"

	"github.com/defakepro/defakepro/poenf"
)

// A snapshot lets a new node begin at a recent height with the whole history of rounds, without replaying a block.
//
//	chunk 0   count u32, then for each chunk of the journal where it begins (entry u64, hash 32); then the state
//	chunk i   the journal's entries of its i-th chunk: length u32, bytes
//
// Chunk 0 is checked against the application hash, which the new node has from CometBFT's light client. It fixes the
// journal's running hash, and so each entry. The journal's chunks are the same on every node, and are read from it when
// asked for: keeping a snapshot costs no more than keeping a state.
const snapshotFormat = 1

// restoring is how far an offered snapshot has come.
type restoring struct {
	appHash []byte
	height  int64
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
		head, s, err := a.store.snapshotHead(height)
		if err != nil {
			return nil, err
		}
		hash := sha256.Sum256(head)
		out.Snapshots = append(out.Snapshots, &abci.Snapshot{
			Height: uint64(height), Format: snapshotFormat, Chunks: 1 + s.journal.chunks, Hash: hash[:],
		})
	}
	return out, nil
}

// LoadSnapshotChunk reads a chunk for a peer; one that is not there, or no longer, is empty.
func (a *app) LoadSnapshotChunk(_ context.Context, req *abci.RequestLoadSnapshotChunk) (*abci.ResponseLoadSnapshotChunk, error) {
	if req.Format != snapshotFormat || req.Height > math.MaxInt64 {
		return &abci.ResponseLoadSnapshotChunk{}, nil
	}
	head, s, err := a.store.snapshotHead(int64(req.Height))
	if err != nil || s == nil || req.Chunk > s.journal.chunks {
		return &abci.ResponseLoadSnapshotChunk{}, err
	}
	if req.Chunk == 0 {
		return &abci.ResponseLoadSnapshotChunk{Chunk: head}, nil
	}
	chunk, err := a.store.journalChunk(req.Chunk-1, s.journal)
	return &abci.ResponseLoadSnapshotChunk{Chunk: chunk}, err
}

// OfferSnapshot accepts a snapshot whose first chunk can then be checked against the application hash.
func (a *app) OfferSnapshot(_ context.Context, req *abci.RequestOfferSnapshot) (*abci.ResponseOfferSnapshot, error) {
	switch {
	case a.committed.Load() != nil:
		return &abci.ResponseOfferSnapshot{Result: abci.ResponseOfferSnapshot_ABORT}, nil
	case req.Snapshot == nil || req.Snapshot.Format != snapshotFormat:
		return &abci.ResponseOfferSnapshot{Result: abci.ResponseOfferSnapshot_REJECT_FORMAT}, nil
	case req.Snapshot.Chunks < 1 || len(req.AppHash) != sha256.Size || req.Snapshot.Height > math.MaxInt64:
		return &abci.ResponseOfferSnapshot{Result: abci.ResponseOfferSnapshot_REJECT}, nil
	}
	if err := a.store.clear(); err != nil {
		return nil, err
	}
	a.restore = &restoring{appHash: req.AppHash, height: int64(req.Snapshot.Height)}
	a.log.Info("state sync begins", "height", req.Snapshot.Height, "chunks", req.Snapshot.Chunks)
	return &abci.ResponseOfferSnapshot{Result: abci.ResponseOfferSnapshot_ACCEPT}, nil
}

// ApplySnapshotChunk takes a chunk in. One that is not what the application hash commits to is fetched again, from another
// peer.
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
		return &abci.ResponseApplySnapshotChunk{
			Result:        abci.ResponseApplySnapshotChunk_RETRY,
			RefetchChunks: []uint32{req.Index},
			RejectSenders: []string{req.Sender},
		}, nil
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

// finishRestore makes the restored state the node's own: the journal is in, and with this write the store counts.
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

// head takes chunk 0.
func (r *restoring) head(chunk []byte) error {
	if len(chunk) < 4 {
		return badChunk("%d bytes", len(chunk))
	}
	const size = 8 + sha256.Size
	count, rest := binary.BigEndian.Uint32(chunk), chunk[4:]
	if uint64(count)*size > uint64(len(rest)) {
		return badChunk("%d chunks in %d bytes", count, len(chunk))
	}
	r.starts = nil
	for range count {
		j := journal{entries: binary.BigEndian.Uint64(rest)}
		copy(j.hash[:], rest[8:])
		r.starts, rest = append(r.starts, j), rest[size:]
	}
	s, err := decodeState(rest)
	if err != nil {
		return badChunk("%w", err)
	}
	if string(s.appHash()) != string(r.appHash) {
		return badChunk("the state is not what the committee signed")
	}
	if uint32(len(r.starts)) != s.journal.chunks {
		return badChunk("%d chunks begin, and the journal has %d", len(r.starts), s.journal.chunks)
	}
	r.state, r.starts = s, append(r.starts, s.journal)
	return nil
}

// restoreChunk takes a chunk of the journal and writes its entries.
func (s *store) restoreChunk(r *restoring, index uint32, chunk []byte) error {
	if r.state == nil || index > r.state.journal.chunks {
		return badChunk("chunk %d comes before the first, or after the last", index)
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
		if e.bytes[0] == entryRound {
			var round poenf.Round
			if err := round.UnmarshalBinary(e.bytes[1:]); err != nil {
				return badChunk("%w", err)
			}
			e.number = round.Number
			rounds++
		} else {
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

// snapshotHead returns chunk 0 of the snapshot at height and its state, nil where there is none.
func (s *store) snapshotHead(height int64) ([]byte, *state, error) {
	record, err := s.db.Get(key(keySnapshot, uint64(height)))
	if err != nil || record == nil {
		return nil, nil, err
	}
	st, err := decodeState(record)
	if err != nil {
		return nil, nil, err
	}
	head := binary.BigEndian.AppendUint32(nil, st.journal.chunks)
	for i := range st.journal.chunks {
		start, err := s.db.Get(key(keyChunk, uint64(i)))
		if err != nil {
			return nil, nil, err
		}
		head = append(head, start...)
	}
	return append(head, record...), st, nil
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
