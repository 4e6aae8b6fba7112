// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/media"
)

// The words of --source.
const (
	sourceAuto  = "auto"
	sourceAudio = "audio"
	sourceVideo = "video"
	sourceLuma  = "luma"
)

// sourceSeries is the source of an estimate that was read, not made: a frequency series given as MEDIA.
const sourceSeries enf.Source = "series"

// input holds the flags that say how MEDIA is read.
type input struct {
	grid    enf.Grid
	assumed bool // the grid is the reference's, and nobody said that it is the recording's
	source  string
	fps     float64
	// phase keeps the hum's harmonics.
	phase bool
	// most is the longest recording that is read; 0 is any.
	most time.Duration
	// confined keeps all decoding out of this process.
	confined bool
}

func (in *input) addFlags(c *cobra.Command) {
	in.source = sourceAuto
	f := c.Flags()
	f.Var(gridFlag{&in.grid}, "nominal", "the grid's nominal frequency in hertz; auto: the reference's, or found out")
	f.Var(choiceFlag[string]{&in.source, []string{sourceAuto, sourceAudio, sourceVideo, sourceLuma}}, "source",
		"what of MEDIA to use; luma: a CSV of one mean per frame")
	f.Var(numberFlag{&in.fps, 10000}, "fps", "the frame rate of a luma CSV")
}

// observer returns what receives the spectrum slices of a channel while it is estimated, or nil.
type observer func(enf.Source) func(enf.Slice)

// reading is what was read of one file.
type reading struct {
	estimates []enf.Estimate // one for each channel, at least one
	// incomplete says that the file ends early or is damaged, and only a part could be read.
	incomplete bool
	// unread counts the streams of the file, by kind, that were not looked at: of each kind the first is.
	unread map[enf.Source]int
	// tones are the hum's harmonics, if they were to be kept.
	tones detect.Tones
}

// start returns when the recording claims to begin: what the flag says, or its own times do; zero if neither.
func (r reading) start(flag startFlag) time.Time {
	if !flag.time.IsZero() {
		return flag.time
	}
	for _, e := range r.estimates {
		if e.Series.Dated() {
			return e.Series.Start
		}
	}
	return time.Time{}
}

// seconds is the length of the longest channel.
func (r reading) seconds() int {
	n := 0
	for _, e := range r.estimates {
		n = max(n, int(e.Series.Time(e.Series.Len()).Sub(e.Series.Start).Seconds()))
	}
	return n
}

// best returns the estimate whose frequency is known best: the one with ENF in it and the highest signal-to-noise ratio.
func (r reading) best() enf.Estimate {
	return slices.MaxFunc(r.estimates, func(a, b enf.Estimate) int {
		if a.Present != b.Present {
			if a.Present {
				return 1
			}
			return -1
		}
		return cmp.Compare(a.SNR, b.SNR)
	})
}

// on returns the flags for reading a recording that is held against a reference on the given grid: there, it is that
// grid's frequency that is looked for.
func (in input) on(grid enf.Grid) input {
	if in.grid == enf.GridAuto {
		in.grid, in.assumed = grid, true
	}
	return in
}

// read reads the recording, luma series or frequency series at path. A frequency series that holds a harmonic is brought
// to the fundamental. What the reader should know beside goes to stderr.
func (in input) read(ctx context.Context, path string, observe observer, stderr io.Writer) (reading, error) {
	pipe, err := openPipe(path)
	if err != nil {
		return reading{}, err
	}
	defer pipe.close()
	rec, err := in.open(ctx, path, pipe)
	if err != nil {
		return reading{}, err
	}
	if rec == nil {
		est, err := readSeries(ctx, path, pipe, in, stderr)
		return reading{estimates: []enf.Estimate{est}}, err
	}
	r, err := in.estimate(rec, path, observe, stderr)
	return r, errors.Join(err, rec.Close())
}

// open opens the recording or luma series at path, or in the pipe there. It returns nil if there is a frequency series.
func (in input) open(ctx context.Context, path string, pipe *pipe) (*media.Recording, error) {
	kind, err := sniff(path, pipe)
	if err != nil {
		return nil, err
	}
	text := kind != contentMedia
	switch {
	case in.source == sourceLuma && in.fps == 0:
		return nil, errors.New("--source luma needs --fps, the rate of the frames")
	case in.source == sourceLuma && !text:
		return nil, fmt.Errorf("%s is not a luma CSV; for a recording leave --source luma out", path)
	case kind == contentLuma && pipe != nil:
		return nil, fmt.Errorf("%s: luma cannot be read from a pipe, only from a file", shown(path))
	case in.source == sourceLuma:
		return media.OpenLuma(path, in.fps)
	case kind == contentLuma:
		return nil, fmt.Errorf("%s holds luma: say so and its frame rate with --source luma --fps F", path)
	case in.fps != 0:
		return nil, errors.New("--fps is for --source luma; the frames of a recording carry their times")
	case text && in.source != sourceAuto:
		return nil, fmt.Errorf("%s is text, so there is no %s in it", path, in.source)
	case text:
		return nil, nil
	}
	opts := media.Options{Audio: in.source == sourceAudio, Video: in.source == sourceVideo, Confined: in.confined}
	if pipe != nil {
		opts.Stream = pipe
	}
	return media.Open(ctx, path, opts)
}

