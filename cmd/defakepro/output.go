// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/defakepro/defakepro/report"
)

// output is a file that appears whole or not at all: it is written beside its place and moved there by commit. What
// stood there before stays if anything fails. The zero value stands for the standard output.
type output struct {
	path string // where it will be; empty for the standard output
	file *os.File
	move bool // false for a device or pipe, which is written in place
}

// createOutput opens an output at path before the work begins, so that a place that cannot be written to is known at
// once. An empty path is the standard output. It is an error if path is one of the inputs.
func createOutput(path string, inputs ...string) (*output, error) {
	if path == "" {
		return &output{}, nil
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	o := &output{path: path, move: true}
	if there, err := os.Stat(path); err == nil {
		for _, in := range inputs {
			if other, err := os.Stat(in); err == nil && os.SameFile(there, other) {
				return nil, fmt.Errorf("%s is an input and would be overwritten; choose another name", path)
			}
		}
		if there.IsDir() {
			return nil, fmt.Errorf("%s is a folder; name a file", path)
		}
		o.move = there.Mode().IsRegular()
	}
	var err error
	if o.move {
		// Not os.CreateTemp: the file's permissions are the user's to choose, by umask.
		name := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d.tmp", filepath.Base(path), os.Getpid()))
		o.file, err = os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	} else {
		o.file, err = os.OpenFile(path, os.O_WRONLY, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot write %s: %w", path, withoutPath(err))
	}
	return o, nil
}

// commit writes the output with write and puts it in its place; stdout is where it goes if no file was named.
func (o *output) commit(stdout io.Writer, write func(io.Writer) error) error {
	if o.path == "" {
		buf := bufio.NewWriter(stdout)
		if err := errors.Join(write(buf), buf.Flush()); err != nil {
			return fmt.Errorf("writing the result: %w", withoutPath(err))
		}
		return nil
	}
	buf := bufio.NewWriter(o.file)
	err := write(buf)
	if err == nil {
		err = buf.Flush()
	}
	if err == nil && o.move {
		err = o.file.Sync()
	}
	if err == nil {
		err = o.file.Close()
	}
	if err == nil && o.move {
		err = os.Rename(o.file.Name(), o.path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", o.path, withoutPath(err))
	}
	o.file = nil
	return nil
}

// discard drops an output that was not committed; after commit it does nothing.
func (o *output) discard() {
	if o.file == nil {
		return
	}
	_ = o.file.Close()
	if o.move {
		_ = os.Remove(o.file.Name())
	}
	o.file = nil
}

// samePlace reports whether two outputs would be one file.
func samePlace(a, b string) bool {
	if one, err := os.Stat(a); err == nil {
		other, err := os.Stat(b)
		return err == nil && os.SameFile(one, other)
	}
	one, errA := os.Stat(filepath.Dir(a))
	other, errB := os.Stat(filepath.Dir(b))
	return errA == nil && errB == nil && os.SameFile(one, other) && filepath.Base(a) == filepath.Base(b)
}

// note writes a line for people to read, whatever is in names and errors that come from outside.
func note(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintln(w, report.Printable(fmt.Sprintf(format, args...)))
}

// withoutPath strips the path that package os puts into its errors, where the message names the file already.
func withoutPath(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}
