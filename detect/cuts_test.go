// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/dsp"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/internal/race"
)

// humming returns so many seconds of hum at 1 kHz, its second, fourth and sixth harmonic, on a wandering grid of 60 Hz, and noise.
func humming(seconds int, amplitude, noise float64, seed uint64) []float64 {
	const rate = 1000
	grid := wandering(seed, seconds+1)
	rng := rand.New(rand.NewPCG(seed, 8))
	out, turns := make([]float64, seconds*rate), 0.0
	for i := range out {
		s, part := i/rate, float64(i%rate)/rate
		turns += (grid.Hz[s]*(1-part) + grid.Hz[s+1]*part) / rate
		out[i] = noise * rng.NormFloat64()
		for _, k := range []float64{2, 4, 6} {
			out[i] += amplitude * math.Sin(2*math.Pi*k*turns)
		}
	}
	return out
}

// alone judges sound at 1 kHz without a reference.
func alone(t *testing.T, grid enf.Grid, samples []float64) detect.Channel {
	t.Helper()
	var tones detect.Tones
	e := enf.NewAudio(enf.Options{Grid: grid, Tone: tones.Add})
	if err := e.Write(dsp.Signal{Rate: 1000, Channels: [][]float64{samples}}); err != nil {
		t.Fatal(err)
	}
	return tones.Alone(e.Close())
}

func TestAlone(t *testing.T) {
	race.SkipNumeric(t)
	whole := humming(200, 0.05, 0.05, 31)
	if c := alone(t, enf.Grid60, whole); c.Verdict != detect.Undetermined || !strings.Contains(c.Reason, "runs through") {
		t.Errorf("whole: %s: %s", c.Verdict, c.Reason)
	}
	// 1.737 s taken out at 100 s.
	c := alone(t, enf.Grid60, slices.Delete(slices.Clone(whole), 100_000, 101_737))
	if c.Verdict != detect.Forged || len(c.Forged) != 1 || math.Abs((c.Forged[0].Start+c.Forged[0].End)/2-100) > 2 {
		t.Errorf("cut: %s: %s %v", c.Verdict, c.Reason, c.Forged)
	}
	// Another device comes on at 100 s, and the microphone is off for five seconds.
	device, muted := slices.Clone(whole), slices.Clone(whole)
	for i, v := range humming(200, 0.05, 0, 31) {
		if i >= 100_000 && i < 105_000 {
			muted[i] = 0.001 * v
		}
	}
	late := humming(201, 0.03, 0, 31)
	for i := 100_000; i < len(device); i++ {
		device[i] = whole[i] + late[i+3] // three milliseconds early
	}
	// All of it is off for longer than a place's surroundings reach, so that silence is most of these.
	silent := map[string][]float64{}
	for i, noise := range []float64{0.02, 0.05, 0.1} {
		x := humming(300, 0.05, noise, uint64(33+i))
		clear(x[100_000:190_000])
		silent[fmt.Sprintf("silent, noise %g", noise)] = x
	}
	silent["another device"], silent["muted"] = device, muted
	for name, x := range silent {
		if c := alone(t, enf.Grid60, x); c.Verdict != detect.Undetermined {
			t.Errorf("%s: %s: %s %v", name, c.Verdict, c.Reason, c.Forged)
		}
	}
	if c := alone(t, enf.Grid60, humming(200, 0, 0.05, 32)); c.Verdict != detect.Undetermined || c.Estimate.Present {
		t.Errorf("no hum: %s: %s", c.Verdict, c.Reason)
	}
	// Without harmonics there is nothing to judge by.
	if c := (&detect.Tones{}).Alone(estimate(wandering(33, 300))); c.Verdict != detect.Undetermined {
		t.Errorf("no tones: %s: %s", c.Verdict, c.Reason)
	}
}

