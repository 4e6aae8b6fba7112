// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package upconv

import (
	_ "embed" // the face finder's cascade
	"image"
	"sync"

	pigo "github.com/esimov/pigo/core"
)

//go:generate sh -c "cp \"$(go list -m -f '{{.Dir}}' github.com/esimov/pigo)/cascade/facefinder\" facefinder && chmod 644 facefinder"

// cascade is the face finder's, as its package ships it.
//
//go:embed facefinder
var cascade []byte

// What the finder's authors use for photographs: steps of a tenth in place and in size, overlapping finds of one face joined,
// and the least quality.
const (
	faceShift   = 0.1
	faceScale   = 1.1
	faceOverlap = 0.2
	faceQuality = 5
	leastFace   = 20 // pixels
)

var finder = sync.OnceValues(func() (*pigo.Pigo, error) { return pigo.NewPigo().Unpack(cascade) })

// Face returns where the most certain face of a picture is, as a square within it, and whether there is one. Where there is
// none it is the picture's [Centre].
func Face(m *image.Gray) (image.Rectangle, bool) {
	b := m.Bounds()
	w, h := b.Dx(), b.Dy()
	middle := Centre(m)
	f, err := finder()
	if err != nil || min(w, h) < leastFace {
		return middle, false
	}
	pixels := Gray(m).Pix // without a stride
	found := f.RunCascade(pigo.CascadeParams{
		MinSize: max(leastFace, min(w, h)/12), MaxSize: min(w, h), ShiftFactor: faceShift, ScaleFactor: faceScale,
		ImageParams: pigo.ImageParams{Pixels: pixels, Rows: h, Cols: w, Dim: w},
	}, 0)
	found = f.ClusterDetections(found, faceOverlap)
	best := pigo.Detection{Q: faceQuality}
	ok := false
	for _, d := range found {
		if d.Q > best.Q {
			best, ok = d, true
		}
	}
	if !ok {
		return middle, false
	}
	half := best.Scale / 2
	return image.Rect(best.Col-half, best.Row-half, best.Col+half, best.Row+half).Add(b.Min).Intersect(b), true
}

// Centre is the picture's middle, a third of its width and height, as the authors crop video [3].
func Centre(m *image.Gray) image.Rectangle {
	b := m.Bounds()
	w, h := b.Dx(), b.Dy()
	return image.Rect(b.Min.X+w/3, b.Min.Y+h/3, b.Min.X+w-w/3, b.Min.Y+h-h/3)
}

// Crop returns the part of a picture as a picture of its own.
func Crop(m *image.Gray, r image.Rectangle) *image.Gray {
	return Gray(m.SubImage(r))
}
