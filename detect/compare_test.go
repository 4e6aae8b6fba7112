// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/internal/race"
)

func estimate(s enf.Series) enf.Estimate {
	return enf.Estimate{Series: s, Source: enf.SourceAudio, Grid: enf.Grid60, Present: true}
}

// changed returns s with f of each value.
func changed(s enf.Series, f func(i int, hz float64) float64) enf.Series {
	out := s
	out.Hz = make([]float64, s.Len())
	for i, hz := range s.Hz {
		out.Hz[i] = f(i, hz)
	}
	return out
}

func TestCompare(t *testing.T) {
	race.SkipNumeric(t)
	grid, other := wandering(1, 7200), wandering(2, 7200)
	rec := noisy(grid, 1000, 900, 0.001, 3) // 15 minutes from second 1000 on
	at := detect.Options{Start: new(1000 * time.Second)}
	date := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	dated := func(s enf.Series, start time.Time) enf.Series { s.Start = start; return s }
	slow := grid.Resample(2 * time.Second)
	silent := func(i int, hz float64) float64 {
		if i >= 300 && i < 340 {
			return nan
		}
		return hz
	}
	tests := []struct {
		name    string
		est     enf.Estimate
		truth   enf.Series
		options detect.Options
		want    detect.Verdict
		lag     float64 // if authentic
		reason  string
	}{
		{"claimed start", estimate(rec), grid, at, detect.Authentic, 0, "throughout"},
		{"a second late", estimate(rec), grid, detect.Options{Start: new(999 * time.Second)}, detect.Authentic, 1, "throughout"},
		{"by date", estimate(dated(rec, date.Add(1000*time.Second))), dated(grid, date), detect.Options{}, detect.Authentic, 0, ""},
		{"searched for", estimate(rec), grid, detect.Options{Search: true}, detect.Authentic, 1000, ""},
		{"reference of two seconds", estimate(rec), slow, detect.Options{Search: true}, detect.Authentic, 1000, ""},
		{"clock of 50 ppm", estimate(changed(rec, func(_ int, hz float64) float64 { return hz + 0.003 })), grid, at, detect.Authentic, 0, ""},
		{"fifth harmonic", estimate(changed(rec, func(_ int, hz float64) float64 { return 5 * hz })), grid, at, detect.Authentic, 0, ""},
		{"reference at the second harmonic", estimate(rec), changed(grid, func(_ int, hz float64) float64 { return 2 * hz }), at, detect.Authentic, 0, ""},
		{"a third missing", estimate(changed(rec, func(i int, hz float64) float64 {
			if i%90 < 30 {
				return nan
			}
			return hz
		})), grid, at, detect.Authentic, 0, "could be compared"},
		{"forty seconds missing", estimate(changed(rec, silent)), grid, at, detect.Undetermined, 0, "carries none from 0:05:00 to 0:05:40"},
		{"forty seconds missing, as they may", estimate(changed(rec, silent)), grid, detect.Options{Start: at.Start, Unheard: -1}, detect.Authentic, 0, ""},
		{"begins before the reference", estimate(rec), grid.Slice(1200, 7200), detect.Options{Search: true}, detect.Authentic, -200, "could be compared"},
		{"ends after the reference", estimate(rec), grid.Slice(0, 1700), detect.Options{Search: true}, detect.Authentic, 1000, "could be compared"},
		{"reference within the recording", estimate(rec), grid.Slice(1100, 1700), detect.Options{Search: true}, detect.Authentic, -100, "could be compared"},

		{"two thirds of another hour", estimate(changed(rec, func(i int, hz float64) float64 {
			if i >= 200 && i < 800 {
				return other.Hz[i]
			}
			return hz
		})), grid, at, detect.Forged, 0, "Most of the recording does not follow"},
		{"other grid", estimate(rec), other, at, detect.Forged, 0, "does not follow"},
		{"other hour", estimate(rec), grid, detect.Options{Start: new(4600 * time.Second)}, detect.Forged, 0, "does not follow"},
		{"constant hum", estimate(changed(rec, func(int, float64) float64 { return 60 })), grid, at, detect.Undetermined, 0, "as no grid's does"},
		{"constant hum, searched for", estimate(changed(rec, func(int, float64) float64 { return 60 })), grid, detect.Options{Search: true}, detect.Undetermined, 0, ""},
		{"constant reference", estimate(rec), changed(grid, func(int, float64) float64 { return 60 }), at, detect.Undetermined, 0, "as no grid does"},
		{"of another place in the reference, of no claimed time", estimate(rec), grid, detect.Options{}, detect.Undetermined, 0, "from 16:40 min after"},
		{"of an hour before", estimate(rec), grid, detect.Options{Start: new(4600 * time.Second)}, detect.Forged, 0, "but that of 1:00:00 h earlier"},

		{"other grid, searched for", estimate(rec), other, detect.Options{Search: true}, detect.Undetermined, 0, "nowhere"},
		{"no hum", enf.Estimate{Series: rec, Reason: "only noise"}, grid, at, detect.Undetermined, 0, "only noise"},
		{"no values", estimate(enf.Series{Step: time.Second}), grid, at, detect.Undetermined, 0, "could be read for 0 s"},
		{"too short", estimate(rec.Slice(0, 59)), grid, at, detect.Undetermined, 0, "could be read for 59 s"},
		{"a minute without its ends", estimate(without(rec.Slice(0, 61), 0, 60)), grid, at, detect.Authentic, 0, ""},
		{"too little of a minute", estimate(without(rec.Slice(0, 61), 0, 20, 21, 22, 23, 60)), grid, at, detect.Undetermined, 0, "could be read for 55 s"},
		{"empty reference", estimate(rec), enf.Series{Step: time.Second}, at, detect.Undetermined, 0, "no frequencies"},
		{"50 Hz reference", estimate(rec), changed(grid, func(_ int, hz float64) float64 { return hz - 10 }), at, detect.Undetermined, 0, "60 Hz grid"},
		{"not covered", estimate(rec), grid, detect.Options{Start: new(3 * time.Hour)}, detect.Undetermined, 0, "covers 0 s"},
		{"covered for a quarter", estimate(rec), grid.Slice(0, 1200), at, detect.Undetermined, 0, "covers only"},
		{"wrong speed", estimate(changed(rec, func(_ int, hz float64) float64 { return hz + 0.05 })), grid, at, detect.Undetermined, 0, "another speed"},
		{"a minute late", estimate(rec), grid, detect.Options{Start: new(940 * time.Second)}, detect.Undetermined, 0, "later than claimed"},
		{"a minute of 10 mHz noise", estimate(noisy(grid, 1000, 60, 0.01, 4)), grid, at, detect.Undetermined, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := detect.Compare(t.Context(), tt.est, tt.truth, tt.options)
			if c.Verdict != tt.want || !strings.Contains(c.Reason, tt.reason) {
				t.Fatalf("%s: %s (r %.3f, RMSE %.2f mHz, LLR %.1f); want %s: …%s…",
					c.Verdict, c.Reason, c.Correlation, 1e3*c.RMSE, c.LLR, tt.want, tt.reason)
			}
			if c.Truth.Len() != c.Estimate.Series.Len() {
				t.Errorf("truth has %d values, the series %d", c.Truth.Len(), c.Estimate.Series.Len())
			}
			if c.Verdict == detect.Authentic && (math.Abs(c.Lag-tt.lag) > 0.5 || len(c.Forged) > 0 || len(c.Windows) == 0) {
				t.Errorf("lag %.2f s, want %.0f; forged %v; %d windows", c.Lag, tt.lag, c.Forged, len(c.Windows))
			}
			if c.Verdict != detect.Forged && len(c.Forged) > 0 {
				t.Errorf("%s with forged spans %v", c.Verdict, c.Forged)
			}
		})
	}
}

