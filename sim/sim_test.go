// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/cmplx"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/internal/race"
	"github.com/defakepro/defakepro/sim"
)

func Example() {
	r := sim.Recording{
		Seed: 1, Duration: 2 * time.Minute, Grid: enf.Grid50,
		Audio:   &sim.Audio{Rate: 8000},
		Attacks: []sim.Attack{{Kind: sim.Replace, From: 60 * time.Second, To: 100 * time.Second}},
	}
	dir, err := os.MkdirTemp("", "sim")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // an example's temporary directory
	if err := r.Render(context.Background(), filepath.Join(dir, "talk.wav")); err != nil {
		panic(err)
	}
	truth, _ := r.Truth()
	spans, _ := r.Spans()
	fmt.Println(truth.Len(), "seconds of reference;", spans[0].Kind, spans[0].From, "to", spans[0].To)
	// Output: 122 seconds of reference; replace 1m0s to 1m40s
}

func needFFmpeg(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("no ffmpeg command: ", err)
	}
}

// decode returns what ffmpeg makes of the file: the samples of its sound, or its pixels.
func decode(t *testing.T, path string, args ...string) []byte {
	t.Helper()
	all := append([]string{"-v", "error", "-i", path}, args...)
	out, err := exec.CommandContext(t.Context(), "ffmpeg", append(all, "pipe:1")...).Output()
	if err != nil {
		t.Fatalf("decode %s: %v", path, err)
	}
	return out
}

func samples(t *testing.T, path string, rate int) []float64 {
	t.Helper()
	raw := decode(t, path, "-f", "f64le", "-ac", "1", "-ar", strconv.Itoa(rate))
	out := make([]float64, len(raw)/8)
	for i := range out {
		out[i] = math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:]))
	}
	return out
}

// phases integrates the frequency by the trapezoidal rule: cycles of the fundamental at each second.
func phases(hz []float64) []float64 {
	out := make([]float64, len(hz))
	for i := 1; i < len(hz); i++ {
		out[i] = out[i-1] + (hz[i]+hz[i-1])/2
	}
	return out
}

// phase interpolates phases at t, taking the frequency to be constant within the second.
func phase(cycles []float64, t float64) float64 {
	i := max(0, min(len(cycles)-2, int(t)))
	return cycles[i] + (t-float64(i))*(cycles[i+1]-cycles[i])
}

// coherence is the amplitude of harmonic k in x from time from on, projected on the phase of the truth.
func coherence(x []float64, rate float64, k int, cycles []float64, from float64) float64 {
	var sum complex128
	for i, v := range x {
		p := math.Mod(float64(k)*phase(cycles, from+float64(i)/rate), 1)
		sum += complex(v, 0) * cmplx.Rect(1, -2*math.Pi*p)
	}
	return 2 * cmplx.Abs(sum) / float64(len(x))
}

// The hum of every codec is locked to the truth, and not to a neighbouring frequency.
func TestSound(t *testing.T) {
	race.SkipNumeric(t)
	const seconds, rate = 8, 2000
	for _, name := range []string{"a.wav", "a.flac", "a.m4a", "a.opus", "a.mp3"} {
		t.Run(name, func(t *testing.T) {
			if name != "a.wav" {
				needFFmpeg(t)
			}
			path := filepath.Join(t.TempDir(), name)
			r := sim.Recording{Seed: 3, Duration: seconds * time.Second, Grid: enf.Grid60, Audio: &sim.Audio{CN0: 45, Speech: -50}}
			if err := r.Render(t.Context(), path); err != nil {
				t.Fatal(err)
			}
			needFFmpeg(t)
			x := samples(t, path, rate)
			if d := len(x) - seconds*rate; d < -rate/10 || d > rate/10 {
				t.Errorf("%d samples, want %d", len(x), seconds*rate)
			}
			truth, err := r.Truth()
			if err != nil {
				t.Fatal(err)
			}
			right, wrong := strongest(x, rate, truth.Hz), strongest(x, rate, offset(truth.Hz, 0.1))
			if right < 5*wrong {
				t.Errorf("hum of amplitude %.2g at the truth, %.2g beside it", right, wrong)
			}
		})
	}
}

// strongest returns the largest amplitude among harmonics 2 to 10.
func strongest(x []float64, rate float64, hz []float64) float64 {
	best := 0.0
	for k := 2; k <= 10; k++ {
		best = max(best, coherence(x, rate, k, phases(hz), 0))
	}
	return best
}

func offset(hz []float64, by float64) []float64 {
	out := slices.Clone(hz)
	for i := range out {
		out[i] += by
	}
	return out
}

