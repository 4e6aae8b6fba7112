// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/media"
	"github.com/defakepro/defakepro/sim"
)

func ExampleRecording_Stream() {
	// Four people on one grid; the third turns deepfake after a minute.
	mains := sim.NewMains(7, enf.Grid60, time.Now().Truncate(time.Second))
	people := sim.Meeting(1, mains, 4)
	people[2].Attacks = []sim.Attack{{Kind: sim.Replace, From: time.Minute}}

	s, err := people[2].Stream(context.Background(), sim.StreamOptions{})
	if err != nil {
		fmt.Println(err) // there is no ffmpeg
		return
	}
	defer s.Close() //nolint:errcheck // always nil
	for p, err := range s.Video() {
		fmt.Println(p.Time, len(p.Data) > 0, p.Key, err) // here it would be published
		break
	}
}

// call is somebody in a call, in a picture small enough for tests.
func call(seed uint64) sim.Recording {
	return sim.Recording{
		Seed: seed, Grid: enf.Grid60, Audio: &sim.Audio{},
		Video: &sim.Video{Width: 320, Height: 180, FPS: 25, Readout: 0.032, Flicker: 0.03, Exposure: 0.002, Motion: true},
	}
}

// Every codec gives a packet for each frame, with its time, and key frames every two seconds.
func TestStreamPackets(t *testing.T) {
	needFFmpeg(t)
	const seconds = 5
	for _, codec := range []string{"", "vp8", "vp9", "h264"} {
		t.Run("codec "+codec, func(t *testing.T) {
			r := call(1)
			r.Duration, r.Video.Codec = seconds*time.Second, codec
			s, err := r.Stream(t.Context(), sim.StreamOptions{Unpaced: true})
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for p, err := range s.Audio() {
				if err != nil {
					t.Fatal(err)
				}
				if want := time.Duration(n) * 20 * time.Millisecond; p.Time != want || !p.Key || len(p.Data) < 3 {
					t.Fatalf("packet of %d bytes at %v, want one at %v", len(p.Data), p.Time, want)
				}
				n++
			}
			if n != 50*seconds {
				t.Errorf("%d packets of sound, want %d", n, 50*seconds)
			}
			n = 0
			for p, err := range s.Video() {
				if err != nil {
					t.Fatal(err)
				}
				if want := time.Duration(n) * 40 * time.Millisecond; p.Time != want || p.Key != (n%50 == 0) || len(p.Data) < 3 {
					t.Fatalf("frame of %d bytes at %v, key %v, want one at %v", len(p.Data), p.Time, p.Key, want)
				}
				n++
			}
			if n != 25*seconds {
				t.Errorf("%d frames, want %d", n, 25*seconds)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A renderer that stands still for two seconds now and then drops them, says so, and is on time again: what it renders afterwards is
// what the grid does then.
func TestStreamFallsBehind(t *testing.T) {
	needFFmpeg(t)
	const seconds, every = 100, 20
	start := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
	r := sim.Recording{Seed: 2, Grid: enf.Grid60, Mains: sim.NewMains(2, enf.Grid60, start), Start: start, Duration: seconds * time.Second, Audio: &sim.Audio{CN0: 50}}
	// The renderer asks for the time twice when it begins and twice for each packet: this clock runs along with it, so that it never waits.
	asked := 0
	clock := func() time.Time {
		asked++
		frames := time.Duration(max(0, asked-2)+1) / 2
		jumps := time.Duration(min(asked/3, 1) + asked/(100*every))
		return start.Add(frames*20*time.Millisecond + jumps*2*time.Second)
	}
	var log bytes.Buffer
	s, err := r.Stream(t.Context(), sim.StreamOptions{Now: clock, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	e := enf.NewAudio(enf.Options{Grid: enf.Grid60})
	var last time.Time
	gaps := 0
	for b := range receive(t, media.Opus, s.Start(), s.Audio()) {
		if d := b.Audio.Start.Sub(last); !last.IsZero() && d > 20*time.Millisecond {
			gaps++
			if d < 1900*time.Millisecond || d > 2100*time.Millisecond {
				t.Errorf("a gap of %v, want two seconds", d)
			}
		}
		last = b.Audio.Start
		if err := e.Write(*b.Audio); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	dropped, _ := s.Dropped()
	if want := seconds/every - 1; gaps != want || dropped < 100*int64(want) {
		t.Errorf("%d gaps, %d packets dropped, want %d gaps of two seconds", gaps, dropped, want)
	}
	if n := strings.Count(log.String(), "fell behind"); n != gaps+1 { // the first before the first packet
		t.Errorf("%d lines on %d gaps: %s", n, gaps, &log)
	}
	truth, err := r.Truth()
	if err != nil {
		t.Fatal(err)
	}
	if rmse, _, n := compare(e.Close().Series, truth, 5, seconds-5); !(rmse < 3e-3) || n < seconds/2 {
		t.Errorf("RMSE %.2f mHz over %d s", 1e3*rmse, n)
	}
}

// Who starts late is in the midst of the recording, and has dropped nothing.
func TestStreamJoinsLate(t *testing.T) {
	needFFmpeg(t)
	now := time.Now()
	r := call(3)
	r.Mains, r.Start = sim.NewMains(3, enf.Grid60, now.Add(-3*time.Hour)), now.Add(-30*time.Minute)
	s, err := r.Stream(t.Context(), sim.StreamOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for p, err := range s.Video() { // nobody listens to the sound
		if err != nil {
			t.Fatal(err)
		}
		if d := p.Time - 30*time.Minute; d < 0 || d > time.Minute || !p.Key {
			t.Errorf("first frame at %v, key %v, want a key frame at half an hour", p.Time, p.Key)
		}
		break
	}
	if _, v := s.Dropped(); v > 1500 { // a busy machine drops some; half an hour has 45000
		t.Errorf("%d frames dropped", v)
	}
	if d := s.Recording().Duration; d != 24*time.Hour {
		t.Errorf("duration %v, want a day", d)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestStreamEndsWithContext(t *testing.T) {
	needFFmpeg(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s, err := call(4).Stream(ctx, sim.StreamOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var end error
	for _, err := range s.Audio() {
		cancel()
		end = err
	}
	if !errors.Is(end, context.Canceled) {
		t.Errorf("error %v, want the context's", end)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A stream that cuts something out is late by that much from its beginning, and lasts as long as it says.
func TestStreamWithCut(t *testing.T) {
	needFFmpeg(t)
	now := time.Now()
	r := call(5)
	r.Mains, r.Duration = sim.NewMains(5, enf.Grid60, now.Add(-time.Minute)), time.Minute
	r.Attacks = []sim.Attack{{Kind: sim.Cut, From: 30 * time.Second, To: 42 * time.Second}}
	s, err := r.Stream(t.Context(), sim.StreamOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // always nil
	if got := s.Start().Sub(s.Recording().Start); got != 12*time.Second {
		t.Errorf("the stream is %v late, want 12 s", got)
	}
	if d := s.Start().Sub(now); d < 0 || d > 5*time.Second {
		t.Errorf("it begins %v from now", d)
	}
}

func TestBadStreams(t *testing.T) {
	needFFmpeg(t)
	now := time.Now()
	for name, r := range map[string]sim.Recording{
		"nothing":      {},
		"rate":         {Audio: &sim.Audio{Rate: 44100}},
		"codec":        {Video: &sim.Video{Codec: "av1"}},
		"face unseen":  {Video: &sim.Video{}, Attacks: []sim.Attack{{Kind: sim.Face}}},
		"face heard":   {Video: &sim.Video{Motion: true}, Attacks: []sim.Attack{{Kind: sim.Face, Only: enf.SourceAudio}}},
		"endless cut":  {Audio: &sim.Audio{}, Attacks: []sim.Attack{{Kind: sim.Cut}}},
		"no clock":     {Audio: &sim.Audio{}, Start: now},
		"grid is over": {Audio: &sim.Audio{}, Mains: sim.NewMains(1, enf.Grid60, now.Add(-8*24*time.Hour))},
		"not yet":      {Audio: &sim.Audio{}, Mains: sim.NewMains(1, enf.Grid60, now), Start: now.Add(-48 * time.Hour)},
	} {
		if s, err := r.Stream(t.Context(), sim.StreamOptions{}); err == nil {
			t.Errorf("%s: no error", name)
			_ = s.Close()
		}
	}
}

func TestMeeting(t *testing.T) {
	mains := sim.NewMains(1, enf.Grid50, time.Now())
	people := sim.Meeting(1, mains, 4)
	seeds := map[uint64]bool{}
	for _, r := range people {
		seeds[r.Seed] = true
		r.Duration = time.Minute
		if _, err := r.Truth(); err != nil || r.Mains != mains || math.Abs(r.Audio.PPM) > 40 || math.Abs(r.Video.PPM) > 40 {
			t.Errorf("%+v %+v: %v", r.Audio, r.Video, err)
		}
	}
	if len(seeds) != 4 || *people[0].Video == *people[1].Video {
		t.Error("participants are alike")
	}
	if again := sim.Meeting(1, mains, 2); *again[1].Video != *people[1].Video {
		t.Error("one seed gave two meetings")
	}
}

// Who joins a call late can decode from the next key frame on.
func TestStreamDecodesFromKeyFrames(t *testing.T) {
	needFFmpeg(t)
	for _, codec := range []media.Codec{media.VP8, media.VP9, media.H264} {
		t.Run(string(codec), func(t *testing.T) {
			if testing.Short() && codec == media.VP9 {
				t.Skip("slow, and like VP8")
			}
			r := call(6)
			r.Duration, r.Video.Codec = 4*time.Second, string(codec)
			s, err := r.Stream(t.Context(), sim.StreamOptions{Unpaced: true})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close() //nolint:errcheck // always nil
			joined, packets, pictures := false, 0, 0
			late := func(yield func(sim.Packet, error) bool) {
				for p, err := range s.Video() {
					if joined = joined || err != nil || p.Time > time.Second && p.Key; joined {
						packets++
						if !yield(p, err) {
							return
						}
					}
				}
			}
			for b := range receive(t, codec, s.Start(), late) {
				if b.Luma != nil && b.Luma.Rows > 0 {
					pictures++
				}
			}
			if packets != 50 || pictures != packets {
				t.Errorf("%d pictures of %d frames, want 50", pictures, packets)
			}
		})
	}
}

// Two channels at 64 kb/s are CELT throughout, in packets of 20 ms: nothing of a speech codec touches the hum (RFC 6716, 3.1).
func TestStreamInStereo(t *testing.T) {
	needFFmpeg(t)
	r := call(7)
	r.Video, r.Audio.Stereo, r.Duration = nil, true, 10*time.Second
	s, err := r.Stream(t.Context(), sim.StreamOptions{Unpaced: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // always nil
	for p, err := range s.Audio() {
		if err != nil {
			t.Fatal(err)
		}
		if toc := p.Data[0]; toc>>3 < 16 || toc>>3&3 != 3 || toc&4 == 0 || toc&3 != 0 {
			t.Fatalf("packet at %v begins with %#x", p.Time, toc)
		}
	}
}
