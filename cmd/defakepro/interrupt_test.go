// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/enf"
)

// A table is read as long as somebody waits for it, from a file and from a pipe.
func TestCSVEndsWithContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "grid.csv")
	if err := os.WriteFile(path, []byte("time_s,frequency_hz\n"+strings.Repeat("0,50\n", 1e6)), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, stderr bytes.Buffer
	if status := run(ctx, []string{"extract", path}, &out, &stderr); status != statusError || stderr.String() != "defakepro: interrupted\n" {
		t.Errorf("status %d, %q", status, stderr.String())
	}
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	r := attentive{strings.NewReader("50\n50\n"), ctx.Err}
	if s, err := (enf.CSVOptions{}).Read(r, "a pipe"); err != nil || s.Len() != 2 {
		t.Errorf("%d values, %v", s.Len(), err)
	}
}

// A command that waits for what never comes is ended by a second interrupt.
func TestSecondInterruptKills(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot interrupt another")
	}
	c := exec.Command("defakepro", "extract", "-")
	stdin, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close() }()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(stdin, strings.Repeat("50\n", 30000)); err != nil { // more than fits into a pipe: it has begun
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	for range 100 {
		select {
		case err := <-ended:
			if err == nil {
				t.Error("ended as if nothing had happened")
			}
			return
		case <-time.After(200 * time.Millisecond): // for it to wait for more
			_ = c.Process.Signal(os.Interrupt) // it may have ended
		}
	}
	t.Error("still waits")
	_ = c.Process.Kill()
}
