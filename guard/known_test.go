// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package guard_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"log/slog"
	"math"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/guard"
	"github.com/defakepro/defakepro/httpapi"
	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/ledger/ledgertest"
	"github.com/defakepro/defakepro/poenf"
)

// tell serves a ledger of a committee as a node does, and returns its URL.
func tell(t *testing.T, c *ledgertest.Committee, l ledger.Ledger) string {
	t.Helper()
	return serve(t, httpapi.Options{Ledger: l, Committee: func() (poenf.Committee, error) { return c.Committee, nil }})
}

// prophet is a ledger that first of all tells a round of the far future.
type prophet struct {
	ledger.Ledger
	round poenf.Round
}

// Follow implements ledger.Ledger.
func (p prophet) Follow(ctx context.Context, _ uint64) iter.Seq2[poenf.Round, error] {
	return func(yield func(poenf.Round, error) bool) {
		if yield(p.round, nil) {
			<-ctx.Done()
			yield(poenf.Round{}, ctx.Err())
		}
	}
}

// TestNoRoundOfTheFuture: a node that tells a round which cannot have closed yet does not keep a guard from those that do.
func TestNoRoundOfTheFuture(t *testing.T) {
	t.Parallel()
	c := ledgertest.NewCommittee("future", 3, 10)
	clock := new(ledgertest.Clock)
	memory, err := ledger.NewMemory(c.Committee, clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	last := c.Last(clock.Now().UnixMilli()) + 1
	clock.Until(c.EndOf(last))
	for _, m := range c.Members {
		if err := memory.Submit(t.Context(), c.Proof(m.Name, last)); err != nil {
			t.Fatal(err)
		}
	}
	honest, err := memory.Round(t.Context(), last)
	if err != nil {
		t.Fatal(err)
	}
	future := honest
	future.Number = math.MaxUint64 - 1
	urls := []string{tell(t, c, prophet{memory, future}), tell(t, c, memory)}
	truth, err := guard.NewCommittee(urls, nil, httpapi.ClientOptions{}, clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	run(t, truth)
	until(t, "the honest node's round is known", func() bool {
		s := truth.State()
		return s.Problem == "" && s.Known.Equal(c.EndOf(last).Add(-time.Second))
	})
}

// TestGuardTakesNoProofs: a proof is a node's to take, and that is no fault of the guard's.
func TestGuardTakesNoProofs(t *testing.T) {
	c := ledgertest.NewCommittee("elsewhere", 3, 10)
	truth, err := guard.NewCommittee([]string{"http://127.0.0.1:1"}, nil, httpapi.ClientOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	server := httptest.NewServer(guard.New(guard.Options{Room: "board", Conference: absent{}, Committee: truth, Log: log}).Handler())
	defer server.Close()
	client, err := httpapi.NewClient(server.URL, httpapi.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	err = client.Submit(t.Context(), c.Proof("m000", 7))
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "a guard takes no proofs") {
		t.Error(err)
	}
	if said.Len() > 0 {
		t.Errorf("the guard's log: %s", said.String())
	}
}
