// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/dsp"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
)

// at is the instant so many seconds into a recording.
func at(seconds float64) time.Time {
	return time.Time{}.Add(time.Duration(math.Round(seconds * 1e9)))
}

// hum is a recording of harmonics of a grid, each at the given carrier-to-noise density, in white noise.
func hum(g *enftest.Grid, seed uint64, seconds, rate, cn0 float64, numbers ...int) []float64 {
	const noise = 0.01
	x := make([]float64, int(seconds*rate))
	var parts []enftest.Harmonic
	for _, k := range numbers {
		parts = append(parts, enftest.Harmonic{Number: k, Amplitude: enftest.Amplitude(cn0, noise, rate), Phase: float64(k)})
	}
	g.Hum(x, rate, 0, parts)
	enftest.Noise(x, seed, noise)
	return x
}

// estimate runs the estimator over the channels in blocks of a second.
func estimate(t testing.TB, o enf.Options, rate float64, channels ...[]float64) enf.Estimate {
	t.Helper()
	e := enf.NewAudio(o)
	for from := 0; from < len(channels[0]); from += int(rate) {
		to := min(from+int(rate), len(channels[0]))
		s := dsp.Signal{Start: at(float64(from) / rate), Rate: rate}
		for _, c := range channels {
			s.Channels = append(s.Channels, c[from:to])
		}
		if err := e.Write(s); err != nil {
			t.Fatal(err)
		}
	}
	return e.Close()
}

// errors compares an estimate with the truth.
type errors struct {
	share float64 // of the truth's seconds that have a value
	rmse  float64 // hertz
	z     float64 // root mean square of error over stated uncertainty
	worst float64 // hertz
}

func compare(est enf.Estimate, g *enftest.Grid) (e errors) {
	n := 0.0
	for i, hz := range est.Series.Hz {
		if math.IsNaN(hz) {
			continue
		}
		d := hz - g.Frequency(est.Series.Start.Add(time.Duration(i)*time.Second).Sub(time.Time{}).Seconds())
		e.rmse += d * d
		e.z += d * d / (est.Series.Sigma[i] * est.Series.Sigma[i])
		e.worst = max(e.worst, math.Abs(d))
		n++
	}
	return errors{n / float64(len(est.Series.Hz)), math.Sqrt(e.rmse / n), math.Sqrt(e.z / n), e.worst}
}

// One harmonic in white noise, against the table of 16 s frames in docs/estimation.md: no worse anywhere, and the stated
// uncertainty is the true one.
func TestAccuracyAgainstNoise(t *testing.T) {
	for _, test := range []struct{ cn0, rmse float64 }{{3, 5.0e-3}, {10, 2.5e-3}, {15, 1.7e-3}, {20, 1.3e-3}, {30, 0.8e-3}, {45, 0.4e-3}} {
		g := enftest.NewGrid(11, enftest.GridOptions{Nominal: enf.Grid50, Duration: 400 * time.Second})
		e := compare(estimate(t, enf.Options{Grid: enf.Grid50}, 400, hum(g, 12, 400, 400, test.cn0, 2)), g)
		t.Logf("%2.0f dB-Hz: RMSE %.2f mHz, error over uncertainty %.2f, worst %.1f mHz, values %.0f %%", test.cn0, 1e3*e.rmse, e.z, 1e3*e.worst, 100*e.share)
		if e.rmse > test.rmse || e.share < 0.9 {
			t.Errorf("%g dB-Hz: RMSE %.2f mHz in %.0f %% of the seconds, want at most %.2f in 90", test.cn0, 1e3*e.rmse, 100*e.share, 1e3*test.rmse)
		}
		if e.z > 1.4 || e.z < 0.4 {
			t.Errorf("%g dB-Hz: errors are %.2f times the stated uncertainty", test.cn0, e.z)
		}
	}
}

