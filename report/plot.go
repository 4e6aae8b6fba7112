// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"

	"github.com/defakepro/defakepro/enf"
)

//go:embed templates
var templateFiles embed.FS

// templates are the page and the chart, escaped for their context by html/template.
var templates = template.Must(template.ParseFS(templateFiles, "templates/*"))

// Plot writes e as an SVG of its own, as `extract --plot` does: the frequency in hertz over the time in the recording
// with a band of two standard uncertainties, and below it the signal-to-noise ratio in decibels. name names the
// recording in the title. Without ENF the plot says so in place of a curve. It follows a viewer's dark mode, needs
// nothing from outside, and stays below about 200 kB for any length. The only errors are those of w.
func Plot(w io.Writer, name string, e enf.Estimate) error {
	shown := short(Printable(name), 80)
	title := "ENF of " + shown
	if e.Source != "" {
		title += ", " + Printable(string(e.Source))
	}
	p := plot{
		title:   title,
		desc:    fmt.Sprintf("ENF %s, nominal %s", presence(e), gridText(e.Grid)),
		seconds: duration(lastSecond(e.Series)),
		panels:  estimatePanels(e, title),

		standalone: true,
	}
	d := p.draw(wideWidth, "standalone")
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, "chart.svg", d); err != nil {
		return fmt.Errorf("plot of %s: %w", shown, err)
	}
	return flush(w, &b, "plot")
}

// estimatePanels are the frequency and the signal-to-noise ratio of an estimate.
func estimatePanels(e enf.Estimate, title string) []panel {
	times := seconds(e.Series)
	frequency := panel{
		label:  title + ", in hertz",
		height: 240,
		y:      rangeOf(float64(e.Grid), 0.004, e.Series.Hz),
		layers: []layer{{class: "recording", t: times, y: e.Series.Hz}},
		digits: 2,
	}
	if len(e.Series.Sigma) == len(e.Series.Hz) && len(e.Series.Sigma) > 0 {
		band := layer{class: "band", name: "± 2 standard uncertainties", t: times, y: e.Series.Hz, err: scaled(e.Series.Sigma, 2)}
		frequency.layers = append([]layer{band}, frequency.layers...)
	}
	if e.Series.Present() == 0 {
		frequency.layers, frequency.note = nil, "no ENF"
		if e.Reason != "" {
			frequency.note += ": " + short(Printable(e.Reason), 110)
		}
		return []panel{frequency}
	}
	panels := []panel{frequency}
	if len(e.Series.SNR) == len(e.Series.Hz) && len(e.Series.SNR) > 0 {
		panels = append(panels, panel{
			label:  "signal-to-noise ratio, in decibels",
			height: 110,
			y:      rangeOf(0, 6, e.Series.SNR, []float64{0}),
			layers: []layer{{class: "error", t: times, y: e.Series.SNR}},
		})
	}
	return panels
}

// seconds are the times of a series' values, from the start of the recording, with which a dated series is taken to begin.
func seconds(s enf.Series) []float64 {
	start := s.Origin()
	t := make([]float64, s.Len())
	for i := range t {
		t[i] = start + s.Seconds(i)
	}
	return t
}

// lastSecond is the end of what the last value stands for.
func lastSecond(s enf.Series) float64 {
	if s.Len() == 0 {
		return 0
	}
	return s.Origin() + s.Seconds(s.Len()-1)
}

// duration makes the length of a time axis of the times that it must show: positive, and finite.
func duration(ends ...float64) float64 {
	longest := 0.0
	for _, e := range ends {
		if finite(e) && e <= maxSecond {
			longest = max(longest, e)
		}
	}
	if longest == 0 {
		return 1
	}
	return longest
}

// scaled is values times a factor.
func scaled(values []float64, factor float64) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = v * factor
	}
	return out
}
