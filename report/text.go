// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

// WriteText writes r as a few lines for a person at a terminal: the verdict with its reason, and for each channel the
// evidence and the forged spans. It uses no colour, and control characters in names are escaped, so that a file name
// cannot command the terminal. A remark, such as "incomplete file", stands beside the verdict. The only errors are those of w.
func WriteText(w io.Writer, r detect.Report, remark string) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n", sentence(r.Verdict, remark, r.Reason))
	row(&b, "recording", Printable(r.Media))
	row(&b, "reference", Printable(r.Reference))
	row(&b, "power grid", gridText(r.Grid))
	for _, c := range r.Channels {
		textChannel(&b, r, c)
	}
	return flush(w, &b, "text report")
}

// textChannel writes one channel's part.
func textChannel(b *bytes.Buffer, r detect.Report, c detect.Channel) {
	fmt.Fprintf(b, "\n%s: %s\n", sourceName(c), sentence(c.Verdict, "", c.Reason))
	row(b, "ENF", presence(c.Estimate))
	if len(c.Estimate.Harmonics) > 0 {
		row(b, "harmonics", harmonicsText(c.Estimate.Harmonics))
	}
	if t, ok := comparedAt(r.Options, c); ok {
		row(b, "compared at", t.Format(timeLayout))
	}
	if finite(compared(c, c.Lag)) {
		row(b, "lag", lagText(r.Options, c.Lag))
	}
	if finite(compared(c, c.Offset)) {
		row(b, "clock offset", offsetText(c.Offset, r.Grid))
	}
	if finite(c.Correlation) {
		row(b, "correlation", decimals(c.Correlation, 3))
	}
	if finite(c.RMSE) {
		row(b, "RMSE", millihertz(c.RMSE))
	}
	if len(c.Windows) > 0 {
		row(b, "windows", fmt.Sprintf("%d of %s, each by itself: %s", len(c.Windows), length(r.Options.Window.Seconds()), tallyText(c.Windows)))
	}
	label := "forged"
	for _, s := range c.Forged {
		row(b, label, fmt.Sprintf("%s - %s  %s", clock(s.Start), clock(s.End), spanKind(s)))
		label = ""
	}
}

// WriteMatches writes the places where a recording may have been made as a table for a person at a terminal, in the
// order given. The only errors are those of w.
func WriteMatches(w io.Writer, matches []detect.Match) error {
	var b bytes.Buffer
	if len(matches) == 0 {
		b.WriteString("no match\n")
		return flush(w, &b, "matches")
	}
	fmt.Fprintf(&b, "%4s  %14s  %-20s  %11s  %9s  %7s\n", "rank", "offset", "time", "correlation", "RMSE", "LLR")
	for i, m := range matches {
		at := none
		if m.Time.Year() > 1 {
			at = m.Time.UTC().Round(time.Second).Format(time.RFC3339)
		}
		fmt.Fprintf(&b, "%4d  %12s s  %-20s  %11s  %9s  %7s\n",
			i+1, decimals(m.Offset, 1), at, decimals(m.Correlation, 3), millihertz(m.RMSE), decimals(float64(evidence(m.LLR, m.Correlation)), 1))
	}
	return flush(w, &b, "matches")
}

// row writes a line of a channel's part: a label and what it is.
func row(b *bytes.Buffer, label, text string) { fmt.Fprintf(b, "  %-12s  %s\n", label, text) }

// flush hands what was composed to w in one write.
func flush(w io.Writer, b *bytes.Buffer, what string) error {
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write %s: %w", what, err)
	}
	return nil
}

// sentence is a verdict with a remark and its reason.
func sentence(v detect.Verdict, remark, reason string) string {
	text := verdictName(v)
	if remark != "" {
		text += " (" + Printable(remark) + ")"
	}
	if reason != "" {
		text += ": " + Printable(reason)
	}
	return text
}

// verdictName is a verdict as written; an empty one is undetermined.
func verdictName(v detect.Verdict) string {
	if v == "" {
		v = detect.Undetermined
	}
	return Printable(string(v))
}

// lagText is a lag with what it is counted from.
func lagText(o detect.Options, lag float64) string {
	text := signed(lag, 2) + " s"
	if o.Search {
		text += " in the reference"
	}
	return text
}

// timeLayout writes a wall-clock time for a reader.
const timeLayout = "2006-01-02 15:04:05 UTC"

// sourceName is the name of a channel.
func sourceName(c detect.Channel) string {
	if c.Estimate.Source == "" {
		return "channel"
	}
	return Printable(string(c.Estimate.Source))
}

// presence says whether there is ENF in a channel, and how far it stands out. What hums in one without, its values tell of.
func presence(e enf.Estimate) string {
	var text string
	switch {
	case e.Present && finite(e.SNR):
		text = "present, " + quantity(e.SNR, 1, "dB") + " over the noise"
	case e.Present:
		text = "present"
	case e.Reason == "" && e.Series.Present() > 0 && finite(e.SNR):
		return "none; what hums there instead is " + quantity(e.SNR, 1, "dB") + " over the noise"
	default:
		text = "none"
	}
	if e.Reason != "" {
		text += ", " + Printable(e.Reason)
	}
	return text
}

// strength is how far the ENF stands out; NaN without ENF.
func strength(e enf.Estimate) float64 {
	if !e.Present {
		return math.NaN()
	}
	return e.SNR
}

// comparedAt is the wall-clock time on the reference with which second 0 of the recording was compared, where the
// recording has a date and that was taken as its start. That it was recorded then is for the verdict to say.
func comparedAt(o detect.Options, c detect.Channel) (time.Time, bool) {
	if o.Search || !c.Estimate.Series.Dated() || !finite(c.Lag) || math.Abs(c.Lag) > maxSecond {
		return time.Time{}, false
	}
	return c.Estimate.Series.Start.Add(time.Duration(c.Lag * float64(time.Second))).UTC(), true
}
