// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"fmt"
	"html/template"
	"io"
	"time"

	"github.com/defakepro/defakepro/detect"
)

// HTML is what a page is made of.
type HTML struct {
	// Report is what was decided.
	Report detect.Report
	// Inputs are the files that went into it.
	Inputs []Input
	// Spectrograms belong to the channels of the report, in their order. It may be shorter, and an entry may be nil.
	Spectrograms []*Spectrogram
	// Origin says where the start that the report assumes came from, such as "as --start says"; empty where that is not known.
	Origin string
	// Alone says that the recording was held against itself, without a reference: its picture against its sound, and
	// the hum's phase against its own course.
	Alone bool
	// Tones are the hum's harmonics, nil if they were not kept. Their phase is shown of a recording held against itself, and where it alone tells of a cut.
	Tones *detect.Tones
	// Remark stands beside the verdict, such as "incomplete file"; empty where there is none.
	Remark string
	// Version names the software.
	Version string
	// Generated is when the page was made; the zero time leaves it out.
	Generated time.Time
}

// Input is a file that went into a report.
type Input struct {
	// Name is its path or address, and Role what it served as, such as "recording" or "reference".
	Name, Role string
	// SHA256 is the hash of its bytes in hexadecimal; empty when it was not computed.
	SHA256 string
	// Size is the number of bytes; negative when it is unknown.
	Size int64
}

// WriteHTML writes h as one self-contained page: no script and nothing from outside, for screens of any width, light or
// dark, and for print. It begins with the verdict for a reader who knows nothing of ENF. The page of a recording of ten
// hours with two channels stays below 2 MB. The errors are those of w.
func WriteHTML(w io.Writer, h HTML) error {
	p, err := newPage(h)
	if err != nil {
		return fmt.Errorf("report on %s: %w", short(Printable(h.Report.Media), 80), err)
	}
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, "page.html", p); err != nil {
		return fmt.Errorf("report on %s: %w", short(Printable(h.Report.Media), 80), err)
	}
	return flush(w, &b, "page")
}

// against names what a channel was compared with.
func (h HTML) against() string {
	if h.Alone {
		return "sound"
	}
	return "reference"
}

// page is what the template page.html writes. All text in it is printable.
type page struct {
	Media, Short, Reference, Grid string
	Verdict, Mark, Remark         string // the verdict, a sign for it that does not need colour, and what stands beside it
	Headline, Reason, Meaning     string
	Alone                         bool
	Overview                      *figure
	Channels                      []channelView
	Parameters                    []parameter
	Inputs                        []inputView
	ColourBar                     template.URL
	CeilDB                        int
	Version, Generated            string
}

// fact is a quantity with its name.
type fact struct{ Name, Value string }

// channelView is a channel's part of the page.
type channelView struct {
	ID, Name, Verdict, Mark, Reason     string
	SNR, Correlation, RMSE, Offset, Lag string
	Facts                               []fact
	Spans                               []spanView
	Figures                             []figure
	Harmonics                           []harmonicView
	Windows                             []windowView
	Values                              []valueView
	WindowsNote, ValuesNote, SpansNote  string
	SpanCount                           int
}

type spanView struct{ Number, Start, End, Length, Kind string }

type harmonicView struct{ Number, Frequency, SNR, Share string }

type windowView struct{ Start, End, Correlation, RMSE, Offset, LLR, Verdict string }

type valueView struct{ Time, Frequency, Sigma, Reference, Difference string }

type inputView struct{ Role, Name, Size, SHA256 string }

// The most rows of the tables; longer ones are thinned evenly, so that a page stays light.
const (
	maxWindowRows = 1000
	maxValueRows  = 600
	maxSpanRows   = 500
)

func newPage(h HTML) (page, error) {
	r := h.Report
	bar, err := colourBar()
	if err != nil {
		return page{}, fmt.Errorf("colour scale: %w", err)
	}
	media := Printable(r.Media)
	p := page{
		Media: short(media, 250), Short: short(media, 60), Reference: short(Printable(r.Reference), 250), Grid: gridText(r.Grid),
		Verdict: verdictName(r.Verdict), Mark: mark(r.Verdict), Remark: Printable(h.Remark), Headline: headline(h), Reason: Printable(r.Reason), Meaning: meaning(h), Alone: h.Alone,
		Parameters: parameters(h), ColourBar: template.URL(dataURI(bar)), CeilDB: ceilDB, Version: Printable(h.Version),
	}
	if !h.Generated.IsZero() {
		p.Generated = h.Generated.UTC().Format(timeLayout)
	}
	if len(r.Channels) > 0 {
		f := overview(h)
		p.Overview = &f
	}
	for i, c := range r.Channels {
		var g *Spectrogram
		if i < len(h.Spectrograms) {
			g = h.Spectrograms[i]
		}
		view, err := newChannelView(h, c, g, fmt.Sprintf("channel-%d", i+1))
		if err != nil {
			return page{}, fmt.Errorf("channel %s: %w", sourceName(c), err)
		}
		p.Channels = append(p.Channels, view)
	}
	for _, in := range h.Inputs {
		p.Inputs = append(p.Inputs, newInputView(in))
	}
	return p, nil
}

