// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/defakepro/defakepro/detect"
)

// A plot is one or more panels over the same time axis, before it is laid out on a width.
type plot struct {
	title, desc string // what it shows, for those who see it and for those who do not
	seconds     float64
	panels      []panel
	standalone  bool
}

// A panel is one quantity over time.
type panel struct {
	label  string // the quantity and its unit
	height float64
	y      limits
	spans  []detect.Span // shaded and numbered
	quiet  bool          // another part of the legend explains them
	image  *picture
	layers []layer
	rules  []rule
	strip  []cell // coloured along the bottom, thick pixels high
	thick  float64
	digits int    // least decimals of the y axis
	note   string // stands in for curves and y axis where there is nothing to draw
}

// A layer is one curve: y over t in seconds, t ascending, as a line, or as a band of half width err around it.
type layer struct {
	class, name string // the name goes to the legend, unless empty
	t, y, err   []float64
}

// A rule is a horizontal line across a panel.
type rule struct {
	class, name string
	y           float64
}

// A cell is a stretch of the strip at the bottom of a panel; its name goes to the legend.
type cell struct {
	class, name string
	start, end  float64
}

// A picture lies under the layers: the image with an id in the page, or with its own data.
type picture struct {
	id         string
	start, end float64 // seconds
	y          limits
}

// limits is the range of an axis.
type limits struct{ lo, hi float64 }

// The layout, in CSS pixels. Panels have a header for their label and legend, an inner margin so that lines do not
// touch the frame, and room for the numbers of the y axis at the left.
const (
	wideWidth    = 960
	narrowWidth  = 360
	leftMargin   = 60
	rightMargin  = 22
	headerHeight = 26
	footerHeight = 38
	panelGap     = 10
	entryGap     = 14
	glyphWidth   = 6.7 // of the 12 px legend, on average
	tickWidth    = 70  // of the time axis, for each label
)

// drawing is a plot laid out on a width: what the template chart.svg writes. Numbers are already text.
type drawing struct {
	Class, Title, Desc  string
	Standalone          bool   // a file of its own, which brings its style and its paper
	Width, Height, Left string // of the whole; Left is where panels begin
	ViewBox             string
	Panels              []drawnPanel
	XLabels             []label
}

type drawnPanel struct {
	Label                      label
	Legend                     []entry
	Top, Width, Height, Bottom string
	Image                      *drawnImage
	Under, Shapes              []shape // the grid and the shading; the curves
	YLabels, Marks             []label
	Note                       label
}

// shape is a path with a class and, unless empty, a text that says what it is.
type shape struct{ Class, Path, Title string }

type label struct{ X, Y, Anchor, Text string }

type entry struct {
	label
	Class, Path string
}

type drawnImage struct{ ID, Transform string }

// draw lays p out on a width. class goes to the svg element.
func (p plot) draw(width float64, class string) drawing {
	inner := width - leftMargin - rightMargin
	x := scale{limits{0, p.seconds}, inner, false}
	d := drawing{Class: class, Title: p.title, Desc: p.desc, Width: px(width), Left: px(leftMargin)}
	times := timeTicks(p.seconds, int(inner/tickWidth))
	top := 0.0
	for i, pan := range p.panels {
		if i > 0 {
			top += panelGap
		}
		rows := pan.legendRows(width)
		top += headerHeight * float64(1+rows)
		dp := pan.draw(x, times.at)
		dp.YLabels = pan.labels(top)
		dp.Label = label{X: px(0), Y: px(top - headerHeight*float64(rows) - 9), Text: pan.label}
		dp.Legend = pan.legend(width, top)
		dp.Top, dp.Bottom = px(top), px(top+pan.height)
		d.Panels = append(d.Panels, dp)
		top += pan.height
	}
	for i, t := range times.at {
		d.XLabels = append(d.XLabels, label{X: px(leftMargin + x.at(t)), Y: px(top + 16), Anchor: "middle", Text: times.text[i]})
	}
	d.XLabels = append(d.XLabels, label{X: px(leftMargin + inner), Y: px(top + 33), Anchor: "end", Text: "time in the recording (" + times.unit + ")"})
	d.Height = px(top + footerHeight)
	d.ViewBox = "0 0 " + d.Width + " " + d.Height
	if p.standalone { // no page gives it a margin
		d.Standalone = true
		d.Width, d.Height = px(width+24), px(top+footerHeight+16)
		d.ViewBox = "-12 -8 " + d.Width + " " + d.Height
	}
	return d
}

