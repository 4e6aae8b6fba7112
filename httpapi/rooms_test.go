// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/monitor"
)

// began is when the meeting of these tests began.
var began = time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)

// fakeMeeting is a meeting that does as it is told.
type fakeMeeting struct {
	mu      sync.Mutex
	room    monitor.Room
	changed chan struct{}
}

func newMeeting() *fakeMeeting {
	nan := math.NaN()
	return &fakeMeeting{changed: make(chan struct{}), room: monitor.Room{
		Name: "standup", Connected: true, Began: began,
		Truth: monitor.TruthState{Kind: monitor.TruthCommittee, Name: "https://node.example", Grid: 50, Known: began.Add(time.Minute)},
		Participants: []monitor.Participant{
			{
				Person: monitor.Person{ID: "alice", Name: "Alice <b>\u202e"}, Joined: began, Verdict: detect.Forged, Reason: "It differs.", Confidence: 0.98765,
				Since: began.Add(40 * time.Second), Channels: []monitor.Channel{
					{Source: enf.SourceAudio, Verdict: detect.Authentic, Receiving: true, Present: true, SNR: 21.2345, Correlation: 0.99, RMSE: 0.0011119, LLR: 30},
					{
						Source: enf.SourceVideo, Verdict: detect.Forged, Correlation: nan, RMSE: nan, SNR: nan, Offset: nan, Lag: nan, LLR: math.Inf(-1),
						Forged: []monitor.Span{{From: began.Add(30 * time.Second), To: began.Add(50 * time.Second), Kind: detect.SpanForeign}},
					},
				},
			},
			{Person: monitor.Person{ID: "eve", Name: "Eve"}, Joined: began, Left: began.Add(time.Second), Verdict: detect.Forged},
		},
	}}
}

func (m *fakeMeeting) Room() monitor.Room {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.room
}

func (m *fakeMeeting) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

func (m *fakeMeeting) Curves(id string, channel enf.Source) (monitor.Curves, bool) {
	if id != "alice" {
		return monitor.Curves{}, false
	}
	s := enf.Series{Start: began, Step: time.Second, Hz: []float64{50.0123456789, math.NaN()}, Sigma: []float64{0.001, math.NaN()}}
	return monitor.Curves{
		Series: s, Truth: enf.Series{Start: began, Step: time.Second, Hz: []float64{50.01, 50.02}},
		Windows: []monitor.Window{{From: began, To: began.Add(time.Minute), Correlation: math.NaN(), LLR: 3, Verdict: detect.Undetermined}},
	}, channel == enf.SourceVideo || channel == enf.SourceAudio
}

// problem sets the room's problem.
func (m *fakeMeeting) problem(s string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.room.Problem = s
	close(m.changed)
	m.changed = make(chan struct{})
}

func meetings(m Meeting) func() map[string]Meeting {
	return func() map[string]Meeting { return map[string]Meeting{"standup": m, "a/b": m} }
}

func someVerdicts(_ context.Context, q VerdictQuery) ([]VerdictRecord, error) {
	var out []VerdictRecord
	for id := q.After + 1; id <= 7 && len(out) < q.Limit; id++ {
		out = append(out, VerdictRecord{id, monitor.Event{
			Time: began, Room: "standup", Person: monitor.Person{ID: "alice", Name: "=HYPERLINK(\"x\")"}, Channel: enf.SourceVideo,
			Verdict: detect.Forged, Former: detect.Authentic, Reason: "It differs,\r\nmuch.", Confidence: 0.9,
			Forged: []monitor.Span{{From: began, To: began.Add(time.Second), Kind: detect.SpanCut}},
		}})
	}
	return out, nil
}

func someNodes(context.Context) []Node {
	return []Node{{Address: "a:1", State: State{Height: 7, Peers: 3}}, {Name: "m001", Problem: "does not answer"}}
}

func join(_ context.Context, room, name string) (string, string, error) {
	return "wss://sfu.example", room + "/" + name, nil
}

