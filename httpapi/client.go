// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/poenf"
)

// ClientOptions set a [Client] up. The zero value is useful.
type ClientOptions struct {
	// TLS is how the node's certificate is checked; nil trusts the system's authorities.
	TLS *tls.Config
	// AllowPlaintext permits http to hosts other than this one.
	AllowPlaintext bool
	// Token is sent as a bearer token. It is refused where it would travel to another host in plaintext.
	Token string
	// Timeout is how long a request may take, other than a stream of events: 60 s when zero.
	Timeout time.Duration
	// Silence is how long a stream of events may be silent before it is taken for dead: 60 s when zero.
	Silence time.Duration
	// Log takes what became of connections. It never sees the token. nil discards.
	Log *slog.Logger

	transport http.RoundTripper // of a test
}

// Client is the ledger of a node that is reached over HTTP. It is safe for concurrent use.
//
// Its errors wrap a [Problem] where the node gave one, and so the error of package poenf or ledger that was meant. What it
// reads is bounded, and checked for its form; whether it is true, certificates say.
type Client struct {
	base *url.URL
	o    ClientOptions
	http *http.Client
}

var _ ledger.Ledger = (*Client)(nil)

// The most that a client reads of an answer. A round of 1024 members with the longest names has some 250 KiB.
const (
	maxAnswer      = 1 << 20
	maxCertificate = 4 << 20 // comet.MaxCertificate
)

// NewClient returns a client of the node at baseURL, which may have a path. It does not connect. Anything but https, and
// http on this machine, is refused, but for [ClientOptions.AllowPlaintext].
func NewClient(baseURL string, o ClientOptions) (*Client, error) {
	base, err := url.Parse(baseURL)
	switch {
	case err != nil:
		return nil, errors.New("node's address: not a URL") // which may have a password in it
	case base.User != nil:
		return nil, errors.New("node's address: a URL with a user's name or password ends up in logs")
	case base.Scheme != "http" && base.Scheme != "https" || base.Hostname() == "":
		return nil, fmt.Errorf("node's address %q: neither http://host nor https://host", base.Redacted())
	case base.RawQuery != "" || base.Fragment != "":
		return nil, fmt.Errorf("node's address %q: has a query or fragment", base.Redacted())
	case base.Scheme == "http" && !loopback(base.Hostname()) && o.Token != "":
		return nil, fmt.Errorf("node's address %q: a token does not travel in plaintext", base.Redacted())
	case base.Scheme == "http" && !loopback(base.Hostname()) && !o.AllowPlaintext:
		return nil, fmt.Errorf("node's address %q: plaintext to another machine must be allowed explicitly; use https", base.Redacted())
	}
	base.Path = strings.TrimRight(base.Path, "/")
	base.RawPath = ""
	o.Timeout, o.Silence = cmp.Or(o.Timeout, time.Minute), cmp.Or(o.Silence, time.Minute)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	transport := o.transport
	if transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.TLSClientConfig, t.MaxResponseHeaderBytes, t.MaxIdleConnsPerHost = o.TLS.Clone(), 64<<10, 16
		t.ForceAttemptHTTP2 = false // over HTTP/2 it would be lost why a node refuses a certificate
		t.DisableCompression = true // so that what comes is as long as it looks
		transport = t
	}
	return &Client{base: base, o: o, http: &http.Client{Transport: transport, CheckRedirect: stay}}, nil
}

// errRedirect is what becomes of a redirect elsewhere.
var errRedirect = errors.New("redirected to another host, or away from TLS")

