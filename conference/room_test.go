// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/cmplx"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"

	"github.com/defakepro/defakepro/internal/livekit/livekittest"
	"github.com/defakepro/defakepro/media"
)

// tone measures the frequency of a tone of about f hertz by its phase, block by block against the blocks' times.
type tone struct {
	f          float64
	from       time.Time
	phases, at []float64
}

func (m *tone) add(b media.Block) {
	s := b.Audio
	if m.from.IsZero() {
		m.from = s.Start
	}
	var z complex128
	for i, x := range s.Channels[0] {
		if math.IsNaN(x) {
			return
		}
		z += complex(x, 0) * cmplx.Exp(complex(0, -2*math.Pi*m.f*(s.Start.Sub(m.from).Seconds()+float64(i)/s.Rate)))
	}
	p := cmplx.Phase(z)
	if n := len(m.phases); n > 0 {
		p = m.phases[n-1] + math.Remainder(p-m.phases[n-1], 2*math.Pi)
	}
	m.phases, m.at = append(m.phases, p), append(m.at, s.Start.Sub(m.from).Seconds())
}

// listen adds what a track brings until there are so many blocks.
func (m *tone) listen(t *testing.T, track *Track, blocks int) {
	t.Helper()
	for len(m.phases) < blocks {
		b, err := read(t, track)
		if err != nil {
			t.Fatal(err)
		}
		m.add(b)
	}
}

// result is the frequency by a straight line through the phases, in hertz, and how far they lie from it at most, in radians.
func (m *tone) result() (hz, worst float64) {
	n := float64(len(m.at))
	var sx, sy, sxx, sxy float64
	for i, x := range m.at {
		sx, sy, sxx, sxy = sx+x, sy+m.phases[i], sxx+x*x, sxy+x*m.phases[i]
	}
	slope := (n*sxy - sx*sy) / (n*sxx - sx*sx)
	for i, x := range m.at {
		worst = max(worst, math.Abs(m.phases[i]-(sy-slope*sx)/n-slope*x))
	}
	return m.f + slope/(2*math.Pi), worst
}

func TestTwoParticipants(t *testing.T) {
	s := livekittest.Server(t)
	sound := encode(t, media.Opus, 50, "-f lavfi -i sine=frequency=100:sample_rate=48000:duration=4 -ac 2 -b:a 64k")
	picture := encode(t, media.VP8, 25, "-f lavfi -i testsrc2=size=640x360:rate=25:duration=4 -b:v 600k -g 50")
	sound = sound[:200]
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, id := range []string{"alice", "bob"} {
		p := publish(t, options(s, id), Media{Audio: media.Opus, Video: media.VP8, Width: 640, Height: 360})
		go func() { _ = play(ctx, sound, 4*time.Second, p.WriteAudio) }()
		go func() { _ = play(ctx, picture, 4*time.Second, p.WriteVideo) }()
	}
	r := join(t, options(s, "guard")) // later than the others
	tracks := make(map[string]*Track)
	joined := 0
	await(t, r, "two tracks of each of two", func(e Event) bool {
		if e.Kind == Joined {
			joined++
		}
		if e.Kind == Began {
			tracks[e.Participant.ID+" "+string(e.Track.Kind)] = e.Track
		}
		return len(tracks) == 4
	})
	if joined != 2 {
		t.Errorf("%d have joined", joined)
	}
	m := tone{f: 100}
	m.listen(t, tracks["bob audio"], 300)
	hz, worst := m.result()
	t.Logf("%.6f Hz, at most %.3f rad off", hz, worst)
	if math.Abs(hz-100) > 0.001 {
		t.Errorf("%.6f Hz", hz)
	}
	var last time.Time
	for i := range 50 {
		b, err := read(t, tracks["alice video"])
		if err != nil {
			t.Fatal(err)
		}
		if step := b.Luma.Time.Sub(last); i > 0 && (step-40*time.Millisecond).Abs() > time.Millisecond || b.Luma.Rows != 360 {
			t.Errorf("picture of %d rows after %v", b.Luma.Rows, step)
		}
		last = b.Luma.Time
	}
	if late := time.Since(last); late > 6*time.Second || late < -50*time.Millisecond {
		t.Errorf("the newest picture is %v old", late)
	}
}

// clip is sound and picture of four seconds, played again and again by a publisher until its context ends.
type clip struct{ sound, picture []sample }

func newClip(t testing.TB) clip {
	return clip{
		encode(t, media.Opus, 50, "-f lavfi -i sine=frequency=100:sample_rate=48000:duration=4 -ac 2 -b:a 64k")[:200],
		encode(t, media.VP8, 25, "-f lavfi -i testsrc2=size=320x180:rate=25:duration=4 -b:v 300k -g 25"),
	}
}