func TestRoom(t *testing.T) {
	t.Parallel()
	_, url := serveOnly(t, Options{Meetings: meetings(newMeeting()), Now: func() time.Time { return began.Add(time.Minute) }})
	_, body := ask(t, "GET", url+"/v1/rooms", "")
	if got, want := string(body), `{"rooms":[{"name":"a/b","connected":true,"present":1,"forged":1},{"name":"standup","connected":true,"present":1,"forged":1}],"joining":false}`; strings.TrimSpace(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	answer, body := ask(t, "GET", url+"/v1/rooms/standup", "")
	want := `{"name":"standup","now":"2026-11-23T14:01:00Z","connected":true,"began":"2026-11-23T14:00:00Z",` +
		`"truth":{"kind":"committee","name":"https://node.example","nominal_hz":50,"known":"2026-11-23T14:01:00Z"},"participants":[` +
		`{"id":"alice","name":"Alice <b>","joined":"2026-11-23T14:00:00Z","verdict":"forged","reason":"It differs.","confidence":0.9877,"since":"2026-11-23T14:00:40Z","channels":[` +
		`{"channel":"audio","verdict":"authentic","reason":"","confidence":0,"receiving":true,"enf_present":true,"snr_db":21.23,"lag_s":0,"offset_hz":0,"correlation":0.99,"rmse_hz":0.001112,"llr":30,"forged":[]},` +
		`{"channel":"video","verdict":"forged","reason":"","confidence":0,"receiving":false,"enf_present":false,"forged":[{"start":"2026-11-23T14:00:30Z","end":"2026-11-23T14:00:50Z","kind":"foreign"}]}]},` +
		`{"id":"eve","name":"Eve","joined":"2026-11-23T14:00:00Z","left":"2026-11-23T14:00:01Z","verdict":"forged","reason":"","confidence":0,"channels":[]}]}`
	if got := strings.TrimSpace(string(body)); got != want || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for name, value := range answerHeaders {
		if answer.Header.Get(name) != value {
			t.Errorf("%s: %q", name, answer.Header.Get(name))
		}
	}
	_, body = ask(t, "GET", url+"/v1/rooms/a%2fb/participants/alice/curves?channel=video", "")
	want = `{"nominal_hz":50,"series":{"start":"2026-11-23T14:00:00Z","step_s":1,"hz":[50.012346,null],"sigma_hz":[0.001,null]},` +
		`"truth":{"start":"2026-11-23T14:00:00Z","step_s":1,"hz":[50.01,50.02]},"windows":[{"start":"2026-11-23T14:00:00Z","end":"2026-11-23T14:01:00Z","llr":3,"verdict":"undetermined"}]}`
	if got := strings.TrimSpace(string(body)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Curves from an instant on are what has come since, and there is an end to them.
func TestCurvesFrom(t *testing.T) {
	c := monitor.Curves{Series: enf.Series{Start: began, Step: time.Second, Hz: make([]float64, 5000)}}
	c.Truth = c.Series
	for i := range 3 {
		c.Windows = append(c.Windows, monitor.Window{From: began, To: began.Add(time.Duration(4500+i) * time.Second)})
	}
	r := monitor.Room{Threshold: 0.7}
	all := newCurves(c, r, time.Time{})
	if len(all.Series.Hz) != mostCurve || !all.Series.Start.Equal(began.Add(1400*time.Second)) || len(all.Windows) != 3 || all.Threshold != 0.7 {
		t.Errorf("%d values from %v, %d windows, threshold %v", len(all.Series.Hz), all.Series.Start, len(all.Windows), all.Threshold)
	}
	some := newCurves(c, r, began.Add(4501*time.Second))
	if len(some.Truth.Hz) != 499 || !some.Truth.Start.Equal(began.Add(4501*time.Second)) || len(some.Windows) != 2 {
		t.Errorf("%d values from %v, %d windows", len(some.Truth.Hz), some.Truth.Start, len(some.Windows))
	}
	if none := newCurves(c, r, began.Add(time.Hour*24)); len(none.Series.Hz) != 0 || len(none.Windows) != 0 {
		t.Errorf("%+v", none)
	}
	_, url := serveOnly(t, Options{Meetings: meetings(newMeeting())})
	answer, body := ask(t, "GET", url+"/v1/rooms/standup/participants/alice/curves?channel=video&from=2026-11-23T14:00:01Z", "")
	if want := `"series":{"start":"2026-11-23T14:00:01Z","step_s":1,"hz":[null],"sigma_hz":[null]}`; answer.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
		t.Errorf("%s: got %s, want %s", answer.Status, body, want)
	}
	if answer, body = ask(t, "GET", url+"/v1/rooms/standup/participants/alice/curves?channel=video&from=noon", ""); answer.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("%s: %s", answer.Status, body)
	}
}

func TestRefusedGuardRequests(t *testing.T) {
	t.Parallel()
	var log lines
	_, url := serveOnly(t, Options{
		Meetings: meetings(newMeeting()), Log: slog.New(slog.NewTextHandler(&log, nil)),
		Verdicts: func(context.Context, VerdictQuery) ([]VerdictRecord, error) { return nil, errors.New("a secret path") },
		Join:     func(context.Context, string, string) (string, string, error) { return "", "", errors.New("refused") },
	})
	const kind = typePrefix
	for _, test := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		problem                  string
	}{
		{"ledger", "GET", "/v1/rounds", "", nil, 501, kind + "not-served"},
		{"latest", "GET", "/v1/rounds/latest", "", nil, 501, kind + "not-served"},
		{"truth", "GET", "/v1/truth?from=1&to=2", "", nil, 501, kind + "not-served"},
		{"committee", "GET", "/v1/committee", "", nil, 501, kind + "not-served"},
		{"events of rounds", "GET", "/v1/events", "", nil, 501, kind + "not-served"},
		{"proofs", "POST", "/v1/proofs", "{}", []string{"Content-Type", "application/json"}, 501, kind + "not-served"},
		{"nodes", "GET", "/v1/nodes", "", nil, 501, kind + "not-served"},
		{"no such room", "GET", "/v1/rooms/x", "", nil, 404, kind + "room-not-found"},
		{"no such room's events", "GET", "/v1/rooms/x/events", "", nil, 404, kind + "room-not-found"},
		{"no such participant", "GET", "/v1/rooms/standup/participants/bob/curves?channel=audio", "", nil, 404, kind + "channel-not-found"},
		{"no channel", "GET", "/v1/rooms/standup/participants/alice/curves", "", nil, 422, kind + "request"},
		{"another channel", "GET", "/v1/rooms/standup/participants/alice/curves?channel=smell", "", nil, 422, kind + "request"},
		{"below a room", "GET", "/v1/rooms/standup/x", "", nil, 404, "about:blank"},
		{"history that fails", "GET", "/v1/verdicts", "", nil, 500, "about:blank"},
		{"a token that cannot be had", "POST", "/v1/rooms/standup/tokens", `{"name":"A"}`, []string{"Content-Type", "application/json"}, 503, kind + "unavailable"},
		{"a token as a form", "POST", "/v1/rooms/standup/tokens", `{"name":"A"}`, []string{"Content-Type", "text/plain"}, 415, "about:blank"},
		{"a token elsewhere", "POST", "/v1/rooms/x/tokens", `{"name":"A"}`, []string{"Content-Type", "application/json"}, 404, kind + "room-not-found"},
		{"a token for a page elsewhere", "POST", "/v1/rooms/standup/tokens", `{"name":"A"}`, []string{"Content-Type", "application/json", "Origin", "https://evil.example"}, 403, "about:blank"},
		{"a token for another site", "POST", "/v1/rooms/standup/tokens", `{"name":"A"}`, []string{"Content-Type", "application/json", "Sec-Fetch-Site", "cross-site"}, 403, "about:blank"},
		{"read of tokens", "GET", "/v1/rooms/standup/tokens", "", nil, 405, "about:blank"},
	} {
		answer, body := ask(t, test.method, url+test.path, test.body, test.header...)
		var p Problem
		if err := json.Unmarshal(body, &p); err != nil || answer.StatusCode != test.status || p.Type != test.problem || answer.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %s", test.name, answer.StatusCode, body)
		}
		if strings.Contains(string(body), "secret") {
			t.Errorf("%s: %s", test.name, body)
		}
	}
	if !strings.Contains(log.String(), "a secret path") {
		t.Errorf("log: %s", log.String())
	}
}

