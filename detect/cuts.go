// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/defakepro/defakepro/enf"
)

// How jumps of the hum's phase are weighed with what a comparison found.
const (
	cutLongest = 12 * 3600 // seconds of a recording that are looked at
	toneLag    = 60.0      // seconds; a grid whose harmonics are as late has been ruled out
	snapReach  = 12.0      // seconds; a splice that a comparison finds may lie as far from where it is
	// A recording that follows the grid and yet jumps more than so often, and every so many seconds, lost samples all along, as a call's jitter buffer drops
	// and repeats them. What was cut as much would be elsewhere on the reference.
	patchyJumps, patchySeconds = 3, 120.0
)

// Tones gathers the hum's harmonics while a recording is estimated, to look for cuts in it without a reference. Pass its Add as
// [enf.Options.Tone]. The zero value is ready. It takes some 2 kB for each second of up to twelve hours, and is not safe for concurrent use.
type Tones struct{ lines map[toneKey]toneLine }

type toneKey struct {
	grid   enf.Grid
	number int
}

// toneLine is one harmonic from the recording's start on, at so many samples a second.
type toneLine struct {
	rate    float64
	samples []complex64 // whose phase is good to a millionth of a turn
}

// Add takes a stretch of a harmonic, and keeps nothing of tone.Samples. What is beyond twelve hours is left out, and so is the difference of a signal's channels, which
// would have a second vote, and what does not continue what came before.
func (t *Tones) Add(tone enf.Tone) {
	if tone.Input != 0 {
		return
	}
	if t.lines == nil {
		t.lines = make(map[toneKey]toneLine)
	}
	key := toneKey{tone.Grid, tone.Number}
	kept := t.lines[key].samples
	if len(kept) != tone.First || !(float64(tone.First) < cutLongest*tone.Rate) {
		return
	}
	for _, z := range tone.Samples {
		kept = append(kept, complex64(z))
	}
	line, before := toneLine{tone.Rate, kept}, t.lines[key]
	t.lines[key] = line
	if int(line.seconds()/toneLag) == int(before.seconds()/toneLag) {
		return // once in a while will do
	}
	maps.DeleteFunc(t.lines, func(k toneKey, other toneLine) bool {
		return k.grid != tone.Grid && other.seconds() < line.seconds()-toneLag
	})
}

// Sums returns the sums of a harmonic's samples over each step, in seconds, from the recording's start on; nil if there is no such harmonic.
func (t *Tones) Sums(grid enf.Grid, number int, step float64) []complex128 {
	line := t.lines[toneKey{grid, number}]
	var sums []complex128
	for i, z := range line.samples {
		k := int(float64(i) / line.rate / step)
		for len(sums) <= k {
			sums = append(sums, 0)
		}
		sums[k] += complex128(z)
	}
	return sums
}

// Alone judges a channel without a reference, by the phase of its own hum: forged where two of its harmonics jump at once, else undetermined.
// That the hum runs through says nothing of when and where a recording was made, so it is never authentic.
func (t *Tones) Alone(est enf.Estimate) Channel {
	ch := Channel{Estimate: est, Verdict: Undetermined, Correlation: math.NaN(), RMSE: math.NaN(), LLR: math.NaN(), Lag: math.NaN(), Offset: math.NaN()}
	ch.Truth = enf.Series{Start: est.Series.Start, Step: est.Series.Step, Hz: nothing(est.Series.Len())}
	if !est.Present {
		ch.Reason = "There is no mains hum or flicker in the recording, and no reference to compare it with."
		return ch
	}
	if est.Source == enf.SourceVideo {
		ch.Reason = "Without a reference: light alone does not show cuts, since a camera's clock wanders."
		return ch
	}
	cuts, share := t.cuts(est.Grid)
	switch {
	case len(cuts) > 0:
		ch.Verdict, ch.Forged = Forged, cuts
		ch.Reason = fmt.Sprintf("Without a reference: the phase of the mains hum jumps %s. Something was cut out or put in there, or samples were lost.", places(cuts))
	case share < covered:
		ch.Reason = "Without a reference: fewer than two harmonics of the mains hum are steady enough for their phase to show cuts."
	default:
		ch.Reason = "Without a reference: the mains hum runs through without a jump, which does not tell when or where the recording was made."
	}
	return ch
}