// draw lays a panel out; its coordinates count from its own top left corner.
func (p panel) draw(x scale, times []float64) drawnPanel {
	y := scale{p.y, p.height, true}
	d := drawnPanel{Width: px(x.size), Height: px(p.height)}
	var grid path
	for _, v := range p.ticks().at {
		grid.move(0, y.at(v)).line(x.size, y.at(v))
	}
	for _, t := range times {
		grid.move(x.at(t), 0).line(x.at(t), p.height)
	}
	d.Under = append(d.Under, shape{Class: "grid", Path: grid.String()})
	if p.image != nil {
		d.Image = p.image.place(x, y)
	}
	p.drawSpans(&d, x)
	for _, r := range p.rules {
		var rule path
		rule.move(0, y.at(r.y)).line(x.size, y.at(r.y))
		d.Shapes = append(d.Shapes, shape{Class: r.class, Path: rule.String()})
	}
	for _, l := range p.layers {
		if s := l.path(x, y); s != "" {
			d.Shapes = append(d.Shapes, shape{Class: l.class, Path: s})
		}
	}
	d.Note = label{X: px(x.size / 2), Y: px(p.height / 2), Anchor: "middle", Text: p.note}
	d.Shapes = append(d.Shapes, stripShapes(p.strip, x, p.height-p.thick, p.height)...)
	return d
}

// ticks are those of the y axis.
func (p panel) ticks() ticks {
	if p.note != "" {
		return ticks{}
	}
	return valueTicks(p.y, int(p.height/34), p.digits)
}

// labels writes the numbers of the y axis beside a panel whose upper edge is at top.
func (p panel) labels(top float64) []label {
	y := scale{p.y, p.height, true}
	t := p.ticks()
	var out []label
	for i, v := range t.at {
		out = append(out, label{X: px(leftMargin - 7), Y: px(top + y.at(v) + 4), Anchor: "end", Text: t.text[i]})
	}
	return out
}

// drawSpans shades the forged spans and numbers them as far as there is room, as the table does.
func (p panel) drawSpans(d *drawnPanel, x scale) {
	var fill, caps path
	last, right := math.Inf(-1), math.Inf(-1)
	for i, s := range p.spans {
		a, b := x.at(s.Start), x.at(s.End)
		if b-a < 3 { // a cut has next to no length, and must be seen all the same
			a, b = (a+b)/2-1.5, (a+b)/2+1.5
		}
		if b-right >= 0.5 {
			left := math.Max(a, right)
			fill.rect(left, 0, b, p.height)
			caps.rect(left, 0, b, 3)
			right = b
		}
		if mid := (a + b) / 2; mid-last > 18 && mid >= 0 && mid <= x.size {
			d.Marks = append(d.Marks, label{X: px(mid), Y: px(15), Anchor: "middle", Text: decimals(float64(i+1), 0)})
			last = mid
		}
	}
	if len(p.spans) > 0 {
		title := "forged: " + count(len(p.spans), "span", "spans")
		d.Under = append(d.Under, shape{"forged", fill.String(), title})
		d.Shapes = append(d.Shapes, shape{"cap", caps.String(), title})
	}
}

// stripShapes draws cells in ascending order of time, one path a class, forged ones on top. What is closer together than
// half a pixel runs together, so that any number of cells stays small.
func stripShapes(cells []cell, x scale, top, bottom float64) []shape {
	var order []string
	byClass := map[string][]cell{}
	for _, c := range cells {
		run := byClass[c.class]
		switch n := len(run) - 1; {
		case n < 0:
			order = append(order, c.class)
			fallthrough
		case x.at(c.start)-x.at(run[n].end) > 0.5:
			byClass[c.class] = append(run, c)
		default:
			run[n].end = math.Max(run[n].end, c.end)
		}
	}
	slices.SortStableFunc(order, func(a, b string) int {
		return cmp.Compare(strings.Count(a, "forged"), strings.Count(b, "forged"))
	})
	var out []shape
	for _, class := range order {
		var p path
		for _, c := range byClass[class] {
			left := x.at(c.start)
			p.rect(left, top, math.Max(x.at(c.end), left+2), bottom) // a cut must be seen
		}
		out = append(out, shape{Class: class, Path: p.String()})
	}
	return out
}

// entries are the names of the legend, each with its class.
func (p panel) entries() []entry {
	var out []entry
	for _, l := range p.layers {
		if l.name != "" {
			out = append(out, entry{label: label{Text: l.name}, Class: l.class})
		}
	}
	for _, r := range p.rules {
		if r.name != "" {
			out = append(out, entry{label: label{Text: r.name}, Class: r.class})
		}
	}
	if len(p.spans) > 0 && !p.quiet {
		out = append(out, entry{label: label{Text: "forged"}, Class: "forged"})
	}
	named := map[string]bool{}
	for _, c := range p.strip {
		if c.name != "" && !named[c.class] {
			named[c.class] = true
			out = append(out, entry{label: label{Text: c.name}, Class: c.class})
		}
	}
	return out
}

