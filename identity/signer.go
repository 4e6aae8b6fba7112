// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"
)

// Signer is a key that another program keeps, such as one that asks a hardware token. It is a [crypto.Signer] for Ed25519.
//
// The program is started for each signature, gets the message on its standard input, and answers on its standard output with
// the signature's 64 bytes in hexadecimal. What it answers is verified before it is used.
type Signer struct {
	public  ed25519.PublicKey
	command []string
	timeout time.Duration
}

// signerTimeout is how long the program may take: somebody may have to touch something.
const signerTimeout = time.Minute

var _ crypto.Signer = (*Signer)(nil)

// NewSigner returns the key of that public key which the program command[0] with the arguments that follow keeps.
func NewSigner(public ed25519.PublicKey, command ...string) (*Signer, error) {
	if len(public) != ed25519.PublicKeySize || len(command) == 0 {
		return nil, fmt.Errorf("a signer needs a public key of %d bytes, and a command", ed25519.PublicKeySize)
	}
	return &Signer{bytes.Clone(public), command, signerTimeout}, nil
}

// Public implements [crypto.Signer].
func (s *Signer) Public() crypto.PublicKey { return s.public }

// Sign implements [crypto.Signer]: it has the message itself signed, and takes no hash of one.
func (s *Signer) Sign(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts != nil && opts.HashFunc() != 0 {
		return nil, errors.New("signer: Ed25519 signs messages, not hashes")
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	out := &limited{most: 2*ed25519.SignatureSize + 2}
	c := exec.CommandContext(ctx, s.command[0], s.command[1:]...)
	c.Stdin, c.Stdout, c.WaitDelay = bytes.NewReader(message), out, time.Second
	if err := c.Run(); err != nil {
		return nil, fmt.Errorf("signer %s: %w", s.command[0], err)
	}
	signature, err := hex.DecodeString(string(bytes.TrimSpace(out.b)))
	if err != nil || !ed25519.Verify(s.public, message, signature) {
		return nil, fmt.Errorf("signer %s: what it answered is no signature with key %x", s.command[0], []byte(s.public[:4]))
	}
	return signature, nil
}

// limited keeps so many bytes, and refuses more.
type limited struct {
	b    []byte
	most int
}

func (l *limited) Write(b []byte) (int, error) {
	if len(l.b)+len(b) > l.most {
		return 0, errors.New("too much output")
	}
	l.b = append(l.b, b...)
	return len(b), nil
}
