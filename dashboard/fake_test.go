// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package dashboard_test

import (
	"context"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/defakepro/defakepro/dashboard"
	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/httpapi"
	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/ledger/ledgertest"
	"github.com/defakepro/defakepro/monitor"
	"github.com/defakepro/defakepro/poenf"
)

// guard is one that plays what it is told, behind the real interface and the real pages.
type guard struct {
	mu      sync.Mutex
	room    monitor.Room
	changed chan struct{}
	records []httpapi.VerdictRecord
	down    atomic.Bool // as if there were no guard
	server  *httptest.Server
	joined  atomic.Pointer[string] // who last got a token
	asking  atomic.Bool            // whether tokens are asked for
	join    func(name string) (url, token string, err error)
}

const grid = 50

// newGuard serves a room in which nobody is yet.
func newGuard(t *testing.T, began time.Time) *guard {
	t.Helper()
	const nowhere = "ws://127.0.0.1:9" // nothing listens there
	return newGuardOf(t, began, nowhere, func(string) (string, string, error) { return nowhere, "token", nil })
}

// newGuardOf serves a room of a conference.
func newGuardOf(t *testing.T, began time.Time, conference string, join func(name string) (url, token string, err error)) *guard {
	t.Helper()
	g := &guard{join: join, changed: make(chan struct{}), room: monitor.Room{
		Name: "Weekly review", Connected: true, Began: began, Threshold: 0.75,
		Truth: monitor.TruthState{Kind: monitor.TruthCommittee, Name: "https://node-1.example:8443", Grid: grid, Known: time.Now().Add(-2 * time.Second)},
	}}
	c := ledgertest.NewCommittee("demo", 7, 10)
	m, last := rounds(t, c)
	api := httpapi.Handler(httpapi.Options{
		Ledger: m, Committee: func() (poenf.Committee, error) { return c.Committee, nil },
		Latest:   func(ctx context.Context) (poenf.Round, error) { return m.Round(ctx, last) },
		Meetings: func() map[string]httpapi.Meeting { return map[string]httpapi.Meeting{g.room.Name: g} },
		Verdicts: g.verdicts,
		Nodes: func(context.Context) []httpapi.Node {
			return []httpapi.Node{
				{Name: "m000", Address: "node-1.example:8443", State: httpapi.State{Height: 8123, Peers: 3}},
				{Name: "m001", Address: "node-2.example:8443", State: httpapi.State{Height: 8123, Peers: 3}},
				{Name: "m002", Address: "node-3.example:8443", State: httpapi.State{Height: 8020, Peers: 1, Syncing: true}},
				{Name: "m003", Address: "node-4.example:8443", Problem: "does not answer"},
			}
		},
		Join: func(_ context.Context, _, name string) (string, string, error) {
			g.joined.Store(&name)
			return g.join(name)
		},
		Pages: dashboard.Handler(conference),
	})
	g.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.down.Load() && strings.HasPrefix(r.URL.Path, "/v1/") {
			panic(http.ErrAbortHandler)
		}
		if token, asked := r.Header.Get("Authorization"), g.asking.Load() && strings.HasPrefix(r.URL.Path, "/v1/"); asked && token != "Bearer good" {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"type":"urn:defakepro:problem:token","title":"A good token is needed","status":401,"detail":"this needs a token"}`))
			return
		}
		api.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		g.server.CloseClientConnections() // streams end only with their reader
		g.server.Close()
	})
	return g
}

// rounds returns a ledger with a dozen closed rounds and the number of the last; one member is far off, and one silent at times.
func rounds(t *testing.T, c *ledgertest.Committee) (m *ledger.Memory, last uint64) {
	t.Helper()
	clock := new(ledgertest.Clock)
	m, err := ledger.NewMemory(c.Committee, clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	first := c.Last(clock.Now().UnixMilli()) + 2
	last = first + 11
	for n := first; n <= last; n++ {
		clock.Until(c.EndOf(n))
		random := rand.New(rand.NewPCG(n, 7))
		for i, member := range c.Members {
			p := c.Proof(member.Name, n)
			p.Values = slices.Clone(p.Values)
			for j := range p.Values {
				p.Values[j] += int32(random.NormFloat64() * 400)
				if i == 5 {
					p.Values[j] += int32(9000 * math.Sin(float64(j)))
				}
			}
			if i == 6 && n%3 == 0 {
				continue
			}
			if err := m.Submit(t.Context(), c.Sign(p)); err != nil {
				t.Logf("round %d, %s: %v", n, member.Name, err)
			}
		}
		clock.Until(c.EndOf(n).Add(time.Duration(c.Grace) * time.Millisecond))
	}
	return m, last
}

func (g *guard) Room() monitor.Room {
	g.mu.Lock()
	defer g.mu.Unlock()
	room := g.room
	room.Participants = slices.Clone(room.Participants)
	return room
}

func (g *guard) Changed() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.changed
}

// change changes the room.
func (g *guard) change(f func(*monitor.Room)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(&g.room)
	close(g.changed)
	g.changed = make(chan struct{})
}

// come has someone come, of whom both channels are undetermined.
func (g *guard) come(id, name string, at time.Time) {
	g.change(func(r *monitor.Room) {
		nan := math.NaN()
		c := monitor.Channel{
			Verdict: detect.Undetermined, Reason: "It takes a minute to tell.", Since: at, Receiving: true, Present: true,
			SNR: 18.4, Correlation: nan, RMSE: nan, Offset: nan, Lag: nan, LLR: nan,
		}
		audio, video := c, c
		audio.Source, video.Source = enf.SourceAudio, enf.SourceVideo
		r.Participants = append(r.Participants, monitor.Participant{
			Person: monitor.Person{ID: id, Name: name}, Joined: at, Verdict: detect.Undetermined, Since: at,
			Reason: "Both voice and picture are too short to tell yet.", Channels: []monitor.Channel{audio, video},
		})
	})
}

// judge has the verdict on someone become another, by that on one channel.
func (g *guard) judge(id string, source enf.Source, v detect.Verdict, at time.Time, reason string, spans ...monitor.Span) {
	g.change(func(r *monitor.Room) {
		r.Participants = slices.Clone(r.Participants)
		p := &r.Participants[slices.IndexFunc(r.Participants, func(p monitor.Participant) bool { return p.ID == id })]
		p.Channels = slices.Clone(p.Channels)
		overall := detect.Undetermined
		for i := range p.Channels {
			c := &p.Channels[i]
			if c.Source == source {
				g.keep(monitor.Event{Time: at, Person: p.Person, Channel: source, Verdict: v, Former: c.Verdict, Reason: reason, Confidence: 0.98, Forged: spans})
				c.Verdict, c.Since, c.Reason, c.Confidence, c.Forged = v, at, reason, 0.98, append(c.Forged, spans...)
				c.Correlation, c.RMSE, c.Offset, c.Lag, c.LLR = 0.993, 0.00071, 0.00123, 0.21, 61.2
				if v == detect.Forged {
					c.Correlation, c.RMSE, c.LLR = 0.211, 0.0117, -212.5
				}
			}
			switch {
			case c.Verdict == detect.Forged:
				overall = detect.Forged
			case c.Verdict == detect.Authentic && overall != detect.Forged:
				overall = detect.Authentic
			}
		}
		if overall != p.Verdict {
			g.keep(monitor.Event{Time: at, Person: p.Person, Verdict: overall, Former: p.Verdict, Reason: reason, Confidence: 0.98, Forged: spans})
			p.Verdict, p.Since = overall, at
		}
		p.Reason, p.Confidence = reason, 0.98
	})
}

func (g *guard) keep(e monitor.Event) {
	e.Room = g.room.Name
	g.records = append(g.records, httpapi.VerdictRecord{ID: int64(len(g.records) + 1), Event: e})
}

func (g *guard) verdicts(_ context.Context, q httpapi.VerdictQuery) ([]httpapi.VerdictRecord, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []httpapi.VerdictRecord
	for _, r := range g.records {
		if r.ID > q.After && len(out) < q.Limit && (q.From.IsZero() || !r.Time.Before(q.From)) {
			out = append(out, r)
		}
	}
	return out, nil
}

// Curves implements httpapi.Meeting: a grid that wanders, and a stream that follows it but where it is forged.
func (g *guard) Curves(id string, source enf.Source) (monitor.Curves, bool) {
	room := g.Room()
	i := slices.IndexFunc(room.Participants, func(p monitor.Participant) bool { return p.ID == id })
	if i < 0 {
		return monitor.Curves{}, false
	}
	p := room.Participants[i]
	var forged []monitor.Span
	for _, c := range p.Channels {
		if c.Source == source {
			forged = c.Forged
		}
	}
	const seconds = 240
	start := time.Now().Add(-seconds * time.Second).Truncate(time.Second)
	walk, other, noise := rand.New(rand.NewPCG(1, 1)), rand.New(rand.NewPCG(2, 2)), rand.New(rand.NewPCG(3, 3))
	truth := enf.Series{Start: start, Step: time.Second, Hz: make([]float64, seconds)}
	stream := enf.Series{Start: start, Step: time.Second, Hz: make([]float64, seconds), Sigma: make([]float64, seconds), SNR: make([]float64, seconds)}
	var a, b float64
	for i := range seconds {
		a, b = 0.985*a+walk.NormFloat64()*0.0022, 0.985*b+other.NormFloat64()*0.0022
		truth.Hz[i] = grid + a
		stream.Hz[i], stream.Sigma[i], stream.SNR[i] = grid+a+0.0012+noise.NormFloat64()*0.0008, 0.0008, 18
		at := stream.Time(i)
		for _, s := range forged {
			if !at.Before(s.From) && at.Before(s.To.Add(time.Hour)) {
				stream.Hz[i] = grid + 0.004 + b
			}
		}
		if i > 90 && i < 97 {
			stream.Hz[i], stream.Sigma[i] = math.NaN(), math.NaN()
		}
	}
	return monitor.Curves{Series: stream, Truth: truth, Windows: windows(stream, truth)}, true
}

// windows are those of a minute, moved by 5 s, with the correlation there is and a likelihood that goes with it.
func windows(stream, truth enf.Series) []monitor.Window {
	var out []monitor.Window
	for i := 60; i <= stream.Len(); i += 5 {
		r := correlation(stream.Hz[i-60:i], truth.Hz[i-60:i])
		w := monitor.Window{From: stream.Time(i - 60), To: stream.Time(i), Correlation: r, LLR: 80 * (r - 0.6), Verdict: detect.Authentic}
		if r < 0.8 {
			w.LLR, w.Verdict = -400*(0.85-r), detect.Forged
		}
		out = append(out, w)
	}
	return out
}

func correlation(x, y []float64) float64 {
	var n, sx, sy, sxx, syy, sxy float64
	for i := range x {
		if math.IsNaN(x[i]) || math.IsNaN(y[i]) {
			continue
		}
		a, b := x[i]-grid, y[i]-grid
		n, sx, sy, sxx, syy, sxy = n+1, sx+a, sy+b, sxx+a*a, syy+b*b, sxy+a*b
	}
	return (n*sxy - sx*sy) / math.Sqrt((n*sxx-sx*sx)*(n*syy-sy*sy))
}
