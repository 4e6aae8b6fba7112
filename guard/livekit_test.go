// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/defakepro/defakepro/conference"
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
