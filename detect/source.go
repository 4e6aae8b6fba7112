// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"math"

	"github.com/defakepro/defakepro/enf"
)

const (
	// leastStep is the least change of the clock offset that tells of another device, in hertz: 33 ppm at 60 Hz. A clock that warms up moves by a
	// few ppm, and an estimate is off by a millihertz where a harmonic leans on a neighbour.
	leastStep = 0.002
	// leastSide is how long a stretch on either side of the change must be, in values of sideSeconds: a minute and more.
	leastSide   = 8
	sideSeconds = 8
	// kinship is how much more the mean of neighbouring values varies than that of independent ones: frames of 16 s lie over two.
	kinship = 1.7
)

// turn looks for one lasting change of the recording's clock offset among the seconds that follow the reference: the two-sample statistic at
// the place where it is greatest (Page 1955), which must exceed the price of a false alarm and of the places tried. It returns the second, and
// the change in hertz.
func (c *comparison) turn() (at, step float64, found bool) {
	if c.channel.Estimate.Source == enf.SourceVideo {
		return 0, 0, false // a camera's clock wanders
	}
	left := c.left()
	var mean, start []float64
	for from := 0; from < len(left); from += sideSeconds {
		if v := binMean(left, from, min(from+sideSeconds, len(left))); !math.IsNaN(v) {
			mean, start = append(mean, v), append(start, float64(from))
		}
	}
	sum := make([]float64, len(mean)+1)
	var moves []float64
	for i, v := range mean {
		sum[i+1] = sum[i] + v
		if i >= 2 {
			moves = append(moves, math.Abs(v-mean[i-2])) // neighbours share frames
		}
	}
	spread := max(1.4826*Median(moves)/math.Sqrt2, noiseFloor/2)
	best, n := 0.0, len(mean)
	for i := leastSide; i+leastSide <= n; i++ {
		a, b := sum[i]/float64(i), (sum[n]-sum[i])/float64(n-i)
		score := (b - a) * (b - a) / (2 * kinship * spread * spread * (1/float64(i) + 1/float64(n-i)))
		if score > best {
			best, at, step = score, start[i], b-a
		}
	}
	return at, step, math.Abs(step) >= leastStep && best > c.options.AlarmPrice()+math.Log(float64(n))
}

// left returns what is left of the seconds that follow the reference, offset included; NaN elsewhere.
func (c *comparison) left() []float64 {
	out := nothing(len(c.rec.hz))
	for _, s := range c.segs {
		for i := s.from; i < s.to && s.state != foreign; i++ {
			out[i] = c.rec.hz[i] - c.lines[s.state].truth[i]
		}
	}
	return out
}

// turned says that the clock's offset changes.
func (c *comparison) turned(at, step float64) {
	c.say(Undetermined, "The recording follows the grid's frequency, but from %s on its clock is off by %.1f mHz %s than before: "+
		"another device recorded that part, or it was played at another speed.", placed(at), 1e3*math.Abs(step), moreLess(step))
}

func moreLess(v float64) string {
	if v > 0 {
		return "more"
	}
	return "less"
}
