// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// wireBytes is what a worker says: magic, header and what say adds.
func wireBytes(t testing.TB, say func(w *wireWriter) error) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString(wireMagic)
	w := &wireWriter{w: &b}
	h := wireHeader{Info: Info{Format: "x", HasVideo: true, Width: 16, Height: 2, FrameRate: 25}}
	if err := errors.Join(w.header(h), say(w)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// conversation is a short one with all kinds of records.
func conversation(w *wireWriter) error {
	return errors.Join(
		w.record(wireAlive, nil),
		w.audio(time.Second, 8000, [][]float32{{0.5, -0.5}, {1, float32(math.NaN())}}),
		w.video(noTime, 16, 8, 255, []uint32{0, 510, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255}, nil),
		w.text(wireEnd, ""))
}

func TestWire(t *testing.T) {
	w := wireReader{r: bytes.NewReader(wireBytes(t, conversation))}
	info, err := w.header()
	if err != nil || info.Width != 16 {
		t.Fatalf("%+v, %v", info, err)
	}
	a, err := w.block()
	if err != nil || a.Audio == nil || a.Audio.Rate != 8000 || !a.Audio.Start.Equal(time.Time{}.Add(time.Second)) ||
		!slices.Equal(a.Audio.Channels[0], []float64{0.5, -0.5}) || !math.IsNaN(a.Audio.Channels[1][1]) {
		t.Errorf("audio %+v, %v", a.Audio, err)
	}
	v, err := w.block()
	if err != nil || v.Luma == nil || v.Luma.Rows != 2 || v.Luma.Strips != 8 || v.Luma.Mean[1] != 1 || v.Luma.Mean[15] != 0.5 {
		t.Errorf("luma %+v, %v", v.Luma, err)
	}
	if _, err := w.block(); !errors.Is(err, io.EOF) {
		t.Errorf("ends with %v", err)
	}
}

// TestWirePicture holds that pictures come whole where they were asked for, and are refused where they were not.
func TestWirePicture(t *testing.T) {
	plane := []byte{1, 2, 3, 4, 5, 6}
	said := wireBytes(t, func(w *wireWriter) error { return w.video(0, 3, 1, 255, []uint32{6, 15}, plane) })
	w := wireReader{r: bytes.NewReader(said), pictures: true}
	if _, err := w.header(); err != nil {
		t.Fatal(err)
	}
	b, err := w.block()
	if err != nil || b.Picture == nil || !bytes.Equal(b.Picture.Pix, plane) || b.Picture.GrayAt(2, 1).Y != 6 {
		t.Errorf("%+v, %v", b.Picture, err)
	}
	short := wireBytes(t, func(w *wireWriter) error { return w.video(0, 3, 1, 255, []uint32{6, 15}, plane[:5]) })
	for name, w := range map[string]*wireReader{
		"not asked for": {r: bytes.NewReader(said)}, "short": {r: bytes.NewReader(short), pictures: true},
	} {
		if _, err := w.header(); err != nil {
			t.Fatal(err)
		}
		if b, err := w.block(); !errors.Is(err, errProtocol) {
			t.Errorf("%s: %+v, %v", name, b, err)
		}
	}
}

func TestWireBad(t *testing.T) {
	record := func(kind byte, size uint32, payload ...byte) func(w *wireWriter) error {
		return func(w *wireWriter) error {
			_, err := w.w.Write(append(binary.NativeEndian.AppendUint32([]byte{kind}, size), payload...))
			return err
		}
	}
	head := func(pts int64, v ...int) []byte {
		return appendUint32s(binary.NativeEndian.AppendUint64(nil, uint64(pts)), v...)
	}
	for name, test := range map[string]struct {
		say  func(w *wireWriter) error
		want error
	}{
		"nothing":         {func(*wireWriter) error { return nil }, io.ErrUnexpectedEOF},
		"unknown kind":    {record('?', 0), errProtocol},
		"4 GB":            {record(wireVideo, math.MaxUint32), errProtocol},
		"short payload":   {record(wireVideo, 100, 1, 2, 3), io.ErrUnexpectedEOF},
		"short head":      {record(wireAudio, 2, 1, 2), errProtocol},
		"0 channels":      {record(wireAudio, 24, head(0, 8000, 0, 1, 0)...), errProtocol},
		"rate 0":          {record(wireAudio, 28, append(head(0, 0, 1, 1, 0), 0, 0, 0, 0)...), errProtocol},
		"fewer samples":   {record(wireAudio, 28, append(head(0, 8000, 1, 2, 0), 0, 0, 0, 0)...), errProtocol},
		"overflow":        {record(wireVideo, 24, head(0, 16, 1<<30, 8, 255)...), errProtocol},
		"0 strips":        {record(wireVideo, 24, head(0, 16, 2, 0, 255)...), errProtocol},
		"9 strips":        {record(wireVideo, 24, head(0, 16, 0, 9, 255)...), errProtocol},
		"absurd time":     {record(wireVideo, 28, append(head(math.MaxInt64, 1, 1, 1, 255), 0, 0, 0, 0)...), errProtocol},
		"incomplete":      {func(w *wireWriter) error { return w.text(wireEnd, "gone") }, ErrIncomplete},
		"info once again": {record(wireInfo, 2, '{', '}'), errProtocol},
	} {
		w := wireReader{r: bytes.NewReader(wireBytes(t, test.say))}
		if _, err := w.header(); err != nil {
			t.Fatal(err)
		}
		if _, err := w.block(); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	for name, text := range map[string]string{
		"not JSON":    "{",
		"rate":        `{"Info":{"SampleRate":-1}}`,
		"duration":    `{"Declared":-1}`,
		"turned by 1": `{"Info":{"Rotation":1}}`,
		"long name":   `{"Info":{"Format":"` + strings.Repeat("x", 65) + `"}}`,
	} {
		var b bytes.Buffer
		b.WriteString(wireMagic)
		if err := (&wireWriter{w: &b}).text(wireInfo, text); err != nil {
			t.Fatal(err)
		}
		if _, err := (&wireReader{r: &b}).header(); !errors.Is(err, errProtocol) {
			t.Errorf("info with %s: %v", name, err)
		}
	}
}

// TestPlain holds that what a file says cannot reach the terminal as control codes.
func TestPlain(t *testing.T) {
	if got := plain([]byte("\x1b[31mred\r\nline\x00 ü ")); got != " [31mred  line  ü" {
		t.Errorf("got %q", got)
	}
}

func FuzzWire(f *testing.F) {
	f.Add(wireBytes(f, conversation))
	f.Add(wireBytes(f, func(w *wireWriter) error { return w.text(wireEnd, "cut") }))
	f.Add(wireBytes(f, func(w *wireWriter) error { return w.text(wireFailure, "bad") }))
	f.Fuzz(func(t *testing.T, b []byte) {
		w := wireReader{r: bytes.NewReader(b)}
		if _, err := w.header(); err != nil {
			return
		}
		for {
			block, err := w.block()
			if err != nil {
				return
			}
			switch {
			case block.Audio != nil:
				if block.Audio.Len() == 0 || !(block.Audio.Rate > 0) {
					t.Fatalf("%+v", block.Audio)
				}
			case len(block.Luma.Mean) != block.Luma.Rows*block.Luma.Strips || len(block.Luma.Mean) == 0:
				t.Fatalf("%+v", block.Luma)
			}
		}
	})
}

func FuzzNUT(f *testing.F) {
	for _, codec := range []string{"pcm_f32le", "pcm_u8"} {
		f.Add(ffmpeg(f, "-f", "lavfi", "-i", "sine=duration=0.05", "-c:a", codec, "-f", "nut", "pipe:1"))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n := newNUT(bytes.NewReader(b), 1<<16)
		for {
			pts, data, err := n.next()
			if err != nil {
				return
			}
			if len(data) > 1<<16 || pts != noTime && (pts < 0 || pts > maxTime) {
				t.Fatalf("%d bytes at %v", len(data), pts)
			}
		}
	})
}
