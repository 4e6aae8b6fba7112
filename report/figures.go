// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

// A figure is a plot laid out for wide and for narrow screens; the page's style shows one of them.
type figure struct {
	Heading, Caption string
	Drawings         [2]drawing
	ImageID          string       // of the image that both drawings use; empty without one
	Image            template.URL // its data
	Scale            bool         // explain the colours
}

// newFigure lays p out.
func newFigure(heading, caption string, p plot) figure {
	return figure{
		Heading:  heading,
		Caption:  caption,
		Drawings: [2]drawing{p.draw(wideWidth, "wide"), p.draw(narrowWidth, "narrow")},
	}
}

// hasJumps reports whether the channel has a cut that only the hum's phase shows.
func hasJumps(c detect.Channel) bool { return slices.ContainsFunc(c.Forged, jump) }

// channelFigures draws one channel: frequency and difference, correlation and RMSE, spectrogram. id makes the names of
// its parts unique in the page.
func channelFigures(h HTML, c detect.Channel, g *Spectrogram, id string) ([]figure, error) {
	r, end := h.Report, channelSeconds(c)
	var figures []figure
	if (h.Alone || hasJumps(c)) && c.Estimate.Source == enf.SourceAudio && c.Estimate.Present {
		if layers := phaseLayers(h.Tones, c.Estimate); len(layers) > 0 {
			figures = append(figures, phaseFigure(c, layers, end))
		}
	}
	switch {
	case c.Estimate.Series.Present() == 0:
	case h.Alone && c.Truth.Present() == 0:
		figures = append(figures, ownFigure(r, c, end))
	default:
		figures = append(figures, frequencyFigure(r, c, end, h.against()))
	}
	if len(c.Windows) > 0 {
		figures = append(figures, windowFigure(r, c, end, h.against()))
	}
	if !g.empty() {
		f, err := spectrogramFigure(r, c, g, id, end)
		if err != nil {
			return nil, fmt.Errorf("spectrogram: %w", err)
		}
		figures = append(figures, f)
	}
	return figures, nil
}

// channelSeconds is the length of a channel's time axis.
func channelSeconds(c detect.Channel) float64 {
	last := lastSecond(c.Estimate.Series)
	for _, w := range c.Windows {
		if finite(w.End) {
			last = max(last, w.End)
		}
	}
	return duration(last)
}

// difference is the recording's frequency less the reference's and the constant offset, in millihertz; NaN where
// either is missing.
func difference(c detect.Channel) []float64 {
	offset := c.Offset
	if !finite(offset) {
		offset = 0
	}
	out := make([]float64, c.Estimate.Series.Len())
	for i, hz := range c.Estimate.Series.Hz {
		out[i] = 1000 * (hz - at(c.Truth.Hz, i) - offset)
	}
	return out
}

// ownFigure shows the recording's ENF, where there is nothing to lay it over.
func ownFigure(r detect.Report, c detect.Channel, end float64) figure {
	series := c.Estimate.Series
	times := seconds(series)
	top := panel{label: "frequency, Hz", height: 160, y: rangeOf(float64(r.Grid), 0.004, series.Hz), spans: c.Forged, digits: 2}
	caption := "The frequency read from the recording each second."
	if len(series.Sigma) == len(times) {
		top.layers = append(top.layers, layer{class: "band", name: "± 2 standard uncertainties", t: times, y: series.Hz, err: scaled(series.Sigma, 2)})
		caption += " The pale band is twice the standard uncertainty of each value."
	}
	top.layers = append(top.layers, layer{class: "recording", name: "recording", t: times, y: series.Hz})
	return newFigure("Frequency of the hum", caption+shadingText(c.Forged)+outsideText(top.y.outside(series.Hz)), plot{
		title: "Frequency of the recording over time", desc: spansText(c.Forged), seconds: end, panels: []panel{top},
	})
}

// frequencyFigure shows the recording's ENF over that of what it is held against, and their difference.
func frequencyFigure(r detect.Report, c detect.Channel, end float64, against string) figure {
	series := c.Estimate.Series
	times := seconds(series)
	recording := layer{class: "recording", name: "recording", t: times, y: series.Hz}
	reference := layer{class: "reference", name: against, t: times, y: padded(c.Truth.Hz, len(times))}
	delta := difference(c)
	top := panel{label: "frequency, Hz", height: 230, y: rangeOf(float64(r.Grid), 0.004, series.Hz, c.Truth.Hz), spans: c.Forged, digits: 2}
	below := panel{label: "recording − " + against + ", mHz", height: 150, y: rangeOf(0, 4, delta, []float64{0}), spans: c.Forged, quiet: true}
	var band string
	if len(series.Sigma) == len(times) && len(times) > 0 {
		sigma := layer{class: "band", name: "± 2 standard uncertainties", t: times, y: series.Hz, err: scaled(series.Sigma, 2)}
		top.layers = append(top.layers, sigma)
		below.layers = append(below.layers, layer{class: "band", t: times, y: delta, err: scaled(series.Sigma, 2000)})
		band = " The pale band is twice the standard uncertainty of each value."
	}
	top.layers = append(top.layers, reference, recording)
	below.layers = append(below.layers, layer{class: "recording", t: times, y: delta})
	below.rules = []rule{{class: "zero", y: 0}}
	caption := "Above, the frequency read from the recording each second, over the grid's by the " + against + ". Below, the recording less the " + against +
		offsetClause(c.Offset, r.Grid) + "; a genuine recording stays near zero." +
		band + shadingText(c.Forged) + outsideText(top.y.outside(series.Hz)+below.y.outside(delta))
	return newFigure("Frequency against the "+against, caption, plot{
		title: "Frequency of the recording and of the " + against + " over time, and their difference",
		desc: fmt.Sprintf("%s of %s seconds have a frequency. %s", decimals(float64(series.Present()), 0), decimals(float64(series.Len()), 0),
			spansText(c.Forged)),
		seconds: end,
		panels:  []panel{top, below},
	})
}

