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

func film(t testing.TB, o enf.Options, c enftest.Camera, g *enftest.Grid, seconds float64) enf.Estimate {
	t.Helper()
	e := enf.NewVideo(o)
	for l := range c.Film(g, seconds) {
		if err := e.Write(l); err != nil {
			t.Fatal(err)
		}
	}
	return e.Close()
}

// Cameras under mains light. rmse 0 means that nothing can be seen, and that this must be said.
func TestCameras(t *testing.T) {
	for _, test := range []struct {
		name   string
		grid   enf.Grid
		camera enftest.Camera
		rmse   float64 // hertz
	}{
		{"rolling, alias at 10 Hz", enf.Grid50, enftest.Camera{FPS: 30, Readout: 0.02, Flicker: 0.03}, 0.5e-3},
		{"rolling, faint", enf.Grid60, enftest.Camera{FPS: 25, Readout: 0.02, Flicker: 0.005}, 1e-3},
		{"rolling, moving", enf.Grid60, enftest.Camera{FPS: 25, Readout: 0.02, Flicker: 0.03, Subject: 0.4}, 1e-3},
		{"rolling, alias on the scene", enf.Grid60, enftest.Camera{FPS: 30, Readout: 0.02, Flicker: 0.03}, 1e-3},
		{"rolling, alias on the scene, faint", enf.Grid60, enftest.Camera{FPS: 30, Readout: 0.015, Flicker: 0.005}, 1.5e-3},
		{"rolling, alias on the scene, film", enf.Grid60, enftest.Camera{FPS: 24, Readout: 0.02, Flicker: 0.03}, 1e-3},
		{"rolling, alias next to the scene", enf.Grid60, enftest.Camera{FPS: 30000. / 1001, Readout: 0.015, Flicker: 0.03}, 1.5e-3},
		{"rolling, 50 Hz at 25 fps", enf.Grid50, enftest.Camera{FPS: 25, Readout: 0.02, Flicker: 0.03}, 1.5e-3},
		{"rolling, 60 fps", enf.Grid50, enftest.Camera{FPS: 60, Readout: 0.012, Flicker: 0.03}, 0.5e-3},
		{"global", enf.Grid50, enftest.Camera{FPS: 30, Flicker: 0.03}, 1e-3},
		{"global, mirrored alias", enf.Grid60, enftest.Camera{FPS: 25, Flicker: 0.03}, 1e-3},
		{"global, alias on the scene", enf.Grid60, enftest.Camera{FPS: 30, Flicker: 0.03}, 0},
		{"dropped frames, uneven times", enf.Grid50, enftest.Camera{FPS: 30, Readout: 0.02, Flicker: 0.03, Drop: 0.1, Jitter: 0.003}, 1e-3},
		{"alias on the scene, dropped frames", enf.Grid60, enftest.Camera{FPS: 30, Readout: 0.02, Flicker: 0.03, Drop: 0.1}, 1e-3},
		{"times in whole milliseconds", enf.Grid60, enftest.Camera{FPS: 25, Readout: 0.02, Flicker: 0.03, Tick: time.Millisecond}, 1e-3},
		{"times that wander", enf.Grid60, enftest.Camera{FPS: 25, Readout: 0.02, Flicker: 0.03, Wander: 0.001, Tick: time.Millisecond}, 1e-3},
		{"times that wander, alias on the scene", enf.Grid60, enftest.Camera{FPS: 30, Readout: 0.02, Flicker: 0.03, Wander: 0.001, Tick: time.Millisecond}, 1e-3},
		{"29.97 in whole milliseconds", enf.Grid50, enftest.Camera{FPS: 30000. / 1001, Readout: 0.02, Flicker: 0.03, Tick: time.Millisecond}, 1.5e-3},
		{"no flicker", enf.Grid50, enftest.Camera{FPS: 30, Readout: 0.02, Subject: 0.4}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := enftest.NewGrid(7, enftest.GridOptions{Nominal: test.grid, Duration: 180 * time.Second})
			c := test.camera
			c.Seed, c.Exposure, c.Noise, c.Drift, c.Rows = 3, 0.004, 0.0005, 0.01, 180
			est := film(t, enf.Options{Grid: test.grid}, c, g, 180)
			e := compare(est, g)
			t.Logf("RMSE %.2f mHz, error over uncertainty %.2f, values %.0f %%, read-out %.1f ms (%.1f)", 1e3*e.rmse, e.z, 100*e.share, 1e3*est.Readout, 1e3*c.Readout)
			if test.rmse == 0 {
				if est.Present || est.Reason == "" {
					t.Errorf("present %v, reason %q: there is nothing to see", est.Present, est.Reason)
				}
				return
			}
			if !est.Present || e.share < 0.9 || e.rmse > test.rmse {
				t.Errorf("present %v, RMSE %.2f mHz in %.0f %% of the seconds, want %.2f", est.Present, 1e3*e.rmse, 100*e.share, 1e3*test.rmse)
			}
			if e.z > 2.5 && c.Wander == 0 { // what a clock errs by is not in it
				t.Errorf("errors are %.1f times the stated uncertainty", e.z)
			}
			if c.Subject == 0 && math.Abs(est.Readout-c.Readout) > 0.15*c.Readout {
				t.Errorf("read-out time %.1f ms, want %.1f", 1e3*est.Readout, 1e3*c.Readout)
			}
		})
	}
}

