// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package media

import (
	"math"
	"time"

	"github.com/defakepro/defakepro/dsp"
)

const (
	// gapLeast is the least jump of the audio timestamps that counts as a gap. Containers round to a millisecond (Matroska,
	// FLV) and recorders of calls jitter by a few; the shortest packet in common use that can be lost lasts 20 ms (Opus, RFC 6716).
	gapLeast = 10 * time.Millisecond
	// gapReset is the least step back that is taken as a restart of the clock, rather than as jitter.
	gapReset = time.Second
	// driftSettle is how much audio it takes to follow a slow drift between timestamps and sample clock: long against jitter,
	// short against the 100 s in which a clock that is 100 ppm off builds up gapLeast.
	driftSettle = 8 * time.Second
	// noTime marks a block without a timestamp: it follows the one before.
	noTime = time.Duration(math.MinInt64)
)

// audioClock says where blocks of audio lie in time, from their timestamps and from the count of samples. The count rules, as a
// recorder's sample clock is steadier than its timestamps; only a jump moves it, so that jitter and drift never break the
// phase of a tone. It never runs backwards.
type audioClock struct {
	rate    int
	anchor  time.Duration // where the present run of samples began
	count   int64         // samples since
	drift   time.Duration // of the timestamps against the clock
	started bool
}

// next returns the start of a block of n samples at the given rate, with timestamp pts.
func (c *audioClock) next(pts time.Duration, n, rate int) time.Duration {
	now := c.now()
	switch {
	case !c.started:
		c.started = true
		now = max(pts, 0)
		if pts != noTime {
			now = pts
		}
		c.anchor, c.count = now, 0
	case rate != c.rate:
		c.anchor, c.count = now, 0
	}
	c.rate = rate
	if pts != noTime {
		switch off := pts - now - c.drift; {
		case off > gapLeast:
			now += off
			c.anchor, c.count = now, 0
		case off < -gapReset:
			c.drift += off
		case off > -gapLeast:
			share := min(1, float64(n)/float64(rate)/driftSettle.Seconds())
			c.drift += time.Duration(share * float64(off))
		}
	}
	c.count += int64(n)
	return now
}

// now is the end of what has been counted.
func (c *audioClock) now() time.Duration {
	if c.rate == 0 {
		return 0
	}
	return at(c.anchor, c.count, c.rate)
}

// frameClock says when video frames are shown: at their timestamps, or one nominal period after the frame before where a frame
// has none or the clock steps back.
type frameClock struct {
	period  time.Duration
	last    time.Duration
	started bool
}

func (c *frameClock) next(pts time.Duration) time.Duration {
	switch {
	case !c.started && pts == noTime:
		pts = 0
	case c.started && pts <= c.last: // noTime included
		pts = c.last + max(c.period, 1)
	}
	c.started, c.last = true, pts
	return pts
}

// timeline puts the blocks of one recording on its time line, and knows whether it ended where it should.
type timeline struct {
	audio    audioClock
	video    frameClock
	declared time.Duration // where the recording should end; 0 when that is not known
}

func newTimeline(i Info, declared time.Duration) *timeline {
	t := &timeline{declared: declared}
	if i.FrameRate > 0 {
		t.video.period = time.Duration(float64(time.Second) / i.FrameRate)
	}
	return t
}

// sound makes a block of planar samples.
func (t *timeline) sound(pts time.Duration, rate int, channels [][]float64) Block {
	start := t.audio.next(pts, len(channels[0]), rate)
	return Block{Audio: &dsp.Signal{Start: time.Time{}.Add(start), Rate: float64(rate), Channels: channels}}
}

// picture makes a block of the mean luma of rows × strips.
func (t *timeline) picture(pts time.Duration, rows, strips int, mean []float64) Block {
	shown := t.video.next(pts)
	return Block{Luma: &dsp.Luma{Time: time.Time{}.Add(shown), Rows: rows, Strips: strips, Mean: mean}}
}

// finish returns nil if the recording ended about where it should, else an error wrapping ErrIncomplete. Headers are
// allowed a second and a hundredth: they round, and the last frame's duration is often a guess.
func (t *timeline) finish() error {
	end := t.audio.now()
	if t.video.started {
		end = max(end, t.video.last+t.video.period)
	}
	if end < t.declared-t.declared/100-time.Second {
		return short(end, t.declared)
	}
	return nil
}

// strip returns the columns [from, to) of strip s of n in a picture of the given width.
func strip(s, n, width int) (from, to int) {
	return s * width / n, (s + 1) * width / n
}

// means turns sums of code values over rows × strips cells into shares of full scale, peak being the largest code.
func means(sums []uint32, strips, width int, peak float64) []float64 {
	mean := make([]float64, len(sums))
	for s := range strips {
		from, to := strip(s, strips, width)
		cell := float64(to-from) * peak
		for i := s; i < len(sums); i += strips {
			mean[i] = float64(sums[i]) / cell
		}
	}
	return mean
}
