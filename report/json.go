// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

// number is a float64 that JSON can hold: what is not a number becomes null, and the rest is rounded to 10 significant
// digits, which is below a microhertz and a microsecond in an hour.
type number float64

func (n number) MarshalJSON() ([]byte, error) {
	if !finite(float64(n)) {
		return []byte("null"), nil
	}
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(float64(n), 'g', 10, 64), 64)
	if err != nil { // rounding up overflowed
		rounded = float64(n)
	}
	return json.Marshal(rounded + 0) // + 0: no negative zero
}

type jsonReport struct {
	Media     string        `json:"media"`
	Reference string        `json:"reference"`
	Nominal   number        `json:"nominal_hz"`
	Verdict   string        `json:"verdict"`
	Reason    string        `json:"reason"`
	Options   jsonOptions   `json:"options"`
	Channels  []jsonChannel `json:"channels"`
}

type jsonOptions struct {
	Window    number `json:"window_s"`
	Shift     number `json:"shift_s"`
	Threshold number `json:"threshold"`
	Rule      string `json:"rule"`
	Search    bool   `json:"search"`
	Start     number `json:"start_s"`
	MaxLag    number `json:"max_lag_s"`
	Alarms    number `json:"false_alarms_per_h"`
	Price     number `json:"forged_llr"`
}

type jsonChannel struct {
	Channel     string         `json:"channel"`
	Verdict     string         `json:"verdict"`
	Reason      string         `json:"reason"`
	Present     bool           `json:"enf_present"`
	SNR         number         `json:"snr_db"`
	Lag         number         `json:"lag_s"`
	Offset      number         `json:"offset_hz"`
	OffsetPPM   number         `json:"offset_ppm"`
	Correlation number         `json:"correlation"`
	RMSE        number         `json:"rmse_hz"`
	LLR         number         `json:"llr"`
	Sigma       number         `json:"sigma_hz"`
	Noise       number         `json:"noise_hz"`
	Statistics  *jsonGrid      `json:"statistics"`
	Readout     number         `json:"readout_s"`
	ComparedAt  *string        `json:"compared_at"`
	Harmonics   []jsonHarmonic `json:"harmonics"`
	Windows     []jsonWindow   `json:"windows"`
	Forged      []jsonSpan     `json:"forged"`
}

type jsonHarmonic struct {
	Number int    `json:"number"`
	SNR    number `json:"snr_db"`
	Share  number `json:"share"`
}

// jsonGrid is what the grid was taken to be like.
type jsonGrid struct {
	Mean        number `json:"mean_hz"`
	Spread      number `json:"spread_hz"`
	FastShare   number `json:"fast_share"`
	FastSeconds number `json:"fast_s"`
	Smooth      number `json:"smooth_s"`
	SlowSeconds number `json:"slow_s"`
	FittedHours number `json:"fitted_h"`
}

type jsonWindow struct {
	Start       number `json:"start_s"`
	End         number `json:"end_s"`
	Correlation number `json:"correlation"`
	RMSE        number `json:"rmse_hz"`
	Offset      number `json:"offset_hz"`
	LLR         number `json:"llr"`
	Verdict     string `json:"verdict"`
}

type jsonSpan struct {
	Start number `json:"start_s"`
	End   number `json:"end_s"`
	Kind  string `json:"kind"`
	Jump  number `json:"jump_s"`
}

