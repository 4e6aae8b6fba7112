// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/defakepro/defakepro/media"
)

var splitters = []splitter{splitIVF, splitAnnexB, splitOgg}

// all reads what a splitter finds, at most n frames.
func all(split splitter, data []byte, n int) (frames []frame, err error) {
	next := split(bufio.NewReader(bytes.NewReader(data)))
	for range n {
		f, err := next()
		if err != nil {
			return frames, err
		}
		frames = append(frames, f)
	}
	return frames, errors.New("no end")
}

func TestSplitIVF(t *testing.T) {
	for fourcc, wantKey := range map[string]bool{"VP80": false, "VP90": true} {
		data := append([]byte("DKIF\x00\x00\x20\x00"+fourcc), make([]byte, 20)...)
		data = append(binary.LittleEndian.AppendUint32(data, 3), "\x00\x00\x00\x00\x00\x00\x00\x00\x83ab"...)
		frames, err := all(splitIVF, data, 10)
		if !errors.Is(err, io.EOF) || len(frames) != 1 || string(frames[0].data) != "\x83ab" || frames[0].key != wantKey {
			t.Errorf("%s: %+v, %v", fourcc, frames, err)
		}
		if _, err := all(splitIVF, data[:len(data)-1], 10); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut short: %v", err)
		}
	}
}

func TestSplitAnnexB(t *testing.T) {
	units := []string{"\x00\x00\x00\x01\x09\x10\x00\x00\x00\x01\x67a\x00\x00\x01\x65b", "\x00\x00\x00\x01\x09\x30\x00\x00\x01\x41c"}
	frames, err := all(splitAnnexB, []byte(units[0]+units[1]), 10)
	if !errors.Is(err, io.EOF) || len(frames) != 2 || string(frames[0].data) != units[0] || string(frames[1].data) != units[1] || !frames[0].key || frames[1].key {
		t.Errorf("%+v, %v", frames, err)
	}
}

func TestSplitOgg(t *testing.T) {
	page := func(lacing ...byte) []byte {
		head := append([]byte("OggS"), make([]byte, 22)...)
		head = append(append(head, byte(len(lacing))), lacing...)
		for i, n := range lacing {
			head = append(head, bytes.Repeat([]byte{byte('a' + i)}, int(n))...)
		}
		return head
	}
	// Two headers, a packet of 255 bytes, an empty page, and a packet that goes on from one page to the next.
	data := slices.Concat(page(3), page(2), page(255, 0), page(), page(2, 255), page(1))
	frames, err := all(splitOgg, data, 10)
	var sizes []int
	for _, f := range frames {
		sizes = append(sizes, len(f.data))
	}
	if !errors.Is(err, io.EOF) || !slices.Equal(sizes, []int{255, 2, 256}) {
		t.Errorf("packets of %d bytes, %v", sizes, err)
	}
}

// Nothing that a muxer could write panics, hangs or takes much memory.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("DKIF\x00\x00\x20\x00VP80aaaaaaaaaaaaaaaaaaaa\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00abc"))
	f.Add([]byte("OggS\x00\x00aaaaaaaaaaaaaaaaaaaa\x02\xff\x01"))
	f.Add([]byte("\x00\x00\x00\x01\x09\x10\x00\x00\x01\x65\x00\x00\x00\x01\x09"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for i, split := range splitters {
			frames, err := all(split, data, len(data)+1)
			if err == nil || err.Error() == "no end" {
				t.Fatalf("splitter %d finds no end", i)
			}
			total := 0
			for _, f := range frames {
				total += len(f.data)
			}
			if total > len(data) {
				t.Fatalf("splitter %d makes %d bytes of %d", i, total, len(data))
			}
		}
	})
}

// A clock that is fast by 40 ppm has counted 1000 s when 40 ms less have passed, and frames at 29.97 a second keep their times over hours.
func TestDue(t *testing.T) {
	l := &lane{num: 50, den: 1, ppm: 40}
	if got := l.due(50*1000-1) - 1000*time.Second; got < -40*time.Millisecond-time.Microsecond || got > -40*time.Millisecond+2*time.Microsecond {
		t.Errorf("due at 1000 s and %v, want -40 ms", got)
	}
	l = &lane{num: 30000, den: 1001}
	if got, want := l.time(30000*20), 1001*20*time.Second; got != want {
		t.Errorf("frame at %v, want %v", got, want)
	}
}

// Sound of more than 4 GiB says how much it is, too.
func TestLargeWAV(t *testing.T) {
	most := int64(math.MaxUint32-36) / 2
	for _, samples := range []int64{0, 1, most, most + 1, 24 * 3600 * 192000} {
		header := wavHeader(samples, 192000)
		name := "RIFF"
		if samples > most {
			name = "RF64"
		}
		if string(header[:4]) != name {
			t.Errorf("%d samples: %q", samples, header[:4])
		}
		if samples == 0 || samples == most { // of a stream, the size of the latter may stand for an unknown one
			continue
		}
		rec, err := media.Open(t.Context(), "sound.wav", media.Options{Stream: io.MultiReader(bytes.NewReader(header), endless{})})
		if err != nil {
			t.Fatalf("%d samples: %v", samples, err)
		}
		want := time.Duration(float64(samples) / 192000 * float64(time.Second))
		if info := rec.Info(); (info.Duration-want).Abs() > time.Microsecond || info.SampleRate != 192000 || info.Channels != 1 {
			t.Errorf("%d samples: %+v, want %v", samples, info, want)
		}
		if block, err := rec.Read(); err != nil || slices.Max(block.Audio.Channels[0]) != 0 {
			t.Errorf("%d samples: %v", samples, err)
		}
		if err := rec.Close(); err != nil {
			t.Error(err)
		}
	}
}

// endless is silence without end.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
