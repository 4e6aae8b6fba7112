// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"encoding"
	"fmt"
)

// Tx is what a machine takes: a [Proof], a [Change] or a [Ticket], each by value.
type Tx interface {
	encoding.BinaryAppender
	encoding.BinaryMarshaler
	// Hash returns the SHA-256 of the transaction's bytes.
	Hash() [32]byte

	isTx()
}

func (Proof) isTx()  {}
func (Change) isTx() {}
func (Ticket) isTx() {}

// MaxTx is the most bytes that a transaction can have: those of a change with [MaxOperations] long operations that
// [MaxAdministrators] have signed.
const MaxTx = 1 + 8 + 2 + MaxOperations*(1+1+MaxName+32+4+ValidatorSize) + 1 + MaxAdministrators*(32+64)

// Decode takes the bytes of one transaction and nothing else. An error wraps [ErrMalformed]. Signatures are not verified.
func Decode(tx []byte) (Tx, error) {
	if len(tx) == 0 || len(tx) > MaxTx {
		return nil, fmt.Errorf("%w: a transaction of %d bytes, not 1 to %d", ErrMalformed, len(tx), MaxTx)
	}
	switch tx[0] {
	case tagProof:
		return decode[Proof](tx)
	case tagChange, tagEndorsed:
		return decode[Change](tx)
	case tagTicket:
		return decode[Ticket](tx)
	}
	return nil, fmt.Errorf("%w: no transaction begins with %#02x", ErrMalformed, tx[0])
}

func decode[T Tx, P interface {
	*T
	encoding.BinaryUnmarshaler
}](data []byte) (Tx, error) {
	var tx T
	if err := P(&tx).UnmarshalBinary(data); err != nil {
		return nil, err
	}
	return tx, nil
}
