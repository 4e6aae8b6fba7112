// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

// grid is n seconds of a made-up grid: a slow random walk that returns to nominal.
func grid(nominal float64, n int, seed uint64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 1))
	hz := make([]float64, n)
	level, slope := 0.0, 0.0
	for i := range hz {
		slope = 0.9*slope + 0.4*rng.NormFloat64()
		level = 0.995*level + slope
		hz[i] = to(nominal+level/1000, 1e-5)
	}
	return hz
}

// recorded is truth as a recording would have it: with noise of one uncertainty in hertz, an offset, and another grid in the
// forged spans.
func recorded(truth []float64, nominal enf.Grid, offset, sigma float64, spans []detect.Span, seed uint64) enf.Estimate {
	rng := rand.New(rand.NewPCG(seed, 2))
	other := grid(float64(nominal), len(truth), seed+1000)
	e := enf.Estimate{
		Source: enf.SourceAudio, Grid: nominal, Present: true, SNR: 21.3,
		Series: enf.Series{Step: time.Second},
		Harmonics: []enf.Harmonic{
			{Number: 1, SNR: 3.1}, {Number: 2, SNR: 19.4, Share: 1}, {Number: 3, SNR: 7.25, Share: 0.43},
			{Number: 4, SNR: 16.6, Share: 0.97}, {Number: 5, SNR: 1.2},
		},
	}
	for i, hz := range truth {
		for _, s := range spans {
			if s.Kind == detect.SpanForeign && float64(i) >= s.Start && float64(i) < s.End {
				hz = other[i]
			}
		}
		e.Series.Hz = append(e.Series.Hz, to(hz+offset+sigma*rng.NormFloat64(), 1e-5))
		e.Series.Sigma = append(e.Series.Sigma, to(sigma*(0.8+0.4*rng.Float64()), 1e-5))
		e.Series.SNR = append(e.Series.SNR, 21.3+2*rng.NormFloat64())
	}
	return e
}

// slide compares as a sliding window of a minute would.
func slide(rec, truth []float64, offset, threshold float64) []detect.Window {
	const window, shift = 60, 5
	var out []detect.Window
	for i := 0; i+window <= len(rec); i += shift {
		r, rmse := agreement(rec[i:i+window], truth[i:i+window])
		w := detect.Window{Start: float64(i), End: float64(i + window), Correlation: r, RMSE: rmse, Verdict: detect.Forged}
		for k := i; k < i+window; k++ {
			w.Offset += (rec[k] - truth[k] - offset) / window
		}
		w.Offset = to(w.Offset, 1e-6)
		if r >= threshold && rmse < 0.004 {
			w.Verdict = detect.Authentic
		}
		if math.IsNaN(r) {
			w.Verdict = detect.Undetermined
		}
		out = append(out, w)
	}
	return out
}

// to rounds to a step, so that golden files do not depend on how a processor rounds.
func to(x, step float64) float64 { return math.Round(x/step) * step }

// agreement is Pearson's r and the RMSE about the mean difference.
func agreement(a, b []float64) (r, rmse float64) {
	var ma, mb, saa, sbb, sab float64
	n := float64(len(a))
	for i := range a {
		ma += a[i] / n
		mb += b[i] / n
	}
	for i := range a {
		saa += (a[i] - ma) * (a[i] - ma)
		sbb += (b[i] - mb) * (b[i] - mb)
		sab += (a[i] - ma) * (b[i] - mb)
	}
	return to(sab/math.Sqrt(saa*sbb), 1e-4), to(math.Sqrt((saa+sbb-2*sab)/n), 1e-6)
}