// A telephone's tones and beeps are on harmonics of the nominal frequency, exactly, and far louder than hum. What most harmonics say
// holds; where as many say one thing as the other, the estimate knows that it does not know.
func TestTonesOnHarmonics(t *testing.T) {
	const rate, seconds = 1000, 300
	g := enftest.NewGrid(14, enftest.GridOptions{Nominal: enf.Grid50, Duration: seconds * time.Second})
	for _, tt := range []struct {
		name  string
		lines []int
		tones []float64
		rmse  float64 // at most, hertz; 0: any
	}{
		{"busy tone", []int{2, 4, 6}, []float64{400}, 1.5e-3},
		{"on a harmonic of the hum", []int{2, 4, 6}, []float64{100}, 1.5e-3},
		{"dial tone", []int{2, 4, 6, 8}, []float64{350, 450}, 1.5e-3},
		{"one against one", []int{2}, []float64{400}, 0},
	} {
		x := hum(g, 12, seconds, rate, 25, tt.lines...)
		for i := 100 * rate; i < 200*rate; i++ {
			for _, f := range tt.tones {
				x[i] += enftest.Amplitude(50, 0.01, rate) * math.Sin(2*math.Pi*f*float64(i)/rate)
			}
		}
		for _, live := range []bool{false, true} {
			e := compare(estimate(t, enf.Options{Grid: enf.Grid50, Live: live}, rate, x), g)
			t.Logf("%s, live %v: RMSE %.2f mHz, error over uncertainty %.2f, worst %.1f mHz, values %.0f %%", tt.name, live, 1e3*e.rmse, e.z, 1e3*e.worst, 100*e.share)
			if tt.rmse > 0 && e.rmse > tt.rmse || e.z > 1.5 || e.share < 0.9 {
				t.Errorf("%s, live %v: RMSE %.2f mHz, %.2f times the stated uncertainty, in %.0f %% of the seconds", tt.name, live, 1e3*e.rmse, e.z, 100*e.share)
			}
		}
	}
}

// What was muted, or added to fill up, has no values: none drift on from the hum before it.
func TestDigitalSilence(t *testing.T) {
	const rate = 1000
	g := enftest.NewGrid(15, enftest.GridOptions{Nominal: enf.Grid50, Duration: 200 * time.Second})
	x := hum(g, 12, 200, rate, 45, 2, 4, 6)
	clear(x[60*rate : 100*rate])
	clear(x[160*rate:])
	y := make([]float64, len(x)) // a second channel, so that middle and side both stand still
	est := estimate(t, enf.Options{Grid: enf.Grid50}, rate, x, y)
	for i, hz := range est.Series.Hz {
		edge := slices.ContainsFunc([]int{0, 60, 100, 160}, func(e int) bool { return i >= e-2 && i <= e+2 })
		if silent := i > 60 && i < 100 || i > 160; !edge && math.IsNaN(hz) != silent {
			t.Errorf("second %d: %v", i, hz)
		}
	}
	if e := compare(est, g); e.z > 1.5 || e.worst > 3e-3 {
		t.Errorf("errors are %.2f times the stated uncertainty, %.1f mHz at worst", e.z, 1e3*e.worst)
	}
}

// A gate of noise leaves silence between words, a file pauses: hum is read all the same, however long the blocks are.
func TestShortSilence(t *testing.T) {
	const rate, seconds = 1000, 120
	g := enftest.NewGrid(16, enftest.GridOptions{Nominal: enf.Grid50, Duration: seconds * time.Second})
	gated, torn, spike := hum(g, 12, seconds, rate, 45, 2, 4, 6), hum(g, 12, seconds, rate, 45, 2, 4, 6), hum(g, 12, seconds, rate, 45, 2, 4, 6)
	for i := range gated {
		if i%900 < 300 {
			gated[i] = 0
		}
		if i%rate < 220 {
			torn[i] = math.NaN()
		}
	}
	spike[20*rate] = 1e8
	for name, x := range map[string][]float64{"gated": gated, "torn": torn, "one sample of garbage": spike} {
		for _, block := range []int{20, rate, seconds * rate} {
			e := enf.NewAudio(enf.Options{Grid: enf.Grid50})
			for from := 0; from < len(x); from += block {
				if err := e.Write(dsp.Signal{Start: at(float64(from) / rate), Rate: rate, Channels: [][]float64{x[from : from+block]}}); err != nil {
					t.Fatal(err)
				}
			}
			if got := e.Close().Series.Present(); got < 85 {
				t.Errorf("%s, blocks of %d: %d values", name, block, got)
			}
		}
	}
}

