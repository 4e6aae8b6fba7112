// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package media

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"time"

	"github.com/defakepro/defakepro/dsp"
)

// ErrIncomplete reports, through [errors.Is], that a recording ended before it should have or that parts of it could not be
// decoded. [Recording.Read] returns it once, after the last block that could be decoded and in place of [io.EOF], so that the
// caller may still use what it got.
var ErrIncomplete = errors.New("recording is incomplete")

// Bounds on what any file may claim. They lie well beyond real recordings (the highest rate in use is that of DSD64 shown as
// PCM, 352.8 kHz; the largest pictures are 8K, 7680 × 4320) and keep a forged header from asking for memory.
const (
	maxRate     = 1_000_000 // samples a second
	maxChannels = 64
	maxSide     = 16384 // pixels across or down
	maxPixels   = 1 << 26
	maxStrips   = 8
	maxTime     = 10 * 365 * 24 * time.Hour // of a timestamp, either way
	blockFrames = 8192                      // samples a channel in a block of the native readers
)

// Block is a piece of a recording: either audio or one video frame, in the order in which they are stored. Exactly one of Audio and
// Luma is set. The caller owns it.
type Block struct {
	// Audio is a stretch of sound. Blocks follow one another without a gap, to the nanosecond by the count of samples, unless
	// Start says otherwise. Rate and channel count are those of the block; in rare recordings they change on the way.
	Audio *dsp.Signal
	// Luma is one video frame in sensor orientation, in 8 vertical strips (fewer where the picture is narrower than 8 pixels),
	// strip s covering columns s·width/8 up to (s+1)·width/8. Its values are code values over the largest code (255 for 8 bit):
	// the offset of video black, 16 of 255 in most files, is not taken out.
	Luma *dsp.Luma
	// Picture is the luma of the same frame, 8 bits of each pixel, where [Options].Pictures asks for it. Its limits, 16 to 235 in most
	// files, are as stored.
	Picture *image.Gray
}

// Options says what to decode. The zero value decodes everything.
type Options struct {
	// Audio and Video choose the streams to decode; neither means both. A stream that is asked for by name must be there.
	Audio, Video bool
	// Pictures asks for whole pictures beside the means of their rows. It costs a copy of each frame.
	Pictures bool
	// Threads is the number of decoder threads of formats that are not decoded natively; 0 means one per processor.
	Threads int
	// Confined has every format decoded in a process of its own, those too that are otherwise read natively: for
	// recordings of strangers, in a program that has something to lose. A stream is refused then.
	Confined bool
	// Stall is how long the decoder may stay silent before it is ended with an error; 0 means a minute.
	Stall time.Duration
	// Stream, if set, is read instead of the file, which then only names it. WAV and FLAC can be read from it.
	Stream io.Reader

	decode decoder // the decoder of formats that are not read natively; nil means the one this build was made with
}

// wants tells whether audio and video are to be decoded.
func (o Options) wants() (audio, video bool) {
	if !o.Audio && !o.Video {
		return true, true
	}
	return o.Audio, o.Video
}

// Info describes a recording as its header does.
type Info struct {
	// Format is the container's name, e.g. "wav", "flac", "mov,mp4,m4a,3gp,3g2,mj2", "luma csv".
	Format string
	// AudioCodec and VideoCodec name the codecs, e.g. "pcm_s16le", "h264"; empty without such a stream.
	AudioCodec, VideoCodec string
	// Duration is the length that the file declares; 0 when it does not say.
	Duration time.Duration
	// HasAudio and HasVideo tell what is in the file, whether or not it was asked for. A cover picture is not video.
	HasAudio, HasVideo bool
	// OtherAudio and OtherVideo count the streams of a kind beside the first, which alone is read.
	OtherAudio, OtherVideo int
	// SampleRate is in hertz.
	SampleRate int
	// Channels is the number of audio channels.
	Channels int
	// Width and Height are in pixels, before rotation.
	Width, Height int
	// FrameRate is the nominal number of frames a second; 0 when unknown. The frames themselves carry their true times.
	FrameRate float64
	// Rotation is the clockwise turn, 0, 90, 180 or 270 degrees, that a player gives the picture. Frames are not turned, as
	// rows of the file are rows of the sensor, and it is those that a rolling shutter reads one after the other.
	Rotation int
}

// Recording is an open audio or video file. It is not safe for concurrent use, save for Close.
type Recording struct {
	name  string
	src   source
	err   error        // what Read has ended with
	ended func() error // why reading may not go on: the error of Open's context; nil without one
}

