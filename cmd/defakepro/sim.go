// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/sim"
)

// The words of --shutter.
const (
	shutterRolling = "rolling"
	shutterGlobal  = "global"
)

// rollingReadout is the share of a frame's time that a rolling shutter takes here: between that of phones (0.5 to 0.9)
// [S. Vatansever, A. E. Dirik, N. Memon, IEEE TIFS 14(9), 2019].
const rollingReadout = 0.8

// roomHum is the hum of an ordinary room as sim and demo render it, in dB-Hz over the noise: with the noise of package
// sim, its strongest harmonic stands at about -60 dB of full scale.
const roomHum = 50

type simOptions struct {
	sim.Recording
	mains    mainsOptions
	start    time.Time
	video    sim.Video
	audio    sim.Audio
	hasVideo bool
	noAudio  bool
	shutter  string
	truth    string
}

func newSimCommand() *cobra.Command {
	opts := simOptions{
		Recording: sim.Recording{Seed: 1, Duration: 4 * time.Minute, Grid: enf.Grid60},
		video:     sim.Video{FPS: 30, Flicker: 0.03, Exposure: 1.0 / 500},
		audio:     sim.Audio{CN0: roomHum},
		shutter:   shutterRolling,
	}
	c := &cobra.Command{
		Use:   "sim FILE",
		Short: "Render a recording whose truth is known",
		Long: `Sim renders somebody talking in a room on the mains, as sound and if wanted as picture, and writes what the grid did
meanwhile beside it. Parts can be forged. The same flags give the same samples; FILE's extension says the container: mp4,
mov, mkv, webm, avi; for sound alone also wav, flac, mp3, m4a, opus, ogg; for the picture alone y4m. All but wav and y4m needs the ffmpeg
command.

It prints the forged stretches, one a line. Kinds of attack: ` + "`replace` (material of the same scene an hour earlier, on the same grid), `cut` (the\nrecording jumps ahead), `insert` (material of an hour earlier in between), `mute` (a synthetic track without any grid), `foreign` (one with an\nunrelated grid), `face` and `reface` (the head re-rendered, under steady light or that of an hour earlier, all around it genuine), `camera` (an\nearlier recording through a virtual camera). Without TO, an attack goes on to the end." + `

With --grid-seed the recording is on a grid that others share: recordings and "defakepro sim mains" with one --grid-seed and one --grid-start are on
the same mains; --start says when the recording begins.

A browser takes a y4m and a wav of one --seed for its camera and microphone (Chromium: --use-fake-device-for-media-stream
--use-file-for-fake-video-capture=talk.y4m --use-file-for-fake-audio-capture=talk.wav). It plays files over and over: beyond their end, what it
sends is a replay. A minute of 360p at 25 frames a second has 520 MB.`,
		Example: `  defakepro sim room.wav --truth grid.csv
  defakepro sim talk.mp4 --video --fps 29.97 --truth grid.csv --attack replace:100-140
  defakepro sim talk.webm --video --attack mute:60-90:audio --attack cut:120-130
  defakepro sim talk.y4m --video --fps 25 --motion --grid-seed 7 --grid-start 2026-11-23T15:00:00Z --start 2026-11-23T15:10:00Z`,
		Args: oneArgument("FILE"),
		RunE: func(c *cobra.Command, args []string) error { return runSim(c, opts, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&opts.truth, "truth", "", "write the grid's frequency to this CSV `FILE`")
	f.Var(durationFlag{&opts.Duration, time.Second, 24 * time.Hour}, "seconds", "length of the recording")
	f.Uint64Var(&opts.Seed, "seed", opts.Seed, "what all chance comes from")
	f.Var(gridFlag{&opts.Grid}, "nominal", "the grid's nominal frequency in hertz; auto is 60")
	f.Float64Var(&opts.Swing, "swing", 0, "make it a weak grid that swings by so many hertz, up to 1")
	f.Func("attack", "forge a stretch, `KIND:FROM-[TO][:CHANNEL]` in seconds, see above; repeatable",
		func(s string) error {
			a, err := sim.ParseAttack(s)
			opts.Attacks = append(opts.Attacks, a)
			return err
		})
	opts.mains.flags(c)
	instantFlag(c, &opts.start, "start", "when the recording begins on the shared grid")
	f.Lookup("start").Usage += " (default its second zero)"
	f.BoolVar(&opts.noAudio, "no-audio", false, "render no sound")
	f.Float64Var(&opts.audio.CN0, "hum", opts.audio.CN0, "strongest harmonic of the hum over the noise, in dB-Hz")
	f.IntVar(&opts.audio.Rate, "rate", 48000, "samples a second")
	f.BoolVar(&opts.hasVideo, "video", false, "render a picture, under light that flickers")
	f.Func("size", "size of the picture, `LINES or PIXELS` such as 720p or 640x480 (default 360p)", func(s string) (err error) {
		opts.video.Width, opts.video.Height, err = sim.ParseSize(s)
		return err
	})
	f.Var(numberFlag{&opts.video.FPS, 240}, "fps", "frames a second; 29.97 stands for 30000/1001")
	f.Float64Var(&opts.video.Flicker, "flicker", opts.video.Flicker, "swing of the light, as a share of its mean")
	f.Var(choiceFlag[string]{&opts.shutter, []string{shutterRolling, shutterGlobal}}, "shutter", "the camera's shutter")
	f.BoolVar(&opts.video.Motion, "motion", false, "somebody moves in front of the scene")
	c.AddCommand(newSimMainsCommand(), newSimCallCommand())
	return c
}

func runSim(c *cobra.Command, opts simOptions, path string) error {
	if !opts.noAudio {
		opts.Audio = &opts.audio
	}
	if opts.hasVideo {
		opts.Video = &opts.video
		if opts.shutter == shutterRolling {
			opts.video.Readout = rollingReadout / opts.video.FPS
		}
	}
	if err := opts.place(); err != nil {
		return err
	}
	if opts.truth != "" && samePlace(opts.truth, path) {
		return fmt.Errorf("sim: FILE and --truth are both %s", opts.truth)
	}
	truth, err := createOutput(opts.truth)
	if err != nil {
		return err
	}
	defer truth.discard()
	said := newProgress(c.ErrOrStderr(), path, "rendered", opts.Duration)
	opts.Progress = func(done time.Duration) { said.at(done.Seconds()) }
	series, err := opts.Truth()
	if err != nil {
		return err
	}
	if err := opts.Render(c.Context(), path); err != nil {
		return err
	}
	if opts.truth != "" {
		err = truth.commit(nil, func(w io.Writer) error { return enf.WriteCSV(w, series) })
		if err != nil {
			return err
		}
	}
	spans, err := opts.Spans()
	if err != nil {
		return err
	}
	for _, s := range spans {
		_, err := fmt.Fprintf(c.OutOrStdout(), "%s %g s to %g s\n", s.Kind, s.From.Seconds(), s.To.Seconds())
		if err != nil {
			return err
		}
	}
	return nil
}

// place puts the recording on a shared grid, if there is one.
func (o *simOptions) place() error {
	shared := o.mains.seed != 0 && !o.mains.start.IsZero()
	switch {
	case !shared && (o.mains.seed != 0 || !o.mains.start.IsZero() || !o.start.IsZero()):
		return errors.New("sim: a shared grid needs both --grid-seed and --grid-start")
	case shared && o.Swing != 0:
		return errors.New("sim: --swing is for a grid of its own, not for that of --grid-seed")
	case shared:
		o.Mains, o.Start = o.mains.grid(o.Grid), o.start
	}
	return nil
}
