// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/defakepro/defakepro/dsp"
)

// Codec names the coding of a live stream.
type Codec string

// The codecs of calls (RFC 7874, RFC 7742, and AV1 as browsers have it).
const (
	Opus Codec = "opus"
	VP8  Codec = "vp8"
	VP9  Codec = "vp9"
	H264 Codec = "h264"
	AV1  Codec = "av1"
)

const (
	// MaxPacket is the most that a [Packet] may hold, in bytes: several times an intra frame of 4K video at a high rate.
	MaxPacket = 4 << 20
	// defaultLiveStall is many times what the slowest frame takes, and little enough to notice within a window of the guard.
	defaultLiveStall = 10 * time.Second
	// What may wait for the decoder: some seconds, as come at once where a stretch begins, and no more than a few large frames.
	liveQueue, liveQueueBytes = 256, 2 * MaxPacket
	// liveAhead is how many packets the worker is given before it has answered for the first: enough to keep it busy.
	liveAhead = 4
	// liveBlocks is how many decoded blocks may wait for Read.
	liveBlocks = 128
)

// ErrBehind reports, through [errors.Is], that the decoder cannot keep up and a packet was dropped.
var ErrBehind = errors.New("decoder cannot keep up")

// Packet is what one RTP timestamp covers: one Opus packet, or one whole frame of video, H.264 with start codes (Annex B of the
// Recommendation), AV1 as a temporal unit in the low-overhead format, VP9 with its superframe index where it has several layers.
type Packet struct {
	// Time is when its sound begins or its picture was taken.
	Time time.Time
	// Data may not be changed after Write.
	Data []byte
}

// LiveOptions sets a live decoder up. The zero value is useful.
type LiveOptions struct {
	// Stall is how long the decoder may take for a packet before it is ended with an error; 0 means 10 s.
	Stall time.Duration
}

// LiveStats counts what has become of packets and blocks.
type LiveStats struct {
	// Dropped packets came while the decoder could not keep up; Damaged ones, or their frames, could not be decoded.
	Dropped, Damaged uint64
	// Unread blocks were dropped as nobody read them.
	Unread uint64
}

// Live decodes one stream as it arrives, in a worker process of its own, with no delay: what comes of a packet can be read as
// soon as it is decoded. Its methods are safe for concurrent use.
type Live struct {
	codec Codec
	p     *process
	in    *os.File
	stall time.Duration
	queue chan Packet
	slots chan struct{} // one taken for each packet that the worker has not answered for
	out   chan Block
	over  chan struct{} // closed when nothing more will come

	mu     sync.Mutex
	stats  LiveStats
	begun  bool
	base   time.Time // times go to the worker as differences to it
	newest time.Duration
	bytes  int  // in queue
	owed   int  // packets that the worker has not answered for
	ending bool // End or Close has been called
	closed bool // Close has
	late   bool // it was ended for being silent
	err    error
	watch  *time.Timer // runs while the worker owes an answer
}

// OpenLive starts a decoder. Ending ctx, or Close, ends it. Programs must call [WorkerMain] first thing in main. In a build
// without cgo or FFmpeg's libraries, or for another system than Linux, it returns an error that says so.
func OpenLive(ctx context.Context, codec Codec, o LiveOptions) (*Live, error) {
	switch codec {
	case Opus, VP8, VP9, H264, AV1:
	default:
		return nil, fmt.Errorf("live decoding: %.20q is not a codec of calls", string(codec))
	}
	if o.Stall <= 0 {
		o.Stall = defaultLiveStall
	}
	p, in, err := startLive(ctx, codec, defaultStall)
	if err != nil {
		return nil, fmt.Errorf("live decoding of %s: %w", codec, err)
	}
	l := &Live{
		codec: codec, p: p, in: in, stall: o.Stall,
		queue: make(chan Packet, liveQueue), slots: make(chan struct{}, liveAhead),
		out: make(chan Block, liveBlocks), over: make(chan struct{}),
	}
	l.watch = time.AfterFunc(time.Hour, l.giveUp)
	l.watch.Stop()
	wire := &wireReader{r: p, time: l, done: l.answered}
	if _, err := wire.header(); err != nil {
		_ = in.Close() // of no use
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, os.ErrDeadlineExceeded) {
			err = p.failure(err)
		}
		_ = p.close() // always nil
		return nil, fmt.Errorf("live decoding of %s: %w", codec, err)
	}
	p.patient = true
	go l.feed()
	go l.follow(wire)
	return l, nil
}

