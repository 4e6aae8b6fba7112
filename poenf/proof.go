// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
)

// Proof is a member's signed statement of the grid's frequency: the paper's E(i) (DeFakePro §III-C).
type Proof struct {
	// Nominal is the grid, 50 or 60 Hz.
	Nominal int
	// Round is the number of the round.
	Round uint64
	// Member is the name of the sender.
	Member string
	// Values are offsets from nominal in µHz, one for each whole second of the round, oldest first: 2 to [MaxLength],
	// within ±[MaxOffset].
	Values []int32
	// Signature is the member's, of 64 bytes.
	Signature []byte
}

const proofDomain = "defakepro/poenf/proof/v1"

// Sign signs the proof for a committee. An error wraps [ErrMalformed]: nothing is signed that no committee would take.
func (p *Proof) Sign(committee string, key ed25519.PrivateKey) error {
	if err := p.checkForm(); err != nil {
		return err
	}
	if len(key) != ed25519.PrivateKeySize {
		return fmt.Errorf("%w: private key has %d bytes, not %d", ErrMalformed, len(key), ed25519.PrivateKeySize)
	}
	p.Signature = ed25519.Sign(key, p.signed(committee))
	return nil
}

// Verify returns nil when key signed the proof for the committee. An error wraps [ErrMalformed] or [ErrSignature].
func (p Proof) Verify(committee string, key ed25519.PublicKey) error {
	return p.verify(committee, key, nil)
}

func (p Proof) verify(committee string, key ed25519.PublicKey, by Verifier) error {
	if err := p.checkForm(); err != nil {
		return err
	}
	if by == nil {
		by = verify
	}
	if !by(key, p.signed(committee), p.Signature) {
		return fmt.Errorf("%w: proof of %s for round %d of %s", ErrSignature, p.Member, p.Round, committee)
	}
	return nil
}

// verify is [ed25519.Verify] without its panic over the length of a key.
func verify(key ed25519.PublicKey, message, signature []byte) bool {
	return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, message, signature)
}

func (p Proof) checkForm() error {
	switch {
	case p.Nominal != 50 && p.Nominal != 60:
		return fmt.Errorf("%w: nominal frequency %d Hz is neither 50 nor 60", ErrMalformed, p.Nominal)
	case !validName(p.Member, MaxName, "._-"):
		return fmt.Errorf("%w: member %.80q is not 1 to %d of A-Z a-z 0-9 . _ -", ErrMalformed, p.Member, MaxName)
	case len(p.Values) < 2 || len(p.Values) > MaxLength:
		return fmt.Errorf("%w: %d values are not 2 to %d", ErrMalformed, len(p.Values), MaxLength)
	}
	return checkRange(p.Values)
}

// statement appends what the signature is about.
func (p Proof) statement(b []byte) []byte {
	b = append(b, tagProof, byte(p.Nominal))
	b = appendUint64(b, p.Round)
	b = appendString(b, p.Member)
	return appendValues(b, p.Values)
}

func (p Proof) signed(committee string) []byte {
	return p.statement(signedHead(proofDomain, committee))
}

// signedHead begins what is signed: no signature can be taken for one of another kind or committee.
func signedHead(domain, committee string) []byte {
	return appendString(append([]byte(domain), 0), committee)
}

func (p Proof) append(b []byte) []byte { return append(p.statement(b), p.Signature...) }

// AppendBinary appends the proof's bytes. An error wraps [ErrMalformed].
func (p Proof) AppendBinary(b []byte) ([]byte, error) {
	if err := p.checkForm(); err != nil {
		return nil, err
	}
	if len(p.Signature) != ed25519.SignatureSize {
		return nil, fmt.Errorf("%w: signature has %d bytes, not %d", ErrMalformed, len(p.Signature), ed25519.SignatureSize)
	}
	return p.append(b), nil
}

// MarshalBinary returns the proof's bytes. An error wraps [ErrMalformed].
func (p Proof) MarshalBinary() ([]byte, error) { return p.AppendBinary(nil) }

// UnmarshalBinary takes the bytes of a proof and nothing else. An error wraps [ErrMalformed]. The signature is not verified.
func (p *Proof) UnmarshalBinary(data []byte) error {
	r := &reader{data: data}
	out := r.proof()
	if err := r.end(); err != nil {
		return fmt.Errorf("proof: %w", err)
	}
	*p = out
	return nil
}

func (r *reader) proof() (p Proof) {
	r.tag(tagProof, "proof")
	p.Nominal = r.nominal()
	p.Round = r.number(8)
	p.Member = r.name()
	p.Values = r.values()
	p.Signature = r.signature()
	return p
}

// Hash returns the SHA-256 of the proof's bytes, its signature among them.
func (p Proof) Hash() [32]byte { return sha256.Sum256(p.append(nil)) }

// Evidence is two different statements that one member signed for one round. It speaks for itself: anyone who has the
// member's key can verify it.
type Evidence struct {
	Round  uint64
	Member string
	// First counted in the round; Second did not.
	First, Second Proof
}

// Verify returns nil when key signed both proofs for the committee and they contradict each other. An error wraps
// [ErrMalformed] or [ErrSignature].
func (e Evidence) Verify(committee string, key ed25519.PublicKey) error {
	for _, p := range [...]Proof{e.First, e.Second} {
		if p.Round != e.Round || p.Member != e.Member {
			return fmt.Errorf("%w: evidence about %s in round %d has a proof of %.80q for round %d",
				ErrMalformed, e.Member, e.Round, p.Member, p.Round)
		}
		if err := p.Verify(committee, key); err != nil {
			return fmt.Errorf("evidence: %w", err)
		}
	}
	if !contradict(e.First, e.Second) {
		return fmt.Errorf("%w: the proofs of %s for round %d state the same", ErrMalformed, e.Member, e.Round)
	}
	return nil
}

// contradict reports whether two proofs state different things. Signatures may differ over one statement: whoever
// holds the key can make as many as they like, and none of them is a lie.
func contradict(a, b Proof) bool { return !bytes.Equal(a.statement(nil), b.statement(nil)) }

// AppendBinary appends the evidence's bytes. An error wraps [ErrMalformed].
func (e Evidence) AppendBinary(b []byte) ([]byte, error) {
	b, err := e.First.AppendBinary(append(b, tagEvidence))
	if err != nil {
		return nil, err
	}
	return e.Second.AppendBinary(b)
}

// MarshalBinary returns the evidence's bytes. An error wraps [ErrMalformed].
func (e Evidence) MarshalBinary() ([]byte, error) { return e.AppendBinary(nil) }

// UnmarshalBinary takes the bytes of evidence and nothing else. An error wraps [ErrMalformed]. The signatures are not verified.
func (e *Evidence) UnmarshalBinary(data []byte) error {
	r := &reader{data: data}
	r.tag(tagEvidence, "piece of evidence")
	first, second := r.proof(), r.proof()
	if r.err == nil && (first.Round != second.Round || first.Member != second.Member || !contradict(first, second)) {
		r.fail("the proofs do not contradict each other")
	}
	if err := r.end(); err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	*e = Evidence{Round: first.Round, Member: first.Member, First: first, Second: second}
	return nil
}

// Hash returns the SHA-256 of the evidence's bytes.
func (e Evidence) Hash() [32]byte {
	return sha256.Sum256(e.Second.append(e.First.append([]byte{tagEvidence})))
}
