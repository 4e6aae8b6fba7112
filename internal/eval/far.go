// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

// FARSource is what windows are taken from: recorded mains of one grid, a value a second, in pieces; and, where there
// are any, recordings made meanwhile.
type FARSource struct {
	Name string
	Grid enf.Grid
	// Truth holds the pieces.
	Truth []enf.Series
	// Recorded, if not nil, holds for each piece what a recorder made of it, second by second: its noise is then real.
	Recorded []enf.Estimate
	// Together says that the pieces are of the same time.
	Together bool
	// Statistics are what the likelihood ratio takes the grid to be like; nil for what it finds in the piece.
	Statistics *detect.Statistics
}

// FARNoise is what is added to the truth to make a recording of it.
type FARNoise struct {
	// Sigma is its standard deviation, in hertz; 0 for that of a real recording.
	Sigma float64
	// White says that seconds are independent, as from frames that do not overlap; else it is correlated as Hann frames of 16 s make it.
	White bool
	// Untold leaves the series without its uncertainties.
	Untold bool
}

// FAROptions says what is measured.
type FAROptions struct {
	// Windows are the lengths, in seconds.
	Windows []int
	Noises  []FARNoise
	// Pairs is the number of genuine and of unrelated windows of each case.
	Pairs int
	Seed  uint64
}

// FARCase is the result for one source, window and noise.
type FARCase struct {
	Source string
	Window int
	Noise  FARNoise
	// Genuine and Unrelated hold, by rule, the statistic of the windows in ascending order: correlation, or log-likelihood ratio in nats.
	Genuine, Unrelated map[detect.Rule][]float64
	// Verdicts counts what detect.Compare says of the window alone, genuine ones first.
	Verdicts [2]map[detect.Verdict]int
}

// What the windows of an experiment are made with, in hertz.
const (
	farClock     = 0.002  // standard deviation of a recorder's clock offset: 33 ppm at 60 Hz
	farReference = 0.0005 // noise of the reference
	farMargin    = 200    // seconds of the reference on either side of a window
	farLag       = 2.5    // seconds that a window may lie beside where it is claimed to
	farApart     = 600    // seconds between a window and one unrelated to it, at least, in one piece
)

// FAR measures the errors of both rules, over all sources, windows and noises. say is called with each case as it is done.
func FAR(ctx context.Context, sources []FARSource, o FAROptions, say func(FARCase)) ([]FARCase, error) {
	var cases []FARCase
	for _, s := range sources {
		for _, noise := range o.Noises {
			if (noise.Sigma == 0) != (s.Recorded != nil) {
				continue
			}
			for _, window := range o.Windows {
				c := farCase(ctx, s, window, noise, o)
				if err := ctx.Err(); err != nil {
					return cases, err
				}
				if len(c.Genuine[detect.RuleLLR]) == 0 {
					continue // the pieces are too short
				}
				cases = append(cases, c)
				if say != nil {
					say(c)
				}
			}
		}
	}
	return cases, nil
}

// farCase draws its pairs on all processors. Each pair has its own seed, so that the result does not depend on their number.
func farCase(ctx context.Context, s FARSource, window int, noise FARNoise, o FAROptions) FARCase {
	c := FARCase{
		Source: s.Name, Window: window, Noise: noise,
		Genuine: map[detect.Rule][]float64{}, Unrelated: map[detect.Rule][]float64{},
		Verdicts: [2]map[detect.Verdict]int{{}, {}},
	}
	found := make([][2]detect.Channel, o.Pairs)
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			for i := w; i < o.Pairs && ctx.Err() == nil; i += workers {
				rng := rand.New(rand.NewPCG(o.Seed, uint64(i)))
				found[i] = s.pair(ctx, window, noise, rng)
			}
		})
	}
	wg.Wait()
	for _, pair := range found {
		for k, ch := range pair {
			if math.IsNaN(ch.RMSE) {
				continue
			}
			into := c.Genuine
			if k == 1 {
				into = c.Unrelated
			}
			r := ch.Correlation
			if math.IsNaN(r) {
				r = 0
			}
			into[detect.RuleCorrelation] = append(into[detect.RuleCorrelation], r)
			llr := ch.LLR
			if math.Abs(ch.Lag) > farLag {
				llr = math.Inf(-1) // it lies elsewhere, better than where it is claimed to
			}
			into[detect.RuleLLR] = append(into[detect.RuleLLR], llr)
			c.Verdicts[k][ch.Verdict]++
		}
	}
	for _, m := range []map[detect.Rule][]float64{c.Genuine, c.Unrelated} {
		for _, x := range m {
			slices.Sort(x)
		}
	}
	return c
}

