// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

// page renders a report with spectrograms for all of its channels.
func render(t testing.TB, r detect.Report) string {
	t.Helper()
	h := HTML{
		Report: r,
		Inputs: []Input{
			{Name: r.Media, Role: "recording", SHA256: strings.Repeat("0a", 32), Size: 48211733},
			{Name: r.Reference, Role: "reference", Size: -1},
		},
		Version: "v0.1.0", Generated: time.Date(2026, 3, 15, 9, 30, 0, 0, time.UTC), Origin: "by the dates of recording and reference",
	}
	for i, c := range r.Channels {
		h.Spectrograms = append(h.Spectrograms, spectrogramOf(c.Estimate.Series, max(r.Grid, enf.Grid50), uint64(i)))
	}
	var b bytes.Buffer
	if err := WriteHTML(&b, h); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// tokens reads a page or a drawing to its end. Pages close every element but the void ones, so this is a check of
// their nesting; drawings are XML.
func tokens(t *testing.T, s string, isHTML bool) []xml.Token {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(s))
	if isHTML {
		d.Strict, d.AutoClose, d.Entity = false, []string{"meta", "img"}, xml.HTMLEntity
	}
	var out []xml.Token
	var open []string
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			line, column := d.InputPos()
			t.Fatalf("not well-formed at %d:%d: %v", line, column, err)
		}
		switch e := tok.(type) {
		case xml.StartElement:
			open = append(open, e.Name.Local)
		case xml.EndElement:
			if last := open[len(open)-1]; last != e.Name.Local {
				t.Fatalf("<%s> is closed by </%s>", last, e.Name.Local)
			}
			open = open[:len(open)-1]
		}
		out = append(out, xml.CopyToken(tok))
	}
}

// outline is what a page says: its headings, captions and the cells of its tables, one line each or one row a line.
func outline(toks []xml.Token) string {
	var b, text strings.Builder
	listening, inDetails := 0, false
	for _, tok := range toks {
		switch e := tok.(type) {
		case xml.StartElement:
			switch e.Name.Local {
			case "details":
				inDetails = true
			case "h1", "h2", "h3", "caption", "summary", "figcaption", "tr", "dt", "dd", "li", "p":
				listening++
			case "svg":
				for _, a := range e.Attr {
					if a.Name.Local == "aria-label" {
						fmt.Fprintf(&b, "svg: %s\n", a.Value)
					}
				}
			}
		case xml.CharData:
			if listening > 0 {
				text.Write(e)
			}
		case xml.EndElement:
			switch e.Name.Local {
			case "details":
				inDetails = false
			case "th", "td":
				text.WriteString(" | ")
			case "h1", "h2", "h3", "caption", "summary", "figcaption", "tr", "dt", "dd", "li", "p":
				listening--
				if !inDetails || e.Name.Local == "summary" {
					fmt.Fprintf(&b, "%s: %s\n", e.Name.Local, strings.TrimRight(strings.Join(strings.Fields(text.String()), " "), " |"))
				}
				text.Reset()
			}
		}
	}
	return b.String()
}

func TestWriteHTMLGolden(t *testing.T) {
	for _, name := range []string{"authentic", "forged", "undetermined"} {
		golden(t, name+".outline.txt", []byte(outline(tokens(t, render(t, cases()[name]), true))))
	}
}

