// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/monitor"
	"github.com/defakepro/defakepro/webhook"
)

const secret = "a secret of many bytes"

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func event(n int) monitor.Event {
	return monitor.Event{
		Time: noon, Room: "board", Person: monitor.Person{ID: fmt.Sprint("p", n), Name: "Ada"}, Channel: enf.SourceVideo,
		Verdict: detect.Forged, Former: detect.Authentic, Reason: "Because.", Confidence: 0.75,
		Forged: []monitor.Span{{From: noon, To: noon.Add(time.Minute), Kind: detect.SpanForeign}},
	}
}

// receiver answers requests without a network, so that time can be a test's.
type receiver struct {
	answer  func(n int) (status int, header http.Header)
	got     []*http.Request
	bodies  [][]byte
	arrived []time.Time
	asked   atomic.Int32 // how often, for a test to read meanwhile
}

func (r *receiver) RoundTrip(q *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return nil, err
	}
	r.got, r.bodies, r.arrived = append(r.got, q), append(r.bodies, body), append(r.arrived, time.Now())
	r.asked.Add(1)
	status, header := http.StatusOK, http.Header{}
	if r.answer != nil {
		status, header = r.answer(len(r.got))
	}
	if status == 0 {
		return nil, errors.New("nobody is there")
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader("thanks")), Request: q}, nil
}

// start runs a sender until the test's end.
func start(t *testing.T, r *receiver, o webhook.Options) (*webhook.Sender, func()) {
	t.Helper()
	o.URL, o.Secret, o.Client = "https://user:password@example.org/hook?key=hidden", []byte(secret), &http.Client{Transport: r}
	s, err := webhook.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	return s, func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

func TestSignedAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		s, stop := start(t, r, webhook.Options{})
		defer stop()
		s.Send(event(0))
		s.Send(event(1))
		synctest.Wait()
		if len(r.got) != 2 || s.Counts() != (webhook.Counts{Delivered: 2}) {
			t.Fatalf("%d arrived, %+v", len(r.got), s.Counts())
		}
		var p webhook.Payload
		if err := json.Unmarshal(r.bodies[0], &p); err != nil {
			t.Fatal(err)
		}
		want := webhook.Payload{Type: "verdict.changed", Timestamp: noon, Data: webhook.Data{
			Room: "board", Person: "p0", Name: "Ada", Channel: "video", Verdict: "forged", Former: "authentic", Reason: "Because.", Confidence: 0.75,
			Forged: []webhook.Span{{From: noon, To: noon.Add(time.Minute), Kind: "foreign"}},
		}}
		if diff := cmp.Diff(want, p); diff != "" {
			t.Error(diff)
		}
		h, body := r.got[0].Header, r.bodies[0]
		now := time.Now()
		if err := webhook.Verify([]byte(secret), h, body, now); err != nil {
			t.Error(err)
		}
		for name, err := range map[string]error{
			"another secret": webhook.Verify([]byte("another secret, as long"), h, body, now),
			"another body":   webhook.Verify([]byte(secret), h, append(bytes.Clone(body), ' '), now),
			"another event":  webhook.Verify([]byte(secret), h, r.bodies[1], now),
			"later":          webhook.Verify([]byte(secret), h, body, now.Add(6*time.Minute)),
			"earlier":        webhook.Verify([]byte(secret), h, body, now.Add(-6*time.Minute)),
			"no header":      webhook.Verify([]byte(secret), http.Header{}, body, now),
		} {
			if err == nil {
				t.Errorf("%s is accepted", name)
			}
		}
		if a, b := h.Get("Webhook-Id"), r.got[1].Header.Get("Webhook-Id"); a == b || a == "" {
			t.Errorf("IDs %q and %q", a, b)
		}
	})
}

// pass lets so much of the test's time pass, and sees what happened meanwhile.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(n int) (int, http.Header) {
			switch n {
			case 1:
				return 0, nil // no answer at all
			case 2:
				return http.StatusInternalServerError, nil
			case 3:
				return http.StatusFound, http.Header{"Location": {"https://elsewhere.example.org"}}
			case 4:
				return http.StatusTooManyRequests, http.Header{"Retry-After": {"40"}}
			case 5:
				return http.StatusServiceUnavailable, http.Header{"Retry-After": {"7200"}}
			}
			return http.StatusNoContent, nil
		}}
		s, stop := start(t, r, webhook.Options{})
		defer stop()
		s.Send(event(0))
		pass(5 * time.Minute)
		var waits []time.Duration
		for i, at := range r.arrived {
			waits = append(waits, at.Sub(r.arrived[0]))
			if r.got[i].Header.Get("Webhook-Id") != r.got[0].Header.Get("Webhook-Id") || r.got[i].URL.Host != "example.org" {
				t.Errorf("attempt %d is of %s to %s", i+1, r.got[i].Header.Get("Webhook-Id"), r.got[i].URL.Host)
			}
			if err := webhook.Verify([]byte(secret), r.got[i].Header, r.bodies[i], at); err != nil {
				t.Errorf("attempt %d: %v", i+1, err)
			}
		}
		want := []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second, 47 * time.Second, 107 * time.Second}
		if diff := cmp.Diff(want, waits); diff != "" {
			t.Error(diff)
		}
		if s.Counts() != (webhook.Counts{Delivered: 1}) {
			t.Errorf("%+v", s.Counts())
		}
	})
}