// pair returns the comparison of one window with its own time, and with another.
func (s FARSource) pair(ctx context.Context, window int, noise FARNoise, rng *rand.Rand) (pair [2]detect.Channel) {
	pair[0].RMSE, pair[1].RMSE = math.NaN(), math.NaN()
	p, at, ok := s.draw(window, rng)
	if !ok {
		return pair
	}
	est := s.record(p, at, window, noise, rng)
	if est.Series.Present() < window {
		return pair // the recording has a gap there
	}
	pair[0] = s.compare(ctx, est, p, at, window, rng)
	for range 1000 {
		q, other, _ := s.draw(window, rng)
		if q != p && !s.Together || max(at-other, other-at) > farApart+window {
			pair[1] = s.compare(ctx, est, q, other, window, rng)
			break
		}
	}
	return pair
}

// draw returns a piece and a second in it from which there are so many; longer pieces come more often.
func (s FARSource) draw(window int, rng *rand.Rand) (piece, at int, ok bool) {
	total := 0
	for _, t := range s.Truth {
		total += max(0, t.Len()-window)
	}
	if total == 0 {
		return 0, 0, false
	}
	at = rng.IntN(total)
	for i, t := range s.Truth {
		n := max(0, t.Len()-window)
		if at < n {
			return i, at, true
		}
		at -= n
	}
	return 0, 0, false
}

// record returns the estimate of a window.
func (s FARSource) record(piece, at, window int, noise FARNoise, rng *rand.Rand) enf.Estimate {
	if noise.Sigma == 0 {
		est := s.Recorded[piece]
		end := min(at+window, est.Series.Len())
		est.Series = est.Series.Slice(min(at, end), end)
		est.Series.Start = time.Time{}
		return est
	}
	hz := slices.Clone(s.Truth[piece].Hz[at : at+window])
	offset := farClock * rng.NormFloat64()
	for i, e := range noiseOf(noise, window, rng) {
		hz[i] += offset + e
	}
	out := enf.Series{Step: time.Second, Hz: hz}
	if !noise.Untold {
		out.Sigma = slices.Repeat([]float64{noise.Sigma}, window)
	}
	return enf.Estimate{Series: out, Source: enf.SourceAudio, Grid: s.Grid, Present: true}
}

// noiseOf returns n values of noise.
func noiseOf(noise FARNoise, n int, rng *rand.Rand) []float64 {
	const half = 8
	white := make([]float64, n+2*half)
	for i := range white {
		white[i] = noise.Sigma * rng.NormFloat64()
	}
	if noise.White {
		return white[:n]
	}
	out := make([]float64, n)
	for i := range out {
		// A Hann mean of 17 independent values has 0.2946 of their standard deviation.
		out[i] = hannMean(white[i:i+2*half+1]) / 0.2946
	}
	return out
}

// compare compares a window with the reference from a second on.
func (s FARSource) compare(ctx context.Context, est enf.Estimate, piece, at, window int, rng *rand.Rand) detect.Channel {
	t := s.Truth[piece]
	from, to := max(0, at-farMargin), min(t.Len(), at+window+farMargin)
	truth := enf.Series{Step: time.Second, Hz: slices.Clone(t.Hz[from:to])}
	if s.Recorded == nil {
		for i := range truth.Hz {
			truth.Hz[i] += farReference * rng.NormFloat64()
		}
	}
	length := time.Duration(window) * time.Second
	o := detect.Options{Window: length, Start: new(time.Duration(at-from) * time.Second), Statistics: s.Statistics}
	return detect.Compare(ctx, est, truth, o)
}

// ErrorRates are the errors of a rule at its best threshold, and at one that rejects one genuine window in a hundred.
type ErrorRates struct{ Equal, AcceptAt1 float64 }

// Rates returns the errors of a rule.
func (c FARCase) Rates(rule detect.Rule) ErrorRates {
	g, u := c.Genuine[rule], c.Unrelated[rule]
	if len(g) == 0 || len(u) == 0 {
		return ErrorRates{math.NaN(), math.NaN()}
	}
	out := ErrorRates{Equal: 1}
	for _, p := range roc(g, u) {
		out.Equal = min(out.Equal, max(p.reject, p.accept))
	}
	out.AcceptAt1 = above(u, g[len(g)/100])
	return out
}

// rocPoint is the errors at one threshold.
type rocPoint struct{ threshold, reject, accept float64 }

// roc returns the errors at every threshold that matters, in ascending order.
func roc(genuine, unrelated []float64) []rocPoint {
	all := slices.Concat(genuine, unrelated)
	slices.Sort(all)
	all = slices.Compact(all)
	out := make([]rocPoint, 0, len(all))
	for _, t := range all {
		out = append(out, rocPoint{t, 1 - above(genuine, t), above(unrelated, t)})
	}
	return out
}

// above returns the share of ascending values that are t or more.
func above(x []float64, t float64) float64 {
	i, _ := slices.BinarySearch(x, t)
	return float64(len(x)-i) / float64(len(x))
}