// A channel that begins later than its recording counts from the recording's start.
func TestLateChannel(t *testing.T) {
	const rate, late = 1000, 30
	g := enftest.NewGrid(17, enftest.GridOptions{Nominal: enf.Grid50, Duration: 200 * time.Second})
	x := hum(g, 12, 200, rate, 45, 2, 4, 6)
	e := enf.NewAudio(enf.Options{Grid: enf.Grid50})
	if err := e.Write(dsp.Signal{Start: at(late + 0.25), Rate: rate, Channels: [][]float64{x[late*rate+250:]}}); err != nil {
		t.Fatal(err)
	}
	est := e.Close()
	if s := est.Series; !s.Start.IsZero() || s.Len() < 200 || s.Slice(0, late).Present() > 0 || s.Present() < 160 {
		t.Errorf("from %v, %d values, %d present", s.Start, s.Len(), s.Present())
	}
	if e := compare(est, g); e.z > 1.5 || e.worst > 3e-3 {
		t.Errorf("errors are %.2f times the stated uncertainty, %.1f mHz at worst", e.z, 1e3*e.worst)
	}
}

func TestNoENF(t *testing.T) {
	const rate, seconds = 1000, 600
	noise := make([]float64, rate*seconds)
	enftest.Noise(noise, 1, 0.1)
	speech := make([]float64, rate*seconds)
	enftest.NewSpeech(2, rate, 0.1).Add(speech)
	enftest.Noise(speech, 3, 0.001)
	offset := make([]float64, rate*120) // of a converter, through a filter of 80 dB, would stand at 60 Hz
	enftest.Noise(offset, 4, 1e-7)
	for i := range offset {
		offset[i] += 0.3
	}
	for name, x := range map[string][]float64{"noise": noise, "speech": speech, "offset": offset, "silence": make([]float64, rate*60), "short": noise[:rate]} {
		est := estimate(t, enf.Options{}, rate, x)
		if est.Present || est.Reason == "" {
			t.Errorf("%s: present %v, reason %q, %d of %d values", name, est.Present, est.Reason, est.Series.Present(), est.Series.Len())
		}
		if share := float64(est.Series.Present()) / float64(est.Series.Len()); share > 0.02 {
			t.Errorf("%s: %.1f %% of the seconds have a value", name, 100*share)
		}
	}
	if est := enf.NewAudio(enf.Options{}).Close(); est.Present || est.Reason == "" {
		t.Errorf("nothing at all: present %v, reason %q", est.Present, est.Reason)
	}
}

func TestHumUnderSpeech(t *testing.T) {
	const rate = 8000
	g := enftest.NewGrid(21, enftest.GridOptions{Nominal: enf.Grid60, Duration: 240 * time.Second})
	x := make([]float64, 240*rate)
	g.Hum(x, rate, 0, enftest.RoomHum(22, 0.003))
	enftest.NewSpeech(23, rate, 0.1).Add(x)
	enftest.Noise(x, 24, 0.003)
	est := estimate(t, enf.Options{}, rate, x)
	e := compare(est, g)
	t.Logf("RMSE %.2f mHz, values %.0f %%, error over uncertainty %.2f", 1e3*e.rmse, 100*e.share, e.z)
	if est.Grid != enf.Grid60 || e.rmse > 3e-3 || e.share < 0.9 {
		t.Errorf("grid %d, RMSE %.2f mHz in %.0f %% of the seconds", est.Grid, 1e3*e.rmse, 100*e.share)
	}
}

// Any rate and any size of block gives the same.
func TestRatesAndBlocks(t *testing.T) {
	g := enftest.NewGrid(31, enftest.GridOptions{Nominal: enf.Grid50, Duration: 60 * time.Second})
	for _, rate := range []float64{200, 400, 8000, 11025, 44100, 192000} {
		x := hum(g, 32, 60, rate, 30, 1, 2, 3, 10)
		est := estimate(t, enf.Options{}, rate, x)
		if e := compare(est, g); est.Grid != enf.Grid50 || e.rmse > 1e-3 || e.share < 0.9 {
			t.Errorf("%g Hz: grid %d, RMSE %.2f mHz in %.0f %% of the seconds", rate, est.Grid, 1e3*e.rmse, 100*e.share)
		}
		if rate != 8000 {
			continue
		}
		rng := rand.New(rand.NewPCG(33, 34))
		parts := enf.NewAudio(enf.Options{})
		for from := 0; from < len(x); {
			to := min(len(x), from+1+rng.IntN(5000))
			if err := parts.Write(dsp.Signal{Start: at(float64(from) / rate), Rate: rate, Channels: [][]float64{x[from:to]}}); err != nil {
				t.Fatal(err)
			}
			from = to
		}
		got := parts.Close()
		for i, hz := range got.Series.Hz {
			if d := hz - est.Series.Hz[i]; math.Abs(d) > 1e-6 || math.IsNaN(d) != math.IsNaN(hz) {
				t.Fatalf("second %d is %.6f Hz in odd blocks, %.6f in even ones", i, hz, est.Series.Hz[i])
			}
		}
	}
}

