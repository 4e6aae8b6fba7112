// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"fmt"
	"math/bits"
	"slices"
)

const (
	// maxAlign is how much of a proof's offset the median rule takes for an error of its sampling clock: ±10 mHz in µHz,
	// which is 170 ppm at 60 Hz, and so above what sound cards have (under 100 ppm) and below what a grid does.
	maxAlign = 10_000
	// inlierMADs is how many median absolute deviations from the median a value may be to count: 3, which is 2 standard
	// deviations of a normal distribution.
	inlierMADs = 3
)

// Outcome is what a rule makes of the proofs of a round.
type Outcome struct {
	// Truth is E*, in µHz from nominal.
	Truth []int32
	// Spread is the median over the members of the root mean square of a proof's difference from the truth, in µHz,
	// rounded down, after each is aligned with the truth (its median difference, at most 10 mHz, removed).
	Spread uint32
	// Winner is the index of the lowest score; of the lowest name, where there are several.
	Winner int
	// Scores are Krum's; under [Median] those of the aligned proofs.
	Scores []uint64
	// Inliers tells for each member whether its root mean square difference is within 3 times the spread, or 3 µHz
	// where that is more.
	Inliers []bool
}

// Select makes the truth of one round from a vector of each member, all of one length, in µHz from nominal. The order
// in which they come does not matter. An error wraps [ErrMalformed].
//
// [Krum] takes the vector with the lowest of [Scores]. [Median] takes from each vector its offset, the median of its
// differences from the median vector, as far as that is within 10 mHz: so much may be the fault of a clock. Then it takes
// for each second the median and the mean of the values within 3 median absolute deviations of it (of at least 1 µHz),
// and adds the median offset.
//
// # What liars can do
//
// Let there be m vectors, at most f of them lies, and m >= 2f+1, for Krum m >= 2f+3. A lie may be anything, and may know all the others.
//
// Median: no second of the truth is further outside the range of the honest values of that second than 7s + 4 µHz, where
// s is the most that two honest values differ in any second. Proof. The honest are more than half, so a median over the
// members lies within the range of the honest, whatever it is a median of. So the median vector does. Two honest vectors
// differ by at most s everywhere, and so do their offsets, by at most s+1 with rounding, and so then do their aligned
// values in second i by A <= 2s+1. The aligned median lies within the honest aligned values, and at least half of all
// are within A of it, so that the mean is of values within 3 max(A, 1) of it. The median offset lies within the honest
// offsets, so what is added to an aligned value differs from what was taken from it by at most s+1. The sum is
// (s+1) + 3(2s+1) = 7s+4. What is measured is far less: 1 mHz for f = 15 of n = 50, whose noise is 1.5 mHz
// (docs/design/poenf.md).
//
// Krum: the truth is a vector whose Euclidean distance from some honest one is at most √((m-f-2)/(m-2f-1)) times the
// largest distance between two honest ones, D. Proof. An honest vector has m-f-1 honest others, so the lowest score is at
// most (m-f-2)D². If it is a liar's, at least m-2f-1 of its m-f-2 nearest are honest. But the whole of that distance
// may lie in one second: √d times what the median rule would notice.
func Select(rule Rule, names []string, vectors [][]int32, f int) (Outcome, error) {
	if err := checkRound(rule, names, vectors, f); err != nil {
		return Outcome{}, err
	}
	var o Outcome
	if rule == Krum {
		o.Scores = Scores(nil, vectors, f)
		o.Winner = lowest(o.Scores, names)
		o.Truth = slices.Clone(vectors[o.Winner])
	} else {
		var aligned [][]int32
		o.Truth, aligned = alignedMedian(vectors)
		o.Scores = Scores(nil, aligned, f)
		o.Winner = lowest(o.Scores, names)
	}
	o.Spread, o.Inliers = spread(o.Truth, vectors)
	return o, nil
}

