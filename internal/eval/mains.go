// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/cmplx"
	"path/filepath"
	"time"

	"github.com/defakepro/defakepro/dsp"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/media"
)

// Mains is a clean recording of the mains voltage: a real grid's phase, from which hum is made, and its frequency, the truth.
type Mains struct {
	// Name is the recording's.
	Name string
	// Grid is the nominal frequency.
	Grid enf.Grid
	// Truth is the frequency that the estimator reads from the clean recording.
	Truth enf.Series
	// Seconds is the recording's length, whole seconds.
	Seconds int
	// SNR of the clean recording, in decibels.
	SNR float64
	// Checked is the root mean square difference, in hertz, of Truth to the derivative of the phase over a second,
	// which owes nothing to the estimator.
	Checked float64

	drift []float64 // cycles of the fundamental beyond nominal, driftRate times a second
}

const (
	// driftRate is how often the phase is kept, and driftBand what the filter before keeps, in hertz.
	driftRate, driftBand = 6, 1.5
	// settled is how many seconds at the ends of a recording the filters and frames need.
	settled = 3
)

// ReadMains reads a recording of the mains of a grid.
func ReadMains(ctx context.Context, path string, grid enf.Grid) (Mains, error) {
	whole, err := ReadSound(ctx, path)
	if err != nil {
		return Mains{}, err
	}
	m, err := NewMains(filepath.Base(path), whole, grid)
	if err != nil {
		return Mains{}, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// ReadSound reads the first channel of the recording at path, all at once.
func ReadSound(ctx context.Context, path string) (whole dsp.Signal, err error) {
	err = eachSound(ctx, path, func(s dsp.Signal) error {
		if whole.Rate == 0 {
			whole = dsp.Signal{Start: s.Start, Rate: s.Rate, Channels: [][]float64{nil}}
		}
		whole.Channels[0] = append(whole.Channels[0], s.Channels[0]...)
		return nil
	})
	return whole, err
}

// NewMains takes the phase and frequency from a clean recording, the first channel of s.
func NewMains(name string, s dsp.Signal, grid enf.Grid) (Mains, error) {
	m := Mains{Name: name, Grid: grid, Seconds: int(float64(s.Len()) / s.Rate)}
	s.Start = time.Time{}
	e := enf.NewAudio(enf.Options{Grid: grid})
	if err := inBlocks(s, e.Write); err != nil {
		return m, err
	}
	est := e.Close()
	if !est.Present || m.Seconds < 4*settled {
		return m, fmt.Errorf("not a clean recording of the mains: %d s, ENF in %d of them", m.Seconds, est.Series.Present())
	}
	m.Truth, m.SNR = est.Series, est.SNR

	zoom := dsp.NewZoom(float64(grid), driftBand, driftRate)
	for i, x := range s.Channels[0] {
		zoom.Push(float64(i)/s.Rate, 1/s.Rate, complex(x, 0))
	}
	before, turns := complex(1, 0), 0.0
	for _, z := range zoom.Flush(nil, float64(s.Len())/s.Rate) {
		turns += cmplx.Phase(z*cmplx.Conj(before)) / (2 * math.Pi)
		before = z
		m.drift = append(m.drift, turns)
	}
	n, squares := 0.0, 0.0
	for t := settled; t < min(m.Seconds-settled, m.Truth.Len()); t++ {
		d := m.Truth.Hz[t] - float64(grid) - (m.drift[t*driftRate+driftRate/2] - m.drift[t*driftRate-driftRate/2])
		if !math.IsNaN(d) {
			n, squares = n+1, squares+d*d
		}
	}
	m.Checked = math.Sqrt(squares / n)
	return m, nil
}

// phase returns the mains' phase at second t, in cycles.
func (m Mains) phase(t float64) float64 {
	x := t * driftRate
	i := min(max(int(x), 1), len(m.drift)-3)
	u := x - float64(i)
	// The cubic through four neighbours with continuous slope (Catmull and Rom 1974).
	p, q, r, s := m.drift[i-1], m.drift[i], m.drift[i+1], m.drift[i+2]
	a, b := (r-p)/2, (s-q)/2
	return float64(m.Grid)*t + q + u*(a+u*(3*(r-q)-2*a-b+u*(2*(q-r)+a+b)))
}

// densityBand is how far from a line, in hertz, the noise is measured, and densityFrame the length of a frame in seconds.
const densityBand, densityFrame = 4, 8

// density returns the one-sided power spectral density of x within densityBand of a frequency, per hertz: the mean over
// Hann frames that overlap by half (Welch 1967).
func density(x []float64, rate, frequency float64) float64 {
	decimator := dsp.NewDecimator(rate, 640, 1500)
	low, lowRate := decimator.Flush(decimator.Write(nil, x)), rate/float64(decimator.Factor())
	const zoomRate = 4 * densityBand
	zoom := dsp.NewZoom(frequency, 1.5*densityBand, zoomRate)
	for i, v := range low {
		zoom.Push(float64(i)/lowRate, 1/lowRate, complex(v, 0))
	}
	y := zoom.Read(nil)
	const n = zoomRate * densityFrame
	const bins = 2*densityBand*densityFrame + 1
	plan := dsp.NewSpectrum(n, n)
	power, frames, sum := make([]float64, bins), 0.0, 0.0
	for from := 0; from+n <= len(y); from += n / 2 {
		plan.Power(power, y[from:from+n])
		for _, p := range power {
			sum += p / bins
		}
		frames++
	}
	// A real signal has half of its density at positive frequencies, and samples at zoomRate stand for 1/zoomRate each.
	return 2 * sum / frames / zoomRate
}

// inBlocks calls f with s second by second: an estimator knows the coverage of the last few minutes only, and leaves
// out of a longer block what came before.
func inBlocks(s dsp.Signal, f func(dsp.Signal) error) error {
	step := int(math.Ceil(s.Rate))
	for from := 0; from < s.Len(); from += step {
		at := time.Duration(math.Round(float64(from) / s.Rate * float64(time.Second)))
		block := dsp.Signal{Start: s.Start.Add(at), Rate: s.Rate}
		for _, c := range s.Channels {
			block.Channels = append(block.Channels, c[from:min(from+step, len(c))])
		}
		if err := f(block); err != nil {
			return err
		}
	}
	return nil
}

// eachSound calls f with each block of sound in the file at path.
func eachSound(ctx context.Context, path string, f func(dsp.Signal) error) error {
	rec, err := media.Open(ctx, path, media.Options{Audio: true})
	if err != nil {
		return err
	}
	return eachBlock(rec, path, func(b media.Block) error { return f(*b.Audio) })
}

// eachBlock calls f with each block of a recording, which it closes. An error of f gets the name of the file.
func eachBlock(rec *media.Recording, name string, f func(media.Block) error) (err error) {
	defer func() { err = errors.Join(err, rec.Close()) }()
	for {
		block, err := rec.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f(block); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
}
