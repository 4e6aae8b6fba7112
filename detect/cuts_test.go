// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/dsp"
	"github.com/defakepro/defakepro/enf"
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
func alone(t *testing.T, samples []float64) detect.Channel {
	t.Helper()
	var tones detect.Tones
	e := enf.NewAudio(enf.Options{Grid: enf.Grid60, Tone: tones.Add})
	if err := e.Write(dsp.Signal{Rate: 1000, Channels: [][]float64{samples}}); err != nil {
		t.Fatal(err)
	}
	return tones.Alone(e.Close())
}

func TestAlone(t *testing.T) {
	whole := humming(200, 0.05, 0.05, 31)
	if c := alone(t, whole); c.Verdict != detect.Undetermined || !strings.Contains(c.Reason, "runs through") {
		t.Errorf("whole: %s: %s", c.Verdict, c.Reason)
	}
	// 1.7345 s taken out at 100 s.
	c := alone(t, slices.Delete(slices.Clone(whole), 100_000, 101_734))
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
	for name, x := range map[string][]float64{"another device": device, "muted": muted} {
		if c := alone(t, x); c.Verdict != detect.Undetermined {
			t.Errorf("%s: %s: %s %v", name, c.Verdict, c.Reason, c.Forged)
		}
	}
	if c := alone(t, humming(200, 0, 0.05, 32)); c.Verdict != detect.Undetermined || c.Estimate.Present {
		t.Errorf("no hum: %s: %s", c.Verdict, c.Reason)
	}
	// Without harmonics there is nothing to judge by.
	if c := (&detect.Tones{}).Alone(estimate(wandering(33, 300))); c.Verdict != detect.Undetermined {
		t.Errorf("no tones: %s: %s", c.Verdict, c.Reason)
	}
}

func TestTogether(t *testing.T) {
	grid, other := wandering(34, 600), wandering(35, 600)
	sound := estimate(noisy(grid, 0, 600, 0.001, 1))
	picture := func(s enf.Series) enf.Estimate {
		e := estimate(s)
		e.Source = enf.SourceVideo
		return e
	}
	if c := detect.Together(sound, picture(noisy(grid, 0, 600, 0.001, 2)), detect.Options{}); c.Verdict != detect.Undetermined || len(c.Forged) > 0 {
		t.Errorf("of one room: %s: %s", c.Verdict, c.Reason)
	}
	if c := detect.Together(sound, picture(noisy(other, 0, 600, 0.001, 3)), detect.Options{}); c.Verdict != detect.Forged {
		t.Errorf("of two rooms: %s: %s", c.Verdict, c.Reason)
	}
}
