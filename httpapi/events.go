// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"net/http"
	"reflect"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/defakepro/defakepro/poenf"
)

const eventType = "text/event-stream"

type eventsInput struct {
	From   optional[uint64] `query:"from" doc:"The first round that may come; without it, the next one that closes."`
	LastID optional[uint64] `header:"Last-Event-ID" doc:"The number of the last round received: the stream goes on after it, whatever from says."`
}

type eventsOutput struct{ Body func(huma.Context) }

func (s *server) registerEvents(api huma.API) {
	op := s.ofLedger(operation(api, "events", http.MethodGet, "/v1/events",
		"Closed rounds as server-sent events, as they close: event round, its number as id, the round in JSON as data. "+
			"A client that does not keep up is disconnected, and may come back with Last-Event-ID.",
		http.StatusNotFound, http.StatusServiceUnavailable))
	schemas := api.OpenAPI().Components.Schemas
	op.Responses["200"] = &huma.Response{
		Description: "Server-sent events; each one's data is of this form.",
		Content:     map[string]*huma.MediaType{eventType: {Schema: schemas.Schema(reflect.TypeFor[round](), true, "Round")}},
	}
	huma.Register(api, op, s.events)
}

func (s *server) events(ctx context.Context, in *eventsInput) (*eventsOutput, error) {
	from, err := s.begin(ctx, in)
	if err != nil {
		return nil, err
	}
	return &eventsOutput{func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		s.stream(w, r, s.still(r, "events", ""), func(ctx context.Context) iter.Seq[[]byte] { return s.roundEvents(ctx, from) })
	}}, nil
}

// begin returns the first round of a stream; its error is a problem.
func (s *server) begin(ctx context.Context, in *eventsInput) (uint64, error) {
	switch {
	case in.LastID.Set && in.LastID.Value == math.MaxUint64:
		return 0, kindRequest.problem("no round follows that of Last-Event-ID")
	case in.LastID.Set:
		return in.LastID.Value + 1, nil
	case in.From.Set:
		return in.From.Value, nil
	}
	last, err := s.latest(ctx)
	var none *refusal
	if errors.As(err, &none) && none.Status == http.StatusNotFound {
		top, err := s.top()
		return top - min(top, Lookback), err
	}
	return last.Number + 1, err
}

// roundEvents yields rounds as they close, until ctx ends.
func (s *server) roundEvents(ctx context.Context, from uint64) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for r, err := range s.Ledger.Follow(ctx, from) {
			if err != nil {
				if ctx.Err() == nil {
					s.Log.Error("events", slogErr(err))
				}
				return
			}
			if !yield(encodeRound(r)) {
				return
			}
		}
	}
}

// stream sends events as they come. It holds one at a time: the next is asked for when the client's connection has
// taken this one, so that a slow client costs no memory, and one that takes nothing is gone when its time is up. It ends
// soon after the token that it began with is worth nothing.
func (s *server) stream(w http.ResponseWriter, r *http.Request, still func() bool, source func(context.Context) iter.Seq[[]byte]) {
	release, ok := s.streams.take(r.RemoteAddr, s.Limits.Streams, s.Limits.ClientStreams)
	if !ok {
		w.Header().Set("Retry-After", "10")
		kindStreams.problem("%d streams of events are open already, or %d of one client", s.Limits.Streams, s.Limits.ClientStreams).write(w)
		return
	}
	defer release()
	ctx, cancel := context.WithCancel(r.Context())
	if draining, ok := ctx.Value(drainKey{}).(context.Context); ok {
		defer context.AfterFunc(draining, cancel)()
	}
	w.Header().Set("Content-Type", eventType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // proxies that gather what they pass on would hold rounds back
	out := &eventWriter{w: w, control: http.NewResponseController(w), stall: s.Limits.Stall}
	if r.Method == http.MethodHead || !out.send([]byte("retry: 2000\n\n")) {
		cancel()
		return
	}
	reading := read(ctx, source(ctx))
	defer func() {
		cancel()
		<-reading.ended // the source is not read after the request
		_ = out.control.SetWriteDeadline(time.Now().Add(s.Limits.Stall))
		if reading.thrown != nil {
			panic(reading.thrown)
		}
	}()
	beat := time.NewTicker(s.Limits.Heartbeat)
	defer beat.Stop()
	review := time.NewTicker(s.Limits.Heartbeat)
	defer review.Stop()
	for {
		var event []byte
		select {
		case <-review.C:
			if !still() {
				return
			}
			continue
		case event = <-reading.events:
		case <-beat.C:
			event = []byte(":\n\n")
		case <-reading.ended:
			return
		case <-ctx.Done():
			return
		}
		if !out.send(event) {
			s.Log.Debug("a client's event stream is cut: it takes nothing")
			return
		}
		beat.Reset(s.Limits.Heartbeat)
	}
}

// reading is a source of events that is read beside the request.
type reading struct {
	events chan []byte
	ended  chan struct{} // closed when it is read no longer
	thrown any           // what it panicked with: that is for the request to bear, and not for the process. It is there once ended is closed.
}

func read(ctx context.Context, source iter.Seq[[]byte]) *reading {
	r := &reading{events: make(chan []byte), ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		defer func() {
			if thrown := recover(); thrown != nil {
				r.thrown = fmt.Sprintf("%v\n%s", thrown, debug.Stack())
			}
		}()
		for event := range source {
			select {
			case r.events <- event:
			case <-ctx.Done():
				return
			}
		}
	}()
	return r
}

func encodeRound(r poenf.Round) []byte {
	return encodeEvent("round", strconv.FormatUint(r.Number, 10), newRound(r))
}

func encodeEvent(name, id string, value any) []byte {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // numbers and strings
	}
	b := make([]byte, 0, len(data)+len(id)+32)
	b = append(append(append(b, "id: "...), id...), "\nevent: "...)
	b = append(append(b, name...), "\ndata: "...)
	return append(append(b, data...), "\n\n"...)
}

// eventWriter sends events to a client that must take each of them within a time.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
}

// send reports whether the client has taken the event.
func (e *eventWriter) send(event []byte) bool {
	// Where the connection knows no deadlines, a client that takes nothing holds up its own request alone.
	_ = e.control.SetWriteDeadline(time.Now().Add(e.stall))
	_, err := e.w.Write(event)
	if err == nil {
		err = e.control.Flush()
	}
	if err != nil {
		return false
	}
	// In HTTP/2 a deadline that passes ends a stream even when nothing is being written.
	_ = e.control.SetWriteDeadline(time.Time{})
	return true
}
