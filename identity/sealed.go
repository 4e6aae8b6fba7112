// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

// sealedSeed is a seed encrypted under a passphrase: XChaCha20-Poly1305 under a key of Argon2id (RFC 9106), with the member's name
// as additional data, so that a file says whose key it is and cannot be passed off as another's.
type sealedSeed struct {
	KDF    string `json:"kdf"`
	Time   uint32 `json:"time"`
	Memory uint32 `json:"memory_kib"`
	Salt   []byte `json:"salt"`
	Nonce  []byte `json:"nonce"`
	Text   []byte `json:"ciphertext"`
}

const sealedKDF = "argon2id/1"

// The cost of a guess: RFC 9106's second recommendation, 64 MiB, with which one takes some 0.1 s. What a file asks for is bounded,
// so that nobody's file takes all memory.
const (
	argonTime, argonMemory       = 3, 64 << 10
	maxArgonTime, maxArgonMemory = 16, 1 << 20
	argonThreads                 = 4
	saltSize                     = 16
)

// ErrPassphrase is wrapped where a sealed key is not opened: there is no passphrase, or it is not the right one.
var ErrPassphrase = errors.New("passphrase")

// Passphrase asks for the passphrase of a member's key. It is called only where a key is sealed.
type Passphrase func(member string) ([]byte, error)

func seal(k Key, passphrase []byte) (*sealedSeed, error) {
	if len(passphrase) == 0 {
		return nil, fmt.Errorf("%w: an empty one seals nothing", ErrPassphrase)
	}
	s := &sealedSeed{KDF: sealedKDF, Time: argonTime, Memory: argonMemory, Salt: make([]byte, saltSize), Nonce: make([]byte, chacha20poly1305.NonceSizeX)}
	for _, b := range [][]byte{s.Salt, s.Nonce} {
		if _, err := rand.Read(b); err != nil {
			return nil, err
		}
	}
	aead, err := chacha20poly1305.NewX(s.key(passphrase))
	if err != nil {
		return nil, err
	}
	s.Text = aead.Seal(nil, s.Nonce, k.Private.Seed(), []byte(k.Name))
	return s, nil
}

func (s *sealedSeed) key(passphrase []byte) []byte {
	return argon2.IDKey(passphrase, s.Salt, s.Time, s.Memory, argonThreads, chacha20poly1305.KeySize)
}

func (s *sealedSeed) check() error {
	if s.KDF != sealedKDF || s.Time < 1 || s.Time > maxArgonTime || s.Memory < 8*argonThreads || s.Memory > maxArgonMemory ||
		len(s.Salt) != saltSize || len(s.Nonce) != chacha20poly1305.NonceSizeX || len(s.Text) != ed25519.SeedSize+chacha20poly1305.Overhead {
		return errors.New("not a sealed key of this kind, or one that takes too much to open")
	}
	return nil
}

func (s *sealedSeed) open(member string, ask Passphrase) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if ask == nil {
		return nil, fmt.Errorf("%w: the key of %s is sealed", ErrPassphrase, member)
	}
	passphrase, err := ask(member)
	if err != nil {
		return nil, fmt.Errorf("%w: the key of %s is sealed: %w", ErrPassphrase, member, err)
	}
	aead, err := chacha20poly1305.NewX(s.key(passphrase))
	if err != nil {
		return nil, err
	}
	seed, err := aead.Open(nil, s.Nonce, s.Text, []byte(member))
	if err != nil {
		return nil, fmt.Errorf("%w: not that of the key of %s, or the file was changed", ErrPassphrase, member)
	}
	return seed, nil
}
