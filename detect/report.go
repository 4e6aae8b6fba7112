// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"math"
	"time"

	"github.com/defakepro/defakepro/enf"
)

// Verdict is what can be said of a recording, a channel or a window of it.
type Verdict string

// The three verdicts. Undetermined is neither a pass nor an accusation; a reason always comes with it.
const (
	Authentic    Verdict = "authentic"
	Forged       Verdict = "forged"
	Undetermined Verdict = "undetermined"
)

// Rule is the way a window is decided.
type Rule string

// RuleLLR goes by the log-likelihood ratio, given the uncertainty of the values, and looks for forged spans of a few
// seconds. RuleCorrelation is the rule of the paper alone: Pearson correlation against the threshold (DeFakePro §III-D),
// and any window below it is forged. One genuine minute in ten is (docs/detection.md): it is there to compare with.
const (
	RuleLLR         Rule = "llr"
	RuleCorrelation Rule = "correlation"
)

// Window is the comparison over one position of the sliding window. Forged stretches apart, it follows the recording
// across cuts: what comes after one is compared with the time it is really from.
type Window struct {
	// Start and End bound the window, in seconds from the start of the recording.
	Start, End float64
	// Correlation is Pearson's r of the recording's ENF with the reference's; NaN when there were too few values, or
	// one of the two does not move.
	Correlation float64
	// RMSE is the root mean square difference about its mean, in hertz; NaN when there were too few values.
	RMSE float64
	// Offset is the mean difference, beyond the recording's constant offset, in hertz; NaN when there were too few values.
	Offset float64
	// LLR is the log-likelihood ratio, in nats, of the window being the grid's at that time against any other time.
	LLR float64
	// Verdict is what this window alone says.
	Verdict Verdict
}

// SpanKind says what happened in a forged span.
type SpanKind string

// The kinds of forged span.
const (
	// SpanForeign is a stretch whose ENF is not the grid's at that time.
	SpanForeign SpanKind = "foreign"
	// SpanCut is a place where the recording jumps on the grid's time line: something was taken out or repeated.
	// Start and End bound where the splice is.
	SpanCut SpanKind = "cut"
)

// Span is a forged stretch of the recording.
type Span struct {
	// Start and End bound it, in seconds from the start of the recording.
	Start, End float64
	// Kind says what was found there.
	Kind SpanKind
	// Jump is, for a cut, the seconds of the grid's time line that are missing (positive) or repeated (negative); 0 where only the hum's phase
	// shows the cut.
	Jump float64
}

func (s Span) middle() float64 { return (s.Start + s.End) / 2 }

// Channel is the comparison of one channel, audio or video, with the reference.
type Channel struct {
	// Estimate is the estimate that was compared, its series at a value a second.
	Estimate enf.Estimate
	Verdict  Verdict
	// Reason is one sentence for a reader who knows nothing of ENF.
	Reason string
	// Lag is where second 0 of the recording lies on the reference, beyond the start that was assumed, in seconds.
	// With a search, the assumed start is the start of the reference.
	Lag float64
	// Offset is the recording's constant frequency offset against the reference, in hertz: its clock's error.
	Offset float64
	// Correlation, RMSE and LLR are as in Window, over all values compared, cuts followed and foreign spans included.
	Correlation, RMSE, LLR float64
	Windows                []Window
	// Forged holds the forged spans in ascending order, without overlap.
	Forged []Span
	// Truth is the stretch of the reference that the recording was compared with, on the recording's own seconds
	// (Truth.Hz[i] belongs to Estimate.Series.Hz[i]); NaN where the reference has nothing. Across a cut it follows the
	// recording.
	Truth enf.Series
	// Statistics are what the grid's frequency was taken to be like, from the reference as far as it tells; zero where nothing was compared.
	Statistics Statistics
	// Noise is the median standard uncertainty of a second's value, in hertz, that the comparison went by: what the estimate states, with what two
	// recordings of one grid differ by, raised to what the fit leaves over. 0 where nothing was compared.
	Noise float64
}

// Report is the comparison of a recording with a reference.
type Report struct {
	// Media and Reference name the inputs.
	Media, Reference string
	// Grid is the nominal frequency.
	Grid enf.Grid
	// Verdict is Forged if any channel is, else Authentic if any channel is, else Undetermined.
	Verdict Verdict
	Reason  string
	// Options are those used, with every default filled in.
	Options  Options
	Channels []Channel
}

