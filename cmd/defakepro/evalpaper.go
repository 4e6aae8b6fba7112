// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
	"github.com/defakepro/defakepro/internal/eval"
)

// paperOptions are those of the paper's tables and figures.
type paperOptions struct {
	cache   string
	sizes   []string
	videos  int
	seconds int
	codec   string
	sound   bool
	without []string
}

func (o *paperOptions) addFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.cache, "cache", "", "keep finished cases in this `DIR`, and go on from there; they are those of the program that measured them")
	f.StringSliceVar(&o.sizes, "sizes", []string{"1080p", "720p", "480p"}, "table2: the resolutions")
	f.IntVar(&o.videos, "videos", 10, "table2: `N` videos of each size")
	f.IntVar(&o.seconds, "seconds", 300, "table2: length of each, `N` seconds")
	f.BoolVar(&o.sound, "sound", false, "fig3, fig4, robust: sound alone, in minutes; pictures take an hour")
	f.StringSliceVar(&o.without, "without", nil, "all: leave these out")
	f.StringVar(&o.codec, "codec", "vp8", "table2: h264, vp8 or vp9")
}

// command is how to repeat an experiment.
func (o paperOptions) command(name string, quick bool, more ...string) string {
	words := []string{"defakepro eval", name}
	if quick {
		words = append(words, "--quick")
	}
	if o.sound && (name == "fig3" || name == "fig4" || name == "robust") {
		words = append(words, "--sound")
	}
	return strings.Join(append(words, more...), " ")
}

func (o paperOptions) store() eval.Store { return eval.Store{Dir: o.cache} }

// paperParts are the tables and figures of the paper, and what belongs beside them.
func paperParts() []evaluation {
	return []evaluation{
		{"table1", "the paper's Table I: latency against the number of validators, on a real committee", part(partTable1)},
		{"table2", "the paper's Table II: DeFakePro and UpConv on rendered video; needs ffmpeg, and hours", part(partTable2)},
		{"fig3", "the paper's Figure 3: correlation over time, ROC by window; needs ffmpeg", part(partFig3)},
		{"fig4", "in place of the paper's Figure 4: attacks detected, liars in a committee; needs ffmpeg", part(partFig4)},
		{"robust", "codecs, bit rates, noise suppression and loss; needs ffmpeg", part(partRobust)},
		{"far", "false accepts and rejects of a window, on real grids and recordings; needs --data", part(partFAR)},
		{"limits", "what nothing withstands: replay from an archive, the live hum, a face under the room's light; needs ffmpeg", part(partLimits)},
	}
}

// evalAll measures them all.
func evalAll(ctx context.Context, o evalOptions, say func(string)) (evalReport, error) {
	var paper eval.Paper
	for _, e := range paperParts() {
		if slices.Contains(o.without, e.name) || e.name == "far" && o.data == "" {
			say(e.name + ": left out")
			continue
		}
		say(e.name)
		report, err := e.run(ctx, o, say)
		if err != nil {
			return nil, err
		}
		paper = append(paper, report.(eval.Part))
	}
	return paper, nil
}

// part makes an evaluation of what returns a part.
func part(run func(context.Context, evalOptions, func(string)) (eval.Part, error)) func(context.Context, evalOptions, func(string)) (evalReport, error) {
	return func(ctx context.Context, o evalOptions, say func(string)) (evalReport, error) {
		return run(ctx, o, say)
	}
}

func partTable1(ctx context.Context, o evalOptions, say func(string)) (eval.Part, error) {
	t := eval.Table1Options{Validators: 4, Seed: evalSeed, Say: say}
	if o.quick {
		t.Provers, t.Rounds = []int{10, 20}, 3
	}
	rows, err := eval.Table1(ctx, t)
	return eval.Table1Part(rows, t.Validators, o.command("table1", o.quick)), err
}

func partTable2(ctx context.Context, o evalOptions, say func(string)) (eval.Part, error) {
	t := eval.Table2Options{Sizes: o.sizes, Videos: o.videos, Seconds: o.seconds, Codec: o.codec, Seed: evalSeed, Store: o.store(), Say: say}
	more := []string{fmt.Sprintf("--videos %d --seconds %d --codec %s --sizes %s", o.videos, o.seconds, o.codec, strings.Join(o.sizes, ","))}
	if o.quick {
		t.Sizes, t.Videos, t.Seconds, t.Training, t.TrainingSeconds, t.SpeedFrames = []string{"64x48"}, 2, 150, 1, 20, 5
		more = nil
	}
	res, err := eval.Table2(ctx, t)
	if err != nil {
		return eval.Part{}, err
	}
	return res.Part(o.command("table2", o.quick, more...))
}

func partFig3(ctx context.Context, o evalOptions, _ func(string)) (eval.Part, error) {
	f := eval.Fig3Options{Windows: []int{10, 30, 60, 120, 300}, Pairs: 300, Seed: evalSeed, Store: o.store()}
	f.Video = !o.sound
	if o.quick {
		f.Seconds, f.Windows, f.Pairs, f.Video = 300, []int{30, 60}, 50, false
	}
	grid, source, err := o.grid()
	if err != nil {
		return eval.Part{}, err
	}
	f.Sources = []eval.FARSource{{Name: source, Grid: enf.Grid60, Truth: []enf.Series{grid}}}
	if o.data != "" && !o.quick {
		if f.Sources, err = eval.FARSources(ctx, o.data); err != nil {
			return eval.Part{}, err
		}
	}
	return eval.Fig3(ctx, f, o.command("fig3", o.quick))
}

func partFig4(ctx context.Context, o evalOptions, say func(string)) (eval.Part, error) {
	f := eval.Fig4Options{Seed: evalSeed, Video: !o.sound, Store: o.store(), Say: say}
	if o.quick {
		f.Seconds, f.Trials, f.Members, f.Video = 210, 5, 20, false
	}
	var err error
	if f.Grid, _, err = o.grid(); err != nil {
		return eval.Part{}, err
	}
	return eval.Fig4(ctx, f, o.command("fig4", o.quick))
}

func partRobust(ctx context.Context, o evalOptions, say func(string)) (eval.Part, error) {
	r := eval.RobustOptions{Quick: o.quick, Sound: o.sound, Seed: evalSeed, Store: o.store(), Say: say}
	if o.quick {
		r.Seconds = 90
	}
	return eval.Robust(ctx, r, o.command("robust", o.quick))
}

func partLimits(ctx context.Context, o evalOptions, say func(string)) (eval.Part, error) {
	l := eval.LimitsOptions{Source: "a week of a simulated grid", Seed: evalSeed, Store: o.store(), Say: say}
	week := enftest.GridOptions{Duration: 7 * 24 * time.Hour}
	if o.quick {
		l.Trials, l.FaceVideos, week.Duration, l.Source = 2, -1, 6*time.Hour, "six hours of a simulated grid"
	}
	if o.data == "" {
		l.Archive, l.Now = enftest.NewGrid(evalSeed, week).Series(), enftest.NewGrid(evalSeed+1, week).Series()
		return eval.Limits(ctx, l, o.command("limits", o.quick))
	}
	l.Source = "the US grid's July 2022"
	var err error
	if l.Archive, _, err = o.grid(); err != nil {
		return eval.Part{}, err
	}
	if l.Now, err = enf.ReadFile(filepath.Join(o.data, "grid", "us60_2022-09.csv.gz")); err != nil {
		return eval.Part{}, err
	}
	l.Now = l.Now.Resample(time.Second)
	return eval.Limits(ctx, l, o.command("limits", o.quick))
}
