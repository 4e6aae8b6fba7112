// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/defakepro/defakepro/conference"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/internal/livekit"
	"github.com/defakepro/defakepro/internal/livekit/livekittest"
	"github.com/defakepro/defakepro/sim"
)

// meeting starts a LiveKit server whose key is in the environment, or skips the test where there is none.
func meeting(t *testing.T) *livekit.Server {
	t.Helper()
	s := livekittest.Server(t)
	t.Setenv(livekitKeyVariable, s.Key)
	t.Setenv(livekitSecretVariable, s.Secret)
	return s
}

// observe joins the room.
func observe(t *testing.T, s *livekit.Server) *conference.Room {
	t.Helper()
	r, err := conference.Join(t.Context(), conference.Options{URL: s.URL, Key: s.Key, Secret: s.Secret, Room: "board", Identity: "observer"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// leaves are when those who have been in a room left it, until there are n.
func leaves(t *testing.T, r *conference.Room, n int) map[string]time.Time {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	left := make(map[string]time.Time)
	for e := range r.Events(ctx) {
		if e.Kind == conference.Left {
			if left[e.Participant.ID] = e.Time; len(left) == n {
				return left
			}
		}
	}
	t.Errorf("only %v have left", slices.Collect(maps.Keys(left)))
	return left
}

// Simulated guests leave with their last packet, each for itself.
func TestSimCallEnds(t *testing.T) {
	if testing.Short() {
		t.Skip("a call in real time")
	}
	s := meeting(t)
	opts := simCallOptions{
		livekit: s.URL, room: "board", people: 3, seed: 1, mains: mainsOptions{seed: 1}, grid: enf.Grid60, video: sim.Video{FPS: 25}, duration: 12 * time.Second,
		noVideo: true, attacks: []sim.Attack{{Kind: sim.Cut, From: 4 * time.Second, To: 9 * time.Second}},
	}
	r, began := observe(t, s), time.Now()
	done := make(chan error, 1)
	go func() { done <- runSimCall(t.Context(), opts, io.Discard) }()
	left := leaves(t, r, 3)
	for id, at := range left {
		length := opts.duration
		if id == "sim-1-2" {
			length += 5 * time.Second // it begins later by what is cut out
		}
		if d := at.Sub(began); d < length || d > length+6*time.Second {
			t.Errorf("%s left after %v", id, d)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// When a guest cannot come, those who are there already leave.
func TestSimCallFails(t *testing.T) {
	s := meeting(t)
	opts := simCallOptions{
		livekit: s.URL, room: "board", people: 2, seed: 1, mains: mainsOptions{seed: 1}, grid: enf.Grid60, video: sim.Video{FPS: 25}, duration: time.Hour,
		noVideo: true, attacks: []sim.Attack{{Kind: "none such", From: time.Second, To: 2 * time.Second}},
	}
	if err := runSimCall(t.Context(), opts, io.Discard); err == nil || !strings.Contains(err.Error(), "none such") {
		t.Error(err)
	}
	r := observe(t, s)
	after, err := conference.Publish(t.Context(), conference.Options{URL: s.URL, Key: s.Key, Secret: s.Secret, Room: "board", Identity: "after"}, conference.Media{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = after.Close() }() // always nil
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	there := make(map[string]bool) // the server may take its time to say who has left
	for e := range r.Events(ctx) {
		switch e.Kind {
		case conference.Joined:
			there[e.Participant.ID] = true
		case conference.Left:
			delete(there, e.Participant.ID)
		}
		if there["after"] && len(there) == 1 {
			return
		}
	}
	t.Errorf("there are %v", slices.Collect(maps.Keys(there)))
}

// A guard whose call is wrong, or whose key the server refuses, ends, and says why in one line. It does not say before that it watches.
func TestGuardRefused(t *testing.T) {
	s := meeting(t)
	for name, test := range map[string]struct {
		url, secret string
		want        string
	}{
		"no URL": {"board", s.Secret, "must be like ws://host:port"},
		"secret": {s.URL, strings.Repeat("x", 40), "refuses the API key"},
		"no key": {s.URL, "", "needs LIVEKIT_API_KEY and LIVEKIT_API_SECRET, or LIVEKIT_TOKEN"},
	} {
		t.Setenv(livekitSecretVariable, test.secret)
		var out, log strings.Builder
		err := runGuard(t.Context(), guardOptions{livekit: test.url, room: "board", threshold: 0.8, listen: "127.0.0.1:0"}, &out, &log)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(fmt.Sprint(err), "\n") || out.Len() > 0 || strings.Contains(log.String(), "Not in") {
			t.Errorf("%s: %v; it says %q, and logs %q", name, err, out.String(), log.String())
		}
	}
}

// spoken is what a command writes and a test reads.
type spoken struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{} // closed when there is more, if somebody waits for it
}

func (l *spoken) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.more != nil {
		close(l.more)
		l.more = nil
	}
	return l.text.Write(b)
}

// wait returns what a pattern finds, once it does.
func (l *spoken) wait(t *testing.T, pattern string) []string {
	t.Helper()
	for late := time.After(time.Minute); ; {
		l.mu.Lock()
		text := l.text.String()
		if l.more == nil {
			l.more = make(chan struct{})
		}
		more := l.more
		l.mu.Unlock()
		if found := regexp.MustCompile(pattern).FindStringSubmatch(text); found != nil {
			return found
		}
		select {
		case <-more:
		case <-late:
			t.Fatalf("%q is not in %q", pattern, text)
		}
	}
}

// A guard whose server is not there yet stays up, says why on its page and the standard error, and watches as soon as it can; somebody
// who joins as any guard of the past does not end it.
func TestGuardWaits(t *testing.T) {
	s := meeting(t)
	s.Kill()
	ctx, cancel := context.WithCancel(t.Context())
	var out, log spoken
	ended := make(chan error, 1)
	go func() {
		ended <- runGuard(ctx, guardOptions{livekit: s.URL, room: "board", threshold: 0.8, listen: "127.0.0.1:0"}, &out, &log)
	}()
	page := log.wait(t, `Not in "board" yet: \S+ cannot be reached, or is no LiveKit server\. The guard keeps trying\. The page: (\S+)/\n`)[1]
	room, err := get(page + "/v1/rooms/board")
	if err != nil || !strings.Contains(string(room), `"connected":false,"problem":"`+s.URL+` cannot be reached`) {
		t.Errorf("the page says %s, %v", room, err)
	}
	if err := s.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	out.wait(t, `^Watching "board"\. The page: `+page+`/\n$`)
	r, err := conference.Join(t.Context(), conference.Options{URL: s.URL, Key: s.Key, Secret: s.Secret, Room: "board", Identity: "defakepro-guard"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }() // always nil
	// Whoever joins so is as unseen as the guard. It is still there if it sees who comes after.
	after, err := conference.Publish(t.Context(), conference.Options{URL: s.URL, Key: s.Key, Secret: s.Secret, Room: "board", Identity: "after"}, conference.Media{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = after.Close() }() // always nil
	late, again := time.After(time.Minute), time.NewTicker(20*time.Millisecond)
	defer again.Stop()
	for !strings.Contains(string(room), `"id":"after"`) {
		select {
		case err := <-ended:
			t.Fatalf("the guard has ended: %v", err)
		case <-late:
			t.Fatalf("the guard does not see who comes: %s", room)
		case <-again.C:
		}
		if room, err = get(page + "/v1/rooms/board"); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
