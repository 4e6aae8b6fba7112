// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

import (
	"math"
	"time"
)

const (
	// earlyFrame is the length, in seconds, of the frames that early values come from (in those of four speech makes
	// errors of 20-40 mHz), and earlySigma the uncertainty, in hertz, from which they are not given.
	earlyFrame, earlySigma = 8, 0.0015
	// earlyReach is how far from the ridge a line may have jumped and be found, and earlyStep the spacing of the places tried, in hertz:
	// less than half of what a frame resolves at the tenth harmonic.
	earlyReach, earlyStep = 0.15, 0.01
	// quickFrame is the length, in seconds, of the frames of quick values, and quickSigma the most uncertainty, in hertz, that they may
	// have: less than smear makes of a reference's values otherwise (docs/estimation.md). quickMove is the most that the frequency may have moved in
	// a second, in hertz: a third more than weak grids do.
	quickFrame, quickSigma, quickMove = 4, 0.5e-3, 0.04
)

// rush tells seconds of strong hum as soon as a short frame has them, without waiting for the ridge.
func (f *follower) rush() {
	for float64(f.told)+quickFrame/2 <= f.until() && !math.IsNaN(f.last) && f.heard(f.told, quickFrame) {
		v := f.blank(f.told)
		f.chosen = f.choose(f.told, &v)
		if len(f.chosen) == 0 || f.lines[f.chosen[0]].twin != nil {
			return
		}
		f.glimpse(f.told, quickFrame, f.last, &v)
		if !(v.sigma <= quickSigma) || math.Abs(v.hz-float64(f.grid)-f.last) > quickMove {
			return
		}
		f.told++
		f.out(v)
	}
}

// early returns values for the seconds that are not told yet, as far as frames of eight seconds reach and where they are new.
//
// A value that is told waits for frames of sixteen seconds and for the ridge to settle, 9-11 s. Where hum is strong a short frame
// about the place where the ridge was last is as good, within 6 s.
func (f *follower) early(yield func(value)) {
	f.hinted = max(f.hinted, f.told)
	for t := f.hinted; float64(t)+earlyFrame/2 <= f.until(); t++ {
		f.hinted = t + 1
		v := f.blank(t)
		if f.made > 0 && len(f.chosen) > 0 && f.lines[f.chosen[0]].twin == nil && f.heard(t, earlyFrame) {
			ridge := float64(f.row(f.found-1).bin-stripHalf) * binWidth
			if f.glimpse(t, earlyFrame, ridge, &v); v.sigma > earlySigma {
				v = f.blank(t)
			}
		}
		yield(v)
	}
}

// heard reports whether nearly all of a frame of so many seconds around second t has signal.
func (f *follower) heard(t, seconds int) bool {
	const enough = 0.75
	return f.signal(t, seconds) >= enough*float64(seconds)
}

// signal is how many of so many seconds around second t have signal.
func (f *follower) signal(t, seconds int) (covered float64) {
	for u := max(0, t-seconds/2); u < t+seconds/2; u++ {
		covered += f.covered(u)
	}
	return covered
}

// glimpse measures second t with a frame of so many seconds, if there is a line near a deviation.
func (f *follower) glimpse(t, seconds int, near float64, v *value) {
	r := f.row(f.made - 1) // its noise is the newest there is
	top, most := 0.0, math.Inf(-1)
	for _, i := range f.chosen {
		f.meter.frames[i] = f.meter.frames[i][:len(f.meter.windows[seconds][i].taps)]
		f.lines[i].cut(f.meter.frames[i], t)
	}
	for d := -earlyReach; d <= earlyReach; d += earlyStep {
		sum := 0.0
		for _, i := range f.chosen {
			sum += math.Log1p(f.meter.windows[seconds][i].read(f.meter.frames[i], f.lines[i].number, r.noise[i], near+d, 0).power)
		}
		if sum > most {
			top, most = near+d, sum
		}
	}
	fit, ok := f.meter.fit(r, t, seconds, f.chosen, top)
	if !ok || !fit.present() || math.Abs(fit.freq) > stripHalf*binWidth {
		return
	}
	l := f.lines[f.chosen[0]]
	v.hz, v.snr = float64(f.grid)+fit.freq, 10*math.Log10(fit.power)
	v.sigma = math.Hypot(math.Hypot(l.spread*fit.sigma, smear(seconds)), l.image*(fit.freq-l.still))
}

// early returns new early values, as a series whose second 0 is at epoch.
func (p *pool) early(epoch time.Time) Series {
	s := Series{Start: epoch, Step: time.Second}
	if len(p.runs) > 1 {
		return s
	}
	r := p.runs[0]
	first := max(r.hinted, r.told)
	start := p.gaps.second(first)
	s.Start = epoch.Add(time.Duration(start) * time.Second)
	r.early(func(v value) {
		if p.gaps.second(v.second) != start+len(s.Hz) { // beyond a gap
			return
		}
		s.Hz, s.Sigma, s.SNR = append(s.Hz, v.hz), append(s.Sigma, v.sigma), append(s.SNR, v.snr)
	})
	return s
}

// Early returns values for seconds that [AudioEstimator.Take] has none for yet, known 6 s after them; each is given once, and NaN where
// the hum is not strong enough to be read from so little. They are coarser than those that Take gives for the same seconds
// later, which replace them. There are none before Take has had some. For use on a live stream.
func (e *AudioEstimator) Early() Series {
	if e.pool == nil {
		return Series{Step: time.Second}
	}
	return e.pool.early(e.epoch)
}

// Early is [AudioEstimator.Early] for video. Where the light's alias falls on the still scene there are none.
func (e *VideoEstimator) Early() Series {
	if e.pool == nil {
		return Series{Step: time.Second}
	}
	return e.pool.early(e.epoch)
}
