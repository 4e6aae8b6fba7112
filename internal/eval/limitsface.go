// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/cmplx"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/defakepro/defakepro/dsp"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/media"
	"github.com/defakepro/defakepro/sim"
)

// faceWindow is the length, in seconds, over which the head's flicker is compared with the background's.
const faceWindow = 30

// faceWay is a camera and a codec.
type faceWay struct {
	fps     float64
	codec   string
	kbps    int
	flicker float64
}

func (w faceWay) String() string {
	return fmt.Sprintf("%g fps, %s, %d kb/s, light %g %%", w.fps, w.codec, w.kbps, 100*w.flicker)
}

var faceWays = []faceWay{
	{25, "h264", 2000, 0.03}, {25, "h264", 500, 0.03}, {30, "vp8", 500, 0.03},
}

// face compares the head with the background, in genuine videos and in those whose head is lit otherwise.
func (o LimitsOptions) face(ctx context.Context) (Table, error) {
	t := Table{Name: "face", Columns: []string{"way", "gain: genuine (spread)", "steady light", "light of an hour before", "AUC, steady", "AUC, of an hour before"}}
	for _, w := range faceWays {
		gains := map[sim.Kind][]float64{}
		for _, kind := range []sim.Kind{"", sim.Face, sim.Reface} {
			for n := range o.FaceVideos {
				seed := o.Seed + 100*uint64(n) + 7
				g, err := remembered(o.Store, fmt.Sprintf("limits face %s %s %d %d", w, kind, o.FaceSeconds, seed), func() ([]float64, error) {
					return o.gains(ctx, w, kind, seed)
				})
				if err != nil {
					return t, fmt.Errorf("face: %s: %w", w, err)
				}
				gains[kind] = append(gains[kind], g...)
			}
		}
		cell := func(kind sim.Kind) string {
			mean, spread := meanSpread(gains[kind])
			return fixed(mean, 2) + " (" + fixed(spread, 2) + ")"
		}
		// A gain far above one is as wrong as one far below.
		off := func(kind sim.Kind) []float64 {
			x := slices.Clone(gains[kind])
			for i := range x {
				x[i] = math.Abs(x[i] - 1)
			}
			return x
		}
		t.Rows = append(t.Rows, []string{w.String(), cell(""), cell(sim.Face), cell(sim.Reface), fixed(auc(off(""), off(sim.Face)), 3), fixed(auc(off(""), off(sim.Reface)), 3)})
		o.Say("face: " + w.String())
	}
	return t, nil
}

func meanSpread(x []float64) (mean, spread float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		spread += (v - mean) * (v - mean) / float64(len(x))
	}
	return mean, math.Sqrt(spread)
}

// gains renders a video and returns the gain of each window.
func (o LimitsOptions) gains(ctx context.Context, w faceWay, kind sim.Kind, seed uint64) (gains []float64, err error) {
	dir, err := os.MkdirTemp("", "defakepro-eval-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "video.mkv")
	readout := 0.75 / w.fps
	r := sim.Recording{Seed: seed, Duration: time.Duration(o.FaceSeconds) * time.Second, Grid: enf.Grid60, Video: &sim.Video{
		Width: 640, Height: 360, FPS: w.fps, Readout: readout, Flicker: w.flicker, Motion: true, Codec: w.codec, BitrateKbps: w.kbps,
	}}
	if kind != "" {
		r.Attacks = []sim.Attack{{Kind: kind}}
	}
	if err := r.Render(ctx, path); err != nil {
		return nil, err
	}
	var window []dsp.Luma
	size := int(faceWindow * w.fps)
	err = eachFrame(ctx, path, media.Options{Video: true}, func(b media.Block) error {
		if window = append(window, *b.Luma); len(window) == size {
			gains = append(gains, flickerGain(window, 2*float64(enf.Grid60), readout))
			window = window[:0]
		}
		return nil
	})
	return gains, err
}

// videoBlack is the luma of black in limited range, as a share of full scale (ITU-R BT.601).
const videoBlack = 16. / 255

// flickerGain returns by how much the head flickers, as a share of what the background's flicker and the head's
// brightness promise. In each frame, the light of the rows that hold the head is projected on the lamp's frequency, in
// the strips where the head is and in those where it never is; the first series is then regressed on the second.
func flickerGain(frames []dsp.Luma, lamp, readout float64) float64 {
	rows := frames[0].Rows
	from, to := int(0.17*float64(rows)), int(0.53*float64(rows)) // of the head, in pictures of package sim
	head, back := newRegion(frames, from, to, []int{3, 4}), newRegion(frames, from, to, []int{0, 1, 6, 7})
	var product, power complex128
	for _, f := range frames {
		h, b := head.project(f, lamp*readout), back.project(f, lamp*readout)
		product += h * cmplx.Conj(b)
		power += b * cmplx.Conj(b)
	}
	return real(product) / real(power) * back.level / head.level
}

// region is a part of the picture over some frames.
type region struct {
	from, to int
	strips   []int
	mean     []float64 // of each row over the frames
	level    float64   // above black
}

func newRegion(frames []dsp.Luma, from, to int, strips []int) region {
	r := region{from: from, to: to, strips: strips, mean: make([]float64, to-from)}
	for _, f := range frames {
		for y := range r.mean {
			r.mean[y] += r.row(f, from+y) / float64(len(frames))
		}
	}
	for _, m := range r.mean {
		r.level += (m - videoBlack) / float64(len(r.mean))
	}
	return r
}

func (r region) row(f dsp.Luma, y int) float64 {
	sum := 0.
	for _, s := range r.strips {
		sum += f.Mean[y*f.Strips+s] / float64(len(r.strips))
	}
	return sum
}

// project returns the flicker of a frame, cycles being those of the lamp in the time of all rows.
func (r region) project(f dsp.Luma, cycles float64) complex128 {
	var sum complex128
	for y, m := range r.mean {
		sum += complex(r.row(f, r.from+y)-m, 0) * cmplx.Rect(1, -2*math.Pi*cycles*float64(r.from+y)/float64(f.Rows))
	}
	return sum / complex(float64(len(r.mean)), 0)
}
