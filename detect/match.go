// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"gonum.org/v1/gonum/dsp/fourier"

	"github.com/defakepro/defakepro/enf"
)

// Settings of the search, in seconds where nothing else is said.
const (
	matchBins    = 150    // a recording is averaged down to no fewer values than these; 1 h in 10 years takes seconds then
	matchCoarse  = 8.0    // but never over longer stretches: the grid moves 4 mHz in 8 s, of 16 (docs/detection.md)
	matchOverlap = 60.0   // least part of the recording that must lie on the reference
	matchApart   = 30.0   // matches nearer to each other are one match: a grid's frequency is alike for about a minute
	matchKeep    = 256    // coarse places that are looked at closely, at least
	matchStride  = 1 << 8 // and for each match wanted, up to
	matchWeighed = 16     // places whose evidence is worked out, at least, and twice as many as are wanted
	minBlock     = 1 << 12
)

// place is a candidate: an offset in seconds and how well the recording fits there.
type place struct{ offset, score float64 }

// FindMatches finds the places in the reference where the recording may have been made, best first: at most top of them, at
// least half a minute apart. It does not decide: [Match.LLR] says what each is worth, and a search over years finds
// good chance agreements for any short recording.
//
// It slides the recording along by FFT and chooses places by the likelihood of what is left after the mean difference is
// taken out, a mean difference of more than a clock's error counting against it, and ranks those by LLR. Gaps in either are left out. The
// recording may overhang either end of the reference by all but a minute. Both may be at a harmonic. The
// time is that of FFTs over the reference: an hour in ten years of a value a second takes seconds.
//
// It is an error if the two are not of one grid, which wraps [enf.ErrGrid] if their values do not tell which grid they are of, and
// if ctx ends before the search does.
func FindMatches(ctx context.Context, series, reference enf.Series, top int) ([]Match, error) {
	if top <= 0 {
		return nil, nil
	}
	series, reference, err := fundamentals(series, reference)
	if err != nil {
		return nil, err
	}
	rec := newTrack(series)
	ref := newReference(reference)
	grid := modelOf(reference)
	matches := make([]Match, 0, top)
	for _, p := range search(ctx, rec, ref, grid, top) {
		fit := rec.fit(ref, p.offset)
		m := Match{Offset: p.offset, Correlation: fit.correlation, RMSE: fit.rmse, Shift: fit.offset, LLR: p.score}
		if reference.Dated() {
			m.Time = reference.Start.Add(time.Duration(p.offset * float64(time.Second)))
		}
		matches = append(matches, m)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return matches, nil
}

// fundamentals returns both at the fundamental of the grid that one of them at least tells.
func fundamentals(series, reference enf.Series) (own, ref enf.Series, err error) {
	_, grid, err := reference.Fundamental(enf.GridAuto)
	if errors.Is(err, enf.ErrGrid) {
		_, grid, err = series.Fundamental(enf.GridAuto)
	}
	if err == nil {
		ref, _, err = reference.Fundamental(grid)
	}
	if err != nil {
		return own, ref, fmt.Errorf("reference: %w", err)
	}
	if own, _, err = series.Fundamental(grid); err != nil {
		return own, ref, fmt.Errorf("recording: %w", err)
	}
	return own, ref, nil
}

// search returns the distinct places of rec in ref with the most evidence, at most top, best first. Their scores are
// the evidence. It finds none once ctx ends.
func search(ctx context.Context, rec track, ref reference, g Statistics, top int) []place {
	if rec.present() == 0 || len(ref.hz) == 0 {
		return nil
	}
	if !g.calm {
		g = g.searching()
	}
	c := newCoarse(rec, ref)
	keep := max(matchKeep, min(top, matchStride)*4)
	candidates := distinct(c.run(ctx, keep), keep) // a place and its neighbours are refined to the same one
	for i, p := range candidates {
		if ctx.Err() != nil {
			return nil
		}
		candidates[i] = rec.refine(ref, p.offset, c.bin)
	}
	candidates = distinct(candidates, max(matchWeighed, 2*top)) // evidence takes its time
	for i, p := range candidates {
		if ctx.Err() != nil {
			return nil
		}
		candidates[i].score = g.evidence(rec.hz, rec.along(ref, p.offset, 0), rec.noise(rec.fit(ref, p.offset).rmse))
	}
	return distinct(candidates, top)
}

// distinct sorts places and thins them out.
func distinct(places []place, top int) []place {
	byScore := func(a, b place) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.offset, b.offset))
	}
	slices.SortFunc(places, byScore)
	var kept []place
	for _, p := range places {
		if len(kept) == top {
			break
		}
		near := func(q place) bool { return math.Abs(p.offset-q.offset) < matchApart }
		if !math.IsInf(p.score, -1) && !slices.ContainsFunc(kept, near) {
			kept = append(kept, p)
		}
	}
	return kept
}

