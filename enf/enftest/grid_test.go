// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enftest_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
)

func Example() {
	grid := enftest.NewGrid(7, enftest.GridOptions{Nominal: enf.Grid50, Duration: time.Hour})
	truth := grid.Series()

	// A minute of hum at 20 dB-Hz in the second harmonic, under noise.
	const rate, noise = 8000, 0.01
	audio := make([]float64, 60*rate)
	grid.Hum(audio, rate, 0, []enftest.Harmonic{{Number: 2, Amplitude: enftest.Amplitude(20, noise, rate)}})
	enftest.Noise(audio, 7, noise)

	fmt.Println(truth.Len(), "values, the first", math.Abs(truth.Hz[0]-50) < 0.1)
	// Output: 3601 values, the first true
}

// increment returns the standard deviation of the change over lag values.
func increment(x []float64, lag int) float64 {
	sum := 0.0
	for i := lag; i < len(x); i++ {
		sum += (x[i] - x[i-lag]) * (x[i] - x[i-lag])
	}
	return math.Sqrt(sum / float64(len(x)-lag))
}

func TestIncrements(t *testing.T) {
	s := enftest.NewGrid(1, enftest.GridOptions{Duration: 240 * time.Hour}).Series()
	// The process itself is at every second value; what lies between is a little smoother.
	var process []float64
	for i := 0; i < s.Len(); i += 2 {
		process = append(process, s.Hz[i])
	}
	// What the coefficients imply. The 243 days of mains they were fitted to have 1.6, 5.5 and 14.9.
	for _, tt := range []struct {
		seconds int
		want    float64 // mHz
	}{{2, 1.62}, {10, 5.5}, {60, 16.4}} {
		got := 1e3 * increment(process, tt.seconds/2)
		if math.Abs(got/tt.want-1) > 0.03 {
			t.Errorf("increment over %d s: %.2f mHz, want %.2f", tt.seconds, got, tt.want)
		}
	}
}

// Unrelated minutes correlate above 0.8 about as often as real ones do, 0.11; a process of order one stays near 0.03.
func TestFalseAccepts(t *testing.T) {
	a := enftest.NewGrid(1, enftest.GridOptions{Duration: 240 * time.Hour}).Series().Hz
	b := enftest.NewGrid(2, enftest.GridOptions{Duration: 240 * time.Hour}).Series().Hz
	for _, tt := range []struct {
		window   int
		min, max float64
	}{{30, 0.13, 0.18}, {60, 0.10, 0.13}, {120, 0.045, 0.075}} {
		n, high := 0, 0
		for i := 0; i+tt.window <= len(a); i += 60 {
			n++
			if correlation(a[i:i+tt.window], b[i:i+tt.window]) > 0.8 {
				high++
			}
		}
		if got := float64(high) / float64(n); got < tt.min || got > tt.max {
			t.Errorf("share of unrelated windows of %d s above 0.8: %.3f, want %.3f to %.3f", tt.window, got, tt.min, tt.max)
		}
	}
}

func correlation(a, b []float64) float64 {
	var ma, mb, ab, aa, bb float64
	for i := range a {
		ma += a[i] / float64(len(a))
		mb += b[i] / float64(len(a))
	}
	for i := range a {
		ab += (a[i] - ma) * (b[i] - mb)
		aa += (a[i] - ma) * (a[i] - ma)
		bb += (b[i] - mb) * (b[i] - mb)
	}
	return ab / math.Sqrt(aa*bb)
}

// The phase is the integral of the frequency, and stays so over ten hours.
func TestPhase(t *testing.T) {
	g := enftest.NewGrid(3, enftest.GridOptions{Nominal: enf.Grid50, Duration: 10 * time.Hour, Swing: 0.5})
	if p := g.Phase(0); p != 0 {
		t.Errorf("phase at 0: %g, want 0", p)
	}
	// Gauss's rule of two points is exact for each cubic, so its sum is an independent integral.
	node := 1 / math.Sqrt(3)
	sum, carry := 0.0, 0.0
	for i := range 18000 {
		mid := 2*float64(i) + 1
		y := g.Frequency(mid-node) + g.Frequency(mid+node) - carry
		next := sum + y
		carry, sum = (next-sum)-y, next
		if d := math.Abs(g.Phase(mid+1) - sum); d > 1e-7 {
			t.Fatalf("phase at %g s is off by %g cycles", mid+1, d)
		}
	}
	for _, at := range []float64{-10, -0.3, 0.7, 1234.567, 35999.9, 36003, 40000} {
		const h = 1e-3
		if d := (g.Phase(at+h)-g.Phase(at-h))/(2*h) - g.Frequency(at); math.Abs(d) > 1e-5 {
			t.Errorf("derivative of the phase at %g s differs from the frequency by %g Hz", at, d)
		}
	}
}

