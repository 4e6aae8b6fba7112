// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"context"
	"fmt"
	"math"

	"github.com/defakepro/defakepro/detect"
)

// farWindows are the lengths that are measured, in seconds.
func farWindows() []int { return []int{10, 20, 30, 60, 120, 300} }

// farNoises are the noises that are measured; the last is that of real recordings.
func farNoises(quick bool) []FARNoise {
	if quick {
		return []FARNoise{{Sigma: 0.002}, {Sigma: 0.002, White: true}, {}}
	}
	var out []FARNoise
	for _, sigma := range []float64{0.0005, 0.001, 0.002, 0.003, 0.005} {
		out = append(out, FARNoise{Sigma: sigma})
		if sigma == 0.001 || sigma == 0.002 || sigma == 0.005 {
			out = append(out, FARNoise{Sigma: sigma, White: true})
		}
	}
	return append(out, FARNoise{Sigma: 0.002, Untold: true}, FARNoise{})
}

// FARPart measures the errors of a verdict on the real recordings in a folder, in so many pairs of windows a case: the table and the plots.
func FARPart(ctx context.Context, dir string, pairs int, seed uint64, quick bool, say func(string)) (Part, error) {
	sources, err := FARSources(ctx, dir)
	if err != nil {
		return Part{}, err
	}
	o := FAROptions{Windows: farWindows(), Noises: farNoises(quick), Pairs: pairs, Seed: seed}
	if quick {
		o.Windows = []int{30, 60}
	}
	cases, err := FAR(ctx, sources, o, func(c FARCase) {
		say(fmt.Sprintf("%s, %d s, %s: equal error %s by correlation, %s by likelihood", c.Source, c.Window, c.Noise,
			inPercent(c.Rates(detect.RuleCorrelation).Equal), inPercent(c.Rates(detect.RuleLLR).Equal)))
	})
	if err != nil {
		return Part{}, err
	}
	return farPart(cases, pairs), nil
}

// String names the noise.
func (n FARNoise) String() string {
	switch {
	case n.Sigma == 0:
		return "its own noise"
	case n.White:
		return fmt.Sprintf("%.1f mHz, white", 1e3*n.Sigma)
	case n.Untold:
		return fmt.Sprintf("%.1f mHz, frames, not stated", 1e3*n.Sigma)
	}
	return fmt.Sprintf("%.1f mHz, frames", 1e3*n.Sigma)
}

func farPart(cases []FARCase, pairs int) Part {
	p := Part{
		Name:  "far",
		Title: "False accepts and false rejects of a window",
		Text: []string{
			fmt.Sprintf("Windows of recorded mains, with noise and a clock offset of %.0f mHz (standard deviation) put on, compared by detect.Compare with their own time "+
				"and with another of the same grid, ten minutes away at least; the reference has %.1f mHz of noise of its own. Up to %d of either kind in a case, so that an error of "+
				"1 %% is known to within %.1f %% (one standard deviation).", 1e3*farClock, 1e3*farReference, pairs, 100*math.Sqrt(0.01*0.99/float64(pairs))),
			"The noise of frames is correlated as Hann frames of 16 s make it; white noise is that of seconds on their own. The mains themselves are not smeared by frames.",
			"The statistics are those by which detect decides: Channel.Correlation, and Channel.LLR, which is minus infinity for a window that lies better beside the place claimed. " +
				"The equal error is that of the best threshold; the false accept at 1 % false reject is that of the threshold which rejects one genuine window in a hundred. " +
				"Verdicts are those at the thresholds that are set, the window being all there is of a recording: genuine windows judged authentic and forged, and unrelated ones.",
			"Real recordings: three recorders' hour against the mains of that hour; a room's sound against the mains; light on a wall against the mains, each placed by its own fit. " +
				"Their windows overlap: the numbers of pairs overstate what is known.",
		},
		Tables: []Table{{Name: "errors", Columns: []string{
			"grid", "window, s", "noise", "equal error, r", "equal error, LLR", "false accept at 1 % false reject, r", "the same, LLR",
			"genuine: authentic", "forged", "unrelated: authentic", "forged",
		}}},
	}
	for _, c := range cases {
		r, l := c.Rates(detect.RuleCorrelation), c.Rates(detect.RuleLLR)
		row := []string{c.Source, fmt.Sprint(c.Window), c.Noise.String(), inPercent(r.Equal), inPercent(l.Equal), inPercent(r.AcceptAt1), inPercent(l.AcceptAt1)}
		for _, v := range c.Verdicts {
			n := 0
			for _, count := range v {
				n += count
			}
			for _, which := range []detect.Verdict{detect.Authentic, detect.Forged} {
				row = append(row, inPercent(float64(v[which])/float64(max(n, 1))))
			}
		}
		p.Tables[0].Rows = append(p.Tables[0].Rows, row)
		if c.Window == 60 && (c.Noise == FARNoise{Sigma: 0.002} || c.Noise.Sigma == 0) {
			p.Plots = append(p.Plots, farPlot(c))
		}
	}
	return p
}

// farPlot draws the receiver operating characteristic of a case.
func farPlot(c FARCase) Plot {
	p := Plot{
		Name: slug(c.Source), Title: fmt.Sprintf("%s, %d s, %s", c.Source, c.Window, c.Noise),
		X: "false reject", Y: "false accept", LogX: true, LogY: true,
	}
	for _, rule := range []detect.Rule{detect.RuleCorrelation, detect.RuleLLR} {
		line := Line{Name: string(rule)}
		for _, point := range roc(c.Genuine[rule], c.Unrelated[rule]) {
			line.X, line.Y = append(line.X, point.reject), append(line.Y, point.accept)
		}
		p.Lines = append(p.Lines, line)
	}
	return p
}

// slug makes a file's name of words.
func slug(s string) string {
	var out []rune
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			out = append(out, r)
		case r >= 'A' && r <= 'Z':
			out = append(out, r-'A'+'a')
		case len(out) > 0 && out[len(out)-1] != '-':
			out = append(out, '-')
		}
	}
	for len(out) > 0 && out[len(out)-1] == '-' {
		out = out[:len(out)-1]
	}
	return string(out)
}

// inPercent writes a share.
func inPercent(share float64) string {
	if math.IsNaN(share) {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*share)
}
