// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// CloseStore closes the ledger's store under a running node.
func (n *Node) CloseStore() error { return n.app.store.close() }

// remains leaves in a directory what a database was that somebody stopped making.
func remains(t *testing.T, dir string, more ...string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range append([]string{"LOCK", "LOG", "MANIFEST-000000"}, more...) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("MANIF"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHalfMadeStore: a store whose making was interrupted is made anew, and one that may hold anything is left as it is.
func TestHalfMadeStore(t *testing.T) {
	for _, more := range [][]string{nil, {"CURRENT.0"}, {"LOG.old"}} {
		dir := t.TempDir()
		remains(t, filepath.Join(dir, "ledger.db"), more...)
		for range 2 {
			s, err := openStore(dir)
			if err != nil {
				t.Fatalf("with %q: %v", more, err)
			}
			if err := errors.Join(s.db.SetSync([]byte("k"), []byte("v")), s.close()); err != nil {
				t.Error(err)
			}
		}
	}
	for _, more := range []string{"000001.log", "000002.ldb", "000002.sst", "CURRENT", "CURRENT.bak", "mine.txt"} {
		dir := t.TempDir()
		remains(t, filepath.Join(dir, "ledger.db"), more)
		if s, err := openStore(dir); err == nil {
			t.Errorf("with %s it opens: %v", more, s.close())
		}
		for _, name := range []string{"MANIFEST-000000", more} {
			if _, err := os.Stat(filepath.Join(dir, "ledger.db", name)); err != nil {
				t.Errorf("with %s: %v", more, err)
			}
		}
	}
}

// TestStoreInUse: whoever starts a second node in a home is told so, and the first one's store stays as it is.
func TestStoreInUse(t *testing.T) {
	dir := t.TempDir()
	s, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.close() }()
	if err := os.Remove(filepath.Join(dir, "ledger.db", "CURRENT")); err != nil { // as if it was being made
		t.Fatal(err)
	}
	if _, err := openStore(dir); err == nil || !strings.Contains(err.Error(), "another node runs in this home") {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "ledger.db", "MANIFEST-000000")); err != nil {
		t.Error(err)
	}
}

// TestSyncWatch: of all that the engine says, the end of state sync is heard, once.
func TestSyncWatch(t *testing.T) {
	failed := make(chan error, 1)
	w := syncWatch{engineLog{slog.New(slog.DiscardHandler)}, failed}.With("module", "statesync")
	w.Info("State sync failed")
	w.Error("Failed to add chunk", "err", "not that")
	if len(failed) != 0 {
		t.Error("it heard something else")
	}
	w.Error("State sync failed", "err", errors.New("state sync aborted"))
	w.Error("State sync failed")
	if err := <-failed; err.Error() != "the engine: State sync failed: state sync aborted" || len(failed) != 0 {
		t.Error(err)
	}
}
