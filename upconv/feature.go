// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package upconv

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"

	"gonum.org/v1/gonum/dsp/fourier"
	"gonum.org/v1/gonum/interp"
)

// DefaultFacePoints is the length of the feature of a face in video, as in the authors' notebook [3].
const DefaultFacePoints = 300

// The smallest picture with enough rings for a cubic, and the largest that is taken: 8K.
const (
	leastSide  = 8
	mostPixels = 7680 * 4320
)

// epsilon keeps the logarithm of an empty spectrum finite [3].
const epsilon = 1e-8

// ErrPicture means that a picture has no profile.
var ErrPicture = errors.New("picture cannot be used")

// Gray returns the luma of a picture as the authors' reader does: that of a JPEG as it is stored, else
// 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601).
func Gray(m image.Image) *image.Gray {
	b := m.Bounds()
	out := image.NewGray(image.Rect(0, 0, b.Dx(), b.Dy()))
	switch m := m.(type) {
	case *image.Gray:
		for y := range b.Dy() {
			copy(out.Pix[y*out.Stride:][:b.Dx()], m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):])
		}
	case *image.YCbCr:
		for y := range b.Dy() {
			copy(out.Pix[y*out.Stride:][:b.Dx()], m.Y[m.YOffset(b.Min.X, b.Min.Y+y):])
		}
	default:
		for y := range b.Dy() {
			for x := range b.Dx() {
				out.SetGray(x, y, color.GrayModel.Convert(m.At(b.Min.X+x, b.Min.Y+y)).(color.Gray))
			}
		}
	}
	return out
}

// Analyzer computes profiles of pictures. It keeps what pictures of one size have in common, and is not safe for concurrent
// use.
type Analyzer struct {
	width, height int
	rows, columns *fourier.CmplxFFT
	ring          []int32 // of each pixel of the shifted spectrum
	count         []int   // pixels of each ring
	spectrum      []complex128
	column        []complex128
	sum           []float64
}

// NewAnalyzer returns an analyzer.
func NewAnalyzer() *Analyzer { return new(Analyzer) }

// size makes the analyzer ready for pictures of a size.
func (a *Analyzer) size(width, height int) {
	if a.width == width && a.height == height {
		return
	}
	*a = Analyzer{
		width: width, height: height,
		rows: fourier.NewCmplxFFT(width), columns: fourier.NewCmplxFFT(height),
		ring:     make([]int32, width*height),
		spectrum: make([]complex128, width*height), column: make([]complex128, height),
	}
	cx, cy := float64(width-1)/2, float64(height-1)/2
	for y := range height {
		for x := range width {
			r := int(math.Hypot(float64(x)-cx, float64(y)-cy))
			// The spectrum is stored from frequency zero on; the shifted one has that at half its size.
			at := (y+height-height/2)%height*width + (x+width-width/2)%width
			a.ring[at] = int32(r)
			for len(a.count) <= r {
				a.count = append(a.count, 0)
			}
			a.count[r]++
		}
	}
	a.sum = make([]float64, len(a.count))
}

// Profile appends to dst the profile of a picture: for rings of one frequency bin about the middle of the spectrum, the mean
// of 20 ln |F|, from low frequencies to high, without the innermost and the outermost ring [3]. It returns an error wrapping
// [ErrPicture] for a picture that is smaller than 8 pixels either way or larger than 8K.
func (a *Analyzer) Profile(dst []float64, m *image.Gray) ([]float64, error) {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	if w < leastSide || h < leastSide || w*h > mostPixels {
		return nil, fmt.Errorf("%w: %d×%d pixels", ErrPicture, w, h)
	}
	a.size(w, h)
	a.transform(m)
	clear(a.sum)
	for i, f := range a.spectrum {
		a.sum[a.ring[i]] += 20 * math.Log(math.Hypot(real(f)+epsilon, imag(f)))
	}
	// The authors' loop over borders between rings sees those that have one on either side; a ring may be empty.
	first, last := 0, len(a.sum)-1
	for a.count[first] == 0 {
		first++
	}
	for r := first + 1; r < last; r++ {
		if a.count[r] > 0 {
			dst = append(dst, a.sum[r]/float64(a.count[r]))
		}
	}
	return dst, nil
}

// transform puts the two-dimensional spectrum of m into a.spectrum. Rows of a real picture are done two at a time.
func (a *Analyzer) transform(m *image.Gray) {
	w, h := a.width, a.height
	for y := 0; y < h; y += 2 {
		top := a.spectrum[y*w:][:w]
		one := m.Pix[y*m.Stride:][:w]
		if y+1 == h {
			for x := range w {
				top[x] = complex(float64(one[x]), 0)
			}
			a.rows.Coefficients(top, top)
			break
		}
		two := m.Pix[(y+1)*m.Stride:][:w]
		for x := range w {
			top[x] = complex(float64(one[x]), float64(two[x]))
		}
		a.rows.Coefficients(top, top)
		split(top, a.spectrum[(y+1)*w:][:w])
	}
	// A real picture's spectrum is its own mirror image, so half of the columns will do.
	for x := range w/2 + 1 {
		for y := range h {
			a.column[y] = a.spectrum[y*w+x]
		}
		a.columns.Coefficients(a.column, a.column)
		mirror := (w - x) % w
		for y, f := range a.column {
			a.spectrum[y*w+x] = f
			a.spectrum[(h-y)%h*w+mirror] = complex(real(f), -imag(f))
		}
	}
}

// split parts the spectrum of one + j·two, in one, into those of one and two.
func split(one, two []complex128) {
	n := len(one)
	two[0] = complex(imag(one[0]), 0)
	one[0] = complex(real(one[0]), 0)
	for k := 1; k <= n/2; k++ {
		p, q := one[k], one[n-k]
		conj := func(c complex128) complex128 { return complex(real(c), -imag(c)) }
		sum, diff := (p+conj(q))/2, (p-conj(q))/2
		one[k], two[k] = sum, complex(imag(diff), -real(diff))
		one[n-k], two[n-k] = conj(one[k]), conj(two[k])
	}
}

// Feature returns the picture's profile brought to n points by a cubic spline, over its first point: what a classifier is
// given [3]. n is from 4 to 4096.
func (a *Analyzer) Feature(m *image.Gray, n int) ([]float64, error) {
	if n < 4 || n > 4096 {
		return nil, fmt.Errorf("a feature of %d points: must be from 4 to 4096", n)
	}
	profile, err := a.Profile(nil, m)
	if err != nil {
		return nil, err
	}
	if len(profile) < 4 {
		return nil, fmt.Errorf("%w: %d rings", ErrPicture, len(profile))
	}
	at := make([]float64, len(profile))
	for i := range at {
		at[i] = float64(n) * float64(i) / float64(len(profile)-1)
	}
	var spline interp.NotAKnotCubic
	if err := spline.Fit(at, profile); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPicture, err)
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = spline.Predict(float64(n) * float64(i) / float64(n-1))
	}
	first := out[0]
	if first == 0 {
		return nil, fmt.Errorf("%w: it has no contrast", ErrPicture)
	}
	for i := range out {
		out[i] /= first
	}
	return out, nil
}
