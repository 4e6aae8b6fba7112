// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo && !noav

package media

import (
	"encoding/json"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// confinement is what a confined process finds it can do.
type confinement struct {
	Environment, Core, FileSize int
	CanOpen, CanConnect         bool
	NewPrivileges               bool
}

// confineRole confines itself, tries what it should not be able to, and reports. Its argument is an open port.
func confineRole() {
	runtime.LockOSThread()
	status, err := os.Open("/proc/thread-self/status") // afterwards it cannot be opened
	if err != nil {
		os.Exit(2)
	}
	if err := confine(workerMemory); err != nil {
		_, _ = os.Stdout.WriteString(err.Error())
		return
	}
	c := confinement{Environment: len(os.Environ())}
	text, err := io.ReadAll(status)
	c.NewPrivileges = err != nil || !strings.Contains(string(text), "NoNewPrivs:\t1")
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &l); err != nil {
		os.Exit(2)
	}
	c.Core = int(l.Max)
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
		os.Exit(2)
	}
	c.FileSize = int(l.Max)
	if k, err := os.Open("/etc/hostname"); err == nil {
		c.CanOpen = true
		_ = k.Close()
	}
	port, _ := strconv.Atoi(os.Args[1])
	if s, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0); err == nil { // on this thread, which net.Dial might leave
		c.CanConnect = syscall.Connect(s, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}) == nil
	}
	_ = json.NewEncoder(os.Stdout).Encode(c)
}

func TestConfinement(t *testing.T) {
	t.Setenv("DEFAKEPRO_SECRET", "key")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	p, err := start(t.Context(), "/proc/self/exe", []string{"confine", port}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(p)
	_ = p.close()
	var c confinement
	if err != nil || json.Unmarshal(b, &c) != nil {
		t.Fatalf("%s, %v, %s", b, err, p.log.line())
	}
	if c.Environment != 0 || c.Core != 0 || c.FileSize != 0 || c.NewPrivileges {
		t.Errorf("got %+v", c)
	}
	const create, version = 444, 1 // landlock_create_ruleset, LANDLOCK_CREATE_RULESET_VERSION
	abi, _, no := syscall.Syscall(create, 0, 0, version)
	if no != 0 {
		t.Skipf("files and network not checked: no Landlock in this kernel: %v", no)
	}
	if c.CanOpen || c.CanConnect && abi >= 4 {
		t.Errorf("with Landlock %d a worker can open files: %v, connect: %v", abi, c.CanOpen, c.CanConnect)
	}
}
