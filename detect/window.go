// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "math"

// What a window must meet under RuleTests (docs/detection.md: with r > 0.8 alone unrelated minutes pass in 11 % of cases, with
// the offset as well in 2.5 %, with the RMSE as well in less than 1 %).
const (
	leastRMSE    = 0.003 // hertz; a genuine minute's worst was 3.5 mHz
	sigmas       = 3.0   // and otherwise so many times the stated uncertainty
	offsetSlack  = 0.001 // hertz that a window's mean may move beyond its uncertainty
	solidLLR     = 5.0   // nats that stand in for the correlation where the grid hardly moves
	forgedLLR    = -5.0  // nats at which a window is against the reference
	leastPresent = 0.5   // share of a window's seconds that must be there
	spanShare    = 5     // seconds of a forged span that make a window forged
)

// windowed is what the windows are cut from.
type windowed struct {
	hz, truth, noise []float64
	grid             grid
	offset           float64
	options          Options
}

// windows slides the window over the recording. A recording shorter than it has none.
func (w windowed) windows(spans []Span) []Window {
	length, shift := int(w.options.Window.Seconds()), int(w.options.Shift.Seconds())
	var out []Window
	for from := 0; from+length <= len(w.hz); from += shift {
		win := w.window(from, from+length)
		for _, s := range spans {
			cut := s.Kind == SpanCut && s.Start >= win.Start && s.End <= win.End
			if cut || min(s.End, win.End)-max(s.Start, win.Start) >= spanShare {
				win.Verdict = Forged
			}
		}
		out = append(out, win)
	}
	return out
}

// window compares seconds from to to-1.
func (w windowed) window(from, to int) Window {
	win := Window{
		Start: float64(from), End: float64(to),
		Correlation: math.NaN(), RMSE: math.NaN(), Offset: math.NaN(), Verdict: Undetermined,
	}
	var m moments
	variance := 0.0
	for i := from; i < to; i++ {
		if y, x := w.hz[i], w.truth[i]; !math.IsNaN(y) && !math.IsNaN(x) {
			m.add(x-w.grid.mean, y-w.grid.mean)
			variance += w.noise[i] * w.noise[i]
		}
	}
	if m.n < leastPresent*float64(to-from) {
		return win
	}
	fit := m.fit(0, 0, 1)
	win.Correlation, win.RMSE, win.Offset = fit.correlation, fit.rmse, fit.offset-w.offset
	win.LLR = w.grid.evidenceOver(w.hz[from:to], w.truth[from:to], w.offset, offsetSlack, w.noise[from:to])
	if w.options.Rule == RuleCorrelation {
		win.Verdict = Forged
		if win.Correlation >= w.options.Threshold {
			win.Verdict = Authentic
		}
		return win
	}
	win.Verdict = w.test(win, math.Sqrt(variance/m.n), m.n)
	return win
}

// test decides a window of n values with the uncertainty sigma.
func (w windowed) test(win Window, sigma, n float64) Verdict {
	independent := max(1, n/frameSeconds)
	near := win.RMSE < max(leastRMSE, sigmas*sigma)
	level := math.Abs(win.Offset) < offsetSlack+sigmas*sigma/math.Sqrt(independent)
	switch {
	// Where the grid hardly moves r says nothing, and the level together with the shape may say enough.
	case near && level && win.LLR > 0 && (win.Correlation >= w.options.Threshold || win.LLR >= solidLLR):
		return Authentic
	case !(near && level) && win.LLR < forgedLLR:
		return Forged
	}
	return Undetermined
}
