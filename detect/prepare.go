// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"fmt"
	"math"
	"time"

	"github.com/defakepro/defakepro/enf"
)

// prepare readies the two series, and returns the reason if they cannot be compared.
func (c *comparison) prepare(est enf.Estimate, truth enf.Series) string {
	if !est.Present {
		reason := "There is no mains hum or flicker in the recording to compare"
		if est.Reason != "" {
			reason += ": " + est.Reason
		}
		return reason + "."
	}
	c.rec = newTrack(est.Series)
	least := int(c.options.Window.Seconds())
	if n := c.rec.present(); len(c.rec.hz) < least || n < least-unheardLittle {
		return fmt.Sprintf("The grid's frequency could be read for %s only; it takes at least %s to tell.", clock(float64(n)), clock(float64(least)))
	}
	truth, grid, err := truth.Fundamental(est.Grid)
	if err != nil && est.Grid != enf.GridAuto {
		return fmt.Sprintf("The recording's hum is that of a %d Hz grid, the reference is not.", est.Grid)
	}
	if err != nil {
		return fmt.Sprintf("The reference cannot be used: %v.", err)
	}
	if truth.Present() < 2 {
		return "The reference holds no frequencies."
	}
	if own, _, err := est.Series.Fundamental(grid); err == nil && own.Len() > 0 { // a recorder's series may be at a harmonic
		c.rec = newTrack(own)
		c.channel.Estimate.Series = own
	} else if err != nil {
		return fmt.Sprintf("The recording cannot be compared with the reference: %v.", err)
	}
	c.rec.camera = est.Source == enf.SourceVideo
	c.ref = newReference(truth)
	if c.options.Statistics != nil {
		c.grid = *c.options.Statistics
	} else {
		c.grid = modelOf(truth)
	}
	c.channel.Statistics = c.grid
	if c.options.Search {
		c.grid = c.grid.searching()
	}
	if reason := c.still(); reason != "" {
		return reason
	}
	return c.stranger()
}

const (
	// still, in hertz, is what no grid's frequency keeps to, by means of stillSeconds, for as long as two minutes: over so long they spread by 3.7 mHz in nine
	// cases of ten (docs/detection.md), and a generator or a converter with a quartz by a hundredth of it.
	still        = 0.0005
	stillSeconds = 16
	stillLeast   = 120
)

// still returns the reason if recording or reference do not move at all.
func (c *comparison) still() string {
	resting := func(hz []float64) bool {
		var m moments
		n := 0
		for from := 0; from+stillSeconds <= len(hz); from += stillSeconds {
			if v := binMean(hz, from, from+stillSeconds); !math.IsNaN(v) {
				m.add(0, v-c.grid.Mean)
				n += stillSeconds
			}
		}
		return n >= stillLeast && m.syy/m.n-m.sy/m.n*m.sy/m.n < still*still
	}
	if resting(c.ref.near(0, min(float64(len(c.ref.hz)-1)*c.ref.step, 86400)).hz) {
		return "The reference keeps to one frequency, as no grid does: nothing can be compared with it."
	}
	if resting(c.rec.hz) {
		c.channel.Estimate.Present = false
		return fmt.Sprintf("The recording's hum keeps to %.4f Hz, as no grid's does: a generator, a converter or a test tone hums there, so there is no ENF to compare.", c.rec.mean)
	}
	return ""
}

const (
	// apart is how far from a grid's mean, in hertz, a part of it never is for long: the parts of one interconnection
	// agree within a millihertz over seconds (docs/detection.md), and a strong one stays within 0.1 Hz. A weak grid is given
	// apartSpreads times its own spread.
	apart, apartSpreads = 0.15, 4.0
)

// stranger returns the reason if most of the hum is where the reference's grid cannot have been, not even by a recorder's
// clock. A fan, a local generator or another grid hums so in an honest recording, and its hum says nothing of when that was
// made: there is no ENF of this grid in it.
func (c *comparison) stranger() string {
	limit := max(apart, apartSpreads*c.grid.Spread)
	if c.channel.Estimate.Source == enf.SourceVideo {
		limit += cameraLimit
	}
	var near []float64
	for _, v := range c.rec.hz {
		if !(math.Abs(v-c.grid.Mean) <= limit) {
			v = math.NaN()
		}
		near = append(near, v)
	}
	if all := c.rec.present(); 2*present(near) >= all {
		camera := c.rec.camera
		c.rec = newTrack(enf.Series{Step: time.Second, Hz: near, Sigma: c.rec.sigma}) // the others are errors
		c.rec.camera = camera
		return ""
	}
	c.channel.Estimate.Present = false
	return fmt.Sprintf("The recording's hum, near %.2f Hz, is not that of the reference's grid, which stays near %.2f Hz: "+
		"a machine, a local generator or another grid hums there, or it was played at another speed, so there is no ENF to compare.", Median(c.rec.hz), c.grid.Mean)
}
