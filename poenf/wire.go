// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
)

// The first byte of an encoding says what it is.
const (
	tagProof     = 0x01
	tagChange    = 0x02
	tagTicket    = 0x03
	tagEndorsed  = 0x04 // a change with the signatures of several
	tagRound     = 0x10
	tagEvidence  = 0x11
	tagCommittee = 0x12
	tagRegistry  = 0x13
	tagMachine   = 0x20
	tagGoverned  = 0x21 // a machine with a registry of its own
)

func appendString(b []byte, s string) []byte { return append(append(b, byte(len(s))), s...) }

func appendUint16(b []byte, v int) []byte { return binary.BigEndian.AppendUint16(b, uint16(v)) }
func appendUint32(b []byte, v int64) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(v))
}
func appendUint64(b []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(b, v) }

func appendValues(b []byte, values []int32) []byte {
	b = appendUint16(b, len(values))
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, uint32(v))
	}
	return b
}

// reader takes an encoding apart. The first thing wrong is kept, and all later reads give zero.
type reader struct {
	data []byte
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
		r.data = nil
	}
}

// take returns the next n bytes, which the caller may keep.
func (r *reader) take(n int) []byte {
	if r.err != nil || n > len(r.data) {
		r.fail("cut short")
		return nil
	}
	out := append([]byte(nil), r.data[:n]...)
	r.data = r.data[n:]
	return out
}

func (r *reader) number(bytes int) (v uint64) {
	if r.err != nil || bytes > len(r.data) {
		r.fail("cut short")
		return 0
	}
	for _, b := range r.data[:bytes] {
		v = v<<8 | uint64(b)
	}
	r.data = r.data[bytes:]
	return v
}

func (r *reader) tag(want byte, what string) {
	if got := byte(r.number(1)); r.err == nil && got != want {
		r.fail("first byte %#02x, and %#02x for a %s", got, want, what)
	}
}

func (r *reader) hash() (h [32]byte) {
	copy(h[:], r.take(len(h)))
	return h
}

// flag reads a byte that is 0 or 1.
func (r *reader) flag() bool {
	v := r.number(1)
	if v > 1 {
		r.fail("flag is %d", v)
	}
	return v == 1
}

// count reads a number of things, from least to most, each of at least size bytes, so that no more is allocated than
// was sent.
func (r *reader) count(least, most, size int, what string) int {
	n := int(r.number(2))
	if r.err == nil && (n < least || n > most) {
		r.fail("%d %s are not %d to %d", n, what, least, most)
	}
	if r.err == nil && n*size > len(r.data) {
		r.fail("cut short")
	}
	if r.err != nil {
		return 0
	}
	return n
}

func (r *reader) nominal() int {
	n := int(r.number(1))
	if r.err == nil && n != 50 && n != 60 {
		r.fail("nominal frequency %d Hz is neither 50 nor 60", n)
	}
	return n
}

func (r *reader) name() string {
	s := string(r.take(int(r.number(1))))
	if r.err == nil && !validName(s, MaxName, "._-") {
		r.fail("member %.80q is not 1 to %d of A-Z a-z 0-9 . _ -", s, MaxName)
	}
	return s
}

func (r *reader) values() []int32 {
	values := make([]int32, r.count(2, MaxLength, 4, "values"))
	for i := range values {
		values[i] = int32(r.number(4))
	}
	if r.err == nil {
		if err := checkRange(values); err != nil {
			r.err = err
		}
	}
	return values
}

func (r *reader) signature() []byte { return r.take(ed25519.SignatureSize) }

// end returns the first error, or one when bytes are left.
func (r *reader) end() error {
	if r.err == nil && len(r.data) > 0 {
		r.fail("%d bytes too many", len(r.data))
	}
	return r.err
}

func checkRange(values []int32) error {
	for i, v := range values {
		if v < -MaxOffset || v > MaxOffset {
			return fmt.Errorf("%w: value %d is %d µHz from nominal, more than %d", ErrMalformed, i, v, MaxOffset)
		}
	}
	return nil
}