// play publishes the clip as id and returns what stops it.
func (c clip) play(t testing.TB, o Options) (*Publisher, context.CancelFunc) {
	p := publish(t, o, Media{Audio: media.Opus, Video: media.VP8, Width: 320, Height: 180})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { _ = play(ctx, c.sound, 4*time.Second, p.WriteAudio) }()
	go func() { _ = play(ctx, c.picture, 4*time.Second, p.WriteVideo) }()
	return p, cancel
}

// began waits for a track.
func began(t testing.TB, r *Room, id string, kind Kind) *Track {
	t.Helper()
	return await(t, r, string(kind)+" of "+id, func(e Event) bool {
		return e.Kind == Began && e.Participant.ID == id && e.Track.Kind == kind
	}).Track
}

// read reads a block, waiting for a minute at most.
func read(t testing.TB, track *Track) (media.Block, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return track.Read(ctx)
}

func TestJoinRefused(t *testing.T) {
	s := livekittest.Server(t)
	good := options(s, "guard")
	for name, test := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"secret":     {func(o *Options) { o.Secret = strings.Repeat("x", 40) }, "refuses the API key"},
		"key":        {func(o *Options) { o.Key = "nobody" }, "refuses the API key"},
		"token":      {func(o *Options) { o.Token = "e30.e30.e30" }, "refuses the API key or token"},
		"scheme":     {func(o *Options) { o.URL = "ftp://x" }, "must be like ws://host:port"},
		"no URL":     {func(o *Options) { o.URL = "" }, "must be like ws://host:port"},
		"no room":    {func(o *Options) { o.Room = "" }, "no room is named"},
		"no key":     {func(o *Options) { o.Key = "" }, "neither an API key"},
		"bad height": {func(o *Options) { o.Height = -1 }, "height of -1"},
	} {
		o := good
		test.change(&o)
		from := time.Now()
		r, err := Join(t.Context(), o)
		if err == nil {
			_ = r.Close()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), o.Secret) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
		if d := time.Since(from); d > 10*time.Second {
			t.Errorf("%s: after %v", name, d)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Join(ctx, good); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestJoinLater: what may come to be there is no error, and why it is not there yet is told without what a URL may hold.
func TestJoinLater(t *testing.T) {
	s := livekittest.Server(t)
	for name, test := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"address": {func(o *Options) { o.URL = "ws://user:password@127.0.0.1:1?key=hidden" }, "ws://127.0.0.1:1 cannot be reached"},
		"name":    {func(o *Options) { o.URL = "wss://livekit.invalid" }, "wss://livekit.invalid cannot be reached"},
		"path":    {func(o *Options) { o.URL += "/elsewhere" }, "is no LiveKit server"},
	} {
		o := options(s, "guard")
		test.change(&o)
		e := await(t, join(t, o), name, func(Event) bool { return true })
		if e.Kind != Lost || e.Err == nil || !strings.Contains(e.Err.Error(), test.want) || strings.Contains(e.Err.Error(), "password") || strings.Contains(e.Err.Error(), "hidden") {
			t.Errorf("%s: %s, %v, want %q", name, e.Kind, e.Err, test.want)
		}
	}
	// A server that is down when the guard begins is joined when it is up.
	s.Kill()
	r := join(t, options(s, "guard"))
	await(t, r, "there is no server", func(e Event) bool { return e.Kind == Lost })
	if err := s.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, r, "there is one", func(e Event) bool { return e.Kind == Entered })
}

