// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"os"
	"sync"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/monitor"
)

// Reference is the truth in a file to which somebody who measures the grid goes on adding. It is safe for concurrent use.
type Reference struct {
	path string

	mu      sync.Mutex
	known   fs.FileInfo
	series  enf.Series
	grid    enf.Grid
	problem string
	read    time.Time     // when the file was last looked at,
	took    time.Duration // and for how long
}

// readPauses is by how much longer than reading the file took it is left alone afterwards: one of weeks takes a second, and is added to each second.
const readPauses = 9

// OpenReference reads the file at path, a frequency series with times by the clock (see [enf.ReadCSV]) that
// can serve as a reference (see [enf.Series.Unfit]). Where its logger stood still or jumped nothing is known.
func OpenReference(path string, grid enf.Grid) (*Reference, error) {
	r := &Reference{path: path, grid: grid}
	return r, r.refresh()
}

// refresh reads the file again if it has changed.
func (r *Reference) refresh() error {
	info, err := os.Stat(r.path)
	if err != nil {
		return err
	}
	if r.known != nil && info.Size() == r.known.Size() && info.ModTime().Equal(r.known.ModTime()) {
		return nil
	}
	s, err := enf.CSVOptions{Grid: r.grid}.ReadFile(r.path)
	if err != nil {
		return err
	}
	if !s.Dated() {
		return fmt.Errorf("%s: has no times by the clock, as a live reference must", r.path)
	}
	if err := s.Unfit(); err != nil {
		return fmt.Errorf("%s %w", r.path, err)
	}
	s, _ = s.Mended()
	s, grid, err := s.Fundamental(r.grid)
	if err != nil {
		return fmt.Errorf("%s: %w", r.path, err)
	}
	r.known, r.series, r.grid = info, s.Resample(time.Second), grid
	return nil
}

// again reads the file again, and notes how that went.
func (r *Reference) again() {
	began := time.Now()
	r.problem = ""
	if err := r.refresh(); err != nil {
		r.problem = "the file cannot be read" // what was read before still holds
	}
	r.read = time.Now()
	r.took = r.read.Sub(began)
}

// Between implements [monitor.Truth].
func (r *Reference) Between(_ context.Context, from, to time.Time) (enf.Series, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.read) >= readPauses*r.took {
		r.again()
	}
	start := from.Truncate(time.Second)
	if start.Before(from) {
		start = start.Add(time.Second)
	}
	out := enf.Series{Start: start, Step: time.Second, Hz: make([]float64, max(0, int((to.Sub(start)+time.Second-1)/time.Second)))}
	first := int(math.Round(start.Sub(r.series.Start).Seconds()))
	for i := range out.Hz {
		out.Hz[i] = math.NaN()
		if at := first + i; at >= 0 && at < r.series.Len() {
			out.Hz[i] = r.series.Hz[at]
		}
	}
	return out, nil
}

// State describes the truth in use.
func (r *Reference) State() monitor.TruthState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return monitor.TruthState{
		Kind: monitor.TruthFile, Name: r.path, Grid: r.grid, Known: r.series.Time(r.series.Len() - 1), Problem: r.problem,
	}
}