// without returns the series with those values missing.
func without(s enf.Series, missing ...int) enf.Series {
	return changed(s, func(i int, hz float64) float64 {
		if slices.Contains(missing, i) {
			return nan
		}
		return hz
	})
}

// TestSpans looks for edits. Their smear is left out: it shifts no boundary, and internal/eval measures it.
func TestSpans(t *testing.T) {
	race.SkipNumeric(t)
	grid, other := wandering(5, 7200), wandering(6, 7200)
	a := func(from, to int) []float64 { return noisy(grid, from, to-from, 0.001, uint64(from)).Hz }
	b := func(n int) []float64 { return noisy(other, 0, n, 0.001, 7).Hz }
	tests := []struct {
		name string
		rec  enf.Series
		want []detect.Span
	}{
		{"replaced", joined(a(0, 300), b(40), a(340, 700)), []detect.Span{{Start: 300, End: 340, Kind: detect.SpanForeign}}},
		{"inserted", joined(a(0, 300), b(40), a(300, 700)), []detect.Span{{Start: 300, End: 340, Kind: detect.SpanForeign}}},
		{"cut", joined(a(0, 300), a(345, 700)), []detect.Span{{Start: 298, End: 302, Kind: detect.SpanCut, Jump: 45}}},
		{"repeated", joined(a(0, 300), a(240, 700)), []detect.Span{{Start: 298, End: 302, Kind: detect.SpanCut, Jump: -60}}},
		{"cut by twenty minutes", joined(a(0, 300), a(1500, 1900)), []detect.Span{{Start: 298, End: 302, Kind: detect.SpanCut, Jump: 1200}}},
		{"foreign from the middle on", joined(a(0, 300), b(300)), []detect.Span{{Start: 300, End: 600, Kind: detect.SpanForeign}}},
		{"foreign at first", joined(b(100), a(100, 700)), []detect.Span{{Start: 0, End: 100, Kind: detect.SpanForeign}}},
		{"two cuts", joined(a(0, 250), a(280, 500), a(520, 800)), []detect.Span{
			{Start: 248, End: 252, Kind: detect.SpanCut, Jump: 30}, {Start: 468, End: 472, Kind: detect.SpanCut, Jump: 20}}},
		{"replaced by a minute before", joined(a(0, 200), a(100, 300), a(400, 700)), []detect.Span{{Start: 200, End: 400, Kind: detect.SpanForeign}}},
		{"replaced by two other times", joined(a(0, 200), a(130, 230), a(360, 460), a(400, 700)), []detect.Span{{Start: 200, End: 400, Kind: detect.SpanForeign}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, search := range []bool{false, true} {
				c := detect.Compare(t.Context(), estimate(tt.rec), grid, detect.Options{Search: search})
				if c.Verdict != detect.Forged || len(c.Forged) != len(tt.want) {
					t.Fatalf("search %v: %s: %s: %+v, want %+v", search, c.Verdict, c.Reason, c.Forged, tt.want)
				}
				for i, got := range c.Forged {
					want := tt.want[i]
					if got.Kind != want.Kind || math.Abs(got.Start-want.Start) > 8 || math.Abs(got.End-want.End) > 8 || math.Abs(got.Jump-want.Jump) > 1 {
						t.Errorf("search %v: %+v, want %+v", search, got, want)
					}
				}
				for _, w := range c.Windows {
					inside := slices.ContainsFunc(tt.want, func(s detect.Span) bool { return w.Start < s.Start-10 && w.End > s.End+10 })
					apart := !slices.ContainsFunc(tt.want, func(s detect.Span) bool { return w.Start < s.End+10 && w.End > s.Start-10 })
					if inside && w.Verdict != detect.Forged || apart && w.Verdict == detect.Forged {
						t.Errorf("search %v: window from %.0f s is %s", search, w.Start, w.Verdict)
					}
				}
			}
		})
	}
}