// A recording in one block is the recording in blocks of a second.
func TestOneLongBlock(t *testing.T) {
	g := enftest.NewGrid(36, enftest.GridOptions{Nominal: enf.Grid50, Duration: 600 * time.Second})
	x := hum(g, 37, 600, 400, 30, 2)
	e := enf.NewAudio(enf.Options{Grid: enf.Grid50})
	if err := e.Write(dsp.Signal{Rate: 400, Channels: [][]float64{x}}); err != nil {
		t.Fatal(err)
	}
	got, want := e.Close().Series, estimate(t, enf.Options{Grid: enf.Grid50}, 400, x).Series
	if fmt.Sprint(got.Hz) != fmt.Sprint(want.Hz) {
		t.Errorf("%d values in one block, %d in many", got.Present(), want.Present())
	}
}

// Hum in opposite phase in the two channels cancels in their mean, and is found all the same.
func TestOppositeChannels(t *testing.T) {
	const rate = 1000
	g := enftest.NewGrid(41, enftest.GridOptions{Nominal: enf.Grid60, Duration: 90 * time.Second})
	left, right := make([]float64, 90*rate), make([]float64, 90*rate)
	for i, c := range [][]float64{left, right} {
		amplitude := 0.01 * float64(1-2*i)
		g.Hum(c, rate, 0, []enftest.Harmonic{{Number: 2, Amplitude: amplitude}})
		enftest.Noise(c, 42+uint64(i), 0.01)
	}
	if e := compare(estimate(t, enf.Options{}, rate, left, right), g); e.rmse > 2e-3 || e.share < 0.9 {
		t.Errorf("RMSE %.2f mHz in %.0f %% of the seconds", 1e3*e.rmse, 100*e.share)
	}
}

// A weak grid swings by more than half a hertz and is followed.
func TestSwings(t *testing.T) {
	g := enftest.NewGrid(51, enftest.GridOptions{Nominal: enf.Grid50, Duration: 400 * time.Second, Swing: 0.9})
	least, most := math.Inf(1), math.Inf(-1)
	for _, hz := range g.Series().Hz {
		least, most = min(least, hz), max(most, hz)
	}
	if most-least < 0.5 {
		t.Fatalf("the grid swings by %.2f Hz only", most-least)
	}
	e := compare(estimate(t, enf.Options{}, 1000, hum(g, 52, 400, 1000, 25, 2, 4, 6)), g)
	t.Logf("swing %.2f Hz: RMSE %.2f mHz, worst %.1f, values %.0f %%", most-least, 1e3*e.rmse, 1e3*e.worst, 100*e.share)
	if e.rmse > 5e-3 || e.share < 0.85 {
		t.Errorf("RMSE %.2f mHz in %.0f %% of the seconds", 1e3*e.rmse, 100*e.share)
	}
}

// A gap in time, or of NaN, has no values; what is around it is on time.
func TestGaps(t *testing.T) {
	const rate = 1000.0
	g := enftest.NewGrid(61, enftest.GridOptions{Nominal: enf.Grid50, Duration: 200 * time.Second})
	x := hum(g, 62, 200, rate, 30, 2, 3)
	missing := append([]float64(nil), x...)
	for i := 80 * 1000; i < 120*1000; i++ {
		missing[i] = math.NaN()
	}
	nan := estimate(t, enf.Options{Grid: enf.Grid50}, rate, missing)
	skipping := enf.NewAudio(enf.Options{Grid: enf.Grid50})
	for _, part := range [][2]int{{0, 80000}, {120000, 200000}} {
		if err := skipping.Write(dsp.Signal{Start: at(float64(part[0]) / rate), Rate: rate, Channels: [][]float64{x[part[0]:part[1]]}}); err != nil {
			t.Fatal(err)
		}
	}
	for name, est := range map[string]enf.Estimate{"NaN": nan, "time stamps": skipping.Close()} {
		if e := compare(est, g); e.worst > 8e-3 || e.share < 0.7 {
			t.Errorf("%s: worst error %.1f mHz, values in %.0f %% of the seconds", name, 1e3*e.worst, 100*e.share)
		}
		for i := 86; i < 114; i++ {
			if !math.IsNaN(est.Series.Hz[i]) {
				t.Errorf("%s: second %d of the gap has a value", name, i)
			}
		}
	}
}

