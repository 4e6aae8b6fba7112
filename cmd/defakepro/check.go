// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/spf13/cobra"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/report"
)

type checkOptions struct {
	input
	referenceFlags
	detect.Options
	start  startFlag
	json   bool
	report string
}

// defaultCheckOptions are those of a call without flags: a window of 60 s, a shift of 5 s, a threshold of 0.8 (DeFakePro §III-D, IV).
func defaultCheckOptions() checkOptions {
	return checkOptions{
		input: input{source: sourceAuto},
		Options: detect.Options{
			Window:    60 * time.Second,
			Shift:     5 * time.Second,
			Threshold: 0.8,
			Rule:      detect.RuleLLR,
		},
	}
}

func newCheckCommand() *cobra.Command {
	opts := defaultCheckOptions()
	c := &cobra.Command{
		Use:   "check MEDIA [--reference REF]",
		Short: "Compare a recording with what the grid did: authentic, forged or undetermined",
		Long: `Check reads the ENF of MEDIA (a recording, a luma CSV, or a frequency CSV), compares it with the reference and says
of the sound, of the picture and of the whole: authentic, forged (and where), or undetermined (and why).

REF is a CSV of the grid's frequency (time_s or an ISO time, and frequency_hz; .gz too) or another recording made on
the same grid at the same time. Where MEDIA and REF both have dates, or both are CSV whose seconds overlap, they are laid
together by these; else they are taken to start together. --start says where in the reference MEDIA claims to start
instead: a date, or seconds as the reference counts them, from its first row if it has dates. --search finds it, and
counts in the same way. Series that hold a harmonic, as 300 Hz on a grid of 60, are divided down.

The hum's phase jumps where something was cut out or put in, however short; where a recorder lost samples it does too.
Without a reference that is what the recording is held against, and its light's flicker against its sound's hum. This can
show a forgery, but never that a recording is authentic.

Exit status: 0 authentic, 1 forged, 2 undetermined, 3 for a wrong call or unreadable input.`,
		Example: `  defakepro check talk.mp4 --reference grid.csv --start 2024-08-19T15:30:00Z
  defakepro check talk.mp4 --reference grid.csv.gz --search --report talk.html
  defakepro check room.flac --reference mains.flac --search --json
  defakepro check room.flac`,
		Args: oneArgument("MEDIA"),
		RunE: func(c *cobra.Command, args []string) error {
			return runCheck(c, opts, args[0])
		},
	}
	opts.input.addFlags(c)
	opts.referenceFlags.addFlags(c)
	f := c.Flags()
	f.Var(durationFlag{&opts.Window, minWindow, maxWindow}, "window", "length of the sliding window")
	f.Var(durationFlag{&opts.Shift, time.Second, maxWindow}, "shift", "step of the sliding window")
	f.Var(numberFlag{&opts.Threshold, 1}, "threshold", "least correlation of an authentic window")
	f.Var(choiceFlag[detect.Rule]{&opts.Rule, []detect.Rule{detect.RuleLLR, detect.RuleCorrelation}}, "rule",
		"what decides: the likelihood ratio, or the correlation alone as in the paper")
	f.Var(&opts.start, "start", "where in the reference MEDIA claims to start: UTC unless it says a zone, or seconds in the reference's own count")
	f.BoolVar(&opts.Search, "search", false, "the start is unknown: find it")
	f.BoolVar(&opts.json, "json", false, "print JSON")
	f.StringVar(&opts.report, "report", "", "write a self-contained HTML report to this `FILE`")
	return c
}

// The lengths that a sliding window may have. Below ten seconds a correlation says nothing: of unrelated windows of 10 s, 28 in
// 100 correlate above 0.8.
const (
	minWindow = 10 * time.Second
	maxWindow = time.Hour
)

func runCheck(c *cobra.Command, opts checkOptions, path string) error {
	if err := opts.valid(); err != nil {
		return fmt.Errorf("check: %w", err)
	}
	found, err := opts.run(c.Context(), path, c.ErrOrStderr())
	if err != nil {
		return err
	}
	if opts.json {
		err = report.WriteJSON(c.OutOrStdout(), found.Report)
	} else {
		err = report.WriteText(c.OutOrStdout(), found.Report, found.remark)
	}
	if err != nil {
		return err
	}
	return verdictStatus(found.Verdict)
}

// findings are a report and what its reader must know beside.
type findings struct {
	detect.Report
	remark string // beside the verdict
	origin string // of the start assumed
	alone  bool   // there is no reference
	tones  *detect.Tones
}

