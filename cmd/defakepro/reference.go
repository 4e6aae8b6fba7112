// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/httpapi"
)

// reference is the grid's frequency as --reference names it: a file, read at once, or a committee's ledger, asked for what is needed.
type reference struct {
	path   string
	est    enf.Estimate    // of a file; of a ledger the grid alone
	client *httpapi.Client // of a ledger
}

const (
	// ledgerPast is how much of a ledger's newest history stands for it when it is not known when a recording was made.
	ledgerPast = 24 * time.Hour
	// ledgerMargin is what is read on either side of a recording, for lags, cuts and insertions.
	ledgerMargin = 5 * time.Minute
)

// openReference opens the reference. That of a file is the series in it, or the best ENF of a recording.
func openReference(ctx context.Context, path string, grid enf.Grid, stderr io.Writer) (reference, error) {
	if strings.HasPrefix(path, "http://") || strings.HasPrefix(path, "https://") {
		return openLedger(ctx, path, grid)
	}
	in := input{grid: grid, source: sourceAuto}
	r, err := in.read(ctx, path, nil, stderr)
	if err != nil {
		return reference{}, fmt.Errorf("reference: %w", err)
	}
	return reference{path: path, est: r.best()}, nil
}

func openLedger(ctx context.Context, url string, grid enf.Grid) (reference, error) {
	client, err := httpapi.NewClient(url, httpapi.ClientOptions{})
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
	return reference{path: url, client: client, est: enf.Estimate{Grid: enf.Grid(c.Nominal)}}, nil
}

// covering returns the part of the reference that a recording of such a length may lie in, if it began at a certain time; zero is unknown.
func (r reference) covering(ctx context.Context, start time.Time, seconds int) (enf.Estimate, error) {
	if r.client == nil {
		return r.est, nil
	}
	to := time.Now()
	from := to.Add(-ledgerPast)
	if !start.IsZero() {
		from, to = start.Add(-ledgerMargin), start.Add(time.Duration(seconds)*time.Second+ledgerMargin)
	}
	series, err := r.client.Truth(ctx, from.Truncate(time.Second), to.Truncate(time.Second))
	if err != nil {
		return enf.Estimate{}, fmt.Errorf("--reference %s: %w", r.path, err)
	}
	est := r.est
	est.Series, est.Source, est.Present, est.SNR = trimmed(series), sourceSeries, series.Present() > 0, math.NaN()
	if !est.Present {
		return enf.Estimate{}, fmt.Errorf("--reference %s: the ledger holds no rounds from %s to %s", r.path,
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
