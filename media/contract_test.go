// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package media

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// decoders are what the contract holds for: the program ffmpeg, and FFmpeg's libraries where this build has them.
func decoders() map[string]decoder {
	return map[string]decoder{"pipe": openPipe, "default": defaultDecoder}
}

// ffmpeg runs the program and returns its output, or skips the test where it is absent or lacks an encoder.
func ffmpeg(t testing.TB, args ...string) []byte {
	t.Helper()
	for _, program := range []string{"ffmpeg", "ffprobe"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs the ffmpeg programs: %v", err)
		}
	}
	cmd := exec.CommandContext(context.Background(), "ffmpeg", append([]string{"-v", "error", "-nostdin", "-y"}, args...)...)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		if strings.Contains(log.String(), "Unknown encoder") {
			t.Skipf("this ffmpeg lacks an encoder: %s", log.String())
		}
		t.Fatalf("ffmpeg %v: %v: %s", args, err, log.String())
	}
	return out.Bytes()
}

// long skips a test that takes seconds.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("left to the full run")
	}
}

// generate makes a file of the given name from lavfi sources and further arguments.
func generate(t testing.TB, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	ffmpeg(t, append(args, "file:"+path)...)
	return path
}

// Sources of test media: a moving picture, a colour ramp with noise, a tone, and noise.
var (
	srcVideo = []string{"-f", "lavfi", "-i", "testsrc2=size=322x182:rate=25:duration=1"}
	srcNoise = []string{"-f", "lavfi", "-i", "gradients=size=322x182:rate=25:duration=1,noise=alls=20:allf=t"}
	srcSound = []string{"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=1"}
)

// lists joins argument lists.
func lists(l ...any) (args []string) {
	for _, x := range l {
		switch x := x.(type) {
		case []string:
			args = append(args, x...)
		case string:
			args = append(args, strings.Fields(x)...)
		}
	}
	return args
}

// formats are the containers and codecs of the contract.
var formats = []struct {
	file   string
	args   []string
	audio  string // codec; empty: none
	video  string
	pixels string // the pixel format of the frames
}{
	{"h264.mp4", lists(srcVideo, srcSound, "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac"), "aac", "h264", "yuv420p"},
	{"bframes.mp4", lists(srcVideo, "-c:v libx264 -bf 3 -pix_fmt yuvj420p"), "", "h264", "yuvj420p"},
	{"h264-444.mkv", lists(srcVideo, "-c:v libx264 -preset ultrafast -pix_fmt yuv444p"), "", "h264", "yuv444p"},
	{"hevc10.mp4", lists(srcNoise, "-c:v libx265 -preset ultrafast -x265-params log-level=error -pix_fmt yuv420p10le"), "", "hevc", "yuv420p10le"},
	{"vp8.webm", lists(srcVideo, srcSound, "-c:v libvpx -deadline realtime -c:a libopus"), "opus", "vp8", "yuv420p"},
	{"vp9.webm", lists(srcVideo, srcSound, "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus"), "opus", "vp9", "yuv420p"},
	{"av1.mp4", lists(srcVideo, "-c:v libsvtav1 -preset 12 -pix_fmt yuv420p"), "", "av1", "yuv420p"},
	{"prores.mov", lists(srcNoise, srcSound, "-c:v prores_ks -pix_fmt yuv422p10le -c:a pcm_s24le"), "pcm_s24le", "prores", "yuv422p10le"},
	{"mjpeg.avi", lists(srcVideo, srcSound, "-c:v mjpeg -pix_fmt yuvj422p -c:a pcm_s16le"), "pcm_s16le", "mjpeg", "yuvj422p"},
	{"interlaced.ts", lists(srcVideo, srcSound, "-c:v mpeg2video -flags +ildct+ilme -c:a mp2"), "mp2", "mpeg2video", "yuv420p"},
	{"packed.nut", lists(srcNoise, "-c:v rawvideo -pix_fmt yuyv422"), "", "rawvideo", "yuv422p"},
	{"gray16.mkv", lists(srcNoise, "-c:v ffv1 -pix_fmt gray16le"), "", "ffv1", "gray16le"},
	{"gray12.mkv", lists(srcNoise, "-c:v ffv1 -pix_fmt gray12le"), "", "ffv1", "gray12le"},
	{"rgb.mkv", lists(srcNoise, "-c:v ffv1 -pix_fmt bgr0"), "", "ffv1", "gray"},
	{"tone.mp3", lists(srcSound, "-c:a libmp3lame"), "mp3", "", ""},
	{"tone.m4a", lists(srcSound, "-c:a aac"), "aac", "", ""},
	{"tone.ogg", lists(srcSound, "-c:a libopus"), "opus", "", ""},
	{"tone.aiff", lists(srcSound, "-c:a pcm_s16be"), "pcm_s16be", "", ""},
	{"tone.flac", lists(srcSound, "-c:a flac"), "flac", "", ""},
	{"tone.wav", lists(srcSound, "-c:a adpcm_ima_wav"), "adpcm_ima_wav", "", ""},
	{"71.wav", lists("-f lavfi -i aevalsrc=sin(n)|.1|.2|.3|.4|.5|.6|.7:c=7.1:s=192000:d=0.5 -c:a pcm_s32le"), "pcm_s32le", "", ""},
	{"phone.wav", lists("-f lavfi -i sine=frequency=300:sample_rate=8000:duration=1 -c:a pcm_mulaw"), "pcm_mulaw", "", ""},
}

