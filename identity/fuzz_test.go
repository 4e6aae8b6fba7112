// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"bytes"
	"testing"
)

// A key's file makes a key that can be written and read again, or an error.
func FuzzKey(f *testing.F) {
	f.Add([]byte(`{"member":"alice","ed25519_seed":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}`))
	f.Add([]byte(`{"member":"","ed25519_seed":null}`))
	f.Add([]byte(`{}{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := parseKey(data)
		if err != nil {
			return
		}
		path := t.TempDir() + "/key"
		if err := WriteKey(path, k); err != nil {
			t.Fatal(err)
		}
		again, err := ReadKey(path)
		if err != nil || !bytes.Equal(again.Private, k.Private) {
			t.Errorf("%v, %v: not the key that was written", again, err)
		}
	})
}
