// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/media"
	"github.com/defakepro/defakepro/sim"
	"github.com/defakepro/defakepro/upconv"
)

// Table2Options says how Table II is measured. The zero value is the full size: ten videos of five minutes at each resolution.
type Table2Options struct {
	// Sizes are the resolutions, as in [sim.ParseSize].
	Sizes []string
	// Videos is the number of videos of each size, and Seconds their length, at least 150: they are forged from the middle on.
	Videos, Seconds int
	// Training is the number of further videos of each size that UpConv learns from, of TrainingSeconds each.
	Training, TrainingSeconds int
	// Codec is as in [sim.Video]; empty for vp8, which is what calls use unless told otherwise (RFC 7742).
	Codec string
	// SpeedFrames is the number of frames on which UpConv is timed.
	SpeedFrames int
	Seed        uint64
	// Dir is where videos are put, each removed after use; empty for a temporary directory.
	Dir   string
	Store Store
	// Say, when not nil, is called with each video done.
	Say func(string)
}

func (o Table2Options) withDefaults() Table2Options {
	if len(o.Sizes) == 0 {
		o.Sizes = []string{"1080p", "720p", "480p"}
	}
	for _, d := range []struct {
		v        *int
		standard int
	}{{&o.Videos, 10}, {&o.Seconds, 300}, {&o.Training, 4}, {&o.TrainingSeconds, 60}, {&o.SpeedFrames, 60}} {
		if *d.v == 0 {
			*d.v = d.standard
		}
	}
	if o.Codec == "" {
		o.Codec = "vp8"
	}
	if o.Say == nil {
		o.Say = func(string) {}
	}
	return o
}

// The attacks of the videos, in turn. In each, the face is made by up-convolution as long as the attack lasts; what
// differs is where the picture comes from.
var table2Attacks = []sim.Kind{sim.Replace, sim.Camera, sim.Foreign, sim.Mute, swapLive}

// swapLive is an attack that package sim has no kind for: nothing but the face is made, under the light of the room as it is.
const swapLive sim.Kind = "live face swap"

const (
	table2FPS    = 30
	table2Window = 60 // seconds
)

// Table2Video is what was found in one video.
type Table2Video struct {
	Size   string
	Attack sim.Kind
	// Windows are those wholly within the genuine or the forged part.
	Windows []Table2Window
	// Frames are one a second.
	Frames []Table2Frame
}

// Table2Window is one position of the sliding window.
type Table2Window struct {
	Start  float64 // seconds
	Forged bool
	// LLR and Correlation are the window's; 0 where there was nothing to compare.
	LLR, Correlation float64
}

// Table2Frame is the feature of the face in one frame, as rendered and as it came through the codec.
type Table2Frame struct {
	Second        int
	Forged        bool
	Raw, Received []float64
}

// Table2Speed is frames a second of one core's time.
type Table2Speed struct {
	Size string
	// Decode is decoding alone, by the ffmpeg command; DeFakePro and UpConv are all that they take, decoding included.
	// Finding is UpConv with the face found anew in each frame.
	Decode, DeFakePro, UpConv, Finding float64
}

// Table2Result is all that was measured.
type Table2Result struct {
	Options         Table2Options `json:"-"`
	Tests, Training []Table2Video
	Speeds          []Table2Speed
}

// Table2 renders the videos and runs both methods over them. It needs the ffmpeg command, and [media.WorkerMain] in main.
func Table2(ctx context.Context, o Table2Options) (Table2Result, error) {
	o = o.withDefaults()
	res := Table2Result{Options: o}
	if o.Seconds < 2*(table2Window+15) {
		return res, fmt.Errorf("videos of %d s: want at least %d, so that windows of %d s fit into either half", o.Seconds, 2*(table2Window+15), table2Window)
	}
	// The smallest first: what is interrupted has something to show.
	for _, size := range slices.Backward(o.Sizes) {
		speed, err := remembered(o.Store, fmt.Sprintf("table2 speed %s %s %d", size, o.Codec, o.Seed), func() (Table2Speed, error) { return o.speed(ctx, size) })
		if err != nil {
			return res, err
		}
		res.Speeds = append(res.Speeds, speed)
		for n := range o.Training + o.Videos {
			training := n < o.Training
			seconds, into := o.Seconds, &res.Tests
			if training {
				seconds, into = o.TrainingSeconds, &res.Training
			}
			attack := table2Attacks[n%len(table2Attacks)]
			seed := o.Seed + 1000*uint64(n)
			key := fmt.Sprintf("table2 video %s %s %d %s %d", size, o.Codec, seconds, attack, seed)
			v, err := remembered(o.Store, key, func() (Table2Video, error) { return o.video(ctx, size, attack, seconds, seed) })
			if err != nil {
				return res, fmt.Errorf("%s: %w", key, err)
			}
			*into = append(*into, v)
			o.Say(fmt.Sprintf("%s, video %d of %d: %s", size, n+1, o.Training+o.Videos, attack))
		}
	}
	return res, nil
}