// valid checks what the flags cannot check one by one.
func (o checkOptions) valid() error {
	switch {
	case o.reference == "" && (o.Search || o.start.set):
		return errors.New("--search and --start need --reference, a CSV of the grid's frequency or another recording")
	case o.reference == "" && o.Rule == detect.RuleCorrelation:
		return errors.New("--rule correlation needs --reference")
	case o.Shift > o.Window:
		return fmt.Errorf("--shift %v is longer than --window %v, so parts would be left out", o.Shift, o.Window)
	case o.Search && o.start.set:
		return errors.New("--search and --start exclude each other: either the start is known or it is not")
	}
	return nil
}

// run judges the recording at path, and writes the HTML report if one is asked for.
func (o checkOptions) run(ctx context.Context, path string, stderr io.Writer) (findings, error) {
	page, err := createOutput(o.report, path, o.reference)
	if err != nil {
		return findings{}, err
	}
	defer page.discard()
	pictures := spectrograms{}
	found, err := o.judge(ctx, path, pictures, stderr)
	if err != nil || o.report == "" {
		return found, err
	}
	inputs, err := o.inputs(path)
	if err != nil {
		return findings{}, err
	}
	html := newPage(found, pictures, inputs...)
	return found, page.commit(nil, func(w io.Writer) error { return report.WriteHTML(w, html) })
}

// judge holds the recording at path against the reference, or against itself where there is none.
func (o checkOptions) judge(ctx context.Context, path string, pictures spectrograms, stderr io.Writer) (findings, error) {
	if o.reference == "" {
		return o.alone(ctx, path, pictures, stderr)
	}
	if err := o.distinct(path, stderr); err != nil {
		return findings{}, fmt.Errorf("check: %w", err)
	}
	ref, err := o.referenceFlags.open(ctx, o.grid, stderr)
	if err != nil {
		return findings{}, err
	}
	return o.against(ctx, path, ref, pictures, stderr)
}

// inputs identifies the files that were read.
func (o checkOptions) inputs(path string) ([]report.Input, error) {
	recording, err := hashInput(path, "recording")
	switch {
	case err != nil || o.reference == "":
		return []report.Input{recording}, err
	case o.ledger():
		return []report.Input{recording, {Name: o.reference, Role: "reference", Size: -1}}, nil
	}
	reference, err := hashInput(o.reference, "reference")
	return []report.Input{recording, reference}, err
}

// against compares the recording at path with a reference.
func (o checkOptions) against(ctx context.Context, path string, ref reference, pictures spectrograms, stderr io.Writer) (findings, error) {
	o.input = o.on(ref.est.Grid)
	o.phase = o.Rule == detect.RuleLLR
	r, err := o.read(ctx, path, pictures.observer, stderr)
	if err != nil {
		return findings{}, err
	}
	truth, err := ref.covering(ctx, r.start(o.start), r.seconds())
	if err != nil {
		return findings{}, err
	}
	return o.compare(ctx, path, r, truth)
}

// alone holds the recording at path against itself.
func (o checkOptions) alone(ctx context.Context, path string, pictures spectrograms, stderr io.Writer) (findings, error) {
	o.phase = true
	r, err := o.read(ctx, path, pictures.observer, stderr)
	if err != nil {
		return findings{}, err
	}
	var channels []detect.Channel
	for i, est := range r.estimates {
		switch {
		case est.Source == sourceSeries:
			return findings{}, errors.New("check: a frequency series has no phase to look at: it needs --reference")
		case i > 0 && est.Present && est.Source == enf.SourceVideo && r.estimates[0].Present:
			channels = append(channels, detect.Together(ctx, r.estimates[0], est, o.Options))
		default:
			channels = append(channels, r.tones.Alone(est))
		}
	}
	o.misread(ctx, path, channels)
	found := r.combine(o.Options, channels)
	found.Media, found.Reference = path, "none"
	found.alone, found.tones = true, &r.tones
	return found, nil
}

// compare compares each channel with the reference.
func (o checkOptions) compare(ctx context.Context, path string, r reading, truth enf.Estimate) (findings, error) {
	if !o.start.time.IsZero() && !truth.Series.Dated() {
		return findings{}, fmt.Errorf("--start %v: %s has no dates, so give seconds", &o.start, o.reference)
	}
	for _, est := range r.estimates {
		if _, _, err := truth.Series.Fundamental(est.Grid); errors.Is(err, enf.ErrGrid) {
			return findings{}, fmt.Errorf("reference %s: %w", o.reference, gridHint(err))
		}
	}
	opts := o.Options
	channels := make([]detect.Channel, len(r.estimates))
	for i, est := range r.estimates {
		opts.Start = o.claimed(est, truth)
		channels[i] = r.tones.Beside(detect.Compare(ctx, est, truth.Series, opts))
		if o.Search {
			channels[i].Lag += truth.Series.Origin()
		}
	}
	if err := ctx.Err(); err != nil {
		return findings{}, err
	}
	o.misread(ctx, path, channels)
	for i := range channels {
		if dated := r.estimates[i].Series.Dated() && truth.Series.Dated(); !dated && !o.Search && !o.start.set && nowhere(channels[i]) {
			channels[i].Reason += " " + taken(opts.Start)
		}
		if !o.Search && channels[i].Estimate.Present && truth.Series.Len() > 0 && channels[i].Truth.Present() == 0 {
			channels[i].Reason += " " + apart(truth.Series, opts.Start)
		}
		if o.fps != 0 && channels[i].Verdict != detect.Authentic {
			channels[i].Reason += fmt.Sprintf(" Its frames were taken to come at %g a second, as --fps says.", o.fps)
		}
	}
	found := r.combine(opts, channels)
	found.Media, found.Reference = path, o.reference
	found.origin, found.tones = o.origin(found.Report, truth.Series.Dated()), &r.tones
	return found, nil
}

