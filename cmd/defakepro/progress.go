// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"os"
	"time"
)

const (
	// progressEvery is the time between two lines of progress, and so the least a command takes before it says anything.
	progressEvery = 5 * time.Second
	// longRecording is the length, in seconds, from which on progress is said to a log as well as to a terminal.
	longRecording = 600
)

// progress writes a plain line about a recording to the standard error every few seconds.
type progress struct {
	w          io.Writer
	path, verb string
	total      float64 // length of the recording in seconds, 0 if it is not known
	terminal   bool    // somebody is watching
	last       time.Time
}

func newProgress(w io.Writer, path, verb string, total time.Duration) *progress {
	return &progress{w: w, path: path, verb: verb, total: total.Seconds(), terminal: isTerminal(w), last: time.Now()}
}

// isTerminal reports whether w is a terminal, or another device that shows what it is given.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// at says that the given second of the recording has been reached.
func (p *progress) at(second float64) {
	if !p.terminal && max(p.total, second) < longRecording {
		return
	}
	now := time.Now()
	if now.Sub(p.last) < progressEvery {
		return
	}
	p.last = now
	if p.total > 0 {
		note(p.w, "%s: %s %.0f of %.0f s (%.0f %%)", p.path, p.verb, second, p.total, 100*min(1, second/p.total))
	} else {
		note(p.w, "%s: %s %.0f s", p.path, p.verb, second)
	}
}
