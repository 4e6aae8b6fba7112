// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"fmt"
	"image/color"
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
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
	// Dots draws points and no line.
	Dots bool
}

// Colours that eight in a hundred men can tell apart too (M. Okabe, K. Ito, Color universal design, 2008).
var palette = []color.Color{
	color.RGBA{0, 114, 178, 255}, color.RGBA{213, 94, 0, 255}, color.RGBA{0, 158, 115, 255}, color.RGBA{204, 121, 167, 255},
	color.RGBA{86, 180, 233, 255}, color.RGBA{230, 159, 0, 255}, color.RGBA{0, 0, 0, 255}, color.RGBA{150, 150, 150, 255},
}

// The size of a plot.
const (
	plotWidth  = 18 * vg.Centimeter
	plotHeight = 10 * vg.Centimeter
)

// WriteSVG draws the plot.
func (p Plot) WriteSVG(w io.Writer) error {
	c := plot.New()
	c.Title.Text, c.X.Label.Text, c.Y.Label.Text = p.Title, p.X, p.Y
	c.Legend.Top = true
	if p.LogX {
		c.X.Scale, c.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	if p.LogY {
		c.Y.Scale, c.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	c.Add(plotter.NewGrid())
	for i, l := range p.Lines {
		shade := palette[i%len(palette)]
		named := false
		for _, points := range p.stretches(l) {
			line, dots, err := plotter.NewLinePoints(points)
			if err != nil {
				return fmt.Errorf("plot %s: %w", p.Name, err)
			}
			line.Color, line.Width, dots.Color = shade, vg.Points(1.5), shade
			dots.Radius = vg.Points(2)
			var drawn interface {
				plot.Plotter
				plot.Thumbnailer
			} = line
			if l.Dots {
				drawn = dots
			}
			c.Add(drawn)
			if !named {
				c.Legend.Add(l.Name, drawn)
				named = true
			}
		}
	}
	canvas, err := c.WriterTo(plotWidth, plotHeight, "svg")
	if err != nil {
		return fmt.Errorf("plot %s: %w", p.Name, err)
	}
	_, err = canvas.WriteTo(w)
	return err
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
