// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf8"
)

// utf16Reader turns UTF-16, as spreadsheets write it, into UTF-8. What lies beyond 16 bits is of no use in a table of numbers
// and becomes U+FFFD.
type utf16Reader struct {
	r     *bufio.Reader
	order binary.ByteOrder
}

// newUTF16 returns a reader of the text behind the mark of UTF-16, and nil if r does not begin with one.
func newUTF16(r *bufio.Reader) *utf16Reader {
	mark, _ := r.Peek(2)
	u := &utf16Reader{r: r}
	switch {
	case bytes.Equal(mark, []byte{0xff, 0xfe}):
		u.order = binary.LittleEndian
	case bytes.Equal(mark, []byte{0xfe, 0xff}):
		u.order = binary.BigEndian
	default:
		return nil
	}
	_, _ = r.Discard(2) // just peeked at
	return u
}

// Read fills p, which must hold a few bytes at least.
func (u *utf16Reader) Read(p []byte) (int, error) {
	if len(p) < utf8.UTFMax {
		return 0, io.ErrShortBuffer
	}
	n := 0
	for n+utf8.UTFMax <= len(p) {
		var unit [2]byte
		_, err := io.ReadFull(u.r, unit[:])
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.EOF // half a character
		}
		if err != nil {
			return n, err
		}
		n += utf8.EncodeRune(p[n:], rune(u.order.Uint16(unit[:])))
	}
	return n, nil
}