// TestError measures the error of a verdict on a minute at a known time, with noise of 2 mHz: how often a genuine one is
// called forged, or one of another time authentic.
func TestError(t *testing.T) {
	race.SkipNumeric(t)
	trials := 2000
	if testing.Short() {
		trials = 200
	}
	grid := wandering(8, 40*86400)
	rng := rand.New(rand.NewPCG(9, 1))
	wrong, undecided := map[string]int{}, map[string]int{}
	for i := range trials {
		at := 200 + rng.IntN(grid.Len()-1000)
		est := estimate(noisy(grid, at, 60, 0.002, uint64(i)))
		for kind, start := range map[string]int{"genuine": at, "other": 200 + rng.IntN(grid.Len()-1000)} {
			// A stretch of the reference will do, and keeps its own statistics from being gathered anew.
			c := detect.Compare(t.Context(), est, grid.Slice(start-200, start+300), detect.Options{Start: new(200 * time.Second)})
			switch c.Verdict {
			case detect.Undetermined:
				undecided[kind]++
			case detect.Authentic:
				if kind == "other" {
					wrong[kind]++
				}
			case detect.Forged:
				if kind == "genuine" {
					wrong[kind]++
				}
			}
		}
	}
	t.Logf("of %d each: wrong %v, undetermined %v", trials, wrong, undecided)
	for kind, n := range wrong {
		if float64(n) > 0.005*float64(trials) {
			t.Errorf("%d of %d %s minutes are judged wrong", n, trials, kind)
		}
	}
	if undecided["genuine"] > trials/2 {
		t.Errorf("%d of %d genuine minutes are undetermined", undecided["genuine"], trials)
	}
}

