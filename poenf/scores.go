// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import "slices"

// Scores returns the Krum score of each vector: the sum of its squared Euclidean distances to the m-f-2 others that are
// nearest to it, of m vectors, or to all m-1 others where m <= f+2. The lower, the better; with at most f liars and
// m >= 2f+3 the lowest belongs to a vector with honest neighbours. (DeFakePro §III-C; Blanchard et al. 2017, §4.)
//
// Vectors hold µHz. Scores, in µHz², are exact while there are at most [MaxMembers] vectors of at most [MaxLength] values
// within ±2·[MaxOffset]. dst is used when it is long enough. Scores panics when vectors differ in length or f is below 0.
func Scores(dst []uint64, vectors [][]int32, f int) []uint64 {
	m := len(vectors)
	dst = slices.Grow(dst[:0], m)[:m]
	nearest := m - f - 2
	if nearest < 1 {
		nearest = m - 1
	}
	row := make([]uint64, m)
	for i, a := range vectors {
		for j, b := range vectors {
			row[j] = 0
			for k := range a {
				d := int64(a[k]) - int64(b[k])
				row[j] += uint64(d * d)
			}
		}
		dst[i] = smallest(row, nearest+1) // its distance to itself, 0, is among them
	}
	return dst
}

// smallest reorders v so that its k smallest come first, and returns their sum.
func smallest(v []uint64, k int) (sum uint64) {
	slices.Sort(v)
	for _, x := range v[:k] {
		sum += x
	}
	return sum
}
