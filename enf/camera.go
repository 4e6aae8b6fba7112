// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

import (
	"math"
	"math/cmplx"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/defakepro/defakepro/dsp"
)

const (
	// flicker is the harmonic at which light flickers: twice the mains frequency, power going with the square of the
	// current.
	flicker = 2
	// readoutStep is the spacing of the read-out times tried, in cycles of flicker per frame; between two of them at
	// most 0.3 dB is lost.
	readoutStep = 0.25
	// sceneAhead is how long frames are held back so that the scene is known (of live video, in the beginning), and
	// sceneTime the time constant of its average, in seconds. What stands still for that long is taken for the scene.
	sceneAhead, sceneTime = 30, 120
	// loudest is how many times the usual projection one may be: a cut or a flash must not outweigh minutes.
	loudest = 4
	// noiseFollow is how much of each new frame goes into the running estimates of noise, and leastNoiseShare the share of the
	// quietest quarter's noise that every strip is taken to have at least.
	noiseFollow, leastNoiseShare = 1.0 / 256, 0.25
	// restPower is how many times the strips' disagreement the flicker has in a scene at rest.
	restPower = 100
	// videoSigma is by how much the uncertainty exceeds that of white noise: encoders' noise comes in the rhythm of
	// their frames. imageShare is the most that the mirror image of [camera.threes] was seen to do (see [image.push]).
	// Both found on rendered scenes (docs/estimation.md).
	videoSigma, imageShare, imageTime = 1.5, 0.2, 30
)

// camera turns frames into the samples of its lines, one line for each read-out time tried.
type camera struct {
	grid    Grid
	fps     float64
	strips  int
	lines   []*line
	tries   []*projection
	frames  []frame   // held back, of which tries hold what is seen
	former  frame     // the last that was not
	last    float64   // and when it was taken
	live    bool      // hold frames back in the beginning only
	ahead   float64   // for how many seconds frames are held back
	real    []float64 // scratch
	imag    []float64
	weights []float64
}

// projection is one guess at the number of cycles that the flicker passes through in a frame.
type projection struct {
	cycles float64
	kernel [2][]float64   // per row: of the real part, of the imaginary one
	gram   [3]float64     // of cosine, cosine with sine, and sine: what they explain of a frame, see [rowKernel]
	energy float64        // explained, lately
	held   [][]complex128 // frames held back, per strip
	scenes []circle       // per strip
	weight float64        // of the frames in scenes
	usual  float64        // magnitude
	threes *image         // if not nil: watches for the mirror image about a multiple of a sixth of the frame rate, in what the zoom lets through
	noise  []float64      // per strip, mean square of what it does not share with the others

	contrasts [3]float64 // mean square of each way to set strips against strips
}

func newCamera(grid Grid, period float64, rows, strips int, live bool) *camera {
	c := &camera{grid: grid, fps: 1 / period, strips: strips, live: live, ahead: sceneAhead, last: math.Inf(-1), real: make([]float64, strips), imag: make([]float64, strips), weights: make([]float64, strips)}
	most := flicker*float64(grid)*period + readoutStep/2 // read-out as long as the frame
	if rows < 4 {
		most = 0 // a series of means: rows tell nothing
	}
	for v := 0.0; v <= most; v += readoutStep {
		// Near a multiple of half the frame rate the tone and its mirror image coincide, unless the rows tell them apart.
		if v < 1 && c.mirrored() && rows >= 4 {
			continue
		}
		p := &projection{cycles: v, scenes: make([]circle, strips), noise: make([]float64, strips)}
		p.kernel, p.gram = rowKernel(v, rows)
		l := newFlicker(grid, len(c.tries))
		l.spread = videoSigma
		if c.mirrored() {
			l.twin = newFlicker(grid, len(c.tries))
			l.still = -math.Remainder(flicker*float64(grid), c.fps) / flicker
		}
		if axis, near := c.threes(); near && v == 0 {
			l.still, l.image = axis, imageShare
			p.threes = &image{step: unit(-2 * math.Pi * flicker * axis / l.rate), turn: 1, every: int(l.rate)}
		}
		c.lines = append(c.lines, l)
		c.tries = append(c.tries, p)
	}
	return c
}

// newFlicker returns the line of light's flicker, twice the fundamental, as one projection of the rows sees it.
func newFlicker(grid Grid, input int) *line {
	l := newLine(grid, flicker, input)
	l.zoom = dsp.NewZoom(flicker*float64(grid), flicker*zoomBand, l.rate)
	return l
}

