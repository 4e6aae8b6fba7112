// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "math"

const (
	// A frame that is lost or doubled turns the light's phase by a third of a cycle or so, at once. The frames of four or eight seconds that lie
	// over that place err by up to 80 mHz, and no other does: slipLongest is for how many seconds that may be, slipShare what share
	// of a recording must follow the reference apart from them.
	slipLongest, slipShare = 10, 0.6
	// slipSigma and slipLeast are from where on a value strays, in its own uncertainties and at least, in hertz.
	slipSigma, slipLeast = 4, 0.003
)

// slipped fills in verdict and reason if slips are all that is wrong.
func (c *comparison) slipped() bool {
	at, only := c.slips()
	if only {
		c.channel.Forged = nil
		c.say(Undetermined, "The recording follows the grid's frequency but for moments, the first at %s and %d in all, as where frames were lost or doubled: "+
			"a change of the frame rate does that, and so does a cut of less than a second.", placed(at[0]), len(at))
	}
	return only
}

// slips returns the seconds at which the frames of a video slip, and whether that is all that is wrong with it: it strays from the reference
// for moments only, and follows it before and after each. Converting 30.02 frames a second to 30 drops one every 50 s. What strays up to the end is none: it
// may go on.
func (c *comparison) slips() (at []float64, only bool) {
	if !c.rec.camera {
		return nil, false
	}
	for _, s := range c.channel.Forged {
		if s.Kind == SpanCut && math.Abs(s.Jump) >= 1 {
			return nil, false // what is gone is seconds
		}
	}
	truth := c.rec.along(c.ref, c.main.place, 0)
	left := c.rec.residuals(truth, 0)
	middle := Median(left)
	follow, all, run, rest := 0, 0, 0, nothing(len(truth))
	for i, d := range left {
		if math.IsNaN(d) {
			continue
		}
		all++
		if math.Abs(d-middle) <= math.Max(slipLeast, slipSigma*c.noise.stated[i]) {
			follow, run, rest[i] = follow+1, 0, truth[i]+middle
			continue
		}
		if run++; run == 1 {
			at = append(at, float64(i))
		}
		if run > slipLongest {
			return nil, false
		}
	}
	if run > 0 || len(at) == 0 || float64(follow) < slipShare*float64(all) {
		return nil, false
	}
	stated := uncertainty{stated: c.noise.stated, raise: 1}
	return at, c.grid.evidence(c.rec.hz, rest, stated) > chance+math.Log(c.tries)
}
