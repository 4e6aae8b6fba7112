// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

import (
	"cmp"
	"math"
	"slices"

	"github.com/defakepro/defakepro/dsp"
)

// frameLengths are the lengths a frame may have, in seconds; the longest is longestFrame.
var frameLengths = []int{4, 8, 16, 32}

const longestFrame = 32

// smear is the error made by taking the frequency as straight over a frame, in hertz: typical of mains recordings from four
// grids, against frames of four seconds (docs/estimation.md). Simulated US frequency has half of it, the Turkish grid twice.
func smear(seconds int) float64 {
	switch seconds {
	case 4:
		return 0.15e-3
	case 8:
		return 0.4e-3
	case 16:
		return 0.9e-3
	default:
		return 1.7e-3
	}
}

// meter measures frequency by maximum likelihood over all lines at once.
type meter struct {
	lines   []*line
	windows map[int][]*window // by length in seconds, per line
	frames  [][]complex128    // per line, room for the longest

	readings []reading // per line, of the newest fit
}

func newMeter(lines []*line) *meter {
	m := &meter{lines: lines, windows: map[int][]*window{}, readings: make([]reading, len(lines))}
	for _, seconds := range frameLengths {
		for _, l := range lines {
			m.windows[seconds] = append(m.windows[seconds], newWindow(l.rate, seconds))
		}
	}
	for _, l := range lines {
		m.frames = append(m.frames, make([]complex128, frameLen(l.rate, longestFrame)))
	}
	return m
}

// fit is the best common tone of a frame.
type fit struct {
	freq  float64 // deviation from nominal at the middle, hertz at the fundamental
	sigma float64 // its standard uncertainty from noise
	power float64 // summed over the lines, in units of the noise
	lines int
}

// present reports whether noise alone would hardly (about once in a thousand frames) have that much power on its lines:
// the sum of n exponential variables, its tail approximated from n = 1 (exact: ln 1000) to 10.
func (f fit) present() bool {
	n := float64(f.lines)
	return f.power > n+4*math.Sqrt(n)+2
}

const (
	// bendPrior is the reciprocal variance of the frequency's slope expected beforehand: (1 mHz/s)^-2 (hertz per
	// second, squared). Grids move 0.5 mHz/s over sixteen seconds; strong lines overrule it on weak grids.
	bendPrior = 1e6
	fitSteps  = 8
	fitExact  = 1e-6 // hertz; a step this small ends the iteration
)

// fit finds the tone that fits the frames of the chosen lines around second t best, beginning at freq. It reports false
// if it runs away: there is no such tone. A line that most others contradict is left out; where as many say one thing as
// another, the uncertainty is what parts them.
func (m *meter) fit(r *row, t, seconds int, chosen []int, freq float64) (best fit, ok bool) {
	windows := m.windows[seconds]
	for _, i := range chosen {
		m.frames[i] = m.frames[i][:len(windows[i].taps)]
		m.lines[i].cut(m.frames[i], t)
	}
	// Further than the widest line's resolution from where it began, it is another peak.
	limit := 2 / float64(seconds) / float64(m.lines[chosen[0]].number)
	best, ok = m.tone(r, windows, chosen, freq)
	if len(chosen) > 1 && !m.agree(chosen) {
		agreed, center, apart := m.concord(r, windows, chosen, freq, limit)
		if len(agreed) < len(chosen) && apart == 0 {
			best, ok = m.tone(r, windows, agreed, center)
		}
		best.sigma = math.Hypot(best.sigma, apart)
	}
	return best, ok && math.Abs(best.freq-freq) < limit
}

