// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/defakepro/defakepro/enf"
)

// LocaliseReport says how edits of many recordings were found.
type LocaliseReport struct {
	Results []LocaliseResult
}

// localiseNoises are the standard deviations of the simulated recordings' errors, in hertz.
var localiseNoises = []float64{0.0005, 0.001, 0.002, 0.003}

// Localise edits simulated recordings and, where dir holds econledger and spcup, real ones: a few of each if quick, in some
// minutes, else all that is in docs/results. It says on a line each what is done.
func Localise(ctx context.Context, dir string, quick bool, seed uint64, say func(string)) (LocaliseReport, error) {
	trials, inSamples, hours := 60, 25, 25
	if quick {
		trials, inSamples, hours = 4, 1, 1
	}
	var report LocaliseReport
	recordings, err := editable(ctx, dir)
	if err != nil {
		return report, err
	}
	for _, r := range recordings {
		o := localiseOptions{trials: trials, length: 10 * time.Minute, seed: seed}
		if r.sound != nil {
			o.trials, o.length = inSamples, 5*time.Minute
		}
		results, err := localise(ctx, r, o)
		if err != nil {
			return report, err
		}
		report.Results = append(report.Results, results...)
		say(r.name)
	}
	for i, sigma := range localiseNoises {
		r, err := localiseGenuine(ctx, uint64(100*i+10), sigma, hours)
		if err != nil {
			return report, err
		}
		report.Results = append(report.Results, r)
		say(r.Recording)
	}
	return report, nil
}

// editable returns what is edited: the real recordings in dir, unless that is empty, and simulated ones.
func editable(ctx context.Context, dir string) ([]recorded, error) {
	var all []recorded
	var err error
	if dir != "" {
		if all, err = devices(dir); err != nil {
			return nil, err
		}
	}
	for i, sigma := range localiseNoises {
		all = append(all, simulated(uint64(i+1), sigma))
	}
	if dir != "" {
		r, err := room(ctx, dir)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// devices returns an hour of three recorders, with the mains of that hour.
func devices(dir string) (all []recorded, err error) {
	truth, err := enf.ReadFile(filepath.Join(dir, "econledger", "power.csv"))
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"device1", "device2", "device3"} {
		s, err := enf.ReadFile(filepath.Join(dir, "econledger", name+".csv"))
		if err != nil {
			return nil, err
		}
		if s, _, err = s.Fundamental(enf.Grid60); err != nil { // the recorders' are of the fifth harmonic
			return nil, err
		}
		all = append(all, recorded{name: name, grid: enf.Grid60, series: s, truth: truth})
	}
	return all, nil
}

// room returns a real recording of a room, to be edited in its samples, with the mains recorded meanwhile.
func room(ctx context.Context, dir string) (recorded, error) {
	const start = 360 // of the room in the mains (docs/results/real.md)
	sound, err := ReadSound(ctx, filepath.Join(dir, "spcup", "Train_Grid_D_A1.flac"))
	if err != nil {
		return recorded{}, err
	}
	mains, err := ReadMains(ctx, filepath.Join(dir, "spcup", "Train_Grid_D_P1.flac"), enf.Grid50)
	if err != nil {
		return recorded{}, err
	}
	return recorded{name: "room (audio)", grid: enf.Grid50, truth: mains.Truth.Slice(start, mains.Truth.Len()), sound: &sound}, nil
}

// localiseGenuine leaves excerpts of so many simulated hours as they are: whatever is found is false.
func localiseGenuine(ctx context.Context, seed uint64, sigma float64, hours int) (sum LocaliseResult, err error) {
	for k := range uint64(hours) {
		o := localiseOptions{trials: 20, length: 10 * time.Minute, seed: seed + k}
		r, err := localiseEdit(ctx, simulated(o.seed, sigma), o, rand.New(rand.NewPCG(o.seed, 5)), EditNone, 0)
		if err != nil {
			return sum, err
		}
		r.Trials, r.Forged, r.Authentic = r.Trials+sum.Trials, r.Forged+sum.Forged, r.Authentic+sum.Authentic
		r.False, r.Hours = r.False+sum.False, r.Hours+sum.Hours
		sum = r
	}
	sum.Recording += fmt.Sprintf(", %d h", hours)
	return sum, nil
}

const localiseHead = `# Where a recording was edited: what is found

Written by ` + "`defakepro eval localise --data DIR -o docs/results`" + `.

Excerpts of ten minutes, each edited once at a random place: a cut takes so many seconds out, an insertion puts so many
of another time of the same recording in, a replacement puts them in the place of others. device1 to device3 are an hour
of real recorders against the mains of that hour (EconLedger); the simulated ones an hour of a seeded 60 Hz grid in
frames of 16 s, with errors of the standard deviation given, correlated as overlapping frames make them. Both sides of a
splice are smeared as such frames do. The uncertainty of the values is not told to the comparison. The room is real
sound (SP Cup 2016, grid D) against the mains recorded meanwhile: excerpts of five minutes, edited in their samples and
estimated anew.

- *found*: a span is reported within 15 s of the edit. *forged*, *authentic*: the verdict; the rest are undetermined.
- Errors are absolute, in seconds: the median, and what 90 % stay below. For a cut, start and end are its splice. Where
  the stretch put in has the grid's frequency by chance, nothing shows where it begins; such cases make the 90 %.
- *false spans / h*: spans reported elsewhere, an edit whose splice is placed more than 15 s off among them (its place
  is not visible where the grid moves slowly). In genuine recordings (*none*) they are false accusations. Excerpts of
  one hour overlap; the last rows take 20 from each of so many hours.

Ten seconds or fewer, replaced by values that lie within a few millihertz of the true ones, are often not told from
noise.

| recording | edit | s | trials | forged | authentic | found | start error s, median (90 %) | end error s | jump error s | false spans / h |
|---|---|---|---|---|---|---|---|---|---|---|
`

// WriteMarkdown writes the report as a page.
func (r LocaliseReport) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString(localiseHead)
	for _, r := range r.Results {
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d | %d | %d | %s | %s | %s | %.2f |\n", r.Recording, r.Edit, r.Seconds, r.Trials, r.Forged,
			r.Authentic, r.Found, quantiles(r.Start), quantiles(r.End), quantiles(r.Jump), float64(r.False)/r.Hours)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteCSV writes a row for each kind and length of edit of each recording; times in seconds, errors their medians.
func (r LocaliseReport) WriteCSV(w io.Writer) error {
	rows := [][]string{{"recording", "edit", "seconds", "trials", "forged", "authentic", "found",
		"start_error_s", "end_error_s", "jump_error_s", "false_spans", "hours"}}
	for _, r := range r.Results {
		row := []string{r.Recording, string(r.Edit)}
		for _, n := range []int{r.Seconds, r.Trials, r.Forged, r.Authentic, r.Found} {
			row = append(row, strconv.Itoa(n))
		}
		for _, off := range [][]float64{r.Start, r.End, r.Jump} {
			row = append(row, number(quantile(off, 0.5)))
		}
		rows = append(rows, append(row, strconv.Itoa(r.False), number(r.Hours)))
	}
	return csv.NewWriter(w).WriteAll(rows)
}

// quantiles writes the median and the ninth decile of sorted values.
func quantiles(x []float64) string {
	if len(x) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f (%.1f)", x[len(x)/2], x[min(len(x)-1, len(x)*9/10)])
}
