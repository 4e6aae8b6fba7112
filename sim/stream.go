// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Packet is one encoded frame.
type Packet struct {
	// Time is when it begins by the sender's own clock, from the start of the stream: a count of samples or of frames over their nominal
	// rate. Frames that were dropped leave a gap.
	Time time.Duration
	// Data is 20 ms of Opus, or a picture: a VP8 or VP9 frame, or a H.264 access unit as Annex B byte stream. The caller owns it.
	Data []byte
	// Key reports whether decoding can begin here; it always can with sound.
	Key bool
}

// StreamOptions says how a stream is made. The zero value makes it in real time.
type StreamOptions struct {
	// Unpaced renders as fast as packets are taken, and drops nothing.
	Unpaced bool
	// Now is the clock; nil for time.Now.
	Now func() time.Time
	// Log takes a warning when frames are dropped. nil discards.
	Log *slog.Logger
}

const (
	packetTime = 20 * time.Millisecond // of Opus
	// patience is how late a frame may be: what a busy machine catches up with.
	patience = time.Second
	// settle is how long scenes and encoders may take to be ready.
	settle = 500 * time.Millisecond
	// underWay is how many frames may be between the renderer and who takes the packets; an encoder holds back two or three.
	underWay = 16
)

// Stream is a recording rendered in real time and encoded as a call does, with low delay. It holds running ffmpeg
// processes and must be closed.
type Stream struct {
	recording    Recording
	start        time.Time
	cancel       context.CancelFunc
	group        sync.WaitGroup
	audio, video *lane
}

// Stream begins to render the recording in real time from its Start on, from half a second from now on if that is zero.
// If Start has passed, the stream is in the midst of it; with a [Cut], it begins later than Start by all that will be
// cut out. A Duration of 0 is as long as the grid is known, at most 24 hours. The stream ends with the recording or
// ctx.
//
// Sound is Opus, whatever its Codec says, at 48, 24, 16, 12 or 8 kHz; the picture VP8 unless its Codec is vp9 or h264,
// with a key frame every two seconds. Where rendering falls behind or nobody takes the packets, frames are dropped:
// media time is never stretched. It needs the ffmpeg command; without it, the error wraps [exec.ErrNotFound].
func (r Recording) Stream(ctx context.Context, o StreamOptions) (*Stream, error) {
	s, err := r.stream(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("stream: %w", err)
	}
	return s, nil
}

func (r Recording) stream(ctx context.Context, o StreamOptions) (*Stream, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		return nil, err
	}
	r, start, err := r.live(o.Now())
	if err != nil {
		return nil, err
	}
	p, err := r.plan()
	if err != nil {
		return nil, err
	}
	s := &Stream{recording: r, start: start.Add(p.cuts)}
	if r.Audio != nil {
		if s.audio, err = r.soundLane(p.audio); err != nil {
			return nil, err
		}
	}
	if r.Video != nil {
		if s.video, err = r.pictureLane(p.video); err != nil {
			return nil, err
		}
	}
	ctx, s.cancel = context.WithCancel(ctx)
	for _, l := range []*lane{s.audio, s.video} {
		if l == nil {
			continue
		}
		if l.encoder, err = startEncoder(ctx, ffmpeg, l.args, l.split); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.group.Go(func() { l.run(ctx, s.start, o) })
	}
	return s, nil
}

// live returns the recording as it is when it is streamed, and when that would begin if nothing were cut out.
func (r Recording) live(now time.Time) (Recording, time.Time, error) {
	var cuts time.Duration
	for _, a := range r.Attacks {
		if a.Kind == Cut {
			cuts += max(0, a.To-a.From)
		}
	}
	start := r.Start
	if start.IsZero() {
		start = now.Add(settle - cuts)
	}
	left := longest
	if r.Mains != nil {
		r.Start = start
		left = min(left, r.Mains.Options().Start.Add(r.Mains.Options().Duration).Sub(start)-cuts)
	}
	if r.Duration == 0 {
		if r.Duration = left; left <= 0 {
			return r, start, fmt.Errorf("grid is known to %v after the start alone", left)
		}
	}
	return r, start, nil
}