func TestCorrelationRule(t *testing.T) {
	race.SkipNumeric(t)
	grid := wandering(10, 4000)
	o := detect.Options{Rule: detect.RuleCorrelation}
	rec := noisy(grid, 0, 1200, 0.0003, 1)
	c := detect.Compare(t.Context(), estimate(rec), grid, o)
	below := 0
	for _, w := range c.Windows {
		want := detect.Authentic
		if w.Correlation < 0.8 {
			want = detect.Forged
			below++
		}
		if w.Verdict != want {
			t.Errorf("window from %.0f s: r %.3f is %s", w.Start, w.Correlation, w.Verdict)
		}
	}
	if want := (1200-60)/5 + 1; len(c.Windows) != want {
		t.Errorf("%d windows, want %d", len(c.Windows), want)
	}
	o.Recent = 12
	if last := detect.Compare(t.Context(), estimate(rec), grid, o).Windows; !slices.Equal(last, c.Windows[len(c.Windows)-12:]) {
		t.Errorf("the last windows are %v, want %v", last, c.Windows[len(c.Windows)-12:])
	}
	o.Recent = 0
	if (below > 0) != (c.Verdict == detect.Forged) || (below > 0) != (len(c.Forged) > 0) {
		t.Errorf("%d windows below: %s, %v", below, c.Verdict, c.Forged)
	}
	if c := detect.Compare(t.Context(), estimate(rec), wandering(11, 4000), o); c.Verdict != detect.Forged {
		t.Errorf("another grid: %s: %s", c.Verdict, c.Reason)
	}
}

// TestStrange compares what no estimator gives; nothing may panic, and nothing of it be authentic.
func TestStrange(t *testing.T) {
	race.SkipNumeric(t)
	rng := rand.New(rand.NewPCG(12, 1))
	odd := []float64{nan, math.Inf(1), math.Inf(-1), 0, -60, 1e300, 60, 59.9, 50, 300, 1e-300}
	series := func() enf.Series {
		s := enf.Series{Step: []time.Duration{0, -1, time.Second, time.Second / 10, 3 * time.Second / 2, 7 * time.Second}[rng.IntN(6)]}
		mode := rng.IntN(3)
		for range []int{0, 1, 60, 61, 200, 700}[rng.IntN(6)] {
			v := 60 + 0.01*rng.NormFloat64()
			if mode == 0 || mode == 1 && rng.IntN(10) == 0 {
				v = odd[rng.IntN(len(odd))]
			}
			s.Hz = append(s.Hz, v)
			if mode != 2 {
				s.Sigma = append(s.Sigma, odd[rng.IntN(len(odd))])
			}
		}
		if rng.IntN(4) == 0 {
			s.Start = time.Unix(rng.Int64N(1e9), 0)
		}
		return s
	}
	for range 300 {
		a, b := series(), series()
		est := enf.Estimate{Series: a, Present: true, Grid: []enf.Grid{enf.GridAuto, enf.Grid50, enf.Grid60, 7}[rng.IntN(4)]}
		o := detect.Options{
			Search: rng.IntN(2) == 0, Window: time.Duration(rng.IntN(200)-20) * time.Second, Shift: time.Duration(rng.IntN(20)-5) * time.Second,
			MaxLag: time.Duration(rng.IntN(1e12)), Start: new(time.Duration(rng.Int64() - math.MaxInt64/2)), Threshold: 2*rng.Float64() - 1,
		}
		if rng.IntN(2) == 0 {
			o.Start = new(time.Duration(rng.IntN(300)) * time.Second)
		}
		if rng.IntN(3) == 0 {
			o.Rule = detect.RuleCorrelation
		}
		c := detect.Compare(t.Context(), est, b, o)
		if c.Reason == "" || c.Verdict == detect.Authentic && o.Rule != detect.RuleCorrelation {
			t.Errorf("%s: %q: %d values and %d", c.Verdict, c.Reason, a.Len(), b.Len())
		}
		found, err := detect.FindMatches(t.Context(), a, b, 3)
		if err != nil && len(found) > 0 {
			t.Errorf("%d matches and error %v", len(found), err)
		}
		for _, m := range found {
			if math.IsNaN(m.Offset) || math.IsNaN(m.LLR) {
				t.Errorf("match %+v", m)
			}
		}
	}
}

