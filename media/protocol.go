// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package media

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"strings"
	"time"
	"unicode"
	"unsafe"
)

// What the worker writes to its standard output: the magic, an info record, then any number of others, of which end or failure
// is the last. A record is its kind, the length of its payload (32 bits), and that. Numbers are in the byte order of the machine,
// as both ends are this program. As the worker may have been taken over by the file it decodes, nothing it says is believed
// before it is checked.
const (
	wireMagic = "DFPMEDIA1"

	wireInfo    = 'I' // wireHeader as JSON
	wireAudio   = 'A' // timestamp, rate, channels, samples; then float32 channel by channel
	wireVideo   = 'V' // timestamp, width, rows, strips, peak; then sums as uint32 and, where asked for, the luma as bytes
	wireAlive   = 'H' // nothing: still reading
	wireDone    = 'D' // a live packet is decoded: how many packets and frames so far could not be, as uint64
	wireEnd     = 'E' // what was wrong with the file, if anything
	wireFailure = 'X' // why it cannot go on

	wireMaxText  = 4 << 10
	wireFields   = 8 + 4*4 // a timestamp and four numbers begin a record of media
	wireMaxAudio = wireFields + 4*maxChannels*blockFrames
	wireMaxVideo = wireFields + 4*maxSide*maxStrips
)

// wireHeader is the payload of an info record.
type wireHeader struct {
	Info     Info
	Declared time.Duration // where decoding should end; 0 when the file does not say
}

// errProtocol says that the worker does not speak the protocol.
var errProtocol = errors.New("media worker: malformed output")

// wireWriter is the worker's end.
type wireWriter struct {
	w   io.Writer
	buf []byte
}

func (w *wireWriter) record(kind byte, payload []byte) error {
	w.buf = append(w.buf[:0], kind)
	w.buf = binary.NativeEndian.AppendUint32(w.buf, uint32(len(payload)))
	if _, err := w.w.Write(w.buf); err != nil {
		return err
	}
	_, err := w.w.Write(payload)
	return err
}

func (w *wireWriter) header(h wireHeader) error {
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return w.record(wireInfo, b)
}

func (w *wireWriter) text(kind byte, s string) error {
	return w.record(kind, []byte(s[:min(len(s), wireMaxText)]))
}

// answer says that a live packet is decoded.
func (w *wireWriter) answer(damaged uint64) error {
	return w.record(wireDone, binary.NativeEndian.AppendUint64(nil, damaged))
}

// audio writes one block: per channel, the samples of its plane.
func (w *wireWriter) audio(pts time.Duration, rate int, channels [][]float32) error {
	n := len(channels[0])
	if err := w.head(wireAudio, 4*n*len(channels), pts, rate, len(channels), n, 0); err != nil {
		return err
	}
	for _, c := range channels {
		if _, err := w.w.Write(raw(c)); err != nil {
			return err
		}
	}
	return nil
}

// video writes one frame; plane is its luma, nil where nobody asked for it.
func (w *wireWriter) video(pts time.Duration, width, strips, peak int, sums []uint32, plane []byte) error {
	if err := w.head(wireVideo, 4*len(sums)+len(plane), pts, width, len(sums)/strips, strips, peak); err != nil {
		return err
	}
	if _, err := w.w.Write(raw(sums)); err != nil {
		return err
	}
	_, err := w.w.Write(plane)
	return err
}

// head begins a record of media: size bytes are to follow.
func (w *wireWriter) head(kind byte, size int, pts time.Duration, fields ...int) error {
	w.buf = append(w.buf[:0], kind)
	w.buf = appendUint32s(w.buf, wireFields+size)
	w.buf = binary.NativeEndian.AppendUint64(w.buf, uint64(pts))
	w.buf = appendUint32s(w.buf, fields...)
	_, err := w.w.Write(w.buf)
	return err
}

func appendUint32s(b []byte, values ...int) []byte {
	for _, v := range values {
		b = binary.NativeEndian.AppendUint32(b, uint32(v))
	}
	return b
}

// raw shows numbers as the bytes that they are in memory.
func raw[T uint32 | float32](v []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 4*len(v))
}

// placer puts decoded media in time.
type placer interface {
	sound(pts time.Duration, rate int, channels [][]float64) Block
	picture(pts time.Duration, rows, strips int, mean []float64) Block
	// finish returns an error wrapping ErrIncomplete if this is no place to end.
	finish() error
}

// wireReader is the parent's end.
type wireReader struct {
	r        io.Reader
	pictures bool // frames come with their luma
	buf      []byte
	time     placer               // made by header where it is nil
	done     func(damaged uint64) // called when a live packet is decoded; nil where there are no such
}

// header reads the magic and the info record.
func (w *wireReader) header() (Info, error) {
	var magic [len(wireMagic)]byte
	if err := w.fill(magic[:]); err != nil {
		return Info{}, err
	}
	if string(magic[:]) != wireMagic {
		return Info{}, errProtocol
	}
	for {
		kind, payload, err := w.record()
		if err != nil {
			return Info{}, err
		}
		switch kind {
		case wireAlive:
		case wireFailure:
			return Info{}, errors.New(plain(payload))
		case wireInfo:
			var h wireHeader
			if json.Unmarshal(payload, &h) != nil || !h.Info.sane() || h.Declared < 0 {
				return Info{}, errProtocol
			}
			if w.time == nil {
				w.time = newTimeline(h.Info, h.Declared)
			}
			return h.Info, nil
		default:
			return Info{}, errProtocol
		}
	}
}