// Recording returns what is streamed, with its Duration, and its Start if it has a Mains: its Truth, Spans and Carried
// are those of the stream.
func (s *Stream) Recording() Recording { return s.recording }

// Start returns when the stream begins on the wall clock: what a Time of zero stands for.
func (s *Stream) Start() time.Time { return s.start }

// Audio yields the packets of the sound, once, waiting for each; none if there is no sound. An error is the last that is yielded.
func (s *Stream) Audio() iter.Seq2[Packet, error] { return s.audio.packets() }

// Video yields the frames of the picture likewise.
func (s *Stream) Video() iter.Seq2[Packet, error] { return s.video.packets() }

// Dropped returns how many frames of 20 ms of the sound and how many of the picture have been dropped so far.
func (s *Stream) Dropped() (audio, video int64) {
	for l, n := range map[*lane]*int64{s.audio: &audio, s.video: &video} {
		if l != nil {
			*n = l.dropped.Load()
		}
	}
	return audio, video
}

// Close ends the stream and waits until its processes have ended.
func (s *Stream) Close() error {
	s.cancel()
	s.group.Wait()
	for _, l := range []*lane{s.audio, s.video} {
		if l != nil && l.encoder != nil {
			_ = l.encoder.wait() // it was killed
		}
	}
	return nil
}

// lane is one medium on its way: frames of the same length each, rendered, encoded and taken.
type lane struct {
	name     string
	num, den int64 // frames a second
	frames   int64 // how many there are
	ppm      float64
	draw     func(n int64) []byte // renders frame n, which is never before the last one
	args     []string             // of ffmpeg
	split    splitter
	encoder  *encoder
	sent     chan int64 // the frames that the encoder has, in order
	dropped  atomic.Int64
}

// time is the media time at which frame n begins.
func (l *lane) time(n int64) time.Duration {
	seconds, rest := n*l.den/l.num, n*l.den%l.num
	return time.Duration(seconds)*time.Second + time.Duration(rest)*time.Second/time.Duration(l.num)
}

// due is how long after the start of the stream frame n has been recorded whole, by the true clock.
func (l *lane) due(n int64) time.Duration {
	t := l.time(n + 1)
	return t - time.Duration(float64(t)*l.ppm/(1e6+l.ppm))
}

// run renders the frames and gives them to the encoder.
func (l *lane) run(ctx context.Context, start time.Time, o StreamOptions) {
	defer close(l.sent)
	defer func() { _ = l.encoder.finish() }() // its own end tells what became of the input
	first := int64(0)
	if !o.Unpaced {
		first = l.late(0, start, o.Now().Add(settle)) // the stream may be long under way
	}
	for n := first; n < l.frames; n++ {
		if !o.Unpaced {
			next, err := l.pace(ctx, n, start, o.Now)
			if err != nil || next >= l.frames {
				return
			}
			if next > n {
				l.dropped.Add(next - n)
				o.Log.WarnContext(ctx, "rendering fell behind", slog.String("medium", l.name), slog.Int64("dropped", next-n), slog.Duration("at", l.time(n)))
				n = next
			}
		}
		select {
		case l.sent <- n:
		case <-ctx.Done():
			return
		}
		if _, err := l.encoder.Write(l.draw(n)); err != nil {
			return // the encoder's end tells
		}
	}
}

// late returns n, or the frame that is due now if it is too late for n.
func (l *lane) late(n int64, start, now time.Time) int64 {
	late := now.Sub(start.Add(l.due(n)))
	if late <= patience {
		return n
	}
	return n + int64(late.Seconds()*float64(l.num)/float64(l.den))
}

// pace waits until frame n is due and returns it, or the one that is due instead.
func (l *lane) pace(ctx context.Context, n int64, start time.Time, now func() time.Time) (int64, error) {
	if wait := start.Add(l.due(n)).Sub(now()); wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
	return l.late(n, start, now()), ctx.Err()
}