// estimate reads rec to its end.
func (in input) estimate(rec *media.Recording, path string, observe observer, stderr io.Writer) (r reading, err error) {
	channels := channels{grid: in.grid, observe: observe}
	if in.phase {
		channels.tone = r.tones.Add
	}
	r.unread = in.unread(rec.Info(), path, stderr)
	said := newProgress(stderr, path, "read", rec.Info().Duration)
	for {
		block, err := rec.Read()
		switch {
		case errors.Is(err, io.EOF):
			r.estimates, err = channels.close(path)
			return r, err
		case errors.Is(err, media.ErrIncomplete):
			note(stderr, "%v; going by what could be read", err)
			r.incomplete = true
			continue
		case err != nil:
			return r, err
		}
		at := reached(block)
		if in.most > 0 && at > in.most { // before it is gone through
			return r, fmt.Errorf("%s is longer than %v", path, in.most)
		}
		if err := channels.write(block); err != nil {
			return r, fmt.Errorf("%s: %w", path, err)
		}
		said.at(at.Seconds())
	}
}

// unread returns how many streams of each kind a file holds beside those that are read, and says so.
func (in input) unread(info media.Info, path string, stderr io.Writer) map[enf.Source]int {
	out := map[enf.Source]int{enf.SourceAudio: info.OtherAudio, enf.SourceVideo: info.OtherVideo}
	for _, s := range []enf.Source{enf.SourceAudio, enf.SourceVideo} {
		if n := out[s]; n > 0 && (in.source == sourceAuto || in.source == string(s)) {
			note(stderr, "%s: holds %d streams of %s; the first is read", path, n+1, s)
		}
	}
	return out
}

// channels are the estimators of one recording, made as its channels turn up.
type channels struct {
	grid    enf.Grid
	observe observer
	tone    func(enf.Tone)
	audio   *enf.AudioEstimator
	video   *enf.VideoEstimator
}

// reached is how far into the recording a block goes.
func reached(b media.Block) time.Duration {
	if b.Audio != nil {
		return b.Audio.End().Sub(time.Time{})
	}
	return b.Luma.Time.Sub(time.Time{})
}

// write hands a block to its estimator.
func (c *channels) write(b media.Block) error {
	if b.Audio != nil {
		if c.audio == nil {
			c.audio = enf.NewAudio(c.options(enf.SourceAudio))
		}
		return c.audio.Write(*b.Audio)
	}
	if c.video == nil {
		c.video = enf.NewVideo(c.options(enf.SourceVideo))
	}
	return c.video.Write(*b.Luma)
}

func (c *channels) options(source enf.Source) enf.Options {
	o := enf.Options{Grid: c.grid, Tone: c.tone}
	if c.observe != nil {
		o.Observe = c.observe(source)
	}
	return o
}

// close returns the estimates; it is an error if there was nothing to estimate from.
func (c *channels) close(path string) ([]enf.Estimate, error) {
	var out []enf.Estimate
	if c.audio != nil {
		out = append(out, c.audio.Close())
	}
	if c.video != nil {
		out = append(out, c.video.Close())
	}
	if out == nil {
		return nil, fmt.Errorf("%s holds no samples and no frames", path)
	}
	return out, nil
}

// notRecording adds to why a file is no frequency series, where its name says that it is a recording, that it holds text.
func notRecording(path string, err error) error {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".wav", ".flac", ".mp3", ".m4a", ".aac", ".ogg", ".opus", ".mp4", ".mov", ".mkv", ".webm", ".avi":
		return fmt.Errorf("text, not a recording: %w", err)
	}
	return err
}

// readSeries returns the frequency series at path, or in the pipe there, as an estimate that someone else made. If its
// values do not tell which grid they are of, they stay as they are and the estimate's grid is GridAuto. Where its logger stood still there
// is a gap. If they are of another grid than the
// reference's, of which alone it was thought that they are, that is for the comparison to say.
func readSeries(ctx context.Context, path string, pipe *pipe, in input, stderr io.Writer) (enf.Estimate, error) {
	s, err := readCSV(ctx, path, pipe, enf.CSVOptions{Grid: in.grid})
	if err != nil {
		return enf.Estimate{}, notRecording(path, gridHint(err))
	}
	fundamental, found, err := s.Fundamental(in.grid)
	if err != nil && in.assumed {
		fundamental, found, err = s.Fundamental(enf.GridAuto)
	}
	switch {
	case errors.Is(err, enf.ErrGrid):
		fundamental, found = s, enf.GridAuto
	case err != nil:
		return enf.Estimate{}, fmt.Errorf("%s: %w", shown(path), err)
	}
	if fundamental.Unfit() == nil { // else it is all of one value
		var n int
		if fundamental, n = fundamental.Unstuck(); n > 0 {
			note(stderr, "%s: left out %v in which the logger stood still", shown(path), time.Duration(n)*s.Step)
		}
	}
	return enf.Estimate{Series: fundamental, Source: sourceSeries, Grid: found, Present: s.Present() > 0, SNR: math.NaN()}, nil
}

// readCSV reads the file at path, or the pipe there, until ctx ends.
func readCSV(ctx context.Context, path string, pipe *pipe, opts enf.CSVOptions) (enf.Series, error) {
	if pipe != nil {
		return opts.Read(attentive{pipe, ctx.Err}, shown(path))
	}
	f, err := os.Open(path)
	if err != nil {
		return enf.Series{}, err
	}
	defer func() { _ = f.Close() }() // read only
	return opts.Read(attentive{f, ctx.Err}, path)
}
