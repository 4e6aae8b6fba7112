// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect_test

import (
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

// A frame that is lost or doubled now and then is no forgery, while light of another hour is one, and so is what strays up to now.
func TestSlips(t *testing.T) {
	grid, other := wandering(21, 4000), wandering(22, 4000)
	const start = 1000
	picture := func(f func(i int, hz float64) float64) enf.Estimate {
		est := estimate(changed(noisy(grid, start, 300, 0.0005, 23), f))
		est.Source = enf.SourceVideo
		return est
	}
	slipped := func(every, last int) func(int, float64) float64 {
		return func(i int, hz float64) float64 {
			if i >= 20 && i < last && i%every < 8 {
				hz += 0.06
			}
			return hz
		}
	}
	for _, tt := range []struct {
		name   string
		est    enf.Estimate
		want   detect.Verdict
		reason string
	}{
		{"every 50 s", picture(slipped(50, 280)), detect.Undetermined, "but for moments, the first at 0:00:50 and 5 in all"},
		{"every 33 s", picture(slipped(33, 280)), detect.Undetermined, "but for moments"},
		{"up to the end", picture(func(i int, hz float64) float64 {
			if i >= 286 {
				hz += 0.06
			}
			return hz
		}), detect.Forged, "except from 0:04:4"},
		{"forty seconds of another hour", picture(func(i int, hz float64) float64 {
			if i >= 100 && i < 140 {
				return other.Hz[i]
			}
			return hz
		}), detect.Forged, "except from 0:01:40"},
		{"sixteen seconds of another frequency, twice", picture(func(i int, hz float64) float64 {
			if i >= 100 && i < 116 || i >= 200 && i < 216 {
				return hz + 0.03
			}
			return hz
		}), detect.Forged, "except from"},
		{"five seconds cut out", picture(func(i int, hz float64) float64 {
			if i >= 200 {
				return grid.Hz[start+i+5]
			}
			return hz
		}), detect.Forged, "5 s are missing"},
		{"another hour throughout", picture(func(i int, _ float64) float64 { return other.Hz[i] }), detect.Forged, "does not follow"},
	} {
		c := detect.Compare(t.Context(), tt.est, grid, detect.Options{Start: new(start * time.Second)})
		if c.Verdict != tt.want || !strings.Contains(c.Reason, tt.reason) {
			t.Errorf("%s: %s: %s", tt.name, c.Verdict, c.Reason)
		}
	}
}
