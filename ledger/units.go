// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"fmt"
	"math"

	"github.com/defakepro/defakepro/poenf"
)

// Offsets returns frequencies in hertz as a proof has them: rounded to µHz from nominal. An error says which value is missing or further
// from it than [poenf.MaxOffset].
func Offsets(hz []float64, nominal int) ([]int32, error) {
	out := make([]int32, len(hz))
	for i, v := range hz {
		offset := math.Round((v - float64(nominal)) * 1e6)
		if !(math.Abs(offset) <= poenf.MaxOffset) { // true for NaN too
			return nil, fmt.Errorf("value %d is no frequency within 1 Hz of %d Hz", i+1, nominal)
		}
		out[i] = int32(offset)
	}
	return out, nil
}

// Hertz returns the frequency that is so many µHz from nominal.
func Hertz(nominal int, offset int32) float64 {
	return float64(int64(nominal)*1_000_000+int64(offset)) / 1e6
}

// MeanHertz returns the mean of the frequencies that are so many µHz from nominal.
func MeanHertz(nominal int, offsets []int32) float64 {
	sum := int64(0)
	for _, v := range offsets {
		sum += int64(v)
	}
	return float64(nominal) + float64(sum)/float64(len(offsets))/1e6
}
