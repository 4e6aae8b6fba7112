// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/ledger/ledgertest"
)

func genesisOf(t testing.TB, home string) comet.Root {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(home, "config", "genesis.json"))
	if err != nil {
		t.Fatal(err)
	}
	root, err := comet.TrustGenesis(file)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func TestCertificateOfFour(t *testing.T) {
	t.Parallel()
	n := newNet(t, ledgertest.NewCommittee("certificate", 6, 20), comet.Layout{Validators: 4}, 4, nil)
	n.ready(t, 4)
	r := n.round(t)
	root := genesisOf(t, n.homes[0].Dir)
	for i, node := range n.nodes {
		c, err := node.Certificate(t.Context(), r.Number)
		if err != nil {
			t.Fatal(err)
		}
		file, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		got, err := comet.Verify(file, root)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Fatalf("node %d: %+v, %v", i, got, err)
		}
		if i == 0 {
			t.Logf("%d bytes", len(file))
			tamper(t, file, root)
		}
	}
	if _, err := n.nodes[0].Certificate(t.Context(), r.Number+1); err == nil {
		t.Error("a certificate of a round that is not closed")
	}
}

// tamper changes each value in a certificate's text in turn, and each name; none may pass.
func tamper(t *testing.T, file []byte, root comet.Root) {
	t.Helper()
	changes := 0
	try := func(from, to int64, now string) {
		if string(file[from:to]) == now {
			return
		}
		changes++
		bad := slices.Concat(file[:from], []byte(now), file[to:])
		if _, err := comet.Verify(bad, root); !errors.Is(err, comet.ErrCertificate) {
			t.Errorf("%s instead of %s, after %s: %v", now, file[from:to], file[max(0, from-40):from], err)
		}
	}
	d := json.NewDecoder(bytes.NewReader(file))
	d.UseNumber()
	for {
		from := d.InputOffset()
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		to := d.InputOffset()
		for from < to && strings.ContainsRune(",: \n", rune(file[from])) {
			from++
		}
		switch token := token.(type) {
		case string:
			quoted := func(s string) string { return string(must(json.Marshal(s))) }
			try(from, to, quoted(token+"0"))
			try(from, to, "null")
			for i := range token {
				if len(token) < 24 || i%16 == 0 || i == len(token)-1 {
					changed := []byte(token)
					changed[i] = "10"[changed[i]%2]
					if changed[i] == token[i] {
						changed[i] ^= 3
					}
					try(from, to, quoted(string(changed)))
				}
			}
			if len(token) > 0 {
				try(from, to, quoted(token[1:]))
				try(from, to, quoted(token[:len(token)-1]))
			}
		case json.Number:
			try(from, to, token.String()+"0")
			try(from, to, "1"+strings.TrimLeft(token.String(), "-"))
			try(from, to, "-"+token.String())
			try(from, to, "0")
		case bool:
			try(from, to, strconv.FormatBool(!token))
			try(from, to, "null")
		case nil:
			try(from, to, "{}")
			try(from, to, `{"time":"2026-11-23T00:00:00Z","signature":"AAAA"}`)
		case json.Delim:
			if token == '[' || token == '{' {
				try(from, to, token.String()+`1,`)
				try(from, to, token.String()+`"format":1,`)
				try(from, to, token.String()+`{},`)
			}
		}
	}
	// Votes and blocks left out, each as a whole.
	var c comet.Certificate
	if err := json.Unmarshal(file, &c); err != nil {
		t.Fatal(err)
	}
	for _, b := range c.Blocks {
		for i, v := range b.Votes {
			if v.Signature == nil {
				continue
			}
			b.Votes[i] = comet.Vote{}
			changes++
			if err := c.Verify(root); !errors.Is(err, comet.ErrCertificate) {
				t.Errorf("without vote %d: %v", i, err)
			}
			b.Votes[i] = v
		}
	}
	if err := c.Verify(root); err != nil {
		t.Fatalf("after all that: %v", err)
	}
	t.Logf("%d changes refused", changes)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
