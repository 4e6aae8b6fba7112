// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"container/heap"
	"math"

	"gonum.org/v1/gonum/dsp/fourier"
)

// blocks is one worker's buffers.
type blocks struct {
	*coarse
	fft    *fourier.CmplxFFT
	x      [2][]float64 // a block's bins, NaN for a gap, less their mean
	mean   [2]float64
	z, out []complex128
	extra  [4][]complex128 // only where there are gaps
	scores []float64       // by offset
	top    topPlaces
}

func (c *coarse) newBlocks(keep int) *blocks {
	b := &blocks{coarse: c, fft: fourier.NewCmplxFFT(c.size), top: topPlaces{most: keep}}
	b.x[0], b.x[1] = make([]float64, c.size), make([]float64, c.size)
	b.z, b.out = make([]complex128, c.size), make([]complex128, c.size)
	b.scores = make([]float64, c.valid)
	return b
}

// load bins the reference for block i and reports whether it has gaps.
func (b *blocks) load(slot, i int) (gaps bool) {
	x := b.x[slot]
	first := (i*b.valid - b.lead) * b.per
	sum, count := 0.0, 0
	for k := range x {
		x[k] = binMean(b.ref.hz, first+k*b.per, first+(k+1)*b.per)
		if math.IsNaN(x[k]) {
			gaps = true
			continue
		}
		sum, count = sum+x[k], count+1
	}
	b.mean[slot] = sum / float64(max(count, 1))
	for k := range x {
		x[k] -= b.mean[slot]
	}
	return gaps
}

// binMean returns the mean of the values from to to-1 that are there, NaN if fewer than half are.
func binMean(x []float64, from, to int) float64 {
	n := to - from
	from, to = max(from, 0), min(to, len(x))
	if from >= to {
		return math.NaN()
	}
	sum, count := 0.0, 0
	for _, v := range x[from:to] {
		if v-v == 0 { // neither NaN nor infinite
			sum, count = sum+v, count+1
		}
	}
	if 2*count < n {
		return math.NaN()
	}
	return sum / float64(count)
}

// pair scores blocks from to to-1, one or two.
func (b *blocks) pair(from, to int) {
	gaps := false
	for i := from; i < to; i++ {
		gaps = b.load(i-from, i) || gaps
	}
	if gaps || b.gaps {
		for i := from; i < to; i++ {
			if gaps {
				b.masked(i-from, i)
			} else {
				b.sparse(i-from, i)
			}
		}
		return
	}
	clear(b.z)
	for k, v := range b.x[0] {
		b.z[k] = complex(v, 0)
	}
	if to-from == 2 {
		for k, v := range b.x[1] {
			b.z[k] += complex(0, v)
		}
	}
	b.correlate(b.out, b.z, b.specY)
	for i := from; i < to; i++ {
		b.full(i-from, i)
	}
}

// correlate sets dst to the correlation of z with the kernel whose conjugate spectrum is given; z becomes its spectrum.
func (b *blocks) correlate(dst, z, kernel []complex128) {
	b.fft.Coefficients(z, z)
	b.multiply(dst, z, kernel)
}

// multiply sets dst to the inverse transform of spectrum times kernel.
func (b *blocks) multiply(dst, spectrum, kernel []complex128) {
	scale := complex(1/float64(b.size), 0)
	for k, v := range spectrum {
		dst[k] = v * kernel[k] * scale
	}
	b.fft.Sequence(dst, dst)
}

// score ranks offset t of a block, whose mean is given. Nearly all fall short of what is kept, which shows before the
// score is worked out: limit is the mean square difference that does.
func (b *blocks) score(t int, m moments, mean, limit float64) {
	dx, dy := m.sx/m.n, m.sy/m.n
	b.scores[t] = math.Inf(-1)
	if left := (m.sxx+m.syy-2*m.sxy)/m.n - (dy-dx)*(dy-dx); left < limit {
		b.scores[t] = m.fit(mean, b.center, b.bin).score(b.spread)
	}
}

// limit returns the mean square difference at which n values at the best offset score no more than what is kept.
func (b *blocks) limit(n float64) float64 {
	if len(b.top.places) < b.top.most {
		return math.Inf(1)
	}
	return meanSquare(b.top.places[0].score, n*b.bin, b.spread)
}

