// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/floats"

	"github.com/defakepro/defakepro/dsp"
)

const (
	// harmonicsMax is the highest harmonic looked at. Real hum seldom has more above the noise (SP Cup recordings:
	// 2 to 6).
	harmonicsMax = 10
	// audioBand is what decimation keeps, and audioRate the least rate it leaves, in hertz: harmonicsMax times 60 Hz
	// with its swing and the zoom's filter.
	audioBand, audioRate = 640, 1500
	// leastRate is the lowest sampling rate that holds the fundamental of either grid.
	leastRate = 150
	// mostRate is more than any sound is sampled at; beyond it a filter would take memory without bound.
	mostRate = 10e6
	// levelSeconds is what the level of a signal is averaged over: a fiftieth of a cycle of hum is left in it.
	levelSeconds = 0.2
	// silenceLeast is for how long samples must not move at all, in seconds, to be taken for none: what was muted, or added to fill up. It is the
	// shortest frame; what gates of noise and codecs leave out between words is shorter.
	silenceLeast = 4
	// latest is the latest that sound or picture may begin in a recording for its values to count from the recording's start, in seconds.
	latest = 600
	// jitter is how far a block's time may be from that of the sample after the block before, in seconds, to count
	// as its continuation: less than any lost packet, more than rounded time stamps.
	jitter = 0.05
)

// Options set an estimator up. The zero value detects the grid and keeps to the defaults.
type Options struct {
	// Grid is the nominal frequency; GridAuto detects it.
	Grid Grid
	// Observe, if not nil, is called with each spectrum slice, in order of time for each grid in question.
	Observe func(Slice)
	// Tone, if not nil, is called with the surroundings of each harmonic of sound, in order of time: for what needs their phase.
	Tone func(Tone)
	// Live makes values known about 10 s after their second instead of about 40: with less of what follows to go by, they are somewhat
	// less sure where there is little hum (docs/estimation.md).
	Live bool
	// Quick makes live values known about 4 s after their second for as long as the hum is as strong as a recorder has that is
	// plugged into the mains, from frames of four seconds. It is for sound, and those seconds are not observed.
	Quick bool
}

// AudioEstimator estimates ENF from sound: it takes blocks of samples of any rate and number of channels, and gives a
// value per second. It is not safe for concurrent use.
type AudioEstimator struct {
	opts     Options
	rate     float64 // of the input
	channels int
	epoch    time.Time
	offset   float64 // time of the first sample after epoch, seconds
	count    int     // samples so far, gaps included as far as they are gone through
	gaps     *gaps
	fronts   []*front
	cover    coverage
	pool     *pool
	still    float64 // the time from which on samples have stood still, seconds after epoch
	silent   float64 // up to which that has been taken for silence
}

// front is what happens to one mixture of the channels before the zooms.
type front struct {
	decimator *dsp.Decimator
	mixed     []float64
	low       []float64
	begun     bool
	base      float64 // the first sample
	newest    float64
	level     float64 // about which the samples move, above base
}

// NewAudio returns an estimator of the ENF in sound.
func NewAudio(o Options) *AudioEstimator { return &AudioEstimator{opts: o} }

// Write adds a block. Blocks must follow one another in time; where there is time between two, or samples are NaN, there
// is a gap, and no values are made up for it. It returns an error if the block cannot belong to the same signal, or gaps of more than six
// hours outweigh the signal by far.
func (e *AudioEstimator) Write(s dsp.Signal) error {
	if s.Len() == 0 {
		return nil
	}
	if e.pool == nil {
		if err := e.begin(s); err != nil {
			return err
		}
	}
	if s.Rate != e.rate {
		return fmt.Errorf("sampling rate changes from %g to %g Hz", e.rate, s.Rate)
	}
	if len(s.Channels) != e.channels {
		return fmt.Errorf("number of channels changes from %d to %d", e.channels, len(s.Channels))
	}
	for _, c := range s.Channels {
		if len(c) != s.Len() {
			return fmt.Errorf("channels have different lengths: %d and %d samples", s.Len(), len(c))
		}
	}
	at := s.Start.Sub(e.epoch).Seconds() - float64(e.gaps.folded())
	gap, skip := at-e.now(), 0
	if err := e.gaps.add(gap, float64(s.Len())/e.rate); err != nil {
		return err
	}
	switch {
	case gap > jitter:
		e.pause(gap)
	case gap < -jitter: // heard already
		skip = min(int(math.Round(-gap*e.rate)), s.Len())
	}
	// A second at a time, however long the block: what is remembered is bounded.
	for second := int(math.Ceil(e.rate)); skip < s.Len(); skip += second {
		e.take(s.Channels, skip, min(second, s.Len()-skip))
	}
	return nil
}

