// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"
)

// defaultStall is how long a decoder may be silent: many times the longest wait for a frame, even of 8K video on a slow machine.
const defaultStall = time.Minute

// process is a program that writes decoded media to its standard output. It gets no environment and no input, and lives in a
// process group of its own, so that an interrupt from the terminal reaches it only through us.
type process struct {
	cmd   *exec.Cmd
	out   *os.File
	stall time.Duration
	// patient says that silence is no fault, as the program may have nothing to do.
	patient bool
	log     head

	cancel context.CancelFunc // ends the program
	once   sync.Once
	exit   error // of the program, once waited for
	ended  error // the context's, if that ended it
}

// start runs program with the given arguments, the first of which is its name, and files as descriptors 3 and up.
func start(ctx context.Context, program string, args []string, files []*os.File, stall time.Duration) (*process, error) {
	if stall <= 0 {
		stall = defaultStall
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	run, cancel := context.WithCancel(ctx)
	p := &process{out: r, stall: stall, cancel: cancel}
	p.cmd = exec.CommandContext(run, program)
	p.cmd.Args = args
	p.cmd.Env = []string{}
	p.cmd.Stdout = w
	p.cmd.Stderr = &p.log
	p.cmd.ExtraFiles = files
	p.cmd.Cancel = func() error {
		p.ended = ctx.Err() // nil when it is close that ends it
		return p.cmd.Process.Kill()
	}
	p.cmd.WaitDelay = time.Second
	detach(p.cmd)
	err = p.cmd.Start()
	_ = w.Close() // the child has its own
	if err != nil {
		cancel()
		_ = r.Close()
		return nil, err
	}
	return p, nil
}

// Read reads what the program writes. Unless p is patient, it fails with os.ErrDeadlineExceeded when nothing comes for the stall
// time; a pause between two calls does not count.
func (p *process) Read(b []byte) (int, error) {
	limit := time.Now().Add(p.stall)
	if p.patient {
		limit = time.Time{}
	}
	if err := p.out.SetReadDeadline(limit); err != nil && !errors.Is(err, os.ErrNoDeadline) {
		return 0, err
	}
	return p.out.Read(b)
}

// failure ends the program and says why its output broke off with err.
func (p *process) failure(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		_ = p.close()
		return fmt.Errorf("decoder has been silent for %v", p.stall)
	}
	switch p.wait(); {
	case p.ended != nil:
		return p.ended
	case p.exit == nil:
		return errors.New("decoder ended early")
	case p.log.line() != "":
		return fmt.Errorf("decoder ended early: %w: %s", p.exit, p.log.line())
	}
	return fmt.Errorf("decoder ended early: %w", p.exit)
}

// wait waits for the program, whose output has ended, to end by itself, for the stall time at most, and frees what it held. It may be
// called more than once.
func (p *process) wait() {
	p.once.Do(func() {
		late := time.AfterFunc(p.stall, p.cancel)
		defer late.Stop()
		p.exit = p.cmd.Wait()
		p.cancel()
		_ = p.out.Close() // read only
	})
}

// close ends the program. It may be called at any time and more than once; it returns nil.
func (p *process) close() error {
	p.cancel()
	p.wait()
	return nil
}

// head keeps the beginning of what is written to it: the first complaint is the cause, those that follow its effects.
type head struct {
	mu  sync.Mutex
	buf []byte
}

func (h *head) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.buf = append(h.buf, b[:min(len(b), wireMaxText-len(h.buf))]...)
	return len(b), nil
}

// line returns the first line, made fit to print and without FFmpeg's "[mov @ 0x55d0]" in front.
func (h *head) line() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	line, _, _ := bytes.Cut(bytes.TrimSpace(h.buf), []byte("\n"))
	if _, after, ok := bytes.Cut(line, []byte("] ")); ok && line[0] == '[' {
		line = after
	}
	return plain(line)
}