func TestContractFormats(t *testing.T) {
	for i, f := range formats {
		if testing.Short() && i > 0 {
			t.Skip("the other formats are left to the full run")
		}
		t.Run(f.file, func(t *testing.T) {
			t.Parallel()
			path := generate(t, f.file, f.args...)
			var times []time.Duration
			var sound, pictures []byte
			if f.audio != "" {
				sound = ffmpeg(t, "-i", path, "-map", "0:a", "-f", "f32le", "-c:a", "pcm_f32le", "pipe:1")
			}
			if f.video != "" {
				times = probeTruth(t, path)
				pictures = ffmpeg(t, "-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", f.pixels, "pipe:1")
			}
			for name, decode := range decoders() {
				t.Run(name, func(t *testing.T) {
					c := readAll(t, path, Options{decode: decode, Threads: 2, Pictures: true})
					if c.err != nil {
						t.Fatal(c.err)
					}
					if c.info.AudioCodec != f.audio || c.info.VideoCodec != f.video ||
						c.info.HasAudio != (f.audio != "") || c.info.HasVideo != (f.video != "") {
						t.Errorf("info %+v", c.info)
					}
					if f.audio != "" {
						sameSound(t, c, sound)
					}
					if f.video != "" {
						if c.info.Width != 322 || c.info.Height != 182 || c.info.FrameRate != 25 {
							t.Errorf("info %+v", c.info)
						}
						sameTimes(t, c.times(), times)
						samePictures(t, c, pictures, f.pixels)
					}
				})
			}
		})
	}
}

// probeTruth returns the times of the first video stream's frames, as ffprobe tells them, from the start of the file.
func probeTruth(t *testing.T, path string) []time.Duration {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-of", "json", "-select_streams", "v:0", "-show_frames", "-show_format",
		"-show_entries", "frame=best_effort_timestamp_time:format=start_time", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Frames []struct {
			Time number `json:"best_effort_timestamp_time"`
		}
		Format struct {
			Start number `json:"start_time"`
		}
	}
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatal(err)
	}
	var times []time.Duration
	for _, f := range v.Frames {
		times = append(times, (f.Time - v.Format.Start).seconds())
	}
	return times
}

// sameTimes compares frame times to within the microsecond that ffprobe rounds to.
func sameTimes(t *testing.T, got, want []time.Duration) {
	t.Helper()
	if len(got) != len(want) || len(got) == 0 {
		t.Fatalf("%d frames, want %d", len(got), len(want))
	}
	for i := range got {
		if d := got[i] - want[i]; d.Abs() > 3*time.Microsecond {
			t.Fatalf("frame %d at %v, want %v", i, got[i], want[i])
		}
	}
}

// sameSound compares with interleaved float samples.
func sameSound(t *testing.T, c contents, want []byte) {
	t.Helper()
	_, got := c.samples(t)
	if len(got) != c.info.Channels || len(want) != 4*len(got)*len(got[0]) {
		t.Fatalf("%d channels of %d samples, info says %d; ffmpeg has %d bytes", len(got), len(got[0]), c.info.Channels, len(want))
	}
	for i := range got[0] {
		for ch := range got {
			w := math.Float32frombits(binary.LittleEndian.Uint32(want[4*(i*len(got)+ch):]))
			if g := float32(got[ch][i]); math.Abs(float64(g-w)) > 1e-6 {
				t.Fatalf("sample %d of channel %d is %v, want %v", i, ch, g, w)
			}
		}
	}
}

