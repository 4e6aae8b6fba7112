// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// standardInput is the path that stands for the standard input.
const standardInput = "-"

// pipe is an input that can be read only once: the standard input, or what is no regular file, as a shell's <(...). A nil
// pipe is none.
type pipe struct {
	*bufio.Reader
	file *os.File
}

// openPipe opens path if it is a pipe, and returns nil for a file.
func openPipe(path string) (*pipe, error) {
	f := os.Stdin
	if path != standardInput {
		info, err := os.Stat(path)
		if err != nil || info.Mode().IsRegular() || info.IsDir() {
			return nil, nil // sniff says what is wrong
		}
		if f, err = os.Open(path); err != nil {
			return nil, fmt.Errorf("%s: %w", path, withoutPath(err))
		}
	}
	return &pipe{bufio.NewReaderSize(f, 1<<16), f}, nil
}

// head returns the pipe's first bytes, which stay in it.
func (p *pipe) head() io.Reader {
	if p == nil {
		return nil
	}
	b, err := p.Peek(sniffLength)
	if len(b) == 0 && err != nil && !errors.Is(err, io.EOF) {
		return failed{err}
	}
	return bytes.NewReader(b)
}

func (p *pipe) close() {
	if p != nil && p.file != os.Stdin {
		_ = p.file.Close() // read only
	}
}

// failed is a reader that never could read.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }

// regular reports whether path is a file that can be read again.
func regular(path string) bool {
	if path == standardInput {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// shown is how errors name an input.
func shown(path string) string {
	if path == standardInput {
		return "standard input"
	}
	return path
}

// attentive is a reader that fails once there is a reason to end.
type attentive struct {
	io.Reader
	ended func() error
}

func (a attentive) Read(b []byte) (int, error) {
	if err := a.ended(); err != nil {
		return 0, err
	}
	return a.Reader.Read(b)
}

// Stat is that of the file that is read.
func (a attentive) Stat() (os.FileInfo, error) {
	if f, ok := a.Reader.(*os.File); ok {
		return f.Stat()
	}
	return nil, os.ErrInvalid
}
