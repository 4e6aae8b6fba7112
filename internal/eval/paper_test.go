// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os/exec"
	"strings"
	"testing"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/internal/race"
	"github.com/defakepro/defakepro/sim"
)

func TestAUC(t *testing.T) {
	for _, c := range []struct {
		genuine, forged []float64
		want            float64
	}{
		{[]float64{1, 2}, []float64{3, 4}, 1},
		{[]float64{3, 4}, []float64{1, 2}, 0},
		{[]float64{1, 2}, []float64{1, 2}, 0.5},
		{[]float64{0}, []float64{0}, 0.5},
		{[]float64{1, 3}, []float64{2, 4}, 0.75},
	} {
		if got := auc(c.genuine, c.forged); got != c.want {
			t.Errorf("AUC of %v against %v is %g, want %g", c.forged, c.genuine, got, c.want)
		}
	}
	if !math.IsNaN(auc(nil, []float64{1})) {
		t.Error("there is an AUC of nothing")
	}
}

// TestSwapper holds that an enlarged surface without detail stays as it is but for the weights' own pattern, that detail is lost,
// and that nothing is touched but the face.
func TestSwapper(t *testing.T) {
	const width, height = 96, 64
	s := newSwapper(1, width, height)
	plain, striped := make([]byte, width*height*3/2), make([]byte, width*height*3/2)
	for i := range plain {
		plain[i], striped[i] = 100, byte(100+40*(i%2))
	}
	s.retouch(plain)
	s.retouch(striped)
	changed := 0
	for y := range height {
		for x := range width {
			p, q := int(plain[y*width+x]), int(striped[y*width+x])
			inside := x >= s.face.Min.X && x < s.face.Max.X && y >= s.face.Min.Y && y < s.face.Max.Y
			if !inside && (p != 100 || q != 100+40*(x%2)) {
				t.Fatalf("pixel %d,%d outside the face is %d and %d", x, y, p, q)
			}
			if p < 75 || p > 125 {
				t.Errorf("pixel %d,%d of a plain surface is %d", x, y, p)
			}
			if p != 100 {
				changed++
			}
		}
	}
	if changed < s.face.Dx() {
		t.Errorf("%d pixels show the kernel's pattern", changed)
	}
	middle := s.face.Min.Add(s.face.Size().Div(2))
	a, b := int(striped[middle.Y*width+middle.X]), int(striped[middle.Y*width+middle.X+1])
	if max(a-b, b-a) > 35 {
		t.Errorf("stripes of one pixel went through half the size: %d beside %d", a, b)
	}
}

func TestStore(t *testing.T) {
	s, runs := Store{Dir: t.TempDir()}, 0
	run := func() (int, error) { runs++; return 41 + runs, nil }
	for _, c := range []struct {
		key        string
		want, runs int
	}{{"a", 42, 1}, {"a", 42, 1}, {"b", 43, 2}, {"a", 42, 2}} {
		if got, err := remembered(s, c.key, run); got != c.want || runs != c.runs || err != nil {
			t.Errorf("%s: %d after %d runs, %v", c.key, got, runs, err)
		}
	}
	bad := errors.New("bad")
	if _, err := remembered(s, "c", func() (int, error) { return 0, bad }); !errors.Is(err, bad) {
		t.Error(err)
	}
	if got, err := remembered(s, "c", run); got != 44 || err != nil {
		t.Errorf("what failed was kept: %d, %v", got, err)
	}
	if got, _ := remembered(Store{}, "a", run); got != 45 {
		t.Errorf("a store without a folder keeps: %d", got)
	}
}

