// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enftest_test

import (
	"math"
	"math/cmplx"
	"slices"
	"testing"
	"time"

	"github.com/defakepro/defakepro/dsp"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
)

// project returns the amplitude and phase of x at frequency hz, under a Hann window.
func project(x []float64, rate, hz float64) complex128 {
	var sum complex128
	for i, v := range x {
		w := 1 - math.Cos(2*math.Pi*(float64(i)+0.5)/float64(len(x)))
		sum += complex(v*w, 0) * cmplx.Rect(1, -2*math.Pi*hz*float64(i)/rate)
	}
	return sum * complex(2/float64(len(x)), 0)
}

func TestHum(t *testing.T) {
	const rate = 1000
	g := enftest.NewGrid(5, enftest.GridOptions{Nominal: enf.Grid50, Duration: 11 * time.Hour})
	x := make([]float64, 200)
	for _, from := range []float64{0, 36000} { // ten hours on, the phase is still exact
		clear(x)
		g.Hum(x, rate, from, []enftest.Harmonic{{Number: 1, Amplitude: 0.5, Phase: 0.3}, {Number: 6, Amplitude: 0.25, Phase: -1}, {Number: 10, Amplitude: 1}})
		for i, v := range x {
			p := 2 * math.Pi * math.Mod(g.Phase(from+float64(i)/rate), 1)
			if want := 0.5*math.Sin(p+0.3) + 0.25*math.Sin(6*p-1); math.Abs(v-want) > 1e-6 {
				t.Fatalf("sample %d from %g s: %g, want %g", i, from, v, want)
			}
		}
	}
}

// The carrier-to-noise density that a periodogram measures is the one asked for.
func TestCN0(t *testing.T) {
	const rate, seconds, noise, want = 1000, 100, 0.1, 25.0
	g := enftest.NewGrid(6, enftest.GridOptions{Duration: time.Hour, Scale: 1e-9})
	x := make([]float64, rate*seconds)
	g.Hum(x, rate, 0, []enftest.Harmonic{{Number: 3, Amplitude: enftest.Amplitude(want, noise, rate)}})
	enftest.Noise(x, 1, noise)
	carrier := cmplx.Abs(project(x, rate, 180))
	floor, n := 0.0, 0
	for hz := 200.0; hz < 220; hz += 10. / seconds {
		a := cmplx.Abs(project(x, rate, hz))
		floor += a * a / 2 // power in a Hann window's noise bandwidth of 1.5 bins
		n++
	}
	density := floor / float64(n) / (1.5 / seconds)
	if got := 10 * math.Log10(carrier*carrier/2/density); math.Abs(got-want) > 1 {
		t.Errorf("measured %.2f dB-Hz, want %.1f", got, want)
	}
	if got := enftest.CN0(enftest.Amplitude(want, noise, rate), noise, rate); math.Abs(got-want) > 1e-9 {
		t.Errorf("CN0 of Amplitude: %g, want %g", got, want)
	}
}

func TestSpeech(t *testing.T) {
	const rate = 16000
	x := make([]float64, 60*rate)
	enftest.NewSpeech(1, rate, 0.05).Add(x)
	again := make([]float64, len(x))
	s := enftest.NewSpeech(1, rate, 0.05)
	for i := 0; i < len(again); i += 999 {
		s.Add(again[i:min(len(again), i+999)])
	}
	if !slices.Equal(x, again) {
		t.Error("one seed gave two talkers")
	}
	power, quiet := 0.0, 0
	for i := 0; i < len(x); i += rate / 10 {
		p := 0.0
		for _, v := range x[i : i+rate/10] {
			p += v * v / (rate / 10)
		}
		power += p / 600
		if p < 1e-3*0.05*0.05 {
			quiet++
		}
	}
	if rms := math.Sqrt(power); rms < 0.035 || rms > 0.07 {
		t.Errorf("RMS %.3f, want about 0.05", rms)
	}
	if quiet < 60 || quiet > 360 {
		t.Errorf("%d of 600 tenths of a second are quiet, want pauses", quiet)
	}
	// The pitch sweeps across 100 to 250 Hz: no line stands out there over a minute, but there is much power.
	band, peak, n := 0.0, 0.0, 0
	var thin []float64 // the voice's band survives at a sixteenth of the rate
	for i := 0; i+16 <= len(x); i += 16 {
		sum := 0.0
		for _, v := range x[i : i+16] {
			sum += v / 16
		}
		thin = append(thin, sum)
	}
	for hz := 100.0; hz < 250; hz += 0.37 {
		a := cmplx.Abs(project(thin, rate/16, hz))
		band += a * a
		peak = max(peak, a*a)
		n++
	}
	if mean := band / float64(n); peak > 20*mean {
		t.Errorf("a line %.0f times the mean stands in the voice's band", peak/mean)
	}
}

func TestSpeechAtAnyRate(t *testing.T) {
	for _, rate := range []float64{400, 1000, 8000, 44100, 192000} {
		x := make([]float64, int(rate))
		enftest.NewSpeech(2, rate, 0.1).Add(x)
		for i, v := range x {
			if math.IsNaN(v) || math.Abs(v) > 10 {
				t.Fatalf("sample %d at %g Hz is %g", i, rate, v)
			}
		}
	}
}

func film(c enftest.Camera, g *enftest.Grid, seconds float64) []dsp.Luma {
	return slices.Collect(c.Film(g, seconds))
}