func TestJoining(t *testing.T) {
	t.Parallel()
	var log lines
	_, url := serveOnly(t, Options{Meetings: meetings(newMeeting()), Join: join, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	for _, test := range []struct {
		body   string
		status int
	}{
		{`{"name":"Ada"}`, 201}, {`{"name":" Ada "}`, 201}, {`{"name":"` + strings.Repeat("é", 80) + `"}`, 201}, {`{"name":"` + strings.Repeat("é", 81) + `"}`, 422},
		{`{"name":"  "}`, 422}, {`{"name":"a\u0000b"}`, 422}, {`{"name":"a\u202eb"}`, 422}, {`{"name":"\ud800"}`, 422}, {`{"name":7}`, 422},
		{`{"name":"A","admin":true}`, 422}, {`{"name":"A"}{}`, 422}, {``, 400}, {`null`, 422}, {strings.Repeat("[", 16000), 422}, {strings.Repeat(" ", 20000), 413},
	} {
		answer, body := ask(t, "POST", url+"/v1/rooms/standup/tokens", test.body, "Content-Type", "application/json", "Origin", url)
		if answer.StatusCode != test.status {
			t.Errorf("%.40s: %d %s", test.body, answer.StatusCode, body)
		}
		if test.status == 201 && (!bytes.Contains(body, []byte(`{"url":"wss://sfu.example","token":"standup/`)) || bytes.Contains(body, []byte("/ ")) || answer.Header.Get("Cache-Control") != "no-store") {
			t.Errorf("%.40s: %s", test.body, body)
		}
	}
	if strings.Contains(log.String(), "standup/Ada") {
		t.Error("a token is in the log")
	}
}

// A page that has its own name lead to this machine gets nothing.
func TestHosts(t *testing.T) {
	t.Parallel()
	pages := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "page of ", r.URL.Path) })
	address, _ := run(t, Handler(Options{Meetings: meetings(newMeeting()), Pages: pages, Hosts: []string{"guard.example"}}), ServeOptions{})
	for host, status := range map[string]int{
		"localhost": 200, "LOCALHOST:80": 200, "127.0.0.1": 200, "127.0.0.1:9": 200, "[::1]:9": 200, "127.1.2.3": 200, "app.localhost": 200, "localhost.": 200,
		"guard.example": 200, "guard.example:443": 200, "evil.example": 421, "127.0.0.1.evil.example": 421, "localhost.evil.example": 421, "192.168.0.1": 421, "0.0.0.0": 421,
	} {
		for path, want := range map[string]string{"/v1/rooms": `{"rooms"`, "/": "page of /", "/static/x": "page of /static/x"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = host
			answer, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			_, _ = b.ReadFrom(answer.Body)
			answer.Body.Close()
			if answer.StatusCode != status || status == 200 != strings.HasPrefix(b.String(), want) {
				t.Errorf("%s%s: %d %s", host, path, answer.StatusCode, b.String())
			}
		}
	}
	// What is the interface's stays the interface's.
	for path, status := range map[string]int{"/v1/x": 404, "/v1/rooms/standup/tokens": 405} {
		if answer, body := ask(t, "GET", "http://"+address+path, ""); answer.StatusCode != status || !bytes.Contains(body, []byte(`"status"`)) {
			t.Errorf("%s: %d %s", path, answer.StatusCode, body)
		}
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	var asked VerdictQuery
	_, url := serveOnly(t, Options{Limits: Limits{Verdicts: 3}, Verdicts: func(ctx context.Context, q VerdictQuery) ([]VerdictRecord, error) {
		asked = q
		return someVerdicts(ctx, q)
	}})
	for _, test := range []struct {
		query string
		ids   []int64
		next  int64
		want  VerdictQuery
	}{
		{"", []int64{1, 2, 3}, 3, VerdictQuery{Limit: 3}},
		{"?after=6&limit=1000", []int64{7}, 7, VerdictQuery{After: 6, Limit: 3}},
		{"?after=7", nil, 7, VerdictQuery{After: 7, Limit: 3}},
		{"?limit=1&room=a%20b&participant=p&from=10&to=1970-01-01T00:00:20Z", []int64{1}, 1, VerdictQuery{Limit: 1, Room: "a b", Person: "p", From: time.Unix(10, 0).UTC(), To: time.Unix(20, 0).UTC()}},
	} {
		_, body := ask(t, "GET", url+"/v1/verdicts"+test.query, "")
		var p verdictPage
		if err := json.Unmarshal(body, &p); err != nil || p.Verdicts == nil {
			t.Fatalf("%s: %v: %s", test.query, err, body)
		}
		var ids []int64
		for _, v := range p.Verdicts {
			ids = append(ids, v.ID)
		}
		if !slices.Equal(ids, test.ids) || p.Next != test.next || asked != test.want {
			t.Errorf("%s: %v, next %d, asked %+v", test.query, ids, p.Next, asked)
		}
	}
	for _, test := range []struct {
		path   string
		header []string
	}{{"/v1/verdicts.csv?after=6", nil}, {"/v1/verdicts?after=6&format=csv", nil}, {"/v1/verdicts?after=6", []string{"Accept", "text/csv"}}} {
		answer, body := ask(t, "GET", url+test.path, "", test.header...)
		rows, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
		want := [][]string{verdictColumns, {
			"7", "2026-11-23T14:00:00Z", "standup", "alice", `'=HYPERLINK("x")`, "video", "forged", "authentic", "0.9", "It differs,much.",
			"2026-11-23T14:00:00Z/2026-11-23T14:00:01Z",
		}}
		if err != nil || !slices.EqualFunc(rows, want, slices.Equal) || answer.Header.Get("Content-Type") != "text/csv; charset=utf-8" {
			t.Errorf("%s: %v, %q", test.path, err, rows)
		}
	}
}

