// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package dsp

import (
	"math"
	"math/cmplx"
	"testing"
)

func TestOscillatorAgreesWithTheFormula(t *testing.T) {
	o := newOscillator(123.4, 5, 1500)
	for i := range 100000 {
		got := o.next()
		want := cmplx.Rect(1, -2*math.Pi*math.Mod(123.4*(5+float64(i)/1500), 1))
		if cmplx.Abs(got-want) > 1e-8 {
			t.Fatalf("step %d: %v, want %v", i, got, want)
		}
	}
}