// WriteJSON writes r as one JSON object, indented, as `check --json` prints it: times in seconds, frequencies in hertz,
// null for what does not exist. Members and elements come in a fixed order. The members named llr are log-likelihood
// ratios in nats: of following the grid at that time against any other time or grid.
//
// Beside the members of the command's description there are options (forged_llr is the evidence that false_alarms_per_h
// asks of a forged span), offset_ppm, sigma_hz (the median uncertainty of a value as estimated) and noise_hz (as
// compared), statistics (what the grid was taken to be like: [detect.Statistics], fitted_h 0 where the reference is too
// short to tell its autocorrelation), readout_s (null where there is no rolling shutter), compared_at (RFC 3339: the
// reference's time at second 0 of the recording; null for an undated recording or after a search), harmonics, each
// window's offset_hz (beyond the constant offset of the channel), and each forged span's kind and jump_s (null but for
// a cut). The only errors are those of w.
func WriteJSON(w io.Writer, r detect.Report) error {
	out := jsonReport{
		Media:     r.Media,
		Reference: r.Reference,
		Nominal:   nominal(r.Grid),
		Verdict:   verdictName(r.Verdict),
		Reason:    r.Reason,
		Options: jsonOptions{
			Window:    number(r.Options.Window.Seconds()),
			Shift:     number(r.Options.Shift.Seconds()),
			Threshold: number(r.Options.Threshold),
			Rule:      string(r.Options.Rule),
			Search:    r.Options.Search,
			Start:     number(startOf(r.Options)),
			MaxLag:    number(r.Options.MaxLag.Seconds()),
			Alarms:    number(r.Options.FalseAlarms),
			Price:     number(r.Options.AlarmPrice()),
		},
		Channels: make([]jsonChannel, 0, len(r.Channels)),
	}
	for _, c := range r.Channels {
		out.Channels = append(out.Channels, newJSONChannel(r, c))
	}
	return writeJSON(w, out, "report")
}

func newJSONChannel(r detect.Report, c detect.Channel) jsonChannel {
	out := jsonChannel{
		Channel:     string(c.Estimate.Source),
		Verdict:     verdictName(c.Verdict),
		Reason:      c.Reason,
		Present:     c.Estimate.Present,
		SNR:         number(c.Estimate.SNR),
		Lag:         number(compared(c, c.Lag)),
		Offset:      number(compared(c, c.Offset)),
		OffsetPPM:   number(compared(c, ppm(c.Offset, r.Grid))),
		Correlation: number(c.Correlation),
		RMSE:        number(c.RMSE),
		LLR:         evidence(c.LLR, c.Correlation),
		Sigma:       number(median(c.Estimate.Series.Sigma)),
		Noise:       number(compared(c, c.Noise)),
		Readout:     readout(c.Estimate),
		Harmonics:   newJSONHarmonics(c.Estimate.Harmonics),
		Windows:     make([]jsonWindow, 0, len(c.Windows)),
		Forged:      make([]jsonSpan, 0, len(c.Forged)),
	}
	if g := c.Statistics; g != (detect.Statistics{}) {
		out.Statistics = &jsonGrid{number(g.Mean), number(g.Spread), number(g.FastShare), number(g.FastSeconds), number(g.SmoothSeconds), number(g.SlowSeconds), number(g.Hours)}
	}
	if t, ok := comparedAt(r.Options, c); ok {
		s := t.Format(time.RFC3339)
		out.ComparedAt = &s
	}
	for _, win := range c.Windows {
		out.Windows = append(out.Windows, jsonWindow{
			Start: number(win.Start), End: number(win.End), Correlation: number(win.Correlation),
			RMSE: number(win.RMSE), Offset: number(win.Offset), LLR: evidence(win.LLR, win.Correlation), Verdict: verdictName(win.Verdict),
		})
	}
	for _, s := range c.Forged {
		span := jsonSpan{Start: number(s.Start), End: number(s.End), Kind: string(s.Kind), Jump: number(math.NaN())}
		if s.Kind == detect.SpanCut {
			span.Jump = number(s.Jump)
		}
		out.Forged = append(out.Forged, span)
	}
	return out
}

// compared is a value of the comparison, not a number where nothing was compared.
func compared(c detect.Channel, v float64) float64 {
	if math.IsNaN(c.RMSE) {
		return math.NaN()
	}
	return v
}

// evidence is a log-likelihood ratio, null where nothing was compared.
func evidence(llr, correlation float64) number {
	if math.IsNaN(correlation) {
		return number(math.NaN())
	}
	return number(llr)
}

func newJSONHarmonics(harmonics []enf.Harmonic) []jsonHarmonic {
	out := make([]jsonHarmonic, 0, len(harmonics))
	for _, h := range harmonics {
		out = append(out, jsonHarmonic{Number: h.Number, SNR: number(h.SNR), Share: number(h.Share)})
	}
	return out
}

type jsonMatches struct {
	Matches []jsonMatch `json:"matches"`
}

type jsonMatch struct {
	Offset      number  `json:"offset_s"`
	Time        *string `json:"time"`
	Correlation number  `json:"correlation"`
	RMSE        number  `json:"rmse_hz"`
	Shift       number  `json:"offset_hz"`
	LLR         number  `json:"llr"`
}