func checkRound(rule Rule, names []string, vectors [][]int32, f int) error {
	switch {
	case int(rule) >= len(ruleNames):
		return fmt.Errorf("%w: no such rule: %d", ErrMalformed, uint8(rule))
	case len(names) != len(vectors):
		return fmt.Errorf("%w: %d names for %d vectors", ErrMalformed, len(names), len(vectors))
	case len(vectors) < 1 || len(vectors) > MaxMembers:
		return fmt.Errorf("%w: %d vectors are not 1 to %d", ErrMalformed, len(vectors), MaxMembers)
	case f < 0 || f > MaxMembers:
		return fmt.Errorf("%w: f = %d is not 0 to %d", ErrMalformed, f, MaxMembers)
	}
	for i, v := range vectors {
		if len(v) < 1 || len(v) > MaxLength || len(v) != len(vectors[0]) {
			return fmt.Errorf("%w: vector of %s has %d values, the first %d, and 1 to %d will do",
				ErrMalformed, names[i], len(v), len(vectors[0]), MaxLength)
		}
		if err := checkRange(v); err != nil {
			return fmt.Errorf("vector of %s: %w", names[i], err)
		}
	}
	return nil
}

func lowest(scores []uint64, names []string) int {
	best := 0
	for i, s := range scores {
		if s < scores[best] || s == scores[best] && names[i] < names[best] {
			best = i
		}
	}
	return best
}

// alignedMedian returns the truth by the median rule, and the vectors less their offsets from it.
func alignedMedian(vectors [][]int32) (truth []int32, aligned [][]int32) {
	m, length := len(vectors), len(vectors[0])
	column := make([]int64, max(m, length))
	centre := make([]int64, length)
	for i := range length {
		for j, v := range vectors {
			column[j] = int64(v[i])
		}
		centre[i] = median(column[:m])
	}
	offsets := make([]int64, m)
	aligned = make([][]int32, m)
	flat := make([]int32, m*length)
	for j, v := range vectors {
		offsets[j] = alignment(v, centre, column)
		aligned[j] = flat[j*length : (j+1)*length]
		for i, x := range v {
			aligned[j][i] = x - int32(offsets[j])
		}
	}
	offset := median(offsets)
	truth = make([]int32, length)
	for i := range length {
		for j, v := range aligned {
			column[j] = int64(v[i])
		}
		// Within its bounds whatever the proofs are, so that a truth is always one that a round may have.
		truth[i] = int32(min(max(inlierMean(column[:m])+offset, -MaxOffset), MaxOffset))
	}
	return truth, aligned
}

// alignment returns the median of v's differences from centre, at most maxAlign. It writes to scratch.
func alignment(v []int32, centre, scratch []int64) int64 {
	scratch = scratch[:len(v)]
	for i, x := range v {
		scratch[i] = int64(x) - centre[i]
	}
	return min(max(median(scratch), -maxAlign), maxAlign)
}

// inlierMean returns the mean of the values within 3 MAD of their median. It reorders them.
func inlierMean(values []int64) int64 {
	centre := median(values)
	deviations := make([]int64, len(values))
	for i, x := range values {
		deviations[i] = max(x-centre, centre-x)
	}
	limit := inlierMADs * max(median(deviations), 1)
	var sum, count int64
	for _, x := range values {
		if max(x-centre, centre-x) <= limit {
			sum += x
			count++
		}
	}
	return divide(sum, count)
}

// spread says how far the vectors are from the truth, each after alignment with it: the median of their root mean
// squares, and which are within 3 times of it.
func spread(truth []int32, vectors [][]int32) (uint32, []bool) {
	scratch, centre := make([]int64, len(truth)), make([]int64, len(truth))
	for i, x := range truth {
		centre[i] = int64(x)
	}
	rms := make([]int64, len(vectors))
	for j, v := range vectors {
		offset := alignment(v, centre, scratch)
		var sum uint64
		for i, x := range v {
			d := int64(x) - centre[i] - offset
			sum += uint64(d * d)
		}
		rms[j] = int64(sqrt(sum / uint64(len(v))))
	}
	middle := median(slices.Clone(rms))
	inliers := make([]bool, len(vectors))
	for j, r := range rms {
		inliers[j] = r <= inlierMADs*max(middle, 1)
	}
	return uint32(middle), inliers
}

// divide returns sum/count, rounded half to even, for count > 0.
func divide(sum, count int64) int64 {
	quotient, rest := sum/count, sum%count
	if rest < 0 {
		quotient, rest = quotient-1, rest+count
	}
	if 2*rest > count || 2*rest == count && quotient&1 != 0 {
		quotient++
	}
	return quotient
}

// sqrt returns the square root of x, rounded down: Newton's method from above.
func sqrt(x uint64) uint64 {
	if x == 0 {
		return 0
	}
	root := uint64(1) << ((bits.Len64(x) + 1) / 2)
	for {
		next := (root + x/root) / 2
		if next >= root {
			return root
		}
		root = next
	}
}
