// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
	"github.com/defakepro/defakepro/sim"
)

// mainsOptions name a grid that several processes share.
type mainsOptions struct {
	seed  uint64
	start time.Time
}

func (o *mainsOptions) flags(c *cobra.Command) {
	c.Flags().Uint64Var(&o.seed, "grid-seed", o.seed, "what the shared grid comes from")
	instantFlag(c, &o.start, "grid-start", "when second zero of the shared grid is; it is known for a week from then on, and for a day before")
}

// instantFlag defines a flag that is an instant.
func instantFlag(c *cobra.Command, value *time.Time, name, usage string) {
	c.Flags().TimeVar(value, name, time.Time{}, []string{time.RFC3339Nano}, usage+", like 2026-11-23T15:00:00Z")
}

func (o *mainsOptions) grid(nominal enf.Grid) *enftest.Grid {
	return sim.NewMains(o.seed, nominal, o.start)
}

func newSimMainsCommand() *cobra.Command {
	mains, pcm, nominal := mainsOptions{seed: 1}, sim.PCM{Seed: 1}, enf.Grid60
	c := &cobra.Command{
		Use:   "mains",
		Short: "Write the sound of the mains in real time",
		Long: `Mains writes to the standard output, as raw PCM, what a recorder at a wall socket or in a quiet room would deliver right now: the hum of a
grid whose frequency is known, under noise. It is an input of "defakepro node", which reads the like from a real recorder.

Nodes with one --grid-seed and one --grid-start hear the same grid, each with the noise of its own --seed and a clock that is off by its own --ppm;
recordings of "defakepro sim FILE" with these two are on that grid as well.`,
		Example: `  defakepro node --home committee/node0 --nominal 60 \
    --input "command:defakepro sim mains --grid-seed 7 --grid-start 2026-11-23T15:00:00Z --seed 1 --ppm 20"`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if mains.start.IsZero() {
				mains.start = time.Now().Truncate(time.Second)
			}
			pcm.Mains = mains.grid(nominal)
			err := pcm.Write(c.Context(), c.OutOrStdout())
			if errors.Is(err, syscall.EPIPE) {
				return nil // who listened has gone
			}
			return err
		},
	}
	mains.flags(c)
	f := c.Flags()
	f.Lookup("grid-start").Usage += " (default now)"
	f.Var(gridFlag{&nominal}, "nominal", "the grid's nominal frequency in hertz; auto is 60")
	f.Uint64Var(&pcm.Seed, "seed", pcm.Seed, "what the recorder's noise and the strength of each harmonic come from")
	f.Var(choiceFlag[sim.Format]{&pcm.Format, sim.Formats}, "pcm", "how a sample is written (default s16le)")
	f.IntVar(&pcm.Rate, "rate", 8000, "samples a second")
	f.IntVar(&pcm.Channels, "channels", 1, "channels, all alike")
	f.Float64Var(&pcm.CN0, "cn0", 50, "strongest harmonic of the hum over the noise, in dB-Hz")
	f.Float64Var(&pcm.PPM, "ppm", 0, "by how much the recorder's clock is fast, in parts per million")
	f.Var(durationFlag{&pcm.Duration, time.Second, 7 * 24 * time.Hour}, "seconds", "length of the sound (default as long as the grid is known)")
	return c
}
