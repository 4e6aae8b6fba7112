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
		k, err := ParseKey(data, nil)
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

// A sealed key's file is opened or refused, whatever is in it, and never costs more than its bounds.
func FuzzSealedForm(f *testing.F) {
	f.Add([]byte(`{"member":"a","sealed":{"kdf":"argon2id/1","time":3,"memory_kib":65536,"salt":"AAAA","nonce":"AAAA","ciphertext":"AAAA"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if k, err := ParseKey(data, nil); err == nil && k.Name == "" {
			t.Error("a key without a name")
		}
	})
}

func FuzzChallenge(f *testing.F) {
	v := verifier(f, "a:1")
	sent, err := v.Challenge("acme")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sent, []byte("signature"))
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, sent, signature []byte) {
		if p, err := v.Verify(sent, "ann", signature); err == nil {
			t.Errorf("verified %v", p)
		}
		c, err := readChallenge(sent)
		if err == nil && !bytes.Equal(c.append(nil), sent[:len(sent)-32]) {
			t.Errorf("%x is not its one form", sent)
		}
	})
}