func newInputView(in Input) inputView {
	v := inputView{Role: Printable(in.Role), Name: Printable(in.Name), Size: "unknown", SHA256: Printable(in.SHA256)}
	if in.Size >= 0 {
		v.Size = count(int(in.Size), "byte", "bytes")
	}
	if v.SHA256 == "" {
		v.SHA256 = "not computed"
	}
	return v
}

func newChannelView(h HTML, c detect.Channel, g *Spectrogram, id string) (channelView, error) {
	r := h.Report
	figures, err := channelFigures(h, c, g, id)
	if err != nil {
		return channelView{}, err
	}
	v := channelView{
		ID: id, Name: sourceName(c), Verdict: verdictName(c.Verdict), Mark: mark(c.Verdict), Reason: Printable(c.Reason),
		SNR: quantity(strength(c.Estimate), 1, "dB"), Correlation: decimals(c.Correlation, 3), RMSE: millihertz(c.RMSE),
		Offset: offsetText(compared(c, c.Offset), r.Grid), Lag: none, Figures: figures, SpanCount: len(c.Forged),
	}
	if finite(compared(c, c.Lag)) {
		v.Lag = signed(c.Lag, 2) + " s"
	}
	v.Facts = channelFacts(v, r, c)
	v.tables(h, c)
	return v, nil
}

// channelFacts are the numbers of a channel for its head.
func channelFacts(v channelView, r detect.Report, c detect.Channel) []fact {
	series := c.Estimate.Series
	facts := []fact{
		{"ENF", presence(c.Estimate)},
		{"Seconds with a frequency", fmt.Sprintf("%d of %d", series.Present(), series.Len())},
	}
	for _, f := range []fact{
		{"Typical standard uncertainty", millihertz(median(series.Sigma))},
		{lagName(r.Options), v.Lag},
		{"Clock offset", v.Offset},
		{"Correlation over all values", v.Correlation},
		{"RMSE over all values", v.RMSE},
	} {
		if f.Value != none {
			facts = append(facts, f)
		}
	}
	if t, ok := comparedAt(r.Options, c); ok {
		facts = append(facts, fact{"Compared with the grid from", t.Format(timeLayout)})
	}
	if c.Estimate.Readout > 0 {
		facts = append(facts, fact{"Read-out time of the rolling shutter", quantity(c.Estimate.Readout*1000, 2, "ms")})
	}
	return facts
}

// tables fills in the numbers behind the plots.
func (v *channelView) tables(h HTML, c detect.Channel) {
	r := h.Report
	for i, s := range c.Forged[:min(len(c.Forged), maxSpanRows)] {
		kind := spanKind(s)
		if h.Alone && s.Kind == detect.SpanForeign {
			kind = "not the sound's frequency"
		}
		v.Spans = append(v.Spans, spanView{fmt.Sprint(i + 1), clock(s.Start), clock(s.End), length(s.End - s.Start), kind})
	}
	if more := len(c.Forged) - len(v.Spans); more > 0 {
		v.SpansNote = fmt.Sprintf("%d more are not shown; check --json has all.", more)
	}
	for _, h := range c.Estimate.Harmonics {
		view := harmonicView{fmt.Sprint(h.Number), none, quantity(h.SNR, 1, "dB"), percent(h.Share)}
		if r.Grid > 0 {
			view.Frequency = fmt.Sprintf("%d Hz", h.Number*int(r.Grid))
		}
		v.Harmonics = append(v.Harmonics, view)
	}
	every := thin(len(c.Windows), maxWindowRows)
	for i := 0; i < len(c.Windows); i += every {
		w := c.Windows[i]
		v.Windows = append(v.Windows, windowView{
			clock(w.Start), clock(w.End), decimals(w.Correlation, 3), decimals(1000*w.RMSE, 2), signed(1000*w.Offset, 2), signed(w.LLR, 1), verdictName(w.Verdict),
		})
	}
	v.WindowsNote = thinNote(len(c.Windows), every, "window", "windows", "check --json")
	series, delta, times := c.Estimate.Series, difference(c), seconds(c.Estimate.Series)
	every = thin(series.Len(), maxValueRows)
	for i := 0; i < series.Len() && series.Present() > 0; i += every {
		v.Values = append(v.Values, valueView{
			clock(times[i]), decimals(series.Hz[i], 4), decimals(1000*at(series.Sigma, i), 2), decimals(at(c.Truth.Hz, i), 4), signed(delta[i], 2),
		})
	}
	v.ValuesNote = thinNote(series.Len(), every, "value", "values", "extract")
}

// thin is the step at which n rows become at most most.
func thin(n, most int) int { return max(1, (n+most-1)/most) }

func thinNote(n, every int, one, many, where string) string {
	if every == 1 {
		return count(n, one, many)
	}
	return fmt.Sprintf("one in %d of %d %s; %s has all", every, n, many, where)
}