// TestWriteHTMLSafe: whatever the report holds, the page is well-formed, runs nothing, loads nothing and shows no
// number that is none.
func TestWriteHTMLSafe(t *testing.T) {
	external := regexp.MustCompile(`(?i)(https?:|//[a-z]|@import|<link|<iframe|<object|<embed|<base|<form|\bsrc="[^d])`)
	numbers := regexp.MustCompile(`^(translate|scale|[-0-9. MLHVZhv()])*$`)
	for name, r := range cases() {
		t.Run(name, func(t *testing.T) {
			s := render(t, r)
			for _, tok := range tokens(t, s, true) {
				e, ok := tok.(xml.StartElement)
				if !ok {
					continue
				}
				if e.Name.Local == "script" {
					t.Error("the page has a script")
				}
				for _, a := range e.Attr {
					if strings.HasPrefix(strings.ToLower(a.Name.Local), "on") {
						t.Errorf("<%s> has a handler %s", e.Name.Local, a.Name.Local)
					}
					switch a.Name.Local {
					case "d", "transform", "viewBox", "x", "y":
						if !numbers.MatchString(a.Value) {
							t.Errorf("<%s %s> has a number that is none: %.80s", e.Name.Local, a.Name.Local, a.Value)
						}
					}
				}
			}
			text := strings.ReplaceAll(s, `xmlns="http://www.w3.org/2000/svg"`, "")
			text = regexp.MustCompile(`data:image/png;base64,[A-Za-z0-9/=&#;]+`).ReplaceAllString(text, "data:")
			if found := external.FindString(text); found != "" {
				t.Errorf("the page reaches outside: %s", found)
			}
			for _, bad := range []string{"ZgotmplZ", "NaN", "\x00", "\x1b", "\u202e", "\u2066", "\u2028"} {
				if strings.Contains(text, bad) {
					t.Errorf("the page contains %q", bad)
				}
			}
		})
	}
}

func TestWriteHTMLDrawingsAreXML(t *testing.T) {
	svg := regexp.MustCompile(`(?s)<svg class="chart.*?</svg>\s*</svg>|<svg class="chart[^>]*>.*?\n</svg>`)
	for name, r := range cases() {
		for _, s := range svg.FindAllString(render(t, r), -1) {
			if !strings.HasSuffix(s, "\n</svg>") {
				t.Errorf("%s: the pattern cut a drawing", name)
			}
			tokens(t, s, false)
		}
	}
}

// longReport is ten hours with two channels, forged spans and gaps.
func longReport() detect.Report {
	const n = 36_000
	var spans []detect.Span
	for at := 600.0; at < n-100; at += 500 {
		spans = append(spans, detect.Span{Start: at, End: at + 40, Kind: detect.SpanForeign})
	}
	truth := grid(50, n, 5)
	r := detect.Report{Media: "night.wav", Reference: "grid.csv", Grid: enf.Grid50, Verdict: detect.Forged, Options: options()}
	for seed := range uint64(2) {
		e := recorded(truth, enf.Grid50, 0.001, 0.002, spans, seed)
		for i := 20_000; i < 21_000; i++ {
			e.Series.Hz[i] = math.NaN()
		}
		r.Channels = append(r.Channels, channel(truth, e, 0.001, spans))
	}
	return r
}

func TestWriteHTMLStaysSmall(t *testing.T) {
	s := render(t, longReport())
	t.Logf("ten hours, two channels: %d bytes", len(s))
	if len(s) > 2<<20 {
		t.Errorf("the page of ten hours has %d bytes", len(s))
	}
	tokens(t, s, true)
}

// TestWriteHTMLWorstCase: verdicts that alternate and spans without number are drawn within the same bound.
func TestWriteHTMLWorstCase(t *testing.T) {
	r := longReport()
	for i := range r.Channels {
		c := &r.Channels[i]
		c.Forged = nil
		for k := range c.Windows {
			c.Windows[k].Verdict = []detect.Verdict{detect.Authentic, detect.Forged, detect.Undetermined}[k%3]
		}
		for k := range c.Estimate.Series.Hz {
			if k%2 == 0 {
				c.Estimate.Series.Hz[k] = math.NaN()
				c.Forged = append(c.Forged, detect.Span{Start: float64(k), End: float64(k) + 0.5, Kind: detect.SpanCut})
			}
		}
	}
	if s := render(t, r); len(s) > 3<<20 {
		t.Errorf("the page has %d bytes", len(s))
	}
}

func TestPlot(t *testing.T) {
	long := longReport().Channels[0].Estimate
	for name, e := range map[string]enf.Estimate{
		"long": long, "none": noENF(100).Estimate, "zero": {}, "second": oneSecond().Channels[0].Estimate,
		"nan": allNaN().Channels[0].Estimate, "hostile": hostile().Channels[0].Estimate,
	} {
		var b bytes.Buffer
		if err := Plot(&b, nasty, e); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		tokens(t, b.String(), false)
		t.Logf("%s: %d bytes", name, b.Len())
		if b.Len() > 250_000 {
			t.Errorf("%s: the plot has %d bytes", name, b.Len())
		}
		if strings.Contains(b.String(), "<script") || strings.Contains(b.String(), "NaN") || strings.Contains(b.String(), "\x1b") {
			t.Errorf("%s: the plot is not safe", name)
		}
	}
}

