// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/report"
)

// maxTop bounds --top: more than anyone reads.
const maxTop = 1000

type matchOptions struct {
	input
	referenceFlags
	top  int
	json bool
}

func newMatchCommand() *cobra.Command {
	var opts matchOptions
	c := &cobra.Command{
		Use:   "match MEDIA --reference REF",
		Short: "Find when a recording was made",
		Long: `Match looks for the places in the reference where MEDIA may have been recorded, and prints the best with their
evidence: where the recording would start, as an offset (in the seconds that the reference counts, or from its first row
if it has dates) and as a time if the reference has dates, and how well they agree. It does not decide: in a reference
of years, a recording of a few minutes or less may fit somewhere by chance. MEDIA and REF are as for check.

Exit status: 0, also when nothing was found; 3 for a wrong call or unreadable input.`,
		Example: `  defakepro match talk.mp4 --reference grid-2016-to-2025.csv.gz --top 3`,
		Args:    oneArgument("MEDIA"),
		RunE: func(c *cobra.Command, args []string) error {
			return runMatch(c, opts, args[0])
		},
	}
	opts.input.addFlags(c)
	opts.referenceFlags.addFlags(c)
	f := c.Flags()
	f.IntVar(&opts.top, "top", 5, "print so many places, from 1 to 1000")
	f.BoolVar(&opts.json, "json", false, "print JSON")
	return c
}

func runMatch(c *cobra.Command, opts matchOptions, path string) error {
	switch {
	case opts.reference == "":
		return errors.New("match: needs --reference, a CSV of the grid's frequency or another recording")
	case opts.top < 1 || opts.top > maxTop:
		return fmt.Errorf("match: --top %d: must be from 1 to %d", opts.top, maxTop)
	}
	if err := opts.distinct(path, c.ErrOrStderr()); err != nil {
		return fmt.Errorf("match: %w", err)
	}
	ref, err := opts.referenceFlags.open(c.Context(), opts.grid, c.ErrOrStderr())
	if err != nil {
		return err
	}
	r, err := opts.on(ref.est.Grid).read(c.Context(), path, nil, c.ErrOrStderr())
	if err != nil {
		return err
	}
	truth, err := ref.covering(c.Context(), time.Time{}, r.seconds())
	if err != nil {
		return err
	}
	matches, err := opts.find(c.Context(), path, r.best(), truth, c.ErrOrStderr())
	if err != nil {
		return err
	}
	if opts.json {
		return report.WriteMatchesJSON(c.OutOrStdout(), matches)
	}
	return report.WriteMatches(c.OutOrStdout(), matches)
}

// find looks for the recording in the reference. If there is nothing to look for, it says so on stderr.
func (o matchOptions) find(ctx context.Context, path string, est, truth enf.Estimate, stderr io.Writer) ([]detect.Match, error) {
	if !est.Present {
		explain(stderr, path, est)
		return nil, nil
	}
	if !truth.Present {
		explain(stderr, o.reference, truth)
		return nil, nil
	}
	matches, err := detect.FindMatches(ctx, est.Series, truth.Series, o.top)
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", shown(path), o.reference, gridHint(err))
	}
	for i := range matches {
		matches[i].Offset += truth.Series.Origin()
	}
	return matches, nil
}
