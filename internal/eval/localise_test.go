// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/internal/eval"
)

var update = flag.Bool("update", false, "write the tables under docs/results anew, from full runs")

// dataFile is where a file of the real recordings is.
func dataFile(path ...string) string {
	dir := os.Getenv("DEFAKEPRO_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	return filepath.Join(append([]string{dir}, path...)...)
}

// recorded returns the real recordings with their reference, or none where they are absent.
func recorded(t *testing.T) []eval.Recorded {
	truth, err := enf.ReadFile(dataFile("econledger", "power.csv"))
	if err != nil {
		t.Logf("without real recordings: %v", err)
		return nil
	}
	var out []eval.Recorded
	for _, name := range []string{"device1", "device2", "device3"} {
		s, err := enf.ReadFile(dataFile("econledger", name+".csv"))
		if err != nil {
			t.Fatal(err)
		}
		if s, _, err = s.Fundamental(enf.Grid60); err != nil {
			t.Fatal(err)
		}
		out = append(out, eval.Recorded{Name: name, Grid: enf.Grid60, Series: s, Truth: truth})
	}
	return out
}

// room returns a real recording of a room, to be edited in its samples, with the mains recorded meanwhile.
func room(t *testing.T) (r eval.Recorded, ok bool) {
	const start = 360 // of the room in the mains (docs/results/real.md)
	sound, err := eval.ReadSound(t.Context(), dataFile("spcup", "Train_Grid_D_A1.flac"))
	if err != nil {
		t.Logf("without the room: %v", err)
		return r, false
	}
	mains, err := eval.ReadMains(t.Context(), dataFile("spcup", "Train_Grid_D_P1.flac"), enf.Grid50)
	if err != nil {
		t.Fatal(err)
	}
	return eval.Recorded{Name: "room (audio)", Grid: enf.Grid50, Truth: mains.Truth.Slice(start, mains.Truth.Len()), Sound: &sound}, true
}

func localise(t *testing.T, r eval.Recorded, o eval.LocaliseOptions) []eval.LocaliseResult {
	t.Helper()
	results, err := eval.Localise(r, o)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

func TestLocalise(t *testing.T) {
	if testing.Short() {
		t.Skip("sixteen hours of recordings")
	}
	recordings := []eval.Recorded{
		eval.Simulated(1, 0.0005), eval.Simulated(2, 0.001), eval.Simulated(3, 0.002), eval.Simulated(4, 0.003),
	}
	o := eval.LocaliseOptions{Trials: 4, Seed: 1}
	if *update {
		o.Trials = 60
	}
	recordings = append(recorded(t), recordings...)
	var all []eval.LocaliseResult
	for _, r := range recordings {
		all = append(all, localise(t, r, o)...)
	}
	if r, ok := room(t); ok {
		o.Length = 5 * time.Minute
		o.Trials = 1
		if *update {
			o.Trials = 25
		}
		all = append(all, localise(t, r, o)...)
	}
	grids := 1
	if *update {
		grids = 25
	}
	for i, sigma := range []float64{0.0005, 0.001, 0.002, 0.003} {
		var sum eval.LocaliseResult
		for k := range grids {
			seed := uint64(100*i + k + 10)
			r, err := eval.LocaliseGenuine(eval.Simulated(seed, sigma), eval.LocaliseOptions{Trials: 20, Seed: seed})
			if err != nil {
				t.Fatal(err)
			}
			r.Trials, r.Forged, r.Authentic = r.Trials+sum.Trials, r.Forged+sum.Forged, r.Authentic+sum.Authentic
			r.False, r.Hours = r.False+sum.False, r.Hours+sum.Hours
			sum = r
		}
		sum.Recording += fmt.Sprintf(", %d h", grids)
		all = append(all, sum)
	}
	trials, found, hours, false0 := 0, 0, 0.0, 0
	for _, r := range all {
		if r.Edit == eval.EditNone {
			hours += r.Hours
			false0 += r.False
			if r.Authentic < r.Trials*9/10 {
				t.Errorf("%s: %d of %d genuine excerpts are authentic", r.Recording, r.Authentic, r.Trials)
			}
		} else if r.Seconds >= 30 {
			trials += r.Trials
			found += r.Found
		}
	}
	t.Logf("%d of %d edits of 30 s and more found; %d false spans in %.0f hours of genuine recordings", found, trials, false0, hours)
	if found < trials*8/10 {
		t.Errorf("%d of %d edits of 30 s and more are found", found, trials)
	}
	if false0 > int(hours/20) {
		t.Errorf("%d false spans in %.0f hours", false0, hours)
	}
	var table bytes.Buffer
	if err := eval.WriteLocaliseTable(&table, all); err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(table.Bytes(), []byte("\n")); lines != len(all)+2 {
		t.Errorf("table of %d lines for %d results", lines, len(all))
	}
	if *update {
		page := append([]byte(localisationHead), table.Bytes()...)
		if err := os.WriteFile(filepath.Join("..", "..", "docs", "results", "localisation.md"), page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const localisationHead = `# Where a recording was edited: what is found

Excerpts of ten minutes, each edited once at a random place: a cut takes so many seconds out, an insertion puts so many of another
time of the same recording in, a replacement puts them in the place of others. device1 to device3 are an hour of real recorders
against the mains of that hour (EconLedger); the simulated ones an hour of a seeded 60 Hz grid in frames of 16 s, with
errors of the standard deviation given, correlated as overlapping frames make them. Both sides of a splice are smeared
as such frames do. The uncertainty of the values is not told to the comparison. The room is real sound (SP Cup 2016, grid D) against the mains
recorded meanwhile: excerpts of five minutes, edited in their samples and estimated anew, 25 of each.

- *found*: a span is reported within 15 s of the edit. *forged*, *authentic*: the verdict; the rest are undetermined.
- Errors are absolute, in seconds: the median, and what 90 % stay below. For a cut, start and end are its splice. Where the
  stretch put in has the grid's frequency by chance, nothing shows where it begins; such cases make the 90 %.
- *false spans / h*: spans reported elsewhere, an edit whose splice is placed more than 15 s off among them (its place is
  not visible where the grid moves slowly). In genuine recordings (*none*) they are false accusations.
  Excerpts of one hour overlap; the last rows take 20 from each of 25 hours.

Ten seconds replaced by values that lie within a few millihertz of the true ones cannot be told from noise: two in five of the recorders',
and three in four of five seconds.

Written by ` + "`go test ./internal/eval -run TestLocalise -update`" + `.

`
