// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/defakepro/defakepro/poenf"
)

// A node's configuration is read as it was written, or refused.
func FuzzNodeConfig(f *testing.F) {
	f.Add([]byte("input = \"csv:grid.csv\"\nrate = 8000\nlisten = \"127.0.0.1:1\"\n"))
	f.Add([]byte("input = 3\n"))
	f.Add([]byte("[input]\nx = 1\n"))
	f.Add([]byte("requests = -1\n"))
	f.Add([]byte("requests = nan\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		home := t.TempDir()
		if err := os.Mkdir(home+"/config", 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(nodeConfigPath(home), data, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := readNodeConfig(home)
		if err != nil {
			return
		}
		if !(c.Requests >= 0 && c.Requests <= mostRequests) {
			t.Errorf("%g requests a second", c.Requests)
		}
		if err := c.write(home); err != nil {
			t.Fatal(err)
		}
		if again, err := readNodeConfig(home); err != nil || again != c {
			t.Errorf("%+v, %v; want %+v", again, err, c)
		}
	})
}

// A file of proofs is scored or refused.
func FuzzProofs(f *testing.F) {
	f.Add([]byte("member,f1,f2\na,50.01,50.02\nb,50.01,50.03\n"))
	f.Add([]byte("a,NaN,60\na,60,60\n,60,60\n"))
	f.Add([]byte("a\n\"b"))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := parseProofs(bytes.NewReader(data))
		if err != nil {
			return
		}
		o, err := poenf.Select(poenf.Median, table.names, table.vectors, 0)
		if err != nil || len(o.Truth) != len(table.vectors[0]) {
			t.Errorf("%d proofs: %v", len(table.names), err)
		}
	})
}
