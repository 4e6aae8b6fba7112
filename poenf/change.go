// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
)

// MaxOperations is the most operations in one change.
const MaxOperations = 256

// Change is a change of membership that the administrator signed. It is made whole or refused whole.
type Change struct {
	// Sequence is 1 for a committee's first change and one more for each that follows, so that none is replayed.
	Sequence uint64
	// Operations are made in this order: 1 to [MaxOperations].
	Operations []Operation
	// Signature is the administrator's, of 64 bytes.
	Signature []byte
}

// Op is the kind of an [Operation].
type Op uint8

const (
	// Put admits Member, or replaces the one of that name.
	Put Op = 1
	// Remove removes the member of the name Member.Name; the rest of Member is empty.
	Remove Op = 2
	// SetFaulty makes Faulty the committee's f; Member is empty. A committee that grows can so come to bear a liar.
	SetFaulty Op = 3
)

// Operation is one step of a [Change].
type Operation struct {
	Op     Op
	Member Member
	Faulty int
}

const changeDomain = "defakepro/poenf/change/v1"

// Sign signs the change for a committee with the administrator's key. An error wraps [ErrMalformed].
func (c *Change) Sign(committee string, key ed25519.PrivateKey) error {
	if err := c.checkForm(); err != nil {
		return err
	}
	if len(key) != ed25519.PrivateKeySize {
		return fmt.Errorf("%w: private key has %d bytes, not %d", ErrMalformed, len(key), ed25519.PrivateKeySize)
	}
	c.Signature = ed25519.Sign(key, c.signed(committee))
	return nil
}

// Verify returns nil when key signed the change for the committee. An error wraps [ErrMalformed] or [ErrSignature].
func (c Change) Verify(committee string, key ed25519.PublicKey) error {
	if err := c.checkForm(); err != nil {
		return err
	}
	if !verify(key, c.signed(committee), c.Signature) {
		return fmt.Errorf("%w: change %d of %s", ErrSignature, c.Sequence, committee)
	}
	return nil
}

func (c Change) checkForm() error {
	if n := len(c.Operations); n < 1 || n > MaxOperations {
		return fmt.Errorf("%w: %d operations are not 1 to %d", ErrMalformed, n, MaxOperations)
	}
	for i, o := range c.Operations {
		if err := o.checkForm(); err != nil {
			return fmt.Errorf("operation %d: %w", i, err)
		}
	}
	return nil
}

func (o Operation) checkForm() error {
	m := o.Member
	var err string
	switch {
	case o.Op == Put && o.Faulty == 0:
		err = checkMembers([]Member{m})
	case o.Op == Remove && o.Faulty == 0 && m.Key == nil && m.Power == 0 && m.Validator == nil:
		if !validName(m.Name, MaxName, "._-") {
			err = fmt.Sprintf("member %.80q is not 1 to %d of A-Z a-z 0-9 . _ -", m.Name, MaxName)
		}
	case o.Op == SetFaulty && m.Name == "" && m.Key == nil && m.Power == 0 && m.Validator == nil:
		if o.Faulty < 0 || o.Faulty > MaxMembers {
			err = fmt.Sprintf("f = %d is not 0 to %d", o.Faulty, MaxMembers)
		}
	default:
		err = fmt.Sprintf("no operation %d, or it has fields that it has no use for", o.Op)
	}
	if err != "" {
		return fmt.Errorf("%w: %s", ErrMalformed, err)
	}
	return nil
}

// statement appends what the signature is about.
func (c Change) statement(b []byte) []byte {
	b = appendUint64(append(b, tagChange), c.Sequence)
	b = appendUint16(b, len(c.Operations))
	for _, o := range c.Operations {
		b = append(b, byte(o.Op))
		switch o.Op {
		case Put:
			b = appendMember(b, o.Member)
		case Remove:
			b = appendString(b, o.Member.Name)
		case SetFaulty:
			b = appendUint16(b, o.Faulty)
		}
	}
	return b
}

func appendMember(b []byte, m Member) []byte {
	b = append(appendString(b, m.Name), m.Key...)
	b = appendUint32(b, m.Power)
	return append(b, m.Validator...)
}

func (r *reader) member() (m Member) {
	m.Name = r.name()
	m.Key = r.take(ed25519.PublicKeySize)
	m.Power = int64(r.number(4))
	if m.Power > 0 {
		m.Validator = r.take(ValidatorSize)
	}
	return m
}

func (c Change) signed(committee string) []byte {
	return c.statement(signedHead(changeDomain, committee))
}

func (c Change) append(b []byte) []byte { return append(c.statement(b), c.Signature...) }

// AppendBinary appends the change's bytes. An error wraps [ErrMalformed].
func (c Change) AppendBinary(b []byte) ([]byte, error) {
	if err := c.checkForm(); err != nil {
		return nil, err
	}
	if len(c.Signature) != ed25519.SignatureSize {
		return nil, fmt.Errorf("%w: signature has %d bytes, not %d", ErrMalformed, len(c.Signature), ed25519.SignatureSize)
	}
	return c.append(b), nil
}

// MarshalBinary returns the change's bytes. An error wraps [ErrMalformed].
func (c Change) MarshalBinary() ([]byte, error) { return c.AppendBinary(nil) }

// UnmarshalBinary takes the bytes of a change and nothing else. An error wraps [ErrMalformed]. The signature is not verified.
func (c *Change) UnmarshalBinary(data []byte) error {
	r := &reader{data: data}
	r.tag(tagChange, "change")
	out := Change{Sequence: r.number(8)}
	out.Operations = make([]Operation, r.count(1, MaxOperations, 3, "operations"))
	for i := range out.Operations {
		o := &out.Operations[i]
		switch o.Op = Op(r.number(1)); o.Op {
		case Put:
			o.Member = r.member()
		case Remove:
			o.Member.Name = r.name()
		case SetFaulty:
			o.Faulty = int(r.number(2))
		}
		if err := o.checkForm(); r.err == nil && err != nil {
			r.err = fmt.Errorf("operation %d: %w", i, err)
		}
	}
	out.Signature = r.signature()
	if err := r.end(); err != nil {
		return fmt.Errorf("change: %w", err)
	}
	*c = out
	return nil
}

// Hash returns the SHA-256 of the change's bytes, its signature among them.
func (c Change) Hash() [32]byte { return sha256.Sum256(c.append(nil)) }