// refine finds the best offset within reach of a coarse one: on the finer grid of the two, then between its points.
func (rec track) refine(ref reference, offset, reach float64) place {
	step := min(ref.step, 1)
	best := place{offset, math.Inf(-1)}
	at := func(offset float64) float64 { return rec.fit(ref, offset).score(rec.spread) }
	base := math.Round(offset/step) * step
	for o := base - reach; o <= base+reach; o += step {
		if s := at(o); s > best.score {
			best = place{o, s}
		}
	}
	for _, h := range []float64{step / 2, step / 4, step / 8} {
		for _, o := range []float64{best.offset - h, best.offset + h} {
			if s := at(o); s > best.score {
				best = place{o, s}
			}
		}
	}
	return best
}

// coarse is a search at a reduced rate.
type coarse struct {
	ref     reference
	bin     float64 // seconds
	per     int     // values of the reference in a bin
	y       []float64
	center  float64 // of the recording, in hertz; what the spectra leave out
	lead    int     // bins by which the recording may begin before the reference
	places  int     // offsets to try
	gaps    bool
	spread  float64
	overlap int // least number of bins in common

	size, valid         int // of an FFT block: its length, and the offsets it settles
	specY, specW, spec2 []complex128
}

func newCoarse(rec track, ref reference) *coarse {
	c := &coarse{ref: ref, spread: rec.spread, center: rec.mean}
	want := min(max(float64(len(rec.hz))/matchBins, ref.step, 1), matchCoarse)
	c.per = max(1, int(math.Round(want/ref.step)))
	c.bin = float64(c.per) * ref.step
	c.y = rec.binned(c.bin)
	n, present := len(c.y), 0
	for _, v := range c.y {
		if !math.IsNaN(v) {
			present++
		}
	}
	c.gaps = present < n
	c.overlap = max(1, min(present, int(math.Ceil(matchOverlap/c.bin))))
	c.lead = n - c.overlap
	bins := (len(ref.hz) + c.per - 1) / c.per
	c.places = max(0, bins+n-2*c.overlap+1)
	for c.size = minBlock; c.size < 8*n && c.size < 2*(c.places+n); c.size *= 2 {
	}
	for c.size < 2*n {
		c.size *= 2
	}
	c.valid = c.size - n + 1
	y, w, y2 := make([]complex128, c.size), make([]complex128, c.size), make([]complex128, c.size)
	for i, v := range c.y {
		if !math.IsNaN(v) {
			d := v - rec.mean
			y[i], w[i], y2[i] = complex(d, 0), 1, complex(d*d, 0)
		}
	}
	fft := fourier.NewCmplxFFT(c.size)
	c.specY = conjugate(fft.Coefficients(nil, y))
	c.specW = conjugate(fft.Coefficients(nil, w))
	c.spec2 = conjugate(fft.Coefficients(nil, y2))
	return c
}

func conjugate(z []complex128) []complex128 {
	for i, v := range z {
		z[i] = complex(real(v), -imag(v))
	}
	return z
}

// run scores every place, until ctx ends, and returns the best local maxima, in no order, keep of them for each worker.
func (c *coarse) run(ctx context.Context, keep int) []place {
	blocks := (c.places + c.valid - 1) / c.valid
	workers := min(runtime.GOMAXPROCS(0), (blocks+1)/2)
	found := make([]topPlaces, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			b := c.newBlocks(keep)
			for i := 2 * w; i < blocks && ctx.Err() == nil; i += 2 * workers { // in pairs: one complex FFT transforms both
				b.pair(i, min(i+2, blocks))
			}
			found[w] = b.top
		})
	}
	wg.Wait()
	var all []place
	for _, f := range found {
		all = append(all, f.places...)
	}
	return all
}