// Combine returns the report on a recording of which these channels were compared, under o. The caller names the
// inputs in it.
func Combine(o Options, channels ...Channel) Report {
	r := Report{Verdict: Undetermined, Reason: "There was no channel to compare.", Options: o.withDefaults(), Channels: channels}
	rank := map[Verdict]int{Undetermined: 1, Authentic: 2, Forged: 3}
	best := 0
	for _, c := range channels {
		if n := rank[c.Verdict]; n > best {
			best, r.Verdict, r.Reason = n, c.Verdict, c.Reason
		}
		if r.Grid == enf.GridAuto {
			r.Grid = c.Estimate.Grid
		}
	}
	return r
}

// Options set a comparison up. The zero value asks for the defaults.
type Options struct {
	// Window is the length of the sliding window, at least 10 s; 0 means 60 s. Shift is its step, at least 1 s; 0
	// means 5 s (DeFakePro §III-D, IV). Both are taken in whole seconds.
	Window, Shift time.Duration
	// Recent is how many windows are looked at, the last ones; 0 means all.
	Recent int
	// Threshold is the least correlation of an authentic window; 0 means 0.8 (DeFakePro §III-D).
	Threshold float64
	// Rule decides a window; empty means RuleLLR.
	Rule Rule
	// Unheard is the longest stretch without any ENF that an authentic recording may have, as it may have been put in there; 0 means half a
	// window, and a negative length that any will do.
	Unheard time.Duration
	// Search looks for the recording's start over all of the reference, instead of within MaxLag of the start assumed.
	Search bool
	// Start is where second 0 of the recording is claimed to be, from the first value of the reference on; nil means
	// where their dates put it, if both have dates, and otherwise at the first value, which nobody claims.
	Start *time.Duration
	// MaxLag is how far, either way, the start may be from the one claimed; 0 means 2 s. At most 10 minutes: Search
	// goes farther.
	MaxLag time.Duration
	// FalseAlarms is how often an hour of a genuine recording may show a forged span, on average; 0 means 0.01, once in a hundred
	// hours. More finds shorter forgeries (docs/detection.md).
	FalseAlarms float64
	// Statistics say what the grid's frequency is like; nil to take them from the reference, as far as it tells.
	Statistics *Statistics
}

// withDefaults fills the options in and brings them within bounds.
func (o Options) withDefaults() Options {
	fill := func(v *time.Duration, standard, least time.Duration) {
		if *v <= 0 {
			*v = standard
		}
		*v = max(least, v.Truncate(time.Second))
	}
	fill(&o.Window, 60*time.Second, 10*time.Second)
	fill(&o.Shift, 5*time.Second, time.Second)
	if o.Unheard == 0 {
		o.Unheard = o.Window / 2
	}
	if o.MaxLag <= 0 {
		o.MaxLag = 2 * time.Second
	}
	o.MaxLag = min(o.MaxLag, 10*time.Minute)
	if !(o.FalseAlarms > 0) {
		o.FalseAlarms = 0.01
	}
	if o.Threshold == 0 {
		o.Threshold = 0.8
	}
	if o.Rule == "" {
		o.Rule = RuleLLR
	}
	return o
}

// AlarmPrice returns the evidence, in nats, that a forged span or window takes so that genuine recordings show no more than FalseAlarms an hour. A cumulative
// sum of the log-likelihood ratios of independent values exceeds h no more often than once in exp(h) of them (Page 1954, Lorden 1971), and
// an hour has 3600/frameSeconds.
func (o Options) AlarmPrice() float64 {
	return max(priceReturn+1, math.Log(3600/frameSeconds/o.FalseAlarms))
}

// Match is a place in the reference where a recording may have been made.
type Match struct {
	// Offset is the place of second 0 of the recording in the reference, in seconds from the reference's start.
	Offset float64
	// Time is the wall-clock time of that place; zero if the reference has none.
	Time time.Time
	// Correlation is Pearson's r there; RMSE the root mean square difference without the constant offset, in hertz.
	Correlation, RMSE float64
	// Shift is that constant offset, in hertz: the recorder's clock error, if the place is right.
	Shift float64
	// LLR is the evidence, in nats, for this place against any other time or grid. The best of n places reaches about
	// the logarithm of n by chance.
	LLR float64
}