func TestPaper(t *testing.T) {
	part := Part{
		Name: "x", Title: "X <b>", Text: []string{"Words & more of E\\*: see [it.md](it.md) or `x < y`."}, Repeat: "run",
		Tables: []Table{{"t", []string{"a", "b"}, [][]string{{"1", "2"}}}},
		Plots:  []Plot{{Name: "p", Title: "P", X: "x", Y: "y", LogY: true, Lines: []Line{{Name: "l<", X: []float64{1, 2, 3, 4}, Y: []float64{1, math.NaN(), 0, 10}}}}},
	}
	var page, html bytes.Buffer
	p := Paper{part, part}
	if err := errors.Join(p.WriteMarkdown(&page), p.WriteHTML(&html)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"## X <b>", "| a | b |\n|---|---|\n| 1 | 2 |", "![P](x-p.svg)", "    run\n"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("no %q in:\n%s", want, &page)
		}
	}
	for _, want := range []string{"X &lt;b&gt;", "Words &amp; more of E*: see <a href=\"it.md\">it.md</a> or <code>x &lt; y</code>.", "sans-serif;", "<svg", "<td>2</td>"} {
		if !strings.Contains(html.String(), want) {
			t.Errorf("no %q in the page", want)
		}
	}
	names := map[string]bool{}
	for _, f := range p.Files() {
		names[f.Name] = true
		var b bytes.Buffer
		if err := f.Write(&b); err != nil || b.Len() == 0 {
			t.Errorf("%s: %d bytes, %v", f.Name, b.Len(), err)
		}
		if d := xml.NewDecoder(&b); strings.HasSuffix(f.Name, ".svg") {
			var err error
			for err == nil {
				_, err = d.Token()
			}
			if !errors.Is(err, io.EOF) {
				t.Errorf("%s: %v", f.Name, err)
			}
		}
	}
	for _, name := range []string{"x-t.csv", "x-p.svg", "x-p.csv", "paper.html"} {
		if !names[name] {
			t.Errorf("no %s among %v", name, names)
		}
	}
}

// TestTable2 runs a small form, and holds that what must be seen is seen.
func TestTable2(t *testing.T) {
	race.SkipNumeric(t)
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("no ffmpeg command: ", err)
	}
	o := Table2Options{
		Sizes: []string{"64x48"}, Videos: 1, Seconds: 150, Training: 2, TrainingSeconds: 12, SpeedFrames: 2, Seed: 1, Store: Store{Dir: t.TempDir()},
	}
	res, err := Table2(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	v := res.Tests[0]
	if v.Attack != sim.Foreign || len(v.Windows) != 8 || len(v.Frames) != 150 {
		t.Fatalf("%s, %d windows, %d frames", v.Attack, len(v.Windows), len(v.Frames))
	}
	for _, w := range v.Windows {
		if w.Forged != (w.LLR < 0) {
			t.Errorf("window at %g s, forged %t, has a ratio of %.1f", w.Start, w.Forged, w.LLR)
		}
	}
	for _, f := range v.Frames {
		if len(f.Raw) == 0 || len(f.Received) == 0 || f.Forged != (f.Second >= 75) {
			t.Fatalf("frame at %d s, forged %t: %d and %d values", f.Second, f.Forged, len(f.Raw), len(f.Received))
		}
	}
	part, err := res.Part("again")
	if err != nil || len(part.Tables) != 3 || len(part.Tables[0].Rows) != 1 {
		t.Errorf("%d tables, %v", len(part.Tables), err)
	}
	for _, s := range res.Speeds {
		if !(s.Decode > 0 && s.DeFakePro > 0 && s.UpConv > s.Finding && s.Finding > 0) {
			t.Errorf("speeds %+v", s)
		}
	}
	o.Sizes = []string{"none"}
	if _, err := Table2(t.Context(), o); err == nil {
		t.Error("a size of none is measured")
	}
}

// TestJudge holds that windows across the middle are left out, and a picture without ENF is neither for nor against.
func TestJudge(t *testing.T) {
	truth := enf.Series{Hz: []float64{60, 60}}
	windows := judge(t.Context(), enf.Estimate{Reason: "none"}, truth, 300)
	if len(windows) != 19+19 {
		t.Fatalf("%d windows", len(windows))
	}
	for _, w := range windows {
		if w.Forged != (w.Start >= 150) || !w.Forged && w.Start > 90 || w.LLR != 0 || w.Correlation != 0 {
			t.Errorf("%+v", w)
		}
	}
}
