// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// TestVerifierAgrees: on good signatures and bad ones, on keys and points of small order and in forms that are not
// canonical, where implementations are known to differ, the answers are the standard library's.
func TestVerifierAgrees(t *testing.T) {
	seed := sha256.Sum256([]byte("verifier"))
	private := ed25519.NewKeyFromSeed(seed[:])
	message := []byte("sixty values")
	keys := [][]byte{private.Public().(ed25519.PublicKey), nil, make([]byte, 31)}
	signature := ed25519.Sign(private, message)
	signatures := [][]byte{signature, nil, signature[:63], ed25519.Sign(private, []byte("others"))}
	// The eight points of small order, and encodings of them with y not reduced or with the sign of zero: Chalkias,
	// Garillot, Nikolaenko, Taming the many EdDSAs, SSR 2020.
	points := []string{
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"0100000000000000000000000000000000000000000000000000000000000080",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	}
	for _, text := range points {
		point, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, point)
		for _, s := range []string{"00", "01"} {
			scalar, _ := hex.DecodeString(s)
			signatures = append(signatures, append(append([]byte(nil), point...), append(scalar, make([]byte, 31)...)...))
		}
	}
	// S above the group's order.
	high := append([]byte(nil), signature...)
	high[63] |= 0xe0
	signatures = append(signatures, high)
	v, accepted := newVerifier(), 0
	for range 2 { // the second time from memory
		for _, key := range keys {
			for _, sig := range signatures {
				for b := range 16 { // some accept for one message in eight
					m := append([]byte{byte(b)}, message...)
					if b == 0 {
						m = message
					}
					want := len(key) == ed25519.PublicKeySize && ed25519.Verify(key, m, sig)
					if want {
						accepted++
					}
					if got := v.verify(key, m, sig); got != want {
						t.Fatalf("key %x, signature %x: %t, and the standard library says %t", key, sig, got, want)
					}
				}
			}
		}
	}
	if accepted < 100 {
		t.Errorf("only %d cases were accepted", accepted)
	}
}
