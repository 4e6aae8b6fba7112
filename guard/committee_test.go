// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package guard_test

import (
	"context"
	"encoding/json"
	"iter"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/guard"
	"github.com/defakepro/defakepro/httpapi"
	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/ledger/ledgertest"
	"github.com/defakepro/defakepro/monitor"
	"github.com/defakepro/defakepro/poenf"
)

// committee is a real node of one validator, with rounds closed, and its genesis.
type committee struct {
	*ledgertest.Committee
	clock   *ledgertest.Clock
	node    *comet.Node
	genesis []byte
}

func newCommittee(t *testing.T) *committee {
	t.Helper()
	c := &committee{Committee: ledgertest.NewCommittee("guarded", 3, 10), clock: new(ledgertest.Clock)}
	home := t.TempDir()
	var err error
	if c.node, err = comet.Start(context.Background(), comet.Config{Home: home, Committee: c.Committee.Committee, Clock: c.clock.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.node.Stop()
		if err := c.node.Wait(); err != nil {
			t.Error(err)
		}
	})
	if c.genesis, err = os.ReadFile(filepath.Join(home, "config", "genesis.json")); err != nil {
		t.Fatal(err)
	}
	return c
}

// close closes the next round.
func (c *committee) close(t *testing.T) uint64 {
	t.Helper()
	n := c.Last(c.clock.Now().UnixMilli()) + 1
	c.clock.Until(c.EndOf(n))
	c.SubmitAll(t.Context(), t, []ledger.Ledger{c.node}, n, c.Members...)
	for _, err := range c.node.Follow(t.Context(), n) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	return n
}

func (c *committee) serve(t *testing.T, lie bool) string {
	t.Helper()
	o := httpapi.Options{
		Ledger: c.node, Now: c.clock.Now, Committee: c.node.Committee, Latest: c.node.Latest, Genesis: c.genesis,
		Certificate: func(ctx context.Context, n uint64) (json.Marshaler, error) { return c.node.Certificate(ctx, n) },
		State:       func() (httpapi.State, error) { return httpapi.State{Height: 7}, nil },
	}
	if lie {
		o.Ledger = liar{c.node, offset}
	}
	return serve(t, o)
}

// serve serves what a node does until the test ends, and returns its URL.
func serve(t *testing.T, o httpapi.Options) string {
	t.Helper()
	server := httptest.NewServer(httpapi.Handler(o))
	t.Cleanup(server.Close)
	return server.URL
}

// run runs the truth until the test ends.
func run(t *testing.T, c *guard.Committee) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := c.Run(ctx); err == nil {
			t.Error("it ended by itself")
		}
	}()
	t.Cleanup(func() { stop(); <-ended })
}

// until waits until something holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	late := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-late:
			t.Fatalf("not within 30 s: %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestCommittee: the truth is that of the rounds, wherever the nodes that tell it come and go, and nobody can tell another.
func TestCommittee(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a node")
	}
	c := newCommittee(t)
	c.close(t)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	truth, err := guard.NewCommittee([]string{gone.URL, c.serve(t, true), c.serve(t, false)}, c.genesis, httpapi.ClientOptions{}, c.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	if s := truth.State(); s.Kind != monitor.TruthCommittee || s.Problem == "" {
		t.Errorf("before anything is known: %+v", s)
	}
	if _, err := truth.Between(t.Context(), c.clock.Now().Add(-time.Minute), c.clock.Now()); err == nil {
		t.Error("truth before anything is known")
	}
	run(t, truth)
	for range 2 {
		n := c.close(t)
		until(t, "the round is known", func() bool { return truth.State().Known.Equal(c.EndOf(n).Add(-time.Second)) })
		want, err := c.node.Round(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		got, err := truth.Between(t.Context(), time.Unix(want.Start, 0), c.EndOf(n))
		if err != nil {
			t.Fatal(err)
		}
		if last := len(got.Hz) - 1; math.Abs(got.Hz[last]-ledger.Hertz(want.Nominal, want.Truth[last])) > 1e-9 {
			t.Errorf("truth %v, want %v µHz", got.Hz, want.Truth)
		}
	}
	if s := truth.State(); s.Problem != "" || int(s.Grid) != c.Nominal || !strings.Contains(s.Name, "2 more") {
		t.Errorf("%+v", s)
	}
	until(t, "nodes have been asked", func() bool {
		n := truth.Nodes(t.Context())
		return n[0].Problem == "it does not answer" && n[2].Problem == "" && n[2].Height == 7
	})
}

// TestMisdatedRound: a round is of the time that its number says, whoever tells it.
func TestMisdatedRound(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a node")
	}
	c := newCommittee(t)
	n := c.close(t)
	const year9999 = 253_402_300_799
	url := serve(t, httpapi.Options{
		Ledger: liar{c.node, func(r poenf.Round) poenf.Round { r.Start = year9999; return r }}, Now: c.clock.Now, Committee: c.node.Committee,
	})
	truth, err := guard.NewCommittee([]string{url}, nil, httpapi.ClientOptions{}, c.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	run(t, truth)
	until(t, "the round is refused", func() bool { return strings.Contains(truth.State().Problem, "from Unix second 253402300799 on") })
	if s := truth.State(); !s.Known.IsZero() {
		t.Errorf("round %d is known: %+v", n, s)
	}
}

// liar is a ledger whose rounds are others.
type liar struct {
	ledger.Ledger
	shift func(poenf.Round) poenf.Round
}

// offset is a millihertz off.
func offset(r poenf.Round) poenf.Round {
	r.Truth = append([]int32{r.Truth[0] + 1000}, r.Truth[1:]...)
	return r
}

// Round implements ledger.Ledger.
func (l liar) Round(ctx context.Context, n uint64) (poenf.Round, error) {
	r, err := l.Ledger.Round(ctx, n)
	if err != nil {
		return r, err
	}
	return l.shift(r), nil
}

// Follow implements ledger.Ledger.
func (l liar) Follow(ctx context.Context, n uint64) iter.Seq2[poenf.Round, error] {
	return func(yield func(poenf.Round, error) bool) {
		for r, err := range l.Ledger.Follow(ctx, n) {
			if err == nil {
				r = l.shift(r)
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// TestBadCommittee: what cannot be asked is said at once.
func TestBadCommittee(t *testing.T) {
	for name, urls := range map[string][]string{"none": nil, "no URL": {"node"}, "plaintext to elsewhere": {"http://198.51.100.1"}} {
		if _, err := guard.NewCommittee(urls, nil, httpapi.ClientOptions{}, nil); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := guard.NewCommittee([]string{"http://127.0.0.1:1"}, []byte("{}"), httpapi.ClientOptions{}, nil); err == nil {
		t.Error("a genesis that is none: taken")
	}
}
