// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/defakepro/defakepro/capability"
	"github.com/defakepro/defakepro/poenf"
)

// The rude client sends what no client does. It is refused before anything is done for it, in few words, whatever it has for a
// token.
func TestRudeClient(t *testing.T) {
	t.Parallel()
	o := Options{Ledger: rounds(100, 110), Now: at(110), Security: security(t, &capability.Authority{}), Genesis: []byte(`{}`)}
	o.Limits.BodyTime = time.Second
	_, url := serve(t, o)
	good := issued(t, "ann", capability.Limits{Operations: []string{"*"}})
	for _, c := range []struct {
		what, method, path, body string
		header                   []string
		status                   []int
	}{
		{"traversal", "GET", "/v1/members/..%2f..%2fetc%2fpasswd", "", []string{"Authorization", "Bearer " + good}, []int{404}},
		{"traversal, plainly", "GET", "/v1/members/../../../../etc/passwd", "", nil, []int{404}},
		{"traversal in a room", "GET", "/v1/rooms/..%2f..%2fadmin", "", []string{"Authorization", "Bearer " + good}, []int{501, 404}},
		{"a name with a zero", "GET", "/v1/zones/%00", "", []string{"Authorization", "Bearer " + good}, []int{404}},
		{"a token too long", "GET", "/v1/members", "", []string{"Authorization", "Bearer " + strings.Repeat("A", 10_000)}, []int{401}},
		{"a token of other letters", "GET", "/v1/members", "", []string{"Authorization", "Bearer ÄÖÜ"}, []int{401}},
		{"a token in the query", "GET", "/v1/members?token=" + good, "", nil, []int{401}},
		{"a change too long", "POST", changesPath, strings.Repeat("x", poenf.MaxTx+1), nil, []int{413}},
		{"no change", "POST", changesPath, "", nil, []int{400}},
		{"a proof for a change", "POST", changesPath, "\x01\x32", nil, []int{400}},
		{"a change from a page elsewhere", "POST", changesPath, aChange(t), []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, []int{403}},
		{"a challenge for a page elsewhere", "POST", "/v1/challenges", "{}", []string{"Sec-Fetch-Site", "cross-site"}, []int{403}},
		{"an answer too long", "POST", "/v1/answers", `{"member":"` + strings.Repeat("a", 17_000) + `"}`, []string{"Content-Type", "application/json"}, []int{413}},
		{"an answer that is none", "POST", "/v1/answers", `{"challenge":"AAAA","member":"ann","signature":"AAAA"}`, []string{"Content-Type", "application/json"}, []int{403}},
		{"fields that nobody knows", "POST", "/v1/challenges", `{"zone":"acme","admin":true}`, []string{"Content-Type", "application/json"}, []int{422}},
		{"another method", "DELETE", "/v1/members/ann", "", []string{"Authorization", "Bearer " + good}, []int{405}},
		{"a path that is none", "GET", "/v1/administrators", "", nil, []int{404}},
	} {
		answer, body := ask(t, c.method, url+c.path, c.body, c.header...)
		if answer.StatusCode != c.status[0] && answer.StatusCode != c.status[len(c.status)-1] {
			t.Errorf("%s: %d %s, want %v", c.what, answer.StatusCode, body, c.status)
		}
		if len(body) > 2000 || answer.Header.Get("Content-Type") != problemType || strings.Contains(string(body), good[:30]) {
			t.Errorf("%s: %s %.200s", c.what, answer.Header.Get("Content-Type"), body)
		}
	}
	// Two tokens are none: who has looked at one, and who goes by the other?
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v1/members", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header["Authorization"] = []string{"Bearer " + good, "Bearer " + good}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("two tokens: %d", answer.StatusCode)
	}
}

// A body that does not come is waited for no longer than its time, and costs nobody else anything: the connection is closed, whatever
// was asked for, with which right, and however it was answered.
func TestSlowClient(t *testing.T) {
	t.Parallel()
	o := Options{
		Ledger: rounds(100, 110), Committee: theCommittee, Now: at(110), Security: security(t, &capability.Authority{}), Genesis: []byte(`{}`),
		Check: someCheck, Scratch: t.TempDir(), Pages: http.NotFoundHandler(),
	}
	o.Limits.BodyTime, o.Limits.UploadTime = 200*time.Millisecond, 300*time.Millisecond
	address, _ := run(t, Handler(o), ServeOptions{})
	all := "Authorization: Bearer " + issued(t, "ann", capability.Limits{Operations: []string{"*"}}) + "\r\n"
	long := "POST /v1/challenges HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 90000\r\n\r\n" + strings.Repeat("x", 20_000)
	for _, c := range []struct{ what, request, header, status string }{
		{"a change", "POST /v1/changes", "", "408"},
		{"a proof without a token", "POST /v1/proofs", "", "401"},
		{"a proof", "POST /v1/proofs", all, "408"},
		{"a challenge", "POST /v1/challenges", "Content-Type: application/json\r\n", "408"},
		{"a recording", "POST /v1/checks", all, "408"},
		{"a recording without a token", "POST /v1/checks", "", "401"},
		{"a path that is none", "POST /x", "", "404"},
		{"another method", "PUT /v1/proofs", "", "405"},
		{"what is not served", "POST /v1/rooms/a/tokens", all, "501"},
		{"another host's page", "POST /v1/changes", "Sec-Fetch-Site: cross-site\r\n", "403"},
		{"what takes no body", "GET /healthz", "", "200"},
		{"what takes no body, for a token", "GET /v1/members", all, "200"},
		{"the document", "GET /openapi.json", "", "200"},
		{"by another name", "POST http://evil.example/v1/changes", "", "421"},
		{"a body that is too long", long, "", "413"},
	} {
		for _, length := range []string{"Content-Length: 10000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"} {
			request := c.request + " HTTP/1.1\r\nHost: localhost\r\n" + c.header + length
			if c.request == long {
				request = long
			}
			t.Run(c.what, func(t *testing.T) {
				t.Parallel()
				trickle(t, address, request, "HTTP/1.1 "+c.status)
			})
		}
	}
}

