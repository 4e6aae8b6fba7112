// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"github.com/defakepro/defakepro/media"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fake is a decoder that decodes nothing and keeps what it is given.
type fake struct {
	packets []media.Packet
	ended   bool
	err     error
	stats   media.LiveStats
	deaf    bool // it cannot decode anything
}

func (f *fake) Write(p media.Packet) error {
	if f.err == nil {
		f.packets = append(f.packets, p)
	}
	if f.deaf {
		f.stats.Damaged++
	}
	return f.err
}
func (f *fake) Read(context.Context) (media.Block, error) { return media.Block{}, io.EOF }
func (f *fake) End()                                      { f.ended = true }
func (f *fake) Close() error                              { return nil }
func (f *fake) Stats() media.LiveStats                    { return f.stats }

// bench is a receiver and what came of it.
type bench struct {
	receiver
	stretches []*fake
	keys      int
	failures  []error
	deaf      func(stretch int) bool
}

func newBench(kind Kind) *bench {
	b := &bench{}
	b.receiver = receiver{
		kind: kind, log: slog.New(slog.DiscardHandler),
		open: func(media.Codec) (decoder, error) {
			f := &fake{deaf: b.deaf != nil && b.deaf(len(b.stretches))}
			b.stretches = append(b.stretches, f)
			return f, nil
		},
		began:  func(decoder) {},
		failed: func(err error) { b.failures = append(b.failures, err) },
		key:    func(uint32) { b.keys++ },
	}
	return b
}

// line is a packet on its way.
type line struct {
	p  *rtp.Packet
	at time.Time
}

// transmit gives the receiver packets in the order of their arrival.
func (b *bench) transmit(codec media.Codec, l []line) {
	slices.SortStableFunc(l, func(a, c line) int { return a.at.Compare(c.at) })
	for _, x := range l {
		b.packet(x.p, codec, x.at)
	}
}

// opus makes a stream of n packets of 20 ms, numbered in their payload, that take delay.
func opus(n int, delay time.Duration) []line {
	l := make([]line, n)
	for i := range l {
		l[i] = line{&rtp.Packet{
			Header:  rtp.Header{SequenceNumber: uint16(65500 + i), Timestamp: uint32(math.MaxUint32 - 48000 + i*960), SSRC: 1, PayloadType: 111},
			Payload: binary.BigEndian.AppendUint32([]byte{0x78, 1, 2}, uint32(i)),
		}, start.Add(delay + time.Duration(i)*20*time.Millisecond)}
	}
	return l
}

// number is that of a packet of opus.
func number(p media.Packet) int { return int(binary.BigEndian.Uint32(p.Data[3:])) }

// TestReceiverNetwork holds that times do not depend on what the network does: numbers and time stamps wrap on the way.
func TestReceiverNetwork(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, test := range map[string]struct {
		lost   float64
		jitter time.Duration
		twice  float64
	}{
		"clean":   {},
		"loss 2%": {lost: 0.02}, "loss 10%": {lost: 0.1}, "loss 40%": {lost: 0.4},
		"reordered": {jitter: 100 * time.Millisecond}, "late": {jitter: 250 * time.Millisecond, lost: 0.05},
		"duplicates": {twice: 0.3, jitter: 50 * time.Millisecond},
	} {
		b := newBench(Audio)
		var l []line
		sent := 0
		for _, x := range opus(3000, 30*time.Millisecond) {
			if r.Float64() < test.lost {
				continue
			}
			sent++
			copies := 1
			if r.Float64() < test.twice {
				copies = 2
			}
			for range copies {
				y := x
				if test.jitter > 0 {
					y.at = y.at.Add(time.Duration(r.Int64N(int64(test.jitter))))
				}
				l = append(l, y)
			}
		}
		b.transmit(media.Opus, l)
		if len(b.stretches) != 1 {
			t.Errorf("%s: %d stretches", name, len(b.stretches))
			continue
		}
		got := b.stretches[0].packets
		if len(got) < sent-40 { // what waits for others at the end
			t.Errorf("%s: %d of %d packets", name, len(got), sent)
		}
		for i, p := range got {
			if i > 0 && number(p) <= number(got[i-1]) {
				t.Fatalf("%s: packet %d after %d", name, number(p), number(got[i-1]))
			}
			if want := got[0].Time.Add(time.Duration(number(p)-number(got[0])) * 20 * time.Millisecond); !p.Time.Equal(want) {
				t.Fatalf("%s: packet %d at %v, not %v", name, number(p), p.Time, want)
			}
		}
		off := got[0].Time.Sub(start.Add(time.Duration(number(got[0])) * 20 * time.Millisecond))
		if off < 29*time.Millisecond || off > 30*time.Millisecond+test.jitter/4 {
			t.Errorf("%s: placed %v after it was sent", name, off)
		}
	}
}