// mirrored reports whether the flicker's alias at this frame rate is so near zero or half the frame rate that its mirror
// image falls into the band.
func (c *camera) mirrored() bool {
	apart := math.Abs(math.Remainder(2*flicker*float64(c.grid), c.fps))
	return apart < 2*flicker*zoomBand
}

// threes returns where on the fundamental's scale (deviation from nominal, Hz) the flicker meets its own mirror image
// if every third frame is coded alike, and whether that is near. Encoders do so of their own accord (two B-frames to
// each reference frame), and pass light on more faithfully in one kind of frame than in another: that multiplies the
// alias by a third of the frame rate and its double.
func (c *camera) threes() (axis float64, near bool) {
	axis = -math.Remainder(2*flicker*float64(c.grid), c.fps/3) / (2 * flicker)
	const resolved = 0.05 // hertz; beyond, a frame of sixteen seconds tells line and image apart
	return axis, math.Abs(axis) < resolved
}

// image watches how far a rotating line is from a circle, which is how much of its mirror image it has in it. It is to see the line's
// surroundings only: an exposure control that meters every third frame answers the alias with a slow swell of the whole picture, a third of
// the frame rate below it, and the product of the two is where that of line and image is.
type image struct {
	turn, step complex128    // what brings the axis to rest, and its advance per sample
	every, n   int           // samples that are averaged, so that noise does not look like an image, and how many there are
	sum        complex128    // of them
	means      float64       // so far
	square     [2]complex128 // mean of z²/|z|², and its mean: a line that turns leaves little in it
}

// push adds a sample and returns the root mean square error of the frequency, as a share of its distance from the axis: with a line
// z = exp(jφ) + b exp(-jφ) the phase errs by b sin 2φ, and the mean of z²/|z|² is b, in which no loud moment counts for more. A line that
// has not turned yet says more than 1.
func (m *image) push(x complex128, share float64) float64 {
	m.sum += x * m.turn
	m.turn *= m.step
	m.turn = scaled(m.turn, 1/math.Sqrt(abs2(m.turn)))
	if m.n++; m.n == m.every {
		if size := abs2(m.sum); size > 0 {
			m.means++
			share = max(share, 1/m.means)
			m.square[0] += scaled(scaled(m.sum*m.sum, 1/size)-m.square[0], share)
			m.square[1] += scaled(m.square[0]-m.square[1], share)
		}
		m.sum, m.n = 0, 0
	}
	return math.Sqrt(2 * abs2(m.square[1]))
}

// blind reports whether nothing could have been seen: the alias is of no use and there are no rows.
func (c *camera) blind() bool { return c.mirrored() && len(c.tries) == 1 }

// push adds a frame.
func (c *camera) push(f frame) {
	for _, p := range c.tries {
		p.add(f.cells, c.strips, 1/(sceneTime*c.fps))
	}
	f.cells = nil
	c.frames = append(c.frames, f)
	for len(c.frames) > 0 && f.time-c.frames[0].time > c.ahead {
		c.release()
		if c.live { // by now the scene is known from the past
			c.ahead = 0
		}
	}
	for i, l := range c.lines {
		n := len(l.kept)
		l.kept = l.zoom.Read(l.kept)
		if threes := c.tries[i].threes; threes != nil {
			for _, x := range l.kept[n:] {
				l.image = min(imageShare, threes.push(x, 1.0/imageTime))
			}
		}
		if l.twin != nil {
			l.twin.kept = l.twin.zoom.Read(l.twin.kept)
		}
	}
}

// finish ends the video at the given time.
func (c *camera) finish(end float64) {
	for len(c.frames) > 0 {
		c.release()
	}
	for _, l := range c.lines {
		l.kept = l.zoom.Flush(l.kept, end)
		if l.twin != nil {
			l.twin.kept = l.twin.zoom.Flush(l.twin.kept, end)
		}
	}
}

// release gives the oldest frame held back to the lines.
func (c *camera) release() {
	f := c.frames[0]
	c.frames = c.frames[1:]
	t := f.pace.after(c.former, f, c.last)
	c.former = f
	for i, p := range c.tries {
		x := p.held[0]
		p.held = p.held[1:]
		for s := range x {
			x[s] -= p.scenes[s].center(c.mirrored())
		}
		y, noise := c.shared(p, x), complex128(0)
		p.energy += noiseFollow * (p.explains(y) - p.energy)
		if c.mirrored() {
			noise = p.disagreement(x, c.floor(p))
		}
		if size := cmplx.Abs(y); size > 0 {
			scale := complex(p.limit(size)/size, 0)
			y, noise = y*scale, noise*scale
		}
		if c.blind() {
			y = 0 // scene and flicker cannot be told apart
		}
		c.pass(c.lines[i], t, y)
		if twin := c.lines[i].twin; twin != nil {
			c.pass(twin, t, noise)
		}
	}
	c.last = t
	if c.mirrored() {
		c.favour()
	}
}