// TestBeside has sound compared with its grid, and the phase of its hum looked at.
func TestBeside(t *testing.T) {
	race.SkipNumeric(t)
	const seconds = 400
	whole := humming(seconds, 0.05, 0.05, 36)
	// Five seconds of another time; half a minute taken out; and a stretch of another time, with 2 s that are missing beside it.
	short := slices.Concat(whole[:200_000], whole[120_300:125_300], whole[205_000:])
	cut := slices.Delete(slices.Clone(whole), 200_300, 230_300)
	other := humming(seconds, 0.05, 0.05, 37)
	foreign := slices.Concat(whole[:150_000], other[150_000:210_000], whole[210_000:300_000], whole[302_107:])
	patchy := slices.Clone(whole)
	for _, at := range []int{350, 280, 210, 140, 70} {
		patchy = slices.Delete(patchy, at*1000, at*1000+23)
	}
	for name, c := range map[string]struct {
		samples []float64
		before  detect.Verdict
		after   detect.Verdict
		edges   []float64 // of all spans, in order, where a phase tells
	}{
		"whole":               {whole, detect.Authentic, detect.Authentic, nil},
		"five seconds":        {short, detect.Authentic, detect.Forged, []float64{200.5, 204.5}},
		"half a minute's cut": {cut, detect.Forged, detect.Forged, []float64{198.3, 202.3}},
		"samples lost":        {patchy, detect.Authentic, detect.Undetermined, nil},
		"foreign, and a cut":  {foreign, detect.Forged, detect.Forged, []float64{150, 210, 298, 302}},
	} {
		t.Run(name, func(t *testing.T) {
			var tones detect.Tones
			e := enf.NewAudio(enf.Options{Grid: enf.Grid60, Tone: tones.Add})
			if err := e.Write(dsp.Signal{Rate: 1000, Channels: [][]float64{c.samples}}); err != nil {
				t.Fatal(err)
			}
			ch := detect.Compare(t.Context(), e.Close(), wandering(36, seconds+1), detect.Options{})
			if ch.Verdict != c.before {
				t.Fatalf("compared: %s: %s", ch.Verdict, ch.Reason)
			}
			got := tones.Beside(ch)
			if got.Verdict != c.after {
				t.Fatalf("%s: %s", got.Verdict, got.Reason)
			}
			var edges []float64
			for _, s := range got.Forged {
				edges = append(edges, s.Start, s.End)
			}
			if !slices.EqualFunc(edges, c.edges, func(a, b float64) bool { return math.Abs(a-b) <= 3 }) {
				t.Errorf("spans %v, want edges %v", got.Forged, c.edges)
			}
			if c.after == detect.Forged && !slices.ContainsFunc(got.Windows, func(w detect.Window) bool { return w.Verdict == detect.Forged }) {
				t.Error("no window is forged")
			}
			for _, s := range got.Forged {
				if s.Kind == detect.SpanForeign && !strings.Contains(got.Reason, "from 0:02:30 to 0:03:30") || s.Jump == 0 && s.Kind == detect.SpanCut && !strings.Contains(got.Reason, "phase") {
					t.Errorf("%v in %q", s, got.Reason)
				}
			}
		})
	}
}

func TestTogether(t *testing.T) {
	race.SkipNumeric(t)
	grid, other := wandering(34, 600), wandering(35, 600)
	sound := estimate(noisy(grid, 0, 600, 0.001, 1))
	picture := func(s enf.Series) enf.Estimate {
		e := estimate(s)
		e.Source = enf.SourceVideo
		return e
	}
	if c := detect.Together(t.Context(), sound, picture(noisy(grid, 0, 600, 0.001, 2)), detect.Options{}); c.Verdict != detect.Undetermined || len(c.Forged) > 0 {
		t.Errorf("of one room: %s: %s", c.Verdict, c.Reason)
	}
	if c := detect.Together(t.Context(), sound, picture(noisy(other, 0, 600, 0.001, 3)), detect.Options{}); c.Verdict != detect.Forged {
		t.Errorf("of two rooms: %s: %s", c.Verdict, c.Reason)
	}
}

// TestTonesOfOneGrid: once the grid is told, no harmonics come of the other, and what was kept of them goes.
func TestTonesOfOneGrid(t *testing.T) {
	var tones detect.Tones
	const rate = 8
	z := make([]complex128, rate)
	for i := range z {
		z[i] = 1i
	}
	for second := range 200 {
		for _, grid := range []enf.Grid{enf.Grid50, enf.Grid60} {
			if grid == enf.Grid60 || second < 30 {
				tones.Add(enf.Tone{Grid: grid, Number: 2, Rate: rate, First: second * rate, Samples: z})
			}
		}
		if kept := len(tones.Sums(enf.Grid50, 2, 1)); second < 60 && kept != min(second+1, 30) || second == 199 && kept != 0 {
			t.Fatalf("%d s of the other grid are kept after %d s", kept, second+1)
		}
	}
	if sums := tones.Sums(enf.Grid60, 2, 0.5); len(sums) != 400 || sums[399] != 4i {
		t.Errorf("%d sums, last %v", len(sums), sums[len(sums)-1])
	}
}
