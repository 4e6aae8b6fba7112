// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"bytes"
	"errors"
	"testing"

	dbm "github.com/cometbft/cometbft-db"

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
	s := &store{dbm.NewMemDB()}
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
	head, _, err := from.snapshotHead(3)
	if err != nil {
		t.Fatal(err)
	}
	chunk, err := from.journalChunk(0, st.journal)
	if err != nil {
		t.Fatal(err)
	}
	to := &store{dbm.NewMemDB()}
	var bad *badChunkError
	for i := range head {
		r := &restoring{appHash: st.appHash(), height: 3}
		broken := bytes.Clone(head)
		broken[i] ^= 1
		err := r.head(broken)
		if err == nil { // where the chunks begin is known by what is in them
			err = to.restoreChunk(r, 1, chunk)
			r.at = journal{}
		}
		if err == nil && i >= 4+8+32 || err != nil && !errors.As(err, &bad) {
			t.Errorf("head, byte %d: %v", i, err)
		}
	}
	r := &restoring{appHash: st.appHash(), height: 3}
	if err := to.restoreChunk(r, 1, chunk); !errors.As(err, &bad) {
		t.Errorf("a chunk before the head: %v", err)
	}
	if err := r.head(head); err != nil {
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
	if err := to.restoreChunk(r, 2, chunk); !errors.As(err, &bad) {
		t.Errorf("a chunk too many: %v", err)
	}
	if err := to.restoreChunk(r, 1, chunk); err != nil || r.at != st.journal || r.rounds != 3 {
		t.Errorf("%v, %+v", err, r)
	}
	if round, err := to.round(2); err != nil || round.Number != 2 {
		t.Errorf("%+v, %v", round, err)
	}
	if st, err := to.load(); st != nil || err != nil {
		t.Errorf("a restore that was not finished counts: %v, %v", st, err)
	}
	if _, err := to.round(2); err == nil {
		t.Error("a restore that was not finished is still there")
	}
}

// FuzzState: no bytes make what reads a state or a chunk panic, and a state that is read is written the same.
func FuzzState(f *testing.F) {
	s, st := someState(f)
	head, _, err := s.snapshotHead(3)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(st.encode())
	f.Add(head)
	chunk, err := s.journalChunk(0, st.journal)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(chunk)
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, err := decodeState(data); err == nil && !bytes.Equal(got.encode(), data) {
			t.Error("it is written otherwise")
		}
		r := &restoring{appHash: st.appHash(), height: 3}
		_ = r.head(data)
		if err := r.head(head); err != nil {
			t.Fatal(err)
		}
		if err := (&store{dbm.NewMemDB()}).restoreChunk(r, 1, data); err == nil && !bytes.Equal(data, chunk) {
			t.Error("another chunk is taken")
		}
	})
}
