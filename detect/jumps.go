// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"math"
	"math/cmplx"
	"slices"

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
	cutOdd    = 0.03 // share of jumps of honest recordings that may be anything
	cutVoices = 2    // harmonics that must be steady enough to tell
	cutSwerve = 2.0  // nats for each e-fold that all harmonics swerve
	cutLimit  = 7.0  // nats of evidence for a cut (docs/results/detection.md)
	cutTurns  = 360  // cuts that are tried, by how much of a cycle they take out
	cutApart  = 8.0  // seconds; jumps nearer to one another are one
	// A cut leaves hum as loud as it was. Where it swells by more than cutSwell and cutSwells times its usual swelling, its phase jumps in honest recordings too: another
	// device came on, a microphone was moved or muted. Beyond an e-fold it always does.
	cutSwell, cutSwells, cutSwellMost = 0.105, 1.5, 1.0
	// cutSilence is the share of a harmonic's root mean square amplitude below which it was muted: what filters leave of the edges there is not usual.
	cutSilence = 1e-3
)

// cutSwerves are by how much more than usual phases may spread in honest recordings.
var cutSwerves = []float64{1, 1.5, 2, 3, 4}

// cuts returns the places where the harmonics jump, and the share of the places at which they could be seen to.
func (t *Tones) cuts(grid enf.Grid) (found []Span, share float64) {
	var keys []toneKey
	places := 0
	for k, z := range t.lines {
		if k.grid == grid {
			keys = append(keys, k)
			places = max(places, int(z.seconds()/cutStep))
		}
	}
	slices.SortFunc(keys, func(a, b toneKey) int { return a.number - b.number })
	voices := make([][]voice, places) // of each place
	for _, k := range keys {
		for p, v := range t.lines[k].jumps(k.number, places) {
			if v.spread < cutSteady {
				voices[p] = append(voices[p], v)
			}
		}
	}
	heard, best := 0, 0.0
	for p, v := range voices {
		if len(v) < cutVoices {
			continue
		}
		heard++
		if score := evidenceOfCut(v); score > cutLimit {
			at := float64(p) * cutStep
			s := Span{Start: at - cutWidth, End: at + cutWidth, Kind: SpanCut}
			switch n := len(found); {
			case n == 0 || s.Start-found[n-1].Start > cutApart:
				found, best = append(found, s), score
			case score > best:
				found[n-1], best = s, score
			}
		}
	}
	return found, float64(heard) / float64(max(places, 1))
}

// voice is what one harmonic says of one place: by how much its phase jumps there, and how widely jumps usually spread, in radians.
type voice struct {
	number       int
	jump, spread float64
}

// density is that of the voice's jump where one of so much is expected, spread so many times as widely as usual: normal, wrapped about the circle, and now and then anything.
func (v voice) density(expected, scale float64) float64 {
	d, spread, sum := math.Remainder(v.jump-expected, 2*math.Pi), scale*v.spread, 0.0
	for _, turn := range []float64{-2 * math.Pi, 0, 2 * math.Pi} {
		z := (d + turn) / spread
		sum += math.Exp(-z * z / 2)
	}
	return (1-cutOdd)*sum/(spread*math.Sqrt(2*math.Pi)) + cutOdd/(2*math.Pi)
}

// evidenceOfCut is the log-likelihood ratio, in nats, of a cut against none. A cut takes out some part of a cycle, any, and the phase of each harmonic jumps by its
// multiple of that. Without one phases stay as they were, give or take a swerve of the grid, which spreads all of them more widely.
func evidenceOfCut(voices []voice) float64 {
	none, most := math.Inf(-1), 0.0
	for _, scale := range cutSwerves {
		sum := -cutSwerve * math.Log(scale)
		for _, v := range voices {
			sum += math.Log(v.density(0, scale))
		}
		none = max(none, sum)
	}
	for _, v := range voices {
		most += math.Log(v.density(v.jump, 1))
	}
	if most-none <= cutLimit {
		return 0 // no cut does better
	}
	cut := 0.0
	for i := range cutTurns {
		product := 1.0
		for _, v := range voices {
			product *= v.density(2*math.Pi*float64(v.number*i)/cutTurns, 1)
		}
		cut += product / cutTurns
	}
	return math.Log(cut) - none
}

func (l toneLine) seconds() float64 { return float64(len(l.samples)) / l.rate }

// loudness is the harmonic's root mean square amplitude.
func (l toneLine) loudness() float64 {
	sum := 0.0
	for _, z := range l.samples {
		re, im := float64(real(z)), float64(imag(z))
		sum += re*re + im*im
	}
	return math.Sqrt(sum / float64(max(len(l.samples), 1)))
}

// jumps returns what a harmonic says of each place, its spread infinite where it is too unsteady to tell.
func (l toneLine) jumps(number, places int) []voice {
	sum := make([]complex128, len(l.samples)+1)
	for i, v := range l.samples {
		sum[i+1] = sum[i] + complex128(v)
	}
	mean := func(from, to float64) complex128 { return sum[int(to*l.rate)] - sum[int(from*l.rate)] }
	silence := cutSilence * cutHalf * l.rate * l.loudness()
	guard := cutGuard / float64(number)
	out, swell := nothing(places), nothing(places)
	for p := range out {
		t := float64(p) * cutStep
		if t-guard-2*cutHalf < 0 || int((t+guard+2*cutHalf)*l.rate) > len(l.samples) {
			continue
		}
		a1, a2 := mean(t-guard-2*cutHalf, t-guard-cutHalf), mean(t-guard-cutHalf, t-guard)
		b1, b2 := mean(t+guard, t+guard+cutHalf), mean(t+guard+cutHalf, t+guard+2*cutHalf)
		if max(cmplx.Abs(a1), cmplx.Abs(a2), cmplx.Abs(b1), cmplx.Abs(b2)) < silence {
			continue
		}
		swell[p] = swelling(a1, a2, b1, b2)
		slope := (cmplx.Phase(a2*cmplx.Conj(a1)) + cmplx.Phase(b2*cmplx.Conj(b1))) / 2 / cutHalf
		out[p] = cmplx.Phase(b1 * cmplx.Conj(a2) * cmplx.Rect(1, -slope*(2*guard+cutHalf)))
	}
	// The spread of the places around, from their median size; every fourth will do.
	reach := int(cutNear / cutStep)
	spread, swells := nothing(places), nothing(places)
	for p := 0; p < places; p += 4 {
		var near, loud []float64
		for q := max(0, p-reach); q < min(places, p+reach); q += 4 {
			near, loud = append(near, math.Abs(out[q])), append(loud, swell[q])
		}
		s, l := max(cutLeast, 1.4826*Median(near)), min(max(cutSwell, cutSwells*Median(loud)), cutSwellMost)
		for q := p; q < min(p+4, places); q++ {
			spread[q], swells[q] = s, l
		}
	}
	said := make([]voice, places)
	for p := range out {
		said[p] = voice{number, out[p], spread[p]}
		if math.IsNaN(out[p]) || !(swell[p] <= swells[p]) {
			said[p].spread = math.Inf(1)
		}
	}
	return said
}

// swelling returns by how much the hum swells or fades over all stretches: the logarithm of the loudest by the faintest.
func swelling(stretches ...complex128) float64 {
	least, most := math.Inf(1), 0.0
	for _, z := range stretches {
		least, most = min(least, cmplx.Abs(z)), max(most, cmplx.Abs(z))
	}
	return math.Log(most / least)
}
