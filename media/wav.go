// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package media

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/defakepro/defakepro/dsp"
)

// wavStreaming is the least 32-bit size that means "unknown" when the file holds less: a writer that cannot seek back to its
// header leaves 0xFFFFFFFF there, SoX 0x7FFFF000 or a little more.
const wavStreaming = 0x7FFFF000

// wavUnknown is the size of data whose header does not tell.
const wavUnknown = -1

// wavExtensible is the format tag that says: the tag proper is in the sub-format (mmreg.h, WAVE_FORMAT_EXTENSIBLE).
const wavExtensible = 0xFFFE

// wavGUID is the tail of a sub-format GUID; its first two bytes are a format tag.
const wavGUID = "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xAA\x00\x38\x9B\x71"

// wav reads RIFF/WAVE and its 64-bit kin RF64 (EBU Tech 3306) and BW64 (ITU-R BS.2088) as a stream.
type wav struct {
	r       *bufio.Reader
	c       io.Closer
	meta    Info
	align   int // bytes of one sample of all channels
	convert converter
	total   int64 // samples a channel that the header promises, or wavUnknown
	after   int64 // bytes of the data that are no whole sample; wavUnknown: what follows does not matter
	pos     int64 // samples a channel already read
	buf     []byte
	ended   error // what read has ended with
}

// openNative opens what is read in Go: WAV and FLAC. size is the length of r in bytes, -1 when unknown. It wraps errForeign when
// r is, or holds, something else; r is closed by the source alone, so not when there is an error.
func openNative(r io.ReadCloser, size int64) (source, error) {
	br := bufio.NewReaderSize(r, 1<<16)
	head, err := br.Peek(12)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, reason(err)
	}
	switch {
	case len(head) == 12 && string(head[8:]) == "WAVE" && isRIFF(string(head[:4])):
		return newWAV(br, r, size)
	case bytes.HasPrefix(head, []byte("fLaC")):
		return newFLAC(br, r)
	case size < 0 && len(head) == 0:
		return nil, errors.New("is empty")
	case size < 0:
		return nil, errors.New("is neither WAV nor FLAC, which is what can be read from a stream")
	}
	return nil, errForeign
}

func isRIFF(id string) bool { return id == "RIFF" || id == "RF64" || id == "BW64" }

// newWAV reads the header up to the samples.
func newWAV(r *bufio.Reader, c io.Closer, size int64) (*wav, error) {
	w := &wav{r: r, c: c, total: wavUnknown, after: wavUnknown}
	bytes, err := w.header(size)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errors.New("wav: ends within its header, before any samples")
	case err != nil:
		return nil, fmt.Errorf("wav: %w", err)
	case bytes >= 0 && bytes < int64(w.align):
		return nil, errors.New("wav: holds no samples")
	case bytes >= 0:
		w.total = bytes / int64(w.align)
		if size >= 0 { // of a stream, waiting for what follows could last
			w.after = bytes % int64(w.align)
		}
		w.meta.Duration = at(0, w.total, w.meta.SampleRate)
	}
	w.buf = make([]byte, blockFrames*w.align)
	return w, nil
}

// header walks the chunks up to the data and returns the number of bytes in that, or wavUnknown.
func (w *wav) header(file int64) (int64, error) {
	var head [12]byte
	if _, err := io.ReadFull(w.r, head[:]); err != nil {
		return 0, err
	}
	riff := int64(binary.LittleEndian.Uint32(head[4:]))
	at, wide := int64(len(head)), int64(wavUnknown)
	for {
		var b [8]byte
		if _, err := io.ReadFull(w.r, b[:]); err != nil {
			return 0, err
		}
		id, n := string(b[:4]), int64(binary.LittleEndian.Uint32(b[4:]))
		at += 8
		switch id {
		case "data":
			if w.convert == nil {
				return 0, errors.New("the samples come before their format")
			}
			samples := false
			if file >= 0 { // of a stream, waiting for what follows could last
				next, _ := w.r.Peek(8)
				samples = len(next) == 8 && (silent(next) || !beginsChunk(next))
			}
			return dataSize(n, wide, riff, at, file, samples), nil
		case "ds64", "fmt ":
			if n > 1<<16 {
				return 0, fmt.Errorf("chunk %q claims %d bytes", id, n)
			}
			body := make([]byte, n)
			if _, err := io.ReadFull(w.r, body); err != nil {
				return 0, err
			}
			if id == "ds64" && n >= 16 {
				wide = int64(binary.LittleEndian.Uint64(body[8:])) // negative if absurd: unknown
			} else if id == "fmt " {
				if err := w.format(body); err != nil {
					return 0, err
				}
			}
		default:
			if err := discard(w.r, n); err != nil {
				return 0, err
			}
		}
		if err := discard(w.r, n&1); err != nil { // chunks are padded to even length
			return 0, err
		}
		at += n + n&1
	}
}

