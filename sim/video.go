// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
)

// Video describes a picture track.
type Video struct {
	// Width and Height are the size in pixels, both even; 0 for 640×360.
	Width, Height int
	// FPS is the frame rate; 0 for 30. 23.976, 29.97 and 59.94 stand for the exact 24000/1001, 30000/1001 and 60000/1001.
	FPS float64
	// Readout is the time that the shutter takes over all rows, in seconds: 0 for a global shutter, negative from the bottom up, at most
	// the time of a frame.
	Readout float64
	// Exposure is the exposure time of a row, in seconds.
	Exposure float64
	// Flicker is the depth of the light's swing in the recorded luma, as a share of its mean; 0 for steady light. 0.03 is
	// much, 0.005 little.
	Flicker float64
	// Motion puts a talker who moves in front of the scene.
	Motion bool
	// Noise is the standard deviation of the sensor's noise in one pixel, in levels of 255; 0 stands for 1.5, at most 4.
	Noise float64
	// PPM is by how much the camera's clock is fast, in parts per million.
	PPM float64
	// Codec is h264, vp8 or vp9; empty for what suits the file's name.
	Codec string
	// BitrateKbps is the rate of the encoding; 0 for 0.07 bit a pixel, at least 200 kb/s.
	BitrateKbps int
}

func (v Video) withDefaults() (Video, error) {
	if v.Width == 0 && v.Height == 0 {
		v.Width, v.Height = 640, 360
	}
	if v.FPS == 0 {
		v.FPS = 30
	}
	if v.Noise == 0 {
		v.Noise = 1.5
	}
	switch {
	case v.Width < 16 || v.Height < 16 || v.Width > 7680 || v.Height > 4320 || v.Width%2 != 0 || v.Height%2 != 0:
		return v, fmt.Errorf("video of %d×%d pixels: want even numbers from 16×16 to 7680×4320", v.Width, v.Height)
	case !(v.FPS >= 1 && v.FPS <= 240):
		return v, fmt.Errorf("video at %g frames a second: want 1 to 240", v.FPS)
	case !(math.Abs(v.Readout) <= 1.0001/v.FPS):
		return v, fmt.Errorf("read-out of %g s at %g frames a second: want at most a frame", v.Readout, v.FPS)
	case !(v.Exposure >= 0 && v.Exposure <= 1):
		return v, fmt.Errorf("exposure of %g s: want 0 to 1", v.Exposure)
	case !(v.Flicker >= 0 && v.Flicker <= 0.1):
		return v, fmt.Errorf("flicker of %g: want 0 to 0.1", v.Flicker)
	case !(v.Noise >= 0 && v.Noise <= 4):
		return v, fmt.Errorf("noise of %g levels: want 0 to 4", v.Noise)
	case !(math.Abs(v.PPM) < 1e4) || v.BitrateKbps < 0:
		return v, fmt.Errorf("video with a clock off by %g ppm at %d kb/s: out of range", v.PPM, v.BitrateKbps)
	}
	if v.BitrateKbps == 0 {
		v.BitrateKbps = max(200, int(0.07e-3*float64(v.Width*v.Height)*v.FPS))
	}
	return v, nil
}

// rate returns the frame rate as a fraction.
func (v Video) rate() (num, den int) {
	whole := math.Round(v.FPS * 1.001)
	if ntsc := whole * 1000 / 1001; math.Abs(v.FPS-ntsc) < 1e-3 && v.FPS != math.Round(v.FPS) {
		return int(whole) * 1000, 1001
	}
	return int(math.Round(v.FPS * 1000)), 1000
}

// Luma is limited to 16..235; reflected light stays within these levels above black, so that neither flicker nor noise of
// four levels, cut at five times that, leaves the range of a byte and no sum needs a check.
const (
	black              = 16
	darkest, brightest = 8, 180
	noiseBank          = 1 << 18
	fraction           = 8  // bits of a level below one
	gainBits           = 15 // bits of a gain below one
)

// studio makes the frames of a recording.
type studio struct {
	Video
	line       timeline
	rng        *rand.Rand
	background []uint16 // light above black, row by row, in levels with a fraction
	clothes    []uint16 // the same of the talker, on its own coordinates
	noise      []int16  // a bank of sensor noise, read from random places; includes black and the rounding
	sway       [8][3]float64
	frame      []byte // Y, then U and V in a quarter of the size each
}

