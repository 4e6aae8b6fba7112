// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4/pkg/media/h264reader"
	"github.com/pion/webrtc/v4/pkg/media/ivfreader"
	"github.com/pion/webrtc/v4/pkg/media/oggreader"

	"github.com/defakepro/defakepro/internal/livekit"
	"github.com/defakepro/defakepro/media"
)

func TestMain(m *testing.M) {
	media.WorkerMain()
	os.Exit(m.Run())
}

// sample is one Opus packet or one frame, and when it is.
type sample struct {
	at   time.Duration
	data []byte
}

// encode runs ffmpeg and returns the packets of what it makes, at the given rate a second, or skips the test where it is absent.
func encode(t testing.TB, codec media.Codec, rate float64, args string) []sample {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skipf("needs the ffmpeg program: %v", err)
	}
	how := map[media.Codec]string{
		media.Opus: "-c:a libopus -application audio -frame_duration 20 -page_duration 20000 -f ogg",
		media.VP8:  "-pix_fmt yuv420p -c:v libvpx -deadline realtime -cpu-used 8 -lag-in-frames 0 -auto-alt-ref 0 -f ivf",
		media.VP9:  "-pix_fmt yuv420p -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -lag-in-frames 0 -f ivf",
		media.AV1:  "-pix_fmt yuv420p -c:v libaom-av1 -usage realtime -cpu-used 8 -lag-in-frames 0 -f ivf",
		media.H264: "-pix_fmt yuv420p -c:v libx264 -tune zerolatency -preset ultrafast -profile:v baseline -x264-params aud=1 -f h264",
	}
	var out, log bytes.Buffer
	cmd := exec.Command("ffmpeg", strings.Fields("-v error -nostdin "+args+" "+how[codec]+" pipe:1")...)
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, log.String())
	}
	var all []sample
	next := func(data []byte) {
		all = append(all, sample{time.Duration(float64(len(all)) / rate * 1e9), data})
	}
	var err error
	switch codec {
	case media.Opus:
		err = readOgg(&out, next)
	case media.H264:
		err = readH264(&out, next)
	default:
		err = readIVF(&out, next)
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func readOgg(r io.Reader, next func([]byte)) error {
	o, _, err := oggreader.NewWith(r)
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		page, _, err := o.ParseNextPage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if i > 0 { // the first has the tags
			next(page)
		}
	}
}

func readIVF(r io.Reader, next func([]byte)) error {
	v, _, err := ivfreader.NewWith(r)
	if err != nil {
		return err
	}
	for {
		f, _, err := v.ParseNextFrame()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		next(f)
	}
}

// readH264 takes frames apart at their access unit delimiters.
func readH264(r io.Reader, next func([]byte)) error {
	h, err := h264reader.NewReader(r)
	if err != nil {
		return err
	}
	var frame []byte
	for {
		n, err := h.NextNAL()
		if n != nil && n.UnitType == h264reader.NalUnitTypeAUD || err != nil {
			if len(frame) > 0 {
				next(frame)
			}
			frame = nil
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		frame = append(append(frame, 0, 0, 0, 1), n.Data...)
	}
}

// options join a room of a server.
func options(s *livekit.Server, identity string) Options {
	return Options{URL: s.URL, Key: s.Key, Secret: s.Secret, Room: "room", Identity: identity, Name: "Name of " + identity}
}

// join joins for the length of a test.
func join(t testing.TB, o Options) *Room {
	t.Helper()
	r, err := Join(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// publish publishes for the length of a test.
func publish(t testing.TB, o Options, m Media) *Publisher {
	t.Helper()
	p, err := Publish(t.Context(), o, m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// play sends samples at their times, again and again, until ctx ends; at counts on from one round to the next.
func play(ctx context.Context, samples []sample, length time.Duration, write func([]byte, time.Duration) error) error {
	began := time.Now()
	for round := 0; ; round++ {
		for _, s := range samples {
			at := s.at + time.Duration(round)*length
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(time.Until(began.Add(at))):
			}
			if err := write(s.data, at); err != nil {
				return fmt.Errorf("at %v: %w", at, err)
			}
		}
	}
}

// await reads events until one is as wanted.
func await(t testing.TB, r *Room, what string, wanted func(Event) bool) Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for e := range r.Events(ctx) {
		if testing.Verbose() {
			t.Logf("%s %s %v %v", e.Kind, e.Participant.ID, e.Track, e.Err)
		}
		if wanted(e) {
			return e
		}
	}
	t.Errorf("waited in vain for: %s", what) // not Fatal, which is for the test's own goroutine
	return Event{Track: &Track{err: io.EOF}}
}
