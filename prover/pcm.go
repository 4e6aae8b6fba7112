// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package prover

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os/exec"
	"slices"
	"time"

	"github.com/defakepro/defakepro/dsp"
	"github.com/defakepro/defakepro/enf"
)

// Format is how a sample of raw sound is written.
type Format string

// The formats, all little-endian and interleaved.
const (
	FormatS16 Format = "s16le" // 16-bit integer
	FormatS32 Format = "s32le" // 32-bit integer
	FormatF32 Format = "f32le" // 32-bit float
)

// Formats lists them.
var Formats = []Format{FormatS16, FormatS32, FormatF32}

func (f Format) size() int {
	if f == FormatS16 {
		return 2
	}
	return 4
}

// sample reads one sample, in about ±1.
func (f Format) sample(b []byte) float64 {
	switch f {
	case FormatS16:
		return float64(int16(binary.LittleEndian.Uint16(b))) / (1 << 15)
	case FormatS32:
		return float64(int32(binary.LittleEndian.Uint32(b))) / (1 << 31)
	default:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
}

const (
	blocksPerSecond = 4
	// A recorder's clock is up to 100 ppm off, so that a count of samples leaves the true time by a second in three
	// hours. Where all of the last anchorBlocks arrived anchorSlip or more away from the count, the count is moved. The
	// least of them is taken, for a block may come late but not early.
	anchorBlocks = 20
	anchorSlip   = 100 * time.Millisecond
	mostRate     = 768_000
	mostChannels = 32
)

// pcm is raw sound as it comes in.
type pcm struct {
	r        io.Reader
	grid     enf.Grid
	format   Format
	rate     int
	channels int
	log      *slog.Logger
	buf      []byte
	anchor   time.Time // of sample 0
	count    int64     // samples so far
	late     []time.Duration
	audio    *enf.AudioEstimator
}

// NewPCM returns a source that estimates the raw sound that r delivers in real time.
func NewPCM(r io.Reader, o InputOptions) (Source, error) {
	return newPCM(r, o)
}

func newPCM(r io.Reader, o InputOptions) (*pcm, error) {
	p := &pcm{r: r, grid: o.Grid, format: o.Format, rate: o.Rate, channels: o.Channels, log: o.Log}
	if p.format == "" {
		p.format = FormatS16
	}
	if p.rate == 0 {
		p.rate = 8000
	}
	if p.channels == 0 {
		p.channels = 1
	}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	switch {
	case !slices.Contains(Formats, p.format):
		return nil, fmt.Errorf("sample format %q: must be one of %v", p.format, Formats)
	case p.rate < 1000 || p.rate > mostRate:
		return nil, fmt.Errorf("%d samples a second: must be from 1000 to %d", p.rate, mostRate)
	case p.channels < 1 || p.channels > mostChannels:
		return nil, fmt.Errorf("%d channels: must be from 1 to %d", p.channels, mostChannels)
	}
	p.buf = make([]byte, p.rate/blocksPerSecond*p.channels*p.format.size())
	p.restart()
	return p, nil
}

// restart begins a new stretch of sound.
func (p *pcm) restart() {
	p.audio = enf.NewAudio(enf.Options{Grid: p.grid, Live: true, Quick: true})
	p.anchor, p.count, p.late = time.Time{}, 0, nil
}

// Read implements Source. It does not return before its reader does, whatever ctx says: whoever ends ctx closes the reader too.
func (p *pcm) Read(ctx context.Context) (enf.Series, error) {
	for {
		if err := ctx.Err(); err != nil {
			return enf.Series{}, err
		}
		if _, err := io.ReadFull(p.r, p.buf); err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				err = io.EOF
			}
			return enf.Series{}, err
		}
		s := p.signal(time.Now().UTC())
		if err := p.audio.Write(s); err != nil { // the machine slept, say
			p.log.WarnContext(ctx, "sound begins anew", slog.Any("err", err))
			p.restart()
			continue
		}
		if out := p.audio.Take(); out.Len() > 0 {
			return out, nil
		}
	}
}

