// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/dsp"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
	"github.com/defakepro/defakepro/internal/race"
	"github.com/defakepro/defakepro/media"
	"github.com/defakepro/defakepro/sim"
)

// hours returns some hours of a simulated grid.
func hours(seed uint64, n int) enf.Series {
	return enftest.NewGrid(seed, enftest.GridOptions{Duration: time.Duration(n) * time.Hour}).Series()
}

func TestTable1(t *testing.T) {
	if testing.Short() {
		t.Skip("a committee of real nodes is left to the full run")
	}
	rows, err := Table1(t.Context(), Table1Options{Provers: []int{4}, Rounds: 2, Dir: t.TempDir(), Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	r := rows[0]
	if r.K != 4 || r.Krum <= 0 || r.Median <= 0 || r.Round <= r.Krum || r.Worst < r.Round {
		t.Errorf("%+v", r)
	}
}

func TestTable1Part(t *testing.T) {
	p := Table1Part([]Table1Row{{K: 500, Krum: time.Millisecond, Median: 2 * time.Millisecond, Round: 100 * time.Millisecond, Worst: time.Second}}, 4, "again")
	if got := strings.Join(p.Tables[0].Rows[0], " "); got != "500 1.000 2.000 100 1000 15400 48500" {
		t.Errorf("row %q", got)
	}
}

// TestFig3 holds that a replay is found where it is, by the likelihood ratio, and that the longer window is the better one.
func TestFig3(t *testing.T) {
	race.SkipNumeric(t)
	o := Fig3Options{
		Seconds: 300, Windows: []int{30, 120}, Pairs: 30, Seed: 1,
		Sources: []FARSource{{Name: "simulated", Grid: enf.Grid60, Truth: []enf.Series{hours(1, 6)}}},
	}
	part, err := Fig3(t.Context(), o, "again")
	if err != nil {
		t.Fatal(err)
	}
	found := part.Tables[0].Rows
	if len(found) != 2 || found[0][2] != "authentic" || found[1][2] != "forged" || !strings.HasPrefix(found[1][5], "0 of ") || !strings.HasPrefix(found[1][6], "9 of ") {
		t.Errorf("found %q", found)
	}
	var areas []float64
	for _, row := range part.Tables[1].Rows {
		v, err := strconv.ParseFloat(row[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		areas = append(areas, v)
	}
	if len(areas) != 2 || areas[0] < 0.8 || areas[1] < areas[0] {
		t.Errorf("AUC %v by window", areas)
	}
	if len(part.Plots) != 4 {
		t.Errorf("%d plots", len(part.Plots))
	}
}

// TestFig4 holds that committees bear liars as far as the rules promise.
func TestFig4(t *testing.T) {
	o := Fig4Options{Grid: hours(1, 6), Trials: 3, Members: 20, Seed: 1}
	table, plot, err := o.committee()
	if err != nil {
		t.Fatal(err)
	}
	if len(table.Rows) != 20 || len(plot.Lines) != 6 {
		t.Fatalf("%d rows, %d lines", len(table.Rows), len(plot.Lines))
	}
	mean, median := plot.Lines[0].Y, plot.Lines[2].Y
	if mean[6] < 2*median[6] {
		t.Errorf("with 30 %% of liars the mean is off by %.2f mHz, the median by %.2f", mean[6], median[6])
	}
	if _, err := o.attack(rand.New(rand.NewPCG(1, 1)), 10, AllLiars[1]); err == nil {
		t.Error("half of a committee lies, and there is a truth")
	}
}

func TestRow(t *testing.T) {
	f := windowsFound{Verdict: detect.Forged, Forged: []detect.Span{{Start: 99.6, End: 200}}, Windows: []windowFound{
		{0, 60, 0.7, 9}, {30, 90, 0.9, 9}, {70, 130, 0.1, -9}, {100, 160, 0.9, -9}, {130, 190, 0.2, 3}, {200, 260, 0.95, 5},
	}}
	got := strings.Join(f.row("audio", "x", sim.Attack{From: 100 * time.Second, To: 200 * time.Second}), "; ")
	if want := "audio; x; forged; 1 of 3; 1 of 2; 0 of 3; 1 of 2; 100–200"; got != want {
		t.Errorf("row %q, want %q", got, want)
	}
}

func TestLoser(t *testing.T) {
	w := way{packet: 20 * time.Millisecond, loss: 0.2}
	lose := w.loser(rand.New(rand.NewPCG(1, 1)))
	const rate = 1000
	lost, runs, before := 0, 0, false
	for range 100 {
		b := media.Block{Audio: &dsp.Signal{Rate: rate, Channels: [][]float64{make([]float64, 777)}}}
		if !lose(&b) {
			t.Fatal("a block of sound is dropped")
		}
		for _, v := range b.Audio.Channels[0] {
			if math.IsNaN(v) {
				lost++
				if !before {
					runs++
				}
			}
			before = math.IsNaN(v)
		}
	}
	if share := float64(lost) / 77700; share < 0.17 || share > 0.23 || lost/runs < 20 {
		t.Errorf("%.3f of the samples are lost, in %d stretches of %d", share, runs, lost/max(1, runs))
	}
	frames := 0
	for range 1000 {
		if lose(&media.Block{Luma: &dsp.Luma{}}) {
			frames++
		}
	}
	if frames < 750 || frames > 850 {
		t.Errorf("%d frames of 1000 are left", frames)
	}
}

// TestLimits holds that an archive serves for a minute and not for half an hour, and that the true hum in time passes.
func TestLimits(t *testing.T) {
	race.SkipNumeric(t)
	o := LimitsOptions{Archive: hours(1, 24), Now: hours(2, 12), Source: "a day", Trials: 3, FaceVideos: -1, Seed: 1}
	part, err := Limits(t.Context(), o, "again")
	if err != nil {
		t.Fatal(err)
	}
	replay, injection := part.Tables[0].Rows, part.Tables[1].Rows
	if long := replay[len(replay)-1]; long[4] != "0" || long[6] != "3" {
		t.Errorf("half an hour of replay: %q", long)
	}
	if minute := replay[0]; minute[6] == "3" {
		t.Errorf("a minute of replay is always seen: %q", minute)
	}
	if now := injection[0]; now[4] != "3" {
		t.Errorf("the true hum: %q", now)
	}
	if late := injection[len(injection)-1]; late[4] != "0" {
		t.Errorf("the true hum half a minute late: %q", late)
	}
	// Told ahead from what was agreed on, it is the better the sooner that is known, and never as good as a socket's.
	told := part.Tables[2].Rows
	soon, late := errorIn(t, told[0][2]), errorIn(t, told[len(told)-1][2])
	if inTime := errorIn(t, injection[0][2]); soon < inTime || soon > late {
		t.Errorf("RMSE in time %g mHz, told from what is known soon %g, and late %g", inTime, soon, late)
	}
	if late := told[len(told)-1]; late[4] != "0" {
		t.Errorf("hum told from what is known late: %q", late)
	}
}

func errorIn(t *testing.T, cell string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(cell, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestFlickerGain holds that the gain is one under the same light, none under steady light, and none on average under another.
func TestFlickerGain(t *testing.T) {
	race.SkipNumeric(t)
	const rows, fps, readout, lamp, black = 36, 25., 0.03, 120.02, 16. / 255
	frames := func(head func(t float64) float64) []dsp.Luma {
		rng := rand.New(rand.NewPCG(1, 1))
		out := make([]dsp.Luma, faceWindow*fps)
		for n := range out {
			out[n] = dsp.Luma{Rows: rows, Strips: 8, Mean: make([]float64, rows*8)}
			for y := range rows {
				at := float64(n)/fps + readout*float64(y)/rows
				for s := range 8 {
					light := 0.5 * (1 + 0.03*math.Cos(2*math.Pi*lamp*at))
					if s == 3 || s == 4 {
						light = 0.3 * (1 + 0.03*head(at))
					}
					out[n].Mean[y*8+s] = black + light + 0.002*rng.NormFloat64()
				}
			}
		}
		return out
	}
	for name, c := range map[string]struct {
		head func(t float64) float64
		want float64
	}{
		"the same light": {func(t float64) float64 { return math.Cos(2 * math.Pi * lamp * t) }, 1},
		"steady light":   {func(float64) float64 { return 0 }, 0},
		"another light":  {func(t float64) float64 { return math.Cos(2 * math.Pi * (lamp + 1./faceWindow) * t) }, 0},
	} {
		if got := flickerGain(frames(c.head), 120, readout); math.Abs(got-c.want) > 0.1 {
			t.Errorf("%s: %.3f, want %g", name, got, c.want)
		}
	}
}
