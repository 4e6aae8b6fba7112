// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"cmp"
	"fmt"
	"math"
	"math/cmplx"
	"slices"
	"strings"

	"github.com/defakepro/defakepro/enf"
)

// How jumps of the hum's phase are looked for. Phase goes on evenly in a recording that is whole, and jumps where samples were taken out or put
// in (Rodriguez, Apolinario and Biscainho 2010).
const (
	cutHalf   = 1.5  // seconds; two stretches as long, on either side of a place, give phase and frequency there
	cutGuard  = 1.4  // seconds of the fundamental that the filter smears, less for a harmonic in proportion
	cutStep   = 0.25 // seconds between places
	cutNear   = 60.0 // seconds either side, over which a harmonic's own spread is taken
	cutSteady = 0.5  // radians; a harmonic that spreads more says nothing
	cutLeast  = 0.04 // radians; none is credited with less: grids move by a millihertz in a second
	cutLimit  = 8.0  // spreads at which two harmonics must jump at once (docs/results/detection.md)
	cutApart  = 8.0  // seconds; jumps nearer to one another are one
	// cutLoudness is the least share of the loudest stretch around a place that the others must have: a cut leaves hum as loud as it was.
	cutLoudness = 0.9
	cutLongest  = 12 * 3600
	cutVoices   = 2
	snapReach   = 12.0 // seconds; a splice that a comparison finds may lie as far from where it is
	// A recording that follows the grid and yet jumps more than so often, and every so many seconds, lost samples all along, as a call's jitter buffer drops
	// and repeats them. (What was cut as often would show in its place.)
	patchyJumps, patchySeconds = 3, 120.0
)

// Tones gathers the hum's harmonics while a recording is estimated, to look for cuts in it without a reference. Pass its Add as
// [enf.Options.Tone]. The zero value is ready.
type Tones struct{ lines map[toneKey][]complex128 }

type toneKey struct {
	grid          enf.Grid
	number, input int
}

