// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect_test

import (
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/internal/race"
	"github.com/defakepro/defakepro/media"
)

// realPath returns the path of real data, or skips where there is none.
func realPath(t *testing.T, elem ...string) string {
	t.Helper()
	dir := os.Getenv("DEFAKEPRO_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	path := filepath.Join(append([]string{dir}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("real recordings are not here: %v", err)
	}
	return path
}

// realSound returns the beginning of a real recording, sampled at 1 kHz.
func realSound(t *testing.T, most time.Duration, elem ...string) (samples []float64) {
	t.Helper()
	r, err := media.Open(t.Context(), realPath(t, elem...), media.Options{Audio: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	for len(samples) < int(1000*most.Seconds()) {
		b, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || b.Audio.Rate != 1000 {
			t.Fatal(err, b.Audio)
		}
		samples = append(samples, b.Audio.Channels[0]...)
	}
	return samples[:min(len(samples), int(1000*most.Seconds()))]
}

// real returns a real 60 Hz series at its fundamental, or skips where there is none.
func real(t *testing.T, elem ...string) enf.Series {
	t.Helper()
	s, err := enf.ReadFile(realPath(t, elem...))
	if err != nil {
		t.Fatal(err)
	}
	if s, _, err = s.Fundamental(enf.Grid60); err != nil {
		t.Fatal(err)
	}
	return s
}

var devices = []string{"device1.csv", "device2.csv", "device3.csv"}

// TestRealHour compares three recorders with the mains of the same hour.
func TestRealHour(t *testing.T) {
	race.SkipNumeric(t)
	power := real(t, "econledger", "power.csv")
	for _, name := range devices {
		for _, search := range []bool{false, true} {
			c := detect.Compare(t.Context(), estimate(real(t, "econledger", name)), power, detect.Options{Search: search})
			if c.Verdict != detect.Authentic || c.Correlation < 0.99 || c.RMSE > 0.002 || math.Abs(c.Lag) > 0.5 || math.Abs(c.Offset) > 0.0015 {
				t.Errorf("%s, search %v: %s (%s), r %.4f, RMSE %.2f mHz, lag %.2f s, offset %.2f mHz",
					name, search, c.Verdict, c.Reason, c.Correlation, 1e3*c.RMSE, c.Lag, 1e3*c.Offset)
			}
			unsure := 0
			for _, w := range c.Windows {
				switch w.Verdict {
				case detect.Forged:
					t.Errorf("%s: window at %.0f s is forged: r %.3f, RMSE %.2f mHz, LLR %.1f", name, w.Start, w.Correlation, 1e3*w.RMSE, w.LLR)
				case detect.Undetermined: // in some minutes the grid hardly moves
					unsure++
				}
			}
			if 100*unsure > len(c.Windows) {
				t.Errorf("%s: %d of %d windows are undetermined", name, unsure, len(c.Windows))
			}
		}
	}
}

// TestRealOtherTimes compares recorders with other hours and days of the same kind of grid. One try in fifty is given the whole reference, which is fitted and
// searched anew; to the others the statistics of the whole and the hours around the place claimed say the same, in a tenth of the time.
func TestRealOtherTimes(t *testing.T) {
	if testing.Short() {
		t.Skip("compares a thousand recordings")
	}
	references := []enf.Series{real(t, "grid", "us60_2022-07.csv.gz"), real(t, "grid", "us60_2022-09.csv.gz"), real(t, "econledger", "one_day_enf.csv.gz")}
	statistics := make([]detect.Statistics, len(references))
	for i, r := range references {
		var err error
		if statistics[i], err = detect.Fit(r); err != nil {
			t.Fatal(err)
		}
	}
	var recorders []enf.Series
	for _, name := range devices {
		recorders = append(recorders, real(t, "econledger", name))
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, length := range []int{60, 120, 300, 3600} {
		count, tries := map[detect.Verdict]int{}, min(300, 300_000/length)
		for i := range tries {
			device := recorders[i%3]
			from := rng.IntN(device.Len() - length + 1)
			k := rng.IntN(3)
			r := references[k]
			start := time.Duration(1+rng.IntN(int(r.Seconds(r.Len()-1))-3700)) * time.Second
			options := detect.Options{Start: &start}
			if i%50 != 0 {
				first := max(0, int((start-time.Hour)/r.Step))
				r = r.Slice(first, min(first+int(3*time.Hour/r.Step), r.Len()))
				options = detect.Options{Start: new(start - time.Duration(first)*r.Step), Statistics: &statistics[k]}
			}
			c := detect.Compare(t.Context(), estimate(device.Slice(from, from+length)), r, options)
			if count[c.Verdict]++; c.Verdict == detect.Authentic {
				t.Errorf("%d s of %s at %v: authentic, r %.3f, RMSE %.2f mHz, LLR %.1f", length, devices[i%3], start, c.Correlation, 1e3*c.RMSE, c.LLR)
			}
		}
		t.Logf("%d s: %v", length, count)
		if length >= 300 && count[detect.Forged] < tries*9/10 {
			t.Errorf("%d s: %v, want most forged", length, count)
		}
	}
}

// TestRealSearchElsewhere searches for a recorder in references that do not hold it.
func TestRealSearchElsewhere(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	july := real(t, "grid", "us60_2022-07.csv.gz")
	day := real(t, "econledger", "one_day_enf.csv.gz")
	for _, name := range devices {
		device := real(t, "econledger", name)
		for _, part := range []enf.Series{device, device.Slice(0, 60), device.Slice(1000, 1300)} {
			for _, r := range []enf.Series{july, day} {
				if c := detect.Compare(t.Context(), estimate(part), r, detect.Options{Search: true}); c.Verdict == detect.Authentic {
					t.Errorf("%s, %d s: authentic at %.0f s, r %.3f, LLR %.1f", name, part.Len(), c.Lag, c.Correlation, c.LLR)
				}
			}
		}
	}
}

// TestRealMatch looks for a quarter of an hour of each recorder in a day into which its hour is put, of two-second values.
func TestRealMatch(t *testing.T) {
	power, july := real(t, "econledger", "power.csv"), real(t, "grid", "us60_2022-07.csv.gz")
	day := july.Slice(0, 43200)
	day.Hz = append([]float64(nil), day.Hz...)
	const at = 20000 // values
	for i := range 1800 {
		day.Hz[at+i] = power.Hz[2*i]
	}
	for _, name := range devices {
		part := real(t, "econledger", name).Slice(600, 1500)
		m := found(t, part, day, 3)
		if len(m) != 3 || math.Abs(m[0].Offset-(2*at+600)) > 1 || m[0].Correlation < 0.98 || m[0].LLR < m[1].LLR+50 {
			t.Errorf("%s: %+v, want %d s", name, m, 2*at+600)
			continue
		}
		if want := july.Start.Add((2*at + 600) * time.Second); m[0].Time.Sub(want).Abs() > time.Second {
			t.Errorf("%s: time %v, want %v", name, m[0].Time, want)
		}
	}
}

// TestRealCuts takes 0.2 to 5.2 s out of real sound every 40 s, and has it judged without a reference, by the phase of its hum. docs/results/detection.md has all recordings.
func TestRealCuts(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	for _, c := range []struct {
		name  string
		grid  enf.Grid
		found float64 // the least share of the cuts that is to be found
	}{
		{"Train_Grid_C_A1.flac", enf.Grid60, 0.6}, // a room, 38 dB
		{"Train_Grid_D_P1.flac", enf.Grid50, 0.9}, // mains
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			whole := realSound(t, 20*time.Minute, "spcup", c.name)
			if got := alone(t, c.grid, whole); len(got.Forged) > 0 {
				t.Errorf("whole: %s", got.Reason)
			}
			rng := rand.New(rand.NewPCG(1, 2))
			var edited []float64
			var at []float64
			from := 0
			for p := 40_000; p+40_000 < len(whole); p += 40_000 {
				edited = append(edited, whole[from:p]...)
				at, from = append(at, float64(len(edited))/1000), p+200+rng.IntN(5000)
			}
			got := alone(t, c.grid, append(edited, whole[from:]...)).Forged
			found := 0
			for _, cut := range at {
				if i := slices.IndexFunc(got, func(s detect.Span) bool { return s.Start <= cut && cut <= s.End }); i >= 0 {
					got = slices.Delete(got, i, i+1)
					found++
				}
			}
			t.Logf("%d of %d cuts found, %d where there is none", found, len(at), len(got))
			if len(got) > 0 || float64(found) < c.found*float64(len(at)) {
				t.Errorf("%d of %d cuts found, want %.0f %%; besides %v", found, len(at), 100*c.found, got)
			}
		})
	}
}