// stay follows redirects within a host.
func stay(next *http.Request, before []*http.Request) error {
	if len(before) >= 3 || next.URL.Host != before[0].URL.Host || next.URL.Scheme != before[0].URL.Scheme {
		return errRedirect
	}
	return nil
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// Close closes connections that are not in use.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Submit implements [ledger.Ledger]. Where a connection breaks before the answer, it is asked for once more.
func (c *Client) Submit(ctx context.Context, p poenf.Proof) error {
	body, err := p.MarshalBinary()
	if err != nil {
		return err
	}
	var again bool
	answer, err := c.do(ctx, http.MethodPost, "/v1/proofs", "application/json", body, maxAnswer)
	var refused *Problem
	if err != nil && !errors.As(err, &refused) && ctx.Err() == nil && !errors.Is(err, errRedirect) {
		again = true
		answer, err = c.do(ctx, http.MethodPost, "/v1/proofs", "application/json", body, maxAnswer)
	}
	if err != nil {
		return err
	}
	var a admission
	if err := json.Unmarshal(answer, &a); err != nil {
		return c.nonsense("answer to a proof", err)
	}
	switch {
	case a.Outcome == admitted, again && (a.Outcome == present || a.Outcome == counted):
		return nil // the second time because of the first
	case a.Outcome == present:
		return fmt.Errorf("%s: proof of %s for round %d: %w", c.base.Host, p.Member, p.Round, poenf.ErrPresent)
	case a.Outcome == counted:
		return fmt.Errorf("%s: proof of %s for round %d has counted: %w", c.base.Host, p.Member, p.Round, poenf.ErrOutdated)
	}
	return c.nonsense("answer to a proof", fmt.Errorf("outcome %q", printable(a.Outcome)))
}

// Round implements [ledger.Ledger].
func (c *Client) Round(ctx context.Context, n uint64) (poenf.Round, error) {
	answer, err := c.get(ctx, "/v1/rounds/"+strconv.FormatUint(n, 10), maxAnswer)
	if err != nil {
		return poenf.Round{}, err
	}
	r, err := decodeRound(answer)
	if err == nil && r.Number != n {
		err = fmt.Errorf("round %d instead of %d", r.Number, n)
	}
	if err != nil {
		return poenf.Round{}, c.nonsense("round", err)
	}
	return r, nil
}

// Committee returns the registered committee.
func (c *Client) Committee(ctx context.Context) (poenf.Committee, error) {
	answer, err := c.get(ctx, "/v1/committee", maxAnswer)
	if err != nil {
		return poenf.Committee{}, err
	}
	var out poenf.Committee
	if err := json.Unmarshal(answer, &out); err != nil {
		return poenf.Committee{}, c.nonsense("committee", err)
	}
	return out, nil
}

// Certificate returns the file of a closed round's certificate, or an error wrapping [ledger.ErrNotFound]. It is as the node
// sent it: comet.Verify checks it.
func (c *Client) Certificate(ctx context.Context, round uint64) ([]byte, error) {
	return c.get(ctx, "/v1/rounds/"+strconv.FormatUint(round, 10)+"/certificate", maxCertificate)
}

// truthPiece is how much truth is asked for at once: some 400 KiB of it.
const truthPiece = 6 * time.Hour

// Truth returns the grid's frequency at each whole second from from, inclusive, to to, exclusive, as
// [ledger.Truth.Between] does. An interval above [ledger.MaxSpan] is refused.
func (c *Client) Truth(ctx context.Context, from, to time.Time) (enf.Series, error) {
	start := from.Truncate(time.Second)
	if start.Before(from) {
		start = start.Add(time.Second)
	}
	out := enf.Series{Start: start, Step: time.Second, Hz: []float64{}, Sigma: []float64{}}
	if to.Sub(start) > ledger.MaxSpan {
		return enf.Series{}, fmt.Errorf("truth from %s to %s: more than %s", from.Format(time.RFC3339), to.Format(time.RFC3339), ledger.MaxSpan)
	}
	for start.Before(to) {
		end := start.Add(min(truthPiece, (to.Sub(start) + time.Second - 1).Truncate(time.Second)))
		answer, err := c.get(ctx, fmt.Sprintf("/v1/truth?format=json&from=%d&to=%d", start.Unix(), end.Unix()), 2*maxAnswer)
		if err != nil {
			return enf.Series{}, err
		}
		piece, err := decodeTruth(answer, start, int(end.Sub(start)/time.Second))
		if err != nil {
			return enf.Series{}, c.nonsense("truth", err)
		}
		out.Hz, out.Sigma = append(out.Hz, piece.Hz...), append(out.Sigma, piece.Sigma...)
		start = end
	}
	return out, nil
}

func (c *Client) get(ctx context.Context, path string, limit int64) ([]byte, error) {
	return c.do(ctx, http.MethodGet, path, "application/json", nil, limit)
}

// do asks, and returns the body of an answer that is a success. Any other is a Problem.
func (c *Client) do(ctx context.Context, method, path, accept string, body []byte, limit int64) ([]byte, error) {
	return c.doAs(ctx, method, path, accept, binaryType, body, limit)
}

// doAs is do with a body of another type.
func (c *Client) doAs(ctx context.Context, method, path, accept, kind string, body []byte, limit int64) ([]byte, error) {
	within, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	response, err := c.sendAs(within, method, path, accept, kind, body)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, c.base.Host+path, err)
	}
	if int64(len(answer)) > limit {
		return nil, fmt.Errorf("%s %s: the answer has more than %d bytes", method, c.base.Host+path, limit)
	}
	return answer, nil
}

// send asks, and returns an answer that is a success, its body still to be read and closed. Any other is a Problem.
func (c *Client) send(ctx context.Context, method, path, accept string, body []byte) (*http.Response, error) {
	return c.sendAs(ctx, method, path, accept, binaryType, body)
}

// sendAs is send with a body of another type.
func (c *Client) sendAs(ctx context.Context, method, path, accept, kind string, body []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base.String()+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", accept+", "+problemType)
	request.Header.Set("User-Agent", "defakepro")
	if body != nil {
		request.Header.Set("Content-Type", kind)
	}
	if c.o.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.o.Token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode/100 == 2 {
		return response, nil
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxProblem))
	if err != nil {
		answer = nil // the status is here
	}
	p := readProblem(response.StatusCode, response.Header.Get("Content-Type"), answer)
	return nil, &refusedError{host: c.base.Host, problem: p, retry: retryAfter(response.Header)}
}

// refusedError is a problem and who gave it.
type refusedError struct {
	host    string
	problem *Problem
	retry   time.Duration // after which to try again, if the node said so
}

func (e *refusedError) Error() string { return e.host + ": " + e.problem.Error() }
func (e *refusedError) Unwrap() error { return e.problem }

// passing reports whether asking again may help.
func (e *refusedError) passing() bool {
	switch e.problem.Status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented:
		return false
	}
	return e.problem.Status >= 500
}

// retryAfter returns the time that an answer asks for, a minute at most.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(min(seconds, 60)) * time.Second
}

// nonsense is an answer that is not what was asked for. It wraps nothing: no sentinel is meant.
func (c *Client) nonsense(what string, err error) error {
	return fmt.Errorf("%s: %s: %s", c.base.Host, what, printable(err.Error()))
}
