// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enftest

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/defakepro/defakepro/enf"
)

// The deviation of a grid, an autoregressive process of order four: coefficients and standard deviation of the innovation
// (hertz), fitted to 243 days of 60 Hz mains frequency sampled every two seconds.
var arCoefficients = [4]float64{1.132, 0.2558, -0.320, -0.0777}

const (
	arInnovation = 1.41e-3
	nodeStep     = 2.0 // seconds between the values of the process
	nodeMargin   = 2   // nodes before time zero, which the interpolation needs
	warmUp       = 500 // values discarded so that the process is stationary: its slowest mode decays in 35
	longestAsk   = 100 * 24 * time.Hour
	swingTime    = 120. // seconds; chosen time constant of a weak grid's swings, which then reach some 8 mHz/s per hertz
)

// GridOptions describes a grid. The zero value, apart from Duration, is a strong 60 Hz grid.
type GridOptions struct {
	// Nominal is the nominal frequency; GridAuto stands for 60 Hz.
	Nominal enf.Grid
	// Duration is how long the frequency wanders from time zero on, and Before for how long it did until then. Neither
	// changes what the other times have; outside, the frequency stays where it was.
	Duration, Before time.Duration
	// Start is the instant of time zero; the zero Time for a grid without a wall clock.
	Start time.Time
	// Offset is a constant deviation from nominal, in hertz.
	Offset float64
	// Swing adds slow swings that stay within ±Swing hertz, as isolated and weak grids have: 0 for none, up to 1.
	Swing float64
	// Scale multiplies the deviation of the process; 0 stands for 1.
	Scale float64
}

// Grid is a power grid whose frequency is known at any instant. Times are in seconds from its start. It is safe for
// concurrent use.
type Grid struct {
	opts   GridOptions
	origin int       // the node at time zero
	nodes  []float64 // deviation from nominal in hertz, every nodeStep seconds
	cycles []float64 // integral of the deviation from the first usable node to node i
	zero   float64   // the same integral up to time zero
}

// NewGrid returns the grid that seed stands for.
func NewGrid(seed uint64, opts GridOptions) *Grid {
	if opts.Nominal == enf.GridAuto {
		opts.Nominal = enf.Grid60
	}
	if opts.Scale == 0 {
		opts.Scale = 1
	}
	past := int(math.Ceil(max(0, opts.Before.Seconds()) / nodeStep))
	g := &Grid{opts: opts, origin: past + nodeMargin}
	n := 2*nodeMargin + 2 + int(math.Ceil(max(0, opts.Duration.Seconds())/nodeStep))
	g.nodes = deviations(rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 7)), past, n)
	for i := range g.nodes {
		g.nodes[i] *= opts.Scale
	}
	if opts.Swing > 0 {
		addSwings(rand.New(rand.NewPCG(seed, 2)), rand.New(rand.NewPCG(seed, 8)), past, g.nodes, opts.Swing)
	}
	for i := range g.nodes {
		g.nodes[i] += opts.Offset
	}
	n = len(g.nodes)
	g.cycles = make([]float64, n)
	for i := 1; i < n-2; i++ {
		g.cycles[i+1] = g.cycles[i] + g.segment(i).integral(1)*nodeStep
	}
	g.zero = g.cycles[g.origin]
	return g
}

// deviations returns n values of the autoregressive process, with past earlier ones before them. A stationary Gaussian
// process is the same one when time runs backwards (G. Weiss, "Time-reversibility of linear stochastic processes", J.
// Appl. Probab. 12(4), 1975), which is how the past is drawn: later values do not depend on how much of it there is.
func deviations(rng, back *rand.Rand, past, n int) []float64 {
	out := make([]float64, past+n)
	autoregress(rng, nil, arCoefficients[:], arInnovation, out[past:])
	earlier := make([]float64, past)
	autoregress(back, out[past:past+len(arCoefficients)], arCoefficients[:], arInnovation, earlier)
	for i, v := range earlier {
		out[past-1-i] = v
	}
	return out
}

// autoregress fills dst with what follows on the values of last, the newest of them first; without any, on a process long under way.
func autoregress(rng *rand.Rand, last, coefficients []float64, innovation float64, dst []float64) {
	x := make([]float64, len(coefficients))
	from := -warmUp
	if last != nil {
		copy(x, last)
		from = 0
	}
	for i := from; i < len(dst); i++ {
		v := innovation * rng.NormFloat64()
		for j, c := range coefficients {
			v += c * x[j]
		}
		copy(x[1:], x)
		x[0] = v
		if i >= 0 {
			dst[i] = v
		}
	}
}

