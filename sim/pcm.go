// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/defakepro/defakepro/enf/enftest"
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

// PCM describes what a recorder at a wall socket, or a microphone in a room where nobody speaks, delivers as raw sound.
type PCM struct {
	// Mains is the grid. The sound begins now, wherever that is on the grid's wall clock.
	Mains *enftest.Grid
	// Seed stands for the noise and for how strong each harmonic is.
	Seed uint64
	// Rate is the number of samples a second; 0 for 8000.
	Rate int
	// Channels is how many there are, all alike; 0 for one.
	Channels int
	// Format is how samples are written; empty for FormatS16.
	Format Format
	// CN0 is the carrier-to-noise density of the strongest harmonic, in dB-Hz; 0 stands for 50.
	CN0 float64
	// PPM is by how much the recorder's clock is fast, in parts per million.
	PPM float64
	// Duration is the length, by the recorder's clock; 0 for as long as the grid is known.
	Duration time.Duration
}

const (
	pcmBlocks   = 20  // a second: a reader gets its samples at most so late
	pcmNoise    = -60 // dB: a hum of 50 dB-Hz has an amplitude of -43 dB at 8 kHz, far from both ends of 16 bits
	mostPCMRate = 192_000
	mostAlike   = 32
)

// Write writes the sound to w in real time: each sample is written when it has been recorded, give or take a twentieth
// of a second, and the first is of now. Where w is slow the rest follows at once, so that a count of samples stays the
// recorder's clock. It returns at the end, when w fails, or with ctx's error.
func (p PCM) Write(ctx context.Context, w io.Writer) error {
	p, err := p.withDefaults()
	if err != nil {
		return fmt.Errorf("pcm: %w", err)
	}
	start, options := time.Now(), p.Mains.Options()
	left := options.Start.Add(options.Duration).Sub(start)
	if start.Before(options.Start.Add(-options.Before)) || left <= p.Duration {
		return fmt.Errorf("pcm: %v from %v on is outside the grid, which is known from %v before %v to %v after", p.Duration, start, options.Before, options.Start, options.Duration)
	}
	if p.Duration == 0 {
		p.Duration = left
	}
	shift := start.Sub(options.Start).Seconds()
	sound := Audio{Rate: p.Rate, Speech: math.Inf(-1), Noise: pcmNoise, CN0: p.CN0, PPM: p.PPM}
	m := newRoom(p.Seed, sound, timeline{{to: math.MaxInt32, material: material{p.Mains, shift}}})
	block := make([]float64, p.Rate/pcmBlocks)
	var raw []byte
	for n := int64(0); ; n++ {
		t := time.Duration(n) * time.Second / pcmBlocks
		if t >= p.Duration {
			return nil
		}
		end := float64(t + time.Second/pcmBlocks)
		if err := sleepUntil(ctx, start.Add(time.Duration(end/(1+1e-6*p.PPM)))); err != nil {
			return err
		}
		m.render(block)
		raw = raw[:0]
		for _, v := range block {
			for range p.Channels {
				raw = p.Format.append(raw, v+m.dither.Float64()/(1<<15)-m.dither.Float64()/(1<<15))
			}
		}
		if _, err := w.Write(raw); err != nil {
			return fmt.Errorf("pcm: %w", err)
		}
	}
}

func (p PCM) withDefaults() (PCM, error) {
	if p.Rate == 0 {
		p.Rate = 8000
	}
	if p.Channels == 0 {
		p.Channels = 1
	}
	if p.Format == "" {
		p.Format = FormatS16
	}
	if p.CN0 == 0 {
		p.CN0 = 50
	}
	switch {
	case p.Mains == nil:
		return p, errors.New("no mains")
	case p.Rate < 1000 || p.Rate > mostPCMRate || p.Rate%pcmBlocks != 0:
		return p, fmt.Errorf("%d samples a second: want 1000 to %d, and %d must divide it", p.Rate, mostPCMRate, pcmBlocks)
	case p.Channels < 1 || p.Channels > mostAlike:
		return p, fmt.Errorf("%d channels: want 1 to %d", p.Channels, mostAlike)
	case !slices.Contains(Formats, p.Format):
		return p, fmt.Errorf("sample format %q: want one of %v", p.Format, Formats)
	case !(p.CN0 < 80) || !(math.Abs(p.PPM) < 1e4) || p.Duration < 0:
		return p, fmt.Errorf("hum at %g dB-Hz, clock off by %g ppm, for %v: out of range", p.CN0, p.PPM, p.Duration)
	}
	return p, nil
}

// append appends a sample in about ±1 to dst.
func (f Format) append(dst []byte, v float64) []byte {
	whole := func(top float64) float64 { return math.Round(max(-1, min(1, v)) * top) }
	switch f {
	case FormatS16:
		return binary.LittleEndian.AppendUint16(dst, uint16(int16(whole(math.MaxInt16))))
	case FormatS32:
		return binary.LittleEndian.AppendUint32(dst, uint32(int32(whole(math.MaxInt32))))
	default:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(v)))
	}
}

// sleepUntil waits for an instant.
func sleepUntil(ctx context.Context, at time.Time) error {
	if wait := time.Until(at); wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}
