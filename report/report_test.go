// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got; -update accepts):\n%s", file, diff)
	}
}

// cases are reports of every kind that a writer must cope with.
func cases() map[string]detect.Report {
	return map[string]detect.Report{
		"authentic":    authentic(),
		"forged":       forged(),
		"undetermined": undetermined(),
		"second":       oneSecond(),
		"nan":          allNaN(),
		"wild":         wild(),
		"hostile":      hostile(),
		"empty":        {},
	}
}

// oneSecond has a single value and no window.
func oneSecond() detect.Report {
	e := recorded([]float64{50.01}, enf.Grid50, 0, 0.002, nil, 1)
	c := detect.Channel{
		Estimate: e, Verdict: detect.Undetermined, Reason: "The recording is too short.", Correlation: math.NaN(), RMSE: math.NaN(),
		Truth: enf.Series{Step: time.Second, Hz: []float64{50.01}},
	}
	return detect.Report{Media: "short.wav", Reference: "g.csv", Grid: enf.Grid50, Verdict: c.Verdict, Reason: c.Reason, Options: options(), Channels: []detect.Channel{c}}
}

// filled is a report with one number everywhere.
func filled(x float64) detect.Report {
	hz := []float64{x, x, x}
	s := enf.Series{Step: time.Second, Hz: hz, Sigma: hz, SNR: hz}
	c := detect.Channel{
		Estimate: enf.Estimate{Series: s, Source: enf.SourceAudio, Present: true, SNR: x, Readout: x, Harmonics: []enf.Harmonic{{Number: 1, SNR: x, Share: x}}},
		Verdict:  detect.Forged, Lag: x, Offset: x, Correlation: x, RMSE: x, Truth: s,
		Windows: []detect.Window{{Start: x, End: x, Correlation: x, RMSE: x, Offset: x, LLR: x}},
		Forged:  []detect.Span{{Start: x, End: x, Kind: detect.SpanForeign}, {Start: x, End: x, Kind: detect.SpanCut, Jump: x}},
	}
	return detect.Report{Verdict: detect.Forged, Options: detect.Options{Threshold: x}, Channels: []detect.Channel{c}}
}

func allNaN() detect.Report { return filled(math.NaN()) }

// wild has a channel of each kind of number that arithmetic stumbles over.
func wild() detect.Report {
	r := filled(math.Inf(1))
	for _, x := range []float64{math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, -1, 0, 1e12, 9.999999e9} {
		r.Channels = append(r.Channels, filled(x).Channels...)
	}
	c := filled(1).Channels[0]
	c.Estimate.Series.Hz = []float64{-math.MaxFloat64, 50, math.MaxFloat64}
	c.Estimate.Series.Sigma = []float64{1} // not as long
	c.Truth.Hz = []float64{50, 50}
	r.Channels = append(r.Channels, c)
	return r
}

// nasty is a text from outside at its worst.
const nasty = "<script>alert(1)</script>\"'`&{{.}}]]>--> \x00\x1b[2J\x9b31m\u202egnp.\u2066\u2028\r\nä漢字😀\xff"

func hostile() detect.Report {
	r := forged()
	r.Media, r.Reference, r.Reason = nasty+strings.Repeat("x", 100_000)+".mp4", nasty, nasty
	r.Options.Rule = nasty
	for i := range r.Channels {
		c := &r.Channels[i]
		c.Reason, c.Estimate.Reason, c.Estimate.Source, c.Verdict = nasty, nasty, nasty, nasty
		for k := range c.Windows {
			c.Windows[k].Verdict = nasty
		}
		for k := range c.Forged {
			c.Forged[k].Kind = nasty
		}
	}
	return r
}

func TestWriteTextGolden(t *testing.T) {
	for _, name := range []string{"authentic", "forged", "undetermined", "second"} {
		var b bytes.Buffer
		if err := WriteText(&b, cases()[name], ""); err != nil {
			t.Fatal(err)
		}
		golden(t, name+".txt", b.Bytes())
	}
}

func TestWriteTextCannotCommandTheTerminal(t *testing.T) {
	for name, r := range cases() {
		var b bytes.Buffer
		if err := WriteText(&b, r, nasty); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, c := range b.String() {
			if c != '\n' && !unicode.IsPrint(c) {
				t.Errorf("%s: character %U reached the terminal", name, c)
			}
		}
		if strings.Contains(b.String(), "NaN") || strings.Contains(b.String(), "Inf") {
			t.Errorf("%s: a number that is none was written:\n%s", name, b.String())
		}
	}
}

func TestWriteJSONGolden(t *testing.T) {
	r := cases()["forged"]
	for i := range r.Channels {
		r.Channels[i].Windows = r.Channels[i].Windows[:min(2, len(r.Channels[i].Windows))]
	}
	var b bytes.Buffer
	if err := WriteJSON(&b, r); err != nil {
		t.Fatal(err)
	}
	golden(t, "forged.json", b.Bytes())
}

