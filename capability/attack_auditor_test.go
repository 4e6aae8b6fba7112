// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package capability

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func openAudit(t testing.TB, path string, most int64) *Audit {
	t.Helper()
	a, err := OpenAudit(path, most)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func closeAudit(t testing.TB, a *Audit) {
	t.Helper()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

// audited makes n decisions, every third a refusal, in a file at path.
func audited(t *testing.T, path string, n int, most int64) string {
	t.Helper()
	a := authority(registry(), noon)
	a.Audit = openAudit(t, path, most)
	defer closeAudit(t, a.Audit)
	text := token(t, "administrator", "ann", Limits{Operations: list("rounds:read")})
	for i := range n {
		if i%3 == 2 {
			decided(t, a, text, Request{Operation: "proofs:write"}, ErrRight)
		} else {
			decided(t, a, text, read, nil)
		}
	}
	return text
}

func TestAuditKeepsUsesAndRefusals(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	text := audited(t, path, 6, 0)
	audited(t, path, 3, 0) // goes on
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var records []Record
	if _, err := ReadAudit(bytes.NewReader(data), func(r Record) { records = append(records, r) }); err != nil {
		t.Fatal(err)
	}
	if len(records) != 9 || records[0].Holder != "ann" || records[0].Refused != "" || !strings.Contains(records[2].Refused, "proofs:write") {
		t.Errorf("%+v", records)
	}
	parsed, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if r := records[0]; r.Token != fmt.Sprintf("%x", parsed.IDs()[0]) || !r.Until.Equal(parsed.Until()) { // what it takes to revoke it
		t.Errorf("%+v", r)
	}
	if bytes.Contains(data, []byte(text[:20])) {
		t.Error("the token is in the file")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// Whoever can write the file wants a use or a refusal forgotten.
func TestAuditTamperedWith(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	audited(t, path, 6, 0)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(data), "\n"), "\n")
	for what, spoiled := range map[string][]string{
		"one is taken out":  slices.Delete(slices.Clone(lines), 2, 3),
		"one is repeated":   slices.Insert(slices.Clone(lines), 2, lines[2]),
		"two change places": {lines[1], lines[0], lines[2]},
		"one is changed":    {lines[0], strings.Replace(lines[1], "ann", "bob", 1), lines[2]},
		"one is no record":  {lines[0], "{}\n", lines[1]},
		"a line has no end": {lines[0], strings.Repeat("x", 1<<20)},
	} {
		if err := os.WriteFile(path, []byte(strings.Join(spoiled, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenAudit(path, 0); !errors.Is(err, ErrChain) {
			t.Errorf("%s: it goes on, %v", what, err)
		}
	}
	// Half a line is what a loss of power leaves.
	if err := os.WriteFile(path, data[:len(data)-10], 0o600); err != nil {
		t.Fatal(err)
	}
	a := openAudit(t, path, 0)
	if a.last.Number != 5 {
		t.Errorf("goes on after %d", a.last.Number)
	}
	closeAudit(t, a)
}

func TestAuditIsBoundedAndItsChainGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	audited(t, path, 60, 4000)
	var numbers []uint64
	for _, name := range []string{path + ".1", path} {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := f.Stat(); err != nil || info.Size() > 5000 {
			t.Errorf("%v, %v", info, err)
		}
		if _, err := ReadAudit(f, func(r Record) { numbers = append(numbers, r.Number) }); err != nil {
			t.Error(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for i := 1; i < len(numbers); i++ {
		if numbers[i] != numbers[i-1]+1 {
			t.Fatalf("%d after %d", numbers[i], numbers[i-1])
		}
	}
	if numbers[len(numbers)-1] != 60 {
		t.Errorf("the last is %d", numbers[len(numbers)-1])
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 2 {
		t.Errorf("%v, %v", entries, err)
	}
}

// The forger sends so many tokens that what others did would be pushed out of the file.
func TestAuditIsNotFlushedByForgeries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	now := noon
	a := authority(registry(), noon)
	a.Now = func() time.Time { return now }
	a.Audit = openAudit(t, path, 4000)
	decided(t, a, token(t, "administrator", "ann", Limits{Operations: list("*")}), read, nil)
	for range 1000 {
		decided(t, a, "forged", read, ErrToken)
	}
	now = now.Add(time.Second)
	decided(t, a, "forged", read, ErrToken)
	closeAudit(t, a.Audit)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var skipped []uint64
	if _, err := ReadAudit(f, func(r Record) { skipped = append(skipped, r.Skipped) }); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil || !slices.Equal(skipped, []uint64{0, 0, 999}) {
		t.Errorf("skipped %v, %v", skipped, err)
	}
}

// A file that cannot be written refuses what it should have kept.
func TestAuditThatFailsRefuses(t *testing.T) {
	a := authority(registry(), noon)
	a.Audit = openAudit(t, filepath.Join(t.TempDir(), "audit.jsonl"), 0)
	text := token(t, "administrator", "ann", Limits{Operations: list("*")})
	closeAudit(t, a.Audit)
	if holder, err := a.Authorize(text, read); err == nil || holder != "" {
		t.Errorf("%q, %v", holder, err)
	}
}

// Whoever reaches the interface chooses the name of a room, in any bytes, and needs no good token for its refusal to be kept.
func TestAuditBearsAnyBytes(t *testing.T) {
	for name, resource := range map[string]string{
		"not UTF-8":       "room/\xff",
		"cut in a letter": "room/" + strings.Repeat("é", 400),
		"escaped":         "room/" + strings.Repeat("\x00", 600) + "\u2028<>",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "audit.jsonl")
			for range 2 {
				a := openAudit(t, path, 0)
				if err := a.add(time.Now(), Token{}, Request{Operation: "rooms:read", Resource: resource, Zone: resource}, ErrToken); err != nil {
					t.Error(err)
				}
				closeAudit(t, a)
			}
		})
	}
}

func FuzzReadAudit(f *testing.F) {
	f.Add([]byte(`{"number":1,"time":"2026-11-23T12:00:00Z","operation":"x","hash":"00"}` + "\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = ReadAudit(bytes.NewReader(data), func(r Record) { _ = fmt.Sprint(r) })
	})
}