// begin sets the estimator up for the rate of its first block.
func (e *AudioEstimator) begin(s dsp.Signal) error {
	if !(s.Rate >= leastRate) || s.Rate > mostRate {
		return fmt.Errorf("sampled at %g Hz: mains hum needs at least %d, and nothing samples above %d", s.Rate, leastRate, int(mostRate))
	}
	e.rate, e.channels = s.Rate, len(s.Channels)
	e.epoch = epochOf(s.Start)
	e.offset = s.Start.Sub(e.epoch).Seconds()
	e.gaps = &gaps{live: e.opts.Live}
	inputs := 1
	if len(s.Channels) > 1 {
		inputs = 2 // middle and side
	}
	for range inputs {
		e.fronts = append(e.fronts, &front{decimator: dsp.NewDecimator(s.Rate, audioBand, audioRate)})
	}
	low := e.lowRate()
	var taps [harmonicsMax + 1]*dsp.Taps
	for k := 1; k <= harmonicsMax; k++ {
		taps[k] = dsp.NewTaps(float64(k)*zoomBand, low, float64(k)*zoomRate)
	}
	e.pool = newPool(e.opts, e.gaps, func(grid Grid) (lines []*line) {
		for k := 1; k <= harmonicsMax; k++ {
			if float64(k)*(float64(grid)+zoomBand) > low/2 {
				break
			}
			for i := range inputs {
				l := newLine(grid, k, i)
				l.tuner = dsp.NewDownconverter(float64(k)*float64(grid), e.offset, taps[k])
				lines = append(lines, l)
			}
		}
		return lines
	})
	return nil
}

// lowRate is the sampling rate after decimation.
func (e *AudioEstimator) lowRate() float64 { return e.rate / float64(e.fronts[0].decimator.Factor()) }

// now is the end of the samples so far, in the estimator's time.
func (e *AudioEstimator) now() float64 { return e.offset + float64(e.count)/e.rate }

// pause goes through a gap of so many seconds, save for what of it may be left out.
func (e *AudioEstimator) pause(gap float64) {
	if excess := e.gaps.excess(gap); excess > 0 {
		from := e.now()
		e.silence(int(keptGap / 2 * e.rate))
		e.hush(excess)
		e.gaps.fold(from, excess)
		gap -= e.now() - from + float64(excess)
	}
	e.silence(int(math.Round(gap * e.rate)))
	e.still = e.now()
}

// hush tells of the tones in so many seconds that are left out: there are none.
func (e *AudioEstimator) hush(seconds int) {
	if e.opts.Tone == nil {
		return
	}
	for second := range seconds { // no harmonic is far ahead of another
		e.pool.each(func(l *line) {
			e.tone(l, len(l.kept), e.gaps.folded()+second, make([]complex128, int(l.rate)))
		})
	}
}

// silence stands in for n missing samples.
func (e *AudioEstimator) silence(n int) {
	for n > 0 {
		m := min(n, int(math.Ceil(e.rate))) // no harmonic is far ahead of another
		for _, f := range e.fronts {
			f.mixed = append(f.mixed[:0], make([]float64, m)...)
			floats.AddConst(f.level, f.mixed)
		}
		e.count += m
		e.push()
		n -= m
	}
}

// take adds n samples that are there, from index skip on.
func (e *AudioEstimator) take(channels [][]float64, skip, n int) {
	missing := 0
	for i, f := range e.fronts {
		f.mixed = append(f.mixed[:0], make([]float64, n)...)
		mix(f.mixed, channels, skip, i == 1)
		missing = max(missing, f.begin())
	}
	from := e.now()
	share := 1 - float64(missing)/float64(n)
	e.cover.add(from, from+float64(n)/e.rate, share)
	e.hear(from, n)
	e.count += n
	e.push()
}

// epochOf returns the time that values count from: the start of a recording that does not say when it was made, also for a channel that
// begins a little later.
func epochOf(start time.Time) time.Time {
	if late := start.Sub(time.Time{}); late >= 0 && late <= latest*time.Second {
		return time.Time{}
	}
	return start.Truncate(time.Second)
}

// hear takes out of what is covered where the n samples from the given time on stand still for long: nothing was recorded there.
func (e *AudioEstimator) hear(from float64, n int) {
	mute := func(to float64) {
		if to-e.still >= silenceLeast {
			e.cover.add(max(e.still, e.silent), to, -1)
			e.silent = to
		}
	}
	for i := range n {
		moves := false
		for _, f := range e.fronts {
			x := f.mixed[i]
			moves = moves || x != f.newest
			f.newest = x
		}
		if moves {
			at := from + float64(i)/e.rate
			mute(at)
			e.still = at
		}
	}
	mute(from + float64(n)/e.rate)
}

