// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/ledger/ledgertest"
	"github.com/defakepro/defakepro/poenf"
)

// stub is a ledger that does as it is told.
type stub struct {
	submit func(context.Context, poenf.Proof) error
	round  func(context.Context, uint64) (poenf.Round, error)
	follow func(context.Context, uint64) iter.Seq2[poenf.Round, error]
}

func (s *stub) Submit(ctx context.Context, p poenf.Proof) error { return s.submit(ctx, p) }
func (s *stub) Round(ctx context.Context, n uint64) (poenf.Round, error) {
	if s.round == nil {
		return poenf.Round{}, ledger.ErrNotFound
	}
	return s.round(ctx, n)
}
func (s *stub) Follow(ctx context.Context, n uint64) iter.Seq2[poenf.Round, error] {
	return s.follow(ctx, n)
}

var committee = ledgertest.NewCommittee("test", 3, 10)

func theCommittee() (poenf.Committee, error) { return committee.Committee, nil }

// aRound returns a round that could be.
func aRound(n uint64) poenf.Round {
	r := poenf.Round{
		Number: n, Start: int64(n)*5 - 10, Closed: 1000, Nominal: 50, Winner: "m000", Truth: make([]int32, 10), Spread: 7,
		CommitteeHash: [32]byte{1, 2, 3}, Entries: make([]poenf.Entry, 3),
	}
	for i := range r.Entries {
		r.Entries[i] = poenf.Entry{Member: fmt.Sprintf("m%03d", i), ProofHash: [32]byte{byte(i)}, Score: 1<<63 + uint64(i), Inlier: i > 0}
	}
	return r
}

// serve serves o and returns a client and the address.
func serve(t testing.TB, o Options) (*Client, string) {
	t.Helper()
	if o.Committee == nil {
		o.Committee = theCommittee
	}
	return serveOnly(t, o)
}

// serveOnly serves o as it is.
func serveOnly(t testing.TB, o Options) (*Client, string) {
	t.Helper()
	server := httptest.NewServer(Handler(o))
	t.Cleanup(server.Close)
	client, err := NewClient(server.URL, ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client, server.URL
}

// Every error of the rule and the ledger goes over the wire and is what it was, in kind and in words.
func TestErrorsBothWays(t *testing.T) {
	t.Parallel()
	var refusal error
	l := &stub{
		submit: func(context.Context, poenf.Proof) error { return refusal },
		round:  func(context.Context, uint64) (poenf.Round, error) { return poenf.Round{}, refusal },
	}
	client, _ := serve(t, Options{Ledger: l})
	sentinels := []error{
		poenf.ErrNotMember, poenf.ErrOutdated, poenf.ErrEarly, poenf.ErrPresent, poenf.ErrMalformed, poenf.ErrSignature,
		poenf.ErrCommittee, ledger.ErrNotFound,
	}
	for _, want := range sentinels {
		refusal = fmt.Errorf("a reason: %w: details", want)
		err := client.Submit(t.Context(), committee.Proof("m000", 7))
		for _, other := range sentinels {
			if errors.Is(err, other) != errors.Is(other, want) {
				t.Errorf("%v became %v, which is %v: %t", want, err, other, errors.Is(err, other))
			}
		}
		var p *Problem
		if !errors.As(err, &p) || p.Detail != refusal.Error() || p.Status/100 != 4 || p.Title == "" || !strings.HasPrefix(p.Type, typePrefix) {
			t.Errorf("%v became %+v", refusal, p)
		}
	}
	// A reader has done nothing wrong, whatever the ledger stumbled over, and is not told.
	for _, want := range sentinels {
		refusal = fmt.Errorf("secret: %w", want)
		_, err := client.Round(t.Context(), 7)
		if errors.Is(want, ledger.ErrNotFound) {
			if !errors.Is(err, want) {
				t.Errorf("round: %v, want %v", err, want)
			}
			continue
		}
		var p *Problem
		if !errors.As(err, &p) || p.Status != http.StatusInternalServerError || errors.Is(err, want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("round: %v became %v", want, err)
		}
	}
	refusal = errors.New("disk on fire at /var/lib/secret")
	if err := client.Submit(t.Context(), committee.Proof("m000", 7)); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("an inner error became %v", err)
	}
	refusal = fmt.Errorf("waiting: %w", context.DeadlineExceeded)
	var p *Problem
	if err := client.Submit(t.Context(), committee.Proof("m000", 7)); !errors.As(err, &p) || p.Type != typePrefix+"timeout" {
		t.Errorf("a deadline became %v", err)
	}
}

func TestKindsAreDistinct(t *testing.T) {
	seen := make(map[string]bool)
	for _, k := range kinds {
		if seen[k.name] || k.title == "" || k.status < 400 {
			t.Errorf("%+v", k)
		}
		seen[k.name] = true
	}
}

// A server need not be one of ours, and need not be friendly.
func TestReadProblem(t *testing.T) {
	for _, test := range []struct {
		name, kind, body, want string
		is                     error
	}{
		{"ours", problemType, `{"type":"urn:defakepro:problem:early","title":"t","status":200,"detail":"d"}`, "d", poenf.ErrEarly},
		{"unknown type", problemType + "; charset=utf-8", `{"type":"urn:x","title":"t"}`, "t (409)", nil},
		{"page of a proxy", "text/html", "<html>", "Conflict (409)", nil},
		{"not what it says", problemType, `{"type":7}`, "Conflict (409)", nil},
		{"escapes", problemType, `{"detail":"a\u001b[2J\nb\u202e"}`, "a[2Jb", nil},
		{"long", problemType, `{"detail":"` + strings.Repeat("é", 4000) + `"}`, strings.Repeat("é", 250) + "…", nil},
	} {
		p := readProblem(http.StatusConflict, test.kind, []byte(test.body))
		if p.Error() != test.want || p.Status != http.StatusConflict || !errors.Is(p.Unwrap(), test.is) {
			t.Errorf("%s: %q, %+v", test.name, p.Error(), p)
		}
	}
}
