// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"fmt"
	"slices"
)

// Scores returns the Krum score of each vector: the sum of its squared Euclidean distances to the m-f-2 others that are
// nearest to it, of m vectors, or to all m-1 others where m <= f+2. The lower, the better. (DeFakePro §III-C; Blanchard
// et al. 2017, §4; with f = ⌊(m-3)/2⌋ it is what the authors published.)
//
// Vectors hold µHz, scores µHz². They are exact for up to [MaxMembers] vectors of up to [MaxLength] values within
// ±([MaxOffset] + 10 000). dst is used when it is long enough. Scores panics when vectors differ in length, and when f
// is below 0.
//
// The time is that of m²d/4 multiplications and m selections from m; the memory 8m² bytes.
func Scores(dst []uint64, vectors [][]int32, f int) []uint64 {
	m := len(vectors)
	if f < 0 {
		panic(fmt.Sprintf("poenf: f = %d", f))
	}
	nearest := m - f - 2
	if nearest < 1 {
		nearest = m - 1
	}
	dst = slices.Grow(dst[:0], m)[:m]
	distances, order := distances(vectors)
	for i, at := range order {
		// The distance of a vector to itself, 0, is among the smallest.
		dst[at] = uint64(smallest(distances[i*m:(i+1)*m], nearest+1))
	}
	return dst
}

// rows is how many vectors a panel has: as many sums as leave no register spilled.
const rows = 4

// panel holds four vectors side by side: element k has value k of each.
type panel [][rows]int64

// narrow is the square of the length below which vectors are multiplied two at a time. Let b and c be shorter than its
// root, and a as well: |a·b| and |a·c| are below 2^31 (Cauchy-Schwarz), and come out of a·(b + 2^32·c) whole.
const narrow = 1 << 31

// distances returns the squared distances between all vectors as a matrix whose row and column i are for vector
// order[i].
//
// |a-b|² = |a|² + |b|² - 2a·b takes one multiplication for each value. Distances do not change when one vector is taken
// from all, so a rough centre is. What is left of an honest vector is then a few millihertz long, and two of these go
// through one multiplication. Liars who are far away go one by one.
func distances(vectors [][]int32) (square []int64, order []int) {
	m := len(vectors)
	centred, norms := centre(vectors)
	order = make([]int, 0, m)
	for i, norm := range norms {
		if norm < narrow {
			order = append(order, i)
		}
	}
	near := len(order)
	for i, norm := range norms {
		if norm >= narrow {
			order = append(order, i)
		}
	}
	sorted := make([]int64, m)
	for i, at := range order {
		sorted[i] = norms[at]
	}
	square = make([]int64, m*m)
	panels, columns := makePanels(centred, order), makeColumns(centred, order, near)
	for block := range slices.Chunk(columns, 4) { // with 8 values to a cache line, a block of pairs writes whole ones
		for i := 0; i < block[len(block)-1].rows; i += rows {
			for _, c := range block {
				var dots [rows]int64
				dots[0], dots[1], dots[2], dots[3] = panels[i/rows].dot(c.values)
				for r, dot := range dots[:max(min(rows, c.rows-i), 0)] {
					if !c.pair {
						put(square, sorted, i+r, c.at, dot)
						continue
					}
					low := int64(int32(dot))
					put(square, sorted, i+r, c.at, low)
					put(square, sorted, i+r, c.at+1, (dot-low)>>32)
				}
			}
		}
	}
	return square, order
}

// column is vector order[at] or, when it is a pair, that and the next one, to be multiplied with the first so many rows.
type column struct {
	values []int64
	at     int
	rows   int
	pair   bool
}

// makeColumns pairs the first near vectors in order; the rest, and one that is left over, go alone.
func makeColumns(vectors [][]int64, order []int, near int) []column {
	length := len(vectors[0])
	flat := make([]int64, near/2*length)
	var columns []column
	for j := 0; j+1 < near; j += 2 {
		values := flat[j/2*length : (j/2+1)*length]
		b, c := vectors[order[j]], vectors[order[j+1]]
		for k := range values {
			values[k] = b[k] + c[k]<<32
		}
		columns = append(columns, column{values, j, j + 2, true})
	}
	for j := near &^ 1; j < len(order); j++ {
		columns = append(columns, column{vectors[order[j]], j, j + 1, false})
	}
	return columns
}

// put notes the distance between vectors i and j, whose product is dot.
func put(square, norms []int64, i, j int, dot int64) {
	m := len(norms)
	d := norms[i] + norms[j] - 2*dot
	square[i*m+j], square[j*m+i] = d, d
}

// dot returns the products of the four vectors with column, modulo 2^64. Most of a round's time is spent here; inlined,
// its sums would not stay in registers.
//
//go:noinline
func (p panel) dot(column []int64) (s0, s1, s2, s3 int64) {
	column = column[:len(p)]
	k := 0
	for ; k+1 < len(p) && k+1 < len(column); k += 2 { // two at a time saves a tenth
		x, c, y, d := &p[k], column[k], &p[k+1], column[k+1]
		s0 += x[0]*c + y[0]*d
		s1 += x[1]*c + y[1]*d
		s2 += x[2]*c + y[2]*d
		s3 += x[3]*c + y[3]*d
	}
	for ; k < len(p); k++ {
		x, c := &p[k], column[k]
		s0 += x[0] * c
		s1 += x[1] * c
		s2 += x[2] * c
		s3 += x[3] * c
	}
	return s0, s1, s2, s3
}

func makePanels(vectors [][]int64, order []int) []panel {
	length := len(vectors[0])
	panels := make([]panel, (len(order)+rows-1)/rows)
	flat := make(panel, length*len(panels))
	for i := range panels {
		panels[i] = flat[i*length : (i+1)*length]
	}
	for i, at := range order {
		p, r := panels[i/rows], i%rows
		for k, x := range vectors[at] {
			p[k][r] = x
		}
	}
	return panels
}

// centre returns the vectors less one that is near most of them, and the squares of their lengths then. It is the
// median of a few: any vector would do, but one that a liar can move would make all the honest ones long.
func centre(vectors [][]int32) (centred [][]int64, norms []int64) {
	m, length := len(vectors), len(vectors[0])
	for _, v := range vectors {
		if len(v) != length {
			panic(fmt.Sprintf("poenf: vectors of %d and %d values", length, len(v)))
		}
	}
	sample, middle := make([]int64, min(m, 9)), make([]int64, length)
	for k := range middle {
		for s := range sample {
			sample[s] = int64(vectors[s*m/len(sample)][k])
		}
		sortFew(sample)
		middle[k] = sample[len(sample)/2]
	}
	flat := make([]int64, m*length)
	centred, norms = make([][]int64, m), make([]int64, m)
	for i, v := range vectors {
		c := flat[i*length : (i+1)*length]
		for k, x := range v {
			c[k] = int64(x) - middle[k]
			norms[i] += c[k] * c[k]
		}
		centred[i] = c
	}
	return centred, norms
}