// Where the alias falls on the scene and much moves, values may be missing or uncertain, not wrong.
func TestMovingSceneUnderItsOwnAlias(t *testing.T) {
	for _, flicker := range []float64{0.03, 0.005} {
		g := enftest.NewGrid(7, enftest.GridOptions{Nominal: enf.Grid60, Duration: 180 * time.Second})
		c := enftest.Camera{Seed: 3, FPS: 30, Readout: 0.015, Exposure: 0.004, Flicker: flicker, Subject: 0.4, Noise: 0.0005, Drift: 0.01, Rows: 180}
		est := film(t, enf.Options{Grid: enf.Grid60}, c, g, 180)
		e := compare(est, g)
		t.Logf("flicker %.1f %%: RMSE %.2f mHz, error over uncertainty %.2f, values %.0f %%", 100*flicker, 1e3*e.rmse, e.z, 100*e.share)
		if est.Present && e.z > 3 {
			t.Errorf("flicker %g: errors are %.1f times the stated uncertainty", flicker, e.z)
		}
	}
}

func TestGridOfVideoIsDetected(t *testing.T) {
	for _, grid := range []enf.Grid{enf.Grid50, enf.Grid60} {
		for _, fps := range []float64{25, 30} {
			g := enftest.NewGrid(8, enftest.GridOptions{Nominal: grid, Duration: 90 * time.Second})
			c := enftest.Camera{Seed: 4, FPS: fps, Readout: 0.02, Exposure: 0.004, Flicker: 0.03, Noise: 0.0005, Rows: 90, Subject: 0.2}
			if est := film(t, enf.Options{}, c, g, 90); est.Grid != grid || !est.Present {
				t.Errorf("%d Hz at %g fps: detected %d Hz, present %v", grid, fps, est.Grid, est.Present)
			}
		}
	}
}

func TestBadFrames(t *testing.T) {
	frame := func(at time.Time, rows, strips, values int) dsp.Luma {
		return dsp.Luma{Time: at, Rows: rows, Strips: strips, Mean: make([]float64, values)}
	}
	for _, test := range []struct {
		frames []dsp.Luma
		want   string
	}{
		{[]dsp.Luma{frame(at(0), 0, 0, 0)}, "0 × 0"},
		{[]dsp.Luma{frame(at(0), 10, 8, 79)}, "79 values"},
		{[]dsp.Luma{frame(at(0), 1<<40, 1<<40, 1)}, "cells"},
		{[]dsp.Luma{frame(at(0), 10, 8, 80), frame(at(1), 11, 8, 88)}, "changes"},
		{[]dsp.Luma{frame(at(0), 10, 8, 80), frame(at(1e9), 10, 8, 80)}, "jump"},
	} {
		e := enf.NewVideo(enf.Options{})
		var err error
		for _, f := range test.frames {
			if err = e.Write(f); err != nil {
				break
			}
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want one about %q", err, test.want)
		}
		e.Close()
	}
	slow := enf.NewVideo(enf.Options{})
	for i := range 20 {
		if err := slow.Write(frame(at(float64(i)), 10, 8, 80)); err != nil {
			t.Fatal(err)
		}
	}
	if est := slow.Close(); est.Present || !strings.Contains(est.Reason, "9 frames a second") {
		t.Errorf("a frame a second: present %v, reason %q", est.Present, est.Reason)
	}
	black := enf.NewVideo(enf.Options{})
	for i := range 600 {
		f := frame(at(float64(i)/30), 10, 8, 80)
		f.Mean[i%80] = math.NaN()
		if err := black.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	if est := black.Close(); est.Present {
		t.Error("a black film has ENF")
	}
}