// A receiver that was away for hours hears of what is new within a minute of its return, and at once when there is something newer. What came
// first goes first.
func TestFreshEventWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		r := &receiver{answer: func(int) (int, http.Header) {
			if up.Load() {
				return http.StatusOK, nil
			}
			return 0, nil
		}}
		s, stop := start(t, r, webhook.Options{})
		defer stop()
		s.Send(event(0))
		pass(5 * time.Hour)
		if want := "1 alert waits, for the webhook's receiver does not answer"; s.Problem() != want {
			t.Errorf("the problem is %q, want %q", s.Problem(), want)
		}
		up.Store(true)
		s.Send(event(1))
		synctest.Wait()
		if s.Counts() != (webhook.Counts{Delivered: 2}) || s.Problem() != "" {
			t.Errorf("%+v, %q", s.Counts(), s.Problem())
		}
		var people []string
		for _, body := range r.bodies[len(r.bodies)-2:] {
			var p webhook.Payload
			if err := json.Unmarshal(body, &p); err != nil {
				t.Fatal(err)
			}
			people = append(people, p.Data.Person)
		}
		if diff := cmp.Diff([]string{"p0", "p1"}, people); diff != "" {
			t.Error(diff)
		}
		// Nobody is asked more often than that by itself.
		up.Store(false)
		s.Send(event(2))
		pass(time.Hour)
		before := r.asked.Load()
		up.Store(true)
		pass(time.Minute)
		if s.Counts() != (webhook.Counts{Delivered: 3}) || r.asked.Load() > before+1 {
			t.Errorf("%+v after a minute and %d attempts", s.Counts(), r.asked.Load()-before)
		}
	})
}

// One that asks to be left alone is, whatever happens meanwhile.
func TestRetryAfterIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(n int) (int, http.Header) {
			if n == 1 {
				return http.StatusTooManyRequests, http.Header{"Retry-After": {"30"}}
			}
			return http.StatusOK, nil
		}}
		s, stop := start(t, r, webhook.Options{})
		defer stop()
		s.Send(event(0))
		pass(time.Second)
		s.Send(event(1))
		pass(28 * time.Second)
		if n := r.asked.Load(); n != 1 {
			t.Errorf("asked %d times within half a minute", n)
		}
		pass(2 * time.Second)
		if s.Counts() != (webhook.Counts{Delivered: 2}) {
			t.Errorf("%+v", s.Counts())
		}
	})
}

// What the receiver will never take holds nothing up.
func TestRefusedEvent(t *testing.T) {
	for status, final := range map[int]bool{
		http.StatusBadRequest: true, http.StatusUnauthorized: true, http.StatusNotFound: true, http.StatusGone: true, http.StatusUnprocessableEntity: true,
		http.StatusRequestTimeout: false, http.StatusTooEarly: false, http.StatusTooManyRequests: false, http.StatusInternalServerError: false, http.StatusFound: false,
	} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			r := &receiver{answer: func(n int) (int, http.Header) {
				if n == 1 {
					return status, nil
				}
				return http.StatusOK, nil
			}}
			s, stop := start(t, r, webhook.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
			s.Send(event(0))
			synctest.Wait()
			wait, problem := webhook.Counts{Waiting: 1}, fmt.Sprintf("1 alert waits, for the webhook's receiver answered %d", status)
			if final {
				wait, problem = webhook.Counts{Dropped: 1}, fmt.Sprintf("1 alert is lost, for the webhook's receiver answered %d", status)
			}
			if s.Counts() != wait || s.Problem() != problem {
				t.Errorf("%d: %+v, %q", status, s.Counts(), s.Problem())
			}
			s.Send(event(1))
			pass(time.Second)
			want := webhook.Counts{Delivered: 2}
			if final {
				want = webhook.Counts{Delivered: 1, Dropped: 1}
			}
			if s.Counts() != want || s.Problem() != "" {
				t.Errorf("%d: %+v, %q", status, s.Counts(), s.Problem())
			}
			stop()
			if final != strings.Contains(log.String(), "given up") {
				t.Errorf("%d: the log has %s", status, log.String())
			}
		})
	}
}

func TestBoundedQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		r := &receiver{answer: func(int) (int, http.Header) {
			if up.Load() {
				return http.StatusOK, nil
			}
			return http.StatusServiceUnavailable, nil
		}}
		s, stop := start(t, r, webhook.Options{Queue: 3})
		defer stop()
		for i := range 10 {
			s.Send(event(i))
		}
		synctest.Wait()
		if s.Counts() != (webhook.Counts{Waiting: 3, Dropped: 7}) {
			t.Fatalf("%+v", s.Counts())
		}
		up.Store(true)
		pass(time.Minute)
		if s.Counts() != (webhook.Counts{Delivered: 3, Dropped: 7}) {
			t.Errorf("%+v", s.Counts())
		}
		for i, want := range []string{"p7", "p8", "p9"} {
			var p webhook.Payload
			if err := json.Unmarshal(r.bodies[len(r.bodies)-3+i], &p); err != nil || p.Data.Person != want {
				t.Errorf("%s is delivered, %v", p.Data.Person, err)
			}
		}
	})
}

func TestGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(int) (int, http.Header) { return http.StatusServiceUnavailable, nil }}
		s, stop := start(t, r, webhook.Options{})
		defer stop()
		s.Send(event(0))
		pass(24*time.Hour - time.Second)
		if s.Counts() != (webhook.Counts{Waiting: 1}) {
			t.Errorf("within a day: %+v", s.Counts())
		}
		pass(2 * time.Minute)
		if s.Counts() != (webhook.Counts{Dropped: 1}) {
			t.Errorf("after a day: %+v", s.Counts())
		}
	})
}

func TestNothingSecretIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		r := &receiver{answer: func(n int) (int, http.Header) { return []int{0, 500, 410}[n-1], nil }}
		s, stop := start(t, r, webhook.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		s.Send(event(0))
		pass(time.Hour)
		stop()
		if log.Len() == 0 {
			t.Fatal("nothing is logged")
		}
		for _, hidden := range []string{secret, "password", "hidden", "Ada"} {
			if strings.Contains(log.String(), hidden) {
				t.Errorf("%q is in the log: %s", hidden, log.String())
			}
		}
	})
}

func TestRefusedOptions(t *testing.T) {
	long := []byte(secret)
	for _, test := range []struct {
		url    string
		secret []byte
		ok     bool
	}{
		{"https://example.org/x", long, true},
		{"http://127.0.0.1:8080/x", long, true},
		{"http://[::1]/x", long, true},
		{"http://localhost/x", long, true},
		{"http://example.org/x", long, false},
		{"http://localhost.example.org/x", long, false},
		{"http://10.0.0.1/x", long, false},
		{"ftp://127.0.0.1/x", long, false},
		{"https:///x", long, false},
		{"example.org", long, false},
		{"https://user:passw%zz@example.org", long, false},
		{"https://example.org/x", []byte("short"), false},
	} {
		_, err := webhook.New(webhook.Options{URL: test.url, Secret: test.secret})
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", test.url, err)
		}
		if err != nil && (strings.Contains(err.Error(), "short") || strings.Contains(err.Error(), "passw")) {
			t.Errorf("an error tells a secret: %v", err)
		}
	}
}

// Over a real connection: no redirect is followed, and an answer without end holds nothing up.
func TestHostileServer(t *testing.T) {
	type attempt struct{ path, id string }
	reached := make(chan attempt, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached <- attempt{r.URL.Path, r.Header.Get("Webhook-Id")}
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			return
		}
		junk := make([]byte, 1<<16)
		for r.Context().Err() == nil {
			if _, err := w.Write(junk); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	for _, path := range []string{"/endless", "/moved"} {
		s, err := webhook.New(webhook.Options{URL: server.URL + path, Secret: []byte(secret)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		s.Send(event(0))
		s.Send(event(1))
		next := func() attempt {
			select {
			case a := <-reached:
				return a
			case <-ctx.Done():
				t.Fatalf("%s holds up", path)
				return attempt{}
			}
		}
		// The answer without end takes the first event, so that the second comes next; the redirect does not, and the first comes again.
		first, second := next(), next()
		if taken := first.id != second.id; first.path != path || second.path != path || taken != (path == "/endless") {
			t.Errorf("%s led to %+v and %+v", path, first, second)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	}
}

func ExampleVerify() {
	http.HandleFunc("POST /hook", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil || webhook.Verify([]byte(secret), r.Header, body, time.Now()) != nil {
			http.Error(w, "not signed", http.StatusUnauthorized)
			return
		}
		var p webhook.Payload
		if err := json.Unmarshal(body, &p); err != nil {
			http.Error(w, "not JSON", http.StatusBadRequest)
			return
		}
		fmt.Println(p.Data.Name, "is", p.Data.Verdict)
	})
}
