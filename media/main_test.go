// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package media

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"testing"
	"time"
)

// roles are what this test program does when it is started under one of these names.
var roles = map[string]func(){
	"crash": func() {
		_, _ = os.Stdout.WriteString(wireMagic)
		panic("crash")
	},
	"hang": func() {
		_, _ = os.Stdout.WriteString(wireMagic)
		hang()
	},
	"linger": func() {
		_ = os.Stdout.Close()
		hang()
	},
	"babble":  func() { _, _ = os.Stdout.WriteString("Usage: babble [options]\n") },
	"silence": func() {},
	"ffprobe": func() { _, _ = os.Stdout.Write(make([]byte, 5*probeMost)) }, // as of a file that is all tags
	"confine": confineRole,
}

func hang() {
	never := make(chan os.Signal, 1)
	signal.Notify(never, os.Interrupt) // what waits for a signal is not taken for a deadlock
	<-never
}

func TestMain(m *testing.M) {
	WorkerMain()
	if role, ok := roles[os.Args[0]]; ok {
		role()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// contents is all that a recording holds.
type contents struct {
	info   Info
	blocks []Block
	err    error // what came in place of io.EOF
}

// readAll reads path to its end.
func readAll(t *testing.T, path string, o Options) contents {
	t.Helper()
	r, err := Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	return drain(t, r)
}

// drain reads r to its end.
func drain(t *testing.T, r *Recording) contents {
	t.Helper()
	t.Cleanup(func() { _ = r.Close() })
	c := contents{info: r.Info()}
	for {
		b, err := r.Read()
		if err == nil {
			if (b.Audio == nil) == (b.Luma == nil) {
				t.Fatalf("block %d has audio %v and luma %v", len(c.blocks), b.Audio, b.Luma)
			}
			c.blocks = append(c.blocks, b)
			continue
		}
		if !errors.Is(err, io.EOF) {
			c.err = err
		}
		if _, again := r.Read(); !errors.Is(again, io.EOF) && !errors.Is(again, err) {
			t.Errorf("read after %v: %v", err, again)
		}
		return c
	}
}

// samples returns the audio of a recording, which must be in one piece from start, channel by channel.
func (c contents) samples(t *testing.T) (start time.Duration, channels [][]float64) {
	t.Helper()
	var count int64
	for _, b := range c.blocks {
		s := b.Audio
		if s == nil {
			continue
		}
		if channels == nil {
			start, channels = s.Start.Sub(time.Time{}), make([][]float64, len(s.Channels))
		}
		if want := at(start, count, int(s.Rate)); s.Start.Sub(time.Time{}) != want {
			t.Fatalf("block after %d samples starts at %v, not %v", count, s.Start.Sub(time.Time{}), want)
		}
		count += int64(s.Len())
		for i, x := range s.Channels {
			channels[i] = append(channels[i], x...)
		}
	}
	return start, channels
}

// times returns the times of the video frames.
func (c contents) times() []time.Duration {
	var times []time.Duration
	for _, b := range c.blocks {
		if b.Luma != nil {
			times = append(times, b.Luma.Time.Sub(time.Time{}))
		}
	}
	return times
}

// write puts content into a file of the given name.
func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// measured returns the files of real data that match a pattern, or skips the test where there are none.
func measured(t *testing.T, pattern ...string) []string {
	t.Helper()
	dir := os.Getenv("DEFAKEPRO_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	files, err := filepath.Glob(filepath.Join(append([]string{dir}, pattern...)...))
	if err != nil || len(files) == 0 {
		t.Skipf("no measured data %s under %s", filepath.Join(pattern...), dir)
	}
	return files
}
