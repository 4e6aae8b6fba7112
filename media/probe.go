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
	"io"
	"math"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// demuxers are FFmpeg's names of the containers that are opened. Playlists (hls, dash, concat, sdp, image2), which name other
// files, and formats that take any text or noise for media (tty, raw codecs without a signature) are left out on purpose.
const demuxers = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,live_flv,mpegts,mpeg,mpegvideo,ogg,mp3,aac,wav,w64,aiff,flac,asf," +
	"caf,amr,au,ivf,mxf,dv,rm,wv,ape,tta,tak,nut,yuv4mpegpipe,ac3,eac3,dts,dtshd,truehd,m4v,h264,hevc,obu,av1,dsf,gsm,voc," +
	"mpc,mpc8,qcp,smjpeg,mpjpeg,wtv,gxf,swf,loas,spdif,iff,gif"

// lengthKept lists formats whose header states a duration; those of others are estimates from the bit rate.
var lengthKept = []string{"mov", "matroska", "avi", "wav", "w64", "flac", "aiff", "caf"}

// probeMost bounds what ffprobe may say of one file.
const probeMost = 1 << 20

// probedFile is what ffprobe says of a file.
type probedFile struct {
	Streams []probedStream `json:"streams"`
	Format  struct {
		Name     string `json:"format_name"`
		Start    number `json:"start_time"`
		Duration number `json:"duration"`
	} `json:"format"`

	audio, video           *probedStream // the first of each kind
	otherAudio, otherVideo int
}

type probedStream struct {
	Index       int    `json:"index"`
	Codec       string `json:"codec_name"`
	Kind        string `json:"codec_type"`
	PixelFormat string `json:"pix_fmt"`
	Rate        number `json:"sample_rate"`
	Channels    int    `json:"channels"`
	Width       int    `json:"width"`
	Height      int    `json:"height"`
	Average     ratio  `json:"avg_frame_rate"`
	Real        ratio  `json:"r_frame_rate"`
	Start       number `json:"start_time"`
	Duration    number `json:"duration"`
	Disposition struct {
		Picture int `json:"attached_pic"`
	} `json:"disposition"`
	SideData []struct {
		Rotation float64 `json:"rotation"`
	} `json:"side_data_list"`
}

// number is a number that ffprobe writes as text; anything else, such as "N/A", is 0.
type number float64

func (n *number) UnmarshalText(b []byte) error {
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.IsNaN(v) || math.Abs(v) > maxTime.Seconds() {
		v = 0
	}
	*n = number(v)
	return nil
}

func (n number) seconds() time.Duration { return time.Duration(float64(n) * float64(time.Second)) }

// ratio is a fraction such as "30000/1001"; "0/0" is 0.
type ratio float64

func (r *ratio) UnmarshalText(b []byte) error {
	top, bottom, _ := strings.Cut(string(b), "/")
	x, err1 := strconv.ParseFloat(top, 64)
	y, err2 := strconv.ParseFloat(bottom, 64)
	if err1 == nil && err2 == nil && x > 0 && y > 0 {
		*r = ratio(x / y)
	}
	return nil
}

// probe asks ffprobe about the input.
func probe(ctx context.Context, ffprobe string, input []string, stall time.Duration) (*probedFile, error) {
	args := slices.Concat([]string{"ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams"}, input)
	p, err := start(ctx, ffprobe, args, nil, stall)
	if err != nil {
		return nil, err
	}
	defer p.close()
	b, err := io.ReadAll(io.LimitReader(p, probeMost+1))
	if err != nil {
		return nil, p.failure(err)
	}
	if len(b) > probeMost { // it would wait for the rest to be read, and must not be waited for
		return nil, fmt.Errorf("ffprobe says more than %d bytes of it", probeMost)
	}
	p.wait()
	if exit, ok := errors.AsType[*exec.ExitError](p.exit); ok && exit.ExitCode() > 0 {
		return nil, fmt.Errorf("not a recording that can be read: %s", p.log.line())
	} else if p.exit != nil {
		return nil, p.failure(io.ErrUnexpectedEOF)
	}
	var f probedFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, errors.New("ffprobe: malformed output")
	}
	for i := range f.Streams {
		s := &f.Streams[i]
		switch {
		case s.Codec == "" || s.Disposition.Picture != 0: // no decoder; a cover
		case s.Kind == "audio" && f.audio == nil:
			f.audio = s
		case s.Kind == "audio":
			f.otherAudio++
		case s.Kind == "video" && f.video == nil:
			f.video = s
		case s.Kind == "video":
			f.otherVideo++
		}
	}
	return &f, nil
}

