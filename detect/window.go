// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "math"

// What a window must meet under RuleLLR. An unrelated minute reaches x nats at most once in exp(x) times.
const (
	offsetSlack  = 0.001 // hertz that a window's mean may move beyond its uncertainty
	solidLLR     = 5.0   // nats at which a window is for the reference
	leastPresent = 0.5   // share of a window's seconds that must be there
	spanShare    = 5     // seconds of a forged span that make a window forged
)

// windowed is what the windows are cut from.
type windowed struct {
	hz, truth []float64
	noise     uncertainty
	grid      Statistics
	offset    float64
	options   Options
}

// windows slides the window over the recording. A recording shorter than it has none.
func (w windowed) windows(spans []Span) []Window {
	length, shift := int(w.options.Window.Seconds()), int(w.options.Shift.Seconds())
	var out []Window
	from := 0
	if last := (len(w.hz) - length) / shift; w.options.Recent > 0 && last >= w.options.Recent {
		from = (last - w.options.Recent + 1) * shift
	}
	for ; from+length <= len(w.hz); from += shift {
		win := w.window(from, from+length)
		win.accuse(spans)
		out = append(out, win)
	}
	return out
}

// accuse makes the window forged if one of the spans is in it.
func (win *Window) accuse(spans []Span) {
	for _, s := range spans {
		cut := s.Kind == SpanCut && s.Start >= win.Start && s.End <= win.End
		if cut || min(s.End, win.End)-max(s.Start, win.Start) >= spanShare {
			win.Verdict = Forged
		}
	}
}

// window compares seconds from to to-1.
func (w windowed) window(from, to int) Window {
	win := Window{
		Start: float64(from), End: float64(to),
		Correlation: math.NaN(), RMSE: math.NaN(), Offset: math.NaN(), Verdict: Undetermined,
	}
	var m moments
	for i := from; i < to; i++ {
		if y, x := w.hz[i], w.truth[i]; !math.IsNaN(y) && !math.IsNaN(x) {
			m.add(x-w.grid.Mean, y-w.grid.Mean)
		}
	}
	if m.n < leastPresent*float64(to-from) {
		return win
	}
	fit := m.fit(0, 0, 1)
	win.Correlation, win.RMSE, win.Offset = fit.correlation, fit.rmse, fit.offset-w.offset
	win.LLR = w.grid.evidenceOver(w.hz[from:to], w.truth[from:to], w.offset, offsetSlack, w.noise.slice(from, to))
	if w.options.Rule == RuleCorrelation {
		win.Verdict = Forged
		if win.Correlation >= w.options.Threshold {
			win.Verdict = Authentic
		}
		return win
	}
	switch {
	case win.LLR >= solidLLR:
		win.Verdict = Authentic
	case win.LLR <= -w.options.AlarmPrice():
		win.Verdict = Forged
	}
	return win
}
