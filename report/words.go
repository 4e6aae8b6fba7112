// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/defakepro/defakepro/detect"
)

// lagName says what a lag is counted from.
func lagName(o detect.Options) string {
	if o.Search {
		return "Start in the reference"
	}
	return "Lag against the assumed start"
}

// mark is a sign for a verdict that does not need colour.
func mark(v detect.Verdict) string {
	switch v {
	case detect.Authentic:
		return "✓"
	case detect.Forged:
		return "✕"
	default:
		return "?"
	}
}

// headline is the verdict as a sentence for a reader who knows nothing of ENF.
func headline(h HTML) string {
	r := h.Report
	if r.Verdict == detect.Forged && (h.Alone || jumpsAlone(r)) {
		return "The trace of the mains in this recording " + contradiction(r) + forgedText(r) + "."
	}
	when := "at that time"
	if r.Options.Search {
		when = "at the time that was found"
	}
	switch r.Verdict {
	case detect.Authentic:
		return "The trace of the mains in this recording matches the power grid " + when + "."
	case detect.Forged:
		return "The trace of the mains in this recording does not match the power grid " + when + forgedText(r) + "."
	default:
		return "The trace of the mains in this recording does not tell whether it is genuine."
	}
}

// contradiction says what is wrong with a trace that was held against itself.
func contradiction(r detect.Report) string {
	has := func(kind detect.SpanKind) bool {
		return slices.ContainsFunc(r.Channels, func(c detect.Channel) bool {
			return slices.ContainsFunc(c.Forged, func(s detect.Span) bool { return s.Kind == kind })
		})
	}
	switch jumps, differs := has(detect.SpanCut), has(detect.SpanForeign); {
	case jumps && differs:
		return "jumps, and is not the same in sound and picture"
	case jumps:
		return "jumps"
	default:
		return "is not the same in sound and picture"
	}
}

// jumpsAlone reports whether nothing but the hum's phase speaks against a recording.
func jumpsAlone(r detect.Report) bool {
	for _, c := range r.Channels {
		if c.Verdict == detect.Forged && (len(c.Forged) == 0 || slices.ContainsFunc(c.Forged, func(s detect.Span) bool { return !jump(s) })) {
			return false
		}
	}
	return true
}

// jump reports whether the span is a cut that only the hum's phase shows.
func jump(s detect.Span) bool { return s.Kind == detect.SpanCut && s.Jump == 0 }

// forgedText says how much of which channel is forged.
func forgedText(r detect.Report) string {
	var parts []string
	for _, c := range r.Channels {
		if len(c.Forged) == 0 {
			continue
		}
		foreign, cuts, total := 0, 0, 0.0
		for _, s := range c.Forged {
			if s.Kind == detect.SpanCut {
				cuts++
				continue
			}
			foreign++
			total += s.End - s.Start
		}
		var what []string
		if foreign > 0 {
			what = append(what, fmt.Sprintf("%s (%s of %s)", count(foreign, "stretch", "stretches"), length(total), length(channelSeconds(c))))
		}
		if cuts > 0 {
			what = append(what, count(cuts, "cut", "cuts"))
		}
		parts = append(parts, strings.Join(what, " and ")+" in the "+sourceName(c))
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, "; ")
}

// meaning says what a verdict claims.
func meaning(h HTML) string {
	v := h.Report.Verdict
	if h.Alone {
		return aloneMeaning(v)
	}
	if v == detect.Forged && jumpsAlone(h.Report) {
		return "By and large the frequency of the mains in the recording is that of the reference, but in the marked places the hum jumps, which the mains do not. " +
			"That is what a recording looks like from which something short was cut, or into which something short was put. Samples that a recorder lost look like a cut."
	}
	switch v {
	case detect.Authentic:
		return "The frequency of the mains in the recording follows, second by second, what the reference says the grid did. That is what a recording made then, on that grid, and not changed since, looks like."
	case detect.Forged:
		return "In the marked places the frequency of the mains in the recording is not what the reference says the grid did at that time, or it jumps " +
			"from one moment of the grid to another. That is what a recording looks like that was made at another time or place, or into which " +
			"something was put, or from which something was cut."
	default:
		return "This is neither a pass nor an accusation. Many genuine recordings have no usable trace of the mains, and so have many forged ones; " +
			"the reason given above says what was missing here."
	}
}