// spectrogramOf renders slices in which the series stands out of the noise.
func spectrogramOf(s enf.Series, nominal enf.Grid, seed uint64) *Spectrogram {
	rng := rand.New(rand.NewPCG(seed, 3))
	const bins, step = 257, 1.0 / 128
	g := &Spectrogram{}
	slice := enf.Slice{From: float64(nominal) - 1, Step: step, Power: make([]float64, bins)}
	for i, hz := range s.Hz {
		slice.Second = s.Seconds(i)
		for k := range slice.Power {
			slice.Power[k] = rng.ExpFloat64()
			if d := (slice.From + float64(k)*step - hz) / 0.03; math.Abs(d) < 6 {
				slice.Power[k] += 400 * math.Exp(-d*d)
			}
		}
		g.Add(slice)
	}
	return g
}

// options are the defaults, filled in.
func options() detect.Options {
	return detect.Options{Window: time.Minute, Shift: 5 * time.Second, Threshold: 0.8, Rule: detect.RuleLLR, MaxLag: 2 * time.Second, FalseAlarms: 0.01}
}

// channel puts a constructed channel together.
func channel(truth []float64, e enf.Estimate, offset float64, spans []detect.Span) detect.Channel {
	c := detect.Channel{
		Estimate: e, Verdict: detect.Authentic, Lag: 0.4, Offset: offset, Forged: spans,
		Truth:      enf.Series{Start: e.Series.Start, Step: time.Second, Hz: truth},
		Windows:    slide(e.Series.Hz, truth, offset, 0.8),
		Reason:     "The recording follows the grid in every window.",
		Noise:      0.0018,
		Statistics: detect.Statistics{Mean: float64(e.Grid) + 0.0004, Spread: 0.0164, FastShare: 0.755, FastSeconds: 79, SmoothSeconds: 5, SlowSeconds: 1979, Hours: 24},
	}
	c.Correlation, c.RMSE = agreement(e.Series.Hz, truth)
	if len(spans) > 0 {
		c.Verdict, c.Reason = detect.Forged, "The frequency of the mains in the recording departs from the grid's."
	}
	return c
}

// authentic is ten minutes of a genuine recording.
func authentic() detect.Report {
	truth := grid(60, 600, 1)
	c := channel(truth, recorded(truth, enf.Grid60, 0.0012, 0.0015, nil, 1), 0.0012, nil)
	return detect.Report{
		Media: "talk.wav", Reference: "grid.csv", Grid: enf.Grid60, Verdict: c.Verdict, Reason: c.Reason,
		Options: options(), Channels: []detect.Channel{c},
	}
}

// forged is ten minutes with a foreign stretch and a cut, with a second channel without ENF.
func forged() detect.Report {
	spans := []detect.Span{
		{Start: 117, End: 179, Kind: detect.SpanForeign},
		{Start: 402, End: 404, Kind: detect.SpanCut, Jump: 30},
	}
	truth := grid(60, 600, 2)
	c := channel(truth, recorded(truth, enf.Grid60, 0.0012, 0.0015, spans, 2), 0.0012, spans)
	silent := noENF(600)
	return detect.Report{
		Media: "interview final (2).mp4", Reference: "2026-03-14.csv.gz", Grid: enf.Grid60, Verdict: c.Verdict, Reason: c.Reason,
		Options: options(), Channels: []detect.Channel{c, silent},
	}
}

// noENF is a channel of n seconds without ENF.
func noENF(n int) detect.Channel {
	nan := math.NaN()
	hz := make([]float64, n)
	for i := range hz {
		hz[i] = nan
	}
	return detect.Channel{
		Estimate: enf.Estimate{
			Source: enf.SourceVideo, Grid: enf.Grid60, Reason: "no line stands out of the noise", SNR: nan,
			Series: enf.Series{Step: time.Second, Hz: hz, Sigma: hz, SNR: hz},
		},
		Verdict: detect.Undetermined, Reason: "There is no trace of the mains in the picture.",
		Correlation: nan, RMSE: nan, Truth: enf.Series{Step: time.Second},
	}
}

// undetermined is a report without ENF.
func undetermined() detect.Report {
	c := noENF(90)
	return detect.Report{
		Media: "clip.mkv", Reference: "grid.csv", Grid: enf.Grid60, Verdict: c.Verdict, Reason: c.Reason,
		Options: options(), Channels: []detect.Channel{c},
	}
}