// Add takes a stretch of a harmonic. What is beyond twelve hours is left out.
func (t *Tones) Add(tone enf.Tone) {
	if t.lines == nil {
		t.lines = make(map[toneKey][]complex128)
	}
	key := toneKey{tone.Grid, tone.Number, tone.Input}
	if kept := t.lines[key]; len(kept) == tone.First && float64(tone.First) < cutLongest*tone.Rate {
		t.lines[key] = append(kept, tone.Samples...)
	}
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
		ch.Reason = "Without a reference: the mains hum is too weak for its phase to show cuts."
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
	spans, alone := snapped(ch.Forged, jumps)
	if len(spans)+len(alone) == 0 {
		return ch
	}
	at := places(alone)
	patchy := len(alone) > patchyJumps && float64(len(alone))*patchySeconds > float64(ch.Estimate.Series.Len())
	if patchy {
		alone = nil
	}
	found := describe(ch.Forged)
	ch.Forged = append(spans, alone...)
	slices.SortFunc(ch.Forged, func(a, b Span) int { return cmp.Compare(a.Start, b.Start) })
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

// snapped moves the edges of spans to the jumps that they stand for, and returns the jumps that stand for themselves. Neither argument is changed.
func snapped(spans, jumps []Span) (moved, alone []Span) {
	moved = slices.Clone(spans)
	for _, j := range jumps {
		at, known := (j.Start+j.End)/2, false
		for i := range moved {
			s := &moved[i]
			middle := (s.Start + s.End) / 2
			switch {
			case s.Kind == SpanCut:
				if known = math.Abs(middle-at) <= snapReach; known {
					s.Start, s.End = j.Start, j.End
				}
			case at <= middle && math.Abs(s.Start-at) <= snapReach:
				s.Start, known = at, true
			case at > middle && math.Abs(s.End-at) <= snapReach:
				s.End, known = at, true
			default:
				known = s.Start < at && at < s.End
			}
			if known {
				break
			}
		}
		if !known {
			alone = append(alone, j)
		}
	}
	return moved, alone
}

// places lists where the cuts are.
func places(cuts []Span) string {
	if len(cuts) > 3 {
		return fmt.Sprintf("in %d places, first at %s", len(cuts), placed((cuts[0].Start+cuts[0].End)/2))
	}
	at := make([]string, len(cuts))
	for i, s := range cuts {
		at[i] = placed((s.Start + s.End) / 2)
	}
	return "at " + strings.Join(at, ", ")
}

// cuts returns the places where at least two harmonics jump, and the share of the places at which two could be looked at.
func (t *Tones) cuts(grid enf.Grid) (found []Span, share float64) {
	var keys []toneKey
	places := 0
	for k, z := range t.lines {
		if k.grid == grid {
			keys = append(keys, k)
			places = max(places, int(float64(len(z))/(4*float64(k.number))/cutStep))
		}
	}
	slices.SortFunc(keys, func(a, b toneKey) int { return cmp.Or(a.number-b.number, a.input-b.input) })
	scores := make([][]float64, places) // of each harmonic that says something
	for i, k := range keys {
		if i > 0 && keys[i-1].number == k.number {
			continue // the side channel would vote a second time
		}
		for p, z := range jumps(t.lines[k], k.number, places) {
			if !math.IsNaN(z) {
				scores[p] = append(scores[p], math.Abs(z))
			}
		}
	}
	heard, best := 0, 0.0
	for p, z := range scores {
		if len(z) < cutVoices {
			continue
		}
		heard++
		slices.Sort(z)
		if v := z[len(z)-cutVoices]; v > cutLimit {
			at := float64(p) * cutStep
			s := Span{Start: at - cutWidth, End: at + cutWidth, Kind: SpanCut}
			switch n := len(found); {
			case n == 0 || s.Start-found[n-1].Start > cutApart:
				found, best = append(found, s), v
			case v > best:
				found[n-1], best = s, v
			}
		}
	}
	return found, float64(heard) / float64(max(places, 1))
}

// jumps returns by how many of its usual spreads a harmonic's phase jumps at each place; NaN where it is too unsteady to tell.
func jumps(z []complex128, number, places int) []float64 {
	rate := 4 * float64(number) // of enf's zooms
	sum := make([]complex128, len(z)+1)
	for i, v := range z {
		sum[i+1] = sum[i] + v
	}
	mean := func(from, to float64) complex128 { return sum[int(to*rate)] - sum[int(from*rate)] }
	guard := cutGuard / float64(number)
	out := nothing(places)
	for p := range out {
		t := float64(p) * cutStep
		if t-guard-2*cutHalf < 0 || int((t+guard+2*cutHalf)*rate) > len(z) {
			continue
		}
		a1, a2 := mean(t-guard-2*cutHalf, t-guard-cutHalf), mean(t-guard-cutHalf, t-guard)
		b1, b2 := mean(t+guard, t+guard+cutHalf), mean(t+guard+cutHalf, t+guard+2*cutHalf)
		if !steady(a1, a2, b1, b2) {
			continue
		}
		slope := (cmplx.Phase(a2*cmplx.Conj(a1)) + cmplx.Phase(b2*cmplx.Conj(b1))) / 2 / cutHalf
		out[p] = cmplx.Phase(b1 * cmplx.Conj(a2) * cmplx.Rect(1, -slope*(2*guard+cutHalf)))
	}
	// The spread of the places around, from their median size; every fourth will do.
	reach := int(cutNear / cutStep)
	spread := nothing(places)
	for p := 0; p < places; p += 4 {
		var near []float64
		for q := max(0, p-reach); q < min(places, p+reach); q += 4 {
			near = append(near, math.Abs(out[q]))
		}
		s := max(cutLeast, 1.4826*medianOf(near))
		for q := p; q < min(p+4, places); q++ {
			spread[q] = s
		}
	}
	for p := range out {
		if out[p] /= spread[p]; !(spread[p] < cutSteady) {
			out[p] = math.NaN()
		}
	}
	return out
}

// steady reports whether the hum is about as loud in all stretches. Where it is not, its phase jumps in honest recordings too: another device came on, a microphone
// was moved or muted.
func steady(stretches ...complex128) bool {
	least, most := math.Inf(1), 0.0
	for _, z := range stretches {
		least, most = min(least, cmplx.Abs(z)), max(most, cmplx.Abs(z))
	}
	return least >= cutLoudness*most
}

// Together judges the picture of a recording by its sound: of one room and time, their hum and flicker are one grid's. It is forged where they
// are not, with sound evidence, else undetermined: that they agree does not tell when or where a recording was made.
func Together(sound, picture enf.Estimate, o Options) Channel {
	o.Search, o.Rule, o.Start = false, RuleLLR, picture.Series.Start.Sub(sound.Series.Start)
	ch := Compare(picture, sound.Series, o)
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
