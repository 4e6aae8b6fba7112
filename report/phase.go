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
	phaseStep   = 0.5 // seconds of a value
	phaseReach  = 4   // values from one end of a comparison to its middle: two seconds
	phaseVoices = 3   // harmonics in the picture; more hide one another
)

// phaseLayers are the departures of the strongest harmonics in use.
func phaseLayers(tones *detect.Tones, e enf.Estimate) []layer {
	if tones == nil {
		return nil
	}
	sums := make(map[int][]complex128)
	for _, h := range e.Harmonics {
		sums[h.Number] = tones.Sums(e.Grid, h.Number, phaseStep)
	}
	used := slices.DeleteFunc(slices.Clone(e.Harmonics), func(h enf.Harmonic) bool { return !(h.Share > 0) || sums[h.Number] == nil })
	slices.SortStableFunc(used, func(a, b enf.Harmonic) int { return cmp.Compare(b.SNR, a.SNR) })
	var out []layer
	for i, h := range used[:min(len(used), phaseVoices)] {
		l := layer{class: [...]string{"recording", "reference", "error"}[i], name: fmt.Sprintf("harmonic %d", h.Number)}
		l.t, l.y = departure(sums[h.Number])
		out = append(out, l)
	}
	slices.Reverse(out) // the strongest on top
	return out
}

// departure is, of the sums of a harmonic over each step, by how many degrees the phase departs from running evenly: its turn over the two seconds after a moment,
// less that over the two before. A jump shows as a pulse up and one down, four seconds long together.
func departure(sums []complex128) (t, degrees []float64) {
	for k := range sums {
		t, degrees = append(t, (float64(k)+0.5)*phaseStep), append(degrees, math.NaN())
		if k < phaseReach || k+phaseReach >= len(sums) {
			continue
		}
		before, here, after := sums[k-phaseReach], sums[k], sums[k+phaseReach]
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
