// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"context"
	"math"

	"github.com/defakepro/defakepro/enf"
)

const (
	// searchPiece is the length, in seconds, of the pieces that are searched for beside the whole: a forged
	// recording as a whole is nowhere.
	searchPiece, searchPieces = 300, 4
	// searchPlaces is how many places of each are looked at.
	searchPlaces = 5
	// refineLength is what recordings are long, in seconds, that are placed by their likelihood, and refineReach how far they are moved.
	refineLength, refineReach = 300, 4.0
)

// place finds how the recording lies on the reference.
func (c *comparison) place(ctx context.Context, truth enf.Series) {
	within := int(math.Ceil(c.options.MaxLag.Seconds())) + reach
	c.tries = 2*c.options.MaxLag.Seconds() + 1
	switch dated := truth.Dated() && c.channel.Estimate.Series.Dated(); {
	case c.options.Search:
		c.tries = max(c.tries, float64(len(c.ref.hz))*c.ref.step)
		c.main = c.search(ctx)
		return
	case c.options.Start != nil:
		c.claimed, c.dated = c.options.Start.Seconds(), true
	case dated:
		c.dated = true
		c.claimed = c.channel.Estimate.Series.Start.Sub(truth.Start).Seconds()
	}
	c.main = c.claimedOr(ctx, align(ctx, c.rec, c.ref, c.claimed, within))
}

// claimedOr returns the best place within the lag allowed, unless the one given, anywhere near, has the evidence for itself that one
// of hundreds must have.
func (c *comparison) claimedOr(ctx context.Context, other alignment) alignment {
	if math.Abs(other.place-c.claimed) <= c.options.MaxLag.Seconds()+0.5 {
		return other
	}
	best := align(ctx, c.rec, c.ref, c.claimed, int(math.Ceil(c.options.MaxLag.Seconds())))
	evidence := func(a alignment) float64 {
		truth := c.rec.along(c.ref, a.place, 0)
		noise := c.rec.noise(spreadOf(c.rec.residuals(truth, a.offset)))
		return c.grid.evidence(c.rec.hz, truth, noise)
	}
	if evidence(other) < evidence(best)+math.Log(2*reach+1) {
		return best
	}
	return other
}

// search finds the recording in the reference as a whole or by a piece, whichever most of it agrees with.
func (c *comparison) search(ctx context.Context) alignment {
	var starts []float64
	add := func(from, to int) {
		piece := c.rec.slice(from, to)
		if piece.present() < int(matchOverlap)-2*unheardLittle { // of a minute, its ends have no values
			return
		}
		for _, p := range search(ctx, piece, c.ref, c.grid, searchPlaces) {
			starts = append(starts, p.offset-float64(from))
		}
	}
	n := len(c.rec.hz)
	add(0, n)
	if n >= 2*searchPiece {
		for i := range searchPieces {
			from := i * (n - searchPiece) / (searchPieces - 1)
			add(from, from+searchPiece)
		}
	}
	best := alignment{rmse: math.NaN()}
	for _, p := range starts {
		if a := align(ctx, c.rec, c.ref, p, 1); a.support > best.support {
			best = a
		}
	}
	return best
}

// focus takes the part of the reference that the recording may lie on, smoothed as the recording is if that fits better:
// a reference may come from frames like the recording's, or from a meter of a value a second.
func (c *comparison) focus(ctx context.Context) {
	margin := reach + 2*frameSeconds
	c.near = c.ref.near(math.Floor(c.main.place-margin), math.Ceil(c.main.place+float64(len(c.rec.hz))*(1+1e-2)+margin))
	smooth := c.near.smoothed()
	if len(c.rec.hz) <= refineLength {
		plain, most := c.likeliest(c.near)
		c.main = plain
		if a, v := c.likeliest(smooth); v > most {
			c.near, c.main = smooth, a
		}
		return
	}
	if a := align(ctx, c.rec, smooth, c.main.place, 0); a.support > c.main.support {
		c.near, c.main = smooth, a
	}
}

// likeliest returns the alignment with ref, near that found, at which the values are likeliest, and their log density. Seconds agree well enough beside
// it too: noise that frames smear is as smooth as what a small shift of a grid that moves slowly leaves.
func (c *comparison) likeliest(ref reference) (best alignment, most float64) {
	from := c.main.place
	best, most = c.main, math.Inf(-1)
	within := max(c.options.MaxLag.Seconds(), math.Abs(from-c.claimed)) // of the place claimed, if there is one
	try := func(place float64) {
		if math.Abs(place-from) > refineReach || !c.options.Search && math.Abs(place-c.claimed) > within {
			return
		}
		truth := c.rec.along(ref, place, 0)
		noise := c.rec.noise(spreadOf(c.rec.residuals(truth, c.main.offset)))
		if v := c.grid.likelihood(c.rec.hz, truth, c.main.offset, clockPrior, noise); v > most {
			best.place, most = place, v
		}
	}
	try(from)
	for k := 1.0; k <= 2*refineReach; k++ {
		try(from + k/2)
		try(from - k/2)
	}
	for _, step := range []float64{0.25, 0.12} {
		at := best.place
		try(at + step)
		try(at - step)
	}
	return best, most
}
