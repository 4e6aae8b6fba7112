// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package guard_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/defakepro/defakepro/capability"
	"github.com/defakepro/defakepro/guard"
	"github.com/defakepro/defakepro/httpapi"
	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/ledger/ledgertest"
	"github.com/defakepro/defakepro/poenf"
)

const soon = 20 * time.Millisecond

// absent is a meeting in which nothing happens.
type absent struct{}

// Follow implements guard.Conference.
func (absent) Follow(ctx context.Context, _ guard.Listener) error {
	<-ctx.Done()
	return ctx.Err()
}

// get asks a guard for its rooms, and returns the status.
func get(h http.Handler, token string) (int, string) {
	r := httptest.NewRequest(http.MethodGet, "/v1/rooms", nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// change makes a change of the registry.
func (c *committee) change(t *testing.T, sequence uint64, operations ...poenf.Operation) {
	t.Helper()
	change := poenf.Change{Sequence: sequence, Operations: operations}
	if err := change.Sign(c.ID, c.Admin); err != nil {
		t.Fatal(err)
	}
	if err := c.node.Change(t.Context(), change); err != nil {
		t.Fatal(err)
	}
}

// TestGuardAsksForTokens: a guard goes by the registry that certificates prove; what is revoked there is worth nothing soon after, and
// a node that keeps the revocation back cannot hide it.
func TestGuardAsksForTokens(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a node")
	}
	c := newCommittee(t)
	c.change(t, 1, poenf.Operation{Op: poenf.Enrol, Roles: poenf.Participant, Member: poenf.Member{
		Name: "ann", Key: ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey),
	}})
	old, err := c.node.RegistryCertificate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	registry := func(certificate func(context.Context) (json.Marshaler, error)) string {
		return serve(t, httpapi.Options{
			Ledger: c.node, Committee: c.node.Committee, Security: &httpapi.Security{Registry: c.node.Registry, Certificate: certificate},
		})
	}
	liar := registry(func(context.Context) (json.Marshaler, error) { return old, nil })
	honest := registry(func(ctx context.Context) (json.Marshaler, error) { return c.node.RegistryCertificate(ctx) })
	var said bytes.Buffer
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	audit, err := capability.OpenAudit(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))
	truth, err := guard.NewCommittee([]string{liar, honest}, c.genesis, httpapi.ClientOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	g := guard.New(guard.Options{Room: "board", Conference: absent{}, Committee: truth, Tokens: true, Audit: audit, Log: log})
	truth.Register(soon)
	h := g.Handler()
	token, err := capability.Issue(c.Admin, "ann", capability.Limits{Operations: []string{"rooms:read"}, Until: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if status, body := get(h, token); status != http.StatusUnauthorized || !strings.Contains(body, "no node tells who is registered") {
		t.Errorf("before anybody has told: %d %s", status, body)
	}
	run(t, truth)
	until(t, "the registry is known", func() bool { status, _ := get(h, token); return status == http.StatusOK })
	if status, _ := get(h, ""); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d", status)
	}
	parsed, err := capability.Parse(token)
	if err != nil {
		t.Fatal(err)
	}
	c.change(t, 2, poenf.Operation{Op: poenf.RevokeToken, Revocation: poenf.Revocation{Token: parsed.IDs()[0], Until: parsed.Until().UnixMilli()}})
	until(t, "the token is worth nothing", func() bool {
		status, body := get(h, token)
		return status == http.StatusUnauthorized && strings.Contains(body, "revoked")
	})
	if r, _, err := truth.Registry(); err != nil || !r.Withdrawn(parsed.IDs()[0]) {
		t.Errorf("the liar is believed: %v", err)
	}
	if err := audit.Close(); err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if log := said.String(); !strings.Contains(log, "request refused") || strings.Contains(log, token[20:60]) || strings.Contains(string(kept), token[20:60]) {
		t.Errorf("the token is in the log or the record, or nothing is: %.300s", log)
	}
	if !strings.Contains(string(kept), `"holder":"ann"`) {
		t.Errorf("the record says nothing of the use: %.300s", kept)
	}
}

// TestRegistryGrowsOld: a guard that no node tells who is registered refuses all after five minutes.
func TestRegistryGrowsOld(t *testing.T) {
	t.Parallel()
	c := ledgertest.NewCommittee("aged", 3, 10)
	var out atomic.Bool
	memory, err := ledger.NewMemory(c.Committee, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	api := httpapi.Handler(httpapi.Options{
		Ledger: memory, Committee: func() (poenf.Committee, error) { return c.Committee, nil },
		Security: &httpapi.Security{Registry: func() (poenf.Registry, uint64, error) {
			return poenf.Registry{Administrators: []ed25519.PublicKey{c.Administrator}, Threshold: 1}, 1, nil
		}, Change: func(context.Context, poenf.Change) error { return nil }},
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if out.Load() {
			http.Error(w, "", http.StatusBadGateway)
			return
		}
		api.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	truth, err := guard.NewCommittee([]string{server.URL}, nil, httpapi.ClientOptions{}, now)
	if err != nil {
		t.Fatal(err)
	}
	truth.Register(soon)
	run(t, truth)
	known := func() bool { _, _, err := truth.Registry(); return err == nil }
	until(t, "the registry is known", known)
	out.Store(true)
	ahead.Store(int64(4 * time.Minute))
	if !known() {
		t.Error("forgotten after four minutes")
	}
	ahead.Store(int64(6 * time.Minute))
	until(t, "nobody knows any more", func() bool { return !known() })
	out.Store(false)
	until(t, "the registry is known again", known)
}

// TestGuardTakesRecordings: what is uploaded to a guard reaches its Check; without one it takes none.
func TestGuardTakesRecordings(t *testing.T) {
	check := func(_ context.Context, u httpapi.Upload) ([]byte, error) {
		data, err := os.ReadFile(u.Path)
		return append([]byte("seen: "), data...), err
	}
	for _, c := range []struct {
		options guard.Options
		status  int
		says    string
	}{
		{guard.Options{Room: "board", Conference: absent{}, Check: check}, http.StatusOK, "seen: sound"},
		{guard.Options{Room: "board", Conference: absent{}}, http.StatusNotImplemented, "recordings are not checked here"},
	} {
		w := httptest.NewRecorder()
		guard.New(c.options).Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/checks", strings.NewReader("sound")))
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%d %s, want %d %s", w.Code, w.Body, c.status, c.says)
		}
	}
}

// TestNoTokensWithoutRegistry: tokens that nobody can verify are a mistake of the caller's.
func TestNoTokensWithoutRegistry(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("taken")
		}
	}()
	guard.New(guard.Options{Room: "board", Conference: absent{}, Tokens: true})
}
