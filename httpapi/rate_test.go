// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// from asks a handler for something, as the client at an address.
func from(h http.Handler, remote, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.URL.Path = path
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	r.RemoteAddr = remote
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestRates: a client that asks too often is told when to ask again, and costs nobody else; who is on this machine is not counted.
func TestRates(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	h := Handler(Options{Ledger: rounds(1, 3), Committee: theCommittee, Now: func() time.Time { return now }, Limits: Limits{Rate: 0.5, Burst: 3}})
	const one, neighbour = "[2001:db8::1]:4000", "[2001:db8::ffff]:4001" // of one network
	for i, path := range []string{"/v1/committee", "/v1/rounds/2", "/nowhere"} {
		if w := from(h, one, path); w.Code == http.StatusTooManyRequests {
			t.Fatalf("request %d: %d", i, w.Code)
		}
	}
	w := from(h, neighbour, "/v1/committee")
	var p Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusTooManyRequests || p.Type != typePrefix+"too-many-requests" ||
		w.Header().Get("Content-Type") != problemType || w.Header().Get("Retry-After") != "2" {
		t.Errorf("one too many: %d %v %s, %v", w.Code, w.Header(), w.Body, err)
	}
	for _, other := range []string{"192.0.2.1:1", "[2001:db8:0:1::1]:1"} {
		if w := from(h, other, "/v1/committee"); w.Code != http.StatusOK {
			t.Errorf("%s: %d", other, w.Code)
		}
	}
	for range 100 {
		for _, here := range []string{"127.0.0.1:1", "[::1]:1", "@"} {
			if w := from(h, here, "/v1/committee"); w.Code != http.StatusOK {
				t.Fatalf("%s: %d", here, w.Code)
			}
		}
	}
	now = now.Add(time.Second) // half a request
	if w := from(h, one, "/v1/committee"); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "1" {
		t.Errorf("a second later: %d, after %s", w.Code, w.Header().Get("Retry-After"))
	}
	now = now.Add(time.Second) // what was refused has cost nothing
	if w := from(h, one, "/v1/committee"); w.Code != http.StatusOK {
		t.Errorf("when it was told to: %d", w.Code)
	}
	now = now.Add(time.Hour)
	for i := range 4 {
		if w := from(h, one, "/v1/committee"); (w.Code == http.StatusOK) != (i < 3) {
			t.Errorf("after an hour, request %d: %d", i, w.Code)
		}
	}
}

// TestTruthIsCounted: each hour of truth that is asked for is a request more, up to all that may be made at once.
func TestTruthIsCounted(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	h := Handler(Options{Ledger: rounds(1, 3), Committee: theCommittee, Now: func() time.Time { return now }, Limits: Limits{Rate: 1, Burst: 10}})
	const one = "192.0.2.1:1"
	ask := func(hours, want int, after string) {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, fmt.Sprintf("/v1/truth?from=0&to=%d", hours*3600), nil)
		r.RemoteAddr = one
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want || w.Header().Get("Retry-After") != after {
			t.Errorf("%d h: %d, again after %q: %s", hours, w.Code, w.Header().Get("Retry-After"), w.Body)
		}
	}
	ask(7, http.StatusOK, "") // 2 are left
	ask(5, http.StatusTooManyRequests, "4")
	ask(0, http.StatusOK, "")
	now = now.Add(time.Minute)
	ask(24, http.StatusOK, "")
	ask(0, http.StatusTooManyRequests, "1")
}

// TestRatesAreBounded: what is kept does not grow with the addresses that come, and who keeps coming is not forgotten for them.
func TestRatesAreBounded(t *testing.T) {
	t.Parallel()
	var r rates
	now := time.Unix(1_800_000_000, 0)
	if r.wait("192.0.2.1:1", now, 1, 1, 1) != 0 || r.wait("192.0.2.1:1", now, 1, 1, 1) != time.Second {
		t.Fatal("the rate is not that")
	}
	for i := range 5 * mostClients {
		if wait := r.wait(fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255), now, 1, 1, 1); wait != 0 {
			t.Fatalf("address %d waits for %v", i, wait)
		}
		if i%1000 == 0 && r.wait("192.0.2.1:1", now, 1, 1, 1) != time.Second {
			t.Fatalf("forgotten after %d addresses", i)
		}
	}
	if n := len(r.recent) + len(r.old); n > 2*mostClients {
		t.Errorf("%d are kept", n)
	}
	if r.wait("10.0.0.0:1", now, 1, 1, 1) != 0 {
		t.Error("one that came long ago is still kept")
	}
}
