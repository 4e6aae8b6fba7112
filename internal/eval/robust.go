// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/media"
	"github.com/defakepro/defakepro/sim"
)

// RobustOptions says how robustness is measured. The zero value is the full size.
type RobustOptions struct {
	// Seconds is the length of each recording; 0 for 240.
	Seconds int
	// Quick measures a few ways of sound alone, Sound all ways of sound.
	Quick, Sound bool
	Seed         uint64
	Store        Store
	// Say, when not nil, is called with each case done.
	Say func(string)
}

// way is what happens to a recording on its way.
type way struct {
	name string
	// filter is an audio filter of ffmpeg, before the codec; codec, kbps as for its encoder.
	filter, codec string
	kbps          int
	// packet is the length of the packets of which a share is lost.
	packet time.Duration
	loss   float64
	video  *sim.Video
}

// highPass is WebRTC's (Butterworth, second order, 100 Hz); packets of Opus have 20 ms; a lost frame of video is one of 30 a second.
const (
	highPass   = "highpass=f=100:p=2"
	opusPacket = 20 * time.Millisecond
)

func robustSound() []way {
	return []way{
		{name: "PCM"},
		{name: "Opus, 64 kb/s", codec: "libopus", kbps: 64},
		{name: "Opus, 32 kb/s", codec: "libopus", kbps: 32},
		{name: "Opus, 16 kb/s", codec: "libopus", kbps: 16},
		{name: "Opus, 8 kb/s", codec: "libopus", kbps: 8},
		{name: "AAC, 64 kb/s", codec: "aac", kbps: 64},
		{name: "AAC, 32 kb/s", codec: "aac", kbps: 32},
		{name: "MP3, 64 kb/s", codec: "libmp3lame", kbps: 64},
		{name: "high-pass of calls, Opus 32 kb/s", filter: highPass, codec: "libopus", kbps: 32},
		{name: "noise suppression 6 dB", filter: "afftdn=nr=6:nf=-50:tn=1"},
		{name: "noise suppression 12 dB", filter: "afftdn=nr=12:nf=-50:tn=1"},
		{name: "noise suppression 24 dB", filter: "afftdn=nr=24:nf=-40:tn=1"},
		{name: "noise gate", filter: "agate=threshold=0.02:ratio=20:attack=5:release=100"},
		{name: "1 % of packets lost", codec: "libopus", kbps: 32, packet: opusPacket, loss: 0.01},
		{name: "5 % lost", codec: "libopus", kbps: 32, packet: opusPacket, loss: 0.05},
		{name: "20 % lost", codec: "libopus", kbps: 32, packet: opusPacket, loss: 0.2},
		{name: "high-pass, suppression 12 dB, Opus 24 kb/s, 5 % lost", filter: highPass + ",afftdn=nr=12:nf=-50:tn=1", codec: "libopus", kbps: 24, packet: opusPacket, loss: 0.05},
	}
}

func robustPicture() []way {
	picture := func(codec string, kbps int, flicker float64) *sim.Video {
		return &sim.Video{Width: 640, Height: 360, FPS: 30, Readout: 0.025, Flicker: flicker, Motion: true, Codec: codec, BitrateKbps: kbps}
	}
	frame := time.Second / 30
	return []way{
		{name: "H.264, 1000 kb/s", video: picture("h264", 1000, 0.03)},
		{name: "H.264, 500 kb/s", video: picture("h264", 500, 0.03)},
		{name: "H.264, 250 kb/s", video: picture("h264", 250, 0.03)},
		{name: "H.264, 120 kb/s", video: picture("h264", 120, 0.03)},
		{name: "VP8, 500 kb/s", video: picture("vp8", 500, 0.03)},
		{name: "VP8, 250 kb/s", video: picture("vp8", 250, 0.03)},
		{name: "VP8, 120 kb/s", video: picture("vp8", 120, 0.03)},
		{name: "VP9, 250 kb/s", video: picture("vp9", 250, 0.03)},
		{name: "H.264, 500 kb/s, light that swings by 1 %", video: picture("h264", 500, 0.01)},
		{name: "VP8, 500 kb/s, light that swings by 1 %", video: picture("vp8", 500, 0.01)},
		{name: "VP8, 500 kb/s, 5 % of frames lost", video: picture("vp8", 500, 0.03), packet: frame, loss: 0.05},
		{name: "VP8, 500 kb/s, 20 % of frames lost", video: picture("vp8", 500, 0.03), packet: frame, loss: 0.2},
	}
}

