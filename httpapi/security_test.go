// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/defakepro/defakepro/capability"
	"github.com/defakepro/defakepro/identity"
	"github.com/defakepro/defakepro/poenf"
)

func keyOf(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func publicOf(name string) ed25519.PublicKey { return keyOf(name).Public().(ed25519.PublicKey) }

func someRegistry() poenf.Registry {
	return poenf.Registry{
		Administrators: []ed25519.PublicKey{publicOf("administrator")}, Threshold: 1,
		Accounts: []poenf.Account{
			{Name: "ann", Key: publicOf("ann"), Roles: poenf.Participant}, {Name: "bob", Key: publicOf("bob"), Roles: poenf.Guard},
			{Name: "sam", Key: publicOf("sam"), Roles: poenf.Guard, Status: poenf.Suspended, Since: 5},
		},
		Zones: []poenf.Zone{
			{Name: "acme", Kind: poenf.OrganisationZone, Members: []string{"ann", "bob"}},
			{Name: "standup", Kind: poenf.MeetingZone, Members: []string{"bob"}},
		},
	}
}

// security is a registry that takes the changes that c makes, and asks for tokens where there is an authority.
func security(t testing.TB, a *capability.Authority) *Security {
	t.Helper()
	var mu sync.Mutex
	var made []MadeChange
	registry := func() (poenf.Registry, error) { return someRegistry(), nil }
	v, err := identity.NewVerifier(identity.VerifierOptions{Committee: committee.ID, Endpoint: "node:1", Registry: registry})
	if err != nil {
		t.Fatal(err)
	}
	if a != nil {
		a.Registry = registry
	}
	return &Security{
		Registry: func() (poenf.Registry, uint64, error) { return someRegistry(), 3, nil }, Verifier: v, Authority: a, Zone: "acme",
		Certificate: func(context.Context) (json.Marshaler, error) { return json.RawMessage(`{"format":"x"}`), nil },
		Change: func(_ context.Context, c poenf.Change) error {
			mu.Lock()
			defer mu.Unlock()
			if c.Sequence <= uint64(len(made)) {
				return poenf.ErrOutdated
			}
			if err := c.VerifyBy(committee.ID, someRegistry().Administrators, 1); err != nil {
				return err
			}
			made = append(made, MadeChange{7, c})
			return nil
		},
		Changes: func(_ context.Context, from uint64, most int) ([]MadeChange, error) {
			mu.Lock()
			defer mu.Unlock()
			out := made[min(max(from, 1)-1, uint64(len(made))):]
			return out[:min(most, len(out))], nil
		},
	}
}

// aChange returns the bytes of a good change, and anAnswer an answer to a fresh challenge.
func aChange(t testing.TB) string {
	t.Helper()
	c := poenf.Change{Sequence: 1, Operations: []poenf.Operation{{Op: poenf.Suspend, Member: poenf.Member{Name: "ann"}}}}
	if err := c.Endorse(committee.ID, keyOf("administrator")); err != nil {
		t.Fatal(err)
	}
	data, err := c.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func anAnswer(t testing.TB, s *Security) string {
	t.Helper()
	sent, err := s.Verifier.Challenge("acme")
	if err != nil {
		t.Fatal(err)
	}
	signature, err := identity.Answer(sent, committee.ID, "node:1", "acme", "ann", keyOf("ann"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(answerRequest{sent, "ann", signature})
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func issued(t testing.TB, holder string, l capability.Limits) string {
	t.Helper()
	if l.Until.IsZero() {
		l.Until = time.Now().Add(time.Hour)
	}
	out, err := capability.Issue(keyOf("administrator"), holder, l)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Every operation of the document is in the table of rights, and nothing else is.
func TestEveryOperationNamesItsRight(t *testing.T) {
	t.Parallel()
	var doc struct {
		Paths map[string]map[string]struct {
			ID        string                     `json:"operationId"`
			Responses map[string]json.RawMessage `json:"responses"`
			Security  []map[string][]string      `json:"security"`
		} `json:"paths"`
		Components struct {
			Schemes map[string]map[string]string `json:"securitySchemes"`
		} `json:"components"`
	}
	if err := json.Unmarshal(OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	if s := doc.Components.Schemes["token"]; s["type"] != "http" || s["scheme"] != "bearer" {
		t.Errorf("%v", doc.Components.Schemes)
	}
	var ids []string
	for path, methods := range doc.Paths {
		for method, op := range methods {
			ids = append(ids, op.ID)
			if right := Rights()[op.ID]; right != "" && (op.Responses["401"] == nil || op.Responses["403"] == nil) {
				t.Errorf("%s %s needs %s, and does not say so", method, path, right)
			} else if want := []map[string][]string{{"token": {right}}, {}}; right != "" && !reflect.DeepEqual(op.Security, want) || right == "" && op.Security != nil {
				t.Errorf("%s %s needs %q, and security is %v", method, path, right, op.Security)
			}
		}
	}
	slices.Sort(ids)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(Rights())), ids); diff != "" {
		t.Error(diff)
	}
}

func TestRegistryOverTheWire(t *testing.T) {
	t.Parallel()
	client, url := serve(t, Options{Ledger: rounds(1, 0), Now: at(3), Genesis: []byte(`{"chain_id":"` + committee.ID + `"}`), Security: security(t, nil)})
	got, name, sequence, err := client.Registry(t.Context())
	if diff := cmp.Diff(someRegistry(), got, cmpopts.EquateEmpty()); diff != "" || err != nil || name != committee.ID || sequence != 3 {
		t.Errorf("%q %d %v %s", name, sequence, err, diff)
	}
	if id, err := client.CommitteeID(t.Context()); err != nil || id != committee.ID {
		t.Errorf("%q, %v", id, err)
	}
	_, body := ask(t, "GET", url+"/v1/members?limit=2", "")
	var page accountPage
	if err := json.Unmarshal(body, &page); err != nil || len(page.Members) != 2 || page.Next != "bob" {
		t.Errorf("%s, %v", body, err)
	}
	_, body = ask(t, "GET", url+"/v1/members?after="+page.Next, "")
	page = accountPage{}
	if err := json.Unmarshal(body, &page); err != nil || len(page.Members) != 1 || page.Members[0].Status != "suspended" || page.Next != "" {
		t.Errorf("%s, %v", body, err)
	}

	change := poenf.Change{Sequence: 1, Operations: []poenf.Operation{{Op: poenf.Suspend, Member: poenf.Member{Name: "ann"}}}}
	if err := change.Endorse(committee.ID, keyOf("eve")); err != nil {
		t.Fatal(err)
	}
	if err := client.Change(t.Context(), change); !errors.Is(err, poenf.ErrSignature) {
		t.Errorf("a stranger's change: %v", err)
	}
	change.Endorsements = nil
	if err := change.Endorse(committee.ID, keyOf("administrator")); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time does no harm
		if err := client.Change(t.Context(), change); err != nil {
			t.Error(err)
		}
	}
	_, body = ask(t, "GET", url+changesPath, "")
	var changes changeList
	if err := json.Unmarshal(body, &changes); err != nil || len(changes.Changes) != 1 || !slices.Equal(changes.Changes[0].Operations, []string{"suspend ann"}) {
		t.Errorf("%s, %v", body, err)
	}
}

func TestProveOverTheWire(t *testing.T) {
	t.Parallel()
	client, _ := serve(t, Options{Ledger: rounds(1, 0), Now: at(3), Security: security(t, &capability.Authority{})})
	prove := func(endpoint, zone, member, key string) error {
		return client.Prove(t.Context(), committee.ID, endpoint, zone, member, keyOf(key))
	}
	if err := prove("node:1", "acme", "ann", "ann"); err != nil {
		t.Error(err)
	}
	for want, err := range map[error]error{
		identity.ErrChallenge: prove("", "acme", "ann", "ann"), // the address that ann reached is not what the node says it is
		identity.ErrAnswer:    prove("node:1", "acme", "ann", "bob"),
		poenf.ErrNotMember:    prove("node:1", "standup", "ann", "ann"),
	} {
		if !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	if err := prove("node:1", "", "sam", "sam"); !errors.Is(err, poenf.ErrNotMember) {
		t.Errorf("suspended: %v", err)
	}
}

// The thief has no token, one for something else, or one that was somebody's: over HTTP each operation says what is missing, and
// tells nobody else.
func TestThief(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	var audited bytes.Buffer
	s := security(t, &capability.Authority{})
	_, url := serve(t, Options{
		Ledger: rounds(100, 110), Now: at(110), Genesis: []byte(`{}`), Security: s, Meetings: meetings(newMeeting()), Verdicts: someVerdicts,
		Nodes: someNodes, Join: join, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	var doc struct {
		Paths map[string]map[string]struct {
			ID string `json:"operationId"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	little := issued(t, "ann", capability.Limits{Operations: []string{"nothing:much"}})
	forged, err := capability.Issue(keyOf("eve"), "ann", capability.Limits{Operations: []string{"*"}, Until: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	suspended := issued(t, "sam", capability.Limits{Operations: []string{"*"}})
	expired := issued(t, "ann", capability.Limits{Operations: []string{"*"}, Until: time.Now().Add(-time.Minute)})
	fill := strings.NewReplacer("{room}", "standup", "{n}", "100", "{id}", "alice", "{name}", "ann")
	for path, methods := range doc.Paths {
		for method, op := range methods {
			right := Rights()[op.ID]
			if right == "" {
				continue
			}
			for what, c := range map[string]struct {
				authorization string
				status        int
				says          string
			}{
				"no token": {"", 401, right}, "no bearer": {"Basic YTpi", 401, right}, "garbage": {"Bearer x", 401, "token"},
				"forged": {"Bearer " + forged, 401, "no administrator"}, "suspended": {"Bearer " + suspended, 401, "suspended"},
				"expired": {"Bearer " + expired, 401, "expired"}, "for something else": {"Bearer " + little, 403, right},
			} {
				answer, body := ask(t, strings.ToUpper(method), url+fill.Replace(path), "", "Authorization", c.authorization)
				zoned := strings.Contains(path, "{room}") && c.status == 403 // ann is not in that zone at all
				if answer.StatusCode != c.status || !strings.Contains(string(body), c.says) && !zoned {
					t.Errorf("%s %s, %s: %d %s", method, path, what, answer.StatusCode, body)
				}
				if c.status == 401 && answer.Header.Get("WWW-Authenticate") != "Bearer" {
					t.Errorf("%s %s, %s: no WWW-Authenticate", method, path, what)
				}
				audited.Write(body)
			}
		}
	}
	for _, token := range []string{little, forged, suspended, expired} {
		if strings.Contains(log.String(), token[20:60]) || strings.Contains(audited.String(), token[20:60]) {
			t.Error("a token is in the log, or in an answer")
		}
	}
	if !strings.Contains(log.String(), "request refused") {
		t.Error("nothing is in the log, so that it proves nothing")
	}
}

// Who comes without a token is in the record of uses too, one a second.
func TestRequestsWithoutTokensAreKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	audit, err := capability.OpenAudit(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	a := &capability.Authority{Audit: audit, Now: func() time.Time { return now }}
	h := Handler(Options{Ledger: rounds(1, 3), Committee: theCommittee, Security: security(t, a), Metrics: http.NotFoundHandler()})
	for _, r := range []struct{ path, authorization string }{
		{"/v1/members", ""}, {"/v1/rounds", "Basic YTpi"}, {"/metrics", ""}, {"/v1/truth", "Bearer "}, {"/v1/zones", ""},
	} {
		if w := from(h, "192.0.2.1:1", r.path, "Authorization", r.authorization); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d", r.path, w.Code)
		}
		now = now.Add(time.Second)
	}
	for range 10 {
		from(h, "192.0.2.1:1", "/v1/members")
	}
	if err := audit.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	if _, err := capability.ReadAudit(bytes.NewReader(data), func(r capability.Record) { kept = append(kept, r.Operation+" "+r.Zone+": "+r.Refused) }); err != nil {
		t.Fatal(err)
	}
	const none = " acme: token: there is none"
	want := []string{"members:read" + none, "rounds:read" + none, "metrics:read" + none, "truth:read" + none, "members:read" + none, "members:read" + none}
	if diff := cmp.Diff(want, kept); diff != "" {
		t.Error(diff)
	}
}

// A token for one room, or one zone, is good for no other.
func TestTokensAreForRoomsAndZones(t *testing.T) {
	t.Parallel()
	_, url := serve(t, Options{Ledger: rounds(100, 110), Now: at(110), Security: security(t, &capability.Authority{}), Meetings: meetings(newMeeting())})
	get := func(path, token string) int {
		t.Helper()
		answer, _ := ask(t, "GET", url+path, "", "Authorization", "Bearer "+token)
		return answer.StatusCode
	}
	for _, c := range []struct {
		holder string
		limits capability.Limits
		path   string
		want   int
	}{
		{"bob", capability.Limits{Operations: []string{"rooms:read"}, Resources: []string{"room/standup"}}, "/v1/rooms/standup", 200},
		{"bob", capability.Limits{Operations: []string{"rooms:read"}, Resources: []string{"room/other"}}, "/v1/rooms/standup", 403},
		{"bob", capability.Limits{Operations: []string{"rooms:read"}, Resources: []string{"room/standup"}}, "/v1/rooms/other", 403},
		{"bob", capability.Limits{Operations: []string{"rooms:read"}, Resources: []string{"room/standup"}}, "/v1/rooms", 403},
		{"bob", capability.Limits{Operations: []string{"rooms:read"}, Zones: []string{"standup"}}, "/v1/rooms/standup", 200},
		{"bob", capability.Limits{Operations: []string{"rooms:read"}, Zones: []string{"acme"}}, "/v1/rooms/standup", 403},
		{"ann", capability.Limits{Operations: []string{"*"}}, "/v1/rooms/standup", 403}, // ann is not in the meeting's zone
		{"ann", capability.Limits{Operations: []string{"*"}}, "/v1/committee", 200},
		{"ann", capability.Limits{Operations: []string{"*"}, Zones: []string{"standup"}}, "/v1/committee", 403},
	} {
		if got := get(c.path, issued(t, c.holder, c.limits)); got != c.want {
			t.Errorf("%s with %s for %s: %d, want %d", c.path, c.limits, c.holder, got, c.want)
		}
	}
	answer, _ := ask(t, "GET", url+"/healthz", "")
	if answer.StatusCode != http.StatusOK {
		t.Errorf("healthz: %d", answer.StatusCode)
	}
}

// Metrics ask for their right, are counted with all other requests, and go by no other name.
func TestMetrics(t *testing.T) {
	t.Parallel()
	now := time.Now()
	o := Options{
		Ledger: rounds(1, 3), Committee: theCommittee, Now: func() time.Time { return now }, Limits: Limits{Rate: 1, Burst: 4}, Security: security(t, &capability.Authority{}),
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }),
	}
	h := Handler(o)
	none, other := "", issued(t, "ann", capability.Limits{Operations: []string{"rooms:read"}})
	good := issued(t, "ann", capability.Limits{Operations: []string{"metrics:read"}})
	for i, c := range []struct {
		token  string
		status int
	}{{none, 401}, {other, 403}, {good, 204}, {good, 204}, {good, 429}} {
		w := from(h, "192.0.2.1:1", "/metrics", "Authorization", "Bearer "+c.token)
		if w.Code != c.status || w.Header().Get("X-Content-Type-Options") != "nosniff" || c.status == 401 && w.Header().Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%d: %d %v, want %d", i, w.Code, w.Header(), c.status)
		}
	}
	_, url := serve(t, o)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "evil.example"
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if answer.Body.Close(); answer.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("by another name: %d", answer.StatusCode)
	}
	o.Security, o.Limits = nil, Limits{}
	if w := from(Handler(o), "192.0.2.1:1", "/metrics"); w.Code != http.StatusNoContent {
		t.Errorf("without security: %d", w.Code)
	}
	o.Metrics = nil
	if w := from(Handler(o), "192.0.2.1:1", "/metrics"); w.Code != http.StatusNotFound {
		t.Errorf("without metrics: %d", w.Code)
	}
}

// A path that is not the one it leads to leads nowhere, with the headers of every answer, and is counted.
func TestPathsThatAreNotClean(t *testing.T) {
	t.Parallel()
	now := time.Now()
	o := Options{Ledger: rounds(1, 3), Committee: theCommittee, Now: func() time.Time { return now }, Limits: Limits{Rate: 1, Burst: 6}, Pages: http.RedirectHandler("/", http.StatusMovedPermanently)}
	h := Handler(o)
	for _, path := range []string{"//v1/rounds", "/v1//rounds", "/v1/./rounds", "/x/../v1/rounds", "/v1/rounds/..", "//"} {
		w := from(h, "192.0.2.1:1", path)
		if w.Code != http.StatusNotFound || w.Header().Get("Content-Type") != problemType || w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Location") != "" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	if w := from(h, "192.0.2.1:1", "//v1/rounds"); w.Code != http.StatusTooManyRequests {
		t.Errorf("one too many: %d", w.Code)
	}
}

// A stream that began with a good token ends when that is worth nothing any more.
func TestStreamEndsWithItsToken(t *testing.T) {
	t.Parallel()
	s := security(t, &capability.Authority{})
	var revoked atomic.Bool
	token := issued(t, "bob", capability.Limits{Operations: []string{"rooms:read", "rounds:read"}})
	parsed, err := capability.Parse(token)
	if err != nil {
		t.Fatal(err)
	}
	s.Authority.Registry = func() (poenf.Registry, error) {
		r := someRegistry()
		if revoked.Load() {
			r.Revoked = []poenf.Revocation{{Token: parsed.IDs()[0], Until: time.Now().Add(time.Hour).UnixMilli()}}
		}
		return r, nil
	}
	_, url := serve(t, Options{Ledger: rounds(100, 110), Now: at(110), Security: s, Meetings: meetings(newMeeting()), Limits: Limits{Heartbeat: 20 * time.Millisecond}})
	var streams []*eventReader
	for _, path := range []string{"/v1/rooms/standup/events", "/v1/events?from=110"} {
		answer, events := open(t, url+path, "Authorization", "Bearer "+token)
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d", path, answer.StatusCode)
		}
		if _, err := events.next(func() {}); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		streams = append(streams, events)
	}
	revoked.Store(true)
	for _, events := range streams { // one that does not end has the test run out of time
		for err = nil; err == nil; {
			_, err = events.next(func() {})
		}
	}
}

// Of a node whose zone nobody has registered, nobody is in that zone.
func TestUnregisteredZone(t *testing.T) {
	t.Parallel()
	s := security(t, &capability.Authority{})
	s.Zone = "acne"
	_, url := serve(t, Options{Ledger: rounds(100, 110), Now: at(110), Security: s, Meetings: meetings(newMeeting())})
	token := issued(t, "bob", capability.Limits{Operations: []string{"*"}})
	for path, want := range map[string]int{"/v1/committee": 403, "/v1/rooms": 403, "/v1/rooms/other": 403, "/v1/rooms/standup": 200, "/healthz": 200} {
		answer, body := ask(t, "GET", url+path, "", "Authorization", "Bearer "+token)
		if answer.StatusCode != want || want == 403 && !strings.Contains(string(body), "no zone of that name is registered") {
			t.Errorf("%s: %d %s", path, answer.StatusCode, body)
		}
	}
}
