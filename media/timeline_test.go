// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package media

import (
	"math/rand/v2"
	"testing"
	"time"
)

const ms = time.Millisecond

// run feeds blocks of 20 ms at 48 kHz with the given timestamps and returns where each starts.
func run(pts ...time.Duration) []time.Duration {
	var c audioClock
	starts := make([]time.Duration, len(pts))
	for i, p := range pts {
		starts[i] = c.next(p, 960, 48000)
	}
	return starts
}

func TestAudioClock(t *testing.T) {
	for _, test := range []struct {
		name      string
		pts, want []time.Duration
	}{
		{"steady", []time.Duration{0, 20 * ms, 40 * ms}, []time.Duration{0, 20 * ms, 40 * ms}},
		{"late start", []time.Duration{1500 * ms, 1520 * ms}, []time.Duration{1500 * ms, 1520 * ms}},
		{"primed", []time.Duration{-7 * ms, 13 * ms}, []time.Duration{-7 * ms, 13 * ms}},
		{"rounded", []time.Duration{0, 21 * ms, 39 * ms, 64 * ms}, []time.Duration{0, 20 * ms, 40 * ms, 60 * ms}},
		{"gap", []time.Duration{0, 20 * ms, 540 * ms, 560 * ms}, []time.Duration{0, 20 * ms, 540 * ms, 560 * ms}},
		{"lost packet", []time.Duration{0, 40 * ms, 60 * ms}, []time.Duration{0, 40 * ms, 60 * ms}},
		{"no times", []time.Duration{noTime, noTime, noTime}, []time.Duration{0, 20 * ms, 40 * ms}},
		{"no time within", []time.Duration{100 * ms, noTime, 140 * ms}, []time.Duration{100 * ms, 120 * ms, 140 * ms}},
		{"overlap", []time.Duration{0, 20 * ms, 5 * ms, 25 * ms}, []time.Duration{0, 20 * ms, 40 * ms, 60 * ms}},
		{"restart", []time.Duration{9000 * ms, 9020 * ms, 0, 20 * ms, 540 * ms}, []time.Duration{9000 * ms, 9020 * ms, 9040 * ms, 9060 * ms, 9580 * ms}},
	} {
		got := run(test.pts...)
		for i := range got {
			if got[i] != test.want[i] {
				t.Errorf("%s: block %d at %v, want %v", test.name, i, got[i], test.want[i])
			}
		}
	}
}

// TestAudioClockDrift feeds hours of audio whose timestamps jitter by up to 4 ms and drift by 100 ppm: no sample moves, and a gap after
// that is still measured.
func TestAudioClockDrift(t *testing.T) {
	const blocks = 3 * 3600 * 50
	rng := rand.New(rand.NewPCG(1, 2))
	var c audioClock
	pts := func(i int) time.Duration {
		jitter := time.Duration(rng.Int64N(int64(8*ms))) - 4*ms
		return time.Duration(float64(i)*20e6*(1+100e-6)) + jitter
	}
	first := c.next(pts(0), 960, 48000)
	for i := 1; i < blocks; i++ {
		if got, want := c.next(pts(i), 960, 48000), first+time.Duration(i)*20*ms; got != want {
			t.Fatalf("block %d at %v, want %v", i, got, want)
		}
	}
	got := c.next(pts(blocks)+500*ms, 960, 48000) - first - blocks*20*ms
	if (got - 500*ms).Abs() > 8*ms {
		t.Errorf("gap of 500 ms measured as %v", got)
	}
}

func TestFrameClock(t *testing.T) {
	c := frameClock{period: 40 * ms}
	want := []time.Duration{10 * ms, 50 * ms, 90 * ms, 300 * ms, 340 * ms, 380 * ms, 500 * ms}
	for i, pts := range []time.Duration{10 * ms, noTime, 90 * ms, 300 * ms, 300 * ms, 0, 500 * ms} {
		if got := c.next(pts); got != want[i] {
			t.Errorf("frame %d at %v, want %v", i, got, want[i])
		}
	}
}
