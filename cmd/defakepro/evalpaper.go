// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/defakepro/defakepro/internal/eval"
)

// paperOptions are those of the paper's tables and figures.
type paperOptions struct {
	cache   string
	sizes   []string
	videos  int
	seconds int
	codec   string
}

func (o *paperOptions) addFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.cache, "cache", "", "keep finished cases in this `DIR`, and go on from there")
	f.StringSliceVar(&o.sizes, "sizes", []string{"1080p", "720p", "480p"}, "table2: the resolutions")
	f.IntVar(&o.videos, "videos", 10, "table2: `N` videos of each size")
	f.IntVar(&o.seconds, "seconds", 300, "table2: length of each, `N` seconds")
	f.StringVar(&o.codec, "codec", "vp8", "table2: h264, vp8 or vp9")
}

// command is how to repeat an experiment.
func (o paperOptions) command(name string, quick bool, more ...string) string {
	words := []string{"defakepro eval", name}
	if quick {
		words = append(words, "--quick")
	}
	return strings.Join(append(words, more...), " ")
}

func (o paperOptions) store() eval.Store { return eval.Store{Dir: o.cache} }

func evalTable2(ctx context.Context, o evalOptions, say func(string)) (evalReport, error) {
	return partTable2(ctx, o, say)
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
