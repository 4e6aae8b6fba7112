// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/poenf"
	"github.com/defakepro/defakepro/sim"
)

// Fig4Options says how what stands in the place of Figure 4 is measured. The zero value is the full size.
type Fig4Options struct {
	// Seconds is the length of each recording; 0 for 300. It is forged in its middle third.
	Seconds int
	// Video renders pictures too, which takes minutes.
	Video bool
	// Grid is what committees see, and Trials the number of rounds of each kind; 0 for 100. Members is the size of a committee; 0 for 50.
	Grid            enf.Series
	Trials, Members int
	Seed            uint64
	Store           Store
	// Say, when not nil, is called with each recording done.
	Say func(string)
}

// The attacks of the panels, and those on the committee.
var (
	fig4Sound   = []sim.Kind{sim.Replace, sim.Foreign, sim.Mute, sim.Cut, sim.Insert}
	fig4Picture = []sim.Kind{sim.Replace, sim.Camera, sim.Foreign, sim.Mute, sim.Face, sim.Reface}
)

// Fig4 measures detection of each kind of attack, in sound and in pictures, and the truth of a committee against the share of liars in it.
func Fig4(ctx context.Context, o Fig4Options, repeat string) (Part, error) {
	if o.Seconds == 0 {
		o.Seconds = 300
	}
	if o.Trials == 0 {
		o.Trials = 100
	}
	if o.Members == 0 {
		o.Members = 50
	}
	if o.Say == nil {
		o.Say = func(string) {}
	}
	part := Part{Name: "fig4", Title: "Figure 4: attacks detected, and a committee with liars", Repeat: repeat, Text: []string{
		"What the three panels of the paper's Figure 4 hold could not be established from what is publicly at hand. In their place: a, the evidence over time under each kind of attack on sound; b, on " +
			"pictures; c, how far liars move the truth that a committee agrees on.",
		fmt.Sprintf("a, b: recordings of %d s, made as those of Figure 3a, with each attack in the middle third: material of an hour before (replace), the same through a virtual camera, a foreign "+
			"grid, no grid at all (mute), a stretch taken out (cut) or put in (insert), and a head re-rendered under steady light (face) or under the light of an hour before (reface).", o.Seconds),
	}}
	if !o.Video {
		part.Text = append(part.Text, "Pictures, panel b, were left out of this run.")
	}
	t := Table{Name: "attacks", Columns: []string{"channel", "attack", "verdict", "windows with r < 0.8: genuine", "forged", "windows with LLR < 0: genuine", "forged", "forged span found, s"}}
	for _, channel := range []enf.Source{enf.SourceAudio, enf.SourceVideo} {
		if channel == enf.SourceVideo && !o.Video {
			continue
		}
		plot, rows, err := o.attacks(ctx, channel)
		if err != nil {
			return part, err
		}
		part.Plots, t.Rows = append(part.Plots, plot), append(t.Rows, rows...)
	}
	table, plot, err := o.committee()
	if err != nil {
		return part, err
	}
	part.Tables, part.Plots = append(part.Tables, t, table), append(part.Plots, plot)
	part.Text = append(part.Text, fmt.Sprintf("c: committees of %d, whose honest members see the grid with %.1f mHz of noise and clock offsets of %.1f mHz. Liars replay another time together, or stand where Krum's score still "+
		"prefers them. RMSE of E\\* against the grid, mean of %d rounds: the plain mean, the paper's Krum with f = (K-3)/2, and the median rule, which is the default.",
		o.Members, 1e3*memberNoise, 1e3*memberOffset, o.Trials))
	return part, nil
}

// attacks is panel a, of sound, or b, of pictures, and its rows of the table.
func (o Fig4Options) attacks(ctx context.Context, channel enf.Source) (Plot, [][]string, error) {
	name, kinds, ext := "a", fig4Sound, ".wav"
	if channel == enf.SourceVideo {
		name, kinds, ext = "b", fig4Picture, ".mkv"
	}
	plot := Plot{Name: name, Title: fmt.Sprintf("In place of Fig. 4%s: attacks on %s", name, channel), X: "middle of the window, s", Y: "log-likelihood ratio, nats"}
	var rows [][]string
	for _, kind := range kinds {
		a := sim.Attack{Kind: kind, From: time.Duration(o.Seconds/3) * time.Second, To: time.Duration(2*o.Seconds/3) * time.Second}
		if kind == sim.Cut {
			a.To = a.From + 30*time.Second
		}
		rec, _ := Fig3Options{Seconds: o.Seconds, Seed: o.Seed}.recording(channel, false)
		rec.Attacks = []sim.Attack{a}
		found, err := remembered(o.Store, fmt.Sprintf("fig4 %s %s %d %d", channel, a, o.Seconds, o.Seed), func() (windowsFound, error) {
			ch, err := render(ctx, rec, ext)
			return windowsOf(ch), err
		})
		if err != nil {
			return plot, nil, fmt.Errorf("fig4: %s %s: %w", channel, kind, err)
		}
		if kind == sim.Cut {
			a.To = a.From // nothing of it is in the file
		}
		rows = append(rows, found.row(string(channel), string(kind), a))
		x, _, llr := found.curves()
		plot.Lines = append(plot.Lines, Line{Name: string(kind), X: x, Y: llr})
		o.Say(fmt.Sprintf("%s, %s: %s", channel, kind, found.Verdict))
	}
	return plot, rows, nil
}

// committee is panel c.
func (o Fig4Options) committee() (Table, Plot, error) {
	t := Table{Name: "liars", Columns: []string{"liars", "share", "mean, mHz", "Krum, mHz", "median, mHz"}}
	plot := Plot{Name: "c", Title: fmt.Sprintf("In place of Fig. 4c: error of E*, %d members", o.Members), X: "share of liars", Y: "RMSE, mHz"}
	rng := rand.New(rand.NewPCG(o.Seed, 9))
	for _, liars := range AllLiars[1:3] {
		lines := [3]Line{{Name: "mean, " + liars.Name}, {Name: "Krum, " + liars.Name}, {Name: "median, " + liars.Name}}
		for share := 0.; share < 0.47; share += 0.05 {
			f := int(share * float64(o.Members))
			a, err := o.attack(rng, f, liars)
			if err != nil {
				return t, plot, err
			}
			t.Rows = append(t.Rows, []string{liars.Name, fixed(share, 2), fixed(1e3*a.Mean, 2), fixed(1e3*a.Krum, 2), fixed(1e3*a.Median, 2)})
			for k, v := range []float64{a.Mean, a.Krum, a.Median} {
				lines[k].X, lines[k].Y = append(lines[k].X, share), append(lines[k].Y, 1e3*v)
			}
		}
		plot.Lines = append(plot.Lines, lines[:]...)
	}
	return t, plot, nil
}

// attack lets f of a committee lie, in as many rounds as there are trials.
func (o Fig4Options) attack(rng *rand.Rand, f int, liars Liars) (AttackResult, error) {
	if f == 0 {
		liars = AllLiars[0]
	}
	if f > (o.Members-1)/2 || poenf.MaxMembers < o.Members {
		return AttackResult{}, fmt.Errorf("%d liars of %d: no rule bears them", f, o.Members)
	}
	return attack(rng, o.Grid, o.Members, f, liars, o.Trials)
}
