// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"image"
	"math"
	"math/rand/v2"
)

// swapper re-renders the face of each frame as a network does that makes faces of half the size: the square about the face is brought to
// half its width and height, enlarged by a transposed convolution of stride two, and blended in under a soft edge.
//
// The kernel is four by four, as such networks' last layers have it (A. Radford, L. Metz, S. Chintala, DCGAN, ICLR
// 2016): a bilinear one whose weights are each off by a tenth or so, as learned ones are, which is what leaves the
// traces of up-convolution (A. Odena, V. Dumoulin, C. Olah, Deconvolution and checkerboard artifacts, Distill 2016).
type swapper struct {
	face   image.Rectangle
	width  int
	kernel [4][4]float64
	small  []float64
}

// faceOf is the square about the talker's head in pictures of package sim, of even width, on even pixels.
func faceOf(width, height int) image.Rectangle {
	side := int(0.44*float64(height)) &^ 1
	x, y := (width-side)/2&^1, (int(0.35*float64(height))-side/2)&^1
	return image.Rect(x, max(0, y), x+side, max(0, y)+side)
}

// kernelSpread is the standard deviation of a learned weight about the bilinear one, as a share of it. Chosen, not measured.
const kernelSpread = 0.1

// newSwapper returns the network that seed stands for.
func newSwapper(seed uint64, width, height int) *swapper {
	s := &swapper{face: faceOf(width, height), width: width}
	rng := rand.New(rand.NewPCG(seed, 40))
	bilinear := [4]float64{0.25, 0.75, 0.75, 0.25}
	sum := 0.
	for i := range s.kernel {
		for j := range s.kernel[i] {
			s.kernel[i][j] = bilinear[i] * bilinear[j] * (1 + kernelSpread*rng.NormFloat64())
			sum += s.kernel[i][j]
		}
	}
	for i := range s.kernel {
		for j := range s.kernel[i] {
			s.kernel[i][j] *= 4 / sum // each pixel is made of a quarter of the weights
		}
	}
	half := s.face.Dx() / 2
	s.small = make([]float64, half*half)
	return s
}

// retouch changes a frame of yuv420p.
func (s *swapper) retouch(frame []byte) {
	half := s.face.Dx() / 2
	at := func(x, y int) *byte { return &frame[(s.face.Min.Y+y)*s.width+s.face.Min.X+x] }
	for y := range half {
		for x := range half {
			s.small[y*half+x] = (float64(*at(2*x, 2*y)) + float64(*at(2*x+1, 2*y)) + float64(*at(2*x, 2*y+1)) + float64(*at(2*x+1, 2*y+1))) / 4
		}
	}
	for y := range 2 * half {
		for x := range 2 * half {
			edge := float64(min(x, y, 2*half-1-x, 2*half-1-y)) / (0.16 * float64(half))
			share := min(1, edge)
			p := at(x, y)
			v := share*s.enlarged(x, y, half) + (1-share)*float64(*p)
			*p = byte(math.Round(max(0, min(255, v))))
		}
	}
}

// enlarged is pixel x, y of the transposed convolution: input pixel i reaches outputs 2i-1 to 2i+2.
func (s *swapper) enlarged(x, y, half int) float64 {
	sum := 0.
	for i := (y - 1) >> 1; i <= (y+1)>>1; i++ {
		for j := (x - 1) >> 1; j <= (x+1)>>1; j++ {
			k, l := y-2*i+1, x-2*j+1
			if k < 0 || k > 3 || l < 0 || l > 3 {
				continue
			}
			sum += s.kernel[k][l] * s.small[min(max(i, 0), half-1)*half+min(max(j, 0), half-1)]
		}
	}
	return sum
}
