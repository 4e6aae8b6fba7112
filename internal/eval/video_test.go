// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval_test

import (
	"context"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/internal/eval"
	"github.com/defakepro/defakepro/media"
	"github.com/defakepro/defakepro/sim"
)

func TestMain(m *testing.M) {
	media.WorkerMain()
	os.Exit(m.Run())
}

func TestVideo(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("no ffmpeg command: ", err)
	}
	const seconds, seed, bias = 2, 5, 0.0029
	cases := []eval.VideoCase{
		{Codec: "h264", Size: "64x36", FPS: 30, Grid: enf.Grid50, Readout: 0.75, Flicker: 0.03},
		{Codec: "vp8", Size: "64x36", FPS: 25, Grid: enf.Grid60, Motion: true, Flicker: 0.03},
	}
	o := eval.VideoOptions{Seconds: seconds, Seed: seed, Dir: t.TempDir()}
	// An estimator that is right but for a bias in the first case, and finds nothing in the second.
	o.Estimate = func(_ context.Context, path string, grid enf.Grid) (enf.Estimate, error) {
		if _, err := os.Stat(path); err != nil {
			return enf.Estimate{}, err
		}
		if grid == enf.Grid60 {
			return enf.Estimate{Reason: "none"}, nil
		}
		truth, err := sim.Recording{Seed: seed, Duration: seconds * time.Second, Grid: grid, Video: &sim.Video{}}.Truth()
		e := enf.Estimate{Present: true, Series: truth}
		for i := range e.Series.Hz {
			e.Series.Hz[i] += bias
		}
		return e, err
	}
	var results []eval.VideoResult
	for r, err := range eval.Video(t.Context(), cases, o) {
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, r)
	}
	if len(results) != 2 || math.Abs(results[0].RMSE-bias) > 1e-9 || results[0].Coverage != 1 || results[1].Present {
		t.Fatalf("results %+v, want a bias of %g and nothing", results, bias)
	}
	report := eval.VideoReport{Options: o, Results: results}
	var page strings.Builder
	if err := report.WriteMarkdown(&page); err != nil {
		t.Fatal(err)
	}
	want := `| codec | size | shutter | scene | flicker | 50 Hz, 30 fps | 60 Hz, 25 fps |
|---|---|---|---|---|---|---|
| h264 | 64x36 | rolling | static | 3 % | 2.9 ± 0.0, 100 % |  |
| vp8 | 64x36 | global | moving | 3 % |  | – |
`
	if !strings.HasSuffix(page.String(), want) {
		t.Errorf("page\n%s\nwant at its end\n%s", page.String(), want)
	}
	page.Reset()
	if err := report.WriteCSV(&page); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(page.String(), "\n"); len(lines) != 4 || !strings.HasPrefix(lines[1], "h264,64x36,30,50,rolling,static,0.03,true,1,0.0029,") {
		t.Errorf("CSV\n%s", page.String())
	}
	entries, err := os.ReadDir(o.Dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("%d files left behind, %v", len(entries), err)
	}
}

// An easy case, through the real decoder and estimator.
func TestEstimateVideo(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("no ffmpeg command: ", err)
	}
	cases := []eval.VideoCase{{Codec: "h264", Size: "160x90", FPS: 30, Grid: enf.Grid50, Readout: 0.75, Flicker: 0.03}}
	for r, err := range eval.Video(t.Context(), cases, eval.VideoOptions{Seconds: 30, Seed: 1, Dir: t.TempDir()}) {
		if err != nil {
			t.Fatal(err)
		}
		if !r.Present || r.Coverage < 0.8 || !(r.RMSE < 0.005) {
			t.Errorf("present %v, coverage %.2f, RMSE %.4f Hz: %s", r.Present, r.Coverage, r.RMSE, r.Reason)
		}
	}
}

func TestVideoMatrix(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range eval.VideoMatrix() {
		if seen[c.String()] {
			t.Errorf("%s is there twice", c)
		}
		seen[c.String()] = true
		if _, _, err := sim.ParseSize(c.Size); err != nil {
			t.Error(err)
		}
	}
	if len(seen) != 320 {
		t.Errorf("%d cases, want 240 under a rolling shutter and 80 under a global one", len(seen))
	}
}
