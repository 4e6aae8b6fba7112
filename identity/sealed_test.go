// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func says(words string) Passphrase { return func(string) ([]byte, error) { return []byte(words), nil } }

func TestSealedKey(t *testing.T) {
	k := Key{Name: "ann", Private: keyOf("ann")}
	path := filepath.Join(t.TempDir(), "key.json")
	if err := SealKey(path, k, nil); !errors.Is(err, ErrPassphrase) {
		t.Errorf("sealed with nothing: %v", err)
	}
	if err := SealKey(path, k, []byte("correct horse")); err != nil {
		t.Fatal(err)
	}
	got, err := OpenKey(path, says("correct horse"))
	if err != nil || got.Name != "ann" || !got.Private.Equal(k.Private) {
		t.Errorf("%v, %v", got, err)
	}
	for what, ask := range map[string]Passphrase{
		"none": nil, "another": says("correct horses"), "empty": says(""),
		"nobody there": func(string) ([]byte, error) { return nil, io.EOF },
	} {
		if _, err := OpenKey(path, ask); !errors.Is(err, ErrPassphrase) {
			t.Errorf("%s: %v", what, err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if seed := k.Private.Seed(); bytes.Contains(data, seed) || bytes.Contains(data, fmt.Appendf(nil, "%x", seed)) {
		t.Error("the seed is in the file")
	}
	// It cannot be passed off as another's, nor made to take all memory.
	for from, to := range map[string]string{
		`"ann"`: `"bob"`, `"memory_kib": 65536`: `"memory_kib": 4294967295`, `"time": 3`: `"time": 4294967295`, `argon2id`: `none`,
	} {
		if strings.Count(string(data), from) != 1 {
			t.Fatalf("no %s in %s", from, data)
		}
		if _, err := ParseKey([]byte(strings.Replace(string(data), from, to, 1)), says("correct horse")); err == nil {
			t.Errorf("opened with %s", to)
		}
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKey(path, says("correct horse")); err == nil {
		t.Error("opened, and others may read it")
	}
}

// TestReadSealed: a key in plaintext is sealed in its place, and is the same key.
func TestReadSealed(t *testing.T) {
	k := Key{Name: "ann", Private: keyOf("ann")}
	folder := t.TempDir()
	path := filepath.Join(folder, "key.json")
	if err := WriteKey(path, k); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got, err := ReadSealed(path, []byte("correct horse"))
		if err != nil || got.Name != "ann" || !got.Private.Equal(k.Private) {
			t.Errorf("%v, %v", got, err)
		}
	}
	if _, err := ReadSealed(path, []byte("another")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("with another: %v", err)
	}
	if _, err := ReadKey(path); !errors.Is(err, ErrPassphrase) {
		t.Errorf("without: %v", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if all, err := os.ReadDir(folder); err != nil || len(all) != 1 {
		t.Errorf("beside it: %v, %v", all, err)
	}
	if _, err := ReadOrGenerate(filepath.Join(folder, "new.json"), "bob", []byte("correct horse")); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadKey(filepath.Join(folder, "new.json")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("a new one: %v", err)
	}
}

func TestMain(m *testing.M) {
	if how := os.Getenv("SIGNER"); how != "" {
		signerProgram(how)
	}
	os.Exit(m.Run())
}

// signerProgram is what keeps the key of "ann".
func signerProgram(how string) {
	message, err := io.ReadAll(os.Stdin)
	if err != nil {
		os.Exit(1)
	}
	switch how {
	case "good":
		signature, err := keyOf("ann").Sign(nil, message, crypto.Hash(0))
		if err != nil {
			os.Exit(1)
		}
		fmt.Println(hex.EncodeToString(signature))
	case "other":
		signature, err := keyOf("eve").Sign(nil, message, crypto.Hash(0))
		if err != nil {
			os.Exit(1)
		}
		fmt.Println(hex.EncodeToString(signature))
	case "endless":
		for {
			if _, err := fmt.Println(strings.Repeat("0", 1000)); err != nil {
				os.Exit(1)
			}
		}
	case "nothing":
	default:
		os.Exit(1)
	}
	os.Exit(0)
}

func TestSignerKeepsTheKeyElsewhere(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSigner(registry().Accounts[0].Key, self)
	if err != nil {
		t.Fatal(err)
	}
	v := verifier(t, "a:1")
	for how, good := range map[string]bool{"good": true, "other": false, "endless": false, "nothing": false, "fails": false} {
		t.Setenv("SIGNER", how)
		sent := challengeOf(t, v, "acme")
		signature, err := Answer(sent, "test", "a:1", "acme", "ann", s)
		if (err == nil) != good {
			t.Errorf("%s: %v", how, err)
		}
		if _, err := v.Verify(sent, "ann", signature); (err == nil) != good {
			t.Errorf("%s: %v", how, err)
		}
	}
	if _, err := s.Sign(nil, nil, crypto.SHA512); err == nil {
		t.Error("signs a hash")
	}
	if _, err := NewSigner(nil); err == nil {
		t.Error("a signer of nothing")
	}
}