// windowFigure shows what each position of the sliding window gave.
func windowFigure(r detect.Report, c detect.Channel, end float64, against string) figure {
	n := len(c.Windows)
	times, correlation, rmse := make([]float64, n), make([]float64, n), make([]float64, n)
	for i, w := range c.Windows {
		times[i], correlation[i], rmse[i] = (w.Start+w.End)/2, w.Correlation, 1000*w.RMSE
	}
	least := math.Min(0, quantile(sorted(append(correlation[:n:n], 0)), 0))
	threshold := rule{class: "threshold", name: "threshold " + decimals(r.Options.Threshold, 2), y: r.Options.Threshold}
	panels := []panel{
		{
			label: "correlation", height: 150, y: limits{math.Max(-1, math.Floor(least*2)/2) - 0.05, 1.05}, spans: c.Forged,
			layers: []layer{{class: "recording", t: times, y: correlation}},
			rules:  []rule{threshold},
			strip:  windowCells(c.Windows, end), thick: 7,
		},
		{
			label: "RMSE, mHz", height: 110, y: limits{0, math.Max(2, rangeOf(0, 2, rmse).hi)}, spans: c.Forged, quiet: true,
			layers: []layer{{class: "error", t: times, y: rmse}},
		},
	}
	caption := fmt.Sprintf("Pearson correlation of recording and %s within a window of %s that moves by %s, drawn at the window's middle, and the "+
		"root mean square difference (RMSE) without the constant offset. The strip shows what each window alone says: %s. ",
		against, length(r.Options.Window.Seconds()), length(r.Options.Shift.Seconds()), tallyText(c.Windows)) +
		"Neighbouring windows share most of their values, so a forged span pulls the curve down before and after itself." + belowText(r.Options, c.Windows) +
		outsideText(panels[1].y.outside(rmse))
	return newFigure("Agreement over time", caption, plot{
		title:   "Correlation and root mean square difference of the sliding window over time",
		desc:    fmt.Sprintf("Windows: %s. Over all values: correlation %s, RMSE %s.", tallyText(c.Windows), decimals(c.Correlation, 3), millihertz(c.RMSE)),
		seconds: end,
		panels:  panels,
	})
}

// windowCells are the verdicts of the windows, each from halfway to its predecessor to halfway to its successor; the
// first and the last reach the ends of the recording that they saw.
func windowCells(windows []detect.Window, end float64) []cell {
	middle := func(i int) float64 { return (windows[i].Start + windows[i].End) / 2 }
	var out []cell
	for i, w := range windows {
		c := cell{class: "cell-undetermined", name: "undetermined", start: w.Start, end: math.Min(w.End, end)}
		switch w.Verdict {
		case detect.Authentic:
			c.class, c.name = "cell-authentic", "authentic"
		case detect.Forged:
			c.class, c.name = "cell-forged", "forged window"
		}
		if i > 0 {
			c.start = (middle(i-1) + middle(i)) / 2
		}
		if i+1 < len(windows) {
			c.end = (middle(i) + middle(i+1)) / 2
		}
		if finite(c.start) && finite(c.end) {
			out = append(out, c)
		}
	}
	return out
}