// samePictures compares the means, exactly, with raw frames of a pixel format that begins with a plane of luma.
func samePictures(t *testing.T, c contents, raw []byte, pixels string) {
	t.Helper()
	l := lumaOf(pixels)
	width, rows, n := c.info.Width, c.info.Height, len(c.times())
	if len(raw)%n != 0 {
		t.Fatalf("%d bytes for %d frames", len(raw), n)
	}
	size := len(raw) / n
	for _, b := range c.blocks {
		if b.Luma == nil {
			continue
		}
		if b.Luma.Rows != rows || b.Luma.Strips != 8 || len(b.Luma.Mean) != 8*rows {
			t.Fatalf("%d rows, %d strips, %d values", b.Luma.Rows, b.Luma.Strips, len(b.Luma.Mean))
		}
		if p := b.Picture; p == nil || p.Rect != image.Rect(0, 0, width, rows) || !bytes.Equal(p.Pix, l.upper(raw[:width*rows*l.bytes()])) {
			t.Fatal("not the picture that was encoded")
		}
		for i, got := range b.Luma.Mean {
			var sum, count int
			for x := i % 8 * width / 8; x < (i%8+1)*width/8; x++ {
				if l.depth > 8 {
					sum += int(binary.LittleEndian.Uint16(raw[2*(i/8*width+x):]))
				} else {
					sum += int(raw[i/8*width+x])
				}
				count++
			}
			if want := float64(sum) / (float64(count) * l.peak()); got != want {
				t.Fatalf("frame at %v, row %d, strip %d: mean %v, want %v", b.Luma.Time, i/8, i%8, got, want)
			}
		}
		raw = raw[size:]
	}
}

func TestContractTime(t *testing.T) {
	long(t)
	vfr := "select='not(eq(mod(n,5),2))*not(between(n,10,17))',setpts='PTS+0.004*mod(N,3)/TB'"
	cut := "aselect='lt(t,0.3)+gte(t,0.8)'"
	for name, test := range map[string]struct {
		file  string
		args  []string
		start time.Duration // of the audio
		gap   time.Duration // in it
	}{
		"variable rate": {"a.mkv", lists(srcVideo, "-vf", vfr, "-fps_mode vfr -c:v libx264 -preset ultrafast"), 0, 0},
		"late audio":    {"a.mkv", lists(srcVideo, "-itsoffset 0.7", srcSound, "-c:v libx264 -preset ultrafast -c:a pcm_s16le"), 700 * time.Millisecond, 0},
		"late video":    {"a.mp4", lists("-itsoffset 0.4", srcVideo, srcSound, "-c:v libx264 -preset ultrafast -c:a aac"), 0, 0},
		"late start":    {"a.ts", lists("-itsoffset 3600", srcVideo, "-itsoffset 3600.5", srcSound, "-copyts -c:v mpeg2video -c:a mp2"), 500 * time.Millisecond, 0},
		"later start":   {"a.mkv", lists(srcVideo, srcSound, "-c:v libx264 -preset ultrafast -c:a pcm_s16le -output_ts_offset 37.5"), 0, 0},
		"gap":           {"a.mkv", lists(srcVideo, srcSound, "-af", cut, "-c:v libx264 -preset ultrafast -c:a pcm_s16le"), 0, 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := generate(t, test.file, test.args...)
			truth := probeTruth(t, path)
			for name, decode := range decoders() {
				t.Run(name, func(t *testing.T) {
					c := readAll(t, path, Options{decode: decode})
					if c.err != nil {
						t.Fatal(c.err)
					}
					sameTimes(t, c.times(), truth)
					if c.info.HasAudio {
						start, gap := soundTimes(c)
						if (start-test.start).Abs() > 30*time.Millisecond || (gap-test.gap).Abs() > 30*time.Millisecond {
							t.Errorf("audio starts at %v with gaps of %v, want %v and %v", start, gap, test.start, test.gap)
						}
					}
				})
			}
		})
	}
}

// soundTimes returns the start of the audio, and the length of all gaps in it.
func soundTimes(c contents) (start, gap time.Duration) {
	var end time.Time
	first := true
	for _, b := range c.blocks {
		if b.Audio == nil {
			continue
		}
		if first {
			start, first = b.Audio.Start.Sub(time.Time{}), false
		} else if d := b.Audio.Start.Sub(end); d > time.Millisecond {
			gap += d
		}
		end = b.Audio.End()
	}
	return start, gap
}

// TestContractCount holds that the timestamps of Matroska, whole milliseconds, do not disturb the count of samples.
func TestContractCount(t *testing.T) {
	long(t)
	path := generate(t, "a.mkv", lists("-f lavfi -i sine=sample_rate=44100:duration=120 -c:a aac")...)
	for name, decode := range decoders() {
		t.Run(name, func(t *testing.T) {
			c := readAll(t, path, Options{decode: decode})
			if _, got := c.samples(t); c.err != nil || len(got[0]) < 120*44100 { // samples fails if any block is off
				t.Errorf("%d samples, %v", len(got[0]), c.err)
			}
		})
	}
}

