// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/defakepro/defakepro/poenf"
)

// lines is a log that tests read.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// open opens a stream of events that ends with the test.
func open(t *testing.T, url string, header ...string) (*http.Response, *eventReader) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	return answer, newEventReader(answer.Body)
}

func TestEventsBegin(t *testing.T) {
	t.Parallel()
	_, url := serve(t, Options{Ledger: rounds(100, 110), Now: at(107)})
	for _, test := range []struct{ query, last, want string }{
		{"?from=104", "", "104"}, {"?from=0", "", "100"}, {"?from=100", "106", "107"}, {"", "104", "105"},
	} {
		var header []string
		if test.last != "" {
			header = []string{"Last-Event-ID", test.last}
		}
		answer, events := open(t, url+"/v1/events"+test.query, header...)
		if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != eventType || answer.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%+v: %d %v", test, answer.StatusCode, answer.Header)
		}
		e, err := events.next(func() {})
		if err != nil || e.id != test.want || e.name != "round" {
			t.Errorf("%+v: %+v, %v", test, e, err)
		}
		if r, err := decodeRound(e.data); err != nil || fmt.Sprint(r.Number) != test.want {
			t.Errorf("%+v: round %d, %v", test, r.Number, err)
		}
		answer.Body.Close()
	}
	if answer, _ := ask(t, "GET", url+"/v1/events", "", "Last-Event-ID", "18446744073709551615"); answer.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("after the greatest number: %d", answer.StatusCode)
	}
}

// Without from, the stream begins with the next round that closes.
func TestEventsLive(t *testing.T) {
	t.Parallel()
	from := make(chan uint64, 1)
	l := rounds(100, 110)
	l.follow = func(ctx context.Context, n uint64) iter.Seq2[poenf.Round, error] {
		from <- n
		return rounds(0, 0).follow(ctx, 1)
	}
	_, url := serve(t, Options{Ledger: l, Now: at(111)})
	open(t, url+"/v1/events")
	if got := <-from; got != 111 {
		t.Errorf("from %d", got)
	}
}

func TestHeartbeat(t *testing.T) {
	t.Parallel()
	_, url := serve(t, Options{Ledger: rounds(1, 0), Limits: Limits{Heartbeat: time.Millisecond}})
	answer, _ := open(t, url+"/v1/events?from=5")
	in, beats := bufio.NewScanner(answer.Body), 0
	for beats < 3 && in.Scan() {
		if in.Text() == ":" {
			beats++
		}
	}
	if beats < 3 {
		t.Errorf("%d heartbeats, %v", beats, in.Err())
	}
}

func TestStreamsAreCounted(t *testing.T) {
	t.Parallel()
	_, url := serve(t, Options{Ledger: rounds(1, 0), Limits: Limits{Streams: 2}})
	first, _ := open(t, url+"/v1/events?from=5")
	open(t, url+"/v1/events?from=5")
	answer, body := ask(t, "GET", url+"/v1/events?from=5", "")
	if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" || !bytes.Contains(body, []byte("too-many-streams")) {
		t.Errorf("%d %s", answer.StatusCode, body)
	}
	// A stream that ends makes room.
	first.Body.Close()
	for end := time.Now().Add(patience); ; {
		again, _ := open(t, url+"/v1/events?from=5")
		if again.StatusCode == http.StatusOK {
			break
		}
		again.Body.Close()
		if time.Now().After(end) {
			t.Fatal("no room is made")
		}
	}
}

// A client that reads nothing is cut off, and until then costs no more than what the connection holds.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	big := aRound(1)
	big.Entries = make([]poenf.Entry, poenf.MaxMembers)
	for i := range big.Entries {
		big.Entries[i] = poenf.Entry{Member: fmt.Sprintf("m%03d-%s", i, strings.Repeat("x", 50))}
	}
	var given atomic.Int64
	ended := make(chan struct{})
	l := &stub{follow: func(ctx context.Context, n uint64) iter.Seq2[poenf.Round, error] {
		return func(yield func(poenf.Round, error) bool) {
			defer close(ended)
			for ; ctx.Err() == nil; n++ {
				r := big
				r.Number = n
				given.Add(1)
				if !yield(r, nil) {
					return
				}
			}
		}
	}}
	server := httptest.NewUnstartedServer(Handler(Options{Ledger: l, Committee: theCommittee, Limits: Limits{Stall: 200 * time.Millisecond}}))
	server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		_ = c.(*net.TCPConn).SetWriteBuffer(64 << 10) // a hint: the test only gets slower without it
		return ctx
	}
	server.Start()
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /v1/events?from=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the client is still served")
	}
	if n := given.Load(); n < 2 || n > 200 {
		t.Errorf("%d rounds of 150 KiB were taken from the ledger", n)
	}
}

// A ledger that ends, ends the stream.
func TestLedgerEnds(t *testing.T) {
	t.Parallel()
	l := &stub{follow: func(context.Context, uint64) iter.Seq2[poenf.Round, error] {
		return func(yield func(poenf.Round, error) bool) { yield(poenf.Round{}, fmt.Errorf("stopped")) }
	}}
	_, url := serve(t, Options{Ledger: l})
	answer, body := ask(t, "GET", url+"/v1/events?from=1", "")
	if answer.StatusCode != http.StatusOK || string(body) != "retry: 2000\n\n" {
		t.Errorf("%d %q", answer.StatusCode, body)
	}
}