func newStudio(seed uint64, v Video, line timeline) *studio {
	s := &studio{Video: v, line: line, rng: rand.New(rand.NewPCG(seed, 20))}
	s.background = texture(s.rng, v.Width, v.Height, 0.42)
	s.clothes = texture(s.rng, v.Width, v.Height, 0.3)
	s.noise = make([]int16, noiseBank+v.Width)
	for i := range s.noise {
		n := max(-5, min(5, s.rng.NormFloat64())) * v.Noise
		s.noise[i] = int16(math.Round((black + 0.5 + n) * (1 << fraction)))
	}
	for i := range s.sway {
		// Sums of slow sines: smooth, not periodic within hours, and known at any time.
		s.sway[i] = [3]float64{0.03 + 0.4*s.rng.Float64()*s.rng.Float64(), 2 * math.Pi * s.rng.Float64(), 0.02 + 0.03*s.rng.Float64()}
	}
	s.frame = make([]byte, v.Width*v.Height*3/2)
	for i := v.Width * v.Height; i < len(s.frame); i++ {
		s.frame[i] = 128
	}
	return s
}

// texture returns a surface about level bright with large patches, edges and fine grain.
func texture(rng *rand.Rand, width, height int, level float64) []uint16 {
	u := rng.Float64
	down, across := make([]float64, height), make([]float64, width)
	var edges [12][5]float64 // top, bottom, left, right, level: furniture
	for i := range edges {
		y, x := u(), u()
		edges[i] = [5]float64{y, y + 0.3*u(), x, x + 0.3*u(), 0.4 * (u() - 0.5)}
	}
	for range 4 {
		f, p, a := 5*u(), 2*math.Pi*u(), 0.05*u()
		g, q, b := 5*u(), 2*math.Pi*u(), 0.05*u()
		for i := range down {
			down[i] += a * math.Cos(2*math.Pi*f*float64(i)/float64(height)+p)
		}
		for i := range across {
			across[i] += b * math.Cos(2*math.Pi*g*float64(i)/float64(width)+q)
		}
	}
	out := make([]uint16, width*height)
	for y := range height {
		for x := range width {
			v := level + down[y] + across[x] + 0.01*rng.NormFloat64()
			for _, e := range edges {
				if fy, fx := float64(y)/float64(height), float64(x)/float64(width); fy >= e[0] && fy < e[1] && fx >= e[2] && fx < e[3] {
					v += e[4]
				}
			}
			out[y*width+x] = uint16(max(darkest, min(brightest, 219*v)) * (1 << fraction))
		}
	}
	return out
}

// render returns the frame that begins at second t of the file. It is valid until the next call.
func (s *studio) render(t float64) []byte {
	p := s.line.at(t)
	if p.virtual {
		t = s.latest(t)
	}
	cx, cy := s.pose(t + p.shift)
	for y := range s.Height {
		at := (t + s.Readout*float64(y)/float64(s.Height)) / (1 + 1e-6*s.PPM)
		gain := s.gain(p.material, at)
		line := s.frame[y*s.Width : (y+1)*s.Width]
		noise := s.noise[s.rng.IntN(noiseBank):]
		expose(line, s.background[y*s.Width:], noise, gain)
		if !s.Motion {
			continue
		}
		if from, to, row := s.talker(y, cx, cy); from < to {
			if p.head != nil && s.head(y, cy) {
				gain = s.gain(*p.head, at)
			}
			expose(line[from:to], s.clothes[row:], noise[from:], gain)
		}
	}
	return s.frame
}

// gain is the light at a second of the recording, as a multiple of its mean, in units of 1<<-gainBits.
func (s *studio) gain(m material, at float64) uint32 {
	if m.grid == nil || s.Flicker == 0 {
		return 1 << gainBits
	}
	return uint32(math.Round(m.grid.Light(at+m.shift, s.Flicker, s.Exposure) * (1 << gainBits)))
}

// cameraJitter is how irregularly a virtual camera takes frames, as a standard deviation in seconds. Chosen, not measured.
const cameraJitter = 0.004