func TestContractStreams(t *testing.T) {
	long(t)
	both := generate(t, "both.mp4", lists(srcVideo, srcSound, "-c:v libx264 -preset ultrafast -c:a aac")...)
	silent := generate(t, "silent.mp4", lists("-i", both, "-an -c copy")...)
	blind := generate(t, "blind.mp4", lists("-i", both, "-vn -c copy")...)
	cover := generate(t, "cover.mp3", lists(srcSound, "-f lavfi -i color=red:size=64x64:duration=0.04 -map 0 -map 1 -c:v mjpeg -disposition:v attached_pic")...)
	double := generate(t, "double.mp4", lists("-i", both, "-map 0 -map 0:a -c copy")...)
	turned := turn(t, silent)
	for name, decode := range decoders() {
		t.Run(name, func(t *testing.T) {
			for _, test := range []struct {
				path         string
				audio, video bool
				want         string // the error
			}{
				{both, false, false, ""}, {both, true, false, ""}, {both, false, true, ""},
				{silent, true, false, silent + ": has no audio"}, {silent, false, false, ""}, {silent, true, true, silent + ": has no audio"},
				{blind, false, true, blind + ": has no video"}, {blind, false, false, ""},
				{cover, false, false, ""}, {cover, false, true, cover + ": has no video"},
			} {
				r, err := Open(t.Context(), test.path, Options{Audio: test.audio, Video: test.video, decode: decode})
				if fmt.Sprint(err) != cmpOr(test.want, "<nil>") {
					t.Errorf("%s, audio %v, video %v: error %v, want %q", test.path, test.audio, test.video, err, test.want)
				}
				if err != nil {
					continue
				}
				c := drain(t, r)
				var audio, video bool
				for _, b := range c.blocks {
					audio, video = audio || b.Audio != nil, video || b.Luma != nil
				}
				all := !test.audio && !test.video
				if c.err != nil || audio != (c.info.HasAudio && (all || test.audio)) || video != (c.info.HasVideo && (all || test.video)) {
					t.Errorf("%s, audio %v, video %v: got audio %v, video %v, %v", test.path, test.audio, test.video, audio, video, c.err)
				}
			}
			if c := readAll(t, double, Options{decode: decode}); c.err != nil || c.info.OtherAudio != 1 || c.info.OtherVideo != 0 {
				t.Errorf("two sounds: %+v, %v", c.info, c.err)
			}
			if c := readAll(t, both, Options{decode: decode}); c.info.OtherAudio != 0 || c.info.OtherVideo != 0 {
				t.Errorf("one sound: %+v", c.info)
			}
			c := readAll(t, turned, Options{Video: true, decode: decode})
			if c.info.Rotation != 90 || c.info.Width != 322 || c.blocks[0].Luma.Rows != 182 {
				t.Errorf("turned: %+v", c.info)
			}
		})
	}
}

// turn returns a copy of an MP4 file with one track, to be shown turned clockwise by 90 degrees: ISO 14496-12 §8.3.2, the
// matrix of the track header.
func turn(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte("tkhd")) + 44
	for i, v := range []int32{0, 1 << 16, 0, -1 << 16, 0, 0, 182 << 16, 0, 1 << 30} {
		binary.BigEndian.PutUint32(b[at+4*i:], uint32(v))
	}
	return write(t, "turned.mp4", b)
}

func cmpOr(s, or string) string {
	if s == "" {
		return or
	}
	return s
}

func TestContractCut(t *testing.T) {
	long(t)
	mp4 := generate(t, "a.mp4", lists(srcVideo, srcSound, "-c:v libx264 -preset ultrafast -c:a aac -movflags +faststart")...)
	webm := generate(t, "a.webm", lists("-stream_loop 5 -i", mp4, "-c:v libvpx -deadline realtime -c:a libopus")...)
	for _, path := range []string{mp4, webm} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		cut := write(t, "cut-"+filepath.Base(path), b[:len(b)/2])
		stub := write(t, "stub-"+filepath.Base(path), b[:200])
		for name, decode := range decoders() {
			t.Run(name+filepath.Ext(path), func(t *testing.T) {
				c := readAll(t, cut, Options{decode: decode})
				if !errors.Is(c.err, ErrIncomplete) || !strings.Contains(c.err.Error(), "cut-a.") || len(c.blocks) < 10 {
					t.Errorf("%d blocks, %v", len(c.blocks), c.err)
				}
				if _, err := Open(t.Context(), stub, Options{decode: decode}); err == nil || errors.Is(err, ErrIncomplete) {
					t.Errorf("200 bytes: %v", err)
				}
			})
		}
	}
}

