// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/defakepro/defakepro/httpapi"
	"github.com/defakepro/defakepro/identity"
	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/ledger/ledgertest"
	"github.com/defakepro/defakepro/poenf"
)

// load has TestLoad measure at full size; the figures are in docs/results/load.md.
var load = flag.Bool("load", false, "measure the interface under load, for some minutes")

// sizes are how much load there is.
type sizes struct {
	requests, clients, listeners, members int
}

// TestLoad serves a real node's ledger over loopback, and puts load on it: readers beside those of a bare handler, listeners who must all hear
// of every round, and members who are all registered over the interface and then prove who they are.
func TestLoad(t *testing.T) {
	s := sizes{requests: 2000, clients: 8, listeners: 50, members: 300}
	if *load {
		s = sizes{requests: 40_000, clients: 8, listeners: 1000, members: 10_000}
	}
	if testing.Short() {
		t.Skip("runs a node")
	}
	n := newLoaded(t, s)
	t.Run("read", func(t *testing.T) { n.read(t, s) })
	t.Run("listeners", func(t *testing.T) { n.listeners(t, s) })
	t.Run("members", func(t *testing.T) { n.members(t, s) })
}

// loaded is a committee of one node, and its interface.
type loaded struct {
	*ledgertest.Committee
	clock *ledgertest.Clock
	node  *comet.Node
	url   string
	begun sync.Map // when the first proof for a round was submitted, by its number
}

func newLoaded(t *testing.T, s sizes) *loaded {
	t.Helper()
	n := &loaded{Committee: ledgertest.NewCommittee("load", 6, 60), clock: new(ledgertest.Clock)}
	var err error
	if n.node, err = comet.Start(context.Background(), comet.Config{Home: t.TempDir(), Committee: n.Committee.Committee, Clock: n.clock.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.node.Stop()
		if err := n.node.Wait(); err != nil {
			t.Error(err)
		}
	})
	verifier, err := identity.NewVerifier(identity.VerifierOptions{Committee: n.ID, Endpoint: "load:1", Registry: func() (poenf.Registry, error) {
		r, _, err := n.node.Registry()
		return r, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(httpapi.Handler(httpapi.Options{
		Ledger: n.node, Committee: n.node.Committee, Latest: n.node.Latest, Now: n.clock.Now, Security: &httpapi.Security{
			Registry: n.node.Registry, Change: n.node.Change, Verifier: verifier,
			Certificate: func(ctx context.Context) (json.Marshaler, error) { return n.node.RegistryCertificate(ctx) },
		},
		Limits: httpapi.Limits{Streams: s.listeners, ClientStreams: s.listeners},
	}))
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	n.url = server.URL
	return n
}

// round closes the next round, and returns its number.
func (n *loaded) round(t *testing.T) uint64 {
	t.Helper()
	number := n.Last(n.clock.Now().UnixMilli()) + 1
	n.clock.Until(n.EndOf(number))
	n.begun.Store(number, time.Now())
	n.SubmitAll(t.Context(), t, []ledger.Ledger{n.node}, number, n.Members...)
	for _, err := range n.node.Follow(t.Context(), number) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	return number
}

// read asks for one round again and again, at the node's and at a bare handler that has the same bytes at hand, in turns.
func (n *loaded) read(t *testing.T, s sizes) {
	path := fmt.Sprintf("/v1/rounds/%d", n.round(t))
	body := fetch(t, http.DefaultClient, n.url+path)
	bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}))
	defer bare.Close()
	var ours, theirs []time.Duration
	var oursFor, theirsFor time.Duration
	for range 4 { // in turns, so that what else the machine does falls on both
		took, all := hammer(t, n.url+path, s.requests/4, s.clients)
		ours, oursFor = append(ours, took...), oursFor+all
		took, all = hammer(t, bare.URL+path, s.requests/4, s.clients)
		theirs, theirsFor = append(theirs, took...), theirsFor+all
	}
	say := func(who string, took []time.Duration, all time.Duration) {
		slices.Sort(took)
		t.Logf("%s: %.0f requests/s, median %v, p99 %v (%d requests of %d bytes, %d clients)", who, float64(len(took))/all.Seconds(),
			took[len(took)/2].Round(time.Microsecond), took[len(took)*99/100].Round(time.Microsecond), len(took), len(body), s.clients)
	}
	say("ours", ours, oursFor)
	say("bare net/http", theirs, theirsFor)
}

// hammer asks so often in all, with so many clients at once, and returns how long each answer took, and all of them.
func hammer(t *testing.T, url string, requests, clients int) (each []time.Duration, all time.Duration) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	defer client.CloseIdleConnections()
	took := make([][]time.Duration, clients)
	began := time.Now()
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() {
			for range requests / clients {
				asked := time.Now()
				if fetch(t, client, url) == nil {
					return
				}
				took[i] = append(took[i], time.Since(asked))
			}
		})
	}
	group.Wait()
	return slices.Concat(took...), time.Since(began)
}

