// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	abci "github.com/cometbft/cometbft/abci/types"

	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/ledger/ledgertest"
	"github.com/defakepro/defakepro/poenf"
)

// someState returns a state that has recorded rounds, in a store.
func someState(t testing.TB) (*store, *state) {
	t.Helper()
	c := ledgertest.NewCommittee("snapshot", 3, 10)
	machine, err := poenf.New(c.Committee, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := &store{db: dbm.NewMemDB()}
	st := newState(machine, must(machine.MarshalBinary()))
	for round := uint64(1); round <= 3; round++ {
		to := st.after(int64(round))
		b := &block{state: to, changed: true, snapshot: true}
		for _, m := range c.Members {
			if _, err := to.machine.Apply(c.End(round), c.Proof(m.Name, round)); err != nil {
				t.Fatal(err)
			}
		}
		to.machine.Tick(c.End(round))
		r := poenf.Round{
			Number: round, Nominal: 50, Winner: "m000", Truth: make([]int32, 10), Entries: []poenf.Entry{{Member: "m000"}},
		}
		b.add(entry{bytes: append([]byte{entryRound}, must(r.MarshalBinary())...), number: round})
		to.rounds, to.newest = to.rounds+1, round
		made := poenf.Change{Sequence: round, Operations: []poenf.Operation{{Op: poenf.SetFaulty}}}
		if err := made.Sign(c.ID, c.Admin); err != nil {
			t.Fatal(err)
		}
		b.add(changeEntry(int64(round), made))
		to.encoded = must(to.machine.MarshalBinary())
		to.seal([][32]byte{r.Hash()})
		if err := s.commit(b); err != nil {
			t.Fatal(err)
		}
		st = to
	}
	return s, st
}

// TestBadChunks: whatever is wrong in a chunk is found in that chunk, and does not get in.
func TestBadChunks(t *testing.T) {
	from, st := someState(t)
	h, chunks := chunksOf(t, from, 3)
	chunk := chunks[1]
	to := &store{db: dbm.NewMemDB()}
	offered := func() *restoring { return &restoring{appHash: st.appHash(), height: 3, chunks: 2, hash: h.hash[:]} }
	var bad *badChunkError
	for i := range h.bytes {
		broken := bytes.Clone(h.bytes)
		broken[i] ^= 1
		if err := offered().head(broken); !errors.As(err, &bad) {
			t.Errorf("head, byte %d: %v", i, err)
		}
	}
	r := offered()
	if err := to.restoreChunk(r, 1, chunk); err == nil {
		t.Error("a chunk before the head is taken")
	}
	if err := r.head(h.bytes); err != nil {
		t.Fatal(err)
	}
	for i := range chunk {
		broken := bytes.Clone(chunk)
		broken[i] ^= 1
		if err := to.restoreChunk(r, 1, broken); !errors.As(err, &bad) {
			t.Errorf("chunk, byte %d: %v", i, err)
		}
	}
	for _, n := range []int{0, 1, len(chunk) - 1} {
		if err := to.restoreChunk(r, 1, chunk[:n]); !errors.As(err, &bad) {
			t.Errorf("%d bytes of a chunk: %v", n, err)
		}
	}
	if err := to.restoreChunk(r, 2, chunk); err == nil {
		t.Error("a chunk too many is taken")
	}
	if err := to.restoreChunk(r, 1, chunk); err != nil || r.at != st.journal || r.rounds != 3 {
		t.Errorf("%v, %+v", err, r)
	}
	if round, err := to.round(2); err != nil || round.Number != 2 {
		t.Errorf("%+v, %v", round, err)
	}
	if found, err := to.find(key(keyChange, 3)); err != nil || sequenceOf(t, found) != 3 {
		t.Errorf("change 3: %v, %v", found, err)
	}
	if st, err := to.load(); st != nil || err != nil {
		t.Errorf("a restore that was not finished counts: %v, %v", st, err)
	}
	if _, err := to.round(2); err == nil {
		t.Error("a restore that was not finished is still there")
	}
}

// longState returns a state at height 7 whose journal has several chunks, in a store, and all chunks of its snapshot.
func longState(t testing.TB) (*store, *state, [][]byte) {
	t.Helper()
	machine, err := poenf.New(ledgertest.NewCommittee("long", 3, 10).Committee, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := &store{db: dbm.NewMemDB()}
	to := newState(machine, must(machine.MarshalBinary())).after(7)
	b := &block{state: to, changed: true, snapshot: true}
	for round := uint64(1); to.journal.chunks < 4; round++ {
		truth := make([]int32, 600)
		truth[0] = int32(round)
		r := poenf.Round{Number: round, Nominal: 50, Winner: "m000", Truth: truth, Entries: []poenf.Entry{{Member: "m000"}}}
		b.add(entry{bytes: append([]byte{entryRound}, must(r.MarshalBinary())...), number: round})
		to.rounds, to.newest = to.rounds+1, round
	}
	to.seal(nil)
	if err := s.commit(b); err != nil {
		t.Fatal(err)
	}
	_, chunks := chunksOf(t, s, 7)
	return s, to, chunks
}

// chunksOf returns the snapshot of a height.
func chunksOf(t testing.TB, s *store, height int64) (*head, [][]byte) {
	t.Helper()
	h, err := s.snapshotHead(height)
	if err != nil || h == nil {
		t.Fatal(h, err)
	}
	chunks := [][]byte{h.bytes}
	for i := range h.end.chunks {
		chunk, err := s.journalChunk(i, h.end)
		if err != nil {
			t.Fatal(err)
		}
		chunks = append(chunks, chunk)
	}
	return h, chunks
}

// forge returns the first two chunks of a snapshot with the truth of round 1 changed, and the second to fit.
func forge(t *testing.T, chunks [][]byte) (first, second []byte) {
	t.Helper()
	n := binary.BigEndian.Uint32(chunks[1])
	var r poenf.Round
	if err := r.UnmarshalBinary(chunks[1][5 : 4+n]); err != nil {
		t.Fatal(err)
	}
	r.Truth[0] = 60
	forged := append([]byte{entryRound}, must(r.MarshalBinary())...)
	second = append(binary.BigEndian.AppendUint32(nil, uint32(len(forged))), forged...)
	second = append(second, chunks[1][4+n:]...)
	var end journal
	for rest := second; len(rest) > 0; {
		n := binary.BigEndian.Uint32(rest)
		end, _ = end.add(rest[4 : 4+n])
		rest = rest[4+n:]
	}
	first = bytes.Clone(chunks[0])
	copy(first[4+startBytes:], end.start())
	return first, second
}

// syncing is an app in state sync.
type syncing struct {
	*app
	t *testing.T
}

func newSyncing(t *testing.T, s *store) syncing {
	t.Helper()
	m, err := newMetrics(nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	a, err := newApp(Config{}.withDefaults(), s, m)
	if err != nil {
		t.Fatal(err)
	}
	return syncing{a, t}
}

// offer offers a snapshot of st, in so many chunks, with that hash.
func (s syncing) offer(st *state, chunks int, hash [sha256.Size]byte) {
	s.t.Helper()
	got, err := s.OfferSnapshot(s.t.Context(), &abci.RequestOfferSnapshot{AppHash: st.appHash(), Snapshot: &abci.Snapshot{
		Height: uint64(st.height), Format: snapshotFormat, Chunks: uint32(chunks), Hash: hash[:],
	}})
	if err != nil || got.Result != abci.ResponseOfferSnapshot_ACCEPT {
		s.t.Fatalf("offer: %v, %v", got, err)
	}
}

// apply gives the app a chunk of a sender's; want is what comes of it, and banned whether the sender is thought a liar.
func (s syncing) apply(index int, chunk []byte, want abci.ResponseApplySnapshotChunk_Result, banned bool) {
	s.t.Helper()
	got, err := s.ApplySnapshotChunk(s.t.Context(), &abci.RequestApplySnapshotChunk{Index: uint32(index), Chunk: chunk, Sender: "peer"})
	if err != nil || got.Result != want || banned != slices.Contains(got.RejectSenders, "peer") {
		s.t.Fatalf("chunk %d: %v, %v, want %v", index, got, err, want)
	}
	if refetched := slices.Equal(got.RefetchChunks, []uint32{uint32(index)}); refetched != (want == abci.ResponseApplySnapshotChunk_RETRY) {
		s.t.Errorf("chunk %d: fetched again: %v", index, got.RefetchChunks)
	}
}

const (
	chunkTaken     = abci.ResponseApplySnapshotChunk_ACCEPT
	chunkRefused   = abci.ResponseApplySnapshotChunk_RETRY
	snapshotGoesBy = abci.ResponseApplySnapshotChunk_REJECT_SNAPSHOT
)

// TestForgedChunks: who forges a round of the past is found out with the first chunk that has to do with it, and nobody
// else is blamed. The node serves nothing before all is in, and then the truth.
func TestForgedChunks(t *testing.T) {
	_, st, chunks := longState(t)
	head, first := forge(t, chunks)
	a := newSyncing(t, &store{db: dbm.NewMemDB()})
	reader := &Node{app: a.app, done: make(chan struct{})}
	unread := func() {
		t.Helper()
		if _, err := reader.Round(t.Context(), 1); !errors.Is(err, errSyncing) || !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("a round while syncing: %v", err)
		}
		if _, err := reader.Latest(t.Context()); !errors.Is(err, errSyncing) {
			t.Errorf("the latest round while syncing: %v", err)
		}
		for e, err := range reader.Evidence(t.Context(), 0) {
			if !errors.Is(err, errSyncing) {
				t.Errorf("evidence while syncing: %+v, %v", e, err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		for r, err := range reader.Follow(ctx, 0) {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("round %d while syncing: %v", r.Number, err)
			}
		}
		if reader.Running() != nil {
			t.Error("a node that syncs says that it has stopped")
		}
	}
	// Offered as it is, there is nothing to be had under that name.
	a.offer(st, len(chunks), sha256.Sum256(head))
	a.apply(0, head, snapshotGoesBy, true)
	// Under the honest one's name, others have it.
	a.offer(st, len(chunks), sha256.Sum256(chunks[0]))
	a.apply(0, head, chunkRefused, true)
	a.apply(0, chunks[0], chunkTaken, false)
	a.apply(1, first, chunkRefused, true)
	if r, err := a.store.round(1); err == nil {
		t.Errorf("round %d of a forged chunk was written", r.Number)
	}
	for i := 1; i < len(chunks); i++ {
		unread()
		a.apply(i, first, chunkRefused, true)
		a.apply(i, chunks[i], chunkTaken, false)
	}
	if r, err := reader.Round(t.Context(), 1); err != nil || r.Truth[0] != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := reader.Latest(t.Context()); err != nil || r.Number != st.newest {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestWrongCount: a snapshot that is offered with more chunks than it has, or fewer, is passed over before anything of it
// counts, and its sender is not blamed for what others offered.
func TestWrongCount(t *testing.T) {
	_, st, chunks := longState(t)
	a := newSyncing(t, &store{db: dbm.NewMemDB()})
	for _, count := range []int{1, len(chunks) - 1, len(chunks) + 1, math.MaxUint32} {
		a.offer(st, count, sha256.Sum256(chunks[0]))
		a.apply(0, chunks[0], snapshotGoesBy, false)
		a.apply(1, chunks[1], abci.ResponseApplySnapshotChunk_ABORT, false)
	}
	if a.committed.Load() != nil {
		t.Error("it has a state")
	}
}

// TestKilledAfterRestore: a node that is killed after its ledger was restored, and before the engine has noted it, syncs
// again.
func TestKilledAfterRestore(t *testing.T) {
	_, st, chunks := longState(t)
	s := &store{db: dbm.NewMemDB()}
	for range 3 {
		a := newSyncing(t, s)
		a.offer(st, len(chunks), sha256.Sum256(chunks[0]))
		if r, err := a.store.round(1); err == nil || a.committed.Load() != nil {
			t.Errorf("round %d of the former state is still there", r.Number)
		}
		for i, chunk := range chunks {
			a.apply(i, chunk, chunkTaken, false)
		}
		if got := a.committed.Load(); got == nil || !bytes.Equal(got.appHash(), st.appHash()) {
			t.Fatal("it has no state, or another")
		}
	}
}

// TestServeSnapshot: what is listed can be loaded and restored, and what is too large to be sent is not listed.
func TestServeSnapshot(t *testing.T) {
	s, st, chunks := longState(t)
	a := newSyncing(t, s)
	list, err := a.ListSnapshots(t.Context(), nil)
	if err != nil || len(list.Snapshots) != 1 {
		t.Fatal(list, err)
	}
	for i := range list.Snapshots[0].Chunks + 2 {
		got, err := a.LoadSnapshotChunk(t.Context(), &abci.RequestLoadSnapshotChunk{Height: 7, Format: snapshotFormat, Chunk: i})
		if err != nil {
			t.Fatal(err)
		}
		if int(i) < len(chunks) && !bytes.Equal(got.Chunk, chunks[i]) || int(i) >= len(chunks) && got.Chunk != nil {
			t.Errorf("chunk %d has %d bytes", i, len(got.Chunk))
		}
	}
	for height := int64(8); height < 20; height++ {
		if err := s.commit(&block{state: st.after(height), snapshot: true}); err != nil {
			t.Fatal(err)
		}
		if h, err := s.snapshotHead(height); err != nil || !bytes.Equal(h.bytes, chunks[0]) || len(s.heads) > keptSnapshots+1 {
			t.Errorf("height %d: %v; %d are kept", height, err, len(s.heads))
		}
	}
	large := make([]byte, maxHead+1)
	s.heads = map[int64]*head{9: {bytes: large}}
	list, err = a.ListSnapshots(t.Context(), nil)
	if err != nil || len(list.Snapshots) != 12 || slices.ContainsFunc(list.Snapshots, func(s *abci.Snapshot) bool { return s.Height == 9 }) {
		t.Errorf("%d snapshots, %v", len(list.Snapshots), err)
	}
}

// FuzzState: no bytes make what reads a state or a chunk panic, and a state that is read is written the same.
func FuzzState(f *testing.F) {
	s, st := someState(f)
	h, chunks := chunksOf(f, s, 3)
	f.Add(st.encode())
	f.Add(chunks[0])
	f.Add(chunks[1])
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, err := decodeState(data); err == nil && !bytes.Equal(got.encode(), data) {
			t.Error("it is written otherwise")
		}
		r := &restoring{appHash: st.appHash(), height: 3, chunks: 2, hash: h.hash[:]}
		if err := r.head(data); err == nil && !bytes.Equal(data, chunks[0]) {
			t.Error("another head is taken")
		}
		if err := r.head(chunks[0]); err != nil {
			t.Fatal(err)
		}
		if err := (&store{db: dbm.NewMemDB()}).restoreChunk(r, 1, data); err == nil && !bytes.Equal(data, chunks[1]) {
			t.Error("another chunk is taken")
		}
	})
}

func sequenceOf(t *testing.T, entry []byte) uint64 {
	t.Helper()
	made, err := decodeChange(entry)
	if err != nil {
		t.Fatal(err)
	}
	return made.Change.Sequence
}
