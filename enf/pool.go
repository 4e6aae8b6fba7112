// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

import (
	"math"
	"time"
)

const (
	// settleValues and settleRatio say when the grid is known: one of the two has this many values, and this many
	// times the other's evidence.
	settleValues, settleRatio = 90, 4
	// leastValues is how many seconds of ENF there must be before any is said to be present. Speech alone is taken for ENF in
	// 0.07 % of the seconds (docs/results/audio.md), seldom for more than a few in a row.
	leastValues = 8
	// leastShare is the least share of a recording's seconds that must have ENF, and leastTwinShare that where the
	// light's alias falls on the scene: values that are few there are wrong by 4-8 mHz, where they are most by 0.5-2
	// (docs/results/video.md).
	leastShare, leastTwinShare = 0.02, 0.4
)

// pool runs a follower for each grid frequency in question and keeps the better.
type pool struct {
	runs []*run
	gaps *gaps
}

// run is one follower with what it has found.
type run struct {
	*follower
	hz, sigma, snr []float64 // not taken yet
	first          int       // second of hz[0]
	seconds        int       // values so far
	heard          int       // of them with signal near
	present        int       // of them not NaN
	evidence       int       // summed over these, the number of lines that took part
	used           []int     // per group, the values it took part in
	levels         []float64 // per group, its level in decibels, summed over those with signal near
	snrs           [snrBins]int
}

// snrBins is the number of one-decibel steps that the SNR's distribution is kept in.
const snrBins = 200

func newPool(o Options, g *gaps, lines func(Grid) []*line) *pool {
	p := &pool{gaps: g}
	if observe := o.Observe; observe != nil {
		o.Observe = func(s Slice) {
			s.Second = float64(g.second(int(s.Second)))
			observe(s)
		}
	}
	grids := []Grid{o.Grid}
	if o.Grid == GridAuto {
		grids = []Grid{Grid50, Grid60}
	}
	for _, grid := range grids {
		r := &run{}
		r.follower = newFollower(grid, lines(grid), o, func(v value) {
			for r.seconds < g.second(v.second) { // left out
				r.add(value{hz: math.NaN(), sigma: math.NaN(), snr: math.NaN()})
			}
			r.add(v)
		})
		r.used, r.levels = make([]int, len(r.groups)), make([]float64, len(r.groups))
		p.runs = append(p.runs, r)
	}
	return p
}

func (r *run) add(v value) {
	r.hz, r.sigma, r.snr = append(r.hz, v.hz), append(r.sigma, v.sigma), append(r.snr, v.snr)
	r.seconds++
	if v.heard {
		r.heard++
		for g, level := range v.levels {
			r.levels[g] += level
		}
	}
	if math.IsNaN(v.hz) {
		return
	}
	r.present++
	r.snrs[min(max(int(v.snr), 0), snrBins-1)]++
	for g, used := range v.used {
		if used {
			r.used[g]++
			r.evidence++
		}
	}
}

// medianSNR is the median over the values present, in decibels.
func (r *run) medianSNR() float64 {
	seen := 0
	for db, n := range r.snrs {
		if seen += n; 2*seen > r.present {
			return float64(db) + 0.5
		}
	}
	return 0
}

// each calls f for every line of every follower.
func (p *pool) each(f func(*line)) {
	for _, r := range p.runs {
		for _, l := range r.lines {
			f(l)
		}
	}
}

func (p *pool) advance(covered func(int) float64) {
	for _, r := range p.runs {
		r.advance(covered)
	}
	p.settle(false)
}

func (p *pool) finish(end float64, covered func(int) float64) {
	for _, r := range p.runs {
		r.finish(end, covered)
	}
	p.settle(true)
}

// settle drops the grid that is not this signal's, once that is clear or there is nothing more to come.
func (p *pool) settle(last bool) {
	if len(p.runs) == 1 {
		return
	}
	a, b := p.runs[0], p.runs[1]
	if b.evidence > a.evidence {
		a, b = b, a
	}
	if last || a.present >= settleValues && a.evidence >= settleRatio*b.evidence {
		p.runs = []*run{a}
	}
}

// take removes and returns the values known so far, as a series whose second 0 is at epoch.
func (p *pool) take(epoch time.Time) Series {
	if len(p.runs) > 1 {
		return Series{Start: epoch, Step: time.Second}
	}
	r := p.runs[0]
	s := Series{Start: epoch.Add(time.Duration(r.first) * time.Second), Step: time.Second, Hz: r.hz, Sigma: r.sigma, SNR: r.snr}
	r.first += len(r.hz)
	r.hz, r.sigma, r.snr = nil, nil, nil
	return s
}

// estimate sums up what the signal held. The signal must be finished.
func (p *pool) estimate(epoch time.Time) Estimate {
	r := p.runs[0]
	e := Estimate{Series: p.take(epoch), Grid: r.grid, SNR: r.medianSNR()}
	for g, group := range r.groups {
		e.Harmonics = append(e.Harmonics, Harmonic{
			Number: r.lines[group[0]].number,
			SNR:    r.levels[g] / math.Max(1, float64(r.heard)),
			Share:  float64(r.used[g]) / math.Max(1, float64(r.seconds)),
		})
	}
	least := leastShare
	if r.lines[0].twin != nil {
		least = leastTwinShare
	}
	switch {
	case r.seconds < frameLengths[0]:
		e.Reason = "the recording is too short"
	case r.present < leastValues || float64(r.present) < least*float64(r.seconds):
		e.Reason = "no mains hum or flicker rises above the noise"
	default:
		e.Present = true
	}
	return e
}