// A file has all changes from where it begins, or as many as are asked for, whatever one answer may have. One that cannot be read to its end does
// not pass for whole.
func TestVerdictFiles(t *testing.T) {
	t.Parallel()
	var asked []VerdictQuery
	broken := false
	_, url := serveOnly(t, Options{Limits: Limits{Verdicts: 3}, Verdicts: func(ctx context.Context, q VerdictQuery) ([]VerdictRecord, error) {
		asked = append(asked, q)
		if broken && q.After > 0 {
			return nil, errors.New("the disk is gone")
		}
		return someVerdicts(ctx, q)
	}})
	from := time.Unix(10, 0).UTC()
	for query, want := range map[string]struct {
		ids   string
		pages []VerdictQuery
	}{
		"?room=standup&from=10": {"1 2 3 4 5 6 7", []VerdictQuery{
			{Room: "standup", From: from, Limit: 3}, {Room: "standup", From: from, Limit: 3, After: 3}, {Room: "standup", From: from, Limit: 3, After: 6},
		}},
		"?after=1":         {"2 3 4 5 6 7", []VerdictQuery{{Limit: 3, After: 1}, {Limit: 3, After: 4}, {Limit: 3, After: 7}}},
		"?limit=2":         {"1 2", []VerdictQuery{{Limit: 2}}},
		"?limit=3":         {"1 2 3", []VerdictQuery{{Limit: 3}}},
		"?limit=5":         {"1 2 3 4 5", []VerdictQuery{{Limit: 3}, {Limit: 2, After: 3}}},
		"?after=7&limit=9": {"", []VerdictQuery{{Limit: 3, After: 7}}},
	} {
		for _, kind := range []string{"csv", "json"} {
			asked = nil
			answer, body := ask(t, "GET", url+"/v1/verdicts."+kind+query, "")
			var ids []string
			if kind == "csv" {
				rows, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
				if err != nil || len(rows) == 0 {
					t.Fatalf("%s: %v, %q", query, err, body)
				}
				for _, row := range rows[1:] {
					ids = append(ids, row[0])
				}
			} else {
				var p verdictPage
				if err := json.Unmarshal(body, &p); err != nil || p.Verdicts == nil {
					t.Fatalf("%s: %v, %q", query, err, body)
				}
				for _, v := range p.Verdicts {
					ids = append(ids, fmt.Sprint(v.ID))
				}
				if n := len(ids); n > 0 && fmt.Sprint(p.Next) != ids[n-1] {
					t.Errorf("%s: next is %d", query, p.Next)
				}
			}
			if got := strings.Join(ids, " "); got != want.ids || !slices.Equal(asked, want.pages) || !strings.Contains(answer.Header.Get("Content-Disposition"), "verdicts."+kind) {
				t.Errorf("%s of %s: %s, asked %+v, %v", kind, query, got, asked, answer.Header)
			}
		}
	}
	broken = true
	answer, err := http.Get(url + "/v1/verdicts.csv")
	if err != nil {
		return // cut before its head was sent
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); err == nil {
		t.Errorf("what is cut passes for whole: %q", body)
	}
}

