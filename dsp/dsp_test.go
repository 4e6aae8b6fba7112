// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package dsp_test

import (
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/dsp"
)

func tone(freq, rate float64, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = math.Cos(2 * math.Pi * freq * float64(i) / rate)
	}
	return x
}

// level is the root mean square of the middle of x, relative to that of a full-scale tone, in decibels.
func level(x []float64) float64 {
	x = x[len(x)/4 : 3*len(x)/4]
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return 10 * math.Log10(2*sum/float64(len(x)))
}

func TestDecimatorKeepsTheBandAndNothingElse(t *testing.T) {
	for _, rate := range []float64{8000, 11025, 22050, 44100, 48000, 96000, 192000} {
		const band = 640
		out := func(freq float64) []float64 {
			return dsp.NewDecimator(rate, band, 1500).Write(nil, tone(freq, rate, int(4*rate)))
		}
		for _, freq := range []float64{1, 50, 300, 600, 640} {
			if db := level(out(freq)); math.Abs(db) > 0.05 {
				t.Errorf("%g Hz at %g: %.3f dB, want 0", freq, rate, db)
			}
		}
		low := rate / float64(dsp.NewDecimator(rate, band, 1500).Factor())
		if low < 1500 || low > 2700 {
			t.Errorf("rate %g becomes %g", rate, low)
		}
		for _, alias := range []float64{low - 640, low - 300, low, low + 100, 2*low - 50, rate/2 - 100} {
			if alias >= rate/2 || math.Abs(math.Remainder(alias, low)) > band {
				continue
			}
			if db := level(out(alias)); db > -79 {
				t.Errorf("%g Hz at %g aliases with %.1f dB", alias, rate, db)
			}
		}
	}
}

func TestDecimatorDoesNotDependOnBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]float64, 20000)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	whole := dsp.NewDecimator(44100, 640, 1500)
	want := whole.Flush(whole.Write(nil, x))
	parts := dsp.NewDecimator(44100, 640, 1500)
	var got []float64
	for len(x) > 0 {
		n := min(len(x), 1+rng.IntN(700))
		got = parts.Write(got, x[:n])
		x = x[n:]
	}
	got = parts.Flush(got)
	if len(got) != len(want) {
		t.Fatalf("%d samples in parts, %d at once", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("sample %d is %g in parts, %g at once", i, got[i], want[i])
		}
	}
}

// A tone a little off the centre turns at just the difference, at exact times, whatever the input's rate, also unevenly sampled.
func TestZoomMeasuresTheDifference(t *testing.T) {
	const center, freq, rate = 100.0, 100.37, 8.0
	rng := rand.New(rand.NewPCG(3, 4))
	for _, in := range []float64{333.3, 400, 1000, 1521} {
		for _, jitter := range []float64{0, 0.1} {
			z := dsp.NewZoom(center, 2.2, rate)
			for i := range int(20 * in) {
				at := (float64(i) + jitter*(rng.Float64()-0.5)) / in
				z.Push(at, 1/in, complex(math.Cos(2*math.Pi*freq*at), 0))
			}
			out := z.Read(nil)
			tolerance := 1e-3 + 0.3*jitter
			for m := 40; m < 120; m++ {
				want := cmplx.Rect(0.5, 2*math.Pi*(freq-center)*float64(m)/rate)
				if d := cmplx.Abs(out[m] - want); d > tolerance {
					t.Fatalf("rate %g, jitter %g: output %d is %.4f, want %.4f", in, jitter, m, out[m], want)
				}
			}
		}
	}
}

// At any rate, in whatever blocks it comes, an even stream is brought down to what a zoom makes of it.
func TestDownconverterIsAZoom(t *testing.T) {
	const center, freq, rate, start = 100.0, 100.37, 8.0, 0.3
	rng := rand.New(rand.NewPCG(7, 8))
	for _, in := range []float64{333.3, 1000, 1500, 1523.8} {
		z := dsp.NewZoom(center, 2.2, rate)
		d := dsp.NewDownconverter(center, start, dsp.NewTaps(2.2, in, rate))
		x := make([]float64, int(20*in))
		for i := range x {
			at := start + float64(i)/in
			x[i] = math.Cos(2*math.Pi*freq*at) + 30*math.Cos(2*math.Pi*130*at)
			z.Push(at, 1/in, complex(x[i], 0))
		}
		want, got := z.Read(nil), []complex128(nil)
		for len(x) > 0 {
			n := min(len(x), 1+rng.IntN(700))
			got = d.Write(got, x[:n])
			x = x[n:]
		}
		if len(got) < len(want)-1 || len(got) > len(want)+1 {
			t.Fatalf("rate %g: %d outputs, a zoom makes %d", in, len(got), len(want))
		}
		for m := range min(len(got), len(want)) {
			if d := cmplx.Abs(got[m] - want[m]); d > 5e-3 {
				t.Fatalf("rate %g: output %d is %.4f, a zoom's %.4f", in, m, got[m], want[m])
			}
		}
		for m := 40; m < 120; m++ {
			if d := cmplx.Abs(got[m] - cmplx.Rect(0.5, 2*math.Pi*(freq-center)*float64(m)/rate)); d > 3e-3 {
				t.Fatalf("rate %g: output %d errs by %.4f", in, m, d)
			}
		}
	}
}