func TestContractBad(t *testing.T) {
	long(t)
	clip := generate(t, "clip.mp4", lists(srcVideo, "-c:v libx264 -preset ultrafast")...)
	b, err := os.ReadFile(clip)
	if err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, 1<<16)
	for i := range noise {
		noise[i] = byte(i * i >> 3)
	}
	playlist := func(format string) []byte { return fmt.Appendf(nil, format, clip) }
	for name, test := range map[string]struct {
		file    string
		content []byte
	}{
		"text":        {"a.wav", []byte(strings.Repeat("This is no recording.\n", 100))},
		"noise":       {"a.mp4", noise},
		"zeros":       {"a.mkv", make([]byte, 1<<16)},
		"hls":         {"a.m3u8", playlist("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n%s\n#EXT-X-ENDLIST\n")},
		"hls as mp4":  {"a.mp4", playlist("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n%s\n#EXT-X-ENDLIST\n")},
		"concat":      {"a.ffconcat", playlist("ffconcat version 1.0\nfile '%s'\n")},
		"sdp":         {"a.sdp", []byte("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n")},
		"image":       {"a%03d.png", []byte("\x89PNG\r\n\x1a\n")},
		"ansi":        {"a.ans", []byte("\x1b[31mhello\x1b[0m\r\n")},
		"head of mp4": {"a.mp4", b[:32]},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, test.file, test.content)
			for backend, decode := range decoders() {
				r, err := Open(t.Context(), path, Options{decode: decode})
				if err == nil {
					_ = r.Close()
					t.Errorf("%s: opened as %+v", backend, r.Info())
				} else if !strings.Contains(err.Error(), test.file+": ") || strings.Contains(err.Error(), "\n") {
					t.Errorf("%s: error %q does not name the file in one line", backend, err)
				}
			}
		})
	}
}

// TestContractNames holds that a name is a name, whatever it looks like to ffmpeg.
func TestContractNames(t *testing.T) {
	long(t)
	clip := generate(t, "clip.mp4", lists(srcVideo, "-c:v libx264 -preset ultrafast")...)
	b, err := os.ReadFile(clip)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for _, name := range []string{"-i.mp4", "concat:a|b.mp4", "http:x.mp4", "a%03d.mp4", "two\nlines.mp4", "pipe:0", "日本 語.mp4"} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Skipf("this file system does not take %q: %v", name, err)
		}
		for backend, decode := range decoders() {
			if c := readAll(t, name, Options{decode: decode}); c.err != nil || len(c.times()) != 25 {
				t.Errorf("%s: %q: %d frames, %v", backend, name, len(c.times()), c.err)
			}
		}
	}
}

// TestContractResize holds for pictures that change size on the way, as in recorded calls.
func TestContractResize(t *testing.T) {
	long(t)
	small := ffmpeg(t, lists(srcVideo, "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -f h264 pipe:1")...)
	large := ffmpeg(t, lists("-f lavfi -i testsrc2=size=640x360:rate=25:duration=1 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -f h264 pipe:1")...)
	path := write(t, "call.h264", slices.Concat(small, large))
	for backend, decode := range decoders() {
		c := readAll(t, path, Options{decode: decode})
		var rows []int
		for _, b := range c.blocks {
			if b.Luma != nil {
				rows = append(rows, b.Luma.Rows)
			}
		}
		whole := len(rows) == 50 && rows[49] == 360 && c.err == nil
		partial := errors.Is(c.err, ErrIncomplete) && len(rows) >= 25 && !slices.Contains(rows, 360) // what ffmpeg can do
		if !whole && !(partial && backend == "pipe") {
			t.Errorf("%s: %d frames, %v", backend, len(rows), c.err)
		}
	}
}

func TestContractCancel(t *testing.T) {
	long(t)
	path := generate(t, "a.mp4", lists("-f lavfi -i testsrc2=size=1280x720:rate=25:duration=8 -c:v libx264 -preset ultrafast")...)
	for backend, decode := range decoders() {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := Open(ctx, path, Options{decode: decode})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Read(); err != nil {
			t.Fatal(err)
		}
		cancel()
		for err == nil {
			_, err = r.Read()
		}
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "a.mp4: ") {
			t.Errorf("%s: ended with %v", backend, err)
		}
		if err := errors.Join(r.Close(), r.Close()); err != nil {
			t.Errorf("%s: close: %v", backend, err)
		}
	}
}
