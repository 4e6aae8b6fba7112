// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

import "math"

// circle learns a strip's scene. The projection of a lit scene goes round in a circle: the scene is its middle, the
// flicker its radius. Where the flicker turns fast the mean is as good; where its alias is near zero it may take minutes
// to come round, and the circle through an arc of it (Kåsa 1976) knows the middle sooner. The moments are averages that forget.
type circle struct {
	origin                      complex128
	n                           float64
	x, y, xx, xy, yy, z, xz, yz float64 // z = x² + y²
}

func (c *circle) add(p complex128, share float64) {
	if c.n == 0 {
		c.origin = p
	}
	c.n++
	p -= c.origin
	x, y := real(p), imag(p)
	z := x*x + y*y
	for _, m := range []struct {
		mean *float64
		now  float64
	}{{&c.x, x}, {&c.y, y}, {&c.xx, x * x}, {&c.xy, x * y}, {&c.yy, y * y}, {&c.z, z}, {&c.xz, x * z}, {&c.yz, y * z}} {
		*m.mean += share * (m.now - *m.mean)
	}
}

// center returns the mean, or the middle of the circle.
func (c *circle) center(arc bool) complex128 {
	mean := c.origin + complex(c.x, c.y)
	if !arc {
		return mean
	}
	// Covariances; least squares for z = 2ax + 2by + const about the mean, held towards it by a small ridge.
	xx, xy, yy := c.xx-c.x*c.x, c.xy-c.x*c.y, c.yy-c.y*c.y
	xz := c.xz - c.x*c.z - 2*(c.x*xx+c.y*xy)
	yz := c.yz - c.y*c.z - 2*(c.x*xy+c.y*yy)
	const ridge = 0.02
	r := ridge * (xx + yy)
	xx, yy = xx+r, yy+r
	det := xx*yy - xy*xy
	if !(det > 0) {
		return mean
	}
	return mean + complex((xz*yy-yz*xy)/det/2, (yz*xx-xz*xy)/det/2)
}

// median returns the median of x, which it reorders; the mean of the middle two for an even number.
func median(x []float64) float64 {
	n := len(x)
	upper := quickSelect(x, n/2)
	if n%2 == 1 {
		return upper
	}
	lower := math.Inf(-1)
	for _, v := range x[:n/2] {
		lower = math.Max(lower, v)
	}
	return (lower + upper) / 2
}