// The flicker is in the rows with its depth and phase, whichever way and however fast the shutter rolls.
func TestFlicker(t *testing.T) {
	const depth = 0.03
	for _, tt := range []struct {
		name    string
		grid    enf.Grid
		fps     float64
		readout float64
	}{
		{"60 Hz, 30 fps", enf.Grid60, 30, 0.025},
		{"60 Hz, 30 fps, bottom up", enf.Grid60, 30, -0.025},
		{"60 Hz, 25 fps, global", enf.Grid60, 25, 0},
		{"50 Hz, 24 fps", enf.Grid50, 24, 0.030},
		{"50 Hz, 25 fps", enf.Grid50, 25, 0.018},
		{"50 Hz, 60 fps, global", enf.Grid50, 60, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := enftest.NewGrid(8, enftest.GridOptions{Nominal: tt.grid, Duration: time.Minute})
			c := enftest.Camera{Seed: 1, Rows: 180, Strips: 2, FPS: tt.fps, Readout: tt.readout, Flicker: depth, Noise: 1e-4}
			dark := c
			dark.Flicker, dark.Noise = 0, 0
			still := film(dark, g, 1)[0]
			var sum complex128
			n := 0
			for _, frame := range film(c, g, 20) {
				at := frame.Time.Sub(time.Time{}).Seconds()
				for i, v := range frame.Mean {
					p := 2 * math.Pi * math.Mod(2*g.Phase(at+tt.readout*float64(i/2)/180), 1)
					sum += complex(2*(v/still.Mean[i]-1), 0) * cmplx.Rect(1, -p)
					n++
				}
			}
			got := sum / complex(float64(n), 0)
			if math.Abs(cmplx.Abs(got)-depth) > 0.1*depth || math.Abs(cmplx.Phase(got)) > 0.1 {
				t.Errorf("depth %.4f at phase %.2f, want %.4f at 0", cmplx.Abs(got), cmplx.Phase(got), depth)
			}
		})
	}
}

func TestExposureAveragesLight(t *testing.T) {
	g := enftest.NewGrid(1, enftest.GridOptions{Nominal: enf.Grid50, Duration: time.Minute})
	for _, exposure := range []float64{0, 0.002, 0.005, 0.01} {
		worst := 0.0
		for i := range 100 {
			at := 10 + float64(i)*1e-3
			mean := 0.0
			for j := range 1000 {
				mean += g.Light(at+exposure*((float64(j)+0.5)/1000-0.5), 0.1, 0) / 1000
			}
			worst = max(worst, math.Abs(mean-g.Light(at, 0.1, exposure)))
		}
		if worst > 1e-4 {
			t.Errorf("exposure %g s: off by %g", exposure, worst)
		}
	}
}

func TestCamera(t *testing.T) {
	g := enftest.NewGrid(1, enftest.GridOptions{Duration: time.Minute})
	plain := enftest.Camera{Seed: 3, Rows: 20, FPS: 30, Flicker: 0.01}
	if a, b := film(plain, g, 2), film(plain, g, 2); len(a) != 60 || !slices.EqualFunc(a, b, func(a, b dsp.Luma) bool {
		return a.Time.Equal(b.Time) && slices.Equal(a.Mean, b.Mean)
	}) {
		t.Errorf("%d frames in 2 s at 30 fps, want 60, twice the same", len(a))
	}
	dropped := plain
	dropped.Drop, dropped.Jitter, dropped.Tick = 0.1, 0.002, time.Millisecond
	frames := film(dropped, g, 20)
	if len(frames) < 500 || len(frames) > 570 {
		t.Errorf("%d of 600 frames left, want about 540", len(frames))
	}
	for _, f := range frames {
		if f.Time.Nanosecond()%1e6 != 0 {
			t.Fatalf("time stamp %v is not in whole milliseconds", f.Time)
		}
	}
	moving := plain
	moving.Subject, moving.Noise, moving.Drift = 0.6, 0.001, 0.03
	changed := 0
	first, last := film(moving, g, 5)[0], film(moving, g, 5)[149]
	for i := range first.Mean {
		if v := last.Mean[i]; v < 0 || v > 1 {
			t.Fatalf("luma %g", v)
		} else if math.Abs(v-first.Mean[i]) > 0.05 {
			changed++
		}
	}
	if changed == 0 || changed == len(first.Mean) {
		t.Errorf("%d of %d cells changed, want some", changed, len(first.Mean))
	}
}

// A clock that is fast by 100 ppm makes the light seem slow by as much.
func TestClockError(t *testing.T) {
	g := enftest.NewGrid(1, enftest.GridOptions{Nominal: enf.Grid50, Duration: time.Minute})
	c := enftest.Camera{Rows: 1, Strips: 1, FPS: 30, Flicker: 0.02, PPM: 100}
	exact := c
	exact.PPM = 0
	a, b := film(c, g, 50), film(exact, g, 50)
	n := 1499
	shift := 50 * 100e-6 // seconds after 50
	if got, want := a[n].Mean[0]/b[0].Mean[0], g.Light(float64(n)/30*(1-1e-4), 0.02, 0)/g.Light(0, 0.02, 0); math.Abs(got-want) > 1e-3 {
		t.Errorf("light %g after a shift of %g s, want %g", got, shift, want)
	}
}

func BenchmarkSpeech(b *testing.B) {
	s, dst := enftest.NewSpeech(1, 48000, 0.1), make([]float64, 48000)
	for b.Loop() {
		s.Add(dst)
	}
}

func BenchmarkFilm720(b *testing.B) {
	g := enftest.NewGrid(1, enftest.GridOptions{Duration: time.Minute})
	c := enftest.Camera{Rows: 720, FPS: 30, Readout: 0.025, Flicker: 0.01, Noise: 5e-4, Subject: 0.6}
	for b.Loop() {
		for range c.Film(g, 1) {
			continue
		}
	}
}