// Before time zero there are no outputs; what came then is dropped.
func TestDownconverterFromBeforeZero(t *testing.T) {
	const center, in, rate = 100.0, 1000.0, 8.0
	d := dsp.NewDownconverter(center, -5, dsp.NewTaps(2.2, in, rate))
	var got []complex128
	for block := range 100 {
		x := make([]float64, 100)
		for i := range x {
			x[i] = math.Cos(2 * math.Pi * center * float64(100*block+i) / in)
		}
		got = d.Write(got, x)
	}
	if len(got) < 30 || len(got) > 40 {
		t.Fatalf("%d outputs of five seconds at %g a second", len(got), rate)
	}
	for m, x := range got {
		if cmplx.Abs(x-0.5) > 3e-3 {
			t.Errorf("output %d is %.4f", m, x)
		}
	}
}

func TestWhatCannotBePanics(t *testing.T) {
	for name, f := range map[string]func(){
		"a band that the decimator's output cannot hold": func() { dsp.NewDecimator(48000, 800, 1500) },
		"no band":                   func() { dsp.NewDecimator(48000, 0, 1500) },
		"a transform of too little": func() { dsp.NewSpectrum(64, 32) },
		"empty frames":              func() { dsp.NewSpectrum(0, 32) },
		"a downconverter's band":    func() { dsp.NewTaps(2, 1000, 4) },
		"a zoom's band":             func() { dsp.NewZoom(100, 2, 4) },
	} {
		func() {
			defer func() {
				if said, _ := recover().(string); !strings.HasPrefix(said, "dsp: ") {
					t.Errorf("%s: %q", name, said)
				}
			}()
			f()
		}()
	}
}

func TestSpectrumOfWhiteNoiseIsOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	s := dsp.NewSpectrum(127, 256)
	mean, dst, frame := 0.0, make([]float64, 101), make([]complex128, 127)
	const rounds = 2000
	for range rounds {
		for i := range frame {
			frame[i] = complex(rng.NormFloat64(), rng.NormFloat64()) / math.Sqrt2
		}
		s.Power(dst, frame)
		for _, p := range dst {
			mean += p / rounds / float64(len(dst))
		}
	}
	if math.Abs(mean-1) > 0.02 {
		t.Errorf("mean power %.3f, want 1", mean)
	}
}

// A tone is in its bin, whichever transform the number of bins has.
func TestSpectrumOfTone(t *testing.T) {
	for _, bins := range []int{1000, 1024} {
		s := dsp.NewSpectrum(bins, bins)
		frame, dst := make([]complex128, bins), make([]float64, 201)
		for i := range frame {
			frame[i] = cmplx.Rect(1, 2*math.Pi*37*float64(i)/float64(bins))
		}
		s.Power(dst, frame)
		for i, p := range dst {
			if near := i >= 136 && i <= 138; near != (p > 0.1*float64(bins)) {
				t.Errorf("%d bins: power %.3g at %d", bins, p, i-100)
			}
		}
	}
}

func TestPeak(t *testing.T) {
	parabola := func(x, top float64) float64 { return 3 - (x-top)*(x-top) }
	for _, top := range []float64{-0.5, -0.2, 0, 0.3, 0.5} {
		if got := dsp.Peak(parabola(-1, top), parabola(0, top), parabola(1, top)); math.Abs(got-top) > 1e-12 {
			t.Errorf("peak at %g found at %g", top, got)
		}
	}
	for _, p := range [][3]float64{{1, 1, 1}, {0, 1, 2}, {2, 1, 0}, {math.NaN(), 1, 0}, {2, 1, 2}} {
		if got := dsp.Peak(p[0], p[1], p[2]); got != 0 {
			t.Errorf("no peak in %v, yet found at %g", p, got)
		}
	}
}

func TestSignalEnd(t *testing.T) {
	s := dsp.Signal{Start: time.Time{}.Add(time.Second), Rate: 100, Channels: [][]float64{make([]float64, 150)}}
	if got := s.End().Sub(time.Time{}); got != 2500*time.Millisecond {
		t.Errorf("ends at %v, want 2.5s", got)
	}
	if (dsp.Signal{Rate: 1}).Len() != 0 {
		t.Error("a signal without channels has samples")
	}
}

// From 48,000 samples a second to eight, around 100 Hz: a tone of 100.25 Hz is left turning a quarter of a turn each second.
func Example() {
	const rate = 48000
	d := dsp.NewDecimator(rate, 640, 1500)
	low := d.Write(nil, tone(100.25, rate, 10*rate))
	out := dsp.NewDownconverter(100, 0, dsp.NewTaps(2.2, 1500, 8)).Write(nil, low)
	turn := cmplx.Phase(out[32]/out[24]) / (2 * math.Pi)
	fmt.Printf("%.3f turns a second\n", turn)
	// Output: 0.250 turns a second
}

func BenchmarkDecimator(b *testing.B) {
	d := dsp.NewDecimator(48000, 640, 1500)
	second, out := make([]float64, 48000), []float64(nil)
	b.ReportAllocs()
	for b.Loop() {
		out = d.Write(out[:0], second)
	}
	b.ReportMetric(1/(b.Elapsed().Seconds()/float64(b.N)), "x-real-time")
}