// pass gives a frame's sample to a line, and in place of a few frames missing before it what lies between its
// neighbours when both are turned as the flicker turns. Left out, they would modulate the light: one frame in ten that
// is missing drowns the faint lines next to a still scene.
func (c *camera) pass(l *line, t float64, y complex128) {
	const most = 0.3 // seconds; the light has not changed its ways meanwhile
	gap := t - c.last
	if n := math.Round(gap * c.fps); n > 1 && gap < most {
		turn := func(x complex128, by float64) complex128 { return x * unit(2*math.Pi*flicker*float64(c.grid)*by) }
		for i := 1.0; i < n; i++ {
			after := gap * i / n
			l.zoom.Push(c.last+after, 1/c.fps, scaled(turn(l.newest, after), 1-i/n)+scaled(turn(y, after-gap), i/n))
		}
	}
	l.zoom.Push(t, 1/c.fps, y)
	l.newest = y
}

// favour marks the guess whose projection is largest, which is the nearest to the truth. Where the mirror image falls on the flicker,
// power over the noise does not tell: a wrong guess lets through the image, which looks no worse and bends the frequency.
func (c *camera) favour() {
	best := 0
	for i, p := range c.tries {
		if p.clean() > c.tries[best].clean() {
			best = i
		}
	}
	// What moves is largest in a guess of few cycles. Only a scene at rest tells.
	sure := c.tries[best].energy > restPower*c.tries[best].noisy()
	for i, l := range c.lines {
		l.shunned = sure && i != best
	}
}

// shared is what the strips have in common, the flicker: their mean, each weighted by the reciprocal of its noise. A strip's noise is its
// mean square difference from what the others share without it, so that no strip can vouch for itself. What moves through a strip
// thus silences it.
func (c *camera) shared(p *projection, x []complex128) complex128 {
	if len(x) == 1 {
		c.weights[0] = 1
		return x[0]
	}
	if p.weight <= 1 || slices.Max(p.noise) == 0 { // nothing is known yet
		y := c.middle(x)
		for s, v := range x {
			p.noise[s] = abs2(v - y)
		}
	}
	floor := c.floor(p)
	// Weights by the noise so far, then by this frame's difference too: what begins to move does so at once.
	first := c.weigh(x, func(s int) float64 { return p.noise[s] + floor })
	y := c.weigh(x, func(s int) float64 { return p.noise[s] + floor + abs2(x[s]-first) })
	for s, v := range x {
		others := scaled(v-y, 1/max(1-c.weights[s], 1e-3)) // difference from the mean of the others
		p.noise[s] += noiseFollow * (abs2(others) - p.noise[s])
	}
	return y
}

// floor is the least noise that a strip is taken to have, so that two which happen to agree do not outvote the rest for ever.
func (c *camera) floor(p *projection) float64 {
	copy(c.real, p.noise)
	return leastNoiseShare * quickSelect(c.real, len(c.real)/4)
}

// weigh returns the mean of x weighted by the reciprocals of the given noise, and leaves the weights, which add up to 1, in c.weights.
func (c *camera) weigh(x []complex128, noise func(int) float64) (mean complex128) {
	total := 0.0
	for s := range x {
		c.weights[s] = 1 / (noise(s) + leastNoise)
		total += c.weights[s]
	}
	for s, v := range x {
		c.weights[s] /= total
		mean += scaled(v, c.weights[s])
	}
	return mean
}

func scaled(x complex128, by float64) complex128 { return complex(real(x)*by, imag(x)*by) }

func abs2(x complex128) float64 { return real(x)*real(x) + imag(x)*imag(x) }

// disagreement sets one half of the strips against the other: the noise of what they share, without the flicker. Where scene and alias
// share a frequency, it is the only measure of the noise there. Of several ways to halve them, it takes the one that lately differed
// most.
func (p *projection) disagreement(x []complex128, floor float64) complex128 {
	var most complex128
	top := -1.0
	for i := range p.contrasts {
		var sum [2]complex128
		var total [2]float64
		for s, v := range x {
			w := 1 / (p.noise[s] + floor + leastNoise)
			half := s >> i & 1 // singly, in pairs, in fours
			sum[half] += scaled(v, w)
			total[half] += w
		}
		if total[0] == 0 || total[1] == 0 {
			continue
		}
		d := scaled(scaled(sum[0], 1/total[0])-scaled(sum[1], 1/total[1]), 0.5)
		p.contrasts[i] += noiseFollow * (abs2(d) - p.contrasts[i])
		if p.contrasts[i] > top {
			top, most = p.contrasts[i], d
		}
	}
	return most
}

