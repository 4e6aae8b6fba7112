// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/ledger/ledgertest"
	"github.com/defakepro/defakepro/poenf"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// ask sends a request and returns the answer with its body read.
func ask(t testing.TB, method, url, body string, header ...string) (*http.Response, []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	r.Host = r.Header.Get("Host") // empty is that of the URL
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil && answer.Header.Get("Content-Type") != eventType {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return answer, data
}

// rounds is a ledger with closed rounds from first to last.
func rounds(first, last uint64) *stub {
	return &stub{
		submit: func(context.Context, poenf.Proof) error { return nil },
		round: func(_ context.Context, n uint64) (poenf.Round, error) {
			if n < first || n > last {
				return poenf.Round{}, fmt.Errorf("round %d: %w", n, ledger.ErrNotFound)
			}
			return aRound(n), nil
		},
		follow: func(ctx context.Context, n uint64) iter.Seq2[poenf.Round, error] {
			return func(yield func(poenf.Round, error) bool) {
				for n = max(n, first); n <= last; n++ {
					if !yield(aRound(n), nil) {
						return
					}
				}
				<-ctx.Done()
				yield(poenf.Round{}, ctx.Err())
			}
		},
	}
}

// at is a clock that stands at the end of a round.
func at(round uint64) func() time.Time { return func() time.Time { return committee.EndOf(round) } }

func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	_, url := serve(t, Options{Ledger: rounds(100, 110), Now: at(110)})
	good, err := committee.Proof("m000", 7).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	const text = "application/json"
	for _, test := range []struct {
		name, method, path, body, kind string
		status                         int
		problem                        string
	}{
		{"no such path", "GET", "/v2/rounds", "", "", 404, "about:blank"},
		{"root", "GET", "/", "", "", 404, "about:blank"},
		{"no such method", "DELETE", "/v1/rounds/1", "", "", 405, "about:blank"},
		{"read of what is written", "GET", "/v1/proofs", "", "", 405, "about:blank"},
		{"preflight", "OPTIONS", "/v1/rounds", "", "", 405, "about:blank"},
		{"no such round", "GET", "/v1/rounds/99", "", "", 404, "urn:defakepro:problem:round-not-found"},
		{"the greatest round", "GET", "/v1/rounds/18446744073709551615", "", "", 404, "urn:defakepro:problem:round-not-found"},
		{"greater", "GET", "/v1/rounds/18446744073709551616", "", "", 422, "urn:defakepro:problem:request"},
		{"negative", "GET", "/v1/rounds/-1", "", "", 422, "urn:defakepro:problem:request"},
		{"hexadecimal", "GET", "/v1/rounds/0x10", "", "", 422, "urn:defakepro:problem:request"},
		{"not a number", "GET", "/v1/rounds/" + strings.Repeat("9", 4000), "", "", 422, "urn:defakepro:problem:request"},
		{"escaped slash", "GET", "/v1/rounds/1%2f2", "", "", 422, "urn:defakepro:problem:request"},
		{"limit 0", "GET", "/v1/rounds?limit=0", "", "", 422, "urn:defakepro:problem:request"},
		{"limit beyond int", "GET", "/v1/rounds?limit=99999999999999999999", "", "", 422, "urn:defakepro:problem:request"},
		{"misspelt", "GET", "/v1/rounds?form=7", "", "", 422, "urn:defakepro:problem:request"},
		{"certificate", "GET", "/v1/rounds/100/certificate", "", "", 501, "urn:defakepro:problem:not-served"},
		{"genesis", "GET", "/v1/genesis", "", "", 501, "urn:defakepro:problem:not-served"},
		{"events of no number", "GET", "/v1/events?from=x", "", "", 422, "urn:defakepro:problem:request"},
		{"truth of nothing", "GET", "/v1/truth", "", "", 422, "urn:defakepro:problem:request"},
		{"truth of no time", "GET", "/v1/truth?from=yesterday&to=10", "", "", 422, "urn:defakepro:problem:request"},
		{"truth before 1970", "GET", "/v1/truth?from=-1&to=10", "", "", 422, "urn:defakepro:problem:request"},
		{"truth after 9999", "GET", "/v1/truth?from=1&to=9223372036854775807", "", "", 422, "urn:defakepro:problem:request"},
		{"truth backwards", "GET", "/v1/truth?from=10&to=1", "", "", 422, "urn:defakepro:problem:request"},
		{"too much truth", "GET", "/v1/truth?from=0&to=86401", "", "", 422, "urn:defakepro:problem:request"},
		{"truth in another form", "GET", "/v1/truth?from=0&to=1&format=xml", "", "", 422, "urn:defakepro:problem:request"},
		{"no type", "POST", "/v1/proofs", string(good), "", 415, "about:blank"},
		{"form", "POST", "/v1/proofs", string(good), "application/x-www-form-urlencoded", 415, "about:blank"},
		{"plain text, as pages may send", "POST", "/v1/proofs", string(good), "text/plain", 415, "about:blank"},
		{"bytes that are not a proof", "POST", "/v1/proofs", "nonsense", binaryType, 400, "urn:defakepro:problem:malformed"},
		{"no bytes", "POST", "/v1/proofs", "", binaryType, 400, "urn:defakepro:problem:malformed"},
		{"bytes too many", "POST", "/v1/proofs", string(good) + "x", binaryType, 400, "urn:defakepro:problem:malformed"},
		{"too large", "POST", "/v1/proofs", strings.Repeat("x", 16<<10+1), binaryType, 413, "about:blank"},
		{"far too large", "POST", "/v1/proofs", strings.Repeat("x", 4<<20), text, 413, "about:blank"},
		{"not JSON", "POST", "/v1/proofs", "{", text, 400, "urn:defakepro:problem:malformed"},
		{"deep JSON", "POST", "/v1/proofs", strings.Repeat("[", 16000), text, 400, "urn:defakepro:problem:malformed"},
		{"two values", "POST", "/v1/proofs", asJSON(committee.Proof("m000", 7)) + "{}", text, 400, "urn:defakepro:problem:malformed"},
		{"unknown field", "POST", "/v1/proofs", `{"x":1}`, text, 400, "urn:defakepro:problem:malformed"},
		{"value beyond int32", "POST", "/v1/proofs", `{"values_uhz":[4294967296,1]}`, text, 400, "urn:defakepro:problem:malformed"},
		{"round beyond uint64", "POST", "/v1/proofs", `{"round":18446744073709551616}`, text, 400, "urn:defakepro:problem:malformed"},
		{"null", "POST", "/v1/proofs", "null", text, 400, "urn:defakepro:problem:malformed"},
	} {
		answer, body := ask(t, test.method, url+test.path, test.body, "Content-Type", test.kind)
		var p Problem
		if err := json.Unmarshal(body, &p); err != nil || answer.StatusCode != test.status || p.Status != test.status || p.Type != test.problem ||
			answer.Header.Get("Content-Type") != problemType || p.Title == "" {
			t.Errorf("%s: %d %s %s", test.name, answer.StatusCode, answer.Header.Get("Content-Type"), body)
		}
		if answer.Header.Get("Access-Control-Allow-Origin") != "" || answer.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", test.name, answer.Header)
		}
		if len(body) > 2000 {
			t.Errorf("%s: a problem of %d bytes", test.name, len(body))
		}
	}
	if answer, _ := ask(t, "DELETE", url+"/v1/rounds/1", ""); answer.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("Allow: %q", answer.Header.Get("Allow"))
	}
}