func TestSwing(t *testing.T) {
	const swing = 1.0
	s := enftest.NewGrid(4, enftest.GridOptions{Nominal: enf.Grid50, Duration: 24 * time.Hour, Swing: swing}).Series()
	lo, hi := slices.Min(s.Hz)-50, slices.Max(s.Hz)-50
	if lo < -swing-0.01 || hi > swing+0.01 || lo > -0.8*swing || hi < 0.8*swing {
		t.Errorf("swings from %.3f to %.3f Hz, want nearly all of ±%g", lo, hi, swing)
	}
	if inc := increment(s.Hz, 1); inc > 0.02 {
		t.Errorf("increment over 1 s: %.4f Hz, want a slow swing", inc)
	}
}

func TestGridIsSeeded(t *testing.T) {
	opts := enftest.GridOptions{Duration: time.Minute}
	a, b, c := enftest.NewGrid(1, opts).Series().Hz, enftest.NewGrid(1, opts).Series().Hz, enftest.NewGrid(2, opts).Series().Hz
	if !slices.Equal(a, b) {
		t.Error("one seed gave two grids")
	}
	if slices.Equal(a, c) {
		t.Error("two seeds gave one grid")
	}
}

func TestBetween(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	g := enftest.NewGrid(1, enftest.GridOptions{Duration: time.Minute, Start: start})
	s, err := g.Between(context.Background(), start.Add(1500*time.Millisecond), start.Add(10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if s.Len() != 8 || !s.Start.Equal(start.Add(2*time.Second)) || s.Hz[0] != g.Frequency(2) {
		t.Errorf("%d values from %v, want 8 from the second second", s.Len(), s.Start)
	}
	if s, err = g.Between(context.Background(), start.Add(-2*time.Second), start.Add(90*time.Second)); err != nil {
		t.Fatal(err)
	}
	if s.Len() != 92 || !math.IsNaN(s.Hz[1]) || s.Hz[2] != g.Frequency(0) || s.Hz[62] != g.Frequency(60) || !math.IsNaN(s.Hz[63]) {
		t.Errorf("%d values, want 92 of which the first two and those after the duration are not known", s.Len())
	}
	if _, err := g.Between(context.Background(), start, start.AddDate(1000, 0, 0)); err == nil {
		t.Error("no error for a thousand years")
	}
}

// The past goes on into the present, is the same process, and changes nothing that comes after it.
func TestBefore(t *testing.T) {
	for _, swing := range []float64{0, 0.5} {
		opts := enftest.GridOptions{Duration: time.Hour, Swing: swing}
		plain := enftest.NewGrid(9, opts)
		opts.Before = 100 * time.Hour
		g := enftest.NewGrid(9, opts)
		for _, at := range []float64{2, 3.3, 1800, 3599.9} { // before 2 s the interpolation looks back
			if a, b := plain.Frequency(at), g.Frequency(at); a != b {
				t.Errorf("swing %g: frequency at %g s is %v with a past, %v without", swing, at, b, a)
			}
		}
		if d := math.Abs(g.Frequency(1e-6) - g.Frequency(-1e-6)); d > 1e-6 {
			t.Errorf("swing %g: a step of %g Hz at time zero", swing, d)
		}
		if swing > 0 {
			continue
		}
		var past []float64
		for at := -359998.; at < 0; at += 2 {
			past = append(past, g.Frequency(at))
		}
		for lag, want := range map[int]float64{1: 1.62, 5: 5.5, 30: 16.4} {
			if got := 1e3 * increment(past, lag); math.Abs(got/want-1) > 0.05 {
				t.Errorf("increment over %d s of the past: %.2f mHz, want %.2f", 2*lag, got, want)
			}
		}
	}
}

func BenchmarkHum(b *testing.B) {
	g := enftest.NewGrid(1, enftest.GridOptions{Duration: time.Hour})
	hum, dst := enftest.RoomHum(1, 0.01), make([]float64, 48000)
	b.SetBytes(int64(len(dst)))
	for b.Loop() {
		g.Hum(dst, 48000, 100, hum)
	}
}