// TestReceiverBreaks covers what ends a stretch, and what does not.
func TestReceiverBreaks(t *testing.T) {
	after := func(l []line, i int, f func(*line)) []line {
		for j := i; j < len(l); j++ {
			f(&l[j])
		}
		return l
	}
	for name, test := range map[string]struct {
		change func([]line) []line
		want   int // stretches
	}{
		"nothing":         {func(l []line) []line { return l }, 1},
		"SSRC":            {func(l []line) []line { return after(l, 1000, func(x *line) { x.p.SSRC = 2 }) }, 2},
		"numbers":         {func(l []line) []line { return after(l, 1000, func(x *line) { x.p.SequenceNumber += 20000 }) }, 2},
		"ahead by 1 s":    {func(l []line) []line { return after(l, 1000, func(x *line) { x.p.Timestamp += 48000 }) }, 2},
		"back by 20 ms":   {func(l []line) []line { return after(l, 1000, func(x *line) { x.p.Timestamp -= 1920 }) }, 2},
		"back by an hour": {func(l []line) []line { return after(l, 1000, func(x *line) { x.p.Timestamp -= 3600 * 48000 }) }, 2},
		"muted for 20 s": {func(l []line) []line {
			return after(l, 1000, func(x *line) { x.p.Timestamp += 20 * 48000; x.at = x.at.Add(20 * time.Second) })
		}, 1},
		"muted for a day and a half": {func(l []line) []line { // the time stamp wraps once in 24.9 h
			return after(l, 1000, func(x *line) {
				x.p.Timestamp = uint32(uint64(x.p.Timestamp) + 36*3600*48000)
				x.at = x.at.Add(36 * time.Hour)
			})
		}, 2},
		"stall of 2 s, then all at once": {func(l []line) []line {
			return after(l, 0, func(x *line) {
				if till := start.Add(22 * time.Second); x.at.After(start.Add(20*time.Second)) && x.at.Before(till) {
					x.at = till
				}
			})
		}, 1},
		"2 % fast": {func(l []line) []line {
			for i := range l {
				l[i].p.Timestamp = uint32(i * 979)
			}
			return l
		}, 3},
		"2 % slow": {func(l []line) []line {
			for i := range l {
				l[i].p.Timestamp = uint32(i * 941)
			}
			return l
		}, 3},
	} {
		b := newBench(Audio)
		b.transmit(media.Opus, test.change(opus(3000, 30*time.Millisecond)))
		if len(b.stretches) != test.want {
			t.Errorf("%s: %d stretches, not %d", name, len(b.stretches), test.want)
		}
		for i, s := range b.stretches {
			if s.ended != (i < len(b.stretches)-1) {
				t.Errorf("%s: stretch %d ended: %v", name, i, s.ended)
			}
			for j := 1; j < len(s.packets); j++ {
				if !s.packets[j].Time.After(s.packets[j-1].Time) {
					t.Errorf("%s: time steps back", name)
				}
			}
		}
	}
}

// TestReceiverBackoff holds that a sender that breaks its stream off all the time does not have a decoder started each time.
func TestReceiverBackoff(t *testing.T) {
	b := newBench(Audio)
	l := opus(50*600, 0) // ten minutes
	for i := range l {
		l[i].p.SSRC = uint32(1 + i/75) // another every 1.5 s
	}
	b.transmit(media.Opus, l)
	if n := len(b.stretches); n < 10 || n > 30 {
		t.Errorf("%d stretches in ten minutes of %d breaks", n, len(l)/75)
	}
}