func TestCombine(t *testing.T) {
	channel := func(v detect.Verdict) detect.Channel {
		return detect.Channel{Verdict: v, Reason: string(v) + " it is.", Estimate: enf.Estimate{Grid: enf.Grid50}}
	}
	f, a, u := channel(detect.Forged), channel(detect.Authentic), channel(detect.Undetermined)
	for _, tt := range []struct {
		channels []detect.Channel
		want     detect.Verdict
	}{
		{nil, detect.Undetermined},
		{[]detect.Channel{u}, detect.Undetermined},
		{[]detect.Channel{u, a}, detect.Authentic},
		{[]detect.Channel{a, f}, detect.Forged},
		{[]detect.Channel{f, u}, detect.Forged},
	} {
		r := detect.Combine(detect.Options{}, tt.channels...)
		if r.Verdict != tt.want || tt.channels != nil && (r.Reason != string(tt.want)+" it is." || r.Grid != enf.Grid50) {
			t.Errorf("%+v, want %s", r, tt.want)
		}
		if r.Reason == "" || r.Options.Window != time.Minute || r.Options.Threshold != 0.8 {
			t.Errorf("reason %q, options %+v", r.Reason, r.Options)
		}
	}
}

// TestShorterBeginning cuts recordings before their middle: what is left before the cut is the shorter part, and nothing in it is forged.
func TestShorterBeginning(t *testing.T) {
	race.SkipNumeric(t)
	for seed := range uint64(20) {
		grid := wandering(50+seed, 3600)
		rec := joined(noisy(grid, 1000, 120, 0.002, seed).Hz, noisy(grid, 1140, 600, 0.002, seed+100).Hz)
		c := detect.Compare(t.Context(), estimate(rec), grid, detect.Options{Start: new(1000 * time.Second)})
		for _, s := range c.Forged {
			if s.End < 90 {
				t.Errorf("seed %d: a span from %.0f to %.0f s (%s), long before the cut at 120 s", seed, s.Start, s.End, s.Kind)
			}
		}
	}
}

// TestMinuteInPlace takes genuine minutes with the noise of frames that overlap, which fit one place or another of hundreds about as well as their
// own by chance: hardly any is placed there.
func TestMinuteInPlace(t *testing.T) {
	race.SkipNumeric(t)
	const half = 8 // seconds
	grid := wandering(90, 7200)
	rng := rand.New(rand.NewPCG(90, 1))
	white := make([]float64, grid.Len()+2*half)
	for i := range white {
		white[i] = 0.002 * 4 * rng.NormFloat64() / math.Sqrt(2*half+1)
	}
	rec := changed(grid, func(i int, hz float64) float64 {
		for _, e := range white[i : i+2*half+1] {
			hz += e / 4
		}
		return hz
	})
	astray := 0
	for from := 200; from+60 < 7000; from += 20 {
		c := detect.Compare(t.Context(), estimate(rec.Slice(from, from+60)), grid, detect.Options{Start: new(time.Duration(from) * time.Second)})
		if math.Abs(c.Lag) > 2.5 {
			astray++
		}
	}
	t.Logf("%d minutes are placed elsewhere", astray)
	if astray > 8 {
		t.Errorf("%d of 337 genuine minutes are placed elsewhere", astray)
	}
}

