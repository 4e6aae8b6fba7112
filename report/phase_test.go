// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"math"
	"math/cmplx"
	"strings"
	"testing"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

// hum is a minute of the second harmonic, whose phase jumps by a quarter turn at half a minute.
func hum() *detect.Tones {
	const rate = 8
	p := &detect.Tones{}
	z := make([]complex128, 60*rate)
	for i := range z {
		phase := 0.002 * float64(i) // a constant offset turns evenly
		if i >= len(z)/2 {
			phase += math.Pi / 2
		}
		z[i] = cmplx.Rect(1, phase)
	}
	for at := 0; at < len(z); at += 100 {
		p.Add(enf.Tone{Grid: enf.Grid60, Number: 2, Rate: rate, First: at, Samples: z[at:min(at+100, len(z))]})
	}
	return p
}

func TestPhase(t *testing.T) {
	p := hum()
	p.Add(enf.Tone{Grid: enf.Grid60, Number: 2, Input: 1, Rate: 8, Samples: make([]complex128, 8)})
	p.Add(enf.Tone{Grid: enf.Grid60, Number: 2, Rate: 8, First: 9000, Samples: make([]complex128, 8)}) // after a gap
	at, degrees := departure(p.Sums(enf.Grid60, 2, phaseStep))
	if len(at) != 120 {
		t.Fatalf("%d values of a minute", len(at))
	}
	for i, v := range degrees {
		want := 0.0
		switch s := at[i]; {
		case s < 2 || s > 58:
			want = math.NaN()
		case s > 28 && s < 30:
			want = 90
		case s > 30 && s < 32:
			want = -90
		}
		if math.IsNaN(v) != math.IsNaN(want) || math.Abs(v-want) > 0.1 {
			t.Errorf("at %v s: %v degrees, want %v", at[i], v, want)
		}
	}
}

// TestWriteHTMLAlone: the page of a recording without a reference shows its phase, and speaks of none.
func TestWriteHTMLAlone(t *testing.T) {
	r := forged()
	c := &r.Channels[0]
	nan := math.NaN()
	c.Windows, c.Truth.Hz, c.Correlation, c.RMSE, c.Lag, c.Offset, c.Statistics = nil, nil, nan, nan, nan, nan, detect.Statistics{}
	c.Forged = []detect.Span{{Start: 28, End: 32, Kind: detect.SpanCut}}
	h := HTML{Report: r, Alone: true, Remark: nasty}
	h.Tones = hum()
	var b bytes.Buffer
	if err := WriteHTML(&b, h); err != nil {
		t.Fatal(err)
	}
	said := outline(tokens(t, b.String(), true))
	for _, want := range []string{"h1: The trace of the mains in this recording jumps: 1 cut in the audio.", "h3: Phase of the hum", "h3: Frequency of the hum"} {
		if !strings.Contains(said, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, bad := range []string{"against the reference", "compared with the reference", "Assumed start"} {
		if strings.Contains(said, bad) {
			t.Errorf("the page says %q", bad)
		}
	}
}

// TestWriteHTMLJump: beside a reference the phase is shown where it alone tells of a cut.
func TestWriteHTMLJump(t *testing.T) {
	for _, c := range []struct {
		jump  float64
		phase bool
		says  string
	}{
		{0, true, "h1: The trace of the mains in this recording jumps: 1 cut in the audio."},
		{30, false, "h1: The trace of the mains in this recording does not match the power grid at that time: 1 cut in the audio."},
	} {
		h := HTML{Report: forged()}
		h.Report.Channels[0].Forged = []detect.Span{{Start: 28, End: 32, Kind: detect.SpanCut, Jump: c.jump}}
		h.Tones = hum()
		var b bytes.Buffer
		if err := WriteHTML(&b, h); err != nil {
			t.Fatal(err)
		}
		said := outline(tokens(t, b.String(), true))
		if strings.Contains(said, "h3: Phase of the hum") != c.phase || !strings.Contains(said, c.says) {
			t.Errorf("a cut of %v s: the phase is shown, want %v; or the page does not say %q", c.jump, c.phase, c.says)
		}
	}
}