// rows returns the mean of each row of each frame of yuv420p or gray pictures that are stride bytes apart.
func rows(raw []byte, width, height, stride int) [][]float64 {
	var out [][]float64
	for ; len(raw) >= stride; raw = raw[stride:] {
		frame := make([]float64, height)
		for y := range frame {
			sum := 0
			for _, v := range raw[y*width : (y+1)*width] {
				sum += int(v)
			}
			frame[y] = float64(sum) / float64(width)
		}
		out = append(out, frame)
	}
	return out
}

// depth is the swing of the light in the frames, as a share of its mean, at the truth's double phase.
func depth(frames [][]float64, fps, readout float64, cycles []float64) float64 {
	height := len(frames[0])
	mean := make([]float64, height)
	for _, f := range frames {
		for y, v := range f {
			mean[y] += v / float64(len(frames))
		}
	}
	var sum complex128
	n := 0.0
	for i, f := range frames {
		for y, v := range f {
			p := math.Mod(2*phase(cycles, float64(i)/fps+readout*float64(y)/float64(height)), 1)
			sum += complex((v-mean[y])/(mean[y]-16), 0) * cmplx.Rect(1, -2*math.Pi*p)
			n++
		}
	}
	return 2 * cmplx.Abs(sum) / n
}

func TestPicture(t *testing.T) {
	race.SkipNumeric(t)
	for _, tt := range []struct {
		name    string
		grid    enf.Grid
		video   sim.Video
		seconds int
	}{
		{"50 Hz, 30 fps", enf.Grid50, sim.Video{FPS: 30, Readout: 0.022, Flicker: 0.03}, 2},
		{"50 Hz, 25 fps, bottom up", enf.Grid50, sim.Video{FPS: 24, Readout: -0.03, Flicker: 0.03, Motion: true}, 2},
		{"60 Hz, 25 fps, global", enf.Grid60, sim.Video{FPS: 25, Flicker: 0.03}, 2},
		{"50 Hz, 29.97 fps, weak", enf.Grid50, sim.Video{FPS: 29.97, Readout: 0.03, Flicker: 0.005}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.video.Width, tt.video.Height = 320, 180
			r := sim.Recording{Seed: 4, Duration: time.Duration(tt.seconds) * time.Second, Grid: tt.grid, Video: &tt.video}
			var raw bytes.Buffer
			if err := r.Frames(t.Context(), &raw); err != nil {
				t.Fatal(err)
			}
			frames := rows(raw.Bytes(), 320, 180, 320*180*3/2)
			if want := int(math.Ceil(float64(tt.seconds)*tt.video.FPS - 1e-6)); len(frames) != want {
				t.Errorf("%d frames, want %d", len(frames), want)
			}
			truth, err := r.Truth()
			if err != nil {
				t.Fatal(err)
			}
			got := depth(frames, tt.video.FPS, tt.video.Readout, phases(truth.Hz))
			if math.Abs(got/tt.video.Flicker-1) > 0.15 {
				t.Errorf("flicker of %.4f, want %.4f", got, tt.video.Flicker)
			}
		})
	}
}

// Encoders keep the flicker, weaker or not.
func TestEncodedPicture(t *testing.T) {
	race.SkipNumeric(t)
	needFFmpeg(t)
	for _, name := range []string{"a.mp4", "a.webm"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			v := sim.Video{FPS: 30, Readout: 0.028, Flicker: 0.03, Motion: true}
			r := sim.Recording{Seed: 5, Duration: 3 * time.Second, Grid: enf.Grid50, Video: &v, Audio: &sim.Audio{}}
			if err := r.Render(t.Context(), path); err != nil {
				t.Fatal(err)
			}
			frames := rows(decode(t, path, "-map", "0:v", "-f", "rawvideo", "-pix_fmt", "yuv420p"), 640, 360, 640*360*3/2)
			if len(frames) != 90 {
				t.Fatalf("%d frames, want 90", len(frames))
			}
			truth, err := r.Truth()
			if err != nil {
				t.Fatal(err)
			}
			if got := depth(frames, 30, v.Readout, phases(truth.Hz)); got < 0.02 || got > 0.035 {
				t.Errorf("flicker of %.4f, want about 0.03", got)
			}
			if x := samples(t, path, 8000); len(x) < 23000 {
				t.Errorf("%d samples of sound, want 24000", len(x))
			}
		})
	}
}

