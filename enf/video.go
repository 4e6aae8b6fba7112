// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/defakepro/defakepro/dsp"
)

const (
	// rowBins is the most row groups a frame is reduced to: twelve or more to a cycle of flicker, so that nothing is
	// lost.
	rowBins = 96
	// rateFrames is the number of frames from which the frame rate is taken.
	rateFrames = 48
	// leastFPS is the lowest frame rate whose alias-free band holds the flicker's ±2.2 Hz.
	leastFPS = 9
	// darkest is the least luminance told from black, as a share of full scale.
	darkest = 1.0 / 1024
	// maxCells bounds the size of a frame's luminance: more rows than any sensor has.
	maxCells = 1 << 20
)

// VideoEstimator estimates ENF from the flicker of mains-powered light: it takes the luminance of one frame after
// another, from a camera with a rolling or a global shutter, and gives a value per second. It is not safe for
// concurrent use.
//
// A rolling shutter samples the light once per row. Each frame is projected on the flicker as it passes over the rows,
//
//	c(n) = sum over rows l of log y(n,l) · exp(-j 2π ν l / rows),
//
// where ν = 2 f₀ · read-out time is the number of cycles in a frame: one complex sample per frame, in which the flicker
// is a tone at 2 f₀ as sampled at the frame times, whatever the idle time between frames (Vatansever et al. 2019, Han et
// al. 2022). The logarithm makes the light a term added to every strip alike; strips that stray from the others, as those
// in which something moves do, count for less in their mean. A global shutter is ν = 0: one value per frame, and the tone
// an alias (Garg et al. 2013). The read-out time is found by trying.
type VideoEstimator struct {
	opts    Options
	epoch   time.Time
	levels  *levels // if not nil: undoes jumps, and holds frames back for it
	held    []frame // until the frame rate is known
	rows    int     // of a frame, reduced
	strips  int
	newest  float64 // time of the newest frame, seconds after epoch, without what of gaps is left out
	gaps    *gaps
	begun   bool
	period  float64 // between frames, seconds
	pace    *pace
	cover   coverage
	cameras []*camera // one per follower
	pool    *pool
}

// frame is one frame's logarithms of luminance.
type frame struct {
	time   float64   // by its stamp, in the estimator's time
	cells  []float64 // strips × rows
	pace   *pace     // that it was taken at
	number float64   // in that
}

// NewVideo returns an estimator of the ENF in video.
func NewVideo(o Options) *VideoEstimator { return &VideoEstimator{opts: o} }

// Write adds a frame. Frames must follow one another in time, at any spacing; one that does not is left out. It returns an
// error if the frame cannot belong to the same video, or gaps of more than six hours outweigh the video by far.
func (e *VideoEstimator) Write(l dsp.Luma) error {
	if l.Rows < 1 || l.Strips < 1 || l.Rows > maxCells/l.Strips || len(l.Mean) != l.Rows*l.Strips {
		return fmt.Errorf("luminance of %d × %d cells comes with %d values", l.Rows, l.Strips, len(l.Mean))
	}
	rows := min(l.Rows, rowBins)
	if !e.begun {
		e.begun = true
		e.epoch = epochOf(l.Time)
		e.rows, e.strips, e.newest = rows, l.Strips, math.Inf(-1)
		e.gaps = &gaps{live: e.opts.Live}
		if rows*l.Strips == 1 && !e.opts.Live {
			e.levels = new(levels)
		}
	}
	if rows != e.rows || l.Strips != e.strips {
		return fmt.Errorf("luminance changes from %d × %d to %d × %d cells", e.rows, e.strips, rows, l.Strips)
	}
	t := l.Time.Sub(e.epoch).Seconds() - float64(e.gaps.folded())
	if t <= e.newest {
		return nil
	}
	if gap := t - e.newest; !math.IsInf(gap, 1) {
		if err := e.gaps.add(gap, min(gap, leastGap)); err != nil {
			return err
		}
		excess := e.gaps.excess(gap)
		e.gaps.fold(e.newest, excess)
		t -= float64(excess)
	}
	e.newest = t
	f := frame{time: t, cells: reduce(l, rows)}
	if e.levels == nil {
		return e.add(f)
	}
	return e.addAll(e.levels.push(f))
}

// addAll adds frames whose jumps are undone.
func (e *VideoEstimator) addAll(frames []frame) error {
	for _, f := range frames {
		if err := e.add(f); err != nil {
			return err
		}
	}
	return nil
}