// Robust measures what is left of the ENF after codecs, filters and losses, in genuine recordings and in ones of an hour before.
func Robust(ctx context.Context, o RobustOptions, repeat string) (Part, error) {
	if o.Seconds == 0 {
		o.Seconds = 240
	}
	if o.Say == nil {
		o.Say = func(string) {}
	}
	ways := robustSound()
	switch {
	case o.Quick:
		ways = ways[:3]
	case !o.Sound:
		ways = append(ways, robustPicture()...)
	}
	t := Table{Name: "ways", Columns: []string{"way", "seconds with a value", "r", "RMSE, mHz", "LLR", "verdict", "of an hour before: r", "LLR", "verdict"}}
	for _, w := range ways {
		var row []string
		for _, replay := range []bool{false, true} {
			key := fmt.Sprintf("robust %s %d %d %t %+v %+v", w.name, o.Seconds, o.Seed, replay, w.video, [4]any{w.filter, w.codec, w.kbps, w.loss})
			f, err := remembered(o.Store, key, func() (windowsFound, error) { return o.try(ctx, w, replay) })
			if err != nil {
				return Part{}, fmt.Errorf("robustness: %s: %w", w.name, err)
			}
			if !replay {
				row = []string{w.name, fixed(100*f.Coverage, 0) + " %", known(f.Correlation, 1, 3), known(f.RMSE, 1e3, 2), known(f.LLR, 1, 1), string(f.Verdict)}
			} else {
				row = append(row, known(f.Correlation, 1, 3), known(f.LLR, 1, 1), string(f.Verdict))
			}
		}
		t.Rows = append(t.Rows, row)
		o.Say(strings.Join(row, "; "))
	}
	left := ""
	if o.Quick || o.Sound {
		left = " Pictures were left out of this run."
	}
	return Part{
		Name: "robust", Title: "Robustness: codecs, bit rates, noise suppression, loss", Repeat: repeat,
		Text: []string{
			fmt.Sprintf("Recordings of %d s, genuine, and of an hour before offered as of now. Sound: hum 35 dB-Hz above the noise, somebody talking, 16 kHz. Pictures: 360p, 30 frames a second, a rolling shutter, "+
				"somebody who moves, 60 Hz. The high-pass is WebRTC's; noise suppression is ffmpeg's afftdn, which tracks stationary noise as calls' suppressors do, from a noise floor of -50 dB (-40 dB at 24 dB); lost "+
				"packets are missing, not made up. One recording each: differences of a few units say nothing.%s", o.Seconds, left),
		},
		Tables: []Table{t},
	}, nil
}

// known writes a value times a factor, if there is one.
func known(v *float64, factor float64, decimals int) string {
	if v == nil {
		return "–"
	}
	return fixed(factor**v, decimals)
}

// try sends one recording on its way.
func (o RobustOptions) try(ctx context.Context, w way, replay bool) (found windowsFound, err error) {
	dir, err := os.MkdirTemp("", "defakepro-eval-")
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r := sim.Recording{Seed: o.Seed, Duration: time.Duration(o.Seconds) * time.Second, Grid: enf.Grid60, Video: w.video}
	path := filepath.Join(dir, "recording.wav")
	if w.video == nil {
		r.Audio = &sim.Audio{Rate: 16000, CN0: 35}
	} else {
		path = filepath.Join(dir, "recording.mkv")
	}
	if replay {
		r.Attacks = []sim.Attack{{Kind: sim.Replace}}
	}
	if err := r.Render(ctx, path); err != nil {
		return found, err
	}
	if path, err = w.encode(ctx, path); err != nil {
		return found, err
	}
	truth, err := r.Truth()
	if err != nil {
		return found, err
	}
	var lose func(*media.Block) bool
	if w.loss > 0 {
		lose = w.loser(rand.New(rand.NewPCG(o.Seed, 41)))
	}
	e, err := estimateFile(ctx, path, enf.Grid60, lose)
	if err != nil {
		return found, err
	}
	return windowsOf(detect.Compare(ctx, e, truth, detect.Options{})), ctx.Err()
}

// encode filters and encodes a file of sound, and returns the file that is then to be read.
func (w way) encode(ctx context.Context, path string) (string, error) {
	if w.filter == "" && w.codec == "" {
		return path, nil
	}
	out := strings.TrimSuffix(path, filepath.Ext(path)) + "-sent.mka"
	args := []string{"-v", "error", "-nostdin", "-y", "-i", path}
	if w.filter != "" {
		args = append(args, "-af", w.filter)
	}
	codec := w.codec
	if codec == "" {
		codec = "pcm_s16le"
	}
	args = append(args, "-c:a", codec)
	if w.kbps > 0 {
		args = append(args, "-b:a", strconv.Itoa(w.kbps)+"k")
	}
	if codec == "libopus" {
		args = append(args, "-application", "voip")
	}
	text, err := exec.CommandContext(ctx, "ffmpeg", append(args, out)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("ffmpeg: %w: %s", err, text)
	}
	return out, nil
}

// loser makes a share of the packets missing: samples that are not numbers, and frames that are not there.
func (w way) loser(rng *rand.Rand) func(*media.Block) bool {
	lost, left := false, 0
	return func(b *media.Block) bool {
		if b.Luma != nil {
			return rng.Float64() >= w.loss
		}
		length := int(w.packet.Seconds() * b.Audio.Rate)
		for i := range b.Audio.Channels[0] {
			if left == 0 {
				lost, left = rng.Float64() < w.loss, length
			}
			left--
			if lost {
				b.Audio.Channels[0][i] = math.NaN()
			}
		}
		return true
	}
}
