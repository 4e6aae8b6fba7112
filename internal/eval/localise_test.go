// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/defakepro/defakepro/internal/eval"
)

// dataFolder is where the real recordings are; empty where there are none.
func dataFolder(t *testing.T) string {
	dir := os.Getenv("DEFAKEPRO_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Logf("without real recordings: %v", err)
		return ""
	}
	return dir
}

func TestLocalise(t *testing.T) {
	if testing.Short() {
		t.Skip("sixteen hours of recordings")
	}
	report, err := eval.Localise(t.Context(), dataFolder(t), true, 1, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	trials, found, hours, false0 := 0, 0, 0.0, 0
	for _, r := range report.Results {
		if r.Edit == eval.EditNone {
			hours += r.Hours
			false0 += r.False
			if r.Authentic < r.Trials*9/10 {
				t.Errorf("%s: %d of %d genuine excerpts are authentic", r.Recording, r.Authentic, r.Trials)
			}
		} else if r.Seconds >= 30 {
			trials += r.Trials
			found += r.Found
		}
	}
	t.Logf("%d of %d edits of 30 s and more found; %d false spans in %.0f hours of genuine recordings", found, trials, false0, hours)
	if found < trials*8/10 {
		t.Errorf("%d of %d edits of 30 s and more are found", found, trials)
	}
	if false0 > int(hours/20) {
		t.Errorf("%d false spans in %.0f hours", false0, hours)
	}
	var page, table bytes.Buffer
	if err := report.WriteMarkdown(&page); err != nil {
		t.Fatal(err)
	}
	if rows := bytes.Count(page.Bytes(), []byte("\n| ")); rows != len(report.Results)+1 {
		t.Errorf("a page with %d rows for %d results", rows, len(report.Results))
	}
	if err := report.WriteCSV(&table); err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(table.Bytes(), []byte("\n")); lines != len(report.Results)+1 {
		t.Errorf("a table of %d lines for %d results", lines, len(report.Results))
	}
}