// dataSize decides how many bytes of samples there are: n by the data chunk, wide by ds64, in a RIFF of riff bytes; the samples
// begin at offset at in a file of file bytes (negative: not known), and whether samples follow is what the first bytes say.
func dataSize(n, wide, riff, at, file int64, samples bool) int64 {
	if n == 0xFFFFFFFF && wide > 0 {
		n = wide
	}
	streamed := n == 0 && (samples || riff+8 <= at || riff >= wavStreaming) // else other chunks follow: really empty
	if streamed || n >= wavStreaming && (file < 0 || n > file-at) && wide <= 0 {
		if file < 0 {
			return wavUnknown
		}
		return file - at
	}
	return n
}

// beginsChunk reports whether bytes that follow a chunk are the next one, or the end of the file, or padding.
func beginsChunk(b []byte) bool {
	if len(b) < 8 || silent(b) {
		return true
	}
	if tag := string(b[:3]); tag == "TAG" || tag == "ID3" { // of players, behind all chunks
		return true
	}
	for _, c := range b[:4] { // its name
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// silent reports whether all bytes are zero: padding, or samples of silence.
func silent(b []byte) bool { return bytes.Count(b, []byte{0}) == len(b) }

// discard skips n bytes, which may be more than a bufio.Reader would skip at once on a 32-bit machine.
func discard(r io.Reader, n int64) error {
	_, err := io.CopyN(io.Discard, r, n)
	return err
}

// format reads the fmt chunk.
func (w *wav) format(b []byte) error {
	if len(b) < 16 {
		return fmt.Errorf("format chunk of %d bytes is too short", len(b))
	}
	le := binary.LittleEndian
	tag, channels, align, bits := le.Uint16(b), int(le.Uint16(b[2:])), int(le.Uint16(b[12:])), int(le.Uint16(b[14:]))
	rate := le.Uint32(b[4:])
	if tag == wavExtensible {
		if len(b) < 40 || string(b[26:40]) != wavGUID {
			return errForeign
		}
		tag = le.Uint16(b[24:])
	}
	if err := plausible(int64(rate), channels); err != nil {
		return err
	}
	if tag != tagPCM && tag != tagFloat && tag != tagALaw && tag != tagMuLaw {
		return errForeign // ADPCM and the like
	}
	size := align / channels
	if align%channels != 0 || bits == 0 || size != (bits+7)/8 && (tag != tagPCM || size < (bits+7)/8) {
		return fmt.Errorf("header says %d bytes for %d channels of %d bits", align, channels, bits)
	}
	f, ok := sampleFormats[sampleKind{tag, size}]
	if !ok {
		return errForeign
	}
	w.align, w.convert = align, f.convert
	w.meta = Info{Format: "wav", AudioCodec: f.name, HasAudio: true, SampleRate: int(rate), Channels: channels}
	return nil
}

// plausible checks a header's claims against what recordings can be.
func plausible(rate int64, channels int) error {
	switch {
	case rate < 1 || rate > maxRate:
		return fmt.Errorf("header says %d samples a second; 1 to %d are read", rate, maxRate)
	case channels < 1 || channels > maxChannels:
		return fmt.Errorf("header says %d channels; 1 to %d are read", channels, maxChannels)
	}
	return nil
}

func (w *wav) info() Info { return w.meta }

func (w *wav) close() error { return w.c.Close() }

func (w *wav) read() (Block, error) {
	if w.ended != nil {
		return Block{}, w.ended
	}
	n := int64(blockFrames)
	if w.total >= 0 {
		n = min(n, w.total-w.pos)
	}
	got, err := io.ReadFull(w.r, w.buf[:n*int64(w.align)])
	frames := got / w.align
	if err != nil || n == 0 {
		w.ended = w.finish(int64(frames), err)
	}
	if frames == 0 {
		return Block{}, w.ended
	}
	s := &dsp.Signal{
		Start:    time.Time{}.Add(at(0, w.pos, w.meta.SampleRate)),
		Rate:     float64(w.meta.SampleRate),
		Channels: planes(w.meta.Channels, frames),
	}
	size := w.align / w.meta.Channels
	for c, dst := range s.Channels {
		w.convert(dst, w.buf[c*size:], w.align)
	}
	w.pos += int64(frames)
	return Block{Audio: s}, nil
}

// finish tells what the end of the samples means, when more still come with it.
func (w *wav) finish(more int64, err error) error {
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return reason(err)
	}
	if pos := w.pos + more; w.total > pos {
		return short(at(0, pos, w.meta.SampleRate), at(0, w.total, w.meta.SampleRate))
	}
	if w.after >= 0 && discard(w.r, w.after) == nil {
		// Whether the data are padded to an even number of bytes is up to the writer, in practice.
		next, _ := w.r.Peek(9)
		if !beginsChunk(next) && !beginsChunk(next[1:]) {
			return fmt.Errorf("%w: its header says %.3f s, and the file goes on", ErrIncomplete, at(0, w.total, w.meta.SampleRate).Seconds())
		}
	}
	return io.EOF
}

// short is the error of a recording that ends before its header says.
func short(got, declared time.Duration) error {
	return fmt.Errorf("%w: ends at %.3f s of %.3f s", ErrIncomplete, got.Seconds(), declared.Seconds())
}
