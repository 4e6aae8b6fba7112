// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package webhook posts the events of a conference to somebody's server: signed, in order, and again until it is taken.
//
// Each event is one POST of a JSON object ([Payload]) with these headers:
//
//	Webhook-Id:        the same for every attempt, so that a second delivery can be told (idempotency)
//	Webhook-Timestamp: Unix seconds of the attempt
//	Webhook-Signature: v1,BASE64 of HMAC-SHA256 with the secret over ID.TIMESTAMP.BODY
//
// as in Standard Webhooks (standardwebhooks.com, version 1.0). A receiver checks with [Verify]. Any answer of class 2xx takes the event;
// one of class 4xx refuses it for good, but for 408, 425 and 429; anything else is tried again, within a minute, and at once when there is another event.
package webhook

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/defakepro/defakepro/monitor"
)

const (
	// attemptFor is how long one attempt may take.
	attemptFor = 15 * time.Second
	// answerMost is how much of an answer is read, in bytes, so that its connection can be used again.
	answerMost = 4 << 10
	// defaultQueue is how many events wait at most, by default.
	defaultQueue = 256
	// firstWait and longestWait are those between attempts: the wait doubles. An alert that comes much later than its cause is worth little.
	firstWait, longestWait = time.Second, time.Minute
	// giveUpAfter is for how long an event is tried.
	giveUpAfter = 24 * time.Hour
	// leastSecret is the least length of a secret, in bytes: that of 128 bits.
	leastSecret = 16
	// Tolerance is how far a timestamp may be from a receiver's clock for [Verify] to accept it.
	Tolerance = 5 * time.Minute
)

// Options set a [Sender] up.
type Options struct {
	// URL is where events are posted: https, or http to this machine itself.
	URL string
	// Secret signs; at least 16 bytes. It is never logged.
	Secret []byte
	// Queue is how many events may wait; beyond, the oldest is dropped. 0 stands for 256.
	Queue int
	// Client is what posts; nil stands for one of its own. Redirects are not followed, whatever it says.
	Client *http.Client
	// Now is the clock; nil stands for time.Now. Waits are by the system's.
	Now func() time.Time
	// Log takes what becomes of deliveries; nil for nothing.
	Log *slog.Logger
}

// Sender delivers events one after the other. It is safe for concurrent use.
type Sender struct {
	options Options
	client  http.Client
	where   string // scheme and host, for the log: the rest of a URL may be a secret
	session string // makes IDs unlike those of any other sender

	mu     sync.Mutex
	queue  []delivery
	last   uint64 // number of the last event
	fresh  chan struct{}
	counts Counts
	failed error // why the last attempt came to nothing; nil if it did not
}

// Counts tell what has become of events.
type Counts struct {
	// Waiting have not been taken yet; Delivered have; Dropped never will be.
	Waiting, Delivered, Dropped int
}

// delivery is one event on its way.
type delivery struct {
	id   string
	body []byte
}

// Payload is the body of a POST.
type Payload struct {
	// Type is "verdict.changed", also where another stretch turns forged while the verdict is forged already: verdict and former are both forged then.
	Type string `json:"type"`
	// Timestamp is when that was.
	Timestamp time.Time `json:"timestamp"`
	Data      Data      `json:"data"`
}

// Data is an event.
type Data struct {
	Room   string `json:"room"`
	Person string `json:"person"` // the ID
	Name   string `json:"name"`
	// Channel is audio or video; absent for the participant as a whole.
	Channel    string  `json:"channel,omitempty"`
	Verdict    string  `json:"verdict"` // what accuses, if anything does
	Former     string  `json:"former"`
	Reason     string  `json:"reason"`
	Confidence float64 `json:"confidence"`
	// Forged are the forged stretches so far where Verdict is forged; where only Former is, those that there were, as found in the end, and none if
	// it was withdrawn.
	Forged []Span `json:"forged,omitempty"`
}

// Span is a forged stretch of time.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Kind string    `json:"kind"`
}

