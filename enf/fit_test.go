// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// wandering is a grid of n seconds that moves as far and as fast as weight says: 1 mHz in a second is usual for a strong one.
func wandering(n int, nominal, weight float64) Series {
	s := Series{Step: time.Second, Hz: make([]float64, n)}
	for i := range s.Hz {
		x := float64(i)
		s.Hz[i] = nominal + weight*(0.015*math.Sin(x/21)+0.008*math.Sin(x/7.3)+0.0003*math.Sin(2.1*x))
	}
	return s
}

func TestUnfit(t *testing.T) {
	rounded := func(s Series, step float64) Series {
		for i, v := range s.Hz {
			s.Hz[i] = math.Round(v/step) * step
		}
		return s
	}
	for _, tt := range []struct {
		name string
		s    Series
		want string
	}{
		{"constant", rounded(wandering(600, 60, 1), 10), "constant at 60 Hz"},
		{"steps of 100 mHz", rounded(wandering(600, 50, 10), 0.1), "steps of 100 mHz"},
		{"steps of 10 mHz", rounded(wandering(600, 50, 1), 0.01), "steps of 10 mHz"},
		{"steps of 10 mHz at the fifth harmonic", rounded(wandering(600, 300, 5), 0.01), ""},
		{"steps of a millihertz", rounded(wandering(600, 50, 1), 0.001), ""},
		{"five seconds", rounded(wandering(5, 50, 1), 1), ""},
		{"nothing", Series{}, ""},
	} {
		if err := tt.s.Unfit(); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestMended(t *testing.T) {
	stuck := wandering(600, 60, 1)
	for i := 100; i < 130; i++ {
		stuck.Hz[i] = stuck.Hz[100]
	}
	glitch := wandering(600, 300, 5)
	for i := 200; i < 212; i++ {
		glitch.Hz[i] += 0.4
	}
	trip := wandering(600, 60, 1) // a power station is lost: the grid falls at once, and recovers in minutes
	for i := 300; i < 600; i++ {
		trip.Hz[i] -= 0.2 * math.Exp(-float64(i-300)/40)
	}
	for _, tt := range []struct {
		name     string
		s        Series
		from, to int
	}{
		{"sound", wandering(600, 60, 1), 0, 0},
		{"stuck", stuck, 100, 130},
		{"glitch at a harmonic", glitch, 200, 212},
		{"trip", trip, 0, 0},
		{"weak grid", wandering(600, 50, 30), 0, 0},
	} {
		before := tt.s.Present()
		if _, n := tt.s.Unstuck(); n > 0 != (tt.name == "stuck") {
			t.Errorf("%s: %d values are said to be stuck", tt.name, n)
		}
		got, n := tt.s.Mended()
		if n != tt.to-tt.from || got.Present() != before-n || tt.s.Present() != before {
			t.Errorf("%s: %d values taken out, want %d", tt.name, n, tt.to-tt.from)
		}
		for i := tt.from; i < tt.to; i++ {
			if !math.IsNaN(got.Hz[i]) {
				t.Errorf("%s: value %d is left", tt.name, i)
			}
		}
	}
}

// TestMendedReal takes next to nothing out of real references: in months, a glitch or two.
func TestMendedReal(t *testing.T) {
	dir := os.Getenv("DEFAKEPRO_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	var paths []string
	for _, pattern := range []string{"grid/*.csv*", "econledger/*.csv*", "optical/*/mains.csv"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	if len(paths) == 0 {
		t.Skip("real references are not here")
	}
	for _, path := range paths {
		s, err := ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Unfit(); err != nil {
			t.Errorf("%s %v", path, err)
		}
		if _, n := s.Mended(); n > 4 {
			t.Errorf("%s: %d of %d values taken out", path, n, s.Len())
		} else if n > 0 {
			t.Logf("%s: %d", path, n)
		}
	}
}
