// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/png"
	"math"

	"github.com/defakepro/defakepro/enf"
)

// The bounds of a spectrogram. In memory: 1500 columns of 1024 rows in single precision are 6 MB, however long the
// recording. In the picture: more than these pixels are not seen on a page, and make it heavy.
const (
	maxColumns      = 1500
	maxRows         = 1024
	maxImageColumns = 1000
	maxImageRows    = 240
	maxSecond       = 1e9 // some thirty years; a time beyond it is an error
)

// The colour scale of a spectrogram, in decibels over the noise.
const (
	floorDB = 0
	ceilDB  = 30
)

// Spectrogram collects the spectrum slices of one channel for a picture. Its [Spectrogram.Add] is an estimator's
// observer. The zero value is ready for use. Memory is bounded for any length of recording: when there are too many
// columns, neighbours are averaged and each column stands for twice the time. It is not safe for concurrent use.
type Spectrogram struct {
	from, step float64 // the frequency of the lower edge of row 0, and the height of a row, in hertz
	rows       int
	width      float64 // the seconds of a column
	columns    []column

	// bins are the first and the last bin of each row, for slices of a shape.
	shape struct {
		from, step float64
		n          int
	}
	bins [][2]int
}

// column is the sum of the slices of a stretch of time.
type column struct {
	sum    []float32 // power in units of the noise, row by row; nil where there was no slice
	slices int
}

// Add takes in one slice. It keeps nothing of s.Power. Slices may come in any order and have different frequencies; the
// rows are those of the first. A slice without power, or with a time or frequency that makes no sense, is ignored.
func (g *Spectrogram) Add(s enf.Slice) {
	// The comparisons are the right way round for NaN.
	if len(s.Power) == 0 || !(s.Step > 0) || !finite(s.From) || !finite(s.Step) || !(s.Second >= 0) || s.Second > maxSecond {
		return
	}
	if g.rows == 0 {
		g.rows = min(len(s.Power), maxRows)
		g.from = s.From - s.Step/2
		g.step = s.Step * float64(len(s.Power)) / float64(g.rows)
		g.width = 1
	}
	index := g.index(s.Second)
	for index >= maxColumns {
		g.merge()
		index = g.index(s.Second)
	}
	for len(g.columns) <= index {
		g.columns = append(g.columns, column{})
	}
	c := &g.columns[index]
	if c.sum == nil {
		c.sum = make([]float32, g.rows)
	}
	c.slices++
	for r, b := range g.bounds(s) {
		c.sum[r] += peak(s.Power[b[0]:b[1]])
	}
}

// bounds returns the bins that each row covers, from the first up to but not including the last: at least the nearest
// one, and none where the row lies outside the slice. Slices are nearly always of one shape.
func (g *Spectrogram) bounds(s enf.Slice) [][2]int {
	shape := g.shape
	if g.bins != nil && shape.from == s.From && shape.step == s.Step && shape.n == len(s.Power) {
		return g.bins
	}
	g.shape.from, g.shape.step, g.shape.n = s.From, s.Step, len(s.Power)
	if g.bins == nil {
		g.bins = make([][2]int, g.rows)
	}
	n := float64(len(s.Power))
	for r := range g.bins {
		lo, hi := g.from+float64(r)*g.step, g.from+float64(r+1)*g.step
		// Bin k covers From + (k ± ½)·Step.
		first := math.Floor((lo-s.From)/s.Step + 0.5 + 1e-9)
		end := math.Max(math.Ceil((hi-s.From)/s.Step+0.5-1e-9), first+1)
		if !(first < n && end > 0) {
			g.bins[r] = [2]int{}
			continue
		}
		g.bins[r] = [2]int{int(math.Max(first, 0)), int(math.Min(end, n))}
	}
	return g.bins
}

// index is the column of a time. A slice a second, centred on the second, fills the half second on either side.
func (g *Spectrogram) index(second float64) int { return int((second + 0.5) / g.width) }

// merge halves the number of columns.
func (g *Spectrogram) merge() {
	half := (len(g.columns) + 1) / 2
	for i := range half {
		a := g.columns[2*i]
		if 2*i+1 < len(g.columns) {
			b := g.columns[2*i+1]
			switch {
			case a.sum == nil:
				a = b
			case b.sum != nil:
				for r := range a.sum {
					a.sum[r] += b.sum[r]
				}
				a.slices += b.slices
			}
		}
		g.columns[i] = a
	}
	clear(g.columns[half:])
	g.columns = g.columns[:half]
	g.width *= 2
}

