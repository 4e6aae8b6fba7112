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

// TestFit fits a process whose statistics are known, with a drop-out in it.
func TestFit(t *testing.T) {
	const n, fast, slow, share, spread = 3 * 86400, 150.0, 2500.0, 0.6, 0.05
	rng := rand.New(rand.NewPCG(1, 9))
	step := func(x, part, tau float64) float64 {
		keep := math.Exp(-1 / tau)
		return keep*x + spread*math.Sqrt(part*(1-keep*keep))*rng.NormFloat64()
	}
	s := enf.Series{Step: time.Second, Hz: make([]float64, n)}
	a, b := 0.0, 0.0
	for i := range s.Hz {
		a, b = step(a, share, fast), step(b, 1-share, slow)
		s.Hz[i] = 50.01 + a + b
	}
	for i := 5000; i < 5300; i++ {
		s.Hz[i] = 0
	}
	got, err := detect.Fit(s)
	if err != nil {
		t.Fatal(err)
	}
	near := func(name string, got, want, within float64) {
		if math.Abs(got/want-1) > within {
			t.Errorf("%s is %.4g, want %.4g", name, got, want)
		}
	}
	near("spread", got.Spread, spread, 0.15)
	near("fast share", got.FastShare, share, 0.3)
	near("fast time", got.FastSeconds, fast, 0.4)
	near("hours", got.Hours, 72, 0.01)
	rec := enf.Estimate{Series: s.Slice(0, 600), Source: enf.SourceAudio, Grid: enf.Grid50, Present: true}
	if c := detect.Compare(t.Context(), rec, s, detect.Options{}); c.Statistics != got || !(c.Noise >= 0.001) {
		t.Errorf("compared with %+v and %.4f Hz of noise, fitted are %+v", c.Statistics, c.Noise, got)
	}
	if got.SlowSeconds < 4*got.FastSeconds {
		t.Errorf("slow movement of %.0f s", got.SlowSeconds)
	}
	if _, err := detect.Fit(s.Slice(0, 5*3600)); err == nil {
		t.Error("five hours are fitted")
	}
}
