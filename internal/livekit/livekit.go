// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package livekit gets a LiveKit server and runs it on loopback, for the demonstration and for tests: the conference that
// those join is a real one.
package livekit

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Version is the release that is built. 1.13.11 does not build from the module proxy alone.
const Version = "v1.13.5"

// module is its main package, which the Go module proxy has.
const module = "github.com/livekit/livekit-server/cmd/server"

// Find returns the path of a LiveKit server: one on the PATH, or one that was built before.
func Find() (string, bool) {
	if path, err := exec.LookPath("livekit-server"); err == nil {
		return path, true
	}
	path, err := cached()
	if err != nil {
		return "", false
	}
	info, err := os.Stat(path)
	return path, err == nil && info.Mode().IsRegular()
}

// cached is where a server that was built is kept.
func cached() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "defakepro", "livekit-server-"+Version), nil
}

// Get returns the path of a LiveKit server, and builds it with the go command where there is none, which takes some minutes.
// The go command writes to log, which may be nil, and say is called before a build begins, if not nil.
func Get(ctx context.Context, log io.Writer, say func()) (string, error) {
	if path, ok := Find(); ok {
		return path, nil
	}
	path, err := cached()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(ctx, path+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if found, ok := Find(); ok { // somebody else has built it meanwhile
		return found, nil
	}
	if say != nil {
		say()
	}
	if _, err := exec.LookPath("go"); err != nil {
		return "", fmt.Errorf("livekit-server is not on the PATH, and there is no go command to build it with: %w", err)
	}
	// It is built beside its place, so that what stands there is always whole.
	bin, err := os.MkdirTemp(filepath.Dir(path), "build-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(bin) }()
	c := exec.CommandContext(ctx, "go", "install", module+"@"+Version)
	// Elsewhere than in this module, whose settings are not the server's.
	c.Dir, c.Stderr = bin, log
	c.Env = append(os.Environ(), "GOBIN="+bin, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("go install %s@%s: %w", module, Version, err)
	}
	if err := os.Rename(filepath.Join(bin, filepath.Base(module)), path); err != nil {
		return "", err
	}
	return path, nil
}

// lock waits until nobody else has the file locked.
func lock(ctx context.Context, path string) (func(), error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// Server is a LiveKit server on loopback. Its methods are for one goroutine at a time.
type Server struct {
	// URL is where clients connect, ws://127.0.0.1:port.
	URL string
	// Key and Secret sign access tokens. They are the server's alone, new at each Start.
	Key, Secret string

	binary string
	config []byte
	log    io.Writer

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{}
}

// Start runs the server at path binary on free ports of loopback and waits until it answers. It writes to log, which may be
// nil. Stop ends it, as does the end of ctx.
func Start(ctx context.Context, binary string, log io.Writer) (*Server, error) {
	port, err := freePort("tcp")
	if err != nil {
		return nil, err
	}
	media, err := freePort("udp")
	if err != nil {
		return nil, err
	}
	s := &Server{
		URL: "ws://127.0.0.1:" + strconv.Itoa(port), Key: "defakepro", Secret: rand.Text() + rand.Text(),
		binary: binary, log: log,
	}
	// JSON is YAML too, which is what the server reads.
	s.config, err = json.Marshal(map[string]any{
		"port": port, "bind_addresses": []string{"127.0.0.1"},
		"rtc": map[string]any{
			"tcp_port": 0, "udp_port": media, "enable_loopback_candidate": true, "node_ip": "127.0.0.1", "use_external_ip": false,
			"interfaces": map[string]any{"includes": []string{"lo"}}, "ips": map[string]any{"includes": []string{"127.0.0.0/8"}},
		},
		"keys":    map[string]string{s.Key: s.Secret},
		"room":    map[string]any{"empty_timeout": 300, "departure_timeout": 20},
		"logging": map[string]any{"level": "warn", "json": true},
	})
	if err != nil {
		return nil, err
	}
	return s, s.Resume(ctx)
}

// freePort returns a port that nobody listens on.
func freePort(network string) (int, error) {
	if network == "udp" {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return 0, err
		}
		defer func() { _ = c.Close() }()
		return c.LocalAddr().(*net.UDPAddr).Port, nil
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Resume runs the server again, where it was, after Stop or Kill.
func (s *Server) Resume(ctx context.Context) error {
	c := exec.CommandContext(ctx, s.binary)
	c.Stdout, c.Stderr = s.log, s.log
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 3 * time.Second
	// Not as an argument, which everybody on the machine could read.
	c.Env = append(os.Environ(), "LIVEKIT_CONFIG="+string(s.config))
	if err := c.Start(); err != nil {
		return fmt.Errorf("livekit-server: %w", err)
	}
	exited := make(chan struct{})
	go func() {
		_ = c.Wait() // that it ended is all there is to know
		close(exited)
	}()
	s.mu.Lock()
	s.cmd, s.exited = c, exited
	s.mu.Unlock()
	return s.ready(ctx, exited)
}

// ready waits until the server answers.
func (s *Server) ready(ctx context.Context, exited <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http"+s.URL[len("ws"):], nil)
		if err != nil {
			return err
		}
		req.Close = true // the server waits for connections that are kept alive
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			return nil
		}
		select {
		case <-exited:
			return fmt.Errorf("livekit-server ended at once: %s", s.cmd.ProcessState)
		case <-ctx.Done():
			s.Kill()
			return fmt.Errorf("livekit-server does not answer: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Stop ends the server in good order, which it does when all participants have left, or within seconds.
func (s *Server) Stop() { s.end(os.Interrupt) }

// Kill ends it as a crash would.
func (s *Server) Kill() { s.end(os.Kill) }

func (s *Server) end(sig os.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(sig) // it may have ended
	select {
	case <-s.exited:
	case <-time.After(3 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
	s.cmd = nil
}
