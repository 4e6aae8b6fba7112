// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo && !noav

package media

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// liveStreams are how each codec is encoded for a call.
var liveStreams = map[Codec]string{
	Opus: "-f lavfi -i sine=frequency=450:sample_rate=48000:duration=2 -c:a libopus -application audio -b:a 64k -frame_duration 20",
	VP8:  "-f lavfi -i testsrc2=size=322x182:rate=25:duration=1 -c:v libvpx -deadline realtime -cpu-used 8 -lag-in-frames 0 -auto-alt-ref 0",
	VP9:  "-f lavfi -i testsrc2=size=322x182:rate=25:duration=1 -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -lag-in-frames 0",
	H264: "-f lavfi -i testsrc2=size=322x182:rate=25:duration=1 -c:v libx264 -tune zerolatency -preset ultrafast -pix_fmt yuv420p " +
		"-bsf:v dump_extra=freq=keyframe",
	AV1: "-f lavfi -i testsrc2=size=322x182:rate=25:duration=1 -pix_fmt yuv420p -c:v libaom-av1 -usage realtime -cpu-used 8 -lag-in-frames 0",
}

// packets encodes a stream and returns its packets, with times from the given one on.
func packets(t testing.TB, from time.Time, args ...any) []Packet {
	t.Helper()
	n := newNUT(bytes.NewReader(ffmpeg(t, append(lists(args...), "-f", "nut", "pipe:1")...)), MaxPacket)
	var all []Packet
	for {
		pts, data, err := n.next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, Packet{Time: from.Add(pts), Data: slices.Clone(data)})
	}
}

