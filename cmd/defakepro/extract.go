// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"math"

	"github.com/spf13/cobra"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/report"
)

type extractOptions struct {
	input
	json bool
	out  string
	plot string
}

func newExtractCommand() *cobra.Command {
	var opts extractOptions
	c := &cobra.Command{
		Use:   "extract MEDIA",
		Short: "Read the ENF of a recording",
		Long: `Extract reads the Electrical Network Frequency (ENF) of MEDIA: a recording in any format, or a CSV of one mean luma
per frame (--source luma). It prints a CSV with a row a second, time_s,frequency_hz,sigma_hz,snr_db; frequency_hz is
empty where there is no ENF. Of a recording with sound and picture it takes the one whose ENF stands out more, and says
which; --source chooses.

Exit status: 0, also when there is no ENF; 3 for a wrong call or unreadable input.`,
		Example: `  defakepro extract talk.mp4 -o talk.csv --plot talk.svg
  defakepro extract wall.csv --source luma --fps 29.97`,
		Args: oneArgument("MEDIA"),
		RunE: func(c *cobra.Command, args []string) error {
			return runExtract(c, opts, args[0])
		},
	}
	opts.addFlags(c)
	f := c.Flags()
	f.BoolVar(&opts.json, "json", false, "print JSON, with the harmonics")
	f.StringVarP(&opts.out, "output", "o", "", "write to this `FILE` instead of the standard output")
	f.StringVar(&opts.plot, "plot", "", "draw the frequency over time in this SVG `FILE`")
	return c
}

func runExtract(c *cobra.Command, opts extractOptions, path string) error {
	if opts.out == "-" {
		opts.out = ""
	}
	if opts.out != "" && opts.plot != "" && samePlace(opts.out, opts.plot) {
		return fmt.Errorf("extract: --output and --plot are both %s", opts.out)
	}
	out, err := createOutput(opts.out, path)
	if err != nil {
		return err
	}
	defer out.discard()
	plot, err := createOutput(opts.plot, path)
	if err != nil {
		return err
	}
	defer plot.discard()
	r, err := opts.read(c.Context(), path, nil, c.ErrOrStderr())
	if err != nil {
		return err
	}
	est := r.best()
	if len(r.estimates) > 1 {
		note(c.ErrOrStderr(), "%s: taking the ENF of the %s", path, est.Source)
	}
	if !est.Present {
		explain(c.ErrOrStderr(), path, est)
		est.Series = silenced(est.Series)
	}
	if 2*est.Series.Present() < est.Series.Len() {
		if g, ok := opts.elsewhere(c.Context(), path)[est.Source]; ok {
			note(c.ErrOrStderr(), "%s: the %s is that of a %d Hz grid, and was looked for on one of %d Hz", path, humName(est.Source), g, opts.grid)
		}
	}
	if opts.plot != "" {
		if err := plot.commit(nil, func(w io.Writer) error { return report.Plot(w, path, est) }); err != nil {
			return err
		}
	}
	return out.commit(c.OutOrStdout(), func(w io.Writer) error {
		if opts.json {
			return report.WriteEstimateJSON(w, path, est)
		}
		return enf.WriteCSV(w, est.Series)
	})
}

// silenced is a series as long, without a value: what stands out now and then in a recording without ENF is chance.
func silenced(s enf.Series) enf.Series {
	hz := make([]float64, s.Len())
	for i := range hz {
		hz[i] = math.NaN()
	}
	return enf.Series{Start: s.Start, Step: s.Step, Hz: hz, Sigma: hz, SNR: hz}
}

// explain says on the standard error why there is no ENF in a recording.
func explain(stderr io.Writer, path string, est enf.Estimate) {
	reason := est.Reason
	if reason == "" {
		reason = "nothing at the grid's frequencies stands out"
	}
	note(stderr, "%s: no ENF: %s", path, reason)
}
