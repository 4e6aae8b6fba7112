// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

import "math"

const (
	// paceMemory is for how long a camera's rhythm is remembered, in seconds: stamps wander for some, a crystal over many minutes.
	paceMemory = 300
	// paceRamp is by which power of their number frames count in the beginning: a browser's stamps are at their worst there.
	paceRamp = 1
	// unevenMost is how far the steps between stamps may be from whole periods, on average, in seconds. Those of whole
	// milliseconds are off by half of one.
	unevenMost, unevenTime = 0.001, 10
	// A gap of more than paceGap seconds, or a step off by so much of a period, begins another rhythm. What has departed from the stamps by
	// paceAstray seconds was none.
	paceGap, paceOff, paceAstray = 1, 0.4, 0.1
)

// pace is the rhythm of a camera, by which it takes frames more evenly than they are stamped. A sensor is clocked by a
// crystal; the stamps are made further on. Chromium's are those of the camera plus the mean delay of the last hundred
// frames (WebRTC's TimestampAligner), in whole milliseconds: they step and wander, and a millisecond is an eighth of a
// cycle of flicker. Frames that follow one another evenly are therefore taken to be as far apart as the slope of a
// straight line through the stamps over the frames' numbers says. Where they do not, as from a camera that waits for
// light, the stamps are believed.
type pace struct {
	number, stamp float64 // of the newest frame
	period        float64 // as it was in the beginning, seconds
	uneven        float64 // mean distance of steps from whole periods, seconds

	frames                float64
	weight                float64 // of the frames so far, and their
	meanNumber, meanStamp float64
	square, product       float64 // sums about the means, of number by number and number by stamp
}

// newPace begins with a frame's stamp and what the period seems to be, which stands for as much as a second of frames.
func newPace(stamp, period float64) *pace {
	square := math.Pow(period, -3) / 12
	return &pace{stamp: stamp, period: period, weight: 1, meanStamp: stamp, square: square, product: square * period}
}

// add takes the next frame's stamp. It reports false, and does nothing, if that is not of this rhythm.
func (p *pace) add(stamp float64) bool {
	step := stamp - p.stamp
	steps := math.Round(step / p.step())
	off := math.Abs(step - steps*p.step())
	if step > paceGap || off > paceOff*p.period {
		return false
	}
	p.frames++
	p.uneven += (off - p.uneven) / min(p.frames, unevenTime/p.period)
	p.number, p.stamp = p.number+steps, stamp
	keep := 1 - max(p.period/paceMemory, paceRamp/(p.frames+10))
	p.weight = keep*p.weight + 1
	number, late := p.number-p.meanNumber, stamp-p.meanStamp
	p.meanNumber += number / p.weight
	p.meanStamp += late / p.weight
	p.square = keep*p.square + number*(p.number-p.meanNumber)
	p.product = keep*p.product + number*(stamp-p.meanStamp)
	return true
}

// step is the time between two frames.
func (p *pace) step() float64 { return p.product / p.square }

// after returns when a frame was taken, given the one before and when that was.
func (p *pace) after(former, f frame, last float64) float64 {
	t := f.time
	if former.pace == p && p.uneven <= unevenMost {
		t = last + (f.number-former.number)*p.step()
	}
	if math.Abs(t-f.time) > paceAstray {
		t = f.time
	}
	return max(t, last)
}