// recording is a video of so many seconds, forged from the middle on.
func (o Table2Options) recording(size string, attack sim.Kind, seconds int, seed uint64) (sim.Recording, error) {
	width, height, err := sim.ParseSize(size)
	r := sim.Recording{Seed: seed, Duration: time.Duration(seconds) * time.Second, Grid: enf.Grid60, Video: &sim.Video{
		Width: width, Height: height, FPS: table2FPS, Readout: 0.75 / table2FPS, Flicker: 0.03, Motion: true, Codec: o.Codec,
	}}
	if attack != "" && attack != swapLive {
		r.Attacks = []sim.Attack{{Kind: attack, From: r.Duration / 2}}
	}
	return r, err
}

func (o Table2Options) video(ctx context.Context, size string, attack sim.Kind, seconds int, seed uint64) (v Table2Video, err error) {
	v = Table2Video{Size: size, Attack: attack}
	r, err := o.recording(size, attack, seconds, seed)
	if err != nil {
		return v, err
	}
	width, height := r.Video.Width, r.Video.Height
	swap := newSwapper(o.Seed, width, height)
	analyzer := upconv.NewAnalyzer()
	middle, last := r.Duration.Seconds()/2, -1
	var failed error
	r.Retouch = func(t float64, frame []byte) {
		if t >= middle {
			swap.retouch(frame)
		}
		if second := int(t + 1e-6); second > last && failed == nil {
			last = second
			m := &image.Gray{Pix: frame[:width*height], Stride: width, Rect: image.Rect(0, 0, width, height)}
			f := Table2Frame{Second: second, Forged: t >= middle}
			f.Raw, failed = faceFeature(analyzer, m)
			v.Frames = append(v.Frames, f)
		}
	}
	dir, err := os.MkdirTemp(o.Dir, "defakepro-eval-")
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "video.mkv")
	if err := errors.Join(r.Render(ctx, path), failed); err != nil {
		return v, err
	}
	truth, err := r.Truth()
	if err != nil {
		return v, err
	}
	e := enf.NewVideo(enf.Options{Grid: enf.Grid60})
	n := 0
	err = eachFrame(ctx, path, media.Options{Video: true, Pictures: true}, func(b media.Block) error {
		if n%table2FPS == 0 && n/table2FPS < len(v.Frames) {
			feature, err := faceFeature(analyzer, b.Picture)
			if err != nil {
				return err
			}
			v.Frames[n/table2FPS].Received = feature
		}
		n++
		return e.Write(*b.Luma)
	})
	if err != nil {
		return v, err
	}
	v.Windows = judge(ctx, e.Close(), truth, seconds)
	return v, ctx.Err()
}

// judge returns the windows of an estimate that are wholly in one half of so many seconds.
func judge(ctx context.Context, e enf.Estimate, truth enf.Series, seconds int) []Table2Window {
	found := map[float64]detect.Window{}
	for _, w := range detect.Compare(ctx, e, truth, detect.Options{Window: table2Window * time.Second}).Windows {
		found[w.Start] = w
	}
	var out []Table2Window
	middle := float64(seconds) / 2
	for at := 0.; at+table2Window <= float64(seconds); at += 5 {
		w := Table2Window{Start: at, Forged: at >= middle}
		if !w.Forged && at+table2Window > middle {
			continue
		}
		if f, ok := found[at]; ok && !math.IsNaN(f.Correlation) {
			w.LLR, w.Correlation = f.LLR, f.Correlation
		}
		out = append(out, w)
	}
	return out
}

// faceFeature is what UpConv sees of a frame.
func faceFeature(a *upconv.Analyzer, m *image.Gray) ([]float64, error) {
	return a.Feature(upconv.Crop(m, faceOf(m.Rect.Dx(), m.Rect.Dy())), upconv.DefaultFacePoints)
}

// eachFrame yields the blocks of the video at path.
func eachFrame(ctx context.Context, path string, o media.Options, yield func(media.Block) error) error {
	rec, err := media.Open(ctx, path, o)
	if err != nil {
		return err
	}
	return eachBlock(rec, path, yield)
}
