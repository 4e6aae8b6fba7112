// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// content is what a file holds, whatever its name says.
type content int

const (
	contentMedia  content = iota // anything that is not text: left to package media
	contentSeries                // text: a frequency series
	contentLuma                  // text with a header that names luma
)

// sniffLength is how much of a file is looked at to tell text from media.
const sniffLength = 4096

// sniff tells from its first bytes what the file at path holds, or the pipe there, which keeps them.
func sniff(path string, pipe *pipe) (content, error) {
	head := pipe.head()
	if pipe == nil {
		f, err := os.Open(path)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", path, withoutPath(err))
		}
		defer func() { _ = f.Close() }() // read only
		if info, err := f.Stat(); err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		} else if info.IsDir() {
			return 0, fmt.Errorf("%s is a folder, not a file", path)
		}
		head = f
	}
	head, err := unzipped(head)
	if err != nil {
		return 0, fmt.Errorf("%s: damaged gzip: %w", shown(path), err)
	}
	buf := make([]byte, sniffLength)
	n, err := io.ReadFull(head, buf)
	if n == 0 {
		if err == nil || errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("%s is empty", shown(path))
		}
		return 0, fmt.Errorf("%s: %w", shown(path), err)
	}
	return contentOf(buf[:n]), nil
}

// unzipped returns what gzip packed in r, or r.
func unzipped(r io.Reader) (io.Reader, error) {
	head := bufio.NewReader(r)
	if magic, _ := head.Peek(2); !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return head, nil
	}
	return gzip.NewReader(head)
}

// contentOf tells text from media by a file's first bytes.
func contentOf(head []byte) content {
	for len(head) > sniffLength-utf8.UTFMax && !utf8.Valid(head) {
		head = head[:len(head)-1] // a character that the end of the sample cuts
	}
	if wide(head) {
		return contentSeries
	}
	if !utf8.Valid(head) && 20*others(head) > len(head) { // not a few letters of an older code either
		return contentMedia
	}
	for _, b := range head {
		if b < ' ' && b != '\n' && b != '\r' && b != '\t' {
			return contentMedia
		}
	}
	for line := range strings.Lines(string(head)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			if strings.Contains(strings.ToLower(line), "luma") {
				return contentLuma
			}
			break
		}
	}
	return contentSeries
}

// wide reports whether head is a table in UTF-16: its mark, and then little but ASCII.
func wide(head []byte) bool {
	order := binary.ByteOrder(binary.LittleEndian)
	switch {
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	case !bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		return false
	}
	ascii := 0
	for i := 2; i+1 < len(head); i += 2 {
		if c := order.Uint16(head[i:]); c == '\n' || c == '\r' || c == '\t' || c >= ' ' && c < 0x7f {
			ascii++
		}
	}
	return 20*ascii > 19*(len(head)/2-1) && ascii > 0
}

// others counts the bytes that are not ASCII.
func others(head []byte) int {
	n := 0
	for _, b := range head {
		if b >= utf8.RuneSelf {
			n++
		}
	}
	return n
}
