// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/defakepro/defakepro/httpapi"
	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/ledger/ledgertest"
	"github.com/defakepro/defakepro/poenf"
)

// dial serves o and returns a client of it.
func dial(t testing.TB, o httpapi.Options) *httpapi.Client {
	t.Helper()
	server := httptest.NewServer(httpapi.Handler(o))
	t.Cleanup(server.Close)
	client, err := httpapi.NewClient(server.URL, httpapi.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// The client has to say what the ledger behind it says, so the suite is given both.
func TestContractOverMemory(t *testing.T) {
	t.Parallel()
	ledgertest.Run(t, func(t *testing.T, c *ledgertest.Committee, now func() time.Time) []ledger.Ledger {
		m, err := ledger.NewMemory(c.Committee, now)
		if err != nil {
			t.Fatal(err)
		}
		client := dial(t, httpapi.Options{Ledger: m, Now: now, Committee: func() (poenf.Committee, error) { return c.Committee, nil }})
		return []ledger.Ledger{client, m}
	})
}

func startNode(t *testing.T, c poenf.Committee, now func() time.Time) (*comet.Node, *httpapi.Client, []byte) {
	t.Helper()
	home := t.TempDir()
	node, err := comet.Start(context.Background(), comet.Config{Home: home, Committee: c, Clock: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		node.Stop()
		if err := node.Wait(); err != nil {
			t.Error(err)
		}
	})
	genesis, err := os.ReadFile(filepath.Join(home, "config", "genesis.json"))
	if err != nil {
		t.Fatal(err)
	}
	client := dial(t, httpapi.Options{
		Ledger: node, Now: now, Committee: node.Committee, Genesis: genesis,
		Certificate: func(ctx context.Context, n uint64) (json.Marshaler, error) { return node.Certificate(ctx, n) },
		State: func() (httpapi.State, error) {
			return httpapi.State{Height: node.Height(), Peers: node.Peers(), Syncing: node.Syncing()}, nil
		},
	})
	return node, client, genesis
}

func TestContractOverNode(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a node")
	}
	t.Parallel()
	ledgertest.Run(t, func(t *testing.T, c *ledgertest.Committee, now func() time.Time) []ledger.Ledger {
		node, client, _ := startNode(t, c.Committee, now)
		return []ledger.Ledger{client, node}
	})
}

func TestCertificateOverNode(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a node")
	}
	t.Parallel()
	c, clock := ledgertest.NewCommittee("certified", 3, 10), new(ledgertest.Clock)
	node, client, genesis := startNode(t, c.Committee, clock.Now)
	n := c.Last(clock.Now().UnixMilli()) + 2
	clock.Until(c.EndOf(n))
	c.SubmitAll(t.Context(), t, []ledger.Ledger{client}, n, c.Members...)
	for _, err := range client.Follow(t.Context(), n) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	file, err := client.Certificate(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	root, err := comet.TrustGenesis(genesis)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := comet.Verify(file, root); err != nil || r.Number != n {
		t.Errorf("round %d, %v", r.Number, err)
	}
	direct, err := node.Certificate(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	if want, err := direct.MarshalJSON(); err != nil || !bytes.Equal(file, want) {
		t.Errorf("the file differs from the node's: %v", err)
	}
	if _, err := client.Certificate(t.Context(), n+1); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("of a round that is not closed: %v", err)
	}
	if got, err := client.Committee(t.Context()); err != nil || got.Hash() != c.Hash() {
		// The node makes its validator's keys the first member's, when it is told to; here it is not.
		t.Errorf("committee %+v, %v", got, err)
	}
}

// closed returns a ledger in memory with rounds first, first+1 and so on closed, each period of one at a time.
func closed(t testing.TB, c *ledgertest.Committee, rounds int) (m *ledger.Memory, clock *ledgertest.Clock, first uint64) {
	t.Helper()
	clock = new(ledgertest.Clock)
	m, err := ledger.NewMemory(c.Committee, clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	first = c.Last(clock.Now().UnixMilli()) + 2
	for n := first; n < first+uint64(rounds); n++ {
		clock.Until(c.EndOf(n))
		c.SubmitAll(context.Background(), t, []ledger.Ledger{m}, n, c.Members...)
	}
	return m, clock, first
}

func TestTruth(t *testing.T) {
	t.Parallel()
	c := ledgertest.NewCommittee("truth", 3, 20)
	m, clock, first := closed(t, c, 4)
	client := dial(t, httpapi.Options{Ledger: m, Now: clock.Now, Committee: func() (poenf.Committee, error) { return c.Committee, nil }})
	from, to := c.EndOf(first).Add(-30*time.Second), c.EndOf(first+6).Add(500*time.Millisecond)
	for _, test := range []struct {
		name     string
		from, to time.Time
	}{
		{"with gaps", from, to},
		{"between seconds", from.Add(time.Millisecond), to.Add(-time.Millisecond)},
		{"longer than a piece", from.Add(-13 * time.Hour), to},
		{"nothing", from, from},
		{"backwards", to, from},
	} {
		want, err := ledger.NewTruth(m, c.Committee).Between(t.Context(), test.from, test.to)
		if err != nil {
			t.Fatal(err)
		}
		got, err := client.Truth(t.Context(), test.from, test.to)
		same := func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }
		if err != nil || !got.Start.Equal(want.Start) || !slices.EqualFunc(got.Hz, want.Hz, same) || !slices.EqualFunc(got.Sigma, want.Sigma, same) {
			t.Errorf("%s: %v, %+v; want %+v", test.name, err, got, want)
		}
	}
	if _, err := client.Truth(t.Context(), from, from.Add(ledger.MaxSpan+time.Minute)); err == nil {
		t.Error("more than MaxSpan is served")
	}
}

func TestResubmission(t *testing.T) {
	t.Parallel()
	c, clock := ledgertest.NewCommittee("again", 6, 10), new(ledgertest.Clock)
	m, err := ledger.NewMemory(c.Committee, clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	client := dial(t, httpapi.Options{Ledger: m, Now: clock.Now, Committee: func() (poenf.Committee, error) { return c.Committee, nil }})
	n := c.Last(clock.Now().UnixMilli()) + 2
	clock.Until(c.EndOf(n))
	p := c.Proof("m000", n)
	other := p
	other.Values = make([]int32, c.Length)
	other = c.Sign(other)
	for i, step := range []struct {
		proof poenf.Proof
		want  error
	}{{p, nil}, {p, poenf.ErrPresent}, {other, poenf.ErrPresent}, {p, poenf.ErrPresent}} {
		if err := client.Submit(t.Context(), step.proof); !errors.Is(err, step.want) {
			t.Errorf("step %d: %v, want %v", i, err, step.want)
		}
	}
	c.SubmitAll(t.Context(), t, []ledger.Ledger{client}, n, c.Members[1:]...)
	for i, proof := range []poenf.Proof{p, other} {
		if err := client.Submit(t.Context(), proof); !errors.Is(err, poenf.ErrOutdated) {
			t.Errorf("once closed, %d: %v", i, err)
		}
	}
}
