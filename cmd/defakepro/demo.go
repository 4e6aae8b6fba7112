// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/sim"
)

// The demo's recording, and how near to the truth the forged span must be found.
const (
	demoLongest  = 4 * time.Minute
	demoShortest = 3 * time.Minute
	demoForged   = 40 * time.Second
	demoMargin   = 10 // seconds: within the length of an estimator's frame
)

type demoOptions struct {
	seconds   time.Duration
	noBrowser bool
	out       string
}

func newDemoCommand() *cobra.Command {
	opts := demoOptions{seconds: demoLongest, out: "defakepro-demo"}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Forge a recording and find the forgery",
		Long: `Demo renders a talk in a room on a 60 Hz grid, once as it was and once with 40 seconds replaced by another take,
checks both against what the grid did, and leaves the recordings and the report in a folder.

Exit status: 0 if the untouched recording was found authentic and the forgery was found in its place, else 3.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return runDemo(c.Context(), opts, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.Var(durationFlag{&opts.seconds, time.Second, 24 * time.Hour}, "seconds",
		"length of the recording at most; it is cut to between 180 and 240 s")
	f.BoolVar(&opts.noBrowser, "no-browser", false, "do not open the report in a browser")
	f.StringVar(&opts.out, "out", opts.out, "the `FOLDER` for what is rendered and for the report")
	return c
}

// demo is one run: the folder, and the recording in its untouched form.
type demo struct {
	out    string
	talk   sim.Recording
	stdout io.Writer
	stderr io.Writer
}

func runDemo(ctx context.Context, opts demoOptions, stdout, stderr io.Writer) error {
	if err := os.MkdirAll(opts.out, 0o777); err != nil {
		return fmt.Errorf("cannot make the folder %s: %w", opts.out, withoutPath(err))
	}
	length := min(max(opts.seconds, demoShortest), demoLongest)
	d := demo{
		out: opts.out,
		talk: sim.Recording{
			Seed:     1,
			Duration: length,
			Grid:     enf.Grid60,
			Audio:    &sim.Audio{CN0: roomHum},
			Video:    &sim.Video{Width: 480, Height: 270, FPS: 25, Flicker: 0.03, Exposure: 1.0 / 500, Readout: rollingReadout / 25, Motion: true},
		},
		stdout: stdout,
		stderr: stderr,
	}
	from := (length / 3).Truncate(10 * time.Second)
	attack := sim.Attack{Kind: sim.Replace, From: from, To: from + demoForged}

	grid := d.path("grid.csv")
	if err := d.writeTruth(grid); err != nil {
		return err
	}
	d.say("A talk of %v in a room on a 60 Hz grid, and what the grid did meanwhile: %s", length, grid)
	honest, err := d.try(ctx, "honest.mp4", "honest.html", nil)
	if err != nil {
		return err
	}
	d.say("The same talk, with %v to %v replaced by a take of an hour later", attack.From, attack.To)
	forged, err := d.try(ctx, "forged.mp4", "report.html", []sim.Attack{attack})
	if err != nil {
		return err
	}
	page := d.path("report.html")
	d.say("Report: %s", page)
	if honest.Verdict != detect.Authentic {
		return fmt.Errorf("demo: the untouched recording was found %s", honest.Verdict)
	}
	if !found(forged, attack) {
		return fmt.Errorf("demo: the forgery of %v to %v was not found there", attack.From, attack.To)
	}
	if !opts.noBrowser {
		openBrowser(ctx, page)
	}
	return nil
}

func (d demo) path(name string) string { return filepath.Join(d.out, name) }

func (d demo) say(format string, args ...any) { _, _ = fmt.Fprintf(d.stdout, format+"\n", args...) }

// writeTruth writes what the grid did.
func (d demo) writeTruth(path string) error {
	series, err := d.talk.Truth()
	if err != nil {
		return err
	}
	out, err := createOutput(path)
	if err != nil {
		return err
	}
	defer out.discard()
	return out.commit(nil, func(w io.Writer) error { return enf.WriteCSV(w, series) })
}

// try renders the talk with the attacks, checks it and writes its page.
func (d demo) try(ctx context.Context, name, page string, attacks []sim.Attack) (detect.Report, error) {
	media := d.path(name)
	talk := d.talk
	talk.Attacks = attacks
	said := newProgress(d.stderr, media, "rendered", talk.Duration)
	talk.Progress = func(done time.Duration) { said.at(done.Seconds()) }
	if err := talk.Render(ctx, media); err != nil {
		return detect.Report{}, err
	}
	opts := defaultCheckOptions()
	opts.reference, opts.report = d.path("grid.csv"), d.path(page)
	rep, err := opts.run(ctx, media, d.stderr)
	if err != nil {
		return detect.Report{}, err
	}
	d.say("  %s  %s: %s", media, rep.Verdict, rep.Reason)
	return rep, nil
}

// found reports whether both channels have the attack, and nothing else, as forged.
func found(rep detect.Report, attack sim.Attack) bool {
	near := func(a float64, b time.Duration) bool { return math.Abs(a-b.Seconds()) <= demoMargin }
	for _, c := range rep.Channels {
		if c.Verdict != detect.Forged || len(c.Forged) == 0 {
			return false
		}
		first, last := c.Forged[0], c.Forged[len(c.Forged)-1]
		if !near(first.Start, attack.From) || !near(last.End, attack.To) {
			return false
		}
	}
	return len(rep.Channels) > 0
}

// openBrowser shows a page where there is a desktop to show it on. That it could not is no failure of the demo.
func openBrowser(ctx context.Context, page string) {
	opener := "xdg-open"
	switch {
	case runtime.GOOS == "darwin":
		opener = "open"
	case os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "":
		return
	}
	_ = exec.CommandContext(context.WithoutCancel(ctx), opener, page).Start()
}