func TestCell(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "Ada": "Ada", "=1+1": "'=1+1", " =1": "' =1", "+1": "'+1", "-1": "'-1", "@x": "'@x", "\t=1": "'=1", "\u202e=1": "'=1", "a=1": "a=1", "＝1": "'＝1", "\u00a0=1": "'=1",
	} {
		if got := cell(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// Changes come once a second at most, the last one always, and none twice.
func TestRoomEventsPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMeeting()
		ctx, cancel := context.WithCancel(t.Context())
		s := &server{Options: Options{Meetings: meetings(m), Now: time.Now, Limits: Limits{}.defaults()}}
		type received struct {
			after   time.Duration
			problem string
		}
		var got []received
		start := time.Now()
		go func() {
			for range 25 { // over 2.5 s
				time.Sleep(100 * time.Millisecond)
				m.problem(fmt.Sprint(time.Since(start)))
			}
			time.Sleep(time.Minute)
			m.problem("late")
			time.Sleep(time.Minute)
			cancel()
		}()
		for event := range s.roomEvents(ctx, "standup") {
			_, data, _ := bytes.Cut(event, []byte("data: "))
			var r roomState
			if err := json.Unmarshal(data, &r); err != nil {
				t.Fatal(err)
			}
			got = append(got, received{time.Since(start).Round(time.Second / 10), r.Problem})
		}
		if n := len(got); n != 5 || got[0].problem != "" || got[3].problem != "2.5s" || got[4].problem != "late" || got[4].after < 62*time.Second {
			t.Errorf("%v", got)
		}
		for i := 1; i < len(got); i++ {
			if got[i].after-got[i-1].after < time.Second {
				t.Errorf("%v", got)
			}
		}
	})
}