// addSwings adds a slow random walk through two low-pass sections, bounded softly by the hyperbolic tangent.
func addSwings(rng, back *rand.Rand, past int, nodes []float64, swing float64) {
	a := math.Exp(-nodeStep / swingTime)
	// Two equal sections in a row: the variance of the second is (1+a²)/(1-a²)³ for a unit innovation.
	scale := (1 - a*a) * math.Sqrt((1-a*a)/(1+a*a))
	sections := []float64{2 * a, -a * a}
	walk := make([]float64, len(nodes))
	autoregress(rng, nil, sections, 1, walk[past:])
	earlier := make([]float64, past)
	autoregress(back, walk[past:past+len(sections)], sections, 1, earlier)
	for i, v := range earlier {
		walk[past-1-i] = v
	}
	for i, v := range walk {
		// The process itself counts within the bound, so that the sum keeps it.
		nodes[i] = swing * math.Tanh(scale*v+nodes[i]/swing)
	}
}

// cubic is a polynomial over one step of the process, its argument from 0 to 1.
type cubic struct{ a, b, c, d float64 }

func (p cubic) value(u float64) float64    { return p.a + u*(p.b+u*(p.c+u*p.d)) }
func (p cubic) integral(u float64) float64 { return u * (p.a + u*(p.b/2+u*(p.c/3+u*p.d/4))) }

// segment returns the Catmull–Rom interpolation between nodes i and i+1: continuous with its first derivative.
func (g *Grid) segment(i int) cubic {
	w, x, y, z := g.nodes[i-1], g.nodes[i], g.nodes[i+1], g.nodes[i+2]
	m0, m1 := (y-w)/2, (z-x)/2
	return cubic{a: x, b: m0, c: 3*(y-x) - 2*m0 - m1, d: 2*(x-y) + m0 + m1}
}

// locate returns the segment and the place in it of time t, clamped to the span of the process, and by how many seconds t lies outside.
func (g *Grid) locate(t float64) (i int, u, outside float64) {
	x := t / nodeStep
	first, last := float64(1-g.origin), float64(len(g.nodes)-2-g.origin)
	switch {
	case x < first:
		return 1, 0, (x - first) * nodeStep
	case x >= last:
		return len(g.nodes) - 3, 1, (x - last) * nodeStep
	}
	floor := math.Floor(x)
	return int(floor) + g.origin, x - floor, 0
}

// Options returns what the grid was made with.
func (g *Grid) Options() GridOptions { return g.opts }

// Nominal returns the nominal frequency.
func (g *Grid) Nominal() enf.Grid { return g.opts.Nominal }

// Frequency returns the frequency at time t, in hertz.
func (g *Grid) Frequency(t float64) float64 {
	i, u, _ := g.locate(t)
	return float64(g.opts.Nominal) + g.segment(i).value(u)
}

// Phase returns the phase at time t, in cycles of the fundamental from time zero: the exact integral of Frequency. Rounding
// stays below 1e-7 of a cycle over ten hours.
func (g *Grid) Phase(t float64) float64 {
	i, u, outside := g.locate(t)
	p := g.segment(i)
	drift := g.cycles[i] + p.integral(u)*nodeStep - g.zero
	if outside != 0 {
		drift += p.value(u) * outside
	}
	return float64(g.opts.Nominal)*t + drift
}

// Series returns the frequency at each whole second from the start to the end of the grid's duration, both included.
func (g *Grid) Series() enf.Series {
	n := int(max(0, g.opts.Duration)/time.Second) + 1
	s := enf.Series{Start: g.opts.Start, Step: time.Second, Hz: make([]float64, n)}
	for i := range s.Hz {
		s.Hz[i] = g.Frequency(float64(i))
	}
	return s
}

// Between returns the frequency at each whole second of the clock from the first at or after from to the last before
// to, NaN where it is outside the span that the grid was made for. That is the truth as package monitor wants it, save
// that the future is known too.
func (g *Grid) Between(_ context.Context, from, to time.Time) (enf.Series, error) {
	if to.Sub(from) > longestAsk {
		return enf.Series{}, fmt.Errorf("grid from %v to %v: asked for more than %v at once", from, to, longestAsk)
	}
	first := from.Truncate(time.Second)
	if first.Before(from) {
		first = first.Add(time.Second)
	}
	s := enf.Series{Start: first, Step: time.Second}
	for at := first; at.Before(to); at = at.Add(time.Second) {
		t, hz := at.Sub(g.opts.Start), math.NaN()
		if t >= -g.opts.Before && t <= g.opts.Duration {
			hz = g.Frequency(t.Seconds())
		}
		s.Hz = append(s.Hz, hz)
	}
	return s, nil
}
