// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/defakepro/defakepro/poenf"
)

func TestAddresses(t *testing.T) {
	for _, test := range []struct {
		url  string
		o    ClientOptions
		fine bool
	}{
		{"https://node.example", ClientOptions{}, true},
		{"https://node.example:8443/behind/a/proxy/", ClientOptions{Token: "t"}, true},
		{"http://127.0.0.1:1", ClientOptions{Token: "t"}, true},
		{"http://localhost:1", ClientOptions{}, true},
		{"http://[::1]:1", ClientOptions{}, true},
		{"http://node.example", ClientOptions{}, false},
		{"http://localhost.node.example", ClientOptions{}, false},
		{"http://127.0.0.1.node.example", ClientOptions{}, false},
		{"http://node.example", ClientOptions{AllowPlaintext: true}, true},
		{"http://node.example", ClientOptions{AllowPlaintext: true, Token: "t"}, false},
		{"https://user:secret@node.example", ClientOptions{}, false},
		{"https://user:secret@node.example:x", ClientOptions{}, false},
		{"ftp://node.example", ClientOptions{}, false},
		{"file:///etc/passwd", ClientOptions{}, false},
		{"node.example", ClientOptions{}, false},
		{"https://", ClientOptions{}, false},
		{"https://node.example?x=1", ClientOptions{}, false},
		{"https://node.example#x", ClientOptions{}, false},
		{"", ClientOptions{}, false},
	} {
		_, err := NewClient(test.url, test.o)
		if (err == nil) != test.fine {
			t.Errorf("%s, %+v: %v", test.url, test.o, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", test.url, err)
		}
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	var strayed atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed.Add(1) }))
	defer elsewhere.Close()
	h := Handler(Options{Ledger: rounds(1, 9), Committee: theCommittee})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path, ok := strings.CutPrefix(r.URL.Path, "/moved"); ok {
			http.Redirect(w, r, path+"?"+r.URL.RawQuery, http.StatusPermanentRedirect)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/away") {
			http.Redirect(w, r, elsewhere.URL, http.StatusPermanentRedirect)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/loop") {
			http.Redirect(w, r, r.URL.Path, http.StatusPermanentRedirect)
			return
		}
		h.ServeHTTP(w, r)
	}))
	defer server.Close()
	for path, want := range map[string]error{"/moved": nil, "/away": errRedirect, "/loop": errRedirect} {
		client, err := NewClient(server.URL+path, ClientOptions{Token: "t"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Round(t.Context(), 5); !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
		if err := client.Submit(t.Context(), committee.Proof("m000", 7)); !errors.Is(err, want) {
			t.Errorf("%s: submit: %v", path, err)
		}
		for _, err := range client.Follow(t.Context(), 5) {
			if !errors.Is(err, want) {
				t.Errorf("%s: follow: %v", path, err)
			}
			break
		}
	}
	if strayed.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

// The token goes where it belongs, and nowhere else.
func TestToken(t *testing.T) {
	t.Parallel()
	const token = "abracadabra"
	var seen atomic.Int64
	h := Handler(Options{Ledger: rounds(1, 9), Committee: theCommittee})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer "+token {
			seen.Add(1)
		}
		h.ServeHTTP(w, r)
	}))
	var log lines
	client, err := NewClient(server.URL, ClientOptions{Token: token, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Round(t.Context(), 5); err != nil || seen.Load() != 1 {
		t.Errorf("%v, seen %d times", err, seen.Load())
	}
	server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	for _, err := range client.Follow(ctx, 5) {
		if strings.Contains(err.Error(), token) {
			t.Error(err)
		}
	}
	if _, err := client.Round(t.Context(), 5); err == nil || strings.Contains(err.Error(), token) {
		t.Error(err)
	}
	if s := log.String(); s == "" || strings.Contains(s, token) {
		t.Errorf("log: %s", s)
	}
}

// endless is a body without an end.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}
func (endless) Close() error { return nil }

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 404, 500} {
		client := fake(t, func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {problemType}}, Body: endless{}}, nil
		})
		_, round := client.Round(t.Context(), 1)
		_, registered := client.Committee(t.Context())
		_, certificate := client.Certificate(t.Context(), 1)
		_, truth := client.Truth(t.Context(), time.Unix(1, 0), time.Unix(2, 0))
		for _, err := range []error{round, registered, certificate, truth, client.Submit(t.Context(), committee.Proof("m000", 7))} {
			if err == nil {
				t.Errorf("%d: no error", status)
			}
		}
	}
}

// An answer that is not what was asked for is an error, and none that means something.
func TestNonsense(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"", "{}", "[]", "null", "7", `{"number":2}`, `{"outcome":"\u001b[2J"}`, `{"start":"1970-01-01T00:00:01Z","step_s":1,"hz":[],"sigma_hz":[]}`,
		`{"id":"x","nominal_hz":50,"members":[]}`,
	} {
		client := fake(t, func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
		})
		_, round := client.Round(t.Context(), 1)
		_, registered := client.Committee(t.Context())
		_, truth := client.Truth(t.Context(), time.Unix(1, 0), time.Unix(2, 0))
		for _, err := range []error{round, registered, truth, client.Submit(t.Context(), committee.Proof("m000", 7))} {
			if err == nil || strings.Contains(err.Error(), "\x1b") {
				t.Errorf("%s: %v", body, err)
			}
			for _, k := range kinds {
				if k.err != nil && errors.Is(err, k.err) {
					t.Errorf("%s: %v is %v", body, err, k.err)
				}
			}
		}
	}
}

// A proof whose answer got lost is submitted again, and what the first time did is no error the second time.
func TestSubmitAgain(t *testing.T) {
	t.Parallel()
	for outcome, want := range map[string]error{admitted: nil, present: nil, counted: nil} {
		asked := 0
		client := fake(t, func(*http.Request) (*http.Response, error) {
			if asked++; asked == 1 {
				return nil, io.ErrUnexpectedEOF
			}
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(fmt.Sprintf(`{"outcome":%q}`, outcome)))}, nil
		})
		if err := client.Submit(t.Context(), committee.Proof("m000", 7)); !errors.Is(err, want) || asked != 2 {
			t.Errorf("%s: %v after %d", outcome, err, asked)
		}
	}
	for outcome, want := range map[string]error{present: poenf.ErrPresent, counted: poenf.ErrOutdated} {
		client := fake(t, func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(fmt.Sprintf(`{"outcome":%q}`, outcome)))}, nil
		})
		if err := client.Submit(t.Context(), committee.Proof("m000", 7)); !errors.Is(err, want) {
			t.Errorf("%s: %v", outcome, err)
		}
	}
}

// Every field of a round goes over the wire, those to come too.
func TestRoundBothWays(t *testing.T) {
	t.Parallel()
	want := aRound(5)
	for i := range reflect.TypeFor[poenf.Round]().NumField() {
		// The zero rule is one that exists, and there are only two.
		if f := reflect.ValueOf(&want).Elem().Field(i); f.IsZero() && f.CanInt() {
			f.SetInt(1)
		} else if f.IsZero() && f.CanUint() {
			f.SetUint(1)
		} else if f.IsZero() {
			t.Fatalf("field %d has no value here", i)
		}
	}
	want.Truth[3], want.Truth[4] = -poenf.MaxOffset, poenf.MaxOffset
	l := rounds(1, 9)
	l.round = func(context.Context, uint64) (poenf.Round, error) { return want, nil }
	client, _ := serve(t, Options{Ledger: l})
	if got, err := client.Round(t.Context(), 5); err != nil || !reflect.DeepEqual(got, want) || got.Hash() != want.Hash() {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}
