// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/defakepro/defakepro/enf/enftest"
)

// Audio describes a sound track: one channel of speech over hum and noise. Levels are RMS, in decibels relative to an amplitude of one.
type Audio struct {
	// Rate is the number of samples a second; 0 for 48000.
	Rate int
	// Speech is the talker's level, pauses included; 0 stands for -26 dB, negative infinity for silence.
	Speech float64
	// Noise is the level of the white noise floor; 0 stands for -66 dB. Rumble below the hum's second harmonic comes on top.
	Noise float64
	// CN0 is the carrier-to-noise density of the hum's strongest harmonic, in dB-Hz; 0 stands for 30, negative infinity for no hum.
	CN0 float64
	// PPM is by how much the recorder's clock is fast, in parts per million.
	PPM float64
	// Codec is aac, opus, mp3, flac or pcm; empty for what suits the file's name.
	Codec string
	// Stereo encodes the one channel of a [Stream] as two.
	Stereo bool
	// BitrateKbps is the rate of the encoding; 0 for 64. Lossless codecs have none.
	BitrateKbps int
}

func (a Audio) withDefaults() (Audio, error) {
	if a.Rate == 0 {
		a.Rate = 48000
	}
	if a.Speech == 0 {
		a.Speech = -26
	}
	if a.Noise == 0 {
		a.Noise = -66
	}
	if a.CN0 == 0 {
		a.CN0 = 30
	}
	if a.BitrateKbps == 0 {
		a.BitrateKbps = 64
	}
	switch {
	case a.Rate < 400 || a.Rate > 192000:
		return a, fmt.Errorf("audio rate %d Hz: want 400 to 192000", a.Rate)
	case !(a.Speech < 0) || !(a.Noise < 0) || !(a.CN0 < 100) || !(math.Abs(a.PPM) < 1e4) || a.BitrateKbps < 0:
		return a, fmt.Errorf("audio with speech at %g dB, noise at %g dB, hum at %g dB-Hz, clock off by %g ppm, %d kb/s: out of range",
			a.Speech, a.Noise, a.CN0, a.PPM, a.BitrateKbps)
	}
	return a, nil
}

// room makes the samples of a recording.
type room struct {
	Audio
	line            timeline
	hum             []enftest.Harmonic
	talker, clone   *enftest.Speech // the clone speaks where the track is synthetic
	rng, dither     *rand.Rand
	noise           float64
	rumble, rumble2 float64 // states of the low-pass that shapes the rumble
	next            int     // index of the next sample
}

func newRoom(seed uint64, a Audio, line timeline) *room {
	rate := float64(a.Rate)
	m := &room{Audio: a, line: line, rng: rand.New(rand.NewPCG(seed, 10))}
	level := func(db float64) float64 { return math.Pow(10, db/20) }
	m.noise = level(a.Noise)
	m.hum = enftest.RoomHum(seed, enftest.Amplitude(a.CN0, m.noise, rate))
	m.talker = enftest.NewSpeech(seed, rate, level(a.Speech))
	m.dither = rand.New(rand.NewPCG(seed, 11))
	if slices.ContainsFunc(line, func(p piece) bool { return p.synthetic }) {
		m.clone = enftest.NewSpeech(seed+1, rate, level(a.Speech))
	}
	return m
}

// render fills dst with the next samples.
func (m *room) render(dst []float64) {
	rate := float64(m.Rate)
	for len(dst) > 0 {
		t := float64(m.next) / rate
		p := m.line.at(t)
		n := min(len(dst), max(1, int(math.Ceil(p.to*rate-1e-6))-m.next))
		block := dst[:n]
		clear(block)
		if p.synthetic {
			m.clone.Add(block)
		} else {
			m.talker.Add(block)
		}
		if p.grid != nil {
			slow := 1 + 1e-6*m.PPM
			p.grid.Hum(block, rate*slow, t/slow+p.shift, m.hum)
		}
		m.floor(block)
		m.next += n
		dst = dst[n:]
	}
}

// floor adds the noise floor and a rumble, 10 dB above it at 40 Hz and below it from 100 Hz on.
func (m *room) floor(block []float64) {
	a := 1 - math.Exp(-2*math.Pi*40/float64(m.Rate))
	for i := range block {
		m.rumble += a * (m.rng.NormFloat64() - m.rumble)
		m.rumble2 += a * (m.rumble - m.rumble2)
		block[i] += m.noise * (m.rng.NormFloat64() + 6*m.rumble2)
	}
}

// pcm renders the next samples into block and appends them to dst as 16-bit integers, little-endian.
func (m *room) pcm(dst []byte, block []float64) []byte {
	m.render(block)
	for _, v := range block {
		// Triangular dither keeps a hum below one step whole.
		q := math.Round(v*32767 + m.dither.Float64() - m.dither.Float64())
		dst = binary.LittleEndian.AppendUint16(dst, uint16(int16(min(32767, max(-32768, q)))))
	}
	return dst
}

// writeSound renders the sound to w as 16-bit WAV, or RF64.
func (r Recording) writeSound(ctx context.Context, w io.Writer, a Audio, line timeline) error {
	samples := int64(math.Round(r.Duration.Seconds() * float64(a.Rate)))
	out := bufio.NewWriterSize(w, 1<<16)
	if _, err := out.Write(wavHeader(samples, a.Rate)); err != nil {
		return err
	}
	m := newRoom(r.Seed, a, line)
	second, bytes := make([]float64, a.Rate), make([]byte, 0, 2*a.Rate)
	for done := int64(0); done < samples; {
		if err := ctx.Err(); err != nil {
			return err
		}
		block := second[:min(int64(a.Rate), samples-done)]
		bytes = m.pcm(bytes[:0], block)
		if _, err := out.Write(bytes); err != nil {
			return err
		}
		done += int64(len(block))
		if r.Video == nil {
			r.progress(float64(done) / float64(a.Rate))
		}
	}
	return out.Flush()
}

func (r Recording) progress(seconds float64) {
	if r.Progress != nil {
		r.Progress(time.Duration(seconds * float64(time.Second)))
	}
}

// wavHeader is what comes before the samples, of 16 bits and one channel: the head of a RIFF WAVE file with one format and one data chunk
// (Microsoft and IBM, Multimedia Programming Interface, 1991), or of RF64 (EBU Tech 3306) where its sizes have no room for so many.
func wavHeader(samples int64, rate int) []byte {
	le := binary.LittleEndian
	name, data := "RIFF", 2*samples
	whole := data + 36
	var sizes []byte
	if whole > math.MaxUint32 {
		const length = 28
		sizes = le.AppendUint32([]byte("ds64"), length)
		for _, n := range []int64{whole + 8 + length, data, samples} {
			sizes = le.AppendUint64(sizes, uint64(n))
		}
		sizes = le.AppendUint32(sizes, 0)                          // other chunks as large
		name, whole, data = "RF64", math.MaxUint32, math.MaxUint32 // see there
	}
	b := le.AppendUint32([]byte(name), uint32(whole))
	b = append(b, "WAVE"...)
	b = append(b, sizes...)
	b = le.AppendUint32(append(b, "fmt "...), 16)
	b = le.AppendUint16(b, 1) // PCM
	b = le.AppendUint16(b, 1) // channel
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(2*rate)) // bytes a second
	b = le.AppendUint16(b, 2)              // bytes a sample
	b = le.AppendUint16(b, 16)             // bits
	return le.AppendUint32(append(b, "data"...), uint32(data))
}
