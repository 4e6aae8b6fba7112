// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519/extra/ecvrf"
)

// Ticket is a member's entry in the draw of an epoch's committee: a verifiable random number that nobody can choose,
// least of all its sender, and that nobody but its sender knows before it is sent. It is the proof of
// ECVRF-EDWARDS25519-SHA512-ELL2 (RFC 9381 §5) under the member's key.
type Ticket struct {
	// Epoch is the one to be drawn.
	Epoch uint64
	// Member is the name of the sender.
	Member string
	// Proof is the 80 bytes of the ECVRF's pi_string.
	Proof []byte
}

// TicketProofSize is the number of bytes of a ticket's proof, RFC 9381 §5.5.
const TicketProofSize = ecvrf.ProofSize

const ticketDomain = "defakepro/poenf/ticket/v1"

// Sign makes the ticket's proof with the member's key, over the seed that [Machine.Election] gives. An error wraps
// [ErrMalformed].
func (t *Ticket) Sign(committee string, seed [32]byte, key ed25519.PrivateKey) error {
	if err := t.checkForm(); err != nil {
		return err
	}
	if len(key) != ed25519.PrivateKeySize {
		return fmt.Errorf("%w: private key has %d bytes, not %d", ErrMalformed, len(key), ed25519.PrivateKeySize)
	}
	t.Proof = ecvrf.Prove(voi.PrivateKey(key), t.alpha(committee, seed))
	return nil
}

// Verify returns the ticket's number, the 64 bytes of the ECVRF's beta_string, when key made it over the seed. An error
// wraps [ErrMalformed] or [ErrSignature].
func (t Ticket) Verify(committee string, seed [32]byte, key ed25519.PublicKey) (output [64]byte, err error) {
	if err := t.checkForm(); err != nil {
		return output, err
	}
	ok, beta := ecvrf.Verify(voi.PublicKey(key), t.Proof, t.alpha(committee, seed))
	if !ok || len(beta) != len(output) {
		return output, fmt.Errorf("%w: ticket of %s for epoch %d of %s", ErrSignature, t.Member, t.Epoch, committee)
	}
	copy(output[:], beta)
	return output, nil
}

func (t Ticket) alpha(committee string, seed [32]byte) []byte {
	b := appendUint64(signedHead(ticketDomain, committee), t.Epoch)
	return append(b, seed[:]...)
}

func (t Ticket) checkForm() error {
	if !validName(t.Member, MaxName, "._-") {
		return fmt.Errorf("%w: member %.80q is not 1 to %d of A-Z a-z 0-9 . _ -", ErrMalformed, t.Member, MaxName)
	}
	return nil
}

func (t Ticket) append(b []byte) []byte {
	b = appendUint64(append(b, tagTicket), t.Epoch)
	return append(appendString(b, t.Member), t.Proof...)
}

// AppendBinary appends the ticket's bytes. An error wraps [ErrMalformed].
func (t Ticket) AppendBinary(b []byte) ([]byte, error) {
	if err := t.checkForm(); err != nil {
		return nil, err
	}
	if len(t.Proof) != TicketProofSize {
		return nil, fmt.Errorf("%w: proof has %d bytes, not %d", ErrMalformed, len(t.Proof), TicketProofSize)
	}
	return t.append(b), nil
}

// MarshalBinary returns the ticket's bytes. An error wraps [ErrMalformed].
func (t Ticket) MarshalBinary() ([]byte, error) { return t.AppendBinary(nil) }

// UnmarshalBinary takes the bytes of a ticket and nothing else. An error wraps [ErrMalformed]. The proof is not verified.
func (t *Ticket) UnmarshalBinary(data []byte) error {
	r := &reader{data: data}
	r.tag(tagTicket, "ticket")
	out := Ticket{Epoch: r.number(8), Member: r.name(), Proof: r.take(TicketProofSize)}
	if err := r.end(); err != nil {
		return fmt.Errorf("ticket: %w", err)
	}
	*t = out
	return nil
}

// Hash returns the SHA-256 of the ticket's bytes.
func (t Ticket) Hash() [32]byte { return sha256.Sum256(t.append(nil)) }
