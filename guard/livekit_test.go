// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/defakepro/defakepro/conference"
	"github.com/defakepro/defakepro/history"
	"github.com/defakepro/defakepro/monitor"
	"github.com/defakepro/defakepro/webhook"
)

// scripted is a room of a LiveKit server in which happens what a test says.
type scripted chan conference.Event

// Follow implements Conference.
func (s scripted) Follow(ctx context.Context, to Listener) error {
	var tracks sync.WaitGroup
	defer tracks.Wait()
	return liveKit{conference.Options{Room: "board"}}.tell(ctx, func(yield func(conference.Event) bool) {
		for e := range s {
			if !yield(e) {
				return
			}
		}
	}, &tracks, to)
}

// seen is what the page shows of the connection.
type seen struct {
	Connected bool   `json:"connected"`
	Problem   string `json:"problem"`
}

func pageOf(t *testing.T, g *Guard) seen {
	t.Helper()
	w := httptest.NewRecorder()
	g.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/rooms/board", nil))
	var s seen
	if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return s
}

// shows waits until the page shows the connection so.
func shows(t *testing.T, g *Guard, want seen) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		changed := g.Monitor().Changed()
		got := pageOf(t, g)
		if got == want {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("the page shows %+v, want %+v", got, want)
		}
	}
}

// That the room is entered, lost, for which reasons, and left for good, is on the page.
func TestConnectionOnPage(t *testing.T) {
	room := make(scripted)
	g := New(Options{Room: "board", Conference: room})
	ended := make(chan error, 1)
	go func() { ended <- g.Run(t.Context()) }()
	for _, step := range []struct {
		event conference.Event
		want  seen
	}{
		{conference.Event{Kind: conference.Lost, Err: errors.New("conference: wss://x has no room \"board\"")}, seen{false, "wss://x has no room \"board\""}},
		{conference.Event{Kind: conference.Entered}, seen{true, ""}},
		{conference.Event{Kind: conference.Lost, Err: errors.New("the connection is broken")}, seen{false, "the connection is broken"}},
		{conference.Event{Kind: conference.Lost, Err: errors.New("conference: wss://x cannot be reached")}, seen{false, "wss://x cannot be reached"}},
		{conference.Event{Kind: conference.Entered}, seen{true, ""}},
		{conference.Event{Kind: conference.Ended, Err: errors.New("put out of the room")}, seen{false, "put out of the room"}},
	} {
		room <- step.event
		shows(t, g, step.want)
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), `room "board": put out of the room`) {
		t.Errorf("the guard ends with %v", err)
	}
}

// seated is a meeting that the guard is in.
type seated struct{}

// Follow implements Conference.
func (seated) Follow(ctx context.Context, to Listener) error {
	to.Connection(true, "")
	<-ctx.Done()
	return ctx.Err()
}

// That verdicts are not kept, and that alerts wait, is on the page for as long as it is so.
func TestTroublesOnPage(t *testing.T) {
	var up atomic.Bool
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !up.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer receiver.Close()
	sender, err := webhook.New(webhook.Options{URL: receiver.URL, Secret: []byte("a secret of many bytes")})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "history.db")
	store, err := history.Open(path, history.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := New(Options{Room: "board", Conference: seated{}, History: store, Webhook: sender})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	shows(t, g, seen{true, ""})
	sender.Send(monitor.Event{Room: "board", Person: monitor.Person{ID: "ada"}})
	shows(t, g, seen{true, "1 alert waits, for the webhook's receiver answered 503"})

	// The disk that is full is a file that is closed.
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	events := slices.Values([]monitor.Event{{Room: "board", Time: time.Now(), Person: monitor.Person{ID: "ada"}}})
	g.keep(ctx, events)
	shows(t, g, seen{true, "verdicts are not being kept: sql: database is closed; 1 alert waits, for the webhook's receiver answered 503"})

	again, err := history.Open(path, history.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	up.Store(true)
	g.options.History = again
	g.keep(ctx, events)
	shows(t, g, seen{true, ""})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