// A camera's clock wanders for tens of seconds at a time: that is not called a forgery of minutes, while another grid for eight is.
func TestCameraWanders(t *testing.T) {
	race.SkipNumeric(t)
	const minutes5, minutes8 = 300, 480
	forged, foreign := 0, 0
	for seed := range uint64(30) {
		grid, other := wandering(100+seed, 900), wandering(200+seed, 900)
		grid.Start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		other.Start = grid.Start
		rng := rand.New(rand.NewPCG(seed, 31))
		filmed := func(s enf.Series, n int) detect.Channel {
			walk := 0.0
			rec := changed(s.Slice(200, 200+n), func(_ int, hz float64) float64 {
				const memory = 15.0 // seconds
				walk += -walk/memory + 0.005*math.Sqrt(2/memory)*rng.NormFloat64()
				return hz + walk
			})
			est := estimate(rec)
			est.Source = enf.SourceVideo
			return detect.Compare(t.Context(), est, grid, detect.Options{})
		}
		c := filmed(grid, minutes5)
		if c.Verdict == detect.Forged {
			forged++
		}
		if c.Verdict == detect.Authentic && !strings.Contains(c.Reason, "wanders") {
			t.Errorf("seed %d: %s", seed, c.Reason)
		}
		if filmed(other, minutes8).Verdict == detect.Forged {
			foreign++
		}
	}
	if forged > 0 || foreign < 27 {
		t.Errorf("of 30, %d genuine were called forged, and %d that were not", forged, foreign)
	}
}

// Nobody said when a recording was made: a camera's of eight minutes that lies later in the reference is not forged for not being at its beginning.
func TestUndated(t *testing.T) {
	race.SkipNumeric(t)
	foreign := 0
	for seed := range uint64(30) {
		grid, other := wandering(100+seed, 900), wandering(200+seed, 900)
		rng := rand.New(rand.NewPCG(seed, 31))
		filmed := func(s enf.Series) detect.Channel {
			walk := 0.0
			est := estimate(changed(s.Slice(200, 680), func(_ int, hz float64) float64 {
				const memory = 15.0 // seconds
				walk += -walk/memory + 0.006*math.Sqrt(2/memory)*rng.NormFloat64()
				return hz + walk
			}))
			est.Source = enf.SourceVideo
			est.Series.Start = time.Time{}
			return detect.Compare(t.Context(), est, grid, detect.Options{})
		}
		if c := filmed(grid); c.Verdict != detect.Undetermined || strings.Contains(c.Reason, "claimed") {
			t.Errorf("seed %d: %s: %s", seed, c.Verdict, c.Reason)
		}
		if filmed(other).Verdict == detect.Forged {
			foreign++
		}
	}
	if foreign < 24 {
		t.Errorf("of 30 of another grid, %d were called forged", foreign)
	}
}

// TestFirstValueClaimed: that a recording begins with the reference may be claimed, as any other start may, and is not where nothing is said.
func TestFirstValueClaimed(t *testing.T) {
	grid := wandering(24, 3000)
	rec := estimate(noisy(grid, 2000, 600, 0.001, 4))
	for _, c := range []struct {
		start *time.Duration
		want  detect.Verdict
		says  string
	}{
		{nil, detect.Undetermined, "nobody said"},
		{new(time.Duration), detect.Forged, "at the time claimed"},
	} {
		if got := detect.Compare(t.Context(), rec, grid, detect.Options{Start: c.start}); got.Verdict != c.want || !strings.Contains(got.Reason, c.says) {
			t.Errorf("%v: %s: %s", c.start, got.Verdict, got.Reason)
		}
	}
}

// A recording whose tempo was changed scatters many times as much as it says: what is left of its course proves nothing.
func TestScatters(t *testing.T) {
	race.SkipNumeric(t)
	grid := wandering(23, 1500)
	for sigma, want := range map[float64]detect.Verdict{0.001: detect.Authentic, 0.006: detect.Undetermined} {
		est := estimate(noisy(grid, 0, 900, sigma, 3))
		est.Series.Sigma = slices.Repeat([]float64{0.0006}, est.Series.Len())
		if c := detect.Compare(t.Context(), est, grid, detect.Options{}); c.Verdict != want || want != detect.Authentic && !strings.Contains(c.Reason, "scatter") {
			t.Errorf("noise of %g Hz: %s: %s", sigma, c.Verdict, c.Reason)
		}
	}
	// Unless it is the reference that says so of itself.
	room := noisy(grid, 0, grid.Len(), 0.003, 3)
	room.Sigma = slices.Repeat([]float64{0.003}, room.Len())
	est := estimate(noisy(grid, 0, 900, 0.0002, 4))
	est.Series.Sigma = slices.Repeat([]float64{0.0002}, est.Series.Len())
	if c := detect.Compare(t.Context(), est, room, detect.Options{}); c.Verdict != detect.Authentic {
		t.Errorf("against a reference with noise: %s: %s", c.Verdict, c.Reason)
	}
}