func TestReceiverFailure(t *testing.T) {
	b := newBench(Audio)
	b.open = func(media.Codec) (decoder, error) { return nil, io.ErrClosedPipe }
	b.transmit(media.Opus, opus(50*120, 0))
	if n := len(b.failures); n < 3 || n > 10 {
		t.Errorf("%d attempts in two minutes", n)
	}
}

// TestReceiverSilence holds that what has no sound in it is a gap.
func TestReceiverSilence(t *testing.T) {
	b := newBench(Audio)
	l := opus(1000, 0)
	for i := 300; i < 500; i++ {
		switch i % 4 {
		case 0:
			l[i].p.Payload = []byte{0x78} // discontinuous transmission
		case 1:
			l[i].p.Payload = append([]byte{0xF8, 0xFF, 0xFE}, make([]byte, 77)...) // a muted track, by LiveKit
		case 2:
			l[i].p.Payload = nil // padding
		case 3:
			l[i].p.Payload = []byte{0x0B, 0x02, 0x00}
		}
	}
	b.transmit(media.Opus, l)
	if len(b.stretches) != 1 || len(b.stretches[0].packets) != 800 {
		t.Errorf("%d stretches, the first of %d packets", len(b.stretches), len(b.stretches[0].packets))
	}
}

// video makes a stream of RTP packets of a codec, at 25 frames a second, and returns the frames that went into it.
func video(t testing.TB, codec media.Codec) (frames [][]byte, l []line) {
	var payloader rtp.Payloader
	switch codec {
	case media.VP8:
		payloader = &codecs.VP8Payloader{EnablePictureID: true}
	case media.VP9:
		payloader = &codecs.VP9Payloader{}
	case media.H264:
		payloader = &codecs.H264Payloader{}
	case media.AV1:
		payloader = &codecs.AV1Payloader{}
	}
	p := rtp.NewPacketizer(400, 96, 7, payloader, rtp.NewFixedSequencer(65000), 90000)
	for i, s := range encode(t, codec, 25, "-f lavfi -i testsrc2=size=160x90:rate=25:duration=8 -g 50 -b:v 200k") {
		frames = append(frames, s.data)
		for _, packet := range p.Packetize(s.data, 3600) {
			l = append(l, line{packet, start.Add(time.Duration(i) * 40 * time.Millisecond)})
		}
	}
	return frames, l
}

