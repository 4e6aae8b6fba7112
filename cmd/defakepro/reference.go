// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/httpapi"
)

// reference is the grid's frequency as --reference names it: a file, read at once, or a committee's ledger, asked for what is needed.
type reference struct {
	path  string
	est   enf.Estimate                                                      // of a file; of a ledger the grid alone
	truth func(ctx context.Context, from, to time.Time) (enf.Series, error) // of a ledger
}

const (
	// ledgerPast is how much of a ledger's newest history stands for it when it is not known when a recording was made.
	ledgerPast = 24 * time.Hour
	// ledgerMargin is what is read on either side of a recording, for lags, cuts and insertions.
	ledgerMargin = 5 * time.Minute
)

// referenceFlags say what a recording is held against.
type referenceFlags struct {
	reference string
	clientFlags
}

func (f *referenceFlags) addFlags(c *cobra.Command) {
	c.Flags().StringVarP(&f.reference, "reference", "r", "", "`REF`, the grid's frequency, or another recording")
	f.register(c)
}

// ledger reports whether the reference is a committee's ledger, and no file.
func (f referenceFlags) ledger() bool {
	return strings.HasPrefix(f.reference, "http://") || strings.HasPrefix(f.reference, "https://")
}

// distinct checks that the reference is not the recording itself: of one pipe there is not enough for both, and of one file it is said.
func (f referenceFlags) distinct(path string, stderr io.Writer) error {
	if path == standardInput && f.reference == path {
		return errors.New("MEDIA and --reference cannot both be the standard input")
	}
	if sameContent(path, f.reference) {
		note(stderr, "%s and %s are the same: a recording always agrees with itself", path, f.reference)
	}
	return nil
}

// open opens the reference. That of a file is the series in it, or the best ENF of a recording.
func (f referenceFlags) open(ctx context.Context, grid enf.Grid, stderr io.Writer) (reference, error) {
	path := f.reference
	if f.ledger() {
		return f.openLedger(ctx, grid)
	}
	in := input{grid: grid, source: sourceAuto}
	r, err := in.read(ctx, path, nil, stderr)
	if err != nil {
		return reference{}, fmt.Errorf("reference: %w", err)
	}
	est := r.best()
	if est.Source == sourceSeries {
		est.Series, err = fit(path, est.Series, stderr)
	}
	return reference{path: path, est: est}, err
}

// fit returns a series as it can serve for a reference, and says on stderr what had to be left out.
func fit(path string, s enf.Series, stderr io.Writer) (enf.Series, error) {
	if err := s.Unfit(); err != nil {
		return s, fmt.Errorf("reference %s %w", path, err)
	}
	s, n := s.Mended()
	if n > 0 {
		note(stderr, "%s: left out %v in which the logger jumped", path, time.Duration(n)*s.Step)
	}
	return s, nil
}

func (f referenceFlags) openLedger(ctx context.Context, grid enf.Grid) (reference, error) {
	url := f.reference
	o, err := f.options()
	if err != nil {
		return reference{}, err
	}
	client, err := httpapi.NewClient(url, o)
	if err != nil {
		return reference{}, fmt.Errorf("--reference %s: %w", url, err)
	}
	c, err := client.Committee(ctx)
	if err != nil {
		return reference{}, fmt.Errorf("--reference %s: %w", url, err)
	}
	if grid != enf.GridAuto && int(grid) != c.Nominal {
		return reference{}, fmt.Errorf("--nominal %d: the committee at %s is of a grid of %d Hz", grid, url, c.Nominal)
	}
	return reference{path: url, truth: client.Truth, est: enf.Estimate{Grid: enf.Grid(c.Nominal)}}, nil
}

// errNoRounds is that a ledger has nothing of the time in question.
var errNoRounds = errors.New("the ledger holds no rounds")

// covering returns the part of the reference that a recording of such a length may lie in, if it began at a certain time; zero is unknown.
func (r reference) covering(ctx context.Context, start time.Time, seconds int) (enf.Estimate, error) {
	if r.truth == nil {
		return r.est, nil
	}
	to := time.Now()
	from := to.Add(-ledgerPast)
	if !start.IsZero() {
		from, to = start.Add(-ledgerMargin), start.Add(time.Duration(seconds)*time.Second+ledgerMargin)
	}
	series, err := r.truth(ctx, from.Truncate(time.Second), to.Truncate(time.Second))
	if err != nil {
		return enf.Estimate{}, fmt.Errorf("--reference %s: %w", r.path, err)
	}
	est := r.est
	est.Series, est.Source, est.Present, est.SNR = trimmed(series), sourceSeries, series.Present() > 0, math.NaN()
	if !est.Present {
		return enf.Estimate{}, fmt.Errorf("--reference %s: %w from %s to %s", r.path, errNoRounds,
			from.UTC().Format(time.DateTime), to.UTC().Format(time.DateTime))
	}
	return est, nil
}

// trimmed leaves out what is missing at both ends.
func trimmed(s enf.Series) enf.Series {
	from, to := 0, s.Len()
	for from < to && math.IsNaN(s.Hz[from]) {
		from++
	}
	for to > from && math.IsNaN(s.Hz[to-1]) {
		to--
	}
	return s.Slice(from, to)
}