// peak is the greatest power: a narrow line keeps its height when rows are fewer than bins.
func peak(power []float64) float32 {
	most := 0.0
	for _, p := range power {
		if p > most && !math.IsInf(p, 1) {
			most = p
		}
	}
	return float32(math.Min(most, math.MaxFloat32/(2*maxSecond)))
}

// empty reports whether there is nothing to show.
func (g *Spectrogram) empty() bool { return g == nil || len(g.columns) == 0 }

// seconds are the times of the left and the right edge.
func (g *Spectrogram) seconds() (start, end float64) {
	return -0.5, float64(len(g.columns))*g.width - 0.5
}

// band is the range of frequencies.
func (g *Spectrogram) band() limits { return limits{g.from, g.from + float64(g.rows)*g.step} }

// crop returns the rows first to end-1 that cover as much of l as there is.
func (g *Spectrogram) crop(l limits) (first, end int) {
	a := math.Floor((l.lo - g.from) / g.step)
	b := math.Ceil((l.hi - g.from) / g.step)
	first = int(math.Max(0, math.Min(a, float64(g.rows-1))))
	end = int(math.Max(float64(first+1), math.Min(b, float64(g.rows))))
	return first, end
}

// render draws rows first to end-1 as a PNG, the highest frequency on top. What was never recorded is transparent.
func (g *Spectrogram) render(first, end int) ([]byte, error) {
	across := (len(g.columns) + maxImageColumns - 1) / maxImageColumns // columns to a pixel
	down := (end - first + maxImageRows - 1) / maxImageRows            // rows to a pixel
	w, h := (len(g.columns)+across-1)/across, (end-first+down-1)/down
	img := image.NewPaletted(image.Rect(0, 0, w, h), palette())
	for x := range w {
		for y := range h {
			top := end - y*down
			power := g.mean(x*across, min((x+1)*across, len(g.columns)), max(top-down, first), top)
			img.SetColorIndex(x, y, shade(power))
		}
	}
	var b bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestCompression}
	if err := enc.Encode(&b, img); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// mean is, of the columns and rows given, the greatest row's mean power; NaN where nothing was recorded.
func (g *Spectrogram) mean(left, right, bottom, top int) float64 {
	most := math.NaN()
	for r := bottom; r < top; r++ {
		sum, n := 0.0, 0
		for _, c := range g.columns[left:right] {
			if c.sum != nil {
				sum += float64(c.sum[r])
				n += c.slices
			}
		}
		if n > 0 && !(sum/float64(n) <= most) {
			most = sum / float64(n)
		}
	}
	return most
}

// shades is the number of colours; 0 is transparent. Half a decibel each is finer than the eye.
const shades = 2*(ceilDB-floorDB) + 1

// shade is the index of a power in the palette.
func shade(power float64) uint8 {
	if math.IsNaN(power) {
		return 0
	}
	db := 10 * math.Log10(math.Max(power, 1e-30))
	share := math.Max(0, math.Min(1, (db-floorDB)/(ceilDB-floorDB)))
	return uint8(1 + math.Round(share*(shades-1)))
}

// palette is transparent, then viridis from the floor to the ceiling.
func palette() color.Palette {
	p := color.Palette{color.NRGBA{}}
	for i := range shades {
		p = append(p, viridis(float64(i)/(shades-1)))
	}
	return p
}

// viridisAnchors are every 32nd of viridis' 256 colours, and the last (van der Walt and Smith 2015, CC0).
var viridisAnchors = [9]color.NRGBA{
	{68, 1, 84, 255}, {71, 44, 122, 255}, {59, 81, 139, 255}, {44, 113, 142, 255}, {33, 144, 141, 255},
	{39, 173, 129, 255}, {92, 200, 99, 255}, {170, 220, 50, 255}, {253, 231, 37, 255},
}

// viridis is the colour at a share, 0 to 1, of the scale.
func viridis(share float64) color.NRGBA {
	position := share * float64(len(viridisAnchors)-1)
	i := min(int(position), len(viridisAnchors)-2)
	t := position - float64(i)
	a, b := viridisAnchors[i], viridisAnchors[i+1]
	mix := func(a, b uint8) uint8 { return uint8(math.Round(float64(a) + t*(float64(b)-float64(a)))) }
	return color.NRGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 255}
}

// colourBar is the scale itself as a PNG of one row.
func colourBar() ([]byte, error) {
	img := image.NewPaletted(image.Rect(0, 0, shades, 1), palette())
	for x := range shades {
		img.SetColorIndex(x, 0, uint8(1+x))
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// dataURI embeds a PNG.
func dataURI(png []byte) string {
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(png)
}
