// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// cutter lets so many bytes through and then breaks the connection.
type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *cutter) Write(b []byte) (int, error) {
	if len(b) <= c.left {
		c.left -= len(b)
		return c.ResponseWriter.Write(b)
	}
	_, _ = c.ResponseWriter.Write(b[:c.left])
	_ = http.NewResponseController(c.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}

// Whatever the place where a stream breaks, nothing is lost and nothing comes twice.
func TestResume(t *testing.T) {
	t.Parallel()
	var connections atomic.Int64
	size := len(encodeRound(aRound(100)))
	h := Handler(Options{Ledger: rounds(100, 110), Committee: theCommittee})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Each connection breaks a little later within an event, and the one after it at the end of one.
		n := int(connections.Add(1))
		cuts := []int{13 + size/2, 13 + 2*size, 5, 13 + 3*size + 10}
		if n <= len(cuts) {
			w = &cutter{w, cuts[n-1]}
		}
		h.ServeHTTP(w, r)
	}))
	defer server.Close()
	client, err := NewClient(server.URL, ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var got []uint64
	for r, err := range client.Follow(ctx, 98) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, r.Number); r.Number == 110 {
			break
		}
	}
	if want := []uint64{100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if n := connections.Load(); n != 5 {
		t.Errorf("%d connections", n)
	}
}

// transport answers requests by a function.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// streamed is an answer with events, after which nothing comes until the request is given up.
func streamed(r *http.Request, events ...[]byte) *http.Response {
	in, out := io.Pipe()
	stop := context.AfterFunc(r.Context(), func() { out.CloseWithError(r.Context().Err()) })
	go func() {
		defer stop()
		for _, e := range events {
			if _, err := out.Write(e); err != nil {
				return
			}
		}
		<-r.Context().Done()
	}()
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {eventType}}, Body: in}
}

func fake(t *testing.T, f transport) *Client {
	t.Helper()
	c, err := NewClient("https://node.example/base/", ClientOptions{transport: f})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []time.Time
		var from []string
		client := fake(t, func(r *http.Request) (*http.Response, error) {
			asked, from = append(asked, time.Now()), append(from, r.URL.RequestURI())
			switch len(asked) {
			case 3:
				return streamed(r, encodeRound(aRound(5)), []byte("event: other\ndata: x\n\n: beat\n\n"), encodeRound(aRound(4))), nil // and then silence
			case 15:
				return streamed(r, encodeRound(aRound(5)), encodeRound(aRound(7))), nil
			case 4:
				return &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"40"}}, Body: http.NoBody}, nil
			}
			return nil, errors.New("no route")
		})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var got []uint64
		for r, err := range client.Follow(ctx, 5) {
			if err != nil {
				break
			}
			if got = append(got, r.Number); r.Number == 7 {
				break
			}
		}
		if !slices.Equal(got, []uint64{5, 7}) {
			t.Errorf("rounds %v", got)
		}
		if from[2] != "/base/v1/events?from=5" || from[3] != "/base/v1/events?from=6" {
			t.Errorf("asked for %v", from)
		}
		// Two failures; a minute of silence; what the node asks for; and then longer and longer, but never above 30 s.
		for i, bounds := range [][2]time.Duration{
			{125, 250}, {250, 500}, {60_125, 60_250}, {40_000, 40_000}, {500, 1000}, {1000, 2000}, {2000, 4000}, {4000, 8000},
			{8000, 16_000}, {15_000, 30_000}, {15_000, 30_000}, {15_000, 30_000}, {15_000, 30_000}, {15_000, 30_000},
		} {
			d := asked[i+1].Sub(asked[i])
			if d < bounds[0]*time.Millisecond || d > bounds[1]*time.Millisecond {
				t.Errorf("wait %d: %s, want %d to %d ms", i, d, bounds[0], bounds[1])
			}
		}
	})
}

// Waiting for its caller is not a stream's silence, and a cancelled context ends a wait at once.
func TestFollowEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		client := fake(t, func(r *http.Request) (*http.Response, error) {
			if asked++; asked == 1 {
				return streamed(r, encodeRound(aRound(5)), encodeRound(aRound(6))), nil
			}
			return nil, errors.New("no route")
		})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour)
		defer cancel()
		var pairs []string
		for r, err := range client.Follow(ctx, 5) {
			pairs = append(pairs, fmt.Sprint(r.Number, " ", err))
			time.Sleep(time.Hour)
			if err != nil && (r.Number != 0 || !errors.Is(err, context.DeadlineExceeded)) {
				t.Errorf("%d, %v", r.Number, err)
			}
		}
		if len(pairs) != 3 || asked < 2 {
			t.Errorf("%v after %d connections", pairs, asked)
		}
	})
}

// What will not be better the next time ends the stream, with its reason.
func TestFollowGivesUp(t *testing.T) {
	t.Parallel()
	answer := func(status int, kind, body string) transport {
		return func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(body))}, nil
		}
	}
	number := strings.Replace(string(encodeRound(aRound(5))), `"number":5,`, `"number":18446744073709551615,`, 1)
	for name, f := range map[string]transport{
		"not there":         answer(404, "text/plain", "no"),
		"not served":        answer(501, problemType, "{}"),
		"refused":           answer(422, problemType, "{}"),
		"a page":            answer(200, "text/html", "<html>"),
		"not a round":       answer(200, eventType, "event: round\ndata: {}\n\n"),
		"not JSON":          answer(200, eventType, "event: round\ndata: {\n\n"),
		"an endless event":  answer(200, eventType, "data: "+strings.Repeat("x", maxEvent)),
		"endless in pieces": answer(200, eventType, strings.Repeat("data: "+strings.Repeat("x", 1000)+"\n", 1100)),
		"the last number":   answer(200, eventType, number),
	} {
		client := fake(t, f)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		var errs []error
		for _, err := range client.Follow(ctx, 5) {
			errs = append(errs, err)
		}
		if len(errs) != 1 || errs[0] == nil || ctx.Err() != nil {
			t.Errorf("%s: %v", name, errs)
		}
		cancel()
	}
}

func TestEventReader(t *testing.T) {
	alive := 0
	in := newEventReader(strings.NewReader(": hello\n\nid: 1\r\nevent: round\r\ndata: a\r\ndata:b\r\n\r\nid: 2\n\nretry: 5\n\nevent:x\ndata\n\ndata: cut"))
	for _, want := range []event{{name: "round", id: "1", data: []byte("a\nb")}, {name: "x", data: []byte{}}} {
		if got, err := in.next(func() { alive++ }); err != nil || got.name != want.name || got.id != want.id || !bytes.Equal(got.data, want.data) {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
	if got, err := in.next(func() {}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%+v, %v", got, err)
	}
	if alive != 14 {
		t.Errorf("%d signs of life", alive)
	}
}