func TestTakeIsCloseInParts(t *testing.T) {
	const rate = 1000
	g := enftest.NewGrid(71, enftest.GridOptions{Nominal: enf.Grid60, Duration: 150 * time.Second})
	x := hum(g, 72, 150, rate, 25, 2, 4)
	want := estimate(t, enf.Options{Grid: enf.Grid60}, rate, x).Series
	e := enf.NewAudio(enf.Options{Grid: enf.Grid60})
	var got []float64
	take := func(s enf.Series) {
		if s.Len() > 0 && s.Start != at(float64(len(got))) {
			t.Fatalf("values from %v come after %d seconds", s.Start, len(got))
		}
		got = append(got, s.Hz...)
	}
	for from := 0; from < len(x); from += rate {
		if err := e.Write(dsp.Signal{Start: at(float64(from) / rate), Rate: rate, Channels: [][]float64{x[from : from+rate]}}); err != nil {
			t.Fatal(err)
		}
		take(e.Take())
	}
	if behind := 150 - len(got); behind > 45 {
		t.Errorf("values come %d s late", behind)
	}
	take(e.Close().Series)
	if fmt.Sprint(got) != fmt.Sprint(want.Hz) {
		t.Errorf("taken in parts: %v\nat once: %v", got, want.Hz)
	}
}

func TestBadSignals(t *testing.T) {
	block := func(rate float64, start time.Time) dsp.Signal {
		return dsp.Signal{Start: start, Rate: rate, Channels: [][]float64{make([]float64, 100)}}
	}
	for _, test := range []struct {
		blocks []dsp.Signal
		want   string
	}{
		{[]dsp.Signal{block(0, at(0))}, "sampled at 0 Hz"},
		{[]dsp.Signal{block(100, at(0))}, "sampled at 100 Hz"},
		{[]dsp.Signal{block(math.NaN(), at(0))}, "sampled at NaN Hz"},
		{[]dsp.Signal{block(math.Inf(1), at(0))}, "sampled at +Inf Hz"},
		{[]dsp.Signal{block(8000, at(0)), block(16000, at(1))}, "changes from 8000 to 16000"},
		{[]dsp.Signal{block(8000, at(0)), block(8000, at(1e9))}, "jump by"},
		{[]dsp.Signal{block(8000, at(0)), {Start: at(0.0125), Rate: 8000, Channels: [][]float64{{1}, {2}}}}, "channels"},
		{[]dsp.Signal{{Rate: 8000, Channels: [][]float64{{1, 2}, {2}}}}, "length"},
	} {
		e := enf.NewAudio(enf.Options{})
		var err error
		for _, b := range test.blocks {
			if err = e.Write(b); err != nil {
				break
			}
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want one about %q", err, test.want)
		}
		e.Close()
	}
}

// Hum at twice 60 Hz in a quiet room, two minutes of it.
func ExampleAudioEstimator() {
	const rate, seconds = 8000, 120
	grid := enftest.NewGrid(1, enftest.GridOptions{Nominal: enf.Grid60, Duration: seconds * time.Second})
	samples := make([]float64, rate*seconds)
	grid.Hum(samples, rate, 0, []enftest.Harmonic{{Number: 2, Amplitude: 0.001}})
	enftest.Noise(samples, 2, 0.003)

	e := enf.NewAudio(enf.Options{})
	if err := e.Write(dsp.Signal{Rate: rate, Channels: [][]float64{samples}}); err != nil {
		fmt.Println(err)
	}
	estimate := e.Close()
	fmt.Printf("%d Hz grid; after a minute %.2f Hz, and truly %.2f\n", estimate.Grid, estimate.Series.Hz[60], grid.Frequency(60))
	// Output: 60 Hz grid; after a minute 60.00 Hz, and truly 60.00
}
