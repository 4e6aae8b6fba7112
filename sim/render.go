// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The encoders of ffmpeg by the name of the codec, with the options that make them as fast as a call's; and the codecs that suit a file's
// name. The threads of VP8 spin while they wait for one another, which on a busy machine costs more than it gains.
var (
	videoEncoders = map[string][]string{
		"h264": {"libx264", "-preset", "veryfast"},
		"vp8":  {"libvpx", "-deadline", "realtime", "-cpu-used", "-6", "-threads", "1"},
		"vp9":  {"libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-row-mt", "1"},
	}
	audioEncoders = map[string][]string{
		"aac": {"aac"}, "opus": {"libopus"}, "mp3": {"libmp3lame"}, "flac": {"flac"}, "pcm": {"pcm_s16le"},
	}
	containers = map[string][2]string{ // video, audio
		".mp4": {"h264", "aac"}, ".mov": {"h264", "aac"}, ".mkv": {"h264", "opus"}, ".webm": {"vp8", "opus"}, ".avi": {"h264", "pcm"},
		".m4a": {"", "aac"}, ".mp3": {"", "mp3"}, ".opus": {"", "opus"}, ".ogg": {"", "opus"}, ".flac": {"", "flac"}, ".wav": {"", "pcm"},
	}
)

// Render writes the recording to the file at path, whose extension says the container: mp4, mov, mkv, webm or avi with
// video; also m4a, mp3, opus, ogg, flac or wav without; or y4m, which holds the picture alone, uncompressed, as
// browsers take it for that of a camera. The file appears once it is whole, and replaces one that is there. All but y4m and WAV with PCM
// needs the ffmpeg command; without it, the error wraps [exec.ErrNotFound].
func (r Recording) Render(ctx context.Context, path string) error {
	if err := r.replace(ctx, path); err != nil {
		if p, ok := errors.AsType[*os.PathError](err); ok {
			err = p.Err // the path may be another
		}
		return fmt.Errorf("render %s: %w", path, err)
	}
	return nil
}

// replace renders to a file beside that at path, and moves it there. A device or pipe is written in place.
func (r Recording) replace(ctx context.Context, path string) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if there, err := os.Stat(path); err == nil && !there.Mode().IsRegular() {
		return r.render(ctx, path)
	}
	dir, name := filepath.Split(path)
	extension := filepath.Ext(name)
	part := filepath.Join(dir, fmt.Sprintf(".%s.%d.tmp%s", strings.TrimSuffix(name, extension), os.Getpid(), extension))
	err := r.render(ctx, part)
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		_ = os.Remove(part) // it may not be there
	}
	return err
}

func (r Recording) render(ctx context.Context, path string) error {
	p, err := r.plan()
	if err != nil {
		return err
	}
	if strings.EqualFold(filepath.Ext(path), ".y4m") {
		return r.y4m(ctx, path, p)
	}
	suited, known := containers[strings.ToLower(filepath.Ext(path))]
	if !known {
		return fmt.Errorf("unknown extension %q: want mp4, mov, mkv, webm, avi, y4m, m4a, mp3, opus, ogg, flac or wav", filepath.Ext(path))
	}
	e := encoding{path: path}
	if r.Audio != nil {
		a, err := r.Audio.withDefaults()
		if err != nil {
			return err
		}
		if a.Codec == "" {
			a.Codec = suited[1]
		}
		if r.Video == nil && a.Codec == "pcm" && strings.EqualFold(filepath.Ext(path), ".wav") {
			return r.soundFile(ctx, path, a, p)
		}
		e.audio = &a
	}
	if r.Video != nil {
		v, err := r.Video.withDefaults()
		if err != nil {
			return err
		}
		if v.Codec == "" {
			v.Codec = suited[0]
		}
		e.video = &v
	}
	return r.encode(ctx, e, p)
}

// soundFile writes the sound alone to a WAV file at path.
func (r Recording) soundFile(ctx context.Context, path string, a Audio, p plan) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return r.writeSound(ctx, f, a, p.audio)
}

// encoding is a run of ffmpeg: frames on its standard input, sound in a temporary file.
type encoding struct {
	path, sound string
	video       *Video
	audio       *Audio
}

func (r Recording) encode(ctx context.Context, e encoding, p plan) error {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		return err
	}
	if e.audio != nil {
		dir, err := os.MkdirTemp("", "defakepro-sim-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }() // only ours, and the system clears it as well
		e.sound = filepath.Join(dir, "sound.wav")
		if err := r.soundFile(ctx, e.sound, *e.audio, p); err != nil {
			return err
		}
	}
	args, err := e.arguments()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, ffmpeg, args...)
	complaint := &tail{}
	cmd.Stderr = complaint
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var shot error
	if e.video != nil {
		shot = r.shoot(ctx, stdin, "", *e.video, p.video)
	}
	_ = stdin.Close() // ffmpeg's own status tells what became of the input
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("ffmpeg: %w: %s", err, complaint)
	}
	return shot
}

// arguments returns the arguments of ffmpeg.
func (e encoding) arguments() ([]string, error) {
	args := []string{"-hide_banner", "-loglevel", "error", "-y"}
	var out []string
	if v := e.video; v != nil {
		encoder, ok := videoEncoders[v.Codec]
		if !ok {
			return nil, fmt.Errorf("video codec %q: want h264, vp8 or vp9, in a file that holds video", v.Codec)
		}
		args = append(args, v.rawArguments()...)
		out = append(out, slices.Concat([]string{"-c:v"}, encoder, []string{"-b:v", strconv.Itoa(v.BitrateKbps) + "k", "-pix_fmt", "yuv420p"})...)
	}
	if a := e.audio; a != nil {
		encoder, ok := audioEncoders[a.Codec]
		if !ok {
			return nil, fmt.Errorf("audio codec %q: want aac, opus, mp3, flac or pcm", a.Codec)
		}
		args = append(args, "-i", "file:"+e.sound)
		out = append(out, append([]string{"-c:a"}, encoder...)...)
		if a.Codec != "flac" && a.Codec != "pcm" {
			out = append(out, "-b:a", strconv.Itoa(a.BitrateKbps)+"k")
		}
	}
	args = append(args, out...)
	return append(args, "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact", "file:"+e.path), nil
}

// rawArguments tell ffmpeg what the pictures on its standard input are.
func (v Video) rawArguments() []string {
	num, den := v.rate()
	return []string{
		"-f", "rawvideo", "-pix_fmt", "yuv420p", "-color_range", "tv", "-video_size", fmt.Sprintf("%dx%d", v.Width, v.Height),
		"-framerate", fmt.Sprintf("%d/%d", num, den), "-i", "pipe:0",
	}
}

// tail keeps the last of what a command says.
type tail struct{ text []byte }

const tailSize = 2000

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if len(t.text) > tailSize {
		t.text = append(t.text[:0], t.text[len(t.text)-tailSize:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(string(t.text)) }