// begin makes the input begin at zero, puts its level where samples are NaN or infinite, and returns how many these are.
func (f *front) begin() (missing int) {
	if !f.begun {
		first := slices.IndexFunc(f.mixed, finite)
		if first >= 0 {
			f.base, f.begun = f.mixed[first], true
		}
	}
	floats.AddConst(-f.base, f.mixed)
	for i, x := range f.mixed {
		if !finite(x) {
			f.mixed[i] = f.level
			missing++
		}
	}
	return missing
}

func finite(x float64) bool { return x-x == 0 }

// settle takes off the level that the decimated samples move about, of as many of late. A converter's offset, through
// filters of 80 dB, would stand at 60 Hz exactly.
func (f *front) settle(samples float64) {
	for i, x := range f.low {
		f.low[i] = x - f.level
		f.level += f.low[i] / samples
	}
}

// mix puts the mean of the channels into dst, or half the difference of the first two: hum that is in opposite phase, or on one side
// only, is not lost.
func mix(dst []float64, channels [][]float64, skip int, side bool) {
	if side {
		floats.SubTo(dst, channels[0][skip:skip+len(dst)], channels[1][skip:skip+len(dst)])
		floats.Scale(0.5, dst)
		return
	}
	for _, c := range channels {
		floats.AddScaled(dst, 1/float64(len(channels)), c[skip:skip+len(dst)])
	}
}

// push moves the mixtures through decimation into the zooms.
func (e *AudioEstimator) push() {
	for i, f := range e.fronts {
		f.low = f.decimator.Write(f.low[:0], f.mixed)
		f.settle(levelSeconds * e.lowRate())
		e.zoom(i)
	}
	e.pool.advance(e.cover.share)
}

// zoom feeds the low-rate samples of one front to its lines.
func (e *AudioEstimator) zoom(input int) {
	e.pool.each(func(l *line) {
		if l.input != input {
			return
		}
		n := len(l.kept)
		l.kept = l.tuner.Write(l.kept, e.fronts[input].low)
		if e.opts.Tone != nil && len(l.kept) > n {
			e.tone(l, n, e.gaps.folded(), l.kept[n:])
		}
	})
}

// tone hands on samples of a line, the first of which comes where the n-th of those kept does, so many seconds later.
func (e *AudioEstimator) tone(l *line, n, later int, samples []complex128) {
	e.opts.Tone(Tone{l.grid, l.number, l.input, l.rate, l.first + n + later*int(l.rate), samples})
}

// Take returns the values that have become known since the last call, and forgets them; for use on a live stream. While the
// grid is being detected there are none.
func (e *AudioEstimator) Take() Series {
	if e.pool == nil {
		return Series{Step: time.Second}
	}
	return e.pool.take(e.epoch)
}

// Close ends the signal and returns the estimate, with the values not taken before.
func (e *AudioEstimator) Close() Estimate {
	if e.pool == nil {
		return Estimate{Source: SourceAudio, Grid: e.opts.Grid, Reason: "there is no sound", Series: Series{Step: time.Second}}
	}
	for i, f := range e.fronts {
		f.low = f.decimator.Flush(f.low[:0])
		f.settle(levelSeconds * e.lowRate())
		e.zoom(i)
	}
	e.pool.finish(e.now(), e.cover.share)
	est := e.pool.estimate(e.epoch)
	est.Source = SourceAudio
	return est
}

// coverage knows which share of each second has signal. Seconds long past are forgotten.
type coverage struct {
	seconds [2 * ringSeconds]float64
	newest  int
}

// add notes that the time from one instant to another, in seconds, is covered to the given share.
func (c *coverage) add(from, to, share float64) {
	for s := int(math.Floor(from)); float64(s) < to; s++ {
		for ; c.newest < s; c.newest++ {
			c.seconds[(c.newest+1)%len(c.seconds)] = 0
		}
		part := math.Min(to, float64(s+1)) - math.Max(from, float64(s))
		c.seconds[s%len(c.seconds)] += part * share
	}
}

// share returns the share of a second that is covered.
func (c *coverage) share(second int) float64 {
	if second > c.newest || second <= c.newest-len(c.seconds) {
		return 0
	}
	return min(max(c.seconds[second%len(c.seconds)], 0), 1)
}