// add takes a frame, or holds it until the frame rate is known.
func (e *VideoEstimator) add(f frame) error {
	if e.pool != nil {
		e.take(f)
		return nil
	}
	if e.held = append(e.held, f); len(e.held) == rateFrames {
		return e.begin()
	}
	return nil
}

// reduce returns the logarithm of the mean luminance of groups of rows. Values that are missing count as the darkest.
func reduce(l dsp.Luma, rows int) []float64 {
	out := make([]float64, rows*l.Strips)
	for r := range rows {
		from, to := r*l.Rows/rows, (r+1)*l.Rows/rows
		for s := range l.Strips {
			sum := 0.0
			for i := from; i < to; i++ {
				sum += l.Mean[i*l.Strips+s]
			}
			mean := sum / float64(to-from)
			if !(mean > darkest) || math.IsInf(mean, 1) {
				mean = darkest
			}
			out[s*rows+r] = math.Log(mean)
		}
	}
	return out
}

var errFrameRate = errors.New("fewer than 9 frames a second cannot hold the flicker of light")

// begin sets the estimator up for the frame rate of the first frames, and takes these.
func (e *VideoEstimator) begin() error {
	if len(e.held) < 2 {
		return nil
	}
	var steps []float64
	for i, f := range e.held {
		if i > 0 {
			steps = append(steps, f.time-e.held[i-1].time)
		}
	}
	e.period = quickSelect(slices.Clone(steps), len(steps)/2)
	// The mean over those near the median: the median alone has the rounding of the time stamps.
	sum, n := 0.0, 0.0
	for _, s := range steps {
		if s > 0.5*e.period && s < 1.5*e.period {
			sum += s
			n++
		}
	}
	e.period = sum / n
	if 1/e.period < leastFPS {
		return errFrameRate
	}
	e.pool = newPool(e.opts, e.gaps, func(grid Grid) []*line {
		c := newCamera(grid, e.period, e.rows, e.strips, e.opts.Live)
		e.cameras = append(e.cameras, c)
		return c.lines
	})
	for _, f := range e.held {
		e.take(f)
	}
	e.held = nil
	return nil
}

// take hands a frame to the cameras.
func (e *VideoEstimator) take(f frame) {
	e.cover.add(f.time, f.time+math.Min(e.period, 1), 1)
	if e.pace == nil || !e.pace.add(f.time) {
		e.pace = newPace(f.time, e.period)
	}
	f.pace, f.number = e.pace, e.pace.number
	for _, c := range e.cameras {
		c.push(f)
	}
	e.pool.advance(e.cover.share)
	e.drop()
}

// drop forgets the cameras of a grid that was ruled out.
func (e *VideoEstimator) drop() {
	if len(e.pool.runs) < len(e.cameras) {
		e.cameras = slices.DeleteFunc(e.cameras, func(c *camera) bool { return c.grid != e.pool.runs[0].grid })
	}
}

// Take returns the values that have become known since the last call, and forgets them; for use on a live stream. While
// the grid is being detected there are none.
func (e *VideoEstimator) Take() Series {
	if e.pool == nil {
		return Series{Step: time.Second}
	}
	return e.pool.take(e.epoch)
}

// Close ends the video and returns the estimate, with the values not taken before.
func (e *VideoEstimator) Close() Estimate {
	var err error
	if e.levels != nil {
		err = e.addAll(e.levels.flush())
	}
	if e.pool == nil {
		if err == nil {
			err = e.begin()
		}
		if err != nil || e.pool == nil {
			est := Estimate{Source: SourceVideo, Grid: e.opts.Grid, Reason: "there are too few frames", Series: Series{Step: time.Second}}
			if err != nil {
				est.Reason = err.Error()
			}
			return est
		}
	}
	end := e.newest + e.period
	for _, c := range e.cameras {
		c.finish(end)
	}
	e.pool.finish(end, e.cover.share)
	e.drop()
	est := e.pool.estimate(e.epoch)
	est.Source = SourceVideo
	est.Readout = e.cameras[0].readout()
	if !est.Present && e.cameras[0].blind() {
		est.Reason = fmt.Sprintf("light at %d Hz cannot be seen at %.4g frames a second without a rolling shutter",
			2*int(e.cameras[0].grid), 1/e.period)
	}
	return est
}
