// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference

import (
	"context"
	"errors"
	"math"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"

	"github.com/defakepro/defakepro/internal/livekit/livekittest"
	"github.com/defakepro/defakepro/media"
)

// TestCameras: of a participant's cameras each is followed under a number of its own, and more than can be followed is
// told until there is one less.
func TestCameras(t *testing.T) {
	s := livekittest.Server(t)
	picture := encode(t, media.VP8, 25, "-f lavfi -i testsrc2=size=320x180:rate=25:duration=4 -b:v 300k -g 25")
	r := join(t, options(s, "guard"))
	p := publish(t, options(s, "alice"), Media{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	numbers := make(map[int]bool)
	for range tracksEach {
		camera, err := p.send(media.VP8, &lksdk.TrackPublicationOptions{Name: "camera", Source: livekit.TrackSource_CAMERA, VideoWidth: 320, VideoHeight: 180})
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = play(ctx, picture, 4*time.Second, camera.write) }()
		track := began(t, r, "alice", Video)
		if b, err := read(t, track); err != nil || b.Luma == nil {
			t.Error(err)
		}
		numbers[track.Number()] = true
	}
	if len(numbers) != tracksEach {
		t.Errorf("the numbers are %v", numbers)
	}
	last, err := p.send(media.VP8, &lksdk.TrackPublicationOptions{Name: "camera", Source: livekit.TrackSource_CAMERA, VideoWidth: 320, VideoHeight: 180})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = play(ctx, picture, 4*time.Second, last.write) }()
	e := await(t, r, "there are too many", func(e Event) bool { return e.Kind == Unreadable })
	if e.Participant.ID != "alice" || e.Of != Video || !errors.Is(e.Err, errMany) {
		t.Errorf("%+v", e)
	}
	last.pub.SetMuted(true)
	if e := await(t, r, "there are not", func(e Event) bool { return e.Kind == Unreadable }); e.Err != nil {
		t.Error(e.Err)
	}
}

// TestFullRoom: a track for which there is no room is followed as soon as there is.
func TestFullRoom(t *testing.T) {
	s := livekittest.Server(t)
	picture := encode(t, media.VP8, 25, "-f lavfi -i testsrc2=size=320x180:rate=25:duration=4 -b:v 300k -g 25")
	r := join(t, options(s, "guard"))
	for range tracksMost {
		r.slots <- struct{}{}
	}
	p := publish(t, options(s, "alice"), Media{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	camera, err := p.send(media.VP8, &lksdk.TrackPublicationOptions{Name: "camera", Source: livekit.TrackSource_CAMERA, VideoWidth: 320, VideoHeight: 180})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for play(ctx, picture, 4*time.Second, camera.write) == nil && ctx.Err() == nil {
		}
	}()
	if e := await(t, r, "there is no room", func(e Event) bool { return e.Kind == Unreadable }); !errors.Is(e.Err, errTooMany) {
		t.Errorf("%+v", e)
	}
	<-r.slots
	if b, err := read(t, began(t, r, "alice", Video)); err != nil || b.Luma == nil {
		t.Error(err)
	}
	for range tracksMost - 1 {
		<-r.slots
	}
}

// TestFlood: somebody who sends ten times the bits of a good camera costs the others nothing and does not fill the memory.
func TestFlood(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	s := livekittest.Server(t)
	c := newClip(t)
	flood := encode(t, media.VP8, 25, "-f lavfi -i testsrc2=size=1280x720:rate=25:duration=4,noise=alls=60:allf=t -b:v 17M -minrate 17M -maxrate 17M -bufsize 17M -g 25")
	size := 0
	for _, f := range flood {
		size += len(f.data)
	}
	if rate := 8 * size / 4; rate < 12e6 {
		t.Fatalf("%d bit/s is no flood", rate)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := join(t, options(s, "guard"))
	_, stop := c.play(t, options(s, "alice"))
	defer stop()
	sound := began(t, r, "alice", Audio)
	mallory := publish(t, options(s, "mallory"), Media{Video: media.VP8, Width: 1280, Height: 720})
	go func() { _ = play(ctx, flood, 4*time.Second, mallory.WriteVideo) }()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var seen atomic.Int32
	go func() { // of so much the network may lose most, so that no picture need come
		for e := range r.Events(ctx) {
			if e.Kind != Began || e.Participant.ID != "mallory" {
				continue
			}
			go func() {
				for _, err := e.Track.Read(ctx); err == nil; _, err = e.Track.Read(ctx) {
					seen.Add(1)
				}
			}()
		}
	}()
	m := tone{f: 100}
	m.listen(t, sound, 500)
	if hz, worst := m.result(); math.Abs(hz-100) > 0.001 || worst > 0.3 {
		t.Errorf("alice's tone is %.6f Hz, at most %.3f rad off", hz, worst)
	}
	t.Logf("%d pictures of mallory", seen.Load())
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 64<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
}
