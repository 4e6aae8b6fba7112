// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package media

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestProcessEnds covers decoders that do not end as they should.
func TestProcessEnds(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, test := range []struct {
		role  string
		ctx   context.Context
		stall time.Duration
		want  string
	}{
		{"crash", t.Context(), 0, "decoder ended early: exit status 2: panic: crash"},
		{"hang", t.Context(), 50 * time.Millisecond, "decoder has been silent for 50ms"},
		{"hang", canceled, 0, "context canceled"},
		{"silence", t.Context(), 0, "decoder ended early"},
		{"babble", t.Context(), 0, errProtocol.Error()},
	} {
		p, err := start(test.ctx, exe, []string{test.role}, nil, test.stall)
		if err != nil {
			t.Fatal(err)
		}
		if test.ctx == canceled {
			cancel()
		}
		w := wireReader{r: p}
		_, err = w.header()
		if !errors.Is(err, errProtocol) {
			err = p.failure(err)
		}
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.role, err, test.want)
		}
		if err := errors.Join(p.close(), p.close()); err != nil {
			t.Error(err)
		}
	}
}

// TestProcessLingers: a decoder that has closed its output and goes on is ended.
func TestProcessLingers(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	p, err := start(ctx, exe, []string{"linger"}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, p); err != nil {
		t.Fatal(err)
	}
	p.stall = 50 * time.Millisecond
	track := pipeTrack{p: p, nut: newNUT(p, 1)}
	if more, err := track.fetch(true); more || err == nil || !strings.Contains(err.Error(), "ended early") || ctx.Err() != nil {
		t.Errorf("%t, %v, %v", more, err, ctx.Err())
	}
}

// TestProbeBounded: a file of which ffprobe has more to say than is read is refused, and ffprobe is not waited for.
func TestProbeBounded(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := probe(ctx, exe, nil, 0); err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "says more than") {
		t.Errorf("%v, %v", err, ctx.Err())
	}
}

func TestOpenBad(t *testing.T) {
	for _, test := range []struct{ path, want string }{
		{t.TempDir(), "is a directory"},
		{"no such file.wav", "no such file.wav: no such file or directory"},
		{os.DevNull, "is not a regular file"},
		{write(t, "empty.wav", nil), "empty.wav: is empty"},
	} {
		if _, err := Open(t.Context(), test.path, Options{}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.path, err, test.want)
		}
	}
}

// TestConfined: what is read natively otherwise goes to the decoder's process too, and is there what it is here.
func TestConfined(t *testing.T) {
	data := ramp(20_000)
	ds64 := make([]byte, 28)
	binary.LittleEndian.PutUint64(ds64[8:], uint64(len(data)))
	wide := sized(wavFile(chunk("ds64", ds64...), wavFmt(tagPCM, 2, 44100, 2), chunk("data", data...)), len(data), 0xFFFFFFFF)
	copy(wide, "RF64\xFF\xFF\xFF\xFF")
	sound := generate(t, "a.flac", lists("-f lavfi -i anoisesrc=r=32000:a=0.3:d=1:seed=7 -ac 2 -sample_fmt s16 -c:a flac")...)
	for _, path := range []string{write(t, "a.wav", wavFile(wavFmt(tagPCM, 2, 44100, 2), chunk("data", data...))), write(t, "wide.wav", wide), sound} {
		_, want := readAll(t, path, Options{}).samples(t)
		for name, decode := range decoders() {
			called := false
			c := readAll(t, path, Options{Confined: true, decode: func(ctx context.Context, f *os.File, path string, o Options) (source, error) {
				called = true
				return decode(ctx, f, path, o)
			}})
			if _, got := c.samples(t); !called || c.err != nil || !slices.EqualFunc(got, want, slices.Equal[[]float64]) {
				t.Errorf("%s, %s: in its process: %t, %d channels, %v", filepath.Base(path), name, called, len(got), c.err)
			}
		}
	}
	if _, err := Open(t.Context(), "-", Options{Confined: true}); err == nil || !strings.Contains(err.Error(), "standard input") {
		t.Errorf("standard input: %v", err)
	}
}

func TestOpenStdin(t *testing.T) {
	stdin := os.Stdin
	t.Cleanup(func() { os.Stdin = stdin })
	for name, test := range map[string]struct {
		content []byte
		want    string
	}{
		"wav":   {sized(wavFile(wavFmt(tagPCM, 2, 44100, 2), chunk("data", ramp(100)...)), 400, 0xFFFFFFFF), ""},
		"text":  {[]byte("hello, world"), "standard input: is neither WAV nor FLAC, which is what can be read from a stream"},
		"empty": {nil, "standard input: is empty"},
	} {
		f, err := os.Open(write(t, "in", test.content))
		if err != nil {
			t.Fatal(err)
		}
		os.Stdin = f
		r, err := Open(t.Context(), "-", Options{})
		if err != nil {
			if err.Error() != test.want {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if _, got := drain(t, r).samples(t); test.want != "" || len(got[0]) != 100 {
			t.Errorf("%s: %d samples", name, len(got[0]))
		}
	}
}

func TestReadEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, err := Open(ctx, write(t, "a.wav", wavFile(wavFmt(tagPCM, 2, 44100, 2), chunk("data", ramp(100)...))), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cancel()
	if _, err := r.Read(); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "a.wav: ") {
		t.Errorf("got %v", err)
	}
}