// tone fits one tone to the frames of some lines, and leaves what each says of it in m.readings.
func (m *meter) tone(r *row, windows []*window, lines []int, freq float64) (best fit, ok bool) {
	best.freq, best.lines = freq, len(lines)
	slope := 0.0
	for range fitSteps {
		var shift, info, bend, bendInfo float64
		best.power = 0
		for _, i := range lines {
			r := windows[i].read(m.frames[i], m.lines[i].number, r.noise[i], best.freq, slope)
			m.readings[i] = r
			best.power += r.power
			shift += r.shift * r.shiftInfo
			info += r.shiftInfo
			bend += r.bend * r.bendInfo
			bendInfo += r.bendInfo
		}
		if info == 0 {
			return best, false
		}
		best.sigma = 1 / math.Sqrt(info)
		best.freq += shift / info
		slope += (bend - bendPrior*slope) / (bendInfo + bendPrior)
		if math.Abs(shift/info) < fitExact {
			break
		}
	}
	return best, true
}

const (
	// Lines of one grid differ by their noise, and by a little more: what else hums near one of them. Beyond
	// discordSigma times the noise and discordLeast (hertz at the fundamental) they are of two sources.
	discordSigma, discordLeast = 4, 1e-3
	// discordPower is the power, in units of the noise, that noise alone hardly has (see [fit.present]): a line of less says nothing.
	discordPower = 7
)

// agree reports whether the lines just fitted are of one frequency, as far as each can tell.
func (m *meter) agree(lines []int) bool {
	for _, i := range lines {
		r := m.readings[i]
		if !(math.Abs(r.shift) <= discordLeast+discordSigma/math.Sqrt(r.shiftInfo)) || r.power < discordPower {
			return false
		}
	}
	return true
}

// opinion is what one line alone says of a frame: a frequency, as a deviation from nominal in hertz at the fundamental.
type opinion struct {
	line int
	fit
}

// alike reports whether two lines may be of one frequency.
func (a opinion) alike(b opinion) bool {
	return math.Abs(a.freq-b.freq) <= discordLeast+discordSigma*math.Hypot(a.sigma, b.sigma)
}

// concord asks each line by itself, and returns the lines without those that contradict the largest group of the others, the frequency of
// that, and how far it is from the next if that is as large; both in hertz at the fundamental. Mains hum has one frequency in all its
// harmonics. A telephone's tones, a beep or a note near one of them are louder at times than all the hum, and would outweigh it.
func (m *meter) concord(r *row, windows []*window, lines []int, freq, reach float64) (agreed []int, center, apart float64) {
	var all []opinion
	for _, i := range lines {
		f, ok := m.tone(r, windows, []int{i}, float64(r.peak(i, freq, reach)-stripHalf)*binWidth)
		if ok && f.power >= discordPower && math.Abs(f.freq-freq) < reach {
			all = append(all, opinion{i, f})
		}
	}
	slices.SortStableFunc(all, func(a, b opinion) int { return cmp.Compare(a.sigma, b.sigma) })
	best := largest(all)
	others := slices.DeleteFunc(slices.Clone(all), func(a opinion) bool { return slices.Contains(best, a) })
	if len(others) == 0 {
		return lines, freq, 0
	}
	if rest := largest(others); len(rest) == len(best) {
		for i, a := range best {
			apart = max(apart, math.Abs(a.freq-rest[i].freq))
		}
	}
	for _, i := range lines {
		if !slices.ContainsFunc(others, func(a opinion) bool { return a.line == i }) {
			agreed = append(agreed, i)
		}
	}
	return agreed, best[0].freq, apart
}

// largest returns the largest group of which each agrees with all others, as far as asking the surest first finds it; of two, that of the
// surest.
func largest(all []opinion) (best []opinion) {
	for _, a := range all {
		group := []opinion{a}
		for _, b := range all {
			if b != a && !slices.ContainsFunc(group, func(c opinion) bool { return !b.alike(c) }) {
				group = append(group, b)
			}
		}
		if len(group) > len(best) {
			best = group
		}
	}
	return best
}