// New returns a sender; [Sender.Run] delivers. An error says what is wrong with the options, without the secret.
func New(o Options) (*Sender, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, errors.New("webhook: not a URL") // the error would have it, and it may hold a password
	}
	local := u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
	switch {
	case u.Host == "":
		return nil, errors.New("webhook: the URL has no host")
	case u.Scheme != "https" && !(u.Scheme == "http" && local):
		return nil, fmt.Errorf("webhook: %s://%s is not https", u.Scheme, u.Host)
	case len(o.Secret) < leastSecret:
		return nil, fmt.Errorf("webhook: a secret of %d bytes; it takes %d", len(o.Secret), leastSecret)
	}
	o.Queue = cmp.Or(max(o.Queue, 0), defaultQueue)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Sender{options: o, where: u.Scheme + "://" + u.Host, session: rand.Text(), fresh: make(chan struct{}, 1)}
	if o.Client != nil {
		s.client = *o.Client
	}
	s.client.Timeout = attemptFor
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return s, nil
}

// Send puts an event into the queue, and never waits.
func (s *Sender) Send(e monitor.Event) {
	p := Payload{Type: "verdict.changed", Timestamp: e.Time.UTC(), Data: Data{
		Room: e.Room, Person: e.Person.ID, Name: e.Person.Name, Channel: string(e.Channel),
		Verdict: string(e.Verdict), Former: string(e.Former), Reason: e.Reason, Confidence: e.Confidence,
	}}
	for _, f := range e.Forged {
		p.Data.Forged = append(p.Data.Forged, Span{f.From.UTC(), f.To.UTC(), string(f.Kind)})
	}
	body, err := json.Marshal(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	if err != nil { // a number that is none
		s.counts.Dropped++
		s.options.Log.Warn("event cannot be posted", "err", err)
		return
	}
	if len(s.queue) >= s.options.Queue {
		s.queue = append(s.queue[:0], s.queue[1:]...)
		s.counts.Dropped++
		s.options.Log.Warn("webhook queue is full, the oldest event is dropped", "to", s.where)
	}
	s.queue = append(s.queue, delivery{fmt.Sprintf("msg_%s_%d", s.session, s.last), body})
	select {
	case s.fresh <- struct{}{}:
	default:
	}
}

// Counts returns what has become of events so far.
func (s *Sender) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts
	c.Waiting = len(s.queue)
	return c
}

// Problem says in a clause what is wrong with the delivery, as far as the last attempt tells; nothing when nothing is. It names no address.
func (s *Sender) Problem() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		return ""
	}
	var text string
	if n := len(s.queue); n == 1 {
		text = "1 alert waits, "
	} else if n > 1 {
		text = fmt.Sprintf("%d alerts wait, ", n)
	}
	if n := s.counts.Dropped; n == 1 {
		text += "1 alert is lost, "
	} else if n > 1 {
		text += fmt.Sprintf("%d alerts are lost, ", n)
	}
	if answer, ok := errors.AsType[*refusal](s.failed); ok {
		return text + fmt.Sprintf("for the webhook's receiver answered %d", answer.status)
	}
	return text + "for the webhook's receiver does not answer"
}

// Follow sends each of the events, until there are no more.
func (s *Sender) Follow(events iter.Seq[monitor.Event]) {
	for e := range events {
		s.Send(e)
	}
}