// source is one file being decoded: what each decoder implements. Errors do not name the file.
type source interface {
	info() Info
	// read returns the next block; at the end io.EOF, or once an error wrapping ErrIncomplete.
	read() (Block, error)
	// close ends a read under way, frees everything and may be called twice.
	close() error
}

// decoder opens a regular file that is not read natively. It does not keep f. path is where f was opened.
type decoder func(ctx context.Context, f *os.File, path string, o Options) (source, error)

// errForeign says that a native reader knows the container but not what is in it, so that the general decoder should try.
var errForeign = errors.New("not read natively")

// Open opens an audio or video file, whatever its name: the format is told from its content. "-" is standard input, from which
// WAV and FLAC can be read. The recording must be closed; ending ctx ends decoding. Errors name the file.
func Open(ctx context.Context, path string, o Options) (*Recording, error) {
	name := path
	if path == "-" {
		name = "standard input"
	}
	src, err := open(ctx, path, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	info := src.info()
	audio, video := o.wants()
	switch {
	case o.Audio && !info.HasAudio:
		err = errors.New("has no audio")
	case o.Video && !info.HasVideo:
		err = errors.New("has no video")
	case !(audio && info.HasAudio) && !(video && info.HasVideo):
		err = errors.New("has neither audio nor video")
	}
	if err != nil {
		_ = src.close() // nothing was written
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &Recording{name: name, src: src, ended: ctx.Err}, nil
}

// open finds the reader for the file's content.
func open(ctx context.Context, path string, o Options) (source, error) {
	switch {
	case (path == "-" || o.Stream != nil) && o.Confined:
		return nil, errors.New("cannot be handed to a process of its own: a file can")
	case o.Stream != nil:
		return openNative(io.NopCloser(o.Stream), -1)
	case path == "-":
		return openNative(io.NopCloser(os.Stdin), -1)
	}
	st, err := os.Stat(path)
	if err != nil {
		return nil, reason(err)
	}
	switch {
	case st.IsDir():
		return nil, errors.New("is a directory, not a recording")
	case !st.Mode().IsRegular():
		return nil, errors.New("is not a regular file")
	case st.Size() == 0:
		return nil, errors.New("is empty")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, reason(err)
	}
	if !o.Confined {
		src, err := openNative(f, st.Size())
		if err == nil {
			return src, nil
		}
		if _, again := f.Seek(0, io.SeekStart); !errors.Is(err, errForeign) || again != nil {
			_ = f.Close() // read only
			return nil, cmp.Or(again, err)
		}
	}
	defer f.Close()
	decode := o.decode
	if decode == nil {
		decode = defaultDecoder
	}
	return decode(ctx, f, path, o)
}

// Info tells what is in the recording.
func (r *Recording) Info() Info { return r.src.info() }

// Read returns the next block, in the order of the file. After the last it returns [io.EOF], or an error wrapping
// [ErrIncomplete] when the file is cut short or damaged; any other error means that decoding failed on the way. Errors name the
// file and stay: every later call returns io.EOF after the end or the same error.
func (r *Recording) Read() (Block, error) {
	if r.err != nil {
		return Block{}, r.err
	}
	b, err := r.next()
	switch {
	case err == nil:
		return b, nil
	case errors.Is(err, io.EOF):
		r.err = io.EOF
		return Block{}, io.EOF
	case errors.Is(err, ErrIncomplete):
		r.err = io.EOF
	}
	err = fmt.Errorf("%s: %w", r.name, err)
	if r.err == nil {
		r.err = err
	}
	return Block{}, err
}

// next reads on, unless the context has ended.
func (r *Recording) next() (Block, error) {
	if r.ended != nil {
		if err := r.ended(); err != nil {
			return Block{}, err
		}
	}
	return r.src.read()
}

// Close frees the file and ends the decoder. It may be called at any time and more than once.
func (r *Recording) Close() error { return r.src.close() }

// reason strips the path from an error of package os: callers name the file themselves.
func reason(err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err
	}
	return err
}

// at is the instant n samples after start, by the count of samples: exact to the nanosecond over any length.
func at(start time.Duration, n int64, rate int) time.Duration {
	r := int64(rate)
	return start + time.Duration(n/r)*time.Second + time.Duration(n%r*int64(time.Second)/r)
}

// planes returns channels slices of n samples, cut from one allocation.
func planes(channels, n int) [][]float64 {
	flat := make([]float64, channels*n)
	p := make([][]float64, channels)
	for c := range p {
		p[c] = flat[c*n : (c+1)*n : (c+1)*n]
	}
	return p
}
