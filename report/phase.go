// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"math"
	"math/cmplx"
	"slices"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

const (
	phaseStep   = 0.5       // seconds of a value
	phaseReach  = 4         // values from one end of a comparison to its middle: two seconds
	phaseMost   = 12 * 3600 // seconds; detect looks no further
	phaseVoices = 3         // harmonics in the picture; more hide one another
)

// Phase collects the phase of a recording's hum for a picture of where it jumps. Its [Phase.Add] is an estimator's Tone. The zero value is
// ready for use. Memory is bounded for any length of recording. It is not safe for concurrent use.
type Phase struct{ lines map[phaseKey]*phaseLine }

type phaseKey struct {
	grid   enf.Grid
	number int
}

// phaseLine is one harmonic: the sum of its samples over each step.
type phaseLine struct {
	next int // the sample expected
	sum  []complex128
}

// Add takes in a stretch of a harmonic. It keeps nothing of t.Samples. The difference of a signal's channels is left
// out, and so is what does not continue what came before.
func (p *Phase) Add(t enf.Tone) {
	if t.Input != 0 || !(t.Rate > 0) || t.First < 0 {
		return
	}
	if p.lines == nil {
		p.lines = make(map[phaseKey]*phaseLine)
	}
	key := phaseKey{t.Grid, t.Number}
	l := p.lines[key]
	if l == nil {
		l = &phaseLine{}
		p.lines[key] = l
	}
	if t.First != l.next || float64(t.First) > phaseMost*t.Rate {
		return
	}
	for i, z := range t.Samples {
		k := int(float64(t.First+i) / t.Rate / phaseStep)
		for len(l.sum) <= k {
			l.sum = append(l.sum, 0)
		}
		l.sum[k] += z
	}
	l.next += len(t.Samples)
}

// layers are the departures of the strongest harmonics in use.
func (p *Phase) layers(e enf.Estimate) []layer {
	used := slices.DeleteFunc(slices.Clone(e.Harmonics), func(h enf.Harmonic) bool {
		return !(h.Share > 0) || p.lines[phaseKey{e.Grid, h.Number}] == nil
	})
	slices.SortStableFunc(used, func(a, b enf.Harmonic) int { return cmp.Compare(b.SNR, a.SNR) })
	var out []layer
	for i, h := range used[:min(len(used), phaseVoices)] {
		l := layer{class: [...]string{"recording", "reference", "error"}[i], name: fmt.Sprintf("harmonic %d", h.Number)}
		l.t, l.y = p.lines[phaseKey{e.Grid, h.Number}].departure()
		out = append(out, l)
	}
	slices.Reverse(out) // the strongest on top
	return out
}

// departure is by how many degrees the phase departs from running evenly: its turn over the two seconds after a moment,
// less that over the two before. A jump shows as a pulse up and one down, four seconds long together.
func (l *phaseLine) departure() (t, degrees []float64) {
	for k := range l.sum {
		t, degrees = append(t, (float64(k)+0.5)*phaseStep), append(degrees, math.NaN())
		if k < phaseReach || k+phaseReach >= len(l.sum) {
			continue
		}
		before, here, after := l.sum[k-phaseReach], l.sum[k], l.sum[k+phaseReach]
		if z := after * before * cmplx.Conj(here*here); z != 0 && !cmplx.IsNaN(z) {
			degrees[k] = cmplx.Phase(z) * 180 / math.Pi
		}
	}
	return t, degrees
}

// phaseFigure shows whether the hum's phase runs on without a jump.
func phaseFigure(c detect.Channel, layers []layer, end float64) figure {
	y := limits{-30, 30}
	for _, l := range layers { // all of it: what is far out is what is looked for
		if all := sorted(l.y); len(all) > 0 {
			y.lo, y.hi = math.Min(y.lo, 1.1*all[0]), math.Max(y.hi, 1.1*all[len(all)-1])
		}
	}
	caption := "By how many degrees the phase of the strongest harmonics departs from running evenly: its turn over the two seconds after a moment, less that " +
		"over the two before. The mains turn evenly, so a recording that is whole stays near zero. Where something was cut out or put in, harmonics jump at " +
		"once; one alone that strays is noise." + shadingText(c.Forged)
	return newFigure("Phase of the hum", caption, plot{
		title:   "Departure of the phase of the hum's harmonics from running evenly, over time",
		desc:    spansText(c.Forged),
		seconds: end,
		panels:  []panel{{label: "departure, degrees", height: 170, y: y, spans: c.Forged, layers: layers, rules: []rule{{class: "zero", y: 0}}}},
	})
}