// fetch returns what is at a URL; nil is a failure of the test.
func fetch(t *testing.T, client *http.Client, url string) []byte {
	t.Helper()
	answer, err := client.Get(url)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("%s: %d %.200s, %v", url, answer.StatusCode, body, err)
		return nil
	}
	return body
}

// listeners follow the rounds, all at once; each must hear of each.
func (n *loaded) listeners(t *testing.T, s sizes) {
	const rounds = 3
	from := n.Last(n.clock.Now().UnixMilli()) + 1
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	heard := make(chan time.Duration, s.listeners*rounds)
	var ready, group sync.WaitGroup
	ready.Add(s.listeners)
	for range s.listeners {
		group.Go(func() {
			client, err := httpapi.NewClient(n.url, httpapi.ClientOptions{})
			if err != nil {
				t.Error(err)
				return
			}
			defer client.Close()
			_, err = client.Committee(ctx)
			ready.Done()
			if err != nil {
				t.Error(err)
				return
			}
			last, left := uint64(0), rounds
			for r, err := range client.Follow(ctx, from) {
				begun, ok := n.begun.Load(r.Number)
				if err != nil || !ok || r.Number <= last {
					t.Errorf("round %d after %d: %v", r.Number, last, err)
					return
				}
				heard <- time.Since(begun.(time.Time))
				if last, left = r.Number, left-1; left == 0 {
					return
				}
			}
		})
	}
	ready.Wait()
	for range rounds {
		n.round(t)
	}
	group.Wait()
	close(heard)
	var took []time.Duration
	for d := range heard {
		took = append(took, d)
	}
	if len(took) != s.listeners*rounds {
		t.Fatalf("%d of %d rounds were heard of", len(took), s.listeners*rounds)
	}
	slices.Sort(took)
	t.Logf("%d listeners, %d rounds each, all heard; from the first proof's submission to a listener: median %v, p99 %v, last %v", s.listeners, rounds,
		took[len(took)/2].Round(time.Millisecond), took[len(took)*99/100].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
}

func memberKey(i int) ed25519.PrivateKey {
	seed := sha256.Sum256(fmt.Appendf(nil, "member %d", i))
	return ed25519.NewKeyFromSeed(seed[:])
}

// members are registered over the interface, a full change at a time, and then each proves who it is.
func (n *loaded) members(t *testing.T, s sizes) {
	client, err := httpapi.NewClient(n.url, httpapi.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	began := time.Now()
	changes := uint64(0)
	for first := 0; first < s.members; first += poenf.MaxOperations {
		changes++
		change := poenf.Change{Sequence: changes}
		for i := first; i < min(first+poenf.MaxOperations, s.members); i++ {
			change.Operations = append(change.Operations, poenf.Operation{Op: poenf.Enrol, Roles: poenf.Participant,
				Member: poenf.Member{Name: fmt.Sprintf("p%05d", i), Key: memberKey(i).Public().(ed25519.PublicKey)}})
		}
		if err := change.Sign(n.ID, n.Admin); err != nil {
			t.Fatal(err)
		}
		if err := client.Change(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d members registered over HTTP in %d changes: %v", s.members, changes, time.Since(began).Round(time.Millisecond))
	began = time.Now()
	file, err := client.RegistryCertificate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var certificate comet.RegistryCertificate
	if err := json.Unmarshal(file, &certificate); err != nil || len(certificate.Registry.Accounts) < s.members {
		t.Fatalf("%d accounts, %v", len(certificate.Registry.Accounts), err)
	}
	t.Logf("the certificate of their registry, fetched and read: %d KiB, %v", len(file)>>10, time.Since(began).Round(time.Millisecond))
	began = time.Now()
	var next, proven atomic.Int64
	var group sync.WaitGroup
	for range s.clients {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < s.members; i = int(next.Add(1)) - 1 {
				if err := client.Prove(t.Context(), n.ID, "load:1", "", fmt.Sprintf("p%05d", i), memberKey(i)); err != nil {
					t.Error(err)
					return
				}
				proven.Add(1)
			}
		})
	}
	group.Wait()
	if int(proven.Load()) != s.members {
		t.Errorf("%d of %d have proved who they are", proven.Load(), s.members)
	}
	all := time.Since(began)
	t.Logf("all %d have proved who they are, a challenge and an answer each: %v, %.0f a second", s.members, all.Round(time.Millisecond), float64(s.members)/all.Seconds())
}
