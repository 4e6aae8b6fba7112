// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/dsp"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
	"github.com/defakepro/defakepro/internal/eval"
	"github.com/defakepro/defakepro/internal/race"
)

// The truth covers a long recording from end to end: errors are not those of a selection.
func TestMainsWhole(t *testing.T) {
	race.SkipNumeric(t)
	const seconds, rate = 400, 400
	g := enftest.NewGrid(5, enftest.GridOptions{Nominal: enf.Grid50, Duration: seconds * time.Second})
	clean := make([]float64, seconds*rate)
	g.Hum(clean, rate, 0, []enftest.Harmonic{{Number: 1, Amplitude: 0.5}})
	m, err := eval.NewMains("made up", dsp.Signal{Rate: rate, Channels: [][]float64{clean}}, enf.Grid50)
	if err != nil {
		t.Fatal(err)
	}
	if n := m.Truth.Present(); n < seconds-6 {
		t.Errorf("the truth has %d values for %d s", n, seconds)
	}
}

// The whole evaluation, small, on mains that are made up.
func TestAudio(t *testing.T) {
	race.SkipNumeric(t)
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed")
	}
	g := enftest.NewGrid(5, enftest.GridOptions{Nominal: enf.Grid50, Duration: 90 * time.Second})
	clean := make([]float64, 90*400)
	g.Hum(clean, 400, 0, []enftest.Harmonic{{Number: 1, Amplitude: 0.5}})
	m, err := eval.NewMains("made up", dsp.Signal{Rate: 400, Channels: [][]float64{clean}}, enf.Grid50)
	if err != nil {
		t.Fatal(err)
	}
	if m.Checked > 1e-3 {
		t.Errorf("the truth is %.2f mHz from the phase's derivative", 1e3*m.Checked)
	}
	report := eval.AudioReport{Mains: []string{m.Name}, Seconds: 90}
	for r, err := range eval.Audio(t.Context(), []eval.Mains{m}, eval.AudioCases(true), report.Seconds, 1) {
		if err != nil {
			t.Fatal(err)
		}
		if r.CN0 >= 30 && (r.RMSE > 2e-3 || r.Coverage < 0.9) {
			t.Errorf("%s at %g dB-Hz: RMSE %.2f mHz in %.0f %% of the seconds", r, r.CN0, 1e3*r.RMSE, 100*r.Coverage)
		}
		if r.Within1 < 0.4 || r.Within2 < 0.8 || r.Within2 < r.Within1 {
			t.Errorf("%s at %g dB-Hz: %.0f %% and %.0f %% of the errors are within one and two stated uncertainties", r, r.CN0, 100*r.Within1, 100*r.Within2)
		}
		report.Results = append(report.Results, r)
	}
	var page, table strings.Builder
	if err := report.WriteMarkdown(&page); err != nil {
		t.Fatal(err)
	}
	if err := report.WriteCSV(&table); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(table.String(), "\n"); lines != 1+len(report.Results) || !strings.Contains(page.String(), "| 30 | 0.5 |") || !strings.Contains(page.String(), "| 30 | 68 / 95 |") {
		t.Errorf("%d lines of CSV for %d results; page:\n%s", lines, len(report.Results), page.String())
	}
}
