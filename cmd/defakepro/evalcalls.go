// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/internal/eval"
)

// evalCalls plays calls to a guard. With --data, honest calls on recorded grids are played too.
func evalCalls(ctx context.Context, o evalOptions, say func(string)) (evalReport, error) {
	opts := eval.LiveOptions{Seed: evalSeed, Runs: 12, Hours: 50}
	if o.quick {
		opts.Runs, opts.Hours = 2, 2
	}
	if o.data != "" {
		for _, g := range []struct{ name, file string }{{"US, recorded", "us60_2022-07.csv.gz"}, {"GB, recorded", "gb50_1s_2022-09-17.csv.gz"}} {
			s, err := enf.ReadFile(filepath.Join(o.data, "grid", g.file))
			if err != nil {
				return nil, fmt.Errorf("--data %s: %w", o.data, err)
			}
			opts.Real = append(opts.Real, eval.RealGrid{Name: g.name, Series: s})
		}
	}
	return eval.Live(ctx, opts, say)
}