// A stream that is open for a day holds no more than one that has just begun.
func TestRoomEventsHoldNothing(t *testing.T) { // not in parallel: it measures memory
	synctest.Test(t, func(t *testing.T) {
		m := newMeeting()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := &server{Options: Options{Meetings: meetings(m), Now: time.Now, Limits: Limits{}.defaults()}}
		heap := func() uint64 {
			var stats runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&stats)
			return stats.HeapAlloc
		}
		const warm, waits = 100, 10_000
		var before uint64
		n := 0
		for range s.roomEvents(ctx, "standup") {
			if n++; n == warm {
				before = heap()
			}
			if n == warm+waits {
				break
			}
			m.problem(fmt.Sprint(n))
		}
		if after := heap(); after > before+waits*100 {
			t.Errorf("%d bytes are held for each wait", (after-before)/waits)
		}
	})
}

func TestRoomEvents(t *testing.T) {
	t.Parallel()
	m := newMeeting()
	var mu sync.Mutex
	watched := true
	_, url := serveOnly(t, Options{Limits: Limits{Pace: time.Millisecond, ClientStreams: 2, Heartbeat: time.Millisecond}, Meetings: func() map[string]Meeting {
		mu.Lock()
		defer mu.Unlock()
		if !watched {
			return nil
		}
		return map[string]Meeting{"standup": m}
	}})
	answer, events := open(t, url+"/v1/rooms/standup/events", "Last-Event-ID", "7")
	if answer.Header.Get("Content-Type") != eventType || answer.StatusCode != http.StatusOK {
		t.Fatalf("%d %v", answer.StatusCode, answer.Header)
	}
	for _, want := range []string{"", "first", "second"} {
		e, err := events.next(func() {})
		var r roomState
		if err != nil || e.name != "room" || json.Unmarshal(e.data, &r) != nil || r.Problem != want || e.id != fmt.Sprint(r.Now.UnixMilli()) {
			t.Fatalf("%+v, %v; want %q", e, err, want)
		}
		m.problem(map[string]string{"": "first", "first": "second", "second": "third"}[want])
	}
	// One client cannot take all streams.
	open(t, url+"/v1/rooms/standup/events")
	if third, body := ask(t, "GET", url+"/v1/rooms/standup/events", ""); third.StatusCode != http.StatusServiceUnavailable || !bytes.Contains(body, []byte("too-many-streams")) {
		t.Errorf("a third stream: %d %s", third.StatusCode, body)
	}
	// What is watched no more ends.
	mu.Lock()
	watched = false
	mu.Unlock()
	m.problem("gone")
	for {
		if _, err := events.next(func() {}); err != nil {
			break
		}
	}
}