// describe puts what was found in our terms, with where decoding should end, or 0.
func (f *probedFile) describe(audio, video bool) (Info, time.Duration, error) {
	i := Info{Format: f.Format.Name, Duration: max(f.Format.Duration.seconds(), 0), OtherAudio: f.otherAudio, OtherVideo: f.otherVideo}
	var end time.Duration
	if s := f.audio; s != nil {
		i.HasAudio, i.AudioCodec, i.SampleRate, i.Channels = true, s.Codec, int(s.Rate), s.Channels
		if err := plausible(int64(i.SampleRate), i.Channels); err != nil {
			return Info{}, 0, err
		}
		if audio {
			end = max(end, f.end(s))
		}
	}
	if s := f.video; s != nil {
		i.HasVideo, i.VideoCodec, i.Width, i.Height, i.FrameRate = true, s.Codec, s.Width, s.Height, float64(s.Average)
		if i.FrameRate == 0 {
			i.FrameRate = float64(s.Real)
		}
		for _, d := range s.SideData { // counterclockwise
			if d.Rotation != 0 && math.Abs(d.Rotation) <= 360 {
				i.Rotation = (int(math.Round(-d.Rotation/90))%4 + 4) % 4 * 90
			}
		}
		if i.Width < 1 || i.Height < 1 {
			return Info{}, 0, errors.New("the picture has no size")
		}
		if video {
			end = max(end, f.end(s))
		}
	}
	if !i.sane() {
		return Info{}, 0, errors.New("the header says what no recording can be")
	}
	// A duration of the whole file says nothing of a stream that ends early by design.
	all := (audio || f.audio == nil) && (video || f.video == nil)
	name, _, _ := strings.Cut(i.Format, ",")
	switch {
	case !slices.Contains(lengthKept, name):
		return i, 0, nil
	case end == 0 && all:
		return i, max(0, i.Duration-f.Format.Start.seconds()), nil // Matroska's counts from zero, not from its first packet
	}
	return i, end, nil
}

// end is where a stream should end by its header, from the start of the file; 0 unknown.
func (f *probedFile) end(s *probedStream) time.Duration {
	if s.Duration <= 0 {
		return 0
	}
	return (s.Start - f.Format.Start + s.Duration).seconds()
}

// lumaFormat is how the luma of a pixel format comes out of ffmpeg.
type lumaFormat struct {
	filter string // that gets it
	depth  int    // bits
	big    bool   // big-endian
}

// planarLuma matches the names of planar YUV and of gray.
var planarLuma = regexp.MustCompile(`^(?:yuv[aj]?4\d\dp|gray)(\d*)(le|be)?$`)

// lumaOf tells how to get the luma of a pixel format: as it is where it has a plane of its own.
func lumaOf(format string) lumaFormat {
	l := lumaFormat{depth: 8}
	if m := planarLuma.FindStringSubmatch(format); m != nil {
		if m[1] != "" {
			l.depth, _ = strconv.Atoi(m[1])
		}
		l.big = m[2] == "be"
		if !strings.HasPrefix(format, "gray") {
			l.filter = "extractplanes=y"
		}
		return l
	}
	switch format {
	case "nv12", "nv21":
		l.filter = "format=yuv420p,extractplanes=y"
	case "nv16", "yuyv422", "uyvy422", "yvyu422":
		l.filter = "format=yuv422p,extractplanes=y"
	case "uyyvyy411":
		l.filter = "format=yuv411p,extractplanes=y"
	case "p010le", "p010be":
		l.filter, l.depth = "format=yuv420p10le,extractplanes=y", 10
	case "p016le", "p016be":
		l.filter, l.depth = "format=yuv420p16le,extractplanes=y", 16
	case "y210le", "p210le":
		l.filter, l.depth = "format=yuv422p10le,extractplanes=y", 10
	default: // RGB, palette, bits: the luma that the scaler makes of it
		l.filter = "format=gray"
		if deepColour.MatchString(format) {
			l.filter, l.depth = "format=gray16le", 16
		}
	}
	return l
}

// deepColour matches the names of formats without a plane of luma, of more than 8 bits.
var deepColour = regexp.MustCompile(`^(grayf|gbra?p(9|1\d|f)|(rgb|bgr)(48|a64)|x2(rgb|bgr)10|xyz12|bayer_.*16)`)

// bytes is the size of a sample.
func (l lumaFormat) bytes() int { return (l.depth + 7) / 8 }

// peak is the largest code value.
func (l lumaFormat) peak() float64 { return float64(int(1)<<l.depth - 1) }

// sum adds up samples.
func (l lumaFormat) sum(b []byte) uint32 {
	var sum uint32
	switch {
	case l.depth > 8 && l.big:
		for ; len(b) >= 2; b = b[2:] {
			sum += uint32(binary.BigEndian.Uint16(b))
		}
	case l.depth > 8:
		for ; len(b) >= 2; b = b[2:] {
			sum += uint32(binary.LittleEndian.Uint16(b))
		}
	default:
		sum, b = sumWords(b)
		for _, v := range b {
			sum += uint32(v)
		}
	}
	return sum
}

// upper returns the upper 8 bits of samples.
func (l lumaFormat) upper(b []byte) []byte {
	if l.depth == 8 {
		return bytes.Clone(b)
	}
	out := make([]byte, len(b)/2)
	for i := range out {
		v := binary.LittleEndian.Uint16(b[2*i:])
		if l.big {
			v = binary.BigEndian.Uint16(b[2*i:])
		}
		out[i] = byte(v >> (l.depth - 8))
	}
	return out
}

// sumWords adds bytes eight at a time, in four 16-bit lanes, and returns those left over.
func sumWords(b []byte) (sum uint32, rest []byte) {
	const low = 0x00FF00FF00FF00FF
	for len(b) >= 8 {
		var lanes uint64
		for range min(len(b)/8, 128) { // 128 × 2 × 255 is the most that a lane holds
			v := binary.LittleEndian.Uint64(b)
			lanes += v&low + v>>8&low
			b = b[8:]
		}
		lanes = lanes&0x0000FFFF0000FFFF + lanes>>16&0x0000FFFF0000FFFF
		sum += uint32(lanes) + uint32(lanes>>32)
	}
	return sum, b
}
