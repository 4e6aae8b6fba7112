// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"

	"github.com/defakepro/defakepro/internal/eval"
)

// partFAR measures the errors of a window's verdict on real grids.
func partFAR(ctx context.Context, o evalOptions, say func(string)) (eval.Part, error) {
	if o.data == "" {
		return eval.Part{}, errors.New("eval far: needs --data, or DEFAKEPRO_DATA: the folder that holds grid, econledger, whu-mains, spcup and optical")
	}
	pairs := 400
	if o.quick {
		pairs = 200
	}
	p, err := eval.FARPart(ctx, o.data, pairs, evalSeed, o.quick, say)
	p.Repeat = o.command("far", o.quick)
	return p, err
}
