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
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"
)

// pipe is a file being decoded by the ffmpeg program: one process for each stream, whose packets are put in order here. (One
// process for both would hold back, without bound, the raw pictures of a stream while the other has not begun.)
type pipe struct {
	meta   Info
	time   *timeline
	tracks []*pipeTrack // as opened
	live   []*pipeTrack // those of them that have not ended
	some   bool         // a block has been decoded
	broken error        // what was wrong with a stream, once it has ended
}

// pipeLead is added to all timestamps on their way through ffmpeg, as NUT has none below zero, which streams with a priming have.
const pipeLead = 10 * time.Second

// pipeTrack is one stream, decoded.
type pipeTrack struct {
	p     *process
	nut   *nutReader
	block func(pts time.Duration, data []byte) (Block, error)

	pts  time.Duration // of the packet at hand
	data []byte        // nil: none at hand
}

// openPipe opens a file by means of the programs ffprobe and ffmpeg, from version 5.1.
func openPipe(ctx context.Context, _ *os.File, path string, o Options) (source, error) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		return nil, fmt.Errorf("the format needs the ffmpeg program: %w", err)
	}
	ffprobe, err := exec.LookPath("ffprobe")
	if err != nil {
		return nil, fmt.Errorf("the format needs the ffprobe program: %w", err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	// Nothing in the file's name can be taken for an option or a protocol, and the file cannot name others.
	input := []string{"-protocol_whitelist", "file,pipe", "-format_whitelist", demuxers, "-i", "file:" + path}
	probed, err := probe(ctx, ffprobe, input, o.Stall)
	if err != nil {
		return nil, err
	}
	audio, video := o.wants()
	d := &pipe{}
	var declared time.Duration
	if d.meta, declared, err = probed.describe(audio, video); err != nil {
		return nil, err
	}
	d.time = newTimeline(d.meta, declared)
	threads := o.Threads
	if threads <= 0 {
		threads = runtime.NumCPU()
	}
	offset := strconv.FormatFloat(pipeLead.Seconds()-float64(probed.Format.Start), 'f', 6, 64)
	common := slices.Concat([]string{"ffmpeg", "-v", "error", "-nostdin", "-noautorotate", "-copyts", "-itsoffset", offset,
		"-threads", strconv.Itoa(min(threads, 64))}, input)
	if audio && d.meta.HasAudio {
		err = d.add(ctx, ffmpeg, slices.Concat(common, audioArgs(probed.audio)), 4*maxChannels*maxRate, o.Stall, d.sound)
	}
	if video && d.meta.HasVideo && err == nil {
		l := lumaOf(probed.video.PixelFormat)
		err = d.add(ctx, ffmpeg, slices.Concat(common, videoArgs(probed.video, l)), 2*maxPixels, o.Stall,
			func(pts time.Duration, data []byte) (Block, error) { return d.picture(pts, data, l, o.Pictures) })
	}
	if err != nil {
		_ = d.close() // always nil
		return nil, err
	}
	return d, nil
}

// add starts a process for one stream.
func (d *pipe) add(ctx context.Context, ffmpeg string, args []string, most int, stall time.Duration,
	block func(time.Duration, []byte) (Block, error),
) error {
	p, err := start(ctx, ffmpeg, args, nil, stall)
	if err != nil {
		return err
	}
	d.tracks = append(d.tracks, &pipeTrack{p: p, nut: newNUT(p, most), block: block})
	d.live = slices.Clone(d.tracks)
	return nil
}

func audioArgs(s *probedStream) []string {
	return []string{"-map", fmt.Sprintf("0:%d", s.Index), "-c:a", "pcm_f32le", "-f", "nut", "pipe:1"}
}

func videoArgs(s *probedStream, l lumaFormat) []string {
	args := []string{"-map", fmt.Sprintf("0:%d", s.Index), "-fps_mode", "passthrough", "-enc_time_base:v", "1:1000000", "-autoscale", "0"}
	if l.filter != "" {
		args = append(args, "-vf", l.filter)
	}
	return append(args, "-c:v", "rawvideo", "-f", "nut", "pipe:1")
}

func (d *pipe) info() Info { return d.meta }

func (d *pipe) close() error {
	for _, t := range d.tracks {
		_ = t.p.close() // always nil
	}
	return nil
}

func (d *pipe) read() (Block, error) {
	for i := 0; i < len(d.live); {
		more, err := d.live[i].fetch(d.some)
		switch {
		case errors.Is(err, ErrIncomplete):
			d.broken = cmp.Or(d.broken, err)
		case err != nil:
			_ = d.close() // always nil
			return Block{}, err
		}
		if more {
			i++
		} else {
			d.live = slices.Delete(d.live, i, i+1)
		}
	}
	if len(d.live) == 0 {
		return Block{}, cmp.Or(d.broken, d.time.finish(), io.EOF)
	}
	t := slices.MinFunc(d.live, func(a, b *pipeTrack) int { return cmp.Compare(a.pts, b.pts) })
	b, err := t.block(t.pts, t.data)
	t.data = nil
	if err != nil {
		_ = d.close() // always nil
		return Block{}, err
	}
	d.some = true
	return b, nil
}

// fetch sees to it that a packet is at hand, and returns false at the stream's end. Where something went wrong, but some blocks
// were decoded, it returns an error wrapping ErrIncomplete.
func (t *pipeTrack) fetch(some bool) (bool, error) {
	if t.data != nil {
		return true, nil
	}
	var err error
	t.pts, t.data, err = t.nut.next()
	switch {
	case err == nil:
		if t.pts != noTime {
			t.pts -= pipeLead
		}
		return true, nil
	case errors.Is(err, errNUT):
		return false, err
	case !errors.Is(err, io.EOF):
		return false, t.p.failure(err)
	}
	t.p.wait()
	switch complaint := t.p.log.line(); {
	case t.p.exit == nil && complaint == "":
		return false, nil
	case !some || complaint == "" || t.p.ended != nil:
		return false, t.p.failure(err)
	default:
		return false, fmt.Errorf("%w: %s", ErrIncomplete, complaint)
	}
}

// sound makes a block of interleaved float samples.
func (d *pipe) sound(pts time.Duration, data []byte) (Block, error) {
	frame := 4 * d.meta.Channels
	if len(data) == 0 || len(data)%frame != 0 {
		return Block{}, errNUT
	}
	p := planes(d.meta.Channels, len(data)/frame)
	for c, dst := range p {
		fromF32(dst, data[4*c:], frame)
	}
	return d.time.sound(pts, d.meta.SampleRate, p), nil
}

// picture makes a block of a plane of luma, and keeps that where it is wanted.
func (d *pipe) picture(pts time.Duration, data []byte, l lumaFormat, keep bool) (Block, error) {
	width, rows := d.meta.Width, d.meta.Height
	if len(data) != width*rows*l.bytes() {
		return Block{}, fmt.Errorf("%w: the picture's size changes, which the ffmpeg program cannot tell", ErrIncomplete)
	}
	strips := min(maxStrips, width)
	sums := make([]uint32, 0, rows*strips)
	for y := range rows {
		row := data[y*width*l.bytes():][:width*l.bytes()]
		for s := range strips {
			from, to := strip(s, strips, width)
			sums = append(sums, l.sum(row[from*l.bytes():to*l.bytes()]))
		}
	}
	b := d.time.picture(pts, rows, strips, means(sums, strips, width, l.peak()))
	if keep {
		b.Picture = &image.Gray{Pix: l.upper(data), Stride: width, Rect: image.Rect(0, 0, width, rows)}
	}
	return b, nil
}
