// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import "slices"

// few is the length up to which sorting by insertion is the fastest way.
const few = 12

// smallest reorders v so that its k smallest values come first, and returns their sum. Values lie within ±2^62, and k
// is 1 to len(v).
//
// It is Hoare's selection with a partition that has no branch to mispredict, and pivots from a sample, taken a little
// to the side of the k-th value on which more is thrown away (after Floyd and Rivest, CACM 18(3):165-172, 1975). Where
// someone has arranged the values so that this goes badly, it sorts.
func smallest(v []int64, k int) int64 {
	var sum int64
	for range 40 {
		if len(v) <= few {
			break
		}
		p := pivot(v, k)
		below, s := partition(v, p)
		if below == 0 { // p is the least: put all that are equal to it first, so that there is progress
			below, s = partition(v, p+1)
			if below >= k {
				return sum + int64(k)*p
			}
		}
		if below <= k {
			v, k, sum = v[below:], k-below, sum+s
		} else {
			v = v[:below]
		}
	}
	if len(v) <= few {
		sortFew(v)
	} else {
		slices.Sort(v)
	}
	for _, x := range v[:k] {
		sum += x
	}
	return sum
}

// partition moves the values below p to the front, and returns their number and sum.
func partition(v []int64, p int64) (below int, sum int64) {
	for i, x := range v {
		is := (x - p) >> 63 // -1 where x < p, else 0
		v[i] = v[below]
		v[below] = x
		sum += x & is
		below -= int(is)
	}
	return below, sum
}

// pivot returns a value of v near the k-th smallest.
func pivot(v []int64, k int) int64 {
	var sample [13]int64
	n := len(sample)
	if len(v) < 100 {
		n = 5
	}
	for i := range n {
		sample[i] = v[(2*i+1)*len(v)/(2*n)]
	}
	sortFew(sample[:n])
	at := k*n/len(v) + 1
	if 2*k > len(v) {
		at -= 2
	}
	return sample[min(max(at, 1), n-1)]
}

// sortFew sorts by insertion.
func sortFew(v []int64) {
	for i, x := range v {
		for ; i > 0 && v[i-1] > x; i-- {
			v[i] = v[i-1]
		}
		v[i] = x
	}
}

// median returns the middle of the values, and for an even count the mean of the two in the middle, rounded half to
// even. It reorders them.
func median(v []int64) int64 {
	k := len(v)/2 + 1
	smallest(v, k)
	const least = -1 << 63
	top, second := int64(least), int64(least)
	for _, x := range v[:k] {
		if x > top {
			top, second = x, top
		} else {
			second = max(second, x)
		}
	}
	if len(v)%2 == 1 {
		return top
	}
	return divide(top+second, 2)
}