// openTest opens a live decoder for the length of a test.
func openTest(t testing.TB, codec Codec, o LiveOptions) *Live {
	t.Helper()
	l, err := OpenLive(t.Context(), codec, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// rest reads what is still to come.
func rest(t testing.TB, l *Live) (blocks []Block, err error) {
	t.Helper()
	for {
		b, err := l.Read(t.Context())
		if err != nil {
			return blocks, err
		}
		blocks = append(blocks, b)
	}
}

var callTime = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

// TestLiveVideo holds that each picture can be read before the next packet is written, has its packet's time, and is what the same
// stream gives when it is read from a file.
func TestLiveVideo(t *testing.T) {
	for _, codec := range []Codec{VP8, VP9, H264, AV1} {
		t.Run(string(codec), func(t *testing.T) {
			if testing.Short() && codec != VP8 {
				t.Skip("the other codecs are left to the full run")
			}
			file := generate(t, "a.nut", lists(liveStreams[codec])...)
			want := readAll(t, file, Options{Threads: 1})
			l := openTest(t, codec, LiveOptions{})
			for i, p := range packets(t, callTime, []string{"-i", file, "-c", "copy"}) {
				if err := l.Write(p); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				b, err := l.Read(ctx)
				cancel()
				if err != nil {
					t.Fatalf("picture %d: %v", i, err)
				}
				if !b.Luma.Time.Equal(p.Time) || !slices.Equal(b.Luma.Mean, want.blocks[i].Luma.Mean) {
					t.Fatalf("picture %d of time %v is not that of the file, at %v", i, b.Luma.Time, p.Time)
				}
			}
			l.End()
			if more, err := rest(t, l); len(more) > 0 || !errors.Is(err, io.EOF) {
				t.Errorf("after the end %d blocks and %v", len(more), err)
			}
			if s := l.Stats(); s != (LiveStats{}) {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestLiveSound holds that a tone keeps its phase, against the times of its blocks, through packets that are lost, and that nothing
// is made up for these.
func TestLiveSound(t *testing.T) {
	all := packets(t, callTime, liveStreams[Opus])
	l := openTest(t, Opus, LiveOptions{})
	lost := func(i int) bool { return i == 20 || i >= 50 && i < 57 }
	written := 0
	for i, p := range all {
		if lost(i) {
			continue
		}
		written++
		if err := l.Write(p); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Read(t.Context()); err != nil { // in step, so that nothing is dropped
			t.Fatal(err)
		}
	}
	blocks := 0
	l = openTest(t, Opus, LiveOptions{})
	var phase []float64
	for i, p := range all {
		if lost(i) {
			continue
		}
		if err := l.Write(p); err != nil {
			t.Fatal(err)
		}
		b, err := l.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		blocks++
		s := b.Audio
		if !s.Start.Equal(p.Time) || s.Rate != 48000 || len(s.Channels) != 1 || s.Len() != 960 {
			t.Fatalf("block %d: %v, %d samples at %g Hz", i, s.Start, s.Len(), s.Rate)
		}
		if i < 3 || lost(i-1) || lost(i-2) || i > len(all)-3 {
			continue // the codec sets in anew
		}
		re, im := 0.0, 0.0
		for n, x := range s.Channels[0] {
			a := 2 * math.Pi * 450 * (s.Start.Sub(callTime).Seconds() + float64(n)/s.Rate)
			re, im = re+x*math.Cos(a), im-x*math.Sin(a)
		}
		phase = append(phase, math.Atan2(im, re))
	}
	if blocks != written {
		t.Errorf("%d blocks of %d packets", blocks, written)
	}
	for i, p := range phase {
		if d := math.Abs(math.Remainder(p-phase[0], 2*math.Pi)); d > 0.02 {
			t.Errorf("block %d of %d is off by %.3f rad", i, len(phase), d)
		}
	}
}

// TestLiveGarbage holds that damage is counted and is not the end.
func TestLiveGarbage(t *testing.T) {
	for codec, args := range liveStreams {
		if testing.Short() && codec != VP8 && codec != Opus {
			continue
		}
		t.Run(string(codec), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			l := openTest(t, codec, LiveOptions{})
			good := packets(t, callTime.Add(time.Minute), args)
			for i := range 40 {
				data := make([]byte, 1+r.IntN(1500))
				for j := range data {
					data[j] = byte(r.Uint32())
				}
				if i%2 == 1 { // a good beginning
					n := copy(data, good[0].Data)
					data = data[:max(n/2, 1)]
				}
				writeWhenFree(t, l, Packet{Time: callTime.Add(time.Duration(i) * 40 * time.Millisecond), Data: data})
			}
			for _, p := range good {
				writeWhenFree(t, l, p)
			}
			l.End()
			blocks, err := rest(t, l)
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			fine := 0
			for _, b := range blocks {
				if b.Luma != nil && !b.Luma.Time.Before(callTime.Add(time.Minute)) || b.Audio != nil && !b.Audio.Start.Before(callTime.Add(time.Minute)) {
					fine++
				}
			}
			if s := l.Stats(); s.Damaged == 0 && codec != Opus || fine != len(good) { // Opus knows hardly any packet that is not one
				t.Errorf("%+v; %d of %d good packets decoded afterwards", s, fine, len(good))
			}
		})
	}
}

// writeWhenFree writes as soon as the decoder has room.
func writeWhenFree(t testing.TB, l *Live, p Packet) {
	t.Helper()
	for {
		err := l.Write(p)
		if err == nil {
			return
		}
		if !errors.Is(err, ErrBehind) {
			t.Fatal(err)
		}
		select {
		case <-l.over:
			t.Fatal("decoder has ended")
		case <-time.After(time.Millisecond): // no condition tells that there is room: whoever sends live drops instead
		}
	}
}

// TestLiveEnds covers workers that do not do what they should.
func TestLiveEnds(t *testing.T) {
	all := packets(t, callTime, liveStreams[Opus])
	signal := func(l *Live, s syscall.Signal) {
		if err := l.p.cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("crash", func(t *testing.T) {
		l := openTest(t, Opus, LiveOptions{})
		signal(l, syscall.SIGKILL)
		if _, err := rest(t, l); err == nil || !strings.Contains(err.Error(), "opus: decoder ended early: signal: killed") {
			t.Error(err)
		}
		if err := l.Write(all[0]); err == nil || errors.Is(err, ErrBehind) {
			t.Errorf("write: %v", err)
		}
	})
	t.Run("hang", func(t *testing.T) {
		l := openTest(t, Opus, LiveOptions{Stall: 50 * time.Millisecond})
		signal(l, syscall.SIGSTOP)
		if err := l.Write(all[0]); err != nil {
			t.Fatal(err)
		}
		if _, err := rest(t, l); err == nil || !strings.Contains(err.Error(), "silent for 50ms") {
			t.Error(err)
		}
	})
	t.Run("behind", func(t *testing.T) {
		l := openTest(t, Opus, LiveOptions{})
		signal(l, syscall.SIGSTOP)
		dropped := 0
		for range 100 {
			for _, p := range all {
				if err := l.Write(p); errors.Is(err, ErrBehind) {
					dropped++
				} else if err != nil {
					t.Fatal(err)
				}
			}
		}
		if waiting := 100*len(all) - dropped; waiting > liveQueue+liveAhead+1 {
			t.Errorf("%d packets wait", waiting)
		}
		signal(l, syscall.SIGCONT)
		if _, err := l.Read(t.Context()); err != nil {
			t.Error(err)
		}
		if s := l.Stats(); s.Dropped != uint64(dropped) {
			t.Errorf("%+v, %d dropped", s, dropped)
		}
	})
	t.Run("idle", func(t *testing.T) { // silence is no fault
		l := openTest(t, Opus, LiveOptions{Stall: 30 * time.Millisecond})
		for _, p := range all[:3] {
			if err := l.Write(p); err != nil {
				t.Fatal(err)
			}
			if _, err := l.Read(t.Context()); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			if _, err := l.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			cancel()
		}
	})
	t.Run("context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		l, err := OpenLive(ctx, Opus, LiveOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		cancel()
		if _, err := rest(t, l); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	t.Run("close", func(t *testing.T) {
		l := openTest(t, Opus, LiveOptions{})
		if err := errors.Join(l.Write(all[0]), l.Close(), l.Close()); err != nil {
			t.Error(err)
		}
		if _, err := rest(t, l); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	})
}

func TestLiveRefuses(t *testing.T) {
	if _, err := OpenLive(t.Context(), "mjpeg", LiveOptions{}); err == nil {
		t.Error("mjpeg is opened")
	}
	l := openTest(t, VP8, LiveOptions{})
	for _, p := range []Packet{{Time: callTime}, {Time: callTime, Data: make([]byte, MaxPacket+1)}} {
		if err := l.Write(p); err == nil {
			t.Errorf("a packet of %d bytes is taken", len(p.Data))
		}
	}
}

func TestPacketBad(t *testing.T) {
	for name, b := range map[string][]byte{
		"0 bytes": append(make([]byte, 8), 0, 0, 0, 0),
		"4 GB":    append(make([]byte, 8), 255, 255, 255, 255),
		"absurd":  {0, 0, 0, 0, 0, 0, 0, 0x7F, 1, 0, 0, 0, 1},
	} {
		if _, _, err := (&packetReader{r: bytes.NewReader(b)}).packet(); !errors.Is(err, errPacket) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzLive gives a decoder any stream of packets. It runs within the fuzzing process: what would end a worker ends that.
func FuzzLive(f *testing.F) {
	names := []Codec{Opus, VP8, VP9, H264, AV1}
	for i, codec := range names {
		var b bytes.Buffer
		w := packetWriter{w: &b}
		for _, p := range packets(f, callTime, liveStreams[codec])[:3] {
			if err := w.packet(p.Time.Sub(callTime), p.Data[:min(len(p.Data), 4096)]); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(byte(i), b.Bytes())
	}
	f.Fuzz(func(t *testing.T, which byte, b []byte) {
		var out bytes.Buffer
		w := bufio.NewWriter(&out)
		err := decodeLive(w, names[int(which)%len(names)], bytes.NewReader(b))
		if err := errors.Join(err, w.Flush()); err != nil {
			return
		}
		r := wireReader{r: io.MultiReader(strings.NewReader(wireMagic), &out), time: newTimeline(Info{}, 0), done: func(uint64) {}}
		if _, err := r.header(); err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := r.block(); errors.Is(err, io.EOF) {
				return
			} else if err != nil {
				t.Fatal(fmt.Errorf("what it writes cannot be read: %w", err))
			}
		}
	})
}
