// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/defakepro/defakepro/dsp"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
)

// TestMeans reads flicker from one mean a frame, 29.97 frames a second, whose exposure control answers the alias or whose segments come
// and go with the flicker.
func TestMeans(t *testing.T) {
	const seconds, frames, fps, depth = 240, 7192, 30000. / 1001, 0.005
	for _, test := range []struct {
		name         string
		swell, level float64 // of the exposure control, and of a segment
	}{{"steady", 0, 0}, {"exposure swells", 0.006, 0}, {"a segment comes and goes", 0, 0.044}} {
		t.Run(test.name, func(t *testing.T) {
			g := enftest.NewGrid(5, enftest.GridOptions{Nominal: enf.Grid50, Duration: (seconds + 1) * time.Second})
			rng := rand.New(rand.NewPCG(1, 2))
			e := enf.NewVideo(enf.Options{Grid: enf.Grid50})
			bar := 0.0
			for n := range frames {
				at := float64(n) / fps
				flicker := depth * math.Cos(4*math.Pi*g.Phase(at))
				y := 0.4 * (1 + flicker + 0.0002*rng.NormFloat64())
				// Metered every third frame, the alias is seen a third of the frame rate lower.
				y *= 1 + test.swell*math.Cos(4*math.Pi*g.Phase(at)-2*math.Pi*float64(n)/3+2)
				// The segment's own brightness wanders about the bar.
				if bar += 0.0002 * rng.NormFloat64(); flicker+0.5*bar > 0 {
					y *= 1 + test.level
				}
				start := time.Time{}.Add(time.Duration(math.Round(at * 1e9)))
				if err := e.Write(dsp.Luma{Time: start, Rows: 1, Strips: 1, Mean: []float64{y}}); err != nil {
					t.Fatal(err)
				}
			}
			got := compare(e.Close(), g)
			t.Logf("RMSE %.2f mHz, error over uncertainty %.2f, values %.0f %%", 1e3*got.rmse, got.z, 100*got.share)
			if got.rmse > 1.5e-3 || got.share < 0.9 {
				t.Errorf("RMSE %.2f mHz in %.0f %% of the seconds", 1e3*got.rmse, 100*got.share)
			}
			if got.z < 0.15 || got.z > 1.5 {
				t.Errorf("errors are %.2f times the stated uncertainty", got.z)
			}
		})
	}
}
