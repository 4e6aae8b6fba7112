// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

// found returns what a search for a series finds.
func found(t testing.TB, series, reference enf.Series, top int) []detect.Match {
	t.Helper()
	m, err := detect.FindMatches(t.Context(), series, reference, top)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestFindMatches(t *testing.T) {
	const at = 70_000
	grid := wandering(1, 2*86400)
	holes := changed(grid, func(i int, hz float64) float64 {
		if i%5000 < 200 || i > 120_000 && i < 150_000 {
			return nan
		}
		return hz
	})
	hour := noisy(grid, at, 3600, 0.002, 2)
	gappy := changed(hour, func(i int, hz float64) float64 {
		if i%300 < 120 {
			return nan
		}
		return hz
	})
	tests := []struct {
		name      string
		rec       enf.Series
		reference enf.Series
		want      float64
		within    float64
	}{
		{"hour", hour, grid, at, 0.5},
		{"five minutes", hour.Slice(0, 300), grid, at, 1},
		{"gaps in the recording", gappy, grid, at, 0.5},
		{"gaps in the reference", hour, holes, at, 0.5},
		{"gaps in both", gappy, holes, at, 0.5},
		{"two seconds", hour, grid.Resample(2 * time.Second), at, 0.5},
		{"a tenth of a second", hour.Slice(0, 900), grid.Slice(at-1000, at+2000).Resample(100 * time.Millisecond), 1000, 1},
		{"before the reference", hour, grid.Slice(at+1000, 2*86400), -1000, 0.5},
		{"after the reference", hour, grid.Slice(0, at+2000), at, 0.5},
		{"shorter than the recording", hour, grid.Slice(at+1000, at+2000), -1000, 0.5},
		{"half a second off", noisy(grid.Slice(at, at+9000).Resample(500*time.Millisecond).Slice(1, 17000).Resample(time.Second), 100, 1800, 0.0005, 3), grid, at + 100.5, 0.3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := found(t, tt.rec, tt.reference, 4)
			if len(m) == 0 || math.Abs(m[0].Offset-tt.want) > tt.within || m[0].Correlation < 0.97 || m[0].LLR < 20 {
				t.Fatalf("%+v, want %.1f s first", m, tt.want)
			}
			for i, a := range m {
				for _, b := range m[:i] {
					if math.Abs(a.Offset-b.Offset) < 30 || a.LLR > b.LLR {
						t.Errorf("%+v after %+v", a, b)
					}
				}
			}
		})
	}
}

// A minute of sound has values for 56 seconds.
func TestFindMatchesOfAMinute(t *testing.T) {
	grid := wandering(1, 8000)
	minute := changed(noisy(grid, 4000, 60, 0.0005, 2), func(i int, hz float64) float64 {
		if i < 2 || i >= 58 {
			return nan
		}
		return hz
	})
	if m := found(t, minute, grid, 2); len(m) != 2 || math.Abs(m[0].Offset-4000) > 1 || m[0].LLR < m[1].LLR+5 {
		t.Errorf("%+v", m)
	}
	if c := detect.Compare(t.Context(), estimate(minute), grid, detect.Options{Search: true}); strings.Contains(c.Reason, "covers") || strings.Contains(c.Reason, "nowhere") {
		t.Errorf("%s: %s", c.Verdict, c.Reason)
	}
}

func TestFindMatchesDates(t *testing.T) {
	grid := wandering(4, 20_000)
	grid.Start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	m := found(t, noisy(grid, 5000, 1200, 0.001, 5), grid, 1)
	if len(m) != 1 || m[0].Time.Sub(grid.Time(5000)).Abs() > time.Second {
		t.Fatalf("%+v, want %v", m, grid.Time(5000))
	}
	if got := found(t, grid, grid, 0); got != nil {
		t.Errorf("asked for none, got %v", got)
	}
	if got := found(t, enf.Series{}, grid, 3); len(got) != 0 {
		t.Errorf("nothing matches %v", got)
	}
}

// TestFindMatchesIsExhaustive holds the search by FFT against trying every second, on series short enough for that.
func TestFindMatchesIsExhaustive(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 1))
	for trial := range 20 {
		grid := wandering(uint64(100+trial), 6000)
		rec := noisy(grid, 500+rng.IntN(5000), 120, 0.001, uint64(trial))
		if trial%2 == 1 {
			for range 20 {
				rec.Hz[rng.IntN(rec.Len())], grid.Hz[rng.IntN(grid.Len())] = nan, nan
			}
		}
		best, least := 0, math.Inf(1)
		for offset := 0; offset+rec.Len() <= grid.Len(); offset++ {
			if e := deviation(rec.Hz, grid.Hz[offset:]); e < least {
				best, least = offset, e
			}
		}
		hit := false
		for _, m := range found(t, rec, grid, 10) {
			hit = hit || math.Abs(m.Offset-float64(best)) <= 2
		}
		if !hit {
			t.Errorf("trial %d: %d s, with an RMSE of %.2f mHz, is not found", trial, best, 1e3*least)
		}
	}
}

// deviation returns the standard deviation of y - x.
func deviation(y, x []float64) float64 {
	sum, squares, n := 0.0, 0.0, 0.0
	for i, v := range y {
		if d := v - x[i]; !math.IsNaN(d) {
			sum, squares, n = sum+d, squares+d*d, n+1
		}
	}
	return math.Sqrt(max(0, squares/n-sum/n*sum/n))
}

// TestFindMatchesHarmonics: a series may be at a harmonic, and none is looked for in a reference of another grid.
func TestFindMatchesHarmonics(t *testing.T) {
	times := func(s enf.Series, k float64) enf.Series {
		return changed(s, func(_ int, hz float64) float64 { return k * hz })
	}
	grid := wandering(7, 6000)
	rec := noisy(grid, 2000, 900, 0.001, 8)
	other := changed(grid, func(_ int, hz float64) float64 { return hz - 10 })
	for _, c := range []struct {
		name           string
		rec, reference enf.Series
		err            string // what it says; empty for none
	}{
		{"reference", rec, times(grid, 2), ""},
		{"recording", times(rec, 2), grid, ""},
		{"both", times(rec, 4), times(grid, 2), ""},
		{"the recording tells the grid", rec, times(grid, 5), ""},
		{"the reference does", times(rec, 5), grid, ""},
		{"neither does", times(rec, 5), times(grid, 5), "300.0 Hz"},
		{"of no grid", rec, times(grid, 0.6), "reference: "},
		{"of two grids", rec, other, "recording: "},
	} {
		m, err := detect.FindMatches(t.Context(), c.rec, c.reference, 1)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v and error %v, want one with %q", c.name, m, err, c.err)
			}
			continue
		}
		if err != nil || len(m) == 0 || math.Abs(m[0].Offset-2000) > 0.5 || math.Abs(m[0].Shift) > 0.001 {
			t.Errorf("%s: %+v, error %v", c.name, m, err)
		}
	}
}