// TestLineKeepsSpikes: however many values share a column of pixels, the extreme ones are drawn.
func TestLineKeepsSpikes(t *testing.T) {
	const n = 100_000
	l := layer{t: make([]float64, n), y: make([]float64, n)}
	for i := range l.t {
		l.t[i] = float64(i)
	}
	l.y[54_321], l.y[54_322] = 1, -1
	x, y := scale{limits{0, n}, 800, false}, scale{limits{-1, 1}, 100, true}
	d := l.path(x, y)
	for _, spike := range []string{"L434.6 0L", "L434.6 100L"} {
		if !strings.Contains(d, spike) {
			t.Errorf("the path lacks %s", spike)
		}
	}
	if points := strings.Count(d, "L"); points > 4*801 {
		t.Errorf("%d points in 800 columns", points)
	}
}

func TestLineBreaksAtGaps(t *testing.T) {
	nan := math.NaN()
	l := layer{t: []float64{0, 1, 2, 3, 4, 5, 60, 61}, y: []float64{1, 1, nan, 1, nan, 1, 1, 1}}
	x, y := scale{limits{0, 61}, 61, false}, scale{limits{0, 2}, 100, true}
	if got, want := l.path(x, y), "M0 50L1 50M3 50h0M5 50h0M60 50L61 50"; got != want {
		t.Errorf("path %s, want %s", got, want)
	}
	l.err = []float64{1, 1, 1, 1, 1, 1, 1, nan}
	if got, want := l.path(x, y), "M0 0L1 0L1 100L0 100ZM3 0L3 100ZM5 0L5 100ZM60 0L60 100Z"; got != want {
		t.Errorf("band %s, want %s", got, want)
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		seconds float64
		n       int
		unit    string
		first   string
		last    string
	}{
		{1, 10, "s", "0.0", "1.0"}, {600, 10, "h:mm:ss", "0:00:00", "0:10:00"}, {3600, 10, "h:mm:ss", "0:00:00", "1:00:00"},
		{36000, 10, "h:mm:ss", "0:00:00", "10:00:00"}, {3700, 500, "h:mm:ss", "0:00:00", "1:01:40"}, {1e9, 10, "h:mm:ss", "0:00:00", "245760:00:00"},
	} {
		got := timeTicks(c.seconds, c.n)
		if n := len(got.text); got.unit != c.unit || n < 2 || n > c.n+1 || got.text[0] != c.first || got.text[n-1] != c.last {
			t.Errorf("timeTicks(%v, %d) = %s %v", c.seconds, c.n, got.unit, got.text)
		}
	}
	for _, c := range []struct {
		limits
		want string
	}{
		{limits{59.95, 60.05}, "59.95 60.00 60.05"}, {limits{-42, 18}, "−40 −20 0"}, {limits{0, 0}, ""},
		{limits{math.Inf(-1), math.Inf(1)}, ""}, {limits{1, math.NaN()}, ""},
	} {
		if got := strings.Join(valueTicks(c.limits, 4, 0).text, " "); got != c.want {
			t.Errorf("valueTicks(%v) = %s, want %s", c.limits, got, c.want)
		}
	}
}

func TestSpectrogramMerges(t *testing.T) {
	g := &Spectrogram{}
	power := make([]float64, 200)
	for i := range 100_000 {
		for k := range power {
			power[k] = 1
		}
		power[120] = 5
		g.Add(enf.Slice{Second: float64(i), From: 59, Step: 0.01, Power: power})
	}
	if n := len(g.columns); n > maxColumns || n < maxColumns/2 {
		t.Errorf("%d columns", n)
	}
	if start, end := g.seconds(); start != -0.5 || end < 99_999.5 || end > 100_000+g.width {
		t.Errorf("the picture reaches from %v s to %v s", start, end)
	}
	for _, c := range g.columns {
		if got := float64(c.sum[120]) / float64(c.slices); math.Abs(got-5) > 1e-3 {
			t.Fatalf("a mean of %v, want 5", got)
		}
	}
	if b := g.band(); math.Abs(b.lo-58.995) > 1e-9 || math.Abs(b.hi-60.995) > 1e-9 {
		t.Errorf("the band is %v", b)
	}
	if low, high := g.crop(limits{59.9, 60.1}); low != 90 || high != 111 {
		t.Errorf("59.9 Hz to 60.1 Hz are the rows %d to %d", low, high)
	}
}