// latest returns when the frame began that a virtual camera has at second t, of a recording at 30 frames a second, or
// at 25 where that is what it is shown at.
func (s *studio) latest(t float64) float64 {
	fps := 30.
	if s.FPS == fps {
		fps = 25
	}
	return math.Floor((t+cameraJitter*s.rng.NormFloat64())*fps) / fps
}

// expose writes the luma of a row of pixels: their light times gain, and noise.
func expose(dst []byte, light []uint16, noise []int16, gain uint32) {
	light, noise = light[:len(dst)], noise[:len(dst)]
	for i := range dst {
		dst[i] = byte((int32(uint32(light[i])*gain>>gainBits) + int32(noise[i])) >> fraction)
	}
}

// pose returns the centre of the talker's head at second t of the scene, in pixels.
func (s *studio) pose(t float64) (x, y float64) {
	x, y = 0.5, 0.35
	for i, w := range s.sway {
		d := w[2] * math.Sin(2*math.Pi*w[0]*t+w[1])
		if i%2 == 0 {
			x += d
		} else {
			y += d / 2
		}
	}
	return x * float64(s.Width), y * float64(s.Height)
}

// shoulders is where they begin below the centre of the head, in halves of its height.
const shoulders = 0.9

// talker returns the pixels of row y that the talker covers, and where in its own texture they start: an oval head over
// shoulders that widen downwards.
func (s *studio) talker(y int, cx, cy float64) (from, to, at int) {
	unit := float64(s.Height) / 5 // half the height of the head
	d := (float64(y) - cy) / unit
	half := 0.0
	if d > -1 && d < 1 {
		half = 0.72 * unit * math.Sqrt(1-d*d)
	}
	if d > shoulders {
		half = max(half, unit*min(1.9, 0.5+1.6*math.Sqrt(d-shoulders)))
	}
	left := int(cx - half)
	from, to = max(0, left), min(s.Width, int(cx+half))
	if from >= to {
		return 0, 0, 0
	}
	row := min(s.Height-1, max(0, y-int(cy)+s.Height/2))
	column := min(s.Width-(to-from), max(0, from-int(cx)+s.Width/2))
	return from, to, row*s.Width + column
}

// head reports whether row y of the talker is above the shoulders.
func (s *studio) head(y int, cy float64) bool { return (float64(y)-cy)*5/float64(s.Height) < shoulders }

// shoot writes the frames to w as planar 4:2:0 pictures, each behind so much of a header.
func (r Recording) shoot(ctx context.Context, w io.Writer, header string, v Video, line timeline) error {
	num, den := v.rate()
	s := newStudio(r.Seed, v, line)
	for n := 0; ; n++ {
		t := float64(n) * float64(den) / float64(num)
		if t >= r.Duration.Seconds()-1e-9 {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := io.WriteString(w, header); err != nil {
			return err
		}
		frame := s.render(t)
		if r.Retouch != nil {
			r.Retouch(t, frame)
		}
		if _, err := w.Write(frame); err != nil {
			return err
		}
		if n%num == 0 || n%30 == 29 {
			r.progress(t)
		}
	}
}

// Frames writes the picture of the recording to w as it is before encoding: for each frame, all luma bytes row by row, then two
// planes of chroma of a quarter of the size each (the pixel format that ffmpeg calls yuv420p, limited range).
func (r Recording) Frames(ctx context.Context, w io.Writer) error {
	p, err := r.plan()
	if err != nil {
		return err
	}
	if r.Video == nil {
		return fmt.Errorf("recording has no video")
	}
	v, err := r.Video.withDefaults()
	if err != nil {
		return err
	}
	return r.shoot(ctx, w, "", v, p.video)
}

// y4m writes the same to a file, as the YUV4MPEG2 of the mjpegtools: a line on the stream, and one before each frame.
func (r Recording) y4m(ctx context.Context, path string, p plan) (err error) {
	if r.Video == nil {
		return errors.New("y4m holds pictures, and the recording has none")
	}
	v, err := r.Video.withDefaults()
	if err != nil {
		return err
	}
	num, den := v.rate()
	if num%den != 0 {
		return fmt.Errorf("%g frames a second: browsers that play y4m want a whole number", v.FPS)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := fmt.Fprintf(f, "YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420mpeg2\n", v.Width, v.Height, num/den); err != nil {
		return err
	}
	return r.shoot(ctx, f, "FRAME\n", v, p.video)
}