// trickle sends a request and then a byte now and then, and wants an answer that begins so, and the connection to be closed soon.
func trickle(t *testing.T, address, request, status string) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	defer close(closed)
	go func() {
		for {
			select {
			case <-closed:
				return
			case <-time.After(20 * time.Millisecond):
				_, _ = conn.Write([]byte(" ")) // until the server has closed
			}
		}
	}()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	answer, err := io.ReadAll(conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("still open, after %.40q", answer)
	}
	// A server that closes while bytes come resets the connection, and the answer may be lost with it.
	if len(answer) > 0 && !strings.HasPrefix(string(answer), status) {
		t.Errorf("%.100q, want %s", answer, status)
	}
}

// A client has a bounded number of connections, and all clients together have; what comes from this machine is counted apart.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	in := &dialled{conns: make(chan net.Conn, 100)}
	l := bounded(in, 6, 2)
	for _, from := range []string{
		"192.0.2.1:1", "192.0.2.1:2", "192.0.2.1:3", // the third is one too many
		"[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8::3]:1", // likewise: one network
		"192.0.2.2:1", "192.0.2.3:1", "192.0.2.4:1", // six in all
		"127.0.0.1:1", "127.0.0.1:2", "[::1]:3", "127.0.0.1:4", "127.0.0.1:5", "127.0.0.1:6", "127.0.0.1:7",
	} {
		in.dial(t, from)
	}
	in.dial(t, "192.0.2.1:9").last = true
	var taken []net.Conn
	for range 12 {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, c)
	}
	for i, want := range []string{
		"192.0.2.1:1", "192.0.2.1:2", "[2001:db8::1]:1", "[2001:db8::2]:1", "192.0.2.2:1", "192.0.2.3:1",
		"127.0.0.1:1", "127.0.0.1:2", "[::1]:3", "127.0.0.1:4", "127.0.0.1:5", "127.0.0.1:6",
	} {
		if got := taken[i].RemoteAddr().String(); got != want {
			t.Errorf("%d is %s, want %s", i, got, want)
		}
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) { // the rest were closed, and there are no more
		t.Errorf("%v", err)
	}
	if n := in.closed.Load(); n != 4 {
		t.Errorf("%d were closed, want 4", n)
	}
	for range 2 { // closed twice is one place
		_ = taken[0].Close()
	}
	for range 2 {
		in.dial(t, "192.0.2.1:5")
	}
	in.dial(t, "192.0.2.1:9").last = true
	if c, err := l.Accept(); err != nil || c.RemoteAddr().String() != "192.0.2.1:5" {
		t.Errorf("a place that is free again: %v", err)
	}
	if c, err := l.Accept(); err == nil {
		t.Errorf("%s: one place was given twice", c.RemoteAddr())
	}
}

// A server holds no more connections than leave half of the process' descriptors to others.
func TestServeBoundsConnections(t *testing.T) {
	t.Parallel()
	if all, each := mostConnections(1024); all > 256 || each >= all || each < 1 {
		t.Errorf("%d, %d of each", all, each)
	}
	if all, each := mostConnections(0); all < 100 || each < 1 { // nobody says
		t.Errorf("%d, %d of each", all, each)
	}
	address, _ := run(t, Handler(Options{Ledger: rounds(1, 3), Committee: theCommittee}), ServeOptions{Connections: 3})
	var open int
	for range 5 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			open++
		}
	}
	if open != 3 {
		t.Errorf("%d are open", open)
	}
}

// dialled is a listener to which connections come from anywhere.
type dialled struct {
	net.Listener
	conns  chan net.Conn
	closed atomic.Int32
}

// dialledConn is a connection from an address; a last one is none, and ends the listener.
type dialledConn struct {
	net.Conn
	from net.Addr
	of   *dialled
	last bool
}

func (d *dialled) dial(t *testing.T, from string) *dialledConn {
	t.Helper()
	a, err := netip.ParseAddrPort(from)
	if err != nil {
		t.Fatal(err)
	}
	c := &dialledConn{from: net.TCPAddrFromAddrPort(a), of: d}
	d.conns <- c
	return c
}

func (d *dialled) Accept() (net.Conn, error) {
	if c := (<-d.conns).(*dialledConn); !c.last {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (c *dialledConn) RemoteAddr() net.Addr { return c.from }
func (c *dialledConn) Close() error         { c.of.closed.Add(1); return nil }
