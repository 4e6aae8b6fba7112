// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/defakepro/defakepro/identity"
)

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "member_key.json")
	k, err := identity.ReadOrGenerate(path, "alice", nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := identity.ReadOrGenerate(path, "bob", nil)
	if err != nil || again.Name != "alice" || !again.Private.Equal(k.Private) {
		t.Errorf("second time %v, %v: not the key of the first", again, err)
	}
	if err := identity.WriteKey(path, k); !errors.Is(err, fs.ErrExist) {
		t.Errorf("overwriting: %v, want %v", err, fs.ErrExist)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := identity.ReadKey(path); err == nil || !strings.Contains(err.Error(), "0640") {
		t.Errorf("a key that the group may read: %v", err)
	}
}

func TestKeyIsNotPrinted(t *testing.T) {
	k, err := identity.Generate("alice")
	if err != nil {
		t.Fatal(err)
	}
	seed := k.Private.Seed()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		s := fmt.Sprintf(verb, k)
		if s != "alice" && s != "identity.Key{alice}" {
			t.Errorf("%s prints %q", verb, s)
		}
		if strings.Contains(s, fmt.Sprint(seed[0])+" "+fmt.Sprint(seed[1])) {
			t.Errorf("%s prints the key", verb)
		}
	}
}

func TestBadKeys(t *testing.T) {
	secret := base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))
	for name, text := range map[string]string{
		"empty":   "",
		"text":    "hello",
		"unknown": `{"member":"a","ed25519_seed":"` + secret + `","x":1}`,
		"short":   `{"member":"a","ed25519_seed":"QUJD"}`,
		"no name": `{"ed25519_seed":"` + secret + `"}`,
		"long":    strings.Repeat(" ", 5000),
		"quoted":  `{"member":1,"ed25519_seed":"` + secret + `"}`,
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := identity.ReadKey(path)
		if err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: error %v: must name the file and not the seed", name, err)
		}
	}
}
