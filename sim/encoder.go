// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os/exec"
	"slices"
	"sync"
)

// encoder is an ffmpeg process that is fed raw frames and gives encoded ones.
type encoder struct {
	io.Writer // takes raw frames
	finish    func() error
	out       func() (frame, error)
	wait      func() error // may be called by several
}

// frame is an encoded frame.
type frame struct {
	data []byte
	key  bool
}

// splitter returns a function that reads one frame after another from what a muxer writes, and [io.EOF] at the end.
type splitter func(r *bufio.Reader) func() (frame, error)

// startEncoder starts ffmpeg with the arguments, between those that keep it from waiting for more than one frame. It
// ends with ctx or its input.
func startEncoder(ctx context.Context, ffmpeg string, args []string, split splitter) (*encoder, error) {
	args = slices.Concat([]string{"-hide_banner", "-loglevel", "error", "-probesize", "32", "-analyzeduration", "0"},
		args, []string{"-flush_packets", "1", "pipe:1"})
	cmd := exec.CommandContext(ctx, ffmpeg, args...)
	complaint := &tail{}
	cmd.Stderr = complaint
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	e := &encoder{Writer: stdin, finish: stdin.Close, out: split(bufio.NewReaderSize(stdout, 1<<16))}
	e.wait = sync.OnceValue(func() error {
		err := cmd.Wait()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("ffmpeg: %w: %s", err, complaint)
		}
		return nil
	})
	return e, nil
}

// frames yields the encoded frames. An error is the last that is yielded.
func (e *encoder) frames() iter.Seq2[frame, error] {
	return func(yield func(frame, error) bool) {
		for {
			f, err := e.out()
			if err != nil {
				if ended := e.wait(); ended != nil || !errors.Is(err, io.EOF) {
					yield(frame{}, cmp.Or(ended, err))
				}
				return
			}
			if !yield(f, nil) {
				return
			}
		}
	}
}

// longestFrame bounds an encoded frame, in bytes: a raw one of 1080p has twice as many.
const longestFrame = 2 << 20

// splitIVF reads IVF, in which libvpx's own tools write VP8 and VP9: a header of 32 bytes, then before each frame its
// length in four bytes and its time in eight, little-endian.
func splitIVF(r *bufio.Reader) func() (frame, error) {
	var header []byte
	return func() (frame, error) {
		if header == nil {
			header = make([]byte, 32)
			if _, err := io.ReadFull(r, header); err != nil {
				return frame{}, err
			}
			if string(header[:4]) != "DKIF" {
				return frame{}, errors.New("no IVF header")
			}
		}
		var head [12]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return frame{}, err
		}
		size := binary.LittleEndian.Uint32(head[:])
		if size == 0 || size > longestFrame {
			return frame{}, fmt.Errorf("IVF frame of %d bytes", size)
		}
		data := make([]byte, size)
		if _, err := io.ReadFull(r, data); err != nil {
			return frame{}, io.ErrUnexpectedEOF
		}
		// The frame type is the lowest bit of a VP8 frame (RFC 6386, 9.1), and the third of one of VP9 in profile 0
		// (its specification, 6.2).
		key := data[0]&1 == 0
		if string(header[8:12]) == "VP90" {
			key = data[0]&4 == 0
		}
		return frame{data, key}, nil
	}
}

// splitAnnexB reads the byte stream of H.264 (Annex B) in which each access unit begins with a delimiter. That a unit
// is over tells the next one: they come out a frame late.
func splitAnnexB(r *bufio.Reader) func() (frame, error) {
	delimiter := []byte{0, 0, 0, 1, 9}
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 1<<16), longestFrame)
	s.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		if len(data) > len(delimiter) {
			if i := bytes.Index(data[1:], delimiter); i >= 0 {
				return i + 1, data[:i+1], nil
			}
		}
		if atEOF && len(data) > 0 {
			return len(data), data, nil
		}
		return 0, nil, nil
	})
	return func() (frame, error) {
		if !s.Scan() {
			return frame{}, cmp.Or(s.Err(), io.EOF)
		}
		data := slices.Clone(s.Bytes())
		return frame{data, hasIDR(data)}, nil
	}
}

// hasIDR reports whether an access unit has a slice of an IDR picture, NAL unit type 5.
func hasIDR(unit []byte) bool {
	start := []byte{0, 0, 1}
	for {
		i := bytes.Index(unit, start)
		if i < 0 || i+len(start) >= len(unit) {
			return false
		}
		if unit = unit[i+len(start):]; unit[0]&0x1f == 5 {
			return true
		}
	}
}

// splitOgg reads the packets of a logical Ogg stream of Opus, save the two that make up its header (RFC 3533, RFC 7845).
func splitOgg(r *bufio.Reader) func() (frame, error) {
	o := &ogg{r: r}
	headers := 2
	return func() (frame, error) {
		for {
			data, err := o.packet()
			if err != nil {
				return frame{}, err
			}
			if headers == 0 {
				return frame{data, true}, nil
			}
			headers--
		}
	}
}

// ogg reads a logical stream, page by page.
type ogg struct {
	r      *bufio.Reader
	lacing []byte // what is left of the page's segment table
}

// packet returns the next packet: segments up to one that is shorter than 255 bytes.
func (o *ogg) packet() ([]byte, error) {
	var data []byte
	for {
		for len(o.lacing) == 0 {
			if err := o.page(); err != nil {
				return nil, err
			}
		}
		size := int(o.lacing[0])
		o.lacing = o.lacing[1:]
		if len(data)+size > longestFrame {
			return nil, fmt.Errorf("ogg packet of more than %d bytes", longestFrame)
		}
		at := len(data)
		data = append(data, make([]byte, size)...)
		if _, err := io.ReadFull(o.r, data[at:]); err != nil {
			return nil, io.ErrUnexpectedEOF
		}
		if size < 255 {
			return data, nil
		}
	}
}

// page reads the header of a page and its segment table.
func (o *ogg) page() error {
	var head [27]byte
	if _, err := io.ReadFull(o.r, head[:]); err != nil {
		return err
	}
	if string(head[:4]) != "OggS" {
		return errors.New("no Ogg page")
	}
	o.lacing = make([]byte, head[26])
	if _, err := io.ReadFull(o.r, o.lacing); err != nil {
		return io.ErrUnexpectedEOF
	}
	return nil
}