// TestWriteJSONMembers holds the names that other programs rely on, in their order, and the types of their values.
func TestWriteJSONMembers(t *testing.T) {
	for name, r := range cases() {
		var b bytes.Buffer
		if err := WriteJSON(&b, r); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got struct {
			Media, Reference, Verdict, Reason *string
			Nominal                           *float64 `json:"nominal_hz"`
			Channels                          []map[string]any
		}
		if err := json.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.Media == nil || got.Reference == nil || got.Verdict == nil || got.Reason == nil || got.Channels == nil {
			t.Errorf("%s: a member of the report is missing", name)
		}
		for _, c := range got.Channels {
			for _, key := range []string{"channel", "verdict", "reason", "enf_present", "snr_db", "lag_s", "offset_hz", "correlation", "rmse_hz", "llr", "windows", "forged"} {
				if _, ok := c[key]; !ok {
					t.Errorf("%s: a channel has no %s", name, key)
				}
			}
			for _, key := range []string{"windows", "forged", "harmonics"} {
				if _, ok := c[key].([]any); !ok {
					t.Errorf("%s: %s is %v, not an array", name, key, c[key])
				}
			}
		}
	}
}

func TestWriteJSONOrder(t *testing.T) {
	var b bytes.Buffer
	if err := WriteJSON(&b, forged()); err != nil {
		t.Fatal(err)
	}
	at := -1
	for _, key := range []string{
		"media", "reference", "nominal_hz", "verdict", "reason", "channels", "channel", "enf_present", "snr_db", "lag_s", "offset_hz",
		"correlation", "rmse_hz", "llr", "windows", "start_s\": 0", "end_s", "forged", "start_s\": 117", "kind", "jump_s",
	} {
		key = `"` + key
		next := strings.Index(b.String()[at+1:], key)
		if next < 0 {
			t.Fatalf("%s does not follow", key)
		}
		at += 1 + next
	}
}

func TestWriteMatches(t *testing.T) {
	matches := []detect.Match{
		{Offset: 360, Time: time.Date(2024, 8, 19, 15, 26, 2, 500e6, time.UTC), Correlation: 0.9881, RMSE: 0.0025, Shift: -0.0004, LLR: 41.26},
		{Offset: 123456.75, Correlation: 0.71, RMSE: math.NaN()},
	}
	var text, out bytes.Buffer
	if err := errors.Join(WriteMatches(&text, matches), WriteMatchesJSON(&out, matches)); err != nil {
		t.Fatal(err)
	}
	golden(t, "matches.txt", text.Bytes())
	golden(t, "matches.json", out.Bytes())
	text.Reset()
	out.Reset()
	if err := errors.Join(WriteMatches(&text, nil), WriteMatchesJSON(&out, nil)); err != nil {
		t.Fatal(err)
	}
	if got, want := text.String()+out.String(), "no match\n{\n \"matches\": []\n}\n"; got != want {
		t.Errorf("no match: %q, want %q", got, want)
	}
}

func TestWriteEstimateJSON(t *testing.T) {
	e := recorded(grid(60, 3, 1), enf.Grid60, 0, 0.001, nil, 1)
	e.Series.Start = time.Time{}.Add(8 * time.Second)
	e.Series.Hz[1], e.Series.Sigma[1], e.Series.SNR = math.NaN(), math.NaN(), nil
	e.Readout = 0.0213
	var b bytes.Buffer
	if err := WriteEstimateJSON(&b, "hum.flac", e); err != nil {
		t.Fatal(err)
	}
	golden(t, "estimate.json", b.Bytes())
}

func TestNumber(t *testing.T) {
	for x, want := range map[float64]string{
		0.1 + 0.2: "0.3", math.Copysign(0, -1): "0", math.Inf(-1): "null", 59.98017050539938: "59.98017051",
		math.MaxFloat64: "1.7976931348623157e+308", -1e-7: "-1e-7", 36000.25: "36000.25",
	} {
		got, err := json.Marshal(number(x))
		if err != nil || string(got) != want {
			t.Errorf("number(%v) = %s, %v, want %s", x, got, err, want)
		}
	}
}

func TestComparedAt(t *testing.T) {
	c := authentic().Channels[0]
	if _, ok := comparedAt(options(), c); ok {
		t.Error("a recording without a date has a time on the reference")
	}
	c.Estimate.Series.Start = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	c.Lag = -0.5
	got, ok := comparedAt(options(), c)
	if want := time.Date(2026, 3, 14, 11, 59, 59, 500e6, time.UTC); !ok || !got.Equal(want) {
		t.Errorf("compared at %v, %v, want %v", got, ok, want)
	}
	searched := options()
	searched.Search = true
	if _, ok := comparedAt(searched, c); ok {
		t.Error("after a search, the recording's own date says nothing of the place found")
	}
}

type brokenWriter struct{}

