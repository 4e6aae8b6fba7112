// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/livekit/protocol/auth"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
	"github.com/defakepro/defakepro/internal/livekit/livekittest"
	"github.com/defakepro/defakepro/sim"
)

// page joins a room and publishes camera and microphone as the joining page does.
const page = `<!doctype html><script src="/livekit-client.js"></script><script type="module">
const q = new URLSearchParams(location.search), fps = Number(q.get("fps"));
const room = new LivekitClient.Room({ publishDefaults: { dtx: false, red: false, forceStereo: true, simulcast: false, videoCodec: "vp8",
	audioPreset: { maxBitrate: 64000 }, videoEncoding: { maxBitrate: 1700000, maxFramerate: fps } } });
await room.connect(q.get("url"), q.get("token"));
await room.localParticipant.setMicrophoneEnabled(true, { noiseSuppression: false, echoCancellation: true, autoGainControl: true, channelCount: 2 });
await room.localParticipant.setCameraEnabled(true, { resolution: { width: Number(q.get("width")), height: Number(q.get("height")), frameRate: fps } });
</script>`

// browser is a participant in Chromium.
type browser struct {
	name          string
	width, height int
	fps           float64
	mains         *enftest.Grid
}

// TestChromium holds that the grid's frequency comes from the files that two browsers take for microphones, through their encoders and a
// server, to the guard, and the pictures of those that they take for cameras.
func TestChromium(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skipf("needs Chromium: %v", err)
	}
	script, err := filepath.Abs(filepath.Join("..", "dashboard", "static", "vendor", "livekit-client.js"))
	if _, err2 := os.Stat(script); err != nil || err2 != nil {
		t.Skip("needs LiveKit's client for browsers, which comes with the dashboard")
	}
	const length = 75 * time.Second
	s := livekittest.Server(t)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(page)) })
	mux.HandleFunc("GET /livekit-client.js", func(w http.ResponseWriter, q *http.Request) { http.ServeFile(w, q, script) })
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	r := join(t, options(s, "guard"))
	browsers := map[string]browser{
		"a": {"360p, 25 fps", 640, 360, 25, sim.NewMains(11, enf.Grid60, start)},
		"b": {"360p, 30 fps", 640, 360, 30, sim.NewMains(12, enf.Grid60, start)},
	}
	for id, b := range browsers {
		token, err := auth.NewAccessToken(s.Key, s.Secret).SetIdentity(id).SetVideoGrant(&auth.VideoGrant{RoomJoin: true, Room: "room"}).ToJWT()
		if err != nil {
			t.Fatal(err)
		}
		b.run(t, program, web.URL, url.Values{"url": {s.URL}, "token": {token}}, length)
	}
	var group sync.WaitGroup
	tracks := 0
	await(t, r, "sound and picture of both", func(e Event) bool {
		if e.Kind == Began {
			tracks++
			group.Go(func() { browsers[e.Participant.ID].check(t, e.Track, length) })
		}
		return tracks == 2*len(browsers)
	})
	group.Wait()
}

// run starts a browser on files that are rendered for it.
func (b browser) run(t *testing.T, program, page string, q url.Values, length time.Duration) {
	t.Helper()
	dir := t.TempDir()
	recording := sim.Recording{Seed: uint64(b.fps), Duration: length, Mains: b.mains, Start: start, Grid: enf.Grid60}
	sound, picture := filepath.Join(dir, "a.wav"), filepath.Join(dir, "a.y4m")
	recording.Audio = &sim.Audio{CN0: 50}
	if err := recording.Render(t.Context(), sound); err != nil {
		t.Fatal(err)
	}
	recording.Audio = nil
	recording.Video = &sim.Video{Width: b.width, Height: b.height, FPS: b.fps, Readout: 0.75 / b.fps, Exposure: 1. / 400, Flicker: 0.03, Motion: true}
	if err := recording.Render(t.Context(), picture); err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]float64{"fps": b.fps, "width": float64(b.width), "height": float64(b.height)} {
		q.Set(name, fmt.Sprint(x))
	}
	cmd := exec.CommandContext(t.Context(), program, "--headless=new", "--no-sandbox", "--disable-gpu", "--user-data-dir="+filepath.Join(dir, "profile"),
		"--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--autoplay-policy=no-user-gesture-required", "--allow-loopback-in-peer-connection",
		"--disable-features=WebRtcHideLocalIpsWithMdns", "--use-file-for-fake-audio-capture="+sound+"%noloop", "--use-file-for-fake-video-capture="+picture, page+"/?"+q.Encode())
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// check follows a track for most of a file's length and holds its series against the grid, wherever in the file it began.
func (b browser) check(t *testing.T, track *Track, length time.Duration) {
	audio, video := enf.NewAudio(enf.Options{Grid: enf.Grid60, Live: true}), enf.NewVideo(enf.Options{Grid: enf.Grid60, Live: true})
	var from time.Time
	blocks, span := 0, time.Duration(0)
	for at := from; from.IsZero() || at.Sub(from) < length-12*time.Second; {
		block, err := track.Read(t.Context())
		switch {
		case err != nil:
			t.Errorf("%s, %s: after %v: %v", b.name, track.Kind, at.Sub(from), err)
			return
		case block.Audio != nil:
			at, err = block.Audio.Start, audio.Write(*block.Audio)
		default:
			at, err = block.Luma.Time, video.Write(*block.Luma)
		}
		if err != nil {
			t.Error(err)
			return
		}
		if from.IsZero() {
			from = at
		}
		blocks, span = blocks+1, at.Sub(from)
	}
	est := audio.Close()
	if track.Kind == Video {
		est = video.Close()
	}
	best := score{rmse: math.Inf(1)}
	lag := 0.0
	for d := 0.0; d <= 15; d += 0.1 { // the file began up to so long before the track
		if got := compare(est.Series, b.mains, from.Add(-time.Duration(d*1e9)), length); got.rmse < best.rmse {
			best, lag = got, d
		}
	}
	rate := float64(blocks-1) / span.Seconds()
	t.Logf("%s, %s: %v; %.1f s into the file; %.2f blocks/s", b.name, track.Kind, best, lag, rate)
	if track.Kind == Video {
		// A browser's camera that is a file takes its pictures one by one, by a timer of its own, whatever their time: the flicker in them is
		// not that of the moment, and is only told. That they come is what is held here.
		if rate < b.fps/2 {
			t.Errorf("%s: %.2f pictures a second", b.name, rate)
		}
		return
	}
	if !(best.rmse < 0.003) || best.share < 0.5 || math.Abs(best.offset) > 0.002 {
		t.Errorf("%s, %s: %v", b.name, track.Kind, best)
	}
}