// combine puts the channels of a reading together, and says what of the file they are not about.
func (r reading) combine(o detect.Options, channels []detect.Channel) findings {
	for i, c := range channels {
		if n := r.unread[c.Estimate.Source]; n > 0 {
			channels[i].Reason += fmt.Sprintf(" The file holds %d streams of %s: this is about the first.", n+1, c.Estimate.Source)
		}
	}
	if !r.incomplete {
		return findings{Report: detect.Combine(o, channels...)}
	}
	for i := range channels {
		channels[i].Reason += " The file is incomplete: this is about the part that could be read."
	}
	return findings{Report: detect.Combine(o, channels...), remark: "incomplete file"}
}

// origin says where the start that was assumed came from.
func (o checkOptions) origin(rep detect.Report, dated bool) string {
	switch {
	case o.Search:
		return ""
	case o.start.set:
		return "as said when the comparison was asked for"
	case dated && len(rep.Channels) > 0 && rep.Channels[0].Estimate.Series.Dated():
		return "by the dates of recording and reference"
	}
	return "as no start was given: both were taken to begin together"
}

// claimed returns where a channel claims to start, counted from the reference's first value; nil if it claims nothing.
func (o checkOptions) claimed(est, truth enf.Estimate) *time.Duration {
	at := o.start.seconds
	switch {
	case o.Search:
		return nil
	case !o.start.set && est.Series.Dated() && truth.Series.Dated():
		at = est.Series.Start.Sub(truth.Series.Start)
	case !o.start.set:
		return shared(est, truth)
	case !o.start.time.IsZero():
		at = o.start.time.Sub(truth.Series.Start)
	case !truth.Series.Dated():
		at -= truth.Series.Start.Sub(time.Time{})
	}
	return &at
}

// shared returns how much later one frequency CSV begins than the reference on the clock whose seconds both count, and nil if they
// have no clock in common: seconds that nowhere overlap are of two, and those that begin alike may be.
func shared(est, truth enf.Estimate) *time.Duration {
	own, ref := est.Series, truth.Series
	switch {
	case est.Source != sourceSeries || truth.Source != sourceSeries || own.Dated() || ref.Dated():
		return nil
	case !own.Start.Before(ref.Time(ref.Len())) || !ref.Start.Before(own.Time(own.Len())) || own.Start.Equal(ref.Start):
		return nil
	}
	return new(own.Start.Sub(ref.Start))
}

// taken says what start was assumed, where none was given.
func taken(start *time.Duration) string {
	if start == nil {
		return "It was taken to start with the reference: --start says where else, and --search finds it."
	}
	return "Its seconds and the reference's were taken to be of one clock: --start says where else it begins, and --search finds it."
}

// apart says where a reference lies, and where a recording that it does not touch would begin.
func apart(truth enf.Series, start *time.Duration) string {
	if start == nil {
		start = new(time.Duration)
	}
	place := func(after time.Duration) string {
		if at := truth.Start.Add(after); truth.Dated() {
			return at.UTC().Format(time.DateTime + " UTC")
		}
		return fmt.Sprintf("%.0f s", truth.Start.Add(after).Sub(time.Time{}).Seconds())
	}
	return fmt.Sprintf("The reference runs from %s to %s, and the recording would begin at %s.", place(0), place(time.Duration(truth.Len())*truth.Step), place(*start))
}

// nowhere reports whether all that was compared of a channel is forged.
func nowhere(c detect.Channel) bool {
	if len(c.Forged) != 1 || c.Forged[0].Kind != detect.SpanForeign {
		return false
	}
	for i, x := range c.Truth.Hz {
		outside := float64(i) < c.Forged[0].Start || float64(i) >= c.Forged[0].End
		if y := c.Estimate.Series.Hz[i]; outside && !math.IsNaN(x) && !math.IsNaN(y) {
			return false
		}
	}
	return true
}

// verdictStatus is the exit status that a verdict stands for.
func verdictStatus(v detect.Verdict) error {
	switch v {
	case detect.Authentic:
		return nil
	case detect.Forged:
		return exitStatus(statusForged)
	}
	return exitStatus(statusUndetermined)
}