// block returns the next block. At the end it returns io.EOF, or an error wrapping ErrIncomplete.
func (w *wireReader) block() (Block, error) {
	for {
		kind, payload, err := w.record()
		if err != nil {
			return Block{}, err
		}
		switch kind {
		case wireAlive:
		case wireDone:
			if w.done == nil || len(payload) != 8 {
				return Block{}, errProtocol
			}
			w.done(binary.NativeEndian.Uint64(payload))
		case wireAudio:
			return w.audio(payload)
		case wireVideo:
			return w.video(payload)
		case wireFailure:
			return Block{}, errors.New(plain(payload))
		case wireEnd:
			if len(payload) > 0 {
				return Block{}, fmt.Errorf("%w: %s", ErrIncomplete, plain(payload))
			}
			if err := w.time.finish(); err != nil {
				return Block{}, err
			}
			return Block{}, io.EOF
		default:
			return Block{}, errProtocol
		}
	}
}

// record reads one record; the payload is valid until the next. The end of the stream is never expected, as a worker says
// good-bye: it comes as io.ErrUnexpectedEOF.
func (w *wireReader) record() (kind byte, payload []byte, err error) {
	var head [5]byte
	if err := w.fill(head[:]); err != nil {
		return 0, nil, err
	}
	kind = head[0]
	most := uint32(wireMaxText)
	switch kind {
	case wireAudio:
		most = wireMaxAudio
	case wireVideo:
		most = wireMaxVideo
		if w.pictures {
			most += maxPixels
		}
	}
	n := binary.NativeEndian.Uint32(head[1:])
	if n > most {
		return 0, nil, errProtocol
	}
	if uint32(cap(w.buf)) < n {
		w.buf = make([]byte, n)
	}
	payload = w.buf[:n]
	if err := w.fill(payload); err != nil {
		return 0, nil, err
	}
	return kind, payload, nil
}

// fill reads all of b.
func (w *wireReader) fill(b []byte) error {
	_, err := io.ReadFull(w.r, b)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// fields takes the timestamp and four numbers from the head of a payload.
func fields(b []byte) (pts time.Duration, v [4]int, rest []byte, err error) {
	if len(b) < wireFields {
		return 0, v, nil, errProtocol
	}
	pts = time.Duration(binary.NativeEndian.Uint64(b))
	if pts != noTime && (pts < -maxTime || pts > maxTime) {
		return 0, v, nil, errProtocol
	}
	for i := range v {
		u := binary.NativeEndian.Uint32(b[8+4*i:])
		if u > maxRate { // the greatest of all bounds
			return 0, v, nil, errProtocol
		}
		v[i] = int(u)
	}
	return pts, v, b[wireFields:], nil
}

func (w *wireReader) audio(b []byte) (Block, error) {
	pts, v, data, err := fields(b)
	rate, channels, n := v[0], v[1], v[2]
	if err != nil || plausible(int64(rate), channels) != nil || n < 1 || n > blockFrames || len(data) != 4*channels*n {
		return Block{}, errProtocol
	}
	p := planes(channels, n)
	for c, dst := range p {
		plane := data[4*c*n:][:4*n]
		for i := range dst {
			dst[i] = float64(math.Float32frombits(binary.NativeEndian.Uint32(plane[4*i:])))
		}
	}
	return w.time.sound(pts, rate, p), nil
}

func (w *wireReader) video(payload []byte) (Block, error) {
	pts, v, data, err := fields(payload)
	width, rows, strips, peak := v[0], v[1], v[2], v[3]
	size := 0
	if w.pictures {
		size = width * rows
	}
	if err != nil || width < 1 || width > maxSide || rows < 1 || rows > maxSide || strips < 1 || strips > min(maxStrips, width) ||
		peak < 1 || peak > math.MaxUint16 || size > maxPixels || len(data) != 4*rows*strips+size {
		return Block{}, errProtocol
	}
	sums := make([]uint32, rows*strips)
	for i := range sums {
		sums[i] = binary.NativeEndian.Uint32(data[4*i:])
	}
	b := w.time.picture(pts, rows, strips, means(sums, strips, width, float64(peak)))
	if w.pictures {
		b.Picture = &image.Gray{Pix: bytes.Clone(data[4*len(sums):]), Stride: width, Rect: image.Rect(0, 0, width, rows)}
	}
	return b, nil
}

// sane tells whether a description that comes from outside keeps within what recordings can be. A size or rate of 0 is not
// known yet.
func (i *Info) sane() bool {
	text := len(i.Format) <= 64 && len(i.AudioCodec) <= 32 && len(i.VideoCodec) <= 32
	i.Format, i.AudioCodec, i.VideoCodec = plain([]byte(i.Format)), plain([]byte(i.AudioCodec)), plain([]byte(i.VideoCodec))
	return text && i.Duration >= 0 &&
		i.SampleRate >= 0 && i.SampleRate <= maxRate && i.Channels >= 0 && i.Channels <= maxChannels &&
		i.Width >= 0 && i.Width <= maxSide && i.Height >= 0 && i.Height <= maxSide &&
		i.OtherAudio >= 0 && i.OtherVideo >= 0 &&
		i.FrameRate >= 0 && i.FrameRate <= maxRate && i.Rotation%90 == 0 && i.Rotation >= 0 && i.Rotation < 360
}

// plain makes text from outside fit for a terminal and a single line.
func plain(b []byte) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.TrimSpace(string(b)))
}