// spectrogramFigure shows the spectrum that the frequency was read from, with the track over it.
func spectrogramFigure(r detect.Report, c detect.Channel, g *Spectrogram, id string, end float64) (figure, error) {
	shown := g.band()
	if c.Estimate.Series.Present() > 0 {
		near := rangeOf(float64(r.Grid), 0.2, c.Estimate.Series.Hz, c.Truth.Hz)
		extra := (near.hi - near.lo) / 4
		shown = limits{math.Max(shown.lo, near.lo-extra), math.Min(shown.hi, near.hi+extra)}
		if shown.hi <= shown.lo {
			shown = g.band()
		}
	}
	low, high := g.crop(shown)
	raw, err := g.render(low, high)
	if err != nil {
		return figure{}, err
	}
	start, stop := g.seconds()
	times := seconds(c.Estimate.Series)
	used := usedHarmonics(c)
	p := plot{
		title:   "Spectrogram around the harmonics used, with the frequency that was read from it",
		desc:    "The same frequencies as in the plot of frequency, as a line over the power of the recording around " + used + ".",
		seconds: end,
		panels: []panel{{
			label: "frequency, Hz", height: 240, y: shown, digits: 2, spans: c.Forged, quiet: true,
			image: &picture{id: id + "-image", start: start, end: stop, y: limits{g.from + float64(low)*g.step, g.from + float64(high)*g.step}},
			layers: []layer{
				{class: "casing", t: times, y: c.Estimate.Series.Hz},
				{class: "track", t: times, y: c.Estimate.Series.Hz},
			},
		}},
	}
	caption := "Power around " + used + ", on the scale of the fundamental. A trace of the mains shows as a bright line."
	if c.Estimate.Series.Present() > 0 {
		caption += " The frequency that was read from it is drawn over it."
	}
	f := newFigure("Spectrogram", caption, p)
	f.ImageID, f.Image, f.Scale = id+"-image", template.URL(dataURI(raw)), true
	return f, nil
}

// overview is one bar for each channel: where it could be compared, and where it is forged.
func overview(h HTML) figure {
	r := h.Report
	p := plot{title: "Where the recording could be compared with the reference, and where it is forged"}
	if h.Alone {
		p.title = "Where the recording carries the hum of the mains, and where it is forged"
	}
	var desc []string
	end := 0.0
	for _, c := range r.Channels {
		end = max(end, channelSeconds(c))
		bar := panel{label: sourceName(c) + ": " + verdictName(c.Verdict), height: 26, thick: 26, strip: comparedCells(c, h.Alone)}
		for _, s := range c.Forged {
			bar.strip = append(bar.strip, cell{"cell-forged", "forged", s.Start, s.End})
		}
		p.panels = append(p.panels, bar)
		desc = append(desc, sourceName(c)+": "+spansText(c.Forged))
	}
	p.seconds, p.desc = duration(end), strings.Join(desc, " ")
	return newFigure("", "", p)
}

// comparedCells are the stretches in which both the recording and the reference have a frequency, and those in between. Alone, it is
// the recording's that counts.
func comparedCells(c detect.Channel, alone bool) []cell {
	delta, some, nothing := difference(c), "compared", "nothing to compare"
	if alone {
		delta, some, nothing = c.Estimate.Series.Hz, "carries ENF", "no ENF"
	}
	times := seconds(c.Estimate.Series)
	half := c.Estimate.Series.Step.Seconds() / 2
	var out []cell
	for i := range delta {
		next := cell{"cell-undetermined", nothing, math.Max(0, times[i]-half), times[i] + half}
		if finite(delta[i]) {
			next.class, next.name = "cell-compared", some
		}
		if n := len(out) - 1; n >= 0 && out[n].class == next.class {
			out[n].end = next.end
			continue
		}
		out = append(out, next)
	}
	return out
}

// usedHarmonics names the harmonics behind an estimate.
func usedHarmonics(c detect.Channel) string {
	var numbers []string
	for _, h := range c.Estimate.Harmonics {
		if h.Share > 0 {
			numbers = append(numbers, decimals(float64(h.Number), 0))
		}
	}
	switch n := len(numbers); n {
	case 0:
		return "the harmonics of the nominal frequency"
	case 1:
		return "harmonic " + numbers[0] + " of the nominal frequency"
	default:
		return "harmonics " + strings.Join(numbers[:n-1], ", ") + " and " + numbers[n-1] + " of the nominal frequency"
	}
}

// spansText says where the forged spans are, at most the first ten.
func spansText(spans []detect.Span) string {
	const most = 10
	if len(spans) == 0 {
		return "No forged span."
	}
	var parts []string
	for i, s := range spans {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(spans)-most))
			break
		}
		parts = append(parts, clock(s.Start)+" to "+clock(s.End))
	}
	return count(len(spans), "forged span", "forged spans") + ": " + strings.Join(parts, ", ") + "."
}

// offsetClause says what else was taken away from a difference.
func offsetClause(offset float64, grid enf.Grid) string {
	if !finite(offset) {
		return ""
	}
	return " and less the constant offset of its clock, " + offsetText(offset, grid)
}

func shadingText(spans []detect.Span) string {
	if len(spans) == 0 {
		return ""
	}
	return " Forged spans are shaded and numbered as in the table."
}

// belowText explains authentic windows below the threshold, if there are any.
func belowText(o detect.Options, windows []detect.Window) string {
	for _, w := range windows {
		if w.Verdict == detect.Authentic && w.Correlation < o.Threshold {
			return " Where the grid hardly moves, correlation says little, and the rule may find a window authentic on other grounds: see the table of windows."
		}
	}
	return ""
}

func outsideText(n int) string {
	if n == 0 {
		return ""
	}
	return " " + count(n, "extreme value lies", "extreme values lie") + " outside the plot."
}

// padded is values with a length of n, NaN at the end.
func padded(values []float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = at(values, i)
	}
	return out
}
