// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/poenf"
)

// run serves h until the test ends or stop is called, which returns what Serve returned.
func run(t *testing.T, h http.Handler, o ServeOptions) (address string, stop func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, h, o) }()
	t.Cleanup(cancel)
	return l.Addr().String(), func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(patience):
			return fmt.Errorf("still serving")
		}
	}
}

func TestServeRefusesPlaintext(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"0.0.0.0:0", "[::]:0", ":0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Log(err) // a machine may know one family only
			continue
		}
		err = Serve(t.Context(), l, http.NotFoundHandler(), ServeOptions{})
		if err == nil || !strings.Contains(err.Error(), "give it a TLS certificate") {
			t.Errorf("%s: %v", address, err)
		}
		if c, err := l.Accept(); err == nil {
			c.Close()
			t.Errorf("%s: still listening", address)
		}
	}
}

// A server that is to stop ends streams at once, and lets a proof be admitted that is on its way.
func TestServeStops(t *testing.T) {
	t.Parallel()
	began, finish := make(chan struct{}), make(chan struct{})
	l := rounds(1, 3)
	l.submit = func(ctx context.Context, _ poenf.Proof) error {
		close(began)
		select {
		case <-finish:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	address, stop := run(t, Handler(Options{Ledger: l, Committee: theCommittee}), ServeOptions{})
	client, err := NewClient("http://"+address, ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	submitted := make(chan error, 1)
	go func() { submitted <- client.Submit(context.Background(), committee.Proof("m000", 7)) }()
	<-began
	answer, events := open(t, "http://"+address+"/v1/events?from=1")
	for range 3 {
		if _, err := events.next(func() {}); err != nil {
			t.Fatal(err)
		}
	}
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	if rest, err := io.ReadAll(answer.Body); err != nil || len(rest) != 0 {
		t.Errorf("the stream ends with %q, %v", rest, err)
	}
	select {
	case err := <-stopped:
		t.Fatalf("stopped over a request that runs: %v", err)
	default:
	}
	close(finish)
	if err := <-submitted; err != nil {
		t.Errorf("submit: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestServeCutsOff(t *testing.T) {
	t.Parallel()
	began := make(chan struct{})
	l := rounds(1, 3)
	l.submit = func(ctx context.Context, _ poenf.Proof) error {
		close(began)
		<-ctx.Done()
		return ctx.Err()
	}
	address, stop := run(t, Handler(Options{Ledger: l, Committee: theCommittee}), ServeOptions{Grace: time.Millisecond})
	client, err := NewClient("http://"+address, ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	submitted := make(chan error, 1)
	go func() { submitted <- client.Submit(context.Background(), committee.Proof("m000", 7)) }()
	<-began
	if err := stop(); err != nil {
		t.Error(err)
	}
	if err := <-submitted; err == nil {
		t.Error("admitted")
	}
}

// Over TLS it is HTTP/2 where the client knows it, and events live longer than any deadline.
func TestServeTLS(t *testing.T) {
	t.Parallel()
	other := httptest.NewTLSServer(nil)
	defer other.Close()
	h := Handler(Options{Ledger: rounds(1, 3), Committee: theCommittee, Limits: Limits{Heartbeat: 300 * time.Millisecond, Stall: 150 * time.Millisecond}})
	address, stop := run(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("%s over %s", r.URL, r.Proto)
		}
		h.ServeHTTP(w, r)
	}), ServeOptions{TLS: &tls.Config{Certificates: other.TLS.Certificates}})
	client, err := NewClient("https://"+address, ClientOptions{TLS: other.Client().Transport.(*http.Transport).TLSClientConfig})
	if err != nil {
		t.Fatal(err)
	}
	client.http.Transport.(*http.Transport).ForceAttemptHTTP2 = true // as browsers
	if _, err := client.Round(t.Context(), 2); err != nil {
		t.Error(err)
	}
	response, err := client.send(t.Context(), http.MethodGet, "/v1/events?from=1", eventType, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	in, beats := bufio.NewScanner(response.Body), 0
	for beats < 4 && in.Scan() {
		if in.Text() == ":" {
			beats++
		}
	}
	if beats < 4 {
		t.Errorf("%d heartbeats, %v", beats, in.Err())
	}
	if _, err := NewClient("https://"+address, ClientOptions{}); err != nil {
		t.Error(err)
	}
	stranger, err := NewClient("https://"+address, ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.Round(t.Context(), 2); err == nil {
		t.Error("a certificate that nobody vouches for is taken")
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// Headers are bounded in size and in time, and so are bodies.
func TestAbuse(t *testing.T) {
	t.Parallel()
	h := Handler(Options{Ledger: rounds(1, 3), Committee: theCommittee, Limits: Limits{BodyTime: 20 * time.Millisecond}})
	address, _ := run(t, h, ServeOptions{HeaderTime: 500 * time.Millisecond})
	const post = "POST /v1/proofs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
	for _, test := range []struct{ name, request, want string }{
		{"a header without end", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n", ""},
		{"a long header", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", "HTTP/1.1 431"},
		{"many headers", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("X: x\r\n", 8000) + "\r\n", "HTTP/1.1 431"},
		{"a long line", "GET /" + strings.Repeat("x", 64<<10) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 431"},
		{"two lengths", post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", "HTTP/1.1 400"},
		{"a length and chunks", post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 400"},
		{"a negative length", post + "Content-Length: -1\r\n\r\n", "HTTP/1.1 400"},
		{"no host", "GET /healthz HTTP/1.1\r\n\r\n", "HTTP/1.1 400"},
		{"a line folded", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX : y\r\n\r\n", "HTTP/1.1 400"},
		{"a body that does not come", post + "Content-Length: 10\r\n\r\nx", "HTTP/1.1 408"},
		{"chunks that do not end", post + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", "HTTP/1.1 408"},
		{"chunks that are none", post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 408"},
		{"a length beyond the limit", post + "Content-Length: 9223372036854775807\r\n\r\n" + strings.Repeat("x", 20000), "HTTP/1.1 413"},
		{"chunks beyond the limit", post + "Transfer-Encoding: chunked\r\n\r\n8000\r\n" + strings.Repeat("x", 0x8000) + "\r\n0\r\n\r\n", "HTTP/1.1 413"},
		{"a body that does not come, by another name", strings.Replace(post, "localhost", "evil.example", 1) + "Content-Length: 10\r\n\r\nx", "HTTP/1.1 421"},
		{"a body that does not come, for nobody", strings.Replace(post, "/v1/proofs", "/v1/none", 1) + "Content-Length: 10\r\n\r\nx", "HTTP/1.1 404"},
		{"a body that does not come, for what is not served", strings.Replace(post, "/v1/proofs", "/v1/rooms/a/tokens", 1) + "Content-Length: 10\r\n\r\nx", "HTTP/1.1 501"},
		{"another event", "GET /v1/events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 1e3\r\n\r\n", "HTTP/1.1 422"},
	} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, _ = io.WriteString(conn, test.request) // the server may have closed before its end
		line, err := bufio.NewReader(conn).ReadString('\n')
		if test.want == "" && errors.Is(err, io.EOF) && (line == "" || strings.HasPrefix(line, "HTTP/1.1 4")) {
			conn.Close()
			continue
		}
		if test.want == "" && strings.HasPrefix(line, "HTTP/1.1 408") {
			conn.Close()
			continue
		}
		if test.want == "" || !strings.HasPrefix(line, test.want) {
			t.Errorf("%s: %q, %v", test.name, line, err)
		}
		conn.Close()
	}
}
