// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect_test

import (
	"strings"
	"testing"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/internal/race"
)

// TestAnotherDevice compares a recording that a second device goes on with, its clock off by 4 mHz more.
func TestAnotherDevice(t *testing.T) {
	race.SkipNumeric(t)
	grid := wandering(21, 1500)
	for _, step := range []float64{0, 0.004, -0.004} {
		rec := changed(noisy(grid, 0, 900, 0.001, 3), func(i int, hz float64) float64 {
			if i >= 400 {
				hz += step
			}
			return hz
		})
		c := detect.Compare(t.Context(), estimate(rec), grid, detect.Options{})
		want := detect.Authentic
		if step != 0 {
			want = detect.Undetermined
		}
		if c.Verdict != want || step != 0 && !strings.Contains(c.Reason, "another device") {
			t.Errorf("step of %g Hz: %s: %s", step, c.Verdict, c.Reason)
		}
	}
}

// TestOutlier puts one value 10 mHz, and farther, beside the truth: that neither makes a recording forged, nor one of another time authentic.
func TestOutlier(t *testing.T) {
	race.SkipNumeric(t)
	grid, other := wandering(22, 1500), wandering(23, 1500)
	for _, off := range []float64{0.01, -0.01, 0.1, 1, 10} {
		wild := func(i int, hz float64) float64 {
			if i == 150 {
				hz += off
			}
			return hz
		}
		rec := changed(noisy(grid, 0, 300, 0.001, 3), wild)
		if c := detect.Compare(t.Context(), estimate(rec), grid, detect.Options{}); c.Verdict != detect.Authentic {
			t.Errorf("a value off by %g Hz: %s: %s", off, c.Verdict, c.Reason)
		}
		if c := detect.Compare(t.Context(), estimate(rec), other, detect.Options{}); c.Verdict != detect.Forged {
			t.Errorf("another grid, and a value off by %g Hz: %s: %s", off, c.Verdict, c.Reason)
		}
	}
}
