// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"crypto/ed25519"
	"crypto/sha256"
	"sync"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"

	"github.com/defakepro/defakepro/poenf"
)

// keptSignatures is how many good signatures a node remembers, twice over: some rounds of the largest committee.
const keptSignatures = 4 * poenf.MaxMembers

// verifier verifies each proof's signature once, though a node sees it up to three times: from its sender, in a proposal
// and in a block. It gives the answers of crypto/ed25519, which all nodes must agree on, in less than half the time:
// keys are decoded once, and curve25519-voi can be told to accept exactly what the standard library does.
type verifier struct {
	mu        sync.Mutex
	good, old map[[sha256.Size]byte]struct{} // a generation is dropped when the next is full
	keys      map[string]*voi.ExpandedPublicKey
}

func newVerifier() *verifier {
	return &verifier{good: make(map[[sha256.Size]byte]struct{}), keys: make(map[string]*voi.ExpandedPublicKey)}
}

var likeTheStandardLibrary = &voi.Options{Verify: voi.VerifyOptionsStdLib}

// verify is [ed25519.Verify], remembered.
func (v *verifier) verify(key ed25519.PublicKey, message, signature []byte) bool {
	if len(key) != ed25519.PublicKeySize || len(signature) != ed25519.SignatureSize {
		return false
	}
	id := v.id(key, message, signature)
	v.mu.Lock()
	_, good := v.good[id]
	if !good {
		_, good = v.old[id]
	}
	expanded := v.keys[string(key)]
	v.mu.Unlock()
	if good {
		return true
	}
	if expanded == nil {
		var err error
		if expanded, err = voi.NewExpandedPublicKey(voi.PublicKey(key)); err != nil {
			return false
		}
	}
	if !voi.VerifyExpandedWithOptions(expanded, message, signature, likeTheStandardLibrary) {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.keys) >= 2*poenf.MaxMembers {
		clear(v.keys)
	}
	v.keys[string(key)] = expanded
	if len(v.good) >= keptSignatures {
		v.old, v.good = v.good, make(map[[sha256.Size]byte]struct{}, keptSignatures)
	}
	v.good[id] = struct{}{}
	return true
}

func (v *verifier) id(key ed25519.PublicKey, message, signature []byte) (id [sha256.Size]byte) {
	h := sha256.New() // the first two parts have fixed lengths, so nothing can be shifted between them
	h.Write(key)
	h.Write(signature)
	h.Write(message)
	h.Sum(id[:0])
	return id
}

// attach has m, and what is made of it, verify with v.
func (v *verifier) attach(m *poenf.Machine) { m.SetVerifier(v.verify) }
