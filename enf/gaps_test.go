// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/dsp"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
)

// sameEstimate fails unless one estimate is the other.
func sameEstimate(t *testing.T, got, want enf.Estimate) {
	t.Helper()
	same := func(a, b, within float64) bool {
		return math.Abs(a-b) <= within || math.IsNaN(a) && math.IsNaN(b) || a == b
	}
	if got.Grid != want.Grid || got.Present != want.Present || got.Reason != want.Reason || got.SNR != want.SNR ||
		got.Series.Start != want.Series.Start || got.Series.Len() != want.Series.Len() || len(got.Series.Sigma) != len(got.Series.Hz) {
		t.Fatalf("%d values from %v, %+v;\nwant %d from %v, %+v", got.Series.Len(), got.Series.Start, got.Harmonics, want.Series.Len(), want.Series.Start, want.Harmonics)
	}
	for i, hz := range want.Series.Hz {
		if !same(got.Series.Hz[i], hz, 1e-7) || !same(got.Series.Sigma[i], want.Series.Sigma[i], 1e-7) || !same(got.Series.SNR[i], want.Series.SNR[i], 1e-3) {
			t.Fatalf("second %d is %.7f Hz, want %.7f", i, got.Series.Hz[i], hz)
		}
	}
	for i, h := range want.Harmonics {
		if g := got.Harmonics[i]; g.Number != h.Number || !same(g.Share, h.Share, 1e-9) || !same(g.SNR, h.SNR, 0.1) {
			t.Errorf("harmonic %+v, want %+v", g, h)
		}
	}
}

// Values, slices and tones are those that there are when all of a long gap is gone through.
func TestLongGapsOfSound(t *testing.T) {
	for _, test := range []struct {
		grid enf.Grid
		rate float64
	}{{enf.GridAuto, 1000}, {enf.Grid50, 4000}, {enf.Grid50, 1102.5}} {
		g := enftest.NewGrid(81, enftest.GridOptions{Nominal: enf.Grid50, Duration: 1100 * time.Second})
		x := hum(g, 82, 1100, test.rate, 30, 1, 2, 3)
		type heard struct{ slices, tones int }
		run := func(whole bool) (enf.Estimate, heard) {
			var h heard
			next := map[[3]int]int{}
			last := map[enf.Grid]float64{}
			e := enf.NewAudio(enf.Options{
				Grid: test.grid,
				Observe: func(s enf.Slice) {
					if s.Second < last[s.Grid] {
						t.Errorf("slice of second %g after that of %g", s.Second, last[s.Grid])
					}
					last[s.Grid] = s.Second
					h.slices = int(s.Second)
				},
				Tone: func(s enf.Tone) {
					key := [3]int{int(s.Grid), s.Number, s.Input}
					if s.First != next[key] {
						t.Fatalf("harmonic %d of %d Hz goes on at %d, not %d", s.Number, s.Grid, s.First, next[key])
					}
					next[key] += len(s.Samples)
					if s.Grid == enf.Grid50 { // the other is ruled out at some time
						h.tones += len(s.Samples)
					}
				},
			})
			for _, part := range [][2]float64{{0.25, 130}, {500.125, 560}, {1000.3, 1100}} {
				from, to := int(part[0]*test.rate), int(part[1]*test.rate)
				if err := e.Write(dsp.Signal{Start: at(float64(from) / test.rate), Rate: test.rate, Channels: [][]float64{x[from:to]}}); err != nil {
					t.Fatal(err)
				}
				if whole {
					e.WholeGaps()
				}
			}
			est := e.Close()
			if c := compare(est, g); c.worst > 8e-3 {
				t.Errorf("errors of up to %.1f mHz", 1e3*c.worst)
			}
			return est, h
		}
		want, wantHeard := run(true)
		got, gotHeard := run(false)
		sameEstimate(t, got, want)
		if gotHeard != wantHeard || got.Series.Present() < 200 {
			t.Errorf("%d values, %+v; want %+v", got.Series.Present(), gotHeard, wantHeard)
		}
	}
}

func TestLongGapsOfVideo(t *testing.T) {
	g := enftest.NewGrid(83, enftest.GridOptions{Nominal: enf.Grid50, Duration: 700 * time.Second})
	c := enftest.Camera{FPS: 25, Flicker: 0.03, Readout: 0.02, Seed: 3, Exposure: 0.004, Noise: 0.0005, Rows: 90}
	run := func(whole bool, again float64) enf.Estimate {
		e := enf.NewVideo(enf.Options{Grid: enf.Grid50})
		for l := range c.Film(g, 700) {
			if s := l.Time.Sub(time.Time{}).Seconds(); s > 1 && s < 200.3 || s > 300.1 && s < again { // the first before the frame rate is known
				continue
			}
			if err := e.Write(l); err != nil {
				t.Fatal(err)
			}
			if whole {
				e.WholeGaps()
			}
		}
		return e.Close()
	}
	sameEstimate(t, run(false, 480), run(true, 480))
	if est := run(false, 640); est.Series.Present() < 100 || est.Series.Len() != 701 || compare(est, g).worst > 8e-3 {
		t.Errorf("%d values of %d, wrong by up to %.1f mHz", est.Series.Present(), est.Series.Len(), 1e3*compare(est, g).worst)
	}
}

// However small a file, its time stamps may say anything: what comes of that is an error before it takes long.
func TestGapsAreBounded(t *testing.T) {
	began := time.Now()
	sound := func(second float64) dsp.Signal {
		return dsp.Signal{Start: at(second), Rate: 8000, Channels: [][]float64{make([]float64, 800)}}
	}
	e := enf.NewAudio(enf.Options{})
	for i := range 3 {
		err := e.Write(sound(float64(i) * 10000))
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Write(sound(30000)); err == nil || !strings.Contains(err.Error(), "30000 s are missing by now, and 0 s are there") {
		t.Errorf("error %v", err)
	}
	v := enf.NewVideo(enf.Options{})
	var err error
	frames := 0
	for ; err == nil; frames++ {
		err = v.Write(dsp.Luma{Time: at(float64(frames) * 5000), Rows: 1, Strips: 1, Mean: []float64{0.5}})
	}
	if frames != 6 || !strings.Contains(err.Error(), "25000 s are missing") {
		t.Errorf("after %d frames: %v", frames, err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
	// What there is may have gaps of so much more, and short ones are not counted.
	e = enf.NewAudio(enf.Options{Grid: enf.Grid50})
	second := 0.0
	for range 2000 {
		if err := e.Write(sound(second)); err != nil {
			t.Fatalf("at %.1f s: %v", second, err)
		}
		second += 0.5
	}
	e.Close()
}

func BenchmarkLongGap(b *testing.B) {
	block := make([]float64, 48000)
	enftest.Noise(block, 1, 0.1)
	for b.Loop() {
		e := enf.NewAudio(enf.Options{})
		for _, second := range []float64{0, 20000} {
			if err := e.Write(dsp.Signal{Start: at(second), Rate: 48000, Channels: [][]float64{block, block}}); err != nil {
				b.Fatal(err)
			}
		}
		e.Close()
	}
}