// TestLoseTellsWhy: why the room is not joined is told when it is another reason, and once.
func TestLoseTellsWhy(t *testing.T) {
	o, err := Options{URL: "ws://127.0.0.1:1", Key: "k", Secret: "s", Room: "room"}.prepare()
	if err != nil {
		t.Fatal(err)
	}
	r := &Room{options: o, log: o.Log, events: newEvents()}
	r.enter()
	for _, why := range []error{errBroken, errBroken, absence("nobody answers"), absence("nobody answers"), errBroken} {
		r.lose(why)
	}
	r.enter()
	r.lose(errBroken)
	r.events.end()
	var got []string
	for e := range r.Events(t.Context()) {
		got = append(got, fmt.Sprint(e.Kind, " ", e.Err))
	}
	want := []string{
		"entered <nil>", "lost " + errBroken.Error(), "lost conference: nobody answers", "lost " + errBroken.Error(), "entered <nil>", "lost " + errBroken.Error(),
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestMute: muting is a gap in a track of sound, and what follows is at its time; the phase of a tone shows it.
func TestMute(t *testing.T) {
	s := livekittest.Server(t)
	c := newClip(t)
	p := publish(t, options(s, "alice"), Media{Audio: media.Opus})
	r := join(t, options(s, "guard"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var muted atomic.Bool
	go func() {
		_ = play(ctx, c.sound, 4*time.Second, func(b []byte, at time.Duration) error {
			if muted.Load() {
				return nil
			}
			return p.WriteAudio(b, at)
		})
	}()
	track := began(t, r, "alice", Audio)
	m := tone{f: 100}
	m.listen(t, track, 150)
	muted.Store(true)
	if err := p.Mute(Audio, true); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(3*time.Second, func() {
		_ = p.Mute(Audio, false)
		muted.Store(false)
	})
	m.listen(t, track, 400)
	longest := 0.0
	for i := 1; i < len(m.at); i++ {
		longest = max(longest, m.at[i]-m.at[i-1])
	}
	hz, worst := m.result()
	t.Logf("%.6f Hz, at most %.3f rad off, a gap of %.2f s", hz, worst, longest)
	if longest < 2.5 || worst > 0.3 {
		t.Errorf("%.6f Hz, at most %.3f rad off, a gap of %.2f s", hz, worst, longest)
	}
}

// TestLeave: tracks of whoever leaves end.
func TestLeave(t *testing.T) {
	s := livekittest.Server(t)
	c := newClip(t)
	r := join(t, options(s, "guard"))
	p, stop := c.play(t, options(s, "alice"))
	defer stop()
	track := began(t, r, "alice", Video)
	_ = p.Close() // always nil
	await(t, r, "alice leaves", func(e Event) bool { return e.Kind == Left && e.Participant.ID == "alice" })
	for {
		if _, err := read(t, track); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := read(t, track); !errors.Is(err, io.EOF) {
		t.Errorf("once more: %v", err)
	}
}

// TestServerRestart: a server that is killed and comes back finds the guard there again, and all tracks begin anew.
func TestServerRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	s := livekittest.Server(t)
	c := newClip(t)
	_, stop := c.play(t, options(s, "alice"))
	r := join(t, options(s, "guard"))
	track := began(t, r, "alice", Audio)
	stop()
	s.Kill()
	await(t, r, "the connection is lost", func(e Event) bool { return e.Kind == Lost && e.Err != nil })
	if err := s.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, r, "the room is joined again", func(e Event) bool { return e.Kind == Entered })
	for {
		if _, err := read(t, track); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	_, stop = c.play(t, options(s, "bob"))
	defer stop()
	again := began(t, r, "bob", Audio)
	if b, err := read(t, again); err != nil || b.Audio == nil {
		t.Error(err)
	}
}

// TestExpelled: who joins under the identity of a guard with a token puts it out for good, for the token is for that identity.
func TestExpelled(t *testing.T) {
	s := livekittest.Server(t)
	o := options(s, "guard")
	token, err := o.token(false)
	if err != nil {
		t.Fatal(err)
	}
	r := join(t, Options{URL: o.URL, Room: o.Room, Token: token})
	join(t, o)
	e := await(t, r, "the end", func(e Event) bool { return e.Kind == Ended })
	if !errors.Is(e.Err, errExpelled) {
		t.Error(e.Err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for e := range r.Events(ctx) {
		t.Errorf("after the end: %v", e)
	}
	if ctx.Err() != nil {
		t.Error("events do not end")
	}
}

// TestSameIdentity: who joins under the identity of a guard with a key does not keep it out. It comes back under another.
func TestSameIdentity(t *testing.T) {
	s := livekittest.Server(t)
	r := join(t, options(s, "guard"))
	p := publish(t, options(s, "guard"), Media{Audio: media.Opus})
	e := await(t, r, "it is put out", func(e Event) bool { return e.Kind == Lost || e.Kind == Ended })
	if !errors.Is(e.Err, errDouble) {
		t.Error(e.Err)
	}
	await(t, r, "it is back", func(e Event) bool { return e.Kind == Entered })
	await(t, r, "it sees who came", func(e Event) bool { return e.Kind == Joined && e.Participant.ID == "guard" })
	if err := p.Mute(Audio, true); err != nil { // who came is not put out either
		t.Error(err)
	}
}

// TestLayers: of a picture in several layers the one asked for comes; when it ceases, the track ends, and another begins with the layer that is left.
func TestLayers(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	s := livekittest.Server(t)
	low := encode(t, media.VP8, 25, "-f lavfi -i testsrc2=size=320x180:rate=25:duration=4 -b:v 200k -g 25")
	high := encode(t, media.VP8, 25, "-f lavfi -i testsrc2=size=1280x720:rate=25:duration=4 -b:v 1200k -g 25")
	p := publish(t, options(s, "alice"), Media{})
	lk := func(quality livekit.VideoQuality, w, h uint32) *lksdk.LocalTrack {
		track, err := lksdk.NewLocalTrack(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90_000},
			lksdk.WithSimulcast("camera", &livekit.VideoLayer{Quality: quality, Width: w, Height: h}))
		if err != nil {
			t.Fatal(err)
		}
		return track
	}
	tracks := []*lksdk.LocalTrack{lk(livekit.VideoQuality_LOW, 320, 180), lk(livekit.VideoQuality_HIGH, 1280, 720)}
	if _, err := p.lk.LocalParticipant.PublishSimulcastTrack(tracks, &lksdk.TrackPublicationOptions{Name: "camera"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	highCtx, highCancel := context.WithCancel(ctx)
	defer highCancel()
	for i, layer := range [][]sample{low, high} {
		send := newSender(tracks[i], &codecs.VP8Payloader{EnablePictureID: true}, 90_000)
		until := []context.Context{ctx, highCtx}[i]
		go func() { _ = play(until, layer, 4*time.Second, send.write) }()
	}
	o := options(s, "small")
	o.Height = 180
	withRows(t, join(t, o), 180)
	r := join(t, options(s, "guard"))
	track := withRows(t, r, 720)
	highCancel()
	for {
		b, err := read(t, track)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || b.Luma.Rows != 720 {
			t.Fatalf("%d rows, %v", b.Luma.Rows, err)
		}
	}
	withRows(t, r, 180)
}

// withRows reads alice's pictures until they have so many rows, for the server may begin with another layer, and not have done with it yet.
func withRows(t *testing.T, r *Room, want int) *Track {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		track := began(t, r, "alice", Video)
		for {
			b, err := read(t, track)
			if err == nil && b.Luma.Rows == want {
				return track
			}
			if time.Now().After(end) || err != nil && !errors.Is(err, io.EOF) {
				t.Fatalf("no picture of %d rows comes (%v)", want, err)
			}
			if err != nil {
				break // another track begins
			}
		}
	}
}

// TestComing: a hundred people who come and go leave nothing behind, and one of them has a name of a megabyte.
func TestComing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	s := livekittest.Server(t)
	c := newClip(t)
	r := join(t, options(s, "guard"))
	before := runtime.NumGoroutine()
	const people, at = 100, 5
	seen := make(map[string]chan struct{})
	for i := range people {
		seen[fmt.Sprintf("p%02d", i)] = make(chan struct{})
	}
	var group sync.WaitGroup
	for lane := range at {
		group.Go(func() {
			for i := lane; i < people; i += at {
				o := options(s, fmt.Sprintf("p%02d", i))
				if i == 7 {
					o.Name = strings.Repeat("ü", 1<<12)
				}
				p, err := Publish(t.Context(), o, Media{Audio: media.Opus})
				if err != nil {
					t.Error(err)
					return
				}
				for _, x := range c.sound[:75] { // at once
					_ = p.WriteAudio(x.data, x.at)
				}
				select {
				case <-seen[o.Identity]:
				case <-time.After(time.Minute):
					t.Errorf("nobody tells of %s", o.Identity)
				}
				_ = p.Close() // always nil
			}
		})
	}
	joined := make(map[string]bool)
	group.Go(func() {
		for range people {
			await(t, r, "somebody leaves", func(e Event) bool {
				if len(e.Participant.Name) > longest {
					t.Errorf("a name of %d bytes", len(e.Participant.Name))
				}
				if e.Kind == Joined && !joined[e.Participant.ID] { // again after a connection that was lost
					joined[e.Participant.ID] = true
					close(seen[e.Participant.ID])
				}
				return e.Kind == Left
			})
		}
	})
	group.Wait()
	within(t, "tracks end", func() bool { return len(r.slots) == 0 })
	within(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before+10 })
	_ = r.Close()                                                     // always nil
	within(t, "workers end", func() bool { return children(t) == 1 }) // the server
}

// within waits for a condition.
func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("waited in vain for: %s\n%s", what, buf[:runtime.Stack(buf, true)])
		}
	}
}

// children counts the processes that this one has started and that still run.
func children(t *testing.T) int {
	t.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(lists) == 0 {
		t.Skip("no /proc")
	}
	n := 0
	for _, list := range lists {
		b, err := os.ReadFile(list)
		if err == nil {
			n += len(strings.Fields(string(b)))
		}
	}
	return n
}