// legendRows is 0 where the legend fits beside the label, else the number of rows that it needs below it.
func (p panel) legendRows(width float64) int {
	need, rows, x := textWidth(p.label)+30+rightMargin, 1, 0.0
	for _, e := range p.entries() {
		w := entryWidth(e)
		need += w
		if x > 0 && x+w-entryGap > width {
			rows, x = rows+1, 0
		}
		x += w
	}
	if need <= width {
		return 0
	}
	return rows
}

// legend places the entries above a panel whose upper edge is at top: right-aligned beside the label where they fit,
// else in rows below it.
func (p panel) legend(width, top float64) []entry {
	entries := p.entries()
	rows := p.legendRows(width)
	x, y := 0.0, top-headerHeight*float64(max(rows, 1)-1)
	if rows == 0 {
		x = width - rightMargin + entryGap
		for _, e := range entries {
			x -= entryWidth(e)
		}
	}
	for i := range entries {
		e := &entries[i]
		if rows > 0 && x > 0 && x+entryWidth(*e)-entryGap > width {
			x, y = 0, y+headerHeight
		}
		var swatch path
		if e.Class == "band" || e.Class == "forged" || strings.HasPrefix(e.Class, "cell-") {
			swatch.rect(x, y-19, x+18, y-7)
		} else {
			swatch.move(x, y-13).line(x+18, y-13)
		}
		e.Path, e.X, e.Y = swatch.String(), px(x+23), px(y-9)
		x += entryWidth(*e)
	}
	return entries
}

func entryWidth(e entry) float64 { return 23 + textWidth(e.Text) + entryGap }

func textWidth(s string) float64 { return glyphWidth * float64(utf8.RuneCountInString(s)) }

// place maps the unit square of the image onto the panel.
func (p picture) place(x, y scale) *drawnImage {
	left, right := x.at(p.start), x.at(p.end)
	top, bottom := y.at(p.y.hi), y.at(p.y.lo)
	var b strings.Builder
	b.WriteString("translate(" + px(left) + " " + px(top) + ") scale(" + px(right-left) + " " + px(bottom-top) + ")")
	return &drawnImage{ID: p.id, Transform: b.String()}
}

// path draws a layer with at most four points for each column of pixels. It is interrupted where values are missing,
// if that is wide enough to be seen.
func (l layer) path(x, y scale) string {
	pixel := (x.hi - x.lo) / x.size
	gap := pixel
	if len(l.t) > 1 {
		gap = math.Max(pixel, 1.5*(l.t[1]-l.t[0]))
	}
	var out path
	var run []int // the values of an uninterrupted stretch
	for i, t := range l.t {
		if !finite(t) || !finite(l.y[i]) || l.err != nil && !finite(l.err[i]) {
			continue
		}
		if len(run) > 0 && t-l.t[run[len(run)-1]] > gap {
			l.stretch(&out, x, y, run)
			run = run[:0]
		}
		run = append(run, i)
	}
	l.stretch(&out, x, y, run)
	return out.String()
}

// stretch draws values without a gap.
func (l layer) stretch(out *path, x, y scale, run []int) {
	switch {
	case len(run) == 0:
	case l.err != nil:
		l.band(out, x, y, run)
	default:
		l.line(out, x, y, run)
	}
}

// line draws, of each column of pixels, the first, the least, the greatest and the last value.
func (l layer) line(out *path, x, y scale, run []int) {
	for i := 0; i < len(run); {
		column := math.Floor(x.at(l.t[run[i]]))
		lo, hi, j := i, i, i
		for ; j < len(run) && math.Floor(x.at(l.t[run[j]])) == column; j++ {
			if l.y[run[j]] < l.y[run[lo]] {
				lo = j
			}
			if l.y[run[j]] > l.y[run[hi]] {
				hi = j
			}
		}
		last := -1
		for _, k := range [...]int{i, min(lo, hi), max(lo, hi), j - 1} {
			if k > last {
				out.to(x.at(l.t[run[k]]), y.at(l.y[run[k]]), k == 0)
				last = k
			}
		}
		i = j
	}
	if len(run) == 1 {
		out.dot()
	}
}

// band draws the outline: the greatest upper edge of each column of pixels, and back along the least lower edges.
func (l layer) band(out *path, x, y scale, run []int) {
	type edge struct{ x, upper, lower float64 }
	var edges []edge
	for _, i := range run {
		e := edge{x.at(l.t[i]), y.at(l.y[i] + l.err[i]), y.at(l.y[i] - l.err[i])}
		if n := len(edges) - 1; n >= 0 && math.Floor(edges[n].x) == math.Floor(e.x) {
			edges[n].upper = math.Min(edges[n].upper, e.upper)
			edges[n].lower = math.Max(edges[n].lower, e.lower)
			continue
		}
		edges = append(edges, e)
	}
	for i, e := range edges {
		out.to(e.x, e.upper, i == 0)
	}
	for _, e := range slices.Backward(edges) {
		out.line(e.x, e.lower)
	}
	out.close()
}