// decode decodes what a stretch got, and returns the times of the pictures.
func decode(t *testing.T, codec media.Codec, s *fake) (times []time.Time, stats media.LiveStats) {
	t.Helper()
	live, err := media.OpenLive(t.Context(), codec, media.LiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	for _, p := range s.packets {
		if err := live.Write(p); err != nil {
			t.Fatal(err)
		}
		for {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			b, err := live.Read(ctx)
			cancel()
			if err != nil {
				t.Fatalf("%v; %+v", err, live.Stats())
			}
			times = append(times, b.Luma.Time)
			break
		}
	}
	return times, live.Stats()
}

// TestReceiverVideo holds that every codec comes out as it went in, and under loss only what can be decoded, each picture at its time.
func TestReceiverVideo(t *testing.T) {
	for _, codec := range []media.Codec{media.VP8, media.VP9, media.H264, media.AV1} {
		t.Run(string(codec), func(t *testing.T) {
			if testing.Short() && codec != media.VP8 {
				t.Skip("the other codecs are left to the full run")
			}
			frames, l := video(t, codec)
			b := newBench(Video)
			b.transmit(codec, slices.Clone(l))
			if len(b.stretches) != 1 || len(b.stretches[0].packets) != len(frames) || b.keys != 0 {
				t.Fatalf("%d stretches, %d of %d frames, %d key frames asked for", len(b.stretches), len(b.stretches[0].packets), len(frames), b.keys)
			}
			if codec == media.VP8 || codec == media.VP9 {
				for i, p := range b.stretches[0].packets {
					if !bytes.Equal(p.Data, frames[i]) {
						t.Fatalf("frame %d is changed", i)
					}
				}
			}
			r := rand.New(rand.NewPCG(3, 4))
			lossy := newBench(Video)
			lossy.transmit(codec, slices.DeleteFunc(slices.Clone(l), func(line) bool { return r.Float64() < 0.01 }))
			if len(lossy.stretches) != 1 || lossy.keys == 0 || lossy.keys > 9 {
				t.Fatalf("%d stretches, %d key frames asked for", len(lossy.stretches), lossy.keys)
			}
			times, stats := decode(t, codec, lossy.stretches[0])
			t.Logf("of %d frames %d decoded, %+v", len(frames), len(times), stats)
			if len(times) < len(frames)/10 || len(times) == len(frames) || stats.Damaged > 0 {
				t.Errorf("of %d frames %d decoded, %+v", len(frames), len(times), stats)
			}
			for i, at := range times {
				if !at.Equal(lossy.stretches[0].packets[i].Time) || at.Sub(start)%(40*time.Millisecond) != 0 {
					t.Errorf("a picture at %v", at)
				}
			}
		})
	}
}

// TestReceiverKeyFrames holds that nothing is decoded before the first key frame, and that one is asked for.
func TestReceiverKeyFrames(t *testing.T) {
	_, l := video(t, media.VP8)
	first := slices.IndexFunc(l, func(x line) bool { return x.at.Equal(start.Add(40 * time.Millisecond)) })
	b := newBench(Video)
	b.transmit(media.VP8, l[first:])
	if b.keys != 2 { // in two seconds, until the next comes by itself
		t.Errorf("%d asked for", b.keys)
	}
	if len(b.stretches) != 1 || b.stretches[0].packets[0].Time.Sub(l[first].at) != 49*40*time.Millisecond {
		t.Errorf("%d stretches; the first frame %v after the first packet", len(b.stretches), b.stretches[0].packets[0].Time.Sub(l[first].at))
	}
}

// TestReceiverSlow holds that after the decoder had to leave something out, only a key frame will do.
func TestReceiverSlow(t *testing.T) {
	_, l := video(t, media.VP8)
	for _, trouble := range []func(*fake){
		func(f *fake) { f.err = media.ErrBehind },
		func(f *fake) { f.stats.Damaged++ },
	} {
		b := newBench(Video)
		at := start.Add(5 * time.Second)
		i := slices.IndexFunc(l, func(x line) bool { return x.at.Equal(at) })
		b.transmit(media.VP8, l[:i])
		s := b.stretches[0]
		n := len(s.packets)
		trouble(s)
		j := slices.IndexFunc(l, func(x line) bool { return x.at.Equal(at.Add(40 * time.Millisecond)) })
		b.transmit(media.VP8, l[i:j])
		n = max(n, len(s.packets))
		s.err = nil
		b.transmit(media.VP8, l[j:])
		if gap := s.packets[n].Time.Sub(s.packets[n-1].Time); gap < 900*time.Millisecond || len(b.stretches) != 1 || b.keys == 0 {
			t.Errorf("the next frame after %v; %d asked for", gap, b.keys)
		}
	}
}

func TestParticipantBounds(t *testing.T) {
	big := string(bytes.Repeat([]byte("ü"), 1<<19))
	a, b := newParticipant(big, big), newParticipant(big+"x", "\xff\x00ok")
	if len(a.ID) > longest || len(a.Name) > longest || a.ID == b.ID || b.Name != "\uFFFD\x00ok" {
		t.Errorf("%d, %d bytes; %q", len(a.ID), len(a.Name), b.Name)
	}
}

// FuzzDepacketise gives a receiver any packets, as they come from the network, with any delay.
func FuzzDepacketise(f *testing.F) {
	names := []media.Codec{media.Opus, media.VP8, media.VP9, media.H264, media.AV1}
	for i, codec := range names {
		l := opus(20, 0)
		if codec != media.Opus {
			_, l = video(f, codec)
			l = l[:20]
		}
		var b []byte
		for _, x := range l {
			raw, err := x.p.Marshal()
			if err != nil {
				f.Fatal(err)
			}
			b = append(append(b, 20, byte(len(raw)>>8), byte(len(raw))), raw...)
		}
		f.Add(byte(i), b)
	}
	f.Fuzz(func(t *testing.T, which byte, b []byte) {
		codec := names[int(which)%len(names)]
		kind := Video
		if codec == media.Opus {
			kind = Audio
		}
		r := newBench(kind)
		now := start
		for len(b) >= 3 {
			now = now.Add(time.Duration(b[0]) * time.Millisecond)
			n := min(int(b[1])<<8|int(b[2]), len(b)-3)
			var p rtp.Packet
			if err := p.Unmarshal(bytes.Clone(b[3 : 3+n])); err == nil {
				r.packet(&p, codec, now)
			}
			b = b[3+n:]
		}
		held := 0
		for _, a := range r.order.held {
			held += len(a.packet.Payload)
		}
		if len(r.order.held) > reorderMost || len(r.pending) > pendingMost || r.bytes > pendingBytes+maxFrame {
			t.Errorf("%d packets of %d bytes and %d frames of %d bytes are held", len(r.order.held), held, len(r.pending), r.bytes)
		}
		for _, s := range r.stretches {
			for _, p := range s.packets {
				if len(p.Data) == 0 || len(p.Data) > media.MaxPacket {
					t.Errorf("a frame of %d bytes", len(p.Data))
				}
			}
		}
	})
}

// TestTrackGaps holds that sound between two blocks that is missing shorter than a second is filled with missing samples.
func TestTrackGaps(t *testing.T) {
	live, err := media.OpenLive(t.Context(), media.Opus, media.LiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	all := encode(t, media.Opus, 50, "-f lavfi -i sine=frequency=100:sample_rate=48000:duration=4")
	track := &Track{Kind: Audio, live: live}
	defer track.Close()
	write := func(i int) {
		if err := live.Write(media.Packet{Time: start.Add(all[i].at), Data: all[i].data}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 150 {
		if i != 10 && (i < 20 || i >= 30) && (i < 40 || i >= 120) {
			write(i)
		}
	}
	live.End()
	at := start
	missing, jumps := 0, 0
	for {
		b, err := track.Read(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !b.Audio.Start.Equal(at) {
			jumps++
		}
		for _, x := range b.Audio.Channels[0] {
			if math.IsNaN(x) {
				missing++
			}
		}
		at = b.Audio.End()
	}
	if missing != 11*960 || jumps != 1 || !at.Equal(start.Add(3*time.Second)) {
		t.Errorf("%d samples missing, %d jumps, end at %v", missing, jumps, at)
	}
}

// TestReceiverBlind holds that what cannot be decoded is said, once, and taken back when it can.
func TestReceiverBlind(t *testing.T) {
	b := newBench(Audio)
	b.deaf = func(stretch int) bool { return stretch == 0 }
	b.transmit(media.Opus, opus(400, 0))
	if len(b.failures) != 0 {
		t.Fatalf("after 8 s: %v", b.failures)
	}
	again := opus(3000, 0)
	b.transmit(media.Opus, again[400:2000])
	if len(b.failures) != 1 || !errors.Is(b.failures[0], errBlind) {
		t.Fatalf("after 40 s: %v", b.failures)
	}
	for i := range again[2000:] {
		again[2000+i].p.SSRC = 2 // another encoding, which can be decoded
	}
	b.transmit(media.Opus, again[2000:])
	if len(b.failures) != 2 || b.failures[1] != nil {
		t.Errorf("afterwards: %v", b.failures)
	}
	b = newBench(Audio)
	l := opus(2000, 0)
	for i := range l[1000:] { // muted for a minute
		l[1000+i].p.Timestamp += 60 * 48000
		l[1000+i].at = l[1000+i].at.Add(time.Minute)
	}
	b.transmit(media.Opus, l)
	if len(b.failures) != 0 {
		t.Errorf("muted: %v", b.failures)
	}
	b = newBench(Audio)
	b.transmit(media.Opus, again[:1000])
	b.restart(again[1000].at, "a codec that is not known")
	b.fail(errCodec)
	b.transmit(media.Opus, again[1500:2000])
	if len(b.failures) != 2 || b.failures[1] != nil {
		t.Errorf("a codec that is known again: %v", b.failures)
	}
}
