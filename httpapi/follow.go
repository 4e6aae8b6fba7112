// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"math"
	"math/rand/v2"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/defakepro/defakepro/poenf"
)

// Follow implements [ledger.Ledger]. Where the stream breaks it is taken up again after the last round it gave, with
// waits that grow from a quarter of a second to 30 s for as long as that does not help. It ends before ctx only where asking again would not help.
func (c *Client) Follow(ctx context.Context, n uint64) iter.Seq2[poenf.Round, error] {
	return func(yield func(poenf.Round, error) bool) {
		f := follower{Client: c, next: n, yield: yield}
		for ctx.Err() == nil {
			before, began := f.next, time.Now()
			err := f.stream(ctx)
			if f.done {
				return
			}
			if ctx.Err() != nil {
				break
			}
			if final(err) {
				yield(poenf.Round{}, err)
				return
			}
			if f.next > before || time.Since(began) > time.Minute {
				f.failures = 0
			}
			wait := f.wait(err)
			c.o.Log.Warn("event stream broken", slog.String("node", c.base.Host), slog.Any("err", err), slog.Duration("retry", wait))
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
			}
		}
		yield(poenf.Round{}, ctx.Err())
	}
}

// follower is one call of Follow.
type follower struct {
	*Client
	next     uint64
	failures int
	yield    func(poenf.Round, error) bool
	done     bool // the caller wants no more
}

// wait returns how long to wait after one more failure: between a half and the whole of 250 ms, 500 ms, and so on to 30 s, so
// that the clients of a node that restarts do not all come at once.
func (f *follower) wait(err error) time.Duration {
	most := min(250*time.Millisecond<<min(f.failures, 10), 30*time.Second)
	f.failures++
	wait := most/2 + rand.N(most/2)
	if refused, ok := errors.AsType[*refusedError](err); ok {
		wait = max(wait, refused.retry)
	}
	return wait
}

var (
	errSilent   = errors.New("the stream is silent")
	errNonsense = errors.New("not a stream of rounds")
)

// final reports whether an error will be the same the next time.
func final(err error) bool {
	if refused, ok := errors.AsType[*refusedError](err); ok {
		return !refused.passing()
	}
	return errors.Is(err, errRedirect) || errors.Is(err, errNonsense)
}

// stream yields the rounds of one connection. It always ends with an error, or with the caller's no.
func (f *follower) stream(parent context.Context) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	alarm := time.AfterFunc(f.o.Silence, func() { cancel(errSilent) })
	defer alarm.Stop()
	response, err := f.send(ctx, http.MethodGet, "/v1/events?from="+strconv.FormatUint(f.next, 10), eventType, nil)
	if err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	defer response.Body.Close()
	if kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type")); err != nil || kind != eventType {
		return f.wrong("the answer is not " + eventType)
	}
	events := newEventReader(response.Body)
	for {
		// What the caller does with a round is not the node's silence.
		alarm.Reset(f.o.Silence)
		e, err := events.next(func() { alarm.Reset(f.o.Silence) })
		alarm.Stop()
		switch {
		case errors.Is(err, errNonsense):
			return f.wrong(err.Error())
		case err != nil:
			return errors.Join(err, context.Cause(ctx))
		case e.name != "round":
			continue // of a newer node
		}
		r, err := decodeRound(e.data)
		if err != nil {
			return f.wrong(err.Error())
		}
		if r.Number < f.next {
			continue
		}
		if r.Number == math.MaxUint64 {
			return f.wrong("no round follows this one") // f.next would begin again
		}
		f.next = r.Number + 1
		if !f.yield(r, nil) {
			f.done = true
			return nil
		}
		if parent.Err() != nil {
			return parent.Err()
		}
	}
}

func (f *follower) wrong(what string) error {
	return fmt.Errorf("%s: %w: %s", f.base.Host, errNonsense, printable(what))
}

// event is a server-sent event.
type event struct {
	name, id string
	data     []byte
}

// maxEvent is the most bytes of an event.
const maxEvent = maxAnswer

// eventReader takes a stream of server-sent events apart, as in the HTML standard §9.2.6, but that lines end with a line feed.
type eventReader struct{ in *bufio.Reader }

func newEventReader(r io.Reader) *eventReader { return &eventReader{bufio.NewReaderSize(r, 16<<10)} }

// next returns the next event that has data, and calls alive for each line before it.
func (r *eventReader) next(alive func()) (event, error) {
	var e event
	var has bool
	for left := maxEvent; ; {
		line, err := r.line(left)
		if err != nil {
			return event{}, err
		}
		alive()
		if len(line) == 0 {
			if has {
				return e, nil
			}
			e, left = event{}, maxEvent
			continue
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		if len(field) == 0 {
			continue // a comment, which nobody keeps
		}
		left -= len(line)
		switch string(field) {
		case "event":
			e.name = string(value)
		case "id":
			e.id = string(value)
		case "data":
			if has {
				e.data = append(e.data, '\n')
			}
			e.data, has = append(e.data, value...), true
		}
	}
}

// line returns the next line, of no more than limit bytes.
func (r *eventReader) line(limit int) ([]byte, error) {
	var out []byte
	for {
		part, err := r.in.ReadSlice('\n')
		if len(out)+len(part) > limit {
			return nil, fmt.Errorf("%w: an event of more than %d bytes", errNonsense, maxEvent)
		}
		out = append(out, part...)
		switch {
		case err == nil:
			return bytes.TrimSuffix(out[:len(out)-1], []byte("\r")), nil
		case errors.Is(err, io.EOF) && len(out) > 0:
			return nil, io.ErrUnexpectedEOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}