// full scores block i when nothing is missing: all but the cross term are running sums.
func (b *blocks) full(slot, i int) {
	x, n := b.x[slot], len(b.y)
	m := moments{n: float64(n), sy: real(b.specY[0]), syy: real(b.spec2[0])}
	for _, v := range x[:n] {
		m.sx, m.sxx = m.sx+v, m.sxx+v*v
	}
	limit := b.limit(m.n)
	for t := range b.scores {
		m.sxy = real(b.out[t])
		if slot == 1 {
			m.sxy = imag(b.out[t])
		}
		b.score(t, m, b.mean[slot], limit)
		if t+n < len(x) {
			in, out := x[t+n], x[t]
			m.sx, m.sxx = m.sx+in-out, m.sxx+in*in-out*out
		}
	}
	b.collect(i)
}

// sparse scores block i when values of the recording alone are missing.
func (b *blocks) sparse(slot, i int) {
	b.needExtra()
	xy, sums := b.extra[0], b.extra[1]
	for k, v := range b.x[slot] {
		b.z[k] = complex(v, v*v)
	}
	b.correlate(xy, b.z, b.specY)  // Σ y x
	b.multiply(sums, b.z, b.specW) // Σ x, Σ x²
	m := moments{n: real(b.specW[0]), sy: real(b.specY[0]), syy: real(b.spec2[0])}
	limit := b.limit(m.n)
	for t := range b.scores {
		m.sxy, m.sx, m.sxx = real(xy[t]), real(sums[t]), imag(sums[t])
		b.score(t, m, b.mean[slot], limit)
	}
	b.collect(i)
}

// masked scores block i when values are missing from the reference: every sum is then a correlation with what is there.
func (b *blocks) masked(slot, i int) {
	b.needExtra()
	square, xw, sums, squares := b.extra[0], b.extra[1], b.extra[2], b.extra[3]
	for k, v := range b.x[slot] {
		b.z[k], square[k] = 0, 0
		if !math.IsNaN(v) {
			b.z[k], square[k] = complex(v, 1), complex(v*v, 1)
		}
	}
	b.correlate(xw, b.z, b.specY)         // Σ y x, Σ y
	b.multiply(sums, b.z, b.specW)        // Σ x, n
	b.correlate(squares, square, b.specW) // Σ x²
	b.multiply(b.out, square, b.spec2)    // -, Σ y²
	for t := range b.scores {
		m := moments{
			n: math.Round(imag(sums[t])), sx: real(sums[t]), sxx: real(squares[t]),
			sy: imag(xw[t]), syy: imag(b.out[t]), sxy: real(xw[t]),
		}
		b.scores[t] = math.Inf(-1)
		if m.n >= float64(b.overlap) {
			b.score(t, m, b.mean[slot], b.limit(m.n))
		}
	}
	b.collect(i)
}

// needExtra makes the buffers that gaps need.
func (b *blocks) needExtra() {
	for k := range b.extra {
		if b.extra[k] == nil {
			b.extra[k] = make([]complex128, b.size)
		}
	}
}

// collect keeps the local maxima among the scores of block i.
func (b *blocks) collect(i int) {
	n := min(b.valid, b.places-i*b.valid)
	for t, s := range b.scores[:n] {
		if math.IsInf(s, -1) || !b.top.wants(s) || t > 0 && b.scores[t-1] > s || t+1 < n && b.scores[t+1] >= s {
			continue
		}
		b.top.add(place{float64(i*b.valid+t-b.lead) * b.bin, s})
	}
}

// topPlaces is a heap of the best places, the worst on top.
type topPlaces struct {
	places []place
	most   int
}

func (t *topPlaces) wants(score float64) bool {
	return len(t.places) < t.most || score > t.places[0].score
}

func (t *topPlaces) add(p place) {
	heap.Push(t, p)
	if len(t.places) > t.most {
		heap.Pop(t)
	}
}

// Len, Less, Swap, Push and Pop implement [heap.Interface].
func (t *topPlaces) Len() int           { return len(t.places) }
func (t *topPlaces) Less(i, j int) bool { return t.places[i].score < t.places[j].score }
func (t *topPlaces) Swap(i, j int)      { t.places[i], t.places[j] = t.places[j], t.places[i] }
func (t *topPlaces) Push(x any)         { t.places = append(t.places, x.(place)) }
func (t *topPlaces) Pop() any {
	last := t.places[len(t.places)-1]
	t.places = t.places[:len(t.places)-1]
	return last
}
