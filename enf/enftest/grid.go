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
	nodeStep     = 2.0  // seconds between the values of the process
	nodeMargin   = 2    // nodes before time zero, which the interpolation needs
	warmUp       = 500  // values discarded so that the process is stationary: its slowest mode decays in 35
	swingTime    = 120. // seconds; chosen time constant of a weak grid's swings, which then reach some 8 mHz/s per hertz
)

// GridOptions describes a grid. The zero value, apart from Duration, is a strong 60 Hz grid.
type GridOptions struct {
	// Nominal is the nominal frequency; GridAuto stands for 60 Hz.
	Nominal enf.Grid
	// Duration is how long the frequency wanders. Before and after, it stays where it was.
	Duration time.Duration
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
	nodes  []float64 // deviation from nominal in hertz, every nodeStep seconds, from -nodeMargin*nodeStep
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
	g := &Grid{opts: opts}
	n := 2*nodeMargin + 2 + int(math.Ceil(max(0, opts.Duration.Seconds())/nodeStep))
	g.nodes = deviations(rand.New(rand.NewPCG(seed, 1)), n, opts.Scale)
	if opts.Swing > 0 {
		addSwings(rand.New(rand.NewPCG(seed, 2)), g.nodes, opts.Swing)
	}
	for i := range g.nodes {
		g.nodes[i] += opts.Offset
	}
	g.cycles = make([]float64, n)
	for i := 1; i < n-2; i++ {
		g.cycles[i+1] = g.cycles[i] + g.segment(i).integral(1)*nodeStep
	}
	g.zero = g.cycles[nodeMargin]
	return g
}

// deviations returns n values of the autoregressive process.
func deviations(rng *rand.Rand, n int, scale float64) []float64 {
	var x [4]float64
	out := make([]float64, n)
	for i := -warmUp; i < n; i++ {
		v := arInnovation * rng.NormFloat64()
		for j, c := range arCoefficients {
			v += c * x[j]
		}
		x = [4]float64{v, x[0], x[1], x[2]}
		if i >= 0 {
			out[i] = scale * v
		}
	}
	return out
}

// addSwings adds a slow random walk through two low-pass sections, bounded softly by the hyperbolic tangent.
func addSwings(rng *rand.Rand, nodes []float64, swing float64) {
	a := math.Exp(-nodeStep / swingTime)
	// Two equal sections in a row: the variance of the second is (1+a²)/(1-a²)³ for a unit innovation.
	scale := (1 - a*a) * math.Sqrt((1-a*a)/(1+a*a))
	var u, v float64
	for i := -warmUp; i < len(nodes); i++ {
		u = a*u + rng.NormFloat64()
		v = a*v + u
		if i >= 0 {
			// The process itself counts within the bound, so that the sum keeps it.
			nodes[i] = swing * math.Tanh(scale*v+nodes[i]/swing)
		}
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
	x := t/nodeStep + nodeMargin
	first, last := 1.0, float64(len(g.nodes)-2)
	switch {
	case x < first:
		return 1, 0, (x - first) * nodeStep
	case x >= last:
		return len(g.nodes) - 3, 1, (x - last) * nodeStep
	}
	i = int(x)
	return i, x - float64(i), 0
}

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

// Between returns the frequency at each second of the grid's time from the first at or after from to the last before to. It is an error to ask
// for a time outside the grid's duration.
func (g *Grid) Between(_ context.Context, from, to time.Time) (enf.Series, error) {
	s := g.Series()
	i, j := secondsCeil(from.Sub(s.Start)), secondsCeil(to.Sub(s.Start))
	if i < 0 || j > s.Len() || i > j {
		return enf.Series{}, fmt.Errorf("grid from %v for %v: no values between %v and %v", g.opts.Start, g.opts.Duration, from, to)
	}
	return s.Slice(i, j), nil
}

func secondsCeil(d time.Duration) int {
	n := int(d / time.Second)
	if d > 0 && d%time.Second != 0 {
		n++
	}
	return n
}
