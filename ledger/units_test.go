// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"math"
	"slices"
	"testing"

	"github.com/defakepro/defakepro/ledger"
)

func TestOffsets(t *testing.T) {
	hz := []float64{50, 50.0100004, 49.9899996, 51, 49}
	got, err := ledger.Offsets(hz, 50)
	if want := []int32{0, 10000, -10000, 1_000_000, -1_000_000}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	for i, v := range got {
		if back := ledger.Hertz(50, v); math.Abs(back-hz[i]) > 0.5e-6 {
			t.Errorf("%d µHz are %v Hz, want %v", v, back, hz[i])
		}
	}
	if got := ledger.MeanHertz(50, got); got != 50 {
		t.Errorf("the mean is %v", got)
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), 51.000001, 0} {
		if _, err := ledger.Offsets([]float64{50, bad}, 50); err == nil || err.Error() != "value 2 is no frequency within 1 Hz of 50 Hz" {
			t.Errorf("%v: error %v", bad, err)
		}
	}
}
