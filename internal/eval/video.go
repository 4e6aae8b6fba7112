// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/media"
	"github.com/defakepro/defakepro/sim"
)

// VideoCase is one rendered video.
type VideoCase struct {
	Codec   string // as in [sim.Video]
	Size    string // as in [sim.ParseSize]
	FPS     float64
	Grid    enf.Grid
	Readout float64 // as a share of the time of a frame; 0 for a global shutter
	Motion  bool
	Flicker float64 // depth, a share
}

// VideoResult is what was estimated from one rendered video. Errors are in hertz at the fundamental.
type VideoResult struct {
	VideoCase
	// Present and Reason are the estimate's own.
	Present bool
	Reason  string
	// Coverage is the share of seconds that have a value.
	Coverage float64
	// Bias is the mean error, RMSE the root mean square one, and Worst the largest.
	Bias, RMSE, Worst float64
	// Claimed is the root mean square of the uncertainties that the estimate states, to hold against RMSE.
	Claimed float64
	// Within is the share of the values whose error is at most three times the uncertainty stated for it.
	Within float64
	// SNR is the estimate's, in decibels.
	SNR float64
	// Elapsed is how long the estimate took, decoding included.
	Elapsed time.Duration
}

// VideoOptions says how a matrix is run.
type VideoOptions struct {
	// Seconds is the length of each video; 0 for 60.
	Seconds int
	// Seed stands for all grids and scenes; each case has its own.
	Seed uint64
	// Dir is where the videos are put, each removed after use; empty for a temporary directory.
	Dir string
	// Estimate estimates the ENF in the video at path; nil stands for [EstimateVideo].
	Estimate func(ctx context.Context, path string, grid enf.Grid) (enf.Estimate, error)
}

// VideoSample returns the part of the matrix that takes less than half an hour: at 360p, all frame rates, grids, scenes
// and depths with H.264 and a rolling shutter, and a cross-section of shutters, codecs and sizes; with quick eight
// cases in all.
func VideoSample(quick bool) []VideoCase {
	return slices.DeleteFunc(VideoMatrix(), func(c VideoCase) bool {
		ordinary, deep := c.FPS == 25 || c.FPS == 30, c.Flicker > 0.01
		switch {
		case quick:
			return c.Size != "360p" || c.Codec != "h264" || c.Readout == 0 || c.FPS != 30
		case c.Size == "360p" && c.Codec == "h264":
			return c.Readout == 0 && !deep
		case c.Size == "360p":
			return c.Readout == 0 || !ordinary
		case c.Size == "720p" && c.Codec == "h264":
			return !ordinary || !deep && c.FPS != 30
		case c.Size == "720p":
			return c.FPS != 30 || !deep
		}
		return c.Codec != "h264" || c.FPS != 30 || !deep
	})
}

// VideoMatrix returns every combination of codec, size, frame rate, grid, motion and depth of flicker under a rolling
// shutter that takes three quarters of a frame, and at the smallest size under a global shutter too.
func VideoMatrix() []VideoCase {
	var cases []VideoCase
	for _, size := range []string{"360p", "720p", "1080p"} {
		for _, codec := range []string{"h264", "vp8"} {
			for _, fps := range []float64{24, 25, 29.97, 30, 60} {
				for _, grid := range []enf.Grid{enf.Grid50, enf.Grid60} {
					for _, motion := range []bool{false, true} {
						for _, flicker := range []float64{0.03, 0.005} {
							c := VideoCase{Codec: codec, Size: size, FPS: fps, Grid: grid, Readout: 0.75, Motion: motion, Flicker: flicker}
							cases = append(cases, c)
							if size == "360p" {
								c.Readout = 0
								cases = append(cases, c)
							}
						}
					}
				}
			}
		}
	}
	return cases
}