func TestSeeded(t *testing.T) {
	var files [3][]byte
	for i, seed := range []uint64{1, 1, 2} {
		r := sim.Recording{Seed: seed, Duration: 1500 * time.Millisecond, Audio: &sim.Audio{Rate: 8000}, Video: &sim.Video{Width: 64, Height: 36, Motion: true}}
		var raw bytes.Buffer
		if err := r.Frames(t.Context(), &raw); err != nil {
			t.Fatal(err)
		}
		r.Video = nil
		path := filepath.Join(t.TempDir(), "a.wav")
		if err := r.Render(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		wav, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[i] = append(raw.Bytes(), wav...)
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("one seed gave two recordings")
	}
	if bytes.Equal(files[0], files[2]) {
		t.Error("two seeds gave one recording")
	}
}

func TestAttacks(t *testing.T) {
	at := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	r := sim.Recording{Seed: 6, Duration: at(100), Audio: &sim.Audio{Rate: 8000}, Attacks: []sim.Attack{
		{Kind: sim.Foreign, From: at(80), To: at(90)},
		{Kind: sim.Replace, From: at(10), To: at(20)},
		{Kind: sim.Insert, From: at(30), To: at(35)},
		{Kind: sim.Cut, From: at(50), To: at(62)},
		{Kind: sim.Mute, From: at(60), To: at(70), Only: enf.SourceAudio},
	}}
	truth, err := r.Truth()
	if err != nil {
		t.Fatal(err)
	}
	carried, err := r.Carried(enf.SourceAudio)
	if err != nil {
		t.Fatal(err)
	}
	video, err := r.Carried(enf.SourceVideo)
	if err != nil {
		t.Fatal(err)
	}
	if truth.Len() < 112 {
		t.Errorf("%d values of reference, want all that was cut down", truth.Len())
	}
	for s, shift := range map[int]int{5: 0, 25: 0, 40: -5, 49: -5, 50: 7, 55: 7, 75: 7, 95: 7} {
		if carried.Hz[s] != truth.Hz[s+shift] {
			t.Errorf("second %d does not carry second %d of the grid", s, s+shift)
		}
	}
	for _, s := range []int{10, 19, 30, 34, 80, 89} {
		if slices.Contains(truth.Hz, carried.Hz[s]) || math.IsNaN(carried.Hz[s]) {
			t.Errorf("second %d carries the grid's own time", s)
		}
	}
	if !math.IsNaN(carried.Hz[65]) || math.IsNaN(video.Hz[65]) {
		t.Error("the mute of the sound is not in the sound alone")
	}
	spans, err := r.Spans()
	if err != nil {
		t.Fatal(err)
	}
	want := []sim.Span{{sim.Replace, at(10), at(20)}, {sim.Insert, at(30), at(35)}, {sim.Cut, at(50), at(50)}, {sim.Mute, at(60), at(70)}, {sim.Foreign, at(80), at(90)}}
	if !slices.Equal(spans, want) {
		t.Errorf("spans %v, want %v", spans, want)
	}
}

// The sound follows the pieces to the sample: a muted stretch has no hum from its first second to its last.
func TestAttackInSound(t *testing.T) {
	race.SkipNumeric(t)
	const rate = 8000
	path := filepath.Join(t.TempDir(), "a.wav")
	r := sim.Recording{Seed: 7, Duration: 30 * time.Second, Audio: &sim.Audio{Rate: rate, Speech: math.Inf(-1), CN0: 45}, Attacks: []sim.Attack{
		{Kind: sim.Mute, From: 10 * time.Second, To: 20 * time.Second}}}
	if err := r.Render(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float64, (len(raw)-44)/2)
	for i := range x {
		x[i] = float64(int16(binary.LittleEndian.Uint16(raw[44+2*i:]))) / 32768
	}
	truth, err := r.Truth()
	if err != nil {
		t.Fatal(err)
	}
	cycles := phases(truth.Hz)
	level := func(from, to float64) (best float64) {
		for k := 2; k <= 10; k++ {
			best = max(best, coherence(x[int(from*rate):int(to*rate)], rate, k, cycles, from))
		}
		return best
	}
	genuine, muted := level(8, 10), level(10, 12)
	if muted > genuine/5 || level(18, 20) > genuine/5 || level(20, 22) < genuine/2 {
		t.Errorf("hum of %.2g before, %.2g in the muted stretch", genuine, muted)
	}
}

func TestParse(t *testing.T) {
	a, err := sim.ParseAttack("replace:60-100.5:video")
	if want := (sim.Attack{Kind: sim.Replace, From: time.Minute, To: 100500 * time.Millisecond, Only: enf.SourceVideo}); err != nil || a != want {
		t.Errorf("attack %v, %v, want %v", a, err, want)
	}
	for _, s := range []string{"", "replace", "replace:60", "replace:60-50", "swap:1-2", "cut:1-2:audio", "mute:1-2:smell", "mute:NaN-2", "mute:1-1e300", "mute:-1-2"} {
		if _, err := sim.ParseAttack(s); err == nil {
			t.Errorf("no error for attack %q", s)
		}
	}
	for s, want := range map[string][2]int{"360p": {640, 360}, "720p": {1280, 720}, "1080p": {1920, 1080}, "480p": {854, 480}, "640x480": {640, 480}} {
		if w, h, err := sim.ParseSize(s); err != nil || [2]int{w, h} != want {
			t.Errorf("size %q: %d×%d, %v", s, w, h, err)
		}
	}
	for _, s := range []string{"", "p", "-2p", "641x480", "99999999999999999999p", "9999x9999", "x"} {
		if _, _, err := sim.ParseSize(s); err == nil {
			t.Errorf("no error for size %q", s)
		}
	}
}

func TestBadRecordings(t *testing.T) {
	audio := &sim.Audio{Rate: 8000}
	for name, r := range map[string]sim.Recording{
		"nothing in it":   {Duration: time.Second},
		"no duration":     {Audio: audio},
		"weeks":           {Audio: audio, Duration: 1000 * time.Hour},
		"55 Hz":           {Audio: audio, Duration: time.Second, Grid: 55},
		"swing":           {Audio: audio, Duration: time.Second, Swing: math.NaN()},
		"rate":            {Audio: &sim.Audio{Rate: 1}, Duration: time.Second},
		"codec":           {Audio: &sim.Audio{Codec: "tape"}, Duration: time.Second},
		"odd size":        {Video: &sim.Video{Width: 33, Height: 33}, Duration: time.Second},
		"read-out":        {Video: &sim.Video{Readout: 1}, Duration: time.Second},
		"attack outside":  {Audio: audio, Duration: time.Second, Attacks: []sim.Attack{{Kind: sim.Mute, To: time.Minute}}},
		"attacks overlap": {Audio: audio, Duration: time.Minute, Attacks: []sim.Attack{{Kind: sim.Mute, To: 10e9}, {Kind: sim.Replace, From: 5e9, To: 20e9}}},
	} {
		path := filepath.Join(t.TempDir(), "a.mkv")
		if err := r.Render(t.Context(), path); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := (sim.Recording{Duration: time.Second, Audio: audio}).Render(t.Context(), filepath.Join(t.TempDir(), "a.txt")); err == nil {
		t.Error("no error for an unknown extension")
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := sim.Recording{Duration: time.Hour, Video: &sim.Video{Width: 64, Height: 36}}
	r.Progress = func(time.Duration) { cancel() }
	if err := r.Frames(ctx, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
}

// What was there before stays until there is a whole recording in its place.
func TestRenderWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"talk.wav", "talk.y4m", "talk.mp4"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		r := sim.Recording{Duration: 20 * time.Second, Audio: &sim.Audio{Rate: 8000}, Progress: func(time.Duration) { cancel() }}
		if name != "talk.wav" {
			r.Video = &sim.Video{Width: 64, Height: 36, FPS: 25}
		}
		if err := r.Render(ctx, path); !errors.Is(err, context.Canceled) && !errors.Is(err, exec.ErrNotFound) {
			t.Errorf("%s: error %v, want the context's", name, err)
		}
		if b, err := os.ReadFile(path); string(b) != "before" || err != nil {
			t.Errorf("%s holds %d bytes, %v", name, len(b), err)
		}
		r.Duration, r.Progress = time.Second, nil
		switch err := r.Render(t.Context(), path); {
		case errors.Is(err, exec.ErrNotFound):
		case err != nil:
			t.Error(err)
		default:
			if info, err := os.Stat(path); err != nil || info.Size() < 1000 {
				t.Errorf("%s: %v, %v", name, info, err)
			}
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 3 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func BenchmarkFrames(b *testing.B) {
	for _, size := range []string{"360p", "1080p"} {
		b.Run(size, func(b *testing.B) {
			w, h, err := sim.ParseSize(size)
			if err != nil {
				b.Fatal(err)
			}
			r := sim.Recording{Duration: 2 * time.Second, Video: &sim.Video{Width: w, Height: h, Readout: 0.02, Flicker: 0.01, Motion: true}}
			for b.Loop() {
				if err := r.Frames(b.Context(), io.Discard); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(60/b.Elapsed().Seconds()*float64(b.N), "frames/s")
		})
	}
}