var errBroken = errors.New("disk full")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestWriteErrors(t *testing.T) {
	for name, err := range map[string]error{
		"text":     WriteText(brokenWriter{}, forged(), ""),
		"JSON":     WriteJSON(brokenWriter{}, forged()),
		"HTML":     WriteHTML(brokenWriter{}, HTML{Report: forged()}),
		"matches":  WriteMatchesJSON(brokenWriter{}, nil),
		"estimate": WriteEstimateJSON(brokenWriter{}, "", enf.Estimate{}),
		"plot":     Plot(brokenWriter{}, "", enf.Estimate{}),
	} {
		if !errors.Is(err, errBroken) {
			t.Errorf("%s: error %v does not wrap the writer's", name, err)
		}
	}
}

func TestDeterministic(t *testing.T) {
	render := func() []byte {
		r := forged()
		var b bytes.Buffer
		h := HTML{Report: r, Spectrograms: []*Spectrogram{spectrogramOf(r.Channels[0].Estimate.Series, 60, 1)}}
		err := errors.Join(WriteText(&b, r, nasty), WriteJSON(&b, r), WriteHTML(&b, h), Plot(&b, "x", r.Channels[0].Estimate))
		if err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	if first := render(); !slices.EqualFunc([][]byte{render(), render()}, [][]byte{first, first}, bytes.Equal) {
		t.Error("the same report was written in different ways")
	}
}

func TestFormats(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{clock(3725.4), "1:02:05"}, {clock(-61), "−0:01:01"}, {clock(-0.2), "0:00:00"}, {clock(360000), "100:00:00"}, {clock(math.NaN()), "–"},
		{length(60), "1 min"}, {length(125), "2 min 5 s"}, {length(2.5), "2.5 s"}, {length(12000), "3 h 20 min"}, {length(7200), "2 h"}, {length(0), "0 s"},
		{decimals(-0.0001, 2), "0.00"}, {decimals(-1.5, 1), "−1.5"}, {signed(0.001, 2), "0.00"}, {signed(1.2, 1), "+1.2"}, {decimals(1e300, 2), "1e+300"},
		{offsetText(0.0012, 60), "+1.20 mHz (+20.0 ppm)"}, {offsetText(0.0012, 0), "+1.20 mHz"}, {offsetText(math.NaN(), 60), "–"},
		{short("0123456789", 5), "01…89"}, {short("0123456789", 10), "0123456789"},
		{Printable("a\u00a0b"), "a b"}, {Printable("\x1b[31m"), `\x1b[31m`}, {Printable("\u202e\u200b"), `\u202e\u200b`}, {Printable("\xff"), `\xff`},
		{spanKind(detect.Span{Kind: detect.SpanCut, Jump: -12}), "cut: 12 s repeated or put in"}, {spanKind(detect.Span{Kind: detect.SpanCut}), "cut"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add(nasty)
	f.Add(strings.Repeat("\u202e", 5000))
	f.Fuzz(func(t *testing.T, s string) {
		got := Printable(s)
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Fatalf("Printable(%q) has %U", s, r)
			}
		}
		if n := len([]rune(got)); n > 10*(longest+1) {
			t.Fatalf("printable of %d bytes has %d runes", len(s), n)
		}
	})
}

func ExampleWriteText() {
	hz := []float64{59.984, 59.985, 59.987}
	rep := detect.Report{
		Media: "talk.wav", Reference: "grid.csv", Grid: enf.Grid60, Verdict: detect.Forged,
		Reason:  "In one place the recording does not follow the grid.",
		Options: detect.Options{Window: time.Minute},
		Channels: []detect.Channel{{
			Estimate: enf.Estimate{
				Source: enf.SourceAudio, Grid: enf.Grid60, Present: true, SNR: 21.3, Series: enf.Series{Step: time.Second, Hz: hz},
				Harmonics: []enf.Harmonic{{Number: 2, SNR: 19.4, Share: 1}},
			},
			Verdict: detect.Forged, Reason: "It does not follow the grid for half a minute.", Lag: 0.4, Offset: 0.0012, Correlation: 0.41, RMSE: 0.0093,
			Windows: []detect.Window{{End: 60, Verdict: detect.Forged}},
			Forged:  []detect.Span{{Start: 117, End: 149, Kind: detect.SpanForeign}},
		}},
	}
	var b bytes.Buffer
	if err := WriteText(&b, rep, ""); err != nil {
		fmt.Println(err)
	}
	fmt.Print(b.String())
	// Output:
	// forged: In one place the recording does not follow the grid.
	//   recording     talk.wav
	//   reference     grid.csv
	//   power grid    60 Hz
	//
	// audio: forged: It does not follow the grid for half a minute.
	//   ENF           present, 21.3 dB over the noise
	//   harmonics     2 (19.4 dB, 100 %)
	//   lag           +0.40 s
	//   clock offset  +1.20 mHz (+20.0 ppm)
	//   correlation   0.410
	//   RMSE          9.30 mHz
	//   windows       1 of 1 min, each by itself: 1 forged
	//   forged        0:01:57 - 0:02:29  not the grid's frequency
}