// TestSpectrogramKeepsLines: fewer rows than bins must not dim a narrow line, wherever it falls.
func TestSpectrogramKeepsLines(t *testing.T) {
	const bins = 5000
	for _, k := range []int{0, 1, 1234, 2500, bins - 1} {
		g := &Spectrogram{}
		power := make([]float64, bins)
		power[k] = 100
		g.Add(enf.Slice{From: 59, Step: 2.0 / bins, Power: power})
		most, row := float32(0), 0
		for r, p := range g.columns[0].sum {
			if p > most {
				most, row = p, r
			}
		}
		if f := g.from + (float64(row)+0.5)*g.step; most != 100 || math.Abs(f-(59+float64(k)*2.0/bins)) > g.step {
			t.Errorf("the line in bin %d is %v high at %v Hz", k, most, f)
		}
	}
}

func TestSpectrogramIgnoresNonsense(t *testing.T) {
	g := &Spectrogram{}
	nan, inf := math.NaN(), math.Inf(1)
	one := []float64{1}
	for _, s := range []enf.Slice{
		{}, {Step: 1}, {Second: nan, Step: 1, Power: one}, {Second: inf, Step: 1, Power: one}, {Second: -1, Step: 1, Power: one},
		{Step: nan, Power: one}, {Step: 0, Power: one}, {Step: inf, Power: one}, {From: nan, Step: 1, Power: one}, {Second: 1e300, Step: 1, Power: one},
	} {
		if g.Add(s); !g.empty() {
			t.Fatalf("%+v was taken in", s)
		}
	}
	g.Add(enf.Slice{Second: 5, From: 50, Step: 0.01, Power: []float64{nan, inf, -1, 1e300}})
	g.Add(enf.Slice{Second: 1e9, From: -1e300, Step: 1e300, Power: []float64{3, 4}})
	g.Add(enf.Slice{Second: 3, From: 50, Step: 0.003, Power: one})
	if len(g.columns) > maxColumns {
		t.Errorf("%d columns", len(g.columns))
	}
	if _, err := g.render(0, g.rows); err != nil {
		t.Error(err)
	}
}

func TestSpectrogramMemory(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	power := make([]float64, 2049)
	for k := range power {
		power[k] = rng.ExpFloat64()
	}
	var before, after runtime.MemStats
	g := &Spectrogram{}
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 10_000 {
		g.Add(enf.Slice{Second: float64(i), From: 59, Step: 2.0 / 2048, Power: power})
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("a spectrogram of three hours holds %d bytes", grown)
	}
	runtime.KeepAlive(g)
}

func TestShade(t *testing.T) {
	for _, c := range []struct {
		power float64
		want  uint8
	}{{math.NaN(), 0}, {0, 1}, {1, 1}, {math.Pow(10, 1.5), 31}, {1000, 61}, {math.Inf(1), 61}} {
		if got := shade(c.power); got != c.want {
			t.Errorf("shade(%v) = %d, want %d", c.power, got, c.want)
		}
	}
	p := palette()
	if first, last := p[1], p[len(p)-1]; len(p) != shades+1 || first != viridisAnchors[0] || last != viridisAnchors[8] {
		t.Errorf("the palette has %d colours from %v to %v", len(p), first, last)
	}
}

func BenchmarkWriteHTML(b *testing.B) {
	r := longReport()
	g := spectrogramOf(r.Channels[0].Estimate.Series, enf.Grid50, 1)
	b.ReportAllocs()
	for b.Loop() {
		if err := WriteHTML(io.Discard, HTML{Report: r, Spectrograms: []*Spectrogram{g, g}}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSpectrogramAdd(b *testing.B) {
	g := &Spectrogram{}
	s := enf.Slice{From: 49, Step: 2.0 / 2048, Power: make([]float64, 2049)}
	b.ReportAllocs()
	for b.Loop() {
		s.Second++
		if s.Second > 36_000 {
			s.Second = 0
		}
		g.Add(s)
	}
}