func TestClient(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.7:80": "192.0.2.7/32", "[::ffff:192.0.2.7]:80": "192.0.2.7/32", "[2001:db8:1:2:3::4]:80": "2001:db8:1:2::/64", "[fe80::1%eth0]:80": "fe80::/64",
	} {
		if got := client(address); got.String() != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
	var s seats
	for range 3 { // nobody can be told apart on a socket
		if _, ok := s.take("@", 10, 1); !ok {
			t.Error("refused")
		}
	}
}

func FuzzNewcomer(f *testing.F) {
	f.Add([]byte(`{"name":"Ada"}`))
	f.Add([]byte(`{"name":"\u202e\ud800"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		name, err := decodeNewcomer(data)
		if err == nil && (name == "" || len(name) > 320 || strings.ContainsAny(name, "\x00\n\r\t\u202e\u2028")) || err != nil && len(err.Error()) > 700 {
			t.Errorf("%q, %v", name, err)
		}
	})
}

// Whatever people call themselves, the table is one of as many rows, and no cell is a formula.
func FuzzVerdictTable(f *testing.F) {
	f.Add("=1+1", "a\r\n@b", "alice")
	f.Add("\"", "'", " -1")
	f.Fuzz(func(t *testing.T, name, reason, id string) {
		e := monitor.Event{Person: monitor.Person{ID: id, Name: name}, Reason: reason, Time: began}
		table, err := verdictTable([]VerdictRecord{{1, e}, {2, e}})
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(bytes.NewReader(table)).ReadAll()
		if err != nil || len(rows) != 3 {
			t.Fatalf("%v: %q", err, table)
		}
		for _, row := range rows[1:] {
			for _, c := range row {
				if strings.ContainsAny(strings.TrimSpace(c + "x")[:1], "=+-@\t\r") {
					t.Errorf("%q", c)
				}
			}
		}
	})
}
