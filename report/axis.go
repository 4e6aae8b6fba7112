// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"math"
	"strconv"
	"strings"
)

// A scale maps a range of values onto pixels.
type scale struct {
	limits
	size float64
	up   bool // greater values lie higher, which is at smaller pixels
}

// far bounds coordinates, in pixels: a value can be anything, and renderers fail on huge numbers.
const far = 10000

// at is the pixel of v, within far of the panel; values that are not finite are not drawn, and lie at its edge.
func (s scale) at(v float64) float64 {
	p := (v - s.lo) / (s.hi - s.lo) * s.size
	if math.IsNaN(p) {
		p = 0
	}
	if s.up {
		p = s.size - p
	}
	return math.Max(-far, math.Min(far, p))
}

// A path is the d attribute of an SVG path in the making.
type path struct{ strings.Builder }

func (p *path) move(x, y float64) *path { return p.command("M", x, y) }
func (p *path) line(x, y float64) *path { return p.command("L", x, y) }

// to continues a curve, or begins it.
func (p *path) to(x, y float64, begin bool) {
	if begin {
		p.move(x, y)
		return
	}
	p.line(x, y)
}

// dot ends a curve of one point, so that its line cap shows.
func (p *path) dot() { p.WriteString("h0") }

func (p *path) close() { p.WriteString("Z") }

func (p *path) rect(left, top, right, bottom float64) {
	p.move(left, top).command("H", right).command("V", bottom).command("H", left).close()
}

func (p *path) command(letter string, numbers ...float64) *path {
	p.WriteString(letter)
	for i, n := range numbers {
		if i > 0 {
			p.WriteByte(' ')
		}
		p.WriteString(px(n))
	}
	return p
}

// px writes a coordinate to a tenth of a pixel.
func px(x float64) string {
	x = math.Round(x*10) / 10
	return strconv.FormatFloat(x+0, 'f', -1, 64) // + 0: no negative zero
}

// ticks are the places on an axis that carry a label.
type ticks struct {
	at   []float64
	text []string
	unit string
}

// timeSteps are the steps between labels on a time axis, in seconds.
var timeSteps = []float64{
	0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 2 * 3600, 3 * 3600, 6 * 3600, 12 * 3600, 24 * 3600,
}

// timeTicks divides 0 to seconds into at most n steps.
func timeTicks(seconds float64, n int) ticks {
	n = max(n, 1)
	step := timeSteps[len(timeSteps)-1]
	for _, s := range timeSteps {
		if seconds/s <= float64(n) {
			step = s
			break
		}
	}
	for seconds/step > float64(n) {
		step *= 2
	}
	t := ticks{unit: "h:mm:ss"}
	if step < 1 {
		t.unit = "s"
	}
	for i := 0; float64(i)*step <= seconds*(1+1e-9); i++ {
		v := float64(i) * step
		t.at = append(t.at, v)
		if step < 1 {
			t.text = append(t.text, decimals(v, 1))
		} else {
			t.text = append(t.text, clock(v))
		}
	}
	return t
}

// valueTicks places about n labels at steps of 1, 2 or 5 times a power of ten, with at least the given decimals.
func valueTicks(l limits, n, digits int) ticks {
	raw := (l.hi - l.lo) / float64(max(n, 2))
	if !finite(raw) || raw <= 0 {
		return ticks{}
	}
	power := math.Floor(math.Log10(raw))
	step := math.Pow(10, power)
	for _, m := range []float64{1, 2, 5, 10} {
		if m*step >= raw*(1-1e-9) {
			step *= m
			break
		}
	}
	digits = min(max(digits, int(math.Ceil(-math.Log10(step)-1e-9))), 12)
	var t ticks
	for i := math.Ceil(l.lo/step - 1e-9); i*step <= l.hi+1e-9*step && len(t.at) < 4*n; i++ {
		t.at = append(t.at, i*step)
		t.text = append(t.text, decimals(i*step, digits))
	}
	return t
}

// rangeOf is the range of an axis for values: that of the finite ones with a margin of a tenth, and no less than least in
// all. So that a few wild values do not flatten all others, ends more than three times as far out as the 0.5 % and 99.5 %
// quantiles are apart are left outside. Without values it is centred on fallback.
func rangeOf(fallback, least float64, values ...[]float64) limits {
	var all []float64
	for _, v := range values {
		all = append(all, v...)
	}
	all = sorted(all)
	lo, hi := fallback, fallback
	if len(all) > 0 {
		lo, hi = quantile(all, 0.005), quantile(all, 0.995)
		reach := 3 * (hi - lo)
		lo, hi = math.Max(all[0], lo-reach), math.Min(all[len(all)-1], hi+reach)
	}
	if !finite(hi - lo) {
		lo, hi = fallback, fallback
	}
	margin := math.Max(0.1*(hi-lo), (least-(hi-lo))/2)
	return limits{lo - margin, hi + margin}
}

// outside counts the finite values that a panel with these limits does not show.
func (l limits) outside(values []float64) int {
	n := 0
	for _, v := range values {
		if finite(v) && (v < l.lo || v > l.hi) {
			n++
		}
	}
	return n
}