// signal is the block in p.buf, which was complete at now.
func (p *pcm) signal(now time.Time) dsp.Signal {
	frames := len(p.buf) / p.channels / p.format.size()
	s := dsp.Signal{Rate: float64(p.rate), Channels: make([][]float64, p.channels)}
	for c := range s.Channels {
		s.Channels[c] = make([]float64, frames)
		for i := range frames {
			s.Channels[c][i] = p.format.sample(p.buf[(i*p.channels+c)*p.format.size():])
		}
	}
	length := p.span(int64(frames))
	if p.count == 0 {
		p.anchor = now.Add(-length)
	}
	s.Start = p.anchor.Add(p.span(p.count))
	p.count += int64(frames)
	p.slip(now.Sub(s.Start) - length)
	return s
}

// span is how long so many samples take.
func (p *pcm) span(samples int64) time.Duration {
	rate := int64(p.rate)
	return time.Duration(samples/rate)*time.Second + time.Duration(samples%rate)*time.Second/time.Duration(rate)
}

// slip notes how late a block came and moves the anchor if all of late did.
func (p *pcm) slip(late time.Duration) {
	p.late = append(p.late, late)
	if len(p.late) < anchorBlocks {
		return
	}
	if least := slices.Min(p.late); least.Abs() >= anchorSlip {
		p.anchor = p.anchor.Add(least)
		level := slog.LevelInfo
		if least <= -time.Second { // until that time has come again, nothing is new
			level = slog.LevelWarn
		}
		p.log.Log(context.Background(), level, "sound's clock moved", slog.Duration("by", least))
	}
	p.late = p.late[:0]
}

// command is a program that writes raw sound, started again when it ends.
type command struct {
	*pcm
	args []string
	cmd  *exec.Cmd
	kill context.CancelFunc
}

const (
	backoff = 5 * time.Second // how long a command that ended is left alone
	linger  = time.Second     // how long a command may go on that has closed its output
)

func newCommand(ctx context.Context, args []string, o InputOptions) (Source, error) {
	p, err := newPCM(nil, o)
	if err != nil {
		return nil, err
	}
	c := &command{pcm: p, args: args}
	if err := c.start(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// newSoundcard records from ALSA with arecord, which Debian has in alsa-utils.
func newSoundcard(ctx context.Context, device string, o InputOptions) (Source, error) {
	if _, err := exec.LookPath("arecord"); err != nil {
		return nil, errors.New("input soundcard: needs arecord, of the Debian package alsa-utils")
	}
	if o.Rate == 0 {
		o.Rate = 8000
	}
	if o.Channels == 0 {
		o.Channels = 1
	}
	o.Format = FormatS16
	args := []string{"arecord", "-q", "-t", "raw", "-f", "S16_LE", "-r", fmt.Sprint(o.Rate), "-c", fmt.Sprint(o.Channels)}
	if device != "" {
		args = append(args, "-D", device)
	}
	return newCommand(ctx, args, o)
}

func (c *command) start(ctx context.Context) error {
	run, kill := context.WithCancel(ctx)
	c.cmd, c.kill = exec.CommandContext(run, c.args[0], c.args[1:]...), kill
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		kill()
		return err
	}
	c.r = out
	context.AfterFunc(run, func() { _ = out.Close() }) // what the command has started may have it open still
	return nil
}

// wait waits for the command, whose output has ended, to end as well, and returns its error.
func (c *command) wait() error {
	late := time.AfterFunc(linger, c.kill)
	defer late.Stop()
	defer c.kill()
	return c.cmd.Wait()
}

func (c *command) Read(ctx context.Context) (enf.Series, error) {
	for {
		s, err := c.pcm.Read(ctx)
		if err == nil {
			return s, nil
		}
		err = c.wait()
		if ctx.Err() != nil {
			return enf.Series{}, ctx.Err()
		}
		c.log.WarnContext(ctx, "input command ended", slog.String("command", c.args[0]), slog.Any("err", err))
		c.restart()
		if err := sleepUntil(ctx, time.Now().Add(backoff)); err != nil {
			return enf.Series{}, err
		}
		if err := c.start(ctx); err != nil {
			return enf.Series{}, err
		}
	}
}