// packets yields what comes out of the encoder.
func (l *lane) packets() iter.Seq2[Packet, error] {
	return func(yield func(Packet, error) bool) {
		if l == nil {
			return
		}
		for f, err := range l.encoder.frames() {
			if err != nil {
				yield(Packet{}, fmt.Errorf("stream: %s: %w", l.name, err))
				return
			}
			n, ok := <-l.sent
			if !ok {
				continue // the encoder's own end: Opus looks ahead
			}
			if !yield(Packet{Time: l.time(n), Data: f.data, Key: f.key}, nil) {
				return
			}
		}
	}
}

// soundLane renders the sound as Opus.
func (r Recording) soundLane(line timeline) (*lane, error) {
	a, err := r.Audio.withDefaults()
	if err != nil {
		return nil, err
	}
	if !slices.Contains([]int{48000, 24000, 16000, 12000, 8000}, a.Rate) {
		return nil, fmt.Errorf("audio rate %d Hz: Opus wants 48000, 24000, 16000, 12000 or 8000", a.Rate)
	}
	l := &lane{name: "audio", num: int64(time.Second / packetTime), den: 1, ppm: a.PPM, sent: make(chan int64, underWay), split: splitOgg}
	l.frames = int64(r.Duration / packetTime)
	m := newRoom(r.Seed, a, line)
	block := make([]float64, a.Rate/int(l.num))
	var pcm []byte
	l.draw = func(n int64) []byte {
		m.next = int(n) * len(block)
		pcm = m.pcm(pcm[:0], block)
		return pcm
	}
	channels := "1"
	if a.Stereo {
		channels = "2"
	}
	l.args = []string{
		"-f", "s16le", "-ar", strconv.Itoa(a.Rate), "-ac", "1", "-i", "pipe:0", "-ac", channels,
		"-c:a", "libopus", "-application", "audio", "-frame_duration", strconv.Itoa(int(packetTime / time.Millisecond)),
		"-b:a", strconv.Itoa(a.BitrateKbps) + "k", "-f", "ogg", "-page_duration", "1",
	}
	return l, nil
}

// keyFrames is the time between key frames: nobody who joins late waits longer.
const keyFrames = 2 // seconds

// The encoders of ffmpeg by the name of the codec, with the options that make each frame come out before the next goes in.
var liveEncoders = map[string][]string{
	"vp8": {"libvpx", "-deadline", "realtime", "-cpu-used", "-8", "-lag-in-frames", "0", "-f", "ivf"},
	"vp9": {"libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-lag-in-frames", "0", "-f", "ivf"},
	"h264": {"libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-profile:v", "baseline",
		"-x264-params", "aud=1:scenecut=0:repeat-headers=1", "-f", "h264"},
}

// pictureLane renders the picture.
func (r Recording) pictureLane(line timeline) (*lane, error) {
	v, err := r.Video.withDefaults()
	if err != nil {
		return nil, err
	}
	l := &lane{name: "video", ppm: v.PPM, sent: make(chan int64, underWay), split: splitIVF}
	switch v.Codec {
	case "":
		v.Codec = "vp8"
	case "h264":
		l.split = splitAnnexB
	}
	encoder, ok := liveEncoders[v.Codec]
	if !ok {
		return nil, fmt.Errorf("video codec %q: want vp8, vp9 or h264", v.Codec)
	}
	num, den := v.rate()
	l.num, l.den = int64(num), int64(den)
	l.frames = int64(math.Ceil(r.Duration.Seconds()*float64(num)/float64(den) - 1e-6))
	s := newStudio(r.Seed, v, line)
	l.draw = func(n int64) []byte { return s.render(float64(n) * float64(den) / float64(num)) }
	l.args = slices.Concat(v.rawArguments(), []string{"-c:v"}, encoder, []string{
		"-threads", "1", "-b:v", strconv.Itoa(v.BitrateKbps) + "k", "-g", strconv.Itoa(int(math.Round(keyFrames * v.FPS))), "-pix_fmt", "yuv420p",
	})
	return l, nil
}
