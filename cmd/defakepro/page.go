// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/report"
)

// spectrograms collects the picture of each channel for the report. While the grid is being found out there are slices of both.
type spectrograms map[spectrogramKey]*report.Spectrogram

type spectrogramKey struct {
	source enf.Source
	grid   enf.Grid
}

func (s spectrograms) observer(source enf.Source) func(enf.Slice) {
	return func(slice enf.Slice) {
		key := spectrogramKey{source, slice.Grid}
		if s[key] == nil {
			s[key] = &report.Spectrogram{}
		}
		s[key].Add(slice)
	}
}

// newPage gathers what the HTML report on what was found needs beside it.
func newPage(found findings, pictures spectrograms, inputs ...report.Input) report.HTML {
	page := report.HTML{
		Report: found.Report, Remark: found.remark, Origin: found.origin, Alone: found.alone, Tones: found.tones,
		Version: version(), Generated: time.Now(), Inputs: inputs,
	}
	for _, c := range found.Channels {
		page.Spectrograms = append(page.Spectrograms, pictures[spectrogramKey{c.Estimate.Source, c.Estimate.Grid}])
	}
	return page
}

// hashInput identifies an input file by its hash. What came from a pipe cannot be read again and has none.
func hashInput(path, role string) (report.Input, error) {
	input := report.Input{Name: path, Role: role, Size: -1}
	if path == standardInput {
		return input, nil
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return input, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return input, fmt.Errorf("%s: %w", path, withoutPath(err))
	}
	defer func() { _ = f.Close() }() // read only
	h := sha256.New()
	if input.Size, err = io.Copy(h, f); err != nil {
		return input, fmt.Errorf("%s: %w", path, withoutPath(err))
	}
	input.SHA256 = hex.EncodeToString(h.Sum(nil))
	return input, nil
}

// sameContent reports whether two files are one, or hold the same. What cannot be told is not.
func sameContent(a, b string) bool {
	if !regular(a) || !regular(b) {
		return false
	}
	one, errA := os.Stat(a)
	other, errB := os.Stat(b)
	if errA != nil || errB != nil || one.Size() != other.Size() {
		return false
	}
	if os.SameFile(one, other) {
		return true
	}
	hashA, errA := hashInput(a, "")
	hashB, errB := hashInput(b, "")
	return errA == nil && errB == nil && hashA.SHA256 == hashB.SHA256
}
