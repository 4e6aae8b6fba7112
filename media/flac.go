// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package media

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"

	"github.com/defakepro/defakepro/dsp"
)

// flacFile reads FLAC (RFC 9639) as a stream.
type flacFile struct {
	s     *flac.Stream
	c     io.Closer
	meta  Info
	total int64 // samples a channel that the header promises, 0 when it does not say
	pos   int64
}

// newFLAC reads the stream header. What the decoder does not know, 32-bit samples, is left to the general decoder.
func newFLAC(r *bufio.Reader, c io.Closer) (_ *flacFile, err error) {
	defer recoverInto(&err)
	s, err := flac.New(r)
	if err != nil {
		return nil, fmt.Errorf("flac: header: %w", err)
	}
	if s.Info.BitsPerSample > 24 {
		return nil, errForeign
	}
	f := &flacFile{s: s, c: c, total: int64(s.Info.NSamples)} // 36 bits wide in the file
	f.meta = Info{
		Format: "flac", AudioCodec: "flac", HasAudio: true,
		SampleRate: int(s.Info.SampleRate), Channels: int(s.Info.NChannels),
	}
	if err := plausible(int64(s.Info.SampleRate), f.meta.Channels); err != nil {
		return nil, fmt.Errorf("flac: %w", err)
	}
	f.meta.Duration = at(0, f.total, f.meta.SampleRate)
	return f, nil
}

func (f *flacFile) info() Info { return f.meta }

func (f *flacFile) close() error { return f.c.Close() }

func (f *flacFile) read() (_ Block, err error) {
	defer recoverInto(&err)
	fr, err := f.frame()
	now := at(0, f.pos, f.meta.SampleRate)
	switch {
	case err == nil:
	case f.total > 0 && f.pos >= f.total:
		return Block{}, io.EOF // what follows is a tag, such as ID3v1
	case errors.Is(err, io.EOF) && f.pos == 0:
		return Block{}, errors.New("flac: holds no samples")
	case errors.Is(err, io.EOF) && f.total == 0:
		return Block{}, io.EOF
	case f.total > 0 && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)):
		return Block{}, short(now, f.meta.Duration)
	default:
		return Block{}, fmt.Errorf("%w: damaged after %.3f s: %w", ErrIncomplete, now.Seconds(), reason(err))
	}
	n := int(fr.BlockSize)
	s := &dsp.Signal{
		Start:    time.Time{}.Add(now),
		Rate:     float64(f.meta.SampleRate),
		Channels: planes(f.meta.Channels, n),
	}
	scale := 1 / float64(int64(1)<<(fr.BitsPerSample-1))
	for c, dst := range s.Channels {
		for i, v := range fr.Subframes[c].Samples[:n] {
			dst[i] = float64(v) * scale
		}
	}
	f.pos += int64(n)
	return Block{Audio: s}, nil
}

// frame decodes the next frame.
func (f *flacFile) frame() (*frame.Frame, error) {
	fr, err := f.s.Next()
	if err != nil {
		return nil, err
	}
	if fr.BitsPerSample == 0 { // RFC 9639 §9.1.4: as in the stream header, which the decoder leaves to us
		fr.BitsPerSample = f.s.Info.BitsPerSample
	}
	if fr.Channels.Count() != f.meta.Channels {
		return nil, errors.New("the number of channels changes")
	}
	if err := fr.Parse(); err != nil {
		return nil, err
	}
	return fr, nil
}

// recoverInto turns a panic of the FLAC decoder, which damaged input can provoke, into an error.
func recoverInto(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: flac: %v", ErrIncomplete, p)
	}
}
