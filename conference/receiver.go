// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/pion/rtp"

	"github.com/defakepro/defakepro/media"
)

const (
	// keyEvery is how often a key frame is asked for at most.
	keyEvery = time.Second
	// What is held back at most until a stretch is placed in time.
	pendingMost, pendingBytes = 200, 6 << 20
	// A stretch that did not last shortStretch delays the next, by firstPause and twice as long each time, up to longestPause: a
	// sender that breaks its stream off again and again must not have processes started all the time.
	shortStretch             = 10 * time.Second
	firstPause, longestPause = time.Second, 30 * time.Second
	// blindTime is how long packets may come without anything that can be decoded before that is said: many key frames' time.
	blindTime = 10 * time.Second
)

var errBlind = errors.New("nothing that arrives can be decoded")

// decoder is what a receiver needs of [media.Live].
type decoder interface {
	Write(media.Packet) error
	Read(context.Context) (media.Block, error)
	End()
	Close() error
	Stats() media.LiveStats
}

// receiver makes tracks of the RTP packets of one remote track. It is for one goroutine.
type receiver struct {
	kind Kind
	open func(media.Codec) (decoder, error)
	// began is called with each new track, failed when what comes cannot be followed, and with nil when it can again; key asks the sender
	// for a key frame.
	began  func(decoder)
	failed func(error)
	key    func(ssrc uint32)
	log    *slog.Logger

	codec  media.Codec
	ssrc   uint32
	order  reorder
	frames *assembler
	clock  clock

	live    decoder // nil between stretches
	pending []pendingFrame
	bytes   int       // in pending
	first   time.Time // when the first of pending came
	needKey bool
	written uint64    // frames given to live
	damaged uint64    // those of them that it could not decode
	decoded uint64    // the most that it may have decoded
	heard   time.Time // when the last packet came
	well    time.Time // when a frame was last decoded, or packets began to come
	blind   bool      // failed has been called, and not yet taken back
	asked   time.Time // when a key frame was last asked for
	since   time.Time // when the stretch began
	pause   time.Duration
	resume  time.Time // no stretch begins before
}

// pendingFrame is a frame that waits for its stretch to be placed in time.
type pendingFrame struct {
	ticks int64
	data  []byte
}

// packet takes a packet of the given codec that came at now.
func (r *receiver) packet(p *rtp.Packet, codec media.Codec, now time.Time) {
	if r.frames == nil || codec != r.codec || p.SSRC != r.ssrc {
		r.restart(now, "another encoding")
		r.codec, r.ssrc, r.frames = codec, p.SSRC, newAssembler(codec)
		r.order = reorder{}
	}
	if !r.order.push(p, now) {
		r.restart(now, "sequence numbers begin anew")
		r.order = reorder{}
		r.order.push(p, now)
	}
	for {
		a, lost, ok := r.order.pop(now)
		if !ok {
			return
		}
		r.ordered(a, lost > 0, now)
	}
}

// ordered takes the packet next in order.
func (r *receiver) ordered(a arrival, lost bool, now time.Time) {
	if len(a.packet.Payload) == 0 { // padding, whose time stamp means nothing
		r.frames.push(a.packet, lost)
		r.needKey = r.needKey || lost && r.kind == Video
		return
	}
	if now.Sub(r.heard) > blindTime/2 {
		r.well = now
	}
	if r.heard = now; now.Sub(r.well) > blindTime && !r.blind {
		r.fail(errBlind)
	}
	before := r.clock.ticks
	ticks := r.clock.unwrap(a.packet.Timestamp)
	back := r.clock.offset(ticks - before)
	if back < 0 && r.kind == Audio || back < -driftMost || !r.clock.see(ticks, a.at) {
		r.restart(now, "time stamps are not those of a clock that runs on")
		ticks = r.clock.unwrap(a.packet.Timestamp)
		r.clock.see(ticks, a.at)
	}
	f, whole, gone := r.frames.push(a.packet, lost)
	if r.kind == Video {
		r.needKey = r.needKey || gone
	}
	if whole && f.key {
		r.needKey = false
	}
	if r.needKey && !r.frames.keyComes() {
		r.askKey(now)
	}
	if whole && !r.needKey && !now.Before(r.resume) {
		r.frame(ticks, f.data, a.at)
	}
}

// askKey asks for a key frame, but not all the time.
func (r *receiver) askKey(now time.Time) {
	if r.asked.IsZero() || now.Sub(r.asked) >= keyEvery {
		r.asked = now
		r.key(r.ssrc)
	}
}

// frame takes a whole frame that can be decoded.
func (r *receiver) frame(ticks int64, data []byte, at time.Time) {
	if r.live != nil {
		r.write(ticks, data, at)
		return
	}
	if len(r.pending) == 0 {
		r.first = at
	}
	r.pending = append(r.pending, pendingFrame{ticks, data})
	r.bytes += len(data)
	if at.Sub(r.first) < settleTime && len(r.pending) < pendingMost && r.bytes < pendingBytes {
		return
	}
	r.clock.fixed = true
	live, err := r.open(r.codec)
	if err != nil {
		r.fail(err)
		r.since = at
		r.restart(at, "no decoder")
		return
	}
	r.live, r.since, r.written, r.damaged, r.decoded = live, at, 0, 0, 0
	pending := r.pending
	r.pending, r.bytes = nil, 0
	r.began(live)
	for _, p := range pending {
		if r.live == nil {
			return // it has ended already
		}
		r.write(p.ticks, p.data, at)
	}
}

// write gives a frame to the decoder.
func (r *receiver) write(ticks int64, data []byte, now time.Time) {
	err := r.live.Write(media.Packet{Time: r.clock.time(ticks), Data: data})
	switch {
	case errors.Is(err, media.ErrBehind):
		r.needKey = r.kind == Video
	case err != nil:
		r.restart(now, "the decoder or its reader has ended")
		return
	}
	r.written++
	s := r.live.Stats()
	if s.Damaged > r.damaged {
		r.damaged = s.Damaged
		r.needKey = r.kind == Video
	}
	// What the decoder has not answered for yet is in this, too: it is bounded, so that it does not go on growing.
	if good := r.written - min(r.written, s.Dropped+s.Damaged); good > r.decoded {
		r.decoded, r.well = good, now
		if r.blind {
			r.blind = false
			r.failed(nil)
		}
	}
}

// fail says why what comes cannot be followed.
func (r *receiver) fail(err error) {
	r.blind = true
	r.failed(err)
}

// restart ends the present stretch, if there is one. What comes next belongs to another.
func (r *receiver) restart(now time.Time, why string) {
	if r.frames != nil {
		r.frames.restart()
	}
	r.pending, r.bytes = nil, 0
	r.needKey = r.kind == Video
	rate := int64(90_000)
	if r.kind == Audio {
		rate = 48_000 // RFC 7587: whatever is in it
	}
	r.clock = clock{rate: rate}
	if !r.since.IsZero() {
		if now.Sub(r.since) < shortStretch {
			r.pause = min(max(2*r.pause, firstPause), longestPause)
			r.resume = now.Add(r.pause)
		} else {
			r.pause = 0
		}
		r.since = time.Time{}
	}
	if r.live == nil {
		return
	}
	r.log.Debug("stretch ends", slog.String("kind", string(r.kind)), slog.String("reason", why))
	r.live.End()
	r.live = nil
}
