// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

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
			m := detect.FindMatches(tt.rec, tt.reference, 4)
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

func TestFindMatchesDates(t *testing.T) {
	grid := wandering(4, 20_000)
	grid.Start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	m := detect.FindMatches(noisy(grid, 5000, 1200, 0.001, 5), grid, 1)
	if len(m) != 1 || m[0].Time.Sub(grid.Time(5000)).Abs() > time.Second {
		t.Fatalf("%+v, want %v", m, grid.Time(5000))
	}
	if got := detect.FindMatches(grid, grid, 0); got != nil {
		t.Errorf("asked for none, got %v", got)
	}
	if got := detect.FindMatches(enf.Series{}, grid, 3); len(got) != 0 {
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
		found := false
		for _, m := range detect.FindMatches(rec, grid, 10) {
			found = found || math.Abs(m.Offset-float64(best)) <= 2
		}
		if !found {
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
