// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"math"
	"slices"
	"time"

	"github.com/defakepro/defakepro/enf"
)

// What is believed about a comparison before it is made, in hertz.
const (
	clockPrior   = 0.003 // a sound card is within 50 ppm, 3 mHz at 60 Hz (docs/detection.md)
	clockLimit   = 0.006 // 100 ppm; a greater offset is no sound card's error
	cameraLimit  = 0.100 // a camera's: 30 frames a second may be 29.97, 45 mHz at 50 Hz, and drop some
	oddPrior     = 0.050 // standard deviation of what a recording at a wrong speed is off by
	noiseFloor   = 0.001 // what two good recordings of one grid differ by: smearing in 16 s frames, and the reference's own error
	noiseDefault = 0.002 // of a series that does not state its uncertainty and has no residual to tell it from
	noiseCeiling = 0.005 // most that is read from residuals (cameras jitter by as much): with more, anything agrees
	// cameraScatter is the noise from which a camera's frames do not come when it says they do: smooth wanderings of its clock, 2.2-9 mHz in
	// recordings of a lit wall (docs/estimation.md), look like a foreign hum for tens of seconds.
	cameraScatter = 0.002
	// wanderSeconds is what such a recording is averaged over: its clock strays for as long, and within it tells nothing.
	wanderSeconds = 12
	noiseWorst    = 1.0   // a stated uncertainty beyond says the same: nothing is known
	frameSeconds  = 8.0   // neighbours this close are not independent: the effective length of a 16 s Hann frame
	spreadFloor   = 0.003 // least spread a recording is credited with in ranking
)

// track is the recording: one value a second.
type track struct {
	hz     []float64
	sigma  []float64 // nil if not stated
	mean   float64
	spread float64 // standard deviation of the values
	camera bool    // its frames may not come when it says they do
}

// newTrack takes the series at one value a second.
func newTrack(s enf.Series) track {
	s = s.Resample(time.Second)
	rec := track{hz: slices.Clone(s.Hz)}
	if len(s.Sigma) == len(s.Hz) {
		rec.sigma = slices.Clone(s.Sigma)
		for i, v := range rec.sigma {
			if v < 0 || v > noiseWorst {
				rec.sigma[i] = noiseWorst
			}
		}
	}
	var m moments
	for i, v := range rec.hz {
		if math.IsInf(v, 0) {
			rec.hz[i] = math.NaN()
		} else if !math.IsNaN(v) {
			m.add(0, v-60)
		}
	}
	if m.n > 0 {
		rec.mean = 60 + m.sy/m.n
		rec.spread = math.Sqrt(max(0, m.syy/m.n-m.sy/m.n*m.sy/m.n))
	}
	return rec
}

func (rec track) present() int { return present(rec.hz) }

// present returns how many values are there.
func present(x []float64) int {
	n := 0
	for _, v := range x {
		if !math.IsNaN(v) {
			n++
		}
	}
	return n
}

// binned averages the values over stretches of so many seconds.
func (rec track) binned(seconds float64) []float64 {
	n := max(1, int(math.Ceil(float64(len(rec.hz))/seconds)))
	out := make([]float64, n)
	for k := range out {
		out[k] = binMean(rec.hz, int(math.Round(float64(k)*seconds)), int(math.Round(float64(k+1)*seconds)))
	}
	return out
}

// uncertainty is how uncertain a recording's values are.
type uncertainty struct {
	stated []float64 // standard uncertainty of each second, in hertz: what the series states
	raise  float64   // how many times that is what is left over after the fit, at least 1
	// wanders says that what is left over is a camera's clock, which strays for seconds.
	wanders bool
}

// step returns the seconds over which values are averaged before they are weighed.
func (n uncertainty) step() int {
	if n.wanders {
		return wanderSeconds
	}
	return binSeconds
}

// at returns the greater uncertainty of second i.
func (n uncertainty) at(i int) float64 { return n.raise * n.stated[i] }

func (n uncertainty) slice(from, to int) uncertainty {
	return uncertainty{n.stated[from:to], n.raise, n.wanders}
}

// median returns the median of the greater uncertainties.
func (n uncertainty) median() float64 { return n.raise * Median(n.stated) }

// noise returns the uncertainties, given what is left over after the fit.
func (rec track) noise(residual float64) uncertainty {
	stated := math.Hypot(rec.medianSigma(), noiseFloor)
	if math.IsNaN(residual) {
		residual = noiseDefault
	}
	// A statement may be too bold: it knows of noise in the signal, not of a camera's jitter.
	out := uncertainty{stated: make([]float64, len(rec.hz)), raise: max(1, min(residual, max(noiseCeiling, 2*stated))/stated)}
	for i := range out.stated {
		out.stated[i] = stated
		if rec.sigma != nil && !math.IsNaN(rec.sigma[i]) {
			out.stated[i] = math.Hypot(rec.sigma[i], noiseFloor)
		}
	}
	out.wanders = rec.camera && out.median() > cameraScatter
	return out
}

// medianSigma returns the median of the stated uncertainties, 0 if there are none.
func (rec track) medianSigma() float64 {
	var s []float64
	for i, v := range rec.sigma {
		if !math.IsNaN(v) && !math.IsNaN(rec.hz[i]) {
			s = append(s, v)
		}
	}
	if len(s) == 0 {
		return 0
	}
	slices.Sort(s)
	return s[len(s)/2]
}

