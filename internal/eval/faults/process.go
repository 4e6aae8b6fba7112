// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/defakepro/defakepro/httpapi"
	"github.com/defakepro/defakepro/ledger/comet"
)

// node is one node of a drill: a home, and the process that runs in it, if any.
type node struct {
	index  int
	home   comet.Home
	input  string // of the member, empty for none
	listen string // for clients, where the node is
	door   string // the same, where this process finds it
	client *httpapi.Client

	mu     sync.Mutex
	cmd    *exec.Cmd
	ended  chan struct{} // closed when the process has ended
	err    error         // with which it ended
	killed bool          // the drill ended it
	rss    uint64        // the most bytes of memory seen
}

func (n *node) String() string { return "node" + strconv.Itoa(n.index) }

// start starts the node's process.
func (n *node) start(f fabric, program string, arguments ...string) error {
	log, err := os.OpenFile(filepath.Join(filepath.Dir(n.home.Dir), n.String()+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	arguments = append([]string{"node", "--home", n.home.Dir, "--listen", n.listen}, arguments...)
	if n.input != "" {
		arguments = append(arguments, "--input", n.input)
	}
	c := exec.Command(program, arguments...)
	c.Args[0] = "defakepro" // whatever the file is called, so that a test's binary is the command
	c.Stdout, c.Stderr = log, log
	if err := f.start(n.index, c); err != nil {
		return fmt.Errorf("start %s: %w", n, err)
	}
	ended := make(chan struct{})
	n.mu.Lock()
	n.cmd, n.ended, n.killed = c, ended, false
	n.mu.Unlock()
	go func() {
		err := c.Wait()
		n.mu.Lock()
		n.err = err
		n.mu.Unlock()
		close(ended)
	}()
	return nil
}

// running reports whether the process is there.
func (n *node) running() bool {
	n.mu.Lock()
	ended := n.ended
	n.mu.Unlock()
	if ended == nil {
		return false
	}
	select {
	case <-ended:
		return false
	default:
		return true
	}
}

// alive returns a context that ends with the process.
func (n *node) alive(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	n.mu.Lock()
	ended := n.ended
	n.mu.Unlock()
	if ended == nil {
		cancel()
		return ctx, cancel
	}
	go func() {
		select {
		case <-ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// signal sends the process a signal and waits until it has ended.
func (n *node) signal(ctx context.Context, s os.Signal) error {
	n.mu.Lock()
	c, ended := n.cmd, n.ended
	n.killed = true
	n.mu.Unlock()
	if c == nil {
		return nil
	}
	if err := c.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s: %w", n, err)
	}
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: %v: %w", n, s, context.Cause(ctx))
	}
}

// kill ends the process as the machine's failure would.
func (n *node) kill(ctx context.Context) error { return n.signal(ctx, syscall.SIGKILL) }

// stop ends the process in good order. One that does not end is a finding.
func (n *node) stop(ctx context.Context) error {
	within, cancel := context.WithTimeoutCause(ctx, stopPatience, fmt.Errorf("not stopped within %v of SIGTERM", stopPatience))
	defer cancel()
	err := n.signal(within, syscall.SIGTERM)
	if err != nil {
		return errors.Join(err, n.kill(context.WithoutCancel(ctx)))
	}
	return nil
}

// stopPatience is how long a node may take to stop in good order.
const stopPatience = 60 * time.Second

// died returns how the process ended by itself, nil when it did not.
func (n *node) died() error {
	if n.running() {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil || n.killed {
		return nil
	}
	if n.err == nil {
		return fmt.Errorf("%s ended by itself, as if it had been told to", n)
	}
	return fmt.Errorf("%s ended by itself: %w; its log ends: %s", n, n.err, n.tail())
}

// tail returns what the node said of its end: the last line of its log that is the command's own or a panic's, which
// others may have followed, or else the last.
func (n *node) tail() string {
	data, err := os.ReadFile(filepath.Join(filepath.Dir(n.home.Dir), n.String()+".log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	for _, line := range slices.Backward(lines) {
		if strings.HasPrefix(line, "defakepro: ") || strings.HasPrefix(line, "panic: ") {
			return line
		}
	}
	return lines[len(lines)-1]
}

// measure notes the process's memory.
func (n *node) measure() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil || n.cmd.Process == nil {
		return
	}
	n.rss = max(n.rss, residentOf(n.cmd.Process.Pid))
}

// memory returns the most that was measured since the last call.
func (n *node) memory() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	most := n.rss
	n.rss = 0
	return most
}

// residentOf returns a process's resident memory in bytes, 0 where it is not known.
func residentOf(pid int) uint64 {
	if runtime.GOOS != "linux" {
		return 0
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}
