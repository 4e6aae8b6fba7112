// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enftest

import (
	"iter"
	"math"
	"math/rand/v2"
	"time"

	"github.com/defakepro/defakepro/dsp"
)

// Relative amplitude and phase of the flicker's second and third harmonic, four and six times the grid's frequency. Lamps differ; these
// are chosen, not measured, and small enough for the depth to keep its meaning.
var lightHarmonics = [...]struct{ amplitude, phase float64 }{{1, 0}, {0.08, 0.9}, {0.02, 2.1}}

// Light returns the light of a mains-powered lamp at time t, averaged over an exposure of so many seconds centred there: 1 on average,
// swinging by ±depth at twice the grid's frequency, and by little at the double and triple of that. An exposure of a whole period of the
// flicker sees none of it.
func (g *Grid) Light(t, depth, exposure float64) float64 {
	_, cycle := math.Modf(2 * g.Phase(t))
	light := 1.0
	for i, h := range lightHarmonics {
		k := float64(i + 1)
		light += depth * h.amplitude * sinc(2*k*float64(g.opts.Nominal)*exposure) * math.Cos(2*math.Pi*k*cycle+h.phase)
	}
	return light
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// Camera films a textured scene under mains light and delivers the luma of each frame, without any pixels. The zero value
// of a field is the ordinary case; FPS must be given.
type Camera struct {
	// Seed stands for the scene, the motion and the noise.
	Seed uint64
	// Rows and Strips are the cells of each frame; 0 for 360 and 8.
	Rows, Strips int
	// FPS is the frame rate by the camera's own clock.
	FPS float64
	// Readout is the time that the shutter takes over all rows, in seconds: 0 for a global shutter, negative from the bottom up.
	Readout float64
	// Exposure is the exposure time, in seconds.
	Exposure float64
	// Flicker is the depth of the light's swing, as a share of its mean: 0.03 is much, 0.005 little.
	Flicker float64
	// Subject is the height of something that moves about in front of the scene, as a share of the picture; 0 for none.
	Subject float64
	// Noise is the standard deviation of a cell's noise, as a share of full scale. About 0.0005 stands for a
	// sensor noise of 1.5 of 255 levels and the rounding to 8 bits, averaged over the 160 pixels that a cell of a 720p picture has.
	Noise float64
	// Drift is the standard deviation of a slow wander (20 s) of the exposure, as an automatic one makes, as a share.
	Drift float64
	// PPM is by how much the camera's clock is fast, in parts per million.
	PPM float64
	// Jitter is the standard deviation of the times between frames, in seconds; the time stamps tell the truth about it.
	Jitter float64
	// Wander is the standard deviation of a slow wander (4 s) of the time stamps, in seconds, as that of a browser's:
	// they do not tell the truth.
	Wander float64
	// Drop is the share of frames that are missing.
	Drop float64
	// Tick is the resolution of the time stamps, such as a millisecond in WebM; 0 for full.
	Tick time.Duration
}

// Film yields the frames of so many seconds from time zero of g on. Row l of a frame stamped t sees the light at t + Readout·l/Rows, on
// the camera's clock. Each frame's storage is its own.
func (c Camera) Film(g *Grid, seconds float64) iter.Seq[dsp.Luma] {
	if c.Rows <= 0 {
		c.Rows = 360
	}
	if c.Strips <= 0 {
		c.Strips = 8
	}
	return func(yield func(dsp.Luma) bool) {
		s := newScene(c)
		slow := 1 / (1 + 1e-6*c.PPM) // true seconds in one of the camera's
		for n := 0; float64(n)/c.FPS < seconds; n++ {
			stamp := float64(n)/c.FPS + c.Jitter*s.rng.NormFloat64()
			s.step(1 / c.FPS)
			if c.Drop > 0 && s.rng.Float64() < c.Drop {
				continue
			}
			frame := dsp.Luma{Rows: c.Rows, Strips: c.Strips, Mean: make([]float64, c.Rows*c.Strips)}
			frame.Time = g.opts.Start.Add(time.Duration(math.Round((stamp + s.late) * 1e9)).Round(max(1, c.Tick)))
			for l := range c.Rows {
				t := (stamp + c.Readout*float64(l)/float64(c.Rows)) * slow
				s.row(frame.Mean[l*c.Strips:(l+1)*c.Strips], l, s.exposure*g.Light(t, c.Flicker, c.Exposure))
			}
			if !yield(frame) {
				return
			}
		}
	}
}

// scene is what the camera looks at.
type scene struct {
	Camera
	rng          *rand.Rand
	background   []float64 // reflectance of each cell
	clothes      []float64 // reflectance of the subject, by row of the picture's height
	x, y, vx, vy float64   // the subject's centre and velocity, as shares of the picture (a second)
	drift, late  float64
	exposure     float64
}

func newScene(c Camera) *scene {
	s := &scene{Camera: c, rng: rand.New(rand.NewPCG(c.Seed, 6)), x: 0.5, y: 0.6, exposure: 1}
	u := s.rng.Float64
	s.background = make([]float64, c.Rows*c.Strips)
	waves := make([][4]float64, 6) // cycles down and across, phase, amplitude
	for i := range waves {
		waves[i] = [4]float64{8 * u() * u(), 4 * u(), u(), 0.07 * u()}
	}
	for i := range s.background {
		row, strip := float64(i/c.Strips)/float64(c.Rows), float64(i%c.Strips)/float64(c.Strips)
		v := 0.45 - 0.15*row + 0.03*s.rng.NormFloat64()
		for _, w := range waves {
			v += w[3] * math.Cos(2*math.Pi*(w[0]*row+w[1]*strip+w[2]))
		}
		s.background[i] = min(0.85, max(0.05, v))
	}
	s.clothes = make([]float64, c.Rows)
	v := 0.35
	for i := range s.clothes {
		v += 0.08*(0.35-v) + 0.06*s.rng.NormFloat64()
		s.clothes[i] = min(0.8, max(0.05, v))
	}
	return s
}

// step moves the subject and the exposure on by dt seconds.
func (s *scene) step(dt float64) {
	if s.Subject > 0 {
		// A random walk in velocity, damped and drawn back to the middle: a talker who sways, leans and gestures.
		s.vx += dt*(-1.2*s.vx-1.5*(s.x-0.5)) + 0.25*math.Sqrt(dt)*s.rng.NormFloat64()
		s.vy += dt*(-1.2*s.vy-3*(s.y-0.6)) + 0.12*math.Sqrt(dt)*s.rng.NormFloat64()
		s.x += s.vx * dt
		s.y += s.vy * dt
	}
	if s.Drift > 0 {
		a := math.Exp(-dt / 20)
		s.drift = a*s.drift + math.Sqrt(1-a*a)*s.Drift*s.rng.NormFloat64()
		s.exposure = math.Exp(s.drift)
	}
	if s.Wander > 0 {
		a := math.Exp(-dt / 4)
		s.late = a*s.late + math.Sqrt(1-a*a)*s.Wander*s.rng.NormFloat64()
	}
}

// row fills dst with the luma of row l under so much light.
func (s *scene) row(dst []float64, l int, light float64) {
	copy(dst, s.background[l*s.Strips:])
	if s.Subject > 0 {
		s.cover(dst, l)
	}
	for i, v := range dst {
		dst[i] = min(1, max(0, v*light+s.Noise*s.rng.NormFloat64()))
	}
}

// cover puts the subject, an ellipse half as wide as it is high, in front of row l.
func (s *scene) cover(dst []float64, l int) {
	down := (float64(l)/float64(s.Rows) - s.y) / (s.Subject / 2)
	if down <= -1 || down >= 1 {
		return
	}
	half := s.Subject / 4 * math.Sqrt(1-down*down)
	reflectance := s.clothes[min(s.Rows-1, int((down+1)/2*float64(s.Rows)))]
	for i := range dst {
		from, to := float64(i)/float64(s.Strips), float64(i+1)/float64(s.Strips)
		share := (min(to, s.x+half) - max(from, s.x-half)) / (to - from)
		if share > 0 {
			dst[i] += share * (reflectance - dst[i])
		}
	}
}