// Beside adds to the comparison of a channel with a reference what the phase of its own hum shows: what was cut out, put in or replaced within a few
// seconds moves the frequency's course too little to be seen, yet its phase jumps. A channel with such a place is forged. Where the comparison found a
// splice near a jump, it is moved there, for phase tells it to a fraction of a second. Pictures, and series without a phase, are returned as they are.
func (t *Tones) Beside(ch Channel) Channel {
	if !ch.Estimate.Present || ch.Estimate.Source != enf.SourceAudio {
		return ch
	}
	jumps, _ := t.cuts(ch.Estimate.Grid)
	spans, alone := snapped(ch.Forged, jumps, float64(ch.Estimate.Series.Len()))
	if len(spans)+len(alone) == 0 {
		return ch
	}
	at := places(alone)
	patchy := len(alone) > patchyJumps && float64(len(alone))*patchySeconds > float64(ch.Estimate.Series.Len())
	if patchy {
		alone = nil
	}
	found := describe(ch.Forged)
	ch.Forged = ordered(spans, alone)
	ch.Windows = slices.Clone(ch.Windows)
	for i := range ch.Windows {
		ch.Windows[i].accuse(ch.Forged)
	}
	switch {
	case ch.Verdict == Forged:
		ch.Reason = strings.Replace(ch.Reason, found, describe(ch.Forged), 1)
	case patchy && ch.Verdict == Authentic:
		ch.Verdict = Undetermined
		ch.Reason = fmt.Sprintf("The recording follows the grid's frequency, but the phase of its hum jumps %s: samples were lost or put in all along, as in a call over "+
			"a poor connection, or it was edited as often.", at)
	case len(alone) == 0:
	case ch.Verdict == Authentic:
		ch.Verdict = Forged
		ch.Reason = fmt.Sprintf("The recording follows the grid's frequency, but the phase of its hum jumps %s. Something short was cut out, put in or replaced there, "+
			"or samples were lost.", at)
	default:
		ch.Verdict = Forged
		ch.Reason = fmt.Sprintf("The phase of the recording's hum jumps %s. Something was cut out, put in or replaced there, or samples were lost. Beside that: %s", at, ch.Reason)
	}
	return ch
}

// edge is where a foreign span begins or ends, or where a cut is: what a jump near it may tell more exactly.
type edge struct {
	at     float64 // seconds
	moveTo func(jump Span)
}

// snapped moves each edge of spans to the nearest jump that no other edge is nearer to, and returns the jumps that stand for themselves: those within a foreign
// span do not. The recording, seconds long, begins and ends without a splice, so its edges stay. Neither argument is changed.
func snapped(spans, jumps []Span, seconds float64) (moved, alone []Span) {
	moved = slices.Clone(spans)
	var edges []edge
	for i := range moved {
		s := &moved[i]
		if s.Kind == SpanCut {
			edges = append(edges, edge{s.middle(), func(j Span) { s.Start, s.End = j.Start, j.End }})
			continue
		}
		edges = append(edges, edge{s.Start, func(j Span) { s.Start = j.middle() }}, edge{s.End, func(j Span) { s.End = j.middle() }})
	}
	type pair struct{ edge, jump int }
	apart := func(p pair) float64 { return math.Abs(edges[p.edge].at - jumps[p.jump].middle()) }
	var pairs []pair
	for i, e := range edges {
		for k, j := range jumps {
			at := j.middle()
			// An edge that stays between its neighbours leaves the spans in order.
			between := (i == 0 || at > edges[i-1].at) && (i == len(edges)-1 || at < edges[i+1].at)
			if p := (pair{i, k}); between && e.at > 0 && e.at < seconds && apart(p) <= snapReach {
				pairs = append(pairs, p)
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(apart(a), apart(b)) })
	told, taken := make([]bool, len(edges)), make([]bool, len(jumps))
	for _, p := range pairs {
		if !told[p.edge] && !taken[p.jump] {
			told[p.edge], taken[p.jump] = true, true
			edges[p.edge].moveTo(jumps[p.jump])
		}
	}
	for k, j := range jumps {
		within := func(s Span) bool { return s.Kind == SpanForeign && s.Start < j.middle() && j.middle() < s.End }
		if !taken[k] && !slices.ContainsFunc(moved, within) {
			alone = append(alone, j)
		}
	}
	return moved, alone
}

// ordered returns spans and jumps as one list, in order. Where a cut, which is known to within its bounds only, reaches into what is beside it, it ends there.
func ordered(spans, jumps []Span) []Span {
	all := slices.Concat(spans, jumps)
	slices.SortFunc(all, func(a, b Span) int { return cmp.Compare(a.middle(), b.middle()) })
	for i := 1; i < len(all); i++ {
		switch last := &all[i-1]; {
		case last.End <= all[i].Start:
		case last.Kind == SpanCut:
			last.End = all[i].Start
		default:
			all[i].Start = last.End
		}
	}
	return all
}

// places lists where the cuts are.
func places(cuts []Span) string {
	if len(cuts) > 3 {
		return fmt.Sprintf("in %d places, first at %s", len(cuts), placed(cuts[0].middle()))
	}
	at := make([]string, len(cuts))
	for i, s := range cuts {
		at[i] = placed(s.middle())
	}
	return "at " + strings.Join(at, ", ")
}

// Together judges the picture of a recording by its sound: of one room and time, their hum and flicker are one grid's. It is forged where they
// are not, with sound evidence, else undetermined: that they agree does not tell when or where a recording was made.
func Together(ctx context.Context, sound, picture enf.Estimate, o Options) Channel {
	later := picture.Series.Start.Sub(sound.Series.Start)
	o.Search, o.Rule, o.Start = false, RuleLLR, &later
	ch := Compare(ctx, picture, sound.Series, o)
	switch ch.Verdict {
	case Forged:
		ch.Reason = "Without a reference: the light's flicker does not follow the sound's hum. They were not recorded together, or one of them was edited."
	case Authentic:
		ch.Verdict = Undetermined
		ch.Reason = "Without a reference: the light's flicker follows the sound's hum, which does not tell when or where the recording was made."
	case Undetermined:
		ch.Reason = "Without a reference, the picture held against the sound: " + ch.Reason
	}
	return ch
}