// Run delivers until ctx ends, and returns why. It must run once only.
func (s *Sender) Run(ctx context.Context) error {
	for {
		d, ok := s.first()
		if !ok {
			select {
			case <-s.fresh:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		taken, err := s.deliver(ctx, d)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.done(d, taken, err)
		if !taken {
			s.options.Log.Warn("event given up", "to", s.where, "id", d.id, "err", err)
		}
	}
}

func (s *Sender) first() (delivery, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return delivery{}, false
	}
	return s.queue[0], true
}

// done takes a delivery off the queue, if it has not been dropped meanwhile.
func (s *Sender) done(d delivery, taken bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if taken {
		s.counts.Delivered++
	}
	if !errors.Is(err, errFull) {
		s.failed = err
	}
	if len(s.queue) > 0 && s.queue[0].id == d.id {
		s.queue = append(s.queue[:0], s.queue[1:]...)
		if !taken {
			s.counts.Dropped++
		}
	} else if taken { // it was counted as dropped
		s.counts.Dropped--
	}
}

// errFull says that an event had to make room.
var errFull = errors.New("the queue is full")

// refusal is an answer that does not take the event.
type refusal struct{ status int }

func (r *refusal) Error() string { return fmt.Sprintf("answered %d", r.status) }

// final reports whether the answer would be the same again: it blames the event or its sender, and not the moment.
func (r *refusal) final() bool {
	switch r.status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return r.status/100 == 4
}

// deliver tries until the event is taken, or there is no hope.
func (s *Sender) deliver(ctx context.Context, d delivery) (taken bool, err error) {
	wait := firstWait
	for until := time.Now().Add(giveUpAfter); ; {
		s.heard() // what has been sent by now is no reason to try again
		after, err := s.post(ctx, d)
		if err == nil {
			return true, nil
		}
		if answer, ok := errors.AsType[*refusal](err); ok && answer.final() || time.Now().After(until) {
			return false, err
		}
		s.note(err)
		s.options.Log.Info("event not taken yet", "to", s.where, "id", d.id, "err", err)
		again, err := s.pause(ctx, wait, after)
		switch {
		case err != nil:
			return false, err
		case s.dropped(d):
			return false, errFull
		}
		if wait = min(2*wait, longestWait); again {
			wait = firstWait
		}
	}
}

// heard takes the word that there is a fresh event, if it is there.
func (s *Sender) heard() {
	select {
	case <-s.fresh:
	default:
	}
}

// note keeps what became of an attempt.
func (s *Sender) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = err
}

// pause lets a wait pass, which a fresh event cuts short, but not before the receiver wants to be asked again, and reports whether one did.
func (s *Sender) pause(ctx context.Context, wait, after time.Duration) (fresh bool, err error) {
	after = min(after, longestWait)
	for _, step := range []struct {
		length time.Duration
		cut    <-chan struct{}
	}{{after, nil}, {wait - after, s.fresh}} {
		if step.length <= 0 {
			continue
		}
		timer := time.NewTimer(step.length)
		select {
		case <-timer.C:
		case <-step.cut:
			fresh = true
		case <-ctx.Done():
			err = ctx.Err()
		}
		timer.Stop()
		if err != nil {
			return false, err
		}
	}
	return fresh, nil
}

func (s *Sender) dropped(d delivery) bool {
	f, ok := s.first()
	return !ok || f.id != d.id
}

// post makes one attempt. after is how long the receiver asks to be left alone.
func (s *Sender) post(ctx context.Context, d delivery) (after time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, attemptFor)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.options.URL, bytes.NewReader(d.body))
	if err != nil {
		return 0, errors.New("no request can be made")
	}
	stamp := strconv.FormatInt(s.options.Now().Unix(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "defakepro")
	r.Header.Set("Webhook-Id", d.id)
	r.Header.Set("Webhook-Timestamp", stamp)
	r.Header.Set("Webhook-Signature", sign(s.options.Secret, d.id, stamp, d.body))
	answer, err := s.client.Do(r)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok { // which has the whole URL
			err = inner.Err
		}
		return 0, err
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, answerMost) // what it says does not matter
	if answer.StatusCode/100 == 2 {
		return 0, nil
	}
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && seconds > 0 {
		after = time.Duration(min(seconds, int(longestWait/time.Second))) * time.Second
	}
	return after, &refusal{answer.StatusCode}
}

// sign returns the signature of a message.
func sign(secret []byte, id, stamp string, body []byte) string {
	h := hmac.New(sha256.New, secret)
	_, _ = io.WriteString(h, id+"."+stamp+".") // never fails
	_, _ = h.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// Verify checks that a POST with this header and body was signed with secret, within [Tolerance] of now. It is for
// receivers, who should also remember the ID and take none twice.
func Verify(secret []byte, header http.Header, body []byte, now time.Time) error {
	stamp := header.Get("Webhook-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return errors.New("webhook: no timestamp")
	}
	if d := now.Unix() - seconds; d > int64(Tolerance/time.Second) || d < -int64(Tolerance/time.Second) {
		return errors.New("webhook: the timestamp is not of now")
	}
	want := sign(secret, header.Get("Webhook-Id"), stamp, body)
	for got := range strings.FieldsSeq(header.Get("Webhook-Signature")) {
		if subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1 {
			return nil
		}
	}
	return errors.New("webhook: the signature is not right")
}
