// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package media

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// TestFLAC compares FLAC with the WAV that it was made of, at every depth.
func TestFLAC(t *testing.T) {
	noise := "-f lavfi -i anoisesrc=r=32000:a=0.3:d=1:seed=7 -ac 2"
	for _, test := range []struct{ name, args string }{
		{"16", "-sample_fmt s16"},
		{"24", "-sample_fmt s32 -bits_per_raw_sample 24"},
	} {
		flac := generate(t, "a.flac", lists(noise, test.args, "-c:a flac")...)
		wav := generate(t, "a.wav", lists("-i", flac, "-c:a pcm_s32le")...)
		got, want := readAll(t, flac, Options{}), readAll(t, wav, Options{})
		if got.info.Format != "flac" || got.info.SampleRate != 32000 || got.info.Duration != want.info.Duration || got.err != nil {
			t.Errorf("%s bits: %+v, %v", test.name, got.info, got.err)
		}
		_, a := got.samples(t)
		_, b := want.samples(t)
		for c := range b {
			for i := range b[c] {
				if a[c][i] != b[c][i] {
					t.Fatalf("%s bits: channel %d, sample %d is %v, want %v", test.name, c, i, a[c][i], b[c][i])
				}
			}
		}
	}
}

func TestFLACDamaged(t *testing.T) {
	path := generate(t, "a.flac", lists("-f lavfi -i anoisesrc=d=2:seed=7 -c:a flac")...)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 0xFF
	for name, b := range map[string][]byte{
		"cut":     whole[:len(whole)/2],
		"flipped": flipped,
		"tagged":  append(bytes.Clone(whole), "TAG a title"...),
	} {
		c := readAll(t, write(t, "b.flac", b), Options{})
		_, got := c.samples(t)
		if name == "tagged" {
			if c.err != nil || len(got[0]) != 2*48000 {
				t.Errorf("%s: %d samples, %v", name, len(got[0]), c.err)
			}
			continue
		}
		if n := len(got[0]); !errors.Is(c.err, ErrIncomplete) || n < 40_000 || n > 50_000 {
			t.Errorf("%s: %d samples, %v", name, n, c.err)
		}
	}
	if _, err := Open(t.Context(), write(t, "c.flac", whole[:20]), Options{}); err == nil || !strings.Contains(err.Error(), "c.flac: flac: ") {
		t.Errorf("20 bytes: %v", err)
	}
}

// TestFLACReal reads real recordings, where they are at hand, to the length that they declare.
func TestFLACReal(t *testing.T) {
	for _, f := range measured(t, "spcup", "*.flac") {
		c := readAll(t, f, Options{})
		_, got := c.samples(t)
		if want := c.info.Duration; c.err != nil || at(0, int64(len(got[0])), c.info.SampleRate) != want || want < time.Minute {
			t.Errorf("%s: %d samples at %d Hz of %v, %v", f, len(got[0]), c.info.SampleRate, want, c.err)
		}
	}
}

func FuzzFLAC(f *testing.F) {
	b, err := os.ReadFile(generate(f, "a.flac", lists("-f lavfi -i anoisesrc=d=0.05:seed=7 -ac 2 -c:a flac")...))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := newFLAC(bufio.NewReader(bytes.NewReader(b)), io.NopCloser(nil))
		if err != nil {
			return
		}
		for {
			block, err := s.read()
			if err != nil {
				return
			}
			if len(block.Audio.Channels) != s.info().Channels {
				t.Fatalf("%d channels", len(block.Audio.Channels))
			}
		}
	})
}
