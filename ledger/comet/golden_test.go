// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/defakepro/defakepro/ledger/comet"
)

var update = flag.Bool("update", false, "write testdata anew, from what nodes make now")

// golden writes a certificate and its genesis to testdata, with -update.
func golden(t *testing.T, home string, certificate []byte) {
	t.Helper()
	if !*update {
		return
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, certificate, "", "  "); err != nil {
		t.Fatal(err)
	}
	indented.WriteByte('\n')
	genesis := must(os.ReadFile(filepath.Join(home, "config", "genesis.json")))
	for name, data := range map[string][]byte{"certificate.json": indented.Bytes(), "genesis.json": genesis} {
		if err := os.WriteFile(filepath.Join("testdata", name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestGolden: a certificate that nodes once made is good, and stays so. It leads over a change of validators, from one to
// four.
func TestGolden(t *testing.T) {
	file := must(os.ReadFile("testdata/certificate.json"))
	root := must(comet.TrustGenesis(must(os.ReadFile("testdata/genesis.json"))))
	round, err := comet.Verify(file, root)
	if err != nil {
		t.Fatal(err)
	}
	var c comet.Certificate
	if err := json.Unmarshal(file, &c); err != nil {
		t.Fatal(err)
	}
	last := c.Blocks[len(c.Blocks)-1]
	if len(c.Blocks) != 2 || len(last.Validators) != 4 || len(round.Truth) != 10 || len(round.Entries) != 6 {
		t.Errorf("%d blocks, the last of %d validators; %d values, %d entries", len(c.Blocks), len(last.Validators), len(round.Truth), len(round.Entries))
	}
	tamper(t, must(json.Marshal(c)), root)
	trusted := must(comet.TrustBlock(must(json.Marshal(c.Blocks[0]))))
	if err := c.Verify(trusted); err != nil {
		t.Errorf("from the block before: %v", err)
	}
	// A block that nothing was made of, and that is not needed, is no part of a certificate either.
	stray := c.Blocks[0]
	for _, height := range []int64{1, stray.Header.Height - 1, stray.Header.Height, last.Header.Height} {
		stray.Header.Height = height
		more := comet.Certificate{Round: c.Round, Path: c.Path, Blocks: []comet.SignedBlock{c.Blocks[0], stray, last}}
		if err := more.Verify(root); !errors.Is(err, comet.ErrCertificate) {
			t.Errorf("with a stray block of height %d: %v", height, err)
		}
	}
	if err := c.Verify(comet.Root{}); !errors.Is(err, comet.ErrCertificate) {
		t.Errorf("from nothing: %v", err)
	}
}

// FuzzCertificate: no bytes make the decoder or the verifier panic, and what is accepted is in its one form.
func FuzzCertificate(f *testing.F) {
	file := must(os.ReadFile("testdata/certificate.json"))
	genesis := must(os.ReadFile("testdata/genesis.json"))
	root := must(comet.TrustGenesis(genesis))
	f.Add(file)
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"format":"defakepro/certificate/v1","round":{},"path":{},"blocks":[{"header":{},"votes":[null]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c comet.Certificate
		if err := json.Unmarshal(data, &c); err != nil {
			return
		}
		again, err := json.Marshal(c)
		if err != nil {
			t.Fatalf("it cannot be written again: %v", err)
		}
		var given bytes.Buffer
		if err := json.Compact(&given, data); err != nil || !bytes.Equal(given.Bytes(), again) {
			t.Fatalf("read as\n%s", again)
		}
		_ = c.Verify(root)
	})
}

// FuzzRoot: no bytes make what reads a root panic.
func FuzzRoot(f *testing.F) {
	f.Add(must(os.ReadFile("testdata/genesis.json")))
	for _, file := range badGenesis() {
		f.Add(file)
	}
	var c comet.Certificate
	if err := json.Unmarshal(must(os.ReadFile("testdata/certificate.json")), &c); err != nil {
		f.Fatal(err)
	}
	f.Add(must(json.Marshal(c.Blocks[0])))
	f.Fuzz(func(t *testing.T, data []byte) {
		if root, err := comet.TrustGenesis(data); err == nil {
			_ = c.Verify(root)
		}
		if root, err := comet.TrustBlock(data); err == nil {
			_ = c.Verify(root)
		}
	})
}
