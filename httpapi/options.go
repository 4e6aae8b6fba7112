// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/poenf"
)

// Options say what a [Handler] serves: a node's ledger, a guard's meetings, or both. What is nil is answered as not served here.
type Options struct {
	// Ledger is what is read and submitted to. It comes with Committee.
	Ledger ledger.Ledger
	// Committee returns the registered committee. An error says that there is none yet.
	Committee func() (poenf.Committee, error)
	// Latest returns the last closed round, or an error wrapping [ledger.ErrNotFound]. Without it the handler looks back from
	// the clock, by no more than [Lookback] rounds.
	Latest func(ctx context.Context) (poenf.Round, error)
	// Certificate returns the certificate of a closed round, whose MarshalJSON makes its file, or an error wrapping
	// [ledger.ErrNotFound]; any other says that this node cannot make it.
	Certificate func(ctx context.Context, round uint64) (json.Marshaler, error)
	// State describes the node. An error says why it is out of order.
	State func() (State, error)
	// Genesis is the file that verifiers of certificates trust, in JSON.
	Genesis []byte
	// Meetings returns those that are watched, by the name of their room. It does not change what it has returned.
	Meetings func() map[string]Meeting
	// Verdicts returns changes of verdicts that were kept, in order of their IDs.
	Verdicts func(ctx context.Context, q VerdictQuery) ([]VerdictRecord, error)
	// Nodes returns the nodes of the committee as they are known.
	Nodes func(ctx context.Context) []Node
	// Join returns the conference's address, and a token with which someone of this name may join a room. Whoever reaches
	// the handler may ask.
	Join func(ctx context.Context, room, name string) (url, token string, err error)
	// Check returns the report on an uploaded recording, in JSON or HTML. An error that wraps [ErrRecording] is the sender's to know.
	Check func(ctx context.Context, u Upload) ([]byte, error)
	// Scratch is the folder in which uploads are while they are checked; empty is the system's for temporary files.
	Scratch string
	// Security is who is registered, and who may do what; nil serves nothing of it, and all may do all.
	Security *Security
	// Metrics answers at /metrics, to who has [RightMetrics].
	Metrics http.Handler
	// Pages answers for paths that are not the interface's.
	Pages http.Handler
	// Hosts are names, in lower case and without port, by which a listener on a loopback address is reached beside those of
	// the machine: the names of a proxy before it. Other names are refused there.
	Hosts []string
	// Now gives the time; nil is [time.Now].
	Now func() time.Time
	// Log takes what went wrong on this side. nil discards.
	Log *slog.Logger
	// Limits bound what a client may ask for.
	Limits Limits
}

// Limits bound what clients of a [Handler] may ask for. Zero is the default of each.
type Limits struct {
	// Rate is how many requests a second one client's address may make, 100, and Burst how many at once, ten seconds' worth. Who is on a loopback
	// address or a Unix socket may make any number.
	Rate  float64
	Burst int
	// Body is the most bytes of a request's body: 16 KiB, three times the longest proof in JSON. BodyTime is how long it may
	// take to arrive: 10 s.
	Body     int64
	BodyTime time.Duration
	// Submit is how long a proof may take to be admitted: 30 s.
	Submit time.Duration
	// Page is the most rounds in one answer: 100.
	Page int
	// Span is the longest interval of truth in one answer: 24 h. Each hour of it is one request more of Rate.
	Span time.Duration
	// Streams is the most event streams at once: 256. ClientStreams is how many of them one client's address may have: 32.
	Streams       int
	ClientStreams int
	// Pace is the least time from one state of a room on a stream to the next: 1 s.
	Pace time.Duration
	// Verdicts is the most changes of verdicts in one answer: 1000.
	Verdicts int
	// Upload is the most bytes of an uploaded recording: 256 MiB. UploadTime is how long it may take to arrive, two minutes, and
	// CheckTime how long to be checked, likewise. Checks is how many may be under way at once: 2.
	Upload                int64
	UploadTime, CheckTime time.Duration
	Checks                int
	// Heartbeat is the time from one sign of life on a silent event stream to the next: 15 s.
	Heartbeat time.Duration
	// Stall is how long a client may take to accept what is sent to it, before it is disconnected: 10 s.
	Stall time.Duration
}

func (l Limits) defaults() Limits {
	l.Rate = cmp.Or(l.Rate, 100)
	return Limits{
		Rate:          l.Rate,
		Burst:         cmp.Or(l.Burst, max(1, int(10*l.Rate))),
		Body:          cmp.Or(l.Body, 16<<10),
		BodyTime:      cmp.Or(l.BodyTime, 10*time.Second),
		Submit:        cmp.Or(l.Submit, 30*time.Second),
		Page:          cmp.Or(l.Page, 100),
		Span:          min(cmp.Or(l.Span, 24*time.Hour), ledger.MaxSpan),
		Streams:       cmp.Or(l.Streams, 256),
		ClientStreams: cmp.Or(l.ClientStreams, 32),
		Pace:          cmp.Or(l.Pace, time.Second),
		Verdicts:      cmp.Or(l.Verdicts, 1000),
		Upload:        cmp.Or(l.Upload, 256<<20),
		UploadTime:    cmp.Or(l.UploadTime, 2*time.Minute),
		CheckTime:     cmp.Or(l.CheckTime, 2*time.Minute),
		Checks:        cmp.Or(l.Checks, 2),
		Heartbeat:     cmp.Or(l.Heartbeat, 15*time.Second),
		Stall:         cmp.Or(l.Stall, 10*time.Second),
	}
}

// Lookback is how many rounds a [Handler] looks back for the last closed one, when nobody tells it.
const Lookback = 4096

// State is how a node is.
type State struct {
	// Height is the number of the newest block, and Peers that of the nodes connected to this one.
	Height int64
	Peers  int
	// Syncing reports whether the node is still catching up with its peers.
	Syncing bool
}