func asJSON(p poenf.Proof) string {
	b, err := json.Marshal(proof{p.Nominal, p.Round, p.Member, p.Values, p.Signature})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestSubmitBothForms(t *testing.T) {
	t.Parallel()
	var got []poenf.Proof
	l := rounds(100, 110)
	l.submit = func(_ context.Context, p poenf.Proof) error {
		got = append(got, p)
		return nil
	}
	_, url := serve(t, Options{Ledger: l})
	want := committee.Proof("m000", 7)
	binary, err := want.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for kind, body := range map[string]string{
		binaryType: string(binary), "application/json": asJSON(want), "application/json; charset=utf-8": " " + asJSON(want) + "\n",
	} {
		answer, data := ask(t, "POST", url+"/v1/proofs", body, "Content-Type", kind)
		var a admission
		if err := json.Unmarshal(data, &a); err != nil || answer.StatusCode != http.StatusCreated || a.Proof != fmt.Sprintf("%x", want.Hash()) ||
			a.Round != 7 || a.Member != "m000" || a.Outcome != admitted {
			t.Errorf("%s: %d %s", kind, answer.StatusCode, data)
		}
	}
	if len(got) != 3 {
		t.Fatalf("%d proofs came through", len(got))
	}
	for _, p := range got {
		if !reflect.DeepEqual(p, want) {
			t.Errorf("%+v, want %+v", p, want)
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	_, url := serve(t, Options{Ledger: rounds(100, 109), Now: at(111), Limits: Limits{Page: 4}})
	for _, test := range []struct {
		query string
		want  []uint64
		next  uint64
	}{
		{"?limit=3", []uint64{100, 101, 102}, 103},
		{"?from=103&limit=1000", []uint64{103, 104, 105, 106}, 107}, // the node's own limit
		{"?from=107", []uint64{107, 108, 109}, 110},
		{"?from=110", []uint64{}, 110},
		{"?from=18446744073709551615", []uint64{}, 18446744073709551615},
	} {
		answer, body := ask(t, "GET", url+"/v1/rounds"+test.query, "")
		var p page
		if err := json.Unmarshal(body, &p); err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s", test.query, answer.StatusCode, body)
		}
		numbers := []uint64{}
		for _, r := range p.Rounds {
			numbers = append(numbers, r.Number)
		}
		if !slices.Equal(numbers, test.want) || p.Next != test.next || p.Rounds == nil {
			t.Errorf("%s: %v, next %d; want %v, %d", test.query, numbers, p.Next, test.want, test.next)
		}
	}
}

func TestLatest(t *testing.T) {
	t.Parallel()
	var now atomic.Uint64
	last := uint64(109)
	l := rounds(100, 0)
	l.round = func(_ context.Context, n uint64) (poenf.Round, error) {
		if n >= 100 && n <= last {
			return aRound(n), nil
		}
		return poenf.Round{}, ledger.ErrNotFound
	}
	_, url := serve(t, Options{Ledger: l, Now: func() time.Time { return committee.EndOf(now.Load()) }})
	for _, step := range []struct{ now, last, want uint64 }{
		{50, 49, 0}, {111, 109, 109}, {112, 111, 111}, {111 + 2*Lookback, 111, 111}, {112 + 2*Lookback, 112 + 2*Lookback, 112 + 2*Lookback},
		{90, 112 + 2*Lookback, 112 + 2*Lookback}, // the clock was set back
	} {
		now.Store(step.now)
		last = step.last
		answer, body := ask(t, "GET", url+"/v1/rounds/latest", "")
		var r round
		if step.want == 0 {
			if answer.StatusCode != http.StatusNotFound {
				t.Errorf("%+v: %d", step, answer.StatusCode)
			}
			continue
		}
		if err := json.Unmarshal(body, &r); err != nil || r.Number != step.want {
			t.Errorf("%+v: %d %s", step, answer.StatusCode, body)
		}
	}
	client, _ := serve(t, Options{Ledger: l, Latest: func(context.Context) (poenf.Round, error) { return aRound(42), nil }})
	if answer, body := ask(t, "GET", client.base.String()+"/v1/rounds/latest", ""); !bytes.Contains(body, []byte(`"number":42,`)) {
		t.Errorf("%d %s", answer.StatusCode, body)
	}
}

// The CSV is one that this module reads back, and says what the JSON says.
func TestTruthInBothForms(t *testing.T) {
	t.Parallel()
	c, clock := ledgertest.NewCommittee("csv", 3, 10), new(ledgertest.Clock)
	m, err := ledger.NewMemory(c.Committee, clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	first := c.Last(clock.Now().UnixMilli()) + 2
	for n := first; n < first+5; n++ {
		clock.Until(c.EndOf(n))
		c.SubmitAll(t.Context(), t, []ledger.Ledger{m}, n, c.Members...)
	}
	_, url := serve(t, Options{Ledger: m, Committee: func() (poenf.Committee, error) { return c.Committee, nil }})
	from, to := c.EndOf(first), c.EndOf(first+4)
	query := fmt.Sprintf("/v1/truth?from=%d&to=%s", from.Unix(), to.In(time.FixedZone("", 3600)).Format(time.RFC3339))
	_, body := ask(t, "GET", url+query, "")
	want, err := decodeTruth(body, from, 20)
	if err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	for _, test := range []struct{ query, accept, kind string }{
		{"&format=csv", "", "text/csv; charset=utf-8"},
		{"", "text/csv", "text/csv; charset=utf-8"},
		{"", "text/csv, application/json;q=0.5", "text/csv; charset=utf-8"},
		{"&format=json", "text/csv", "application/json"},
		{"", "*/*", "application/json"},
		{"", "application/xml", "application/json"},
	} {
		answer, body := ask(t, "GET", url+query+test.query, "", "Accept", test.accept)
		if got := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || got != test.kind || answer.Header.Get("Vary") != "Accept" {
			t.Errorf("%+v: %d %s", test, answer.StatusCode, got)
		}
		if !strings.HasPrefix(test.kind, csvType) {
			continue
		}
		got, err := enf.ReadCSV(bytes.NewReader(body), "truth")
		if err != nil || !got.Start.Equal(want.Start) || !slices.Equal(got.Hz, want.Hz) || !slices.Equal(got.Sigma, want.Sigma) {
			t.Errorf("%+v: %v, %+v; want %+v", test, err, got, want)
		}
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	state, broken := State{Height: 7, Peers: 3}, error(nil)
	_, url := serve(t, Options{Ledger: rounds(1, 2), State: func() (State, error) { return state, broken }})
	if answer, body := ask(t, "GET", url+"/healthz", ""); answer.StatusCode != http.StatusOK || string(body) != `{"status":"ok","height":7,"peers":3}`+"\n" {
		t.Errorf("%d %s", answer.StatusCode, body)
	}
	state.Syncing = true
	if answer, body := ask(t, "GET", url+"/healthz", ""); answer.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(`"syncing"`)) {
		t.Errorf("%d %s", answer.StatusCode, body)
	}
	broken = errors.New("a secret")
	if answer, body := ask(t, "GET", url+"/healthz", ""); answer.StatusCode != http.StatusServiceUnavailable || bytes.Contains(body, []byte("secret")) {
		t.Errorf("%d %s", answer.StatusCode, body)
	}
}

func TestNoCommitteeYet(t *testing.T) {
	t.Parallel()
	_, url := serve(t, Options{Ledger: rounds(1, 2), Committee: func() (poenf.Committee, error) { return poenf.Committee{}, errors.New("no") }})
	for _, path := range []string{"/v1/committee", "/v1/rounds", "/v1/rounds/latest", "/v1/truth?from=1&to=2", "/v1/events"} {
		if answer, body := ask(t, "GET", url+path, ""); answer.StatusCode != http.StatusServiceUnavailable || !bytes.Contains(body, []byte("unavailable")) {
			t.Errorf("%s: %d %s", path, answer.StatusCode, body)
		}
	}
}

// A panic ends one request, is logged, and nothing else.
func TestPanic(t *testing.T) {
	t.Parallel()
	var log lines
	l := rounds(1, 2)
	l.round = func(context.Context, uint64) (poenf.Round, error) { panic("oops") }
	m := newMeeting()
	m.room.Truth.Known = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) // which JSON does not know
	_, url := serve(t, Options{Ledger: l, Meetings: meetings(m), Log: slog.New(slog.NewTextHandler(&log, nil))})
	if r, err := http.Get(url + "/v1/rounds/1"); err == nil {
		r.Body.Close()
		t.Error("an answer came")
	}
	if r, err := http.Get(url + "/v1/rooms/standup/events"); err == nil { // it has begun
		if _, err := io.ReadAll(r.Body); err == nil {
			t.Error("a stream passes for whole")
		}
		r.Body.Close()
	}
	for _, want := range []string{"oops", "year outside of range", "encodeEvent"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in the log: %s", want, log.String())
		}
	}
	if answer, _ := ask(t, "GET", url+"/healthz", ""); answer.StatusCode != http.StatusOK {
		t.Errorf("health: %d", answer.StatusCode)
	}
}
