// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval_test

import (
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
	"github.com/defakepro/defakepro/internal/eval"
)

func TestPoENF(t *testing.T) {
	grid := enftest.NewGrid(5, enftest.GridOptions{Duration: time.Hour}).Series()
	report, err := eval.PoENF(grid, "a simulated grid", 10, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range report.Attacks {
		// The median bears f liars of 3f+1; what it does beyond is not promised.
		if limit := 2e-3; a.N >= 3*a.F+1 && a.Median > limit {
			t.Errorf("%d of %d, %s: the median errs by %.2f mHz", a.F, a.N, a.Liars, 1e3*a.Median)
		}
	}
	if err := report.Real([]enf.Series{grid, grid.Slice(1, grid.Len()), grid.Slice(2, grid.Len()), grid.Slice(3, grid.Len())}, 1); err != nil {
		t.Fatal(err)
	}
	if len(report.Devices) != 4 || report.Devices[3].N != 7 || report.Devices[3].Trials < 50 {
		t.Errorf("real members: %+v", report.Devices)
	}
	for _, a := range append(report.Agreement, report.Devices...) {
		if a.Same != a.Trials {
			t.Errorf("%d of %d, %s: %d of %d winners are the published ones", a.F, a.N, a.Liars, a.Same, a.Trials)
		}
	}
	var page, table strings.Builder
	if err := report.WriteMarkdown(&page); err != nil {
		t.Fatal(err)
	}
	if err := report.WriteCSV(&table); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Count(table.String(), "\n"), len(report.Attacks)+1; got != want {
		t.Errorf("%d rows, want %d", got, want)
	}
	if !strings.Contains(page.String(), "| 50 | 16 | point attack on Krum |") {
		t.Error("the page has no row of the point attack")
	}
}