// along returns the reference on the recording's seconds, if second 0 lies at the given place in it. The recorder's
// clock runs fast or slow by the same share by which it mistakes the hum, so a second of the recording is 1+stretch of
// the reference's.
func (rec track) along(ref reference, place, stretch float64) []float64 {
	out := make([]float64, len(rec.hz))
	for i := range out {
		out[i] = ref.at(place + float64(i)*(1+stretch))
	}
	return out
}

// fit compares the recording with the reference from place on.
func (rec track) fit(ref reference, place float64) fit {
	var m moments
	for i, y := range rec.hz {
		if x := ref.at(place + float64(i)); !math.IsNaN(x) && !math.IsNaN(y) {
			m.add(x-rec.mean, y-rec.mean)
		}
	}
	return m.fit(0, 0, 1)
}

// reference is the grid's frequency, step seconds apart, from start seconds after the series it is of.
type reference struct {
	hz          []float64
	step, start float64
	stated      float64 // the median uncertainty that it states of its values, in hertz; 0 for none
}

// newReference takes the series at its own step, or at a second if that is finer.
func newReference(s enf.Series) reference {
	if s.Step < time.Second && s.Step > 0 {
		s = s.Resample(time.Second)
	}
	if s.Step <= 0 {
		s.Step = time.Second
	}
	r := reference{hz: s.Hz, step: s.Step.Seconds()}
	if stated := Median(s.Sigma); stated > 0 {
		r.stated = stated
	}
	return r
}

// at returns the frequency at t seconds from the first value, on a straight line between values; NaN where there is
// none.
func (r reference) at(t float64) float64 {
	t = (t - r.start) / r.step
	if !(t >= 0 && t <= float64(len(r.hz)-1)) {
		return math.NaN()
	}
	i := int(t)
	part := t - float64(i)
	v := r.hz[i]
	if part > 1e-9 && i+1 < len(r.hz) {
		v = v*(1-part) + r.hz[i+1]*part
	}
	if v-v != 0 { // infinite
		return math.NaN()
	}
	return v
}

// near returns the stretch from one second to another, at a value a second.
func (r reference) near(from, to float64) reference {
	out := reference{hz: make([]float64, max(0, int(to-from))+1), step: 1, start: from}
	for i := range out.hz {
		out.hz[i] = r.at(from + float64(i))
	}
	return out
}

// smoothed returns a reference at a value a second as an estimator's frames show it: the mean under a Hann window of
// 16 s, of the values that are there.
func (r reference) smoothed() reference {
	const half = int(frameSeconds)
	var weights [half + 1]float64
	for k := range weights {
		weights[k] = 0.5 + 0.5*math.Cos(math.Pi*float64(k)/float64(half+1))
	}
	out := r
	out.hz = make([]float64, len(r.hz))
	for i := range r.hz {
		sum, weight := 0.0, 0.0
		for j := max(0, i-half); j <= min(len(r.hz)-1, i+half); j++ {
			if v := r.hz[j]; v == v { // not NaN
				w := weights[max(i-j, j-i)]
				sum, weight = sum+w*v, weight+w
			}
		}
		if out.hz[i] = math.NaN(); !math.IsNaN(r.hz[i]) {
			out.hz[i] = sum / weight
		}
	}
	return out
}

// moments are the sums from which a comparison of y with x follows.
type moments struct{ n, sx, sxx, sy, syy, sxy float64 }

func (m *moments) add(x, y float64) {
	m.n++
	m.sx += x
	m.sxx += x * x
	m.sy += y
	m.syy += y * y
	m.sxy += x * y
}

// fit is how well values agree.
type fit struct {
	seconds           float64 // compared
	offset            float64 // mean of y - x
	rmse, correlation float64 // about the means
	spread            float64 // standard deviation of x
}

// fit works the sums out. They were taken about meanX and meanY, from values of so many seconds each.
func (m moments) fit(meanX, meanY, seconds float64) fit {
	if m.n == 0 {
		return fit{offset: math.NaN(), rmse: math.NaN(), correlation: math.NaN()}
	}
	dx, dy := m.sx/m.n, m.sy/m.n
	vx, vy := max(0, m.sxx/m.n-dx*dx), max(0, m.syy/m.n-dy*dy)
	cov := m.sxy/m.n - dx*dy
	f := fit{seconds: m.n * seconds, offset: dy - dx + meanY - meanX, rmse: math.Sqrt(max(0, vx+vy-2*cov)), correlation: math.NaN(), spread: math.Sqrt(vx)}
	if vx > 1e-16 && vy > 1e-16 { // less than 10 nHz of movement is rounding
		f.correlation = max(-1, min(1, cov/math.Sqrt(vx*vy)))
	}
	return f
}

// score ranks places: the log-likelihood ratio, in nats, of a match whose residual is what is seen against values that
// spread as the recording does, less what its offset costs. It compares places; it is not evidence.
func (f fit) score(spread float64) float64 {
	if f.seconds == 0 {
		return math.Inf(-1)
	}
	spread = max(spread, spreadFloor)
	gain := 0.5 * math.Log((spread*spread+noiseFloor*noiseFloor)/(f.rmse*f.rmse+noiseFloor*noiseFloor))
	// A clock's error is small; but the speed of a recording may be off by more, so that the cost has an end.
	const most = 8
	cost := min(0.5*(f.offset/clockPrior)*(f.offset/clockPrior), most)
	return f.seconds/frameSeconds*gain - cost
}

// meanSquare returns the mean square difference at which a fit of so many seconds, without an offset, has the score.
func meanSquare(score, seconds, spread float64) float64 {
	spread = max(spread, spreadFloor)
	return (spread*spread+noiseFloor*noiseFloor)*math.Exp(-2*frameSeconds*score/seconds) - noiseFloor*noiseFloor
}