// window is a Hann frame of one line at one length, with the moments that the estimator and its uncertainty need.
type window struct {
	taps []float64
	time []float64 // of each sample, from the middle, seconds
	// Sums over the frame: w, w², w t², w² t², w t⁴, w² t⁴.
	w, ww, wt2, wwt2, wt4, wwt4 float64
}

func newWindow(rate float64, seconds int) *window {
	n := frameLen(rate, seconds)
	v := &window{taps: dsp.Hann(n), time: make([]float64, n)}
	for i, w := range v.taps {
		t := float64(i-n/2) / rate
		v.time[i] = t
		t2 := t * t
		v.w += w
		v.ww += w * w
		v.wt2 += w * t2
		v.wwt2 += w * w * t2
		v.wt4 += w * t2 * t2
		v.wwt4 += w * w * t2 * t2
	}
	return v
}

// reading is what one line says of one frame, relative to the frequency and slope it was asked about.
type reading struct {
	power float64 // of the line, in units of the noise
	// shift and bend are the corrections to frequency (Hz) and slope (Hz/s) at the fundamental that maximise the
	// line's power, to first order, and shiftInfo and bendInfo their Fisher information (reciprocal variances).
	shift, bend         float64
	shiftInfo, bendInfo float64
}

// read measures a frame against a tone of the given deviation from nominal (Hz at the fundamental, at the frame's
// middle) and slope (Hz/s).
//
// The maximum of |sum w x exp(-j phase)|² over the frequency is the maximum likelihood estimate of a tone in white noise;
// near it one step of Fisher scoring gives the correction. Its variance for a windowed frame is
// N/(2A²) · sum w²t² / (sum w t²)², which for a rectangular window is the Cramér-Rao bound 6N/(A² n³) of Rife and Boorstyn
// 1974. Frequency and slope do not disturb one another, the frame being symmetric.
func (v *window) read(frame []complex128, number int, noise, freq, slope float64) reading {
	k := 2 * math.Pi * float64(number)
	var x0, x1, x2 complex128
	// Phase of sample i: k (freq t + slope t²/2), by recurrence in its first and second differences.
	n := len(frame)
	dt := v.time[1] - v.time[0]
	t0 := v.time[0]
	turn := unit(-k * (freq*t0 + slope*t0*t0/2))
	step := unit(-k * (freq*dt + slope*(t0*dt+dt*dt/2)))
	twist := unit(-k * slope * dt * dt)
	for i := range n {
		t := v.time[i]
		z := frame[i] * turn
		w := v.taps[i]
		z = complex(real(z)*w, imag(z)*w)
		x0 += z
		x1 += complex(real(z)*t, imag(z)*t)
		x2 += complex(real(z)*t*t, imag(z)*t*t)
		turn *= step
		step *= twist
	}
	p := real(x0)*real(x0) + imag(x0)*imag(x0)
	r := reading{power: p / (v.ww * noise)}
	if p == 0 {
		return r
	}
	// Im(x1/x0) and Im(x2/x0).
	im1 := (imag(x1)*real(x0) - real(x1)*imag(x0)) / p
	im2 := (imag(x2)*real(x0) - real(x2)*imag(x0)) / p
	m2, m4 := v.wt2/v.w, v.wt4/v.w
	r.shift = im1 / (k * m2)
	r.bend = 2 * im2 / (k * (m4 - m2*m2))
	snr := 2 * math.Max(r.power-1, 0) * v.ww / (v.w * v.w) * k * k // 2 A²/N (2πk)²
	r.shiftInfo = snr * v.wt2 * v.wt2 / v.wwt2
	// The same for the quadratic phase: sum w (t²-m2)² over the noise that passes w (t²-m2).
	c := v.wt4 - m2*v.wt2
	r.bendInfo = snr / 4 * c * c / (v.wwt4 - 2*m2*v.wwt2 + m2*m2*v.ww)
	return r
}

func unit(angle float64) complex128 {
	sin, cos := math.Sincos(angle)
	return complex(cos, sin)
}