// aloneMeaning says what a verdict without a reference claims.
func aloneMeaning(v detect.Verdict) string {
	if v == detect.Forged {
		return "In the marked places the mains hum jumps, which the mains do not, or the flicker of the light does not follow the hum of the sound, which is " +
			"of the same mains. That is what a recording looks like from which something was cut, into which something was put, or whose picture and sound " +
			"were not recorded together. Samples that a recorder lost look like a cut."
	}
	return "This is neither a pass nor an accusation. Without a reference a recording can be shown to be forged, but never to be authentic; " +
		"the reason given above says what could be looked at."
}

// parameter is a setting of the method, with its meaning and its source.
type parameter struct{ Name, Value, Meaning, Source string }

// parameters lists all that the comparison was set up with.
func parameters(h HTML) []parameter {
	r := h.Report
	out := []parameter{{"Nominal frequency", gridText(r.Grid), "The grid's frequency, given or detected from the recording.", ""}}
	if h.Alone || slices.ContainsFunc(r.Channels, hasJumps) {
		out = append(out, parameter{"Phase", "2 harmonics, 7 nats", "So many harmonics of the hum must be steady, and jump at once with so much evidence, for a cut.", "[3]"})
	}
	if h.Alone && !slices.ContainsFunc(r.Channels, func(c detect.Channel) bool { return c.Truth.Present() > 0 }) {
		return out // nothing was compared
	}
	return append(out, comparison(h)...)
}

// startOf returns where the recording was taken to begin, in seconds from the first value of the reference.
func startOf(o detect.Options) float64 {
	if o.Start == nil {
		return 0
	}
	return o.Start.Seconds()
}

// comparison lists what channels were compared with.
func comparison(h HTML) []parameter {
	r := h.Report
	o := r.Options
	search := "no: within " + length(o.MaxLag.Seconds()) + " of the start assumed"
	start := clock(startOf(o))
	switch {
	case o.Search:
		search, start = "yes: over all of the reference", "none"
	case h.Origin != "":
		start += ", " + Printable(h.Origin)
	case o.Start == nil:
		start = "none given"
	}
	out := []parameter{
		{"Window", length(o.Window.Seconds()), "Length of the sliding window in which recording and " + h.against() + " are compared.", "[1] §III-D, §IV"},
		{"Shift", length(o.Shift.Seconds()), "Step by which the window moves.", "[1] §III-D, §IV"},
		{"Threshold", decimals(o.Threshold, 2), "The Pearson correlation that the rule asks for.", "[1] §III-D"},
		{"Rule", Printable(string(o.Rule)), ruleText(o), ruleSource(o.Rule)},
		{"False alarms", decimals(o.FalseAlarms, 2) + " an hour", "How often a genuine recording may show a forged span, on average.", ""},
	}
	if !h.Alone { // sound and picture begin together
		out = append(out, parameter{"Search", search, "Whether the start of the recording on the reference was looked for everywhere, or taken as given.", "[3]"},
			parameter{"Assumed start", start, "Where the recording was taken to begin, in h:mm:ss from the first value of the reference.", ""})
	}
	for _, c := range r.Channels {
		if c.Statistics == (detect.Statistics{}) {
			continue
		}
		return append(out, gridParameter(c.Statistics))
	}
	return out
}

// gridParameter is what the grid was taken to be like.
func gridParameter(g detect.Statistics) parameter {
	from := "the autocorrelation that of the US Eastern grid, as the reference is too short to tell its own"
	if g.Hours > 0 {
		from = "fitted to " + decimals(g.Hours, 1) + " h of the reference"
	}
	return parameter{"Grid's statistics", fmt.Sprintf("mean %s Hz, standard deviation %s; %s %% of the variance lasts %s and is smooth over %s, the rest lasts %s",
		decimals(g.Mean, 4), millihertz(g.Spread), decimals(100*g.FastShare, 0), length(g.FastSeconds), length(g.SmoothSeconds), length(g.SlowSeconds)),
		"What another hour of the grid would be like, which the likelihood ratio holds a recording against: " + from + ".", ""}
}

func ruleText(o detect.Options) string {
	switch o.Rule {
	case detect.RuleLLR:
		return "A window is authentic when its log-likelihood ratio is 5 nats or more for this time, and forged when it is " + decimals(o.AlarmPrice(), 1) +
			" or more against it, as so few false alarms ask."
	case detect.RuleCorrelation:
		return "A window is authentic when its correlation reaches the threshold."
	default:
		return ""
	}
}

func ruleSource(rule detect.Rule) string {
	if rule == detect.RuleCorrelation {
		return "[1] §III-D"
	}
	return ""
}
