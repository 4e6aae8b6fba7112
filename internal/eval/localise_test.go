// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/internal/eval"
)

var update = flag.Bool("update", false, "write the tables under docs/results anew, from full runs")

// recorded returns the real recordings with their reference, or none where they are absent.
func recorded(t *testing.T) []eval.Recorded {
	dir := os.Getenv("DEFAKEPRO_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	truth, err := enf.ReadFile(filepath.Join(dir, "econledger", "power.csv"))
	if err != nil {
		t.Logf("without real recordings: %v", err)
		return nil
	}
	var out []eval.Recorded
	for _, name := range []string{"device1", "device2", "device3"} {
		s, err := enf.ReadFile(filepath.Join(dir, "econledger", name+".csv"))
		if err != nil {
			t.Fatal(err)
		}
		if s, _, err = s.Fundamental(enf.Grid60); err != nil {
			t.Fatal(err)
		}
		out = append(out, eval.Recorded{Name: name, Series: s, Truth: truth})
	}
	return out
}

func TestLocalise(t *testing.T) {
	recordings := append(recorded(t), eval.Simulated(1, 0.0005), eval.Simulated(2, 0.001), eval.Simulated(3, 0.002), eval.Simulated(4, 0.003))
	o := eval.LocaliseOptions{Trials: 5, Seed: 1}
	if *update {
		o.Trials = 60
	}
	var all []eval.LocaliseResult
	for _, r := range recordings {
		all = append(all, eval.Localise(r, o)...)
	}
	var table bytes.Buffer
	if err := eval.WriteLocaliseTable(&table, all); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + table.String())
}
