// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Plot is curves over one axis.
type Plot struct {
	// Name tells it from the part's other plots.
	Name string
	// Title, X and Y are its words.
	Title, X, Y string
	// LogX and LogY make an axis logarithmic; points that are not above zero are then left out.
	LogX, LogY bool
	Lines      []Line
}

// Line is a curve through points. A NaN interrupts it.
type Line struct {
	Name string
	X, Y []float64
}

// Colours that eight in a hundred men can tell apart too (M. Okabe, K. Ito, Color universal design, 2008).
var palette = []color.Color{
	color.RGBA{0, 114, 178, 255}, color.RGBA{213, 94, 0, 255}, color.RGBA{0, 158, 115, 255}, color.RGBA{204, 121, 167, 255},
	color.RGBA{86, 180, 233, 255}, color.RGBA{230, 159, 0, 255}, color.RGBA{0, 0, 0, 255}, color.RGBA{150, 150, 150, 255},
}

// The size of a plot without its legend, which is on its right.
const (
	plotWidth  = 16 * vg.Centimeter
	plotHeight = 10 * vg.Centimeter
	plotGap    = 3 * vg.Millimeter
	// plotSpare is by how much the widest fonts that a browser may have for family are wider than the one that words are measured with.
	plotSpare = 1.25
	// family are the fonts of the words: the first, as wide ones, and what there is.
	family = "Liberation Sans,Arial,Helvetica,sans-serif"
)

// WriteSVG draws the plot.
func (p Plot) WriteSVG(w io.Writer) error {
	c, legend := plot.New(), plot.NewLegend()
	c.Title.Text, c.X.Label.Text, c.Y.Label.Text = p.Title, p.X, p.Y
	for _, style := range []*text.Style{&c.Title.TextStyle, &c.X.Label.TextStyle, &c.Y.Label.TextStyle, &c.X.Tick.Label, &c.Y.Tick.Label, &legend.TextStyle} {
		style.Font.Variant = "Sans"
	}
	if p.LogX {
		c.X.Scale, c.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	if p.LogY {
		c.Y.Scale, c.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	legend.Top, legend.Left = true, true
	legend.TextStyle.Font.Size, legend.Padding = vg.Points(10), vg.Points(2)
	c.Add(plotter.NewGrid())
	for i, l := range p.Lines {
		if err := p.draw(c, &legend, l, palette[i%len(palette)]); err != nil {
			return fmt.Errorf("plot %s: %w", p.Name, err)
		}
	}
	// Only a canvas can tell how wide the legend's words are.
	side := plotSpare*legend.Rectangle(draw.New(vgsvg.New(plotWidth, plotHeight))).Size().X + 2*plotGap
	canvas := vgsvg.New(plotWidth+side, plotHeight)
	all := draw.New(canvas)
	all.SetColor(color.White)
	all.Fill(all.Path())
	c.BackgroundColor = nil
	c.Draw(draw.Crop(all, 0, -side, 0, 0))
	legend.Draw(draw.Crop(all, plotWidth+plotGap, -plotGap, 0, -vg.Centimeter))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return fmt.Errorf("plot %s: %w", p.Name, err)
	}
	_, err := strings.NewReplacer("font-family:Liberation Sans;", "font-family:"+family+";").WriteString(w, b.String())
	return err
}

// draw adds a curve and its name.
func (p Plot) draw(c *plot.Plot, legend *plot.Legend, l Line, shade color.Color) error {
	for i, points := range p.stretches(l) {
		line, err := plotter.NewLine(points)
		if err != nil {
			return err
		}
		line.Color, line.Width = shade, vg.Points(1.5)
		c.Add(line)
		if i == 0 {
			legend.Add(l.Name, line)
		}
	}
	return nil
}

// stretches parts a curve where it has no value.
func (p Plot) stretches(l Line) []plotter.XYs {
	var out []plotter.XYs
	var run plotter.XYs
	flush := func() {
		if len(run) > 0 {
			out = append(out, run)
		}
		run = nil
	}
	for i, x := range l.X {
		y := l.Y[i]
		if x-x != 0 || y-y != 0 || p.LogX && x <= 0 || p.LogY && y <= 0 { // NaN and infinities too
			flush()
			continue
		}
		run = append(run, plotter.XY{X: x, Y: y})
	}
	flush()
	return out
}