// middle is the median of both parts.
func (c *camera) middle(x []complex128) complex128 {
	if len(x) == 0 {
		return 0
	}
	for s, y := range x {
		c.real[s], c.imag[s] = real(y), imag(y)
	}
	return complex(median(c.real[:len(x)]), median(c.imag[:len(x)]))
}

// add projects a frame and lets the scene follow it, by at least the given share.
func (p *projection) add(cells []float64, strips int, share float64) {
	x := make([]complex128, strips)
	rows := len(cells) / strips
	for s := range strips {
		strip := cells[s*rows : (s+1)*rows]
		x[s] = complex(floats.Dot(p.kernel[0], strip), floats.Dot(p.kernel[1], strip))
	}
	p.held = append(p.held, x)
	p.weight++
	share = math.Max(share, 1/p.weight)
	for s := range x {
		p.scenes[s].add(x[s], share)
	}
}

// limit returns the size, bounded to a few times the usual.
func (p *projection) limit(size float64) float64 {
	if p.usual == 0 {
		p.usual = size
	}
	size = math.Min(size, loudest*p.usual)
	p.usual += noiseFollow * (size - p.usual)
	return size
}

// clean is how much of the frames' variance the projection explains that is sure not to be noise: less four times (6 dB) what the strips
// disagree by. It is greatest for the guess that is right.
func (p *projection) clean() float64 { return p.energy - 4*p.noisy() }

// noisy is the variance that the strips' disagreement explains.
func (p *projection) noisy() float64 {
	return 2 * (p.gram[0] + p.gram[2]) * slices.Max(p.contrasts[:])
}

// rowKernel returns the weights whose sum with a frame's rows is the complex amplitude of the given number of cycles in
// it: by least squares together with a constant, a slope and, being real, the mirror image, so that none of these leaks
// in. gram is the Gram matrix of cosine and sine over the rows, with constant and slope taken out of both: the variance
// that a cosine and b sine explain is a²·gram[0] + 2ab·gram[1] + b²·gram[2].
func rowKernel(cycles float64, rows int) (kernel [2][]float64, gram [3]float64) {
	kernel = [2][]float64{make([]float64, rows), make([]float64, rows)}
	terms := 4 // cosine, sine, constant, slope
	switch {
	case cycles == 0:
		floats.AddConst(1/float64(rows), kernel[0])
		return kernel, [3]float64{1, 0, 1}
	case cycles < 1: // a part of a cycle is not told from a slope
		terms = 3
	}
	basis := mat.NewDense(rows, terms, nil)
	for r := range rows {
		at := (float64(r) + 0.5) / float64(rows)
		sin, cos := math.Sincos(2 * math.Pi * cycles * at)
		basis.SetRow(r, []float64{cos, sin, 1, at - 0.5}[:terms])
	}
	var products, inverse, weights mat.Dense
	products.Mul(basis.T(), basis)
	if err := inverse.Inverse(&products); err != nil {
		return kernel, gram // singular: sees nothing
	}
	weights.Mul(&inverse, basis.T())
	for r := range rows {
		kernel[0][r], kernel[1][r] = weights.At(0, r)/2, -weights.At(1, r)/2
	}
	// Taking out is inverting the inverse's block (Schur complement).
	a, b, c := inverse.At(0, 0), inverse.At(0, 1), inverse.At(1, 1)
	scale := 1 / (a*c - b*b) / float64(rows)
	return kernel, [3]float64{c * scale, -b * scale, a * scale}
}

// explains returns the share of a frame's variance that a projection stands for.
func (p *projection) explains(x complex128) float64 {
	a, b := 2*real(x), -2*imag(x)
	return a*a*p.gram[0] + 2*a*b*p.gram[1] + b*b*p.gram[2]
}

// readout returns the estimated read-out time in seconds: that of the guess in which the flicker was strongest, between its
// neighbours.
func (c *camera) readout() float64 {
	best := 0
	level := func(i int) float64 {
		if c.mirrored() {
			return c.tries[i].clean()
		}
		return c.lines[i].level
	}
	for i := range c.lines {
		if level(i) > level(best) {
			best = i
		}
	}
	cycles := c.tries[best].cycles
	if cycles == 0 {
		return 0
	}
	if best > 0 && best < len(c.lines)-1 {
		cycles += readoutStep * dsp.Peak(level(best-1), level(best), level(best+1))
	}
	return cycles / (flicker * float64(c.grid))
}