// Write gives the decoder a packet and never waits. When the decoder cannot keep up the packet is dropped, and the error wraps
// [ErrBehind]: of sound that is a gap, of video everything is useless up to the next key frame, which is the caller's to wait
// for. Any other error is the decoder's end. Times must not be more than ten years apart.
func (l *Live) Write(p Packet) error {
	if len(p.Data) == 0 || len(p.Data) > MaxPacket {
		return fmt.Errorf("live decoding of %s: a packet of %d bytes; it must have 1 to %d", l.codec, len(p.Data), MaxPacket)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil || l.ending {
		return errors.Join(l.err, os.ErrClosed)
	}
	if !l.begun {
		l.begun, l.base = true, p.Time
	}
	since := p.Time.Sub(l.base)
	if since < -maxTime || since > maxTime {
		return fmt.Errorf("live decoding of %s: a packet %v from the first", l.codec, since)
	}
	if l.bytes+len(p.Data) <= liveQueueBytes {
		select {
		case l.queue <- p:
			l.bytes += len(p.Data)
			l.newest = max(l.newest, since)
			return nil
		default:
		}
	}
	l.stats.Dropped++
	return fmt.Errorf("live decoding of %s: %w", l.codec, ErrBehind)
}

// Read returns the next block, waiting for it. After End, and all that was written before, it returns [io.EOF]; any other error
// but ctx's is why the decoder has ended, and stays. Sound is mono at 48 kHz and its block begins at its packet's time; a
// picture has its packet's time, and pictures never go back in time. What was lost or damaged is missing: nothing is made up.
func (l *Live) Read(ctx context.Context) (Block, error) {
	select {
	case b := <-l.out:
		return b, nil
	default:
	}
	select {
	case b := <-l.out:
		return b, nil
	case <-ctx.Done():
		return Block{}, ctx.Err()
	case <-l.over:
	}
	select {
	case b := <-l.out: // what came before the end
		return b, nil
	default:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return Block{}, l.err
}

// End says that no more packets will come. What has been written can still be read.
func (l *Live) End() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ending {
		l.ending = true
		close(l.queue)
	}
}

// Close ends the decoder and frees what it holds. It may be called at any time and more than once; it returns nil.
func (l *Live) Close() error {
	l.End()
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	_ = l.p.close() // always nil
	<-l.over
	return nil
}

// Stats returns the counts so far.
func (l *Live) Stats() LiveStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}

// feed passes packets to the worker.
func (l *Live) feed() {
	defer l.in.Close() // which tells the worker that this is all
	wire := packetWriter{w: l.in}
	for p := range l.queue {
		select {
		case l.slots <- struct{}{}:
		case <-l.over:
			return
		}
		l.mu.Lock()
		l.bytes -= len(p.Data)
		if l.owed++; l.owed == 1 {
			l.watch.Reset(l.stall)
		}
		since := p.Time.Sub(l.base)
		l.mu.Unlock()
		if wire.packet(since, p.Data) != nil {
			return // the worker has ended, and follow says why
		}
	}
}

// answered is called when the worker is done with a packet.
func (l *Live) answered(damaged uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Damaged = damaged
	if l.owed == 0 {
		return // it answers what was not asked; there is no harm in that
	}
	<-l.slots
	if l.owed--; l.owed > 0 {
		l.watch.Reset(l.stall)
	} else {
		l.watch.Stop()
	}
}

// follow takes what the worker makes of the packets.
func (l *Live) follow(wire *wireReader) {
	var err error
	var shown time.Time
	for {
		var b Block
		if b, err = wire.block(); err != nil {
			break
		}
		if b.Audio == nil && b.Luma == nil || (b.Audio != nil) != (l.codec == Opus) {
			err = errProtocol
			break
		}
		if b.Luma != nil {
			if !shown.IsZero() && !b.Luma.Time.After(shown) {
				continue
			}
			shown = b.Luma.Time
		}
		select {
		case l.out <- b:
		default:
			l.mu.Lock()
			l.stats.Unread++
			l.mu.Unlock()
		}
	}
	l.finished(err)
}

// giveUp ends a worker that has owed an answer for too long.
func (l *Live) giveUp() {
	l.mu.Lock()
	l.late = true
	l.mu.Unlock()
	l.p.cancel()
}

// finished notes why the worker has ended.
func (l *Live) finished(err error) {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = l.p.failure(err)
	} else {
		_ = l.p.close() // always nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watch.Stop()
	switch {
	case errors.Is(err, io.EOF), l.closed && !l.late:
		l.err = io.EOF
	case l.late:
		l.err = fmt.Errorf("live decoding of %s: decoder has been silent for %v", l.codec, l.stall)
	default:
		l.err = fmt.Errorf("live decoding of %s: %w", l.codec, err)
	}
	close(l.over)
}

// sound places decoded sound. The worker's word is not taken for times: it says which packet, within those that it was sent.
func (l *Live) sound(pts time.Duration, rate int, channels [][]float64) Block {
	at, ok := l.place(pts)
	if !ok {
		return Block{}
	}
	return Block{Audio: &dsp.Signal{Start: at, Rate: float64(rate), Channels: channels}}
}

// picture places a decoded frame.
func (l *Live) picture(pts time.Duration, rows, strips int, mean []float64) Block {
	at, ok := l.place(pts)
	if !ok {
		return Block{}
	}
	return Block{Luma: &dsp.Luma{Time: at, Rows: rows, Strips: strips, Mean: mean}}
}

func (l *Live) place(pts time.Duration) (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.base.Add(pts), l.begun && pts != noTime && pts <= l.newest
}

// finish allows the end at any place.
func (l *Live) finish() error { return nil }