// Video renders each case, estimates its ENF and compares it with the truth. It stops at the first error. Rendering
// needs the ffmpeg command.
func Video(ctx context.Context, cases []VideoCase, o VideoOptions) iter.Seq2[VideoResult, error] {
	if o.Seconds <= 0 {
		o.Seconds = 60
	}
	if o.Estimate == nil {
		o.Estimate = EstimateVideo
	}
	return func(yield func(VideoResult, error) bool) {
		for i, c := range cases {
			r, err := o.run(ctx, c, o.Seed+uint64(i)*7)
			if err != nil {
				yield(r, fmt.Errorf("case %d (%s): %w", i, c, err))
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// EstimateVideo estimates the ENF in the video at path, on a grid of the given nominal frequency. The program has to
// call [media.WorkerMain] first thing.
func EstimateVideo(ctx context.Context, path string, grid enf.Grid) (enf.Estimate, error) {
	rec, err := media.Open(ctx, path, media.Options{Video: true})
	if err != nil {
		return enf.Estimate{}, err
	}
	return estimateLuma(rec, path, grid)
}

// estimateLuma estimates the ENF in the pictures of a recording, which it closes.
func estimateLuma(rec *media.Recording, name string, grid enf.Grid) (enf.Estimate, error) {
	e := enf.NewVideo(enf.Options{Grid: grid})
	if err := eachBlock(rec, name, func(b media.Block) error { return e.Write(*b.Luma) }); err != nil {
		return enf.Estimate{}, err
	}
	return e.Close(), nil
}

// String names the case in a few words.
func (c VideoCase) String() string {
	return fmt.Sprintf("%s %s %g fps %d Hz %s %s %g %%", c.Codec, c.Size, c.FPS, c.Grid, c.shutter(), c.scene(), 100*c.Flicker)
}

func (c VideoCase) shutter() string {
	if c.Readout == 0 {
		return "global"
	}
	return "rolling"
}

func (c VideoCase) scene() string {
	if c.Motion {
		return "moving"
	}
	return "static"
}

func (o VideoOptions) run(ctx context.Context, c VideoCase, seed uint64) (result VideoResult, err error) {
	result.VideoCase = c
	width, height, err := sim.ParseSize(c.Size)
	if err != nil {
		return result, err
	}
	dir, err := os.MkdirTemp(o.Dir, "defakepro-eval-")
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r := sim.Recording{Seed: seed, Duration: time.Duration(o.Seconds) * time.Second, Grid: c.Grid, Video: &sim.Video{
		Width: width, Height: height, FPS: c.FPS, Readout: c.Readout / c.FPS, Flicker: c.Flicker, Motion: c.Motion, Codec: c.Codec,
	}}
	path := filepath.Join(dir, "video.mkv")
	if err := r.Render(ctx, path); err != nil {
		return result, err
	}
	truth, err := r.Truth()
	if err != nil {
		return result, err
	}
	start := time.Now()
	e, err := o.Estimate(ctx, path, c.Grid)
	if err != nil {
		return result, err
	}
	result.Elapsed = time.Since(start)
	result.compare(e, truth, o.Seconds)
	return result, nil
}

// compare fills in the errors of e, a value of which counts where it is within the recording.
func (r *VideoResult) compare(e enf.Estimate, truth enf.Series, seconds int) {
	r.Present, r.Reason, r.SNR = e.Present, e.Reason, e.SNR
	n, sum, squares, claimed, within := 0., 0., 0., 0., 0.
	for i, hz := range e.Series.Hz {
		at := int(math.Round(e.Series.Time(i).Sub(truth.Start).Seconds()))
		if math.IsNaN(hz) || at < 0 || at >= min(truth.Len(), seconds+1) {
			continue
		}
		d := hz - truth.Hz[at]
		n++
		sum += d
		squares += d * d
		r.Worst = max(r.Worst, math.Abs(d))
		if e.Series.Sigma != nil {
			claimed += e.Series.Sigma[i] * e.Series.Sigma[i]
			if math.Abs(d) <= 3*e.Series.Sigma[i] {
				within++
			}
		}
	}
	r.Coverage = min(1, n/float64(seconds))
	r.Bias, r.RMSE, r.Claimed, r.Within = sum/n, math.Sqrt(squares/n), math.Sqrt(claimed/n), within/n
}
