// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/defakepro/defakepro/enf"
)

// VideoReport is a run of [Video], to be written down.
type VideoReport struct {
	// Options are those of the run.
	Options VideoOptions
	// Results are in the order of the run.
	Results []VideoResult
}

// WriteCSV writes the results as CSV with a header; frequencies in hertz, empty where there is no value at all.
func (v VideoReport) WriteCSV(w io.Writer) error {
	rows := [][]string{{"codec", "size", "fps", "grid_hz", "shutter", "scene", "flicker", "present", "coverage", "rmse_hz", "bias_hz", "worst_hz", "claimed_hz",
		"within_3_sigma", "outcome", "snr_db", "elapsed_s", "reason"}}
	for _, r := range v.Results {
		rows = append(rows, []string{r.Codec, r.Size, number(r.FPS), strconv.Itoa(int(r.Grid)), r.shutter(), r.scene(), number(r.Flicker),
			strconv.FormatBool(r.Present), number(r.Coverage), number(r.RMSE), number(r.Bias), number(r.Worst), number(r.Claimed), number(r.Within),
			string(r.outcome()), number(r.SNR), number(r.Elapsed.Seconds()), r.Reason})
	}
	return csv.NewWriter(w).WriteAll(rows)
}

func number(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', 5, 64)
}

// outcome says in a word what an estimate is worth.
type outcome string

const (
	right  outcome = "right"  // the RMSE is at most rightRMSE
	honest outcome = "honest" // it is more, and the uncertainty says so
	absent outcome = "absent" // no ENF is claimed
	wrong  outcome = "wrong"  // it is more than the uncertainty allows
)

const (
	// rightRMSE is the greatest error, in hertz, with which a comparison by RMSE still decides (the optical recordings
	// are held to the same).
	rightRMSE = 0.003
	// honestShare is the least share of the values within three standard uncertainties; 0.997 of normal ones would be,
	// but neighbours share their error.
	honestShare = 0.95
)

func (r VideoResult) outcome() outcome {
	switch {
	case !r.Present || r.Coverage == 0:
		return absent
	case r.RMSE <= rightRMSE:
		return right
	case r.Within >= honestShare:
		return honest
	}
	return wrong
}

// WriteMarkdown writes a page with the counts of outcomes and the table of all errors.
func (v VideoReport) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString(wrapped(fmt.Sprintf(`# ENF from video

Written by `+"`defakepro eval video`"+`. Each case is a rendered scene of %d s under light that flickers at twice the
frequency of a simulated grid, through the encoder named (x264 veryfast, libvpx realtime) and back through the decoder;
the grid's frequency is what it is held against, second by second. The nominal frequency is given. A rolling shutter
takes three quarters of a frame's time; "moving" has somebody moving in front of the scene; flicker is the depth as a
share of the mean. Seed %d.

A cell holds the RMSE ± the uncertainty that the estimate states for itself (root mean square), in mHz of the mains
frequency, and the share of seconds with a value. It is *in italics* where the RMSE is above %g mHz and the estimate says
so itself (%g %% of the errors within three standard uncertainties): honest. It is **bold** where the estimate does not
know: wrong. A dash is "no ENF found".

`, v.Options.Seconds, v.Options.Seed, 1e3*rightRMSE, 100*honestShare)))
	v.writeOutcomes(&b)
	b.WriteByte('\n')
	v.writeTable(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeOutcomes writes the number of cases with each outcome, by kind.
func (v VideoReport) writeOutcomes(b *strings.Builder) {
	var kinds []string
	counts := map[string]map[outcome]int{}
	for _, r := range v.Results {
		for _, kind := range []string{fmt.Sprintf("%s, %s, %g %%", r.shutter(), r.scene(), 100*r.Flicker), "all"} {
			if counts[kind] == nil {
				kinds, counts[kind] = append(kinds, kind), map[outcome]int{}
			}
			counts[kind][r.outcome()]++
		}
	}
	slices.SortFunc(kinds, func(a, b string) int { return -cmp.Compare(a, b) })
	fmt.Fprintf(b, "| cases | %s | %s | %s | %s |\n|---|---|---|---|---|\n", right, honest, absent, wrong)
	for _, kind := range kinds {
		c := counts[kind]
		fmt.Fprintf(b, "| %s | %d | %d | %d | %d |\n", kind, c[right], c[honest], c[absent], c[wrong])
	}
}

// writeTable writes a row for each codec, size, shutter, scene and depth, and a column for each grid and frame rate.
func (v VideoReport) writeTable(b *strings.Builder) {
	type column struct {
		grid enf.Grid
		fps  float64
	}
	var columns []column
	var names []string
	cells := map[string]map[column]string{}
	for _, r := range v.Results {
		name := fmt.Sprintf("%s | %s | %s | %s | %g %%", r.Codec, r.Size, r.shutter(), r.scene(), 100*r.Flicker)
		if cells[name] == nil {
			names, cells[name] = append(names, name), map[column]string{}
		}
		col := column{r.Grid, r.FPS}
		if !slices.Contains(columns, col) {
			columns = append(columns, col)
		}
		cells[name][col] = r.cell()
	}
	slices.SortFunc(columns, func(a, b column) int { return cmp.Or(cmp.Compare(a.grid, b.grid), cmp.Compare(a.fps, b.fps)) })
	b.WriteString("| codec | size | shutter | scene | flicker |")
	for _, c := range columns {
		fmt.Fprintf(b, " %d Hz, %g fps |", c.grid, c.fps)
	}
	b.WriteString("\n|---|---|---|---|---|" + strings.Repeat("---|", len(columns)) + "\n")
	for _, name := range names {
		fmt.Fprintf(b, "| %s |", name)
		for _, c := range columns {
			fmt.Fprintf(b, " %s |", cells[name][c])
		}
		b.WriteByte('\n')
	}
}

func (r VideoResult) cell() string {
	text := fmt.Sprintf("%.1f ± %.1f, %.0f %%", 1e3*r.RMSE, 1e3*r.Claimed, 100*r.Coverage)
	switch r.outcome() {
	case absent:
		return "–"
	case honest:
		return "*" + text + "*"
	case wrong:
		return "**" + text + "**"
	}
	return text
}