// WriteMatchesJSON writes matches as one JSON object, as `match --json` prints it, in the order given: offset_s in
// seconds as [detect.Match] has them, time in RFC 3339 or null with an undated reference, rmse_hz and
// offset_hz (the constant offset there) in hertz, llr in nats. The only errors are those of w.
func WriteMatchesJSON(w io.Writer, matches []detect.Match) error {
	out := jsonMatches{Matches: make([]jsonMatch, 0, len(matches))}
	for _, m := range matches {
		j := jsonMatch{Offset: number(m.Offset), Correlation: number(m.Correlation), RMSE: number(m.RMSE), Shift: number(m.Shift), LLR: evidence(m.LLR, m.Correlation)}
		if m.Time.Year() > 1 {
			s := m.Time.UTC().Format(time.RFC3339Nano)
			j.Time = &s
		}
		out.Matches = append(out.Matches, j)
	}
	return writeJSON(w, out, "matches")
}

type jsonEstimate struct {
	Media     string         `json:"media"`
	Source    string         `json:"source"`
	Nominal   number         `json:"nominal_hz"`
	Present   bool           `json:"enf_present"`
	Reason    string         `json:"reason"`
	SNR       number         `json:"snr_db"`
	Readout   number         `json:"readout_s"`
	Harmonics []jsonHarmonic `json:"harmonics"`
	Values    []jsonValue    `json:"values"`
}

type jsonValue struct {
	Time      number `json:"time_s"`
	Frequency number `json:"frequency_hz"`
	Sigma     number `json:"sigma_hz"`
	SNR       number `json:"snr_db"`
}

// WriteEstimateJSON writes what was extracted from one channel of media as one JSON object, as `extract --json` prints
// it: a value for each second of the series, with its time from the start of the recording in seconds, the frequency
// and its standard uncertainty in hertz and the signal-to-noise ratio in decibels, each null where there is none. The
// only errors are those of w.
func WriteEstimateJSON(w io.Writer, media string, e enf.Estimate) error {
	out := jsonEstimate{
		Media:     media,
		Source:    string(e.Source),
		Nominal:   nominal(e.Grid),
		Present:   e.Present,
		Reason:    e.Reason,
		SNR:       number(e.SNR),
		Readout:   readout(e),
		Harmonics: newJSONHarmonics(e.Harmonics),
		Values:    make([]jsonValue, 0, e.Series.Len()),
	}
	start := e.Series.Origin()
	for i, hz := range e.Series.Hz {
		out.Values = append(out.Values, jsonValue{
			Time:      number(start + e.Series.Seconds(i)),
			Frequency: number(hz),
			Sigma:     number(at(e.Series.Sigma, i)),
			SNR:       number(at(e.Series.SNR, i)),
		})
	}
	return writeJSON(w, out, "estimate")
}

// writeJSON writes v, indented and on a line of its own.
func writeJSON(w io.Writer, v any, what string) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", " ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode %s as JSON: %w", what, err)
	}
	return flush(w, &b, what)
}

// nominal is a grid's frequency, not a number when it is unknown.
func nominal(g enf.Grid) number {
	if g <= 0 {
		return number(math.NaN())
	}
	return number(g)
}

// readout is a rolling shutter's read-out time, not a number where there is none.
func readout(e enf.Estimate) number {
	if e.Readout <= 0 {
		return number(math.NaN())
	}
	return number(e.Readout)
}

// at is values[i], or not a number where there is no such value.
func at(values []float64, i int) float64 {
	if i < 0 || i >= len(values) {
		return math.NaN()
	}
	return values[i]
}

// median is the middle of the finite values; NaN when there are none.
func median(values []float64) float64 { return quantile(sorted(values), 0.5) }

// sorted returns the finite values in ascending order.
func sorted(values []float64) []float64 {
	out := make([]float64, 0, len(values))
	for _, v := range values {
		if finite(v) {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return out
}

// quantile is the value below which share q of the ascending values lie; NaN when there are none.
func quantile(ascending []float64, q float64) float64 {
	if len(ascending) == 0 {
		return math.NaN()
	}
	return ascending[int(math.Round(q*float64(len(ascending)-1)))]
}
