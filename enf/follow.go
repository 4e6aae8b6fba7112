// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

import (
	"math"
	"slices"
)

const (
	// temper makes the evidence of frames that overlap count once: sixteen-second Hann frames a second apart are
	// as good as independent every six seconds.
	temper = 1.0 / 6
	// loudestLine is the most evidence that one harmonic gives for a place, in nats: that of 39 dB.
	loudestLine = 9
	// moveCost is the price of a move by one bin (4 mHz) in a second. Found on simulated grids and on real ones from the
	// calm (1 mHz/s) to the weak (30 mHz/s); between 0.1 and 1 the result hardly changes.
	moveCost = 0.3
	// trackDelay is how many seconds of further slices the track waits for before it is decided, and liveDelay that of a live one.
	trackDelay, liveDelay = 16, 3
	// liveSure is how far behind the best, in nats, a live track takes a path to be out of the question, and does not wait any longer.
	liveSure = 12
	// liveSpare is how much of its end a live slice may lack, in seconds, where its window has 4 % at most: the
	// fundamental is known that much later than other harmonics. When the second is measured, a slice later at least,
	// it is there.
	liveSpare = 1
	// pastSeconds and aheadSeconds bound the stretch around a second over which each line's worth is judged. A live one
	// does not look ahead.
	pastSeconds, aheadSeconds = 45, 15
	// ringSeconds is the number of seconds that are remembered: all of the above.
	ringSeconds = 128
)

// follower follows one grid frequency through a set of lines: it builds the power spectrum matrix second by second,
// combines its strips, tracks the ridge, and measures along it.
type follower struct {
	grid    Grid
	lines   []*line
	groups  [][]int // indices of lines of one harmonic: alternatives, of which one is used
	meter   *meter
	track   *tracker
	rows    []row   // ring over seconds
	made    int     // seconds whose strips exist
	found   int     // seconds whose place on the ridge is decided
	told    int     // seconds whose value is out
	hinted  int     // seconds that had an early value, or could have had
	chosen  []int   // lines that the newest value was from, or was to be
	ahead   int     // seconds looked ahead before a value is told
	quick   bool    // seconds of strong hum are told before their place on the ridge is decided
	last    float64 // the newest value told, as a deviation; NaN where there was none
	clear   float64 // with a twin: the share of late of the seconds that were clear of the scene
	scratch []float64
	sum     []float64
	most    []float64 // per line, the greatest power in the newest slice
	covered func(second int) float64
	emit    func(value)
	observe func(Slice)
}

// row is one second of the power spectrum matrix, line by line.
type row struct {
	covered float64     // share of the second for which there is signal
	strips  [][]float64 // in units of the noise
	noise   []float64
	bin     int       // the ridge
	logs    []float64 // ln(1+power) on the ridge
	agrees  []bool    // whether the line's own greatest peak is on the ridge
}

// peak returns the bin of a line's greatest power within reach of a deviation, both in hertz at the fundamental.
func (r *row) peak(line int, freq, reach float64) int {
	s := r.strips[line]
	from, to := int((freq-reach)/binWidth)+stripHalf, int((freq+reach)/binWidth)+stripHalf
	top := min(max(from, 0), len(s)-1)
	for j := top; j <= min(to, len(s)-1); j++ {
		if s[j] > s[top] {
			top = j
		}
	}
	return top
}

// value is the result for one second.
type value struct {
	second         int
	heard          bool      // there is signal near it
	hz, sigma, snr float64   // hz is NaN where there is no ENF
	used           []bool    // per group, whether it took part
	levels         []float64 // per group, its power on the ridge in decibels, averaged over the stretch around the second
}

func newFollower(grid Grid, lines []*line, o Options, emit func(value)) *follower {
	delay, sure, ahead := trackDelay, 0.0, aheadSeconds
	if o.Live {
		delay, sure, ahead = liveDelay, liveSure, 0
	}
	f := &follower{
		grid: grid, lines: lines, emit: emit, observe: o.Observe, clear: 0.5, ahead: ahead, quick: o.Quick && ahead == 0, last: math.NaN(),
		meter: newMeter(lines), track: newTracker(stripBins, delay, sure, moveCost),
		scratch: make([]float64, stripBins), sum: make([]float64, stripBins), most: make([]float64, len(lines)),
		rows: make([]row, ringSeconds),
	}
	for i, l := range lines {
		if n := len(f.groups); n == 0 || lines[f.groups[n-1][0]].number != l.number {
			f.groups = append(f.groups, nil)
		}
		last := len(f.groups) - 1
		f.groups[last] = append(f.groups[last], i)
	}
	for i := range f.rows {
		r := &f.rows[i]
		r.noise, r.logs, r.agrees = make([]float64, len(lines)), make([]float64, len(lines)), make([]bool, len(lines))
		r.strips = make([][]float64, len(lines))
		for j := range r.strips {
			r.strips[j] = make([]float64, stripBins)
		}
	}
	return f
}

func (f *follower) row(t int) *row { return &f.rows[t%ringSeconds] }

// until is the time up to which every line has samples.
func (f *follower) until() float64 {
	t := math.Inf(1)
	for _, l := range f.lines {
		t = math.Min(t, l.until())
	}
	return t
}

// advance goes as far as the samples allow. covered tells what share of a second has signal.
func (f *follower) advance(covered func(second int) float64) {
	f.covered = covered
	t := f.until()
	if f.ahead == 0 {
		t += liveSpare
	}
	for float64(f.made)+frameSeconds/2 <= t {
		f.slice()
	}
	if f.quick {
		f.rush()
	}
}

// finish goes on to the end of the signal, in seconds.
func (f *follower) finish(end float64, covered func(second int) float64) {
	f.covered = covered
	for float64(f.made) <= end {
		f.slice()
	}
	for bin, ok := f.track.flush(); ok; bin, ok = f.track.flush() {
		f.decide(bin)
	}
	for f.told < f.found {
		f.tell()
	}
}

const (
	// leakage is what of a loud harmonic's power may turn up at another, through filters of 80 dB: nothing below is
	// believed. leastNoise keeps digital silence from dividing by zero.
	leakage, leastNoise = 1e-7, 1e-24
)

// slice makes one more second of the matrix, and its combination.
func (f *follower) slice() {
	t := f.made
	r := f.row(t)
	r.covered = f.covered(t)
	for i, l := range f.lines {
		r.noise[i], f.most[i] = l.strip(r.strips[i], f.scratch, t)
	}
	for i, l := range f.lines {
		r.noise[i] = math.Max(r.noise[i], leastNoise)
		for j, other := range f.lines {
			if other.number != l.number {
				r.noise[i] = math.Max(r.noise[i], leakage*f.most[j])
			}
		}
		l.scale(r.strips[i], f.scratch, t, r.noise[i])
	}
	clear(f.sum)
	for _, group := range f.groups {
		f.combine(r, group)
	}
	f.made++
	f.track.push(f.sum)
	for bin, ok := f.track.next(); ok; bin, ok = f.track.next() {
		f.decide(bin)
	}
}

// combine adds one harmonic's evidence: the log-likelihood of a line of unknown level in noise whose level is not
// quite known, ln(1+power), less what noise alone gives on average. What is louder than loudestLine counts for no more than
// that: a tone that happens to be near one harmonic is not to outweigh all others.
func (f *follower) combine(r *row, group []int) {
	const noiseMean = 0.596 // E ln(1+x) of an exponential x: -e Ei(-1)
	best := r.strips[group[0]]
	if len(group) > 1 {
		copy(f.scratch, best)
		for _, i := range group[1:] {
			for j, p := range r.strips[i] {
				f.scratch[j] = math.Max(f.scratch[j], p)
			}
		}
		best = f.scratch
	}
	weight := temper * math.Min(1, loudestLine/math.Log1p(slices.Max(best)))
	for j, p := range best {
		f.sum[j] += weight * (math.Log1p(p) - noiseMean)
	}
}

// decide notes where the ridge is in the oldest undecided second, and what each line has to say to that.
func (f *follower) decide(bin int) {
	r := f.row(f.found)
	r.bin = bin
	for i, l := range f.lines {
		s := r.strips[i]
		top := 0
		for j, p := range s {
			if p > s[top] {
				top = j
			}
		}
		near := 0.0
		for j := max(bin-1, 0); j <= min(bin+1, len(s)-1); j++ {
			near = math.Max(near, s[j])
		}
		r.logs[i] = math.Log1p(near)
		l.level += r.logs[i]
		// Within the resolution of the frame.
		r.agrees[i] = near > 1 && math.Abs(float64(top-bin))*binWidth < 1.0/frameSeconds/float64(l.number)+binWidth
	}
	f.found++
	if f.found > f.told+f.ahead {
		f.tell()
	}
}

// tell measures the oldest second whose surroundings are decided, and emits its value.
func (f *follower) tell() {
	t := f.told
	f.told++
	v := f.blank(t)
	chosen := f.choose(t, &v)
	f.chosen = chosen
	if len(chosen) > 0 {
		f.measure(t, chosen, &v)
	}
	if f.observe != nil {
		f.show(t, chosen)
	}
	f.out(v)
}

// blank is the value of a second of which nothing is known.
func (f *follower) blank(t int) value {
	return value{second: t, heard: f.signal(t, frameSeconds) > 0, hz: math.NaN(), sigma: math.NaN(), snr: math.NaN(),
		used: make([]bool, len(f.groups)), levels: make([]float64, len(f.groups))}
}

// out emits a value, and forgets what no later one needs.
func (f *follower) out(v value) {
	f.last = v.hz - float64(f.grid)
	f.emit(v)
	for _, l := range f.lines {
		l.forget(v.second - longestFrame)
	}
}

const (
	// agreeShare is the share of the seconds around one in which a line's own peak must be on the ridge for the
	// line to take part: the gate. On noise alone it stays below 0.2, down to 0 dB-Hz above 0.9.
	agreeShare = 0.4
	// presence is what the lines' shares, each less agreeBase, must add up to before there is said to be any ENF: one
	// line in 75 % of the seconds, two in 50 %, three in 42 %.
	presence, agreeBase = 0.5, 0.25
	// heardLeast is the least number of seconds that shares are of, where a signal begins.
	heardLeast = 20
)

// choose returns the lines worth listening to around second t: of each harmonic the best, if its own peaks follow
// the ridge. It returns none where nothing does.
func (f *follower) choose(t int, v *value) (chosen []int) {
	from, to := max(0, t-pastSeconds), min(f.found, t+f.ahead+1)
	heard := 0 // where there is no signal nothing can agree
	for u := from; u < to; u++ {
		if f.row(u).covered > 0 {
			heard++
		}
	}
	all := float64(max(heard, min(to-from, heardLeast)))
	score := 0.0
	for g, group := range f.groups {
		best, bestLog, bestShare := -1, math.Inf(-1), 0.0
		for _, i := range group {
			if f.lines[i].shunned {
				continue
			}
			log, agree := 0.0, 0.0
			for u := from; u < to; u++ {
				r := f.row(u)
				log += r.logs[i]
				if r.agrees[i] {
					agree++
				}
			}
			if log > bestLog {
				best, bestLog, bestShare = i, log, agree/all
			}
		}
		v.levels[g] = 10 * math.Log10(math.Expm1(bestLog/float64(to-from)))
		if bestShare >= agreeShare {
			chosen = append(chosen, best)
			v.used[g] = true
		}
		score += math.Max(0, bestShare-agreeBase)
	}
	if score < presence {
		clear(v.used)
		return nil
	}
	return chosen
}

// Where the light's alias falls on the still scene, what moves cannot be told from faint flicker, and the error is not white.
// Below twinSNR (decibels) there is no value there, nor below sureSNR for a frequency within stillHz of the scene itself; above, the
// uncertainty is twinSigma times that of white noise. Found on rendered scenes with a moving subject (docs/estimation.md).
const twinSNR, sureSNR, stillHz, twinSigma = 38, 50, 0.004, 3

// measure finds the frequency of second t along the ridge, with the frame that promises the least error.
func (f *follower) measure(t int, chosen []int, v *value) {
	freq := f.summit(t, chosen)
	fit, ok := f.meter.fit(f.row(t), t, frameSeconds, chosen, freq)
	if !ok {
		return
	}
	v.snr = 10 * math.Log10(fit.power)
	best := f.bestFrame(t, fit.sigma)
	if best == 0 {
		return
	}
	if best != frameSeconds {
		if fit, ok = f.meter.fit(f.row(t), t, best, chosen, fit.freq); !ok {
			return
		}
	}
	if !fit.present() || math.Abs(fit.freq) > stripHalf*binWidth {
		return
	}
	l := f.lines[chosen[0]]
	v.sigma = math.Hypot(l.spread*fit.sigma, smear(best))
	v.sigma = math.Hypot(v.sigma, l.image*(fit.freq-l.still))
	if l.twin != nil {
		clear := v.snr >= sureSNR || v.snr >= twinSNR && math.Abs(fit.freq-l.still) >= stillHz
		if f.judge(clear); !clear || f.clear < 0.5 {
			return
		}
		v.sigma *= twinSigma
	}
	v.hz = float64(f.grid) + fit.freq
}

// judge notes whether a second's value is clear of the scene. Where few are, these are chance, and are not to be believed either.
func (f *follower) judge(clear bool) {
	const memory = 1.0 / 30 // of a second
	f.clear -= memory * f.clear
	if clear {
		f.clear += memory
	}
}

// summit returns the deviation at which the chosen lines together have the most power, within the widest line's
// resolution of the ridge.
func (f *follower) summit(t int, chosen []int) float64 {
	r := f.row(t)
	reach := int(math.Ceil(1 / frameSeconds / float64(f.lines[chosen[0]].number) / binWidth))
	top, most := r.bin, math.Inf(-1)
	for j := max(0, r.bin-reach); j <= min(stripBins-1, r.bin+reach); j++ {
		sum := 0.0
		for _, i := range chosen {
			sum += math.Log1p(r.strips[i][j])
		}
		if sum > most {
			top, most = j, sum
		}
	}
	return float64(top-stripHalf) * binWidth
}

// bestFrame returns the frame length with the least expected error, noise and smear together, among those that the
// signal around second t can fill; 0 if none can. sigma is the noise's part at the standard length; it goes with the
// power -3/2 of the length.
func (f *follower) bestFrame(t int, sigma float64) int {
	best, least := 0, math.Inf(1)
	for _, seconds := range frameLengths {
		if !f.heard(t, seconds) || f.ahead == 0 && seconds > frameSeconds { // a live one does not wait for longer frames
			continue
		}
		expected := math.Hypot(sigma*math.Pow(frameSeconds/float64(seconds), 1.5), smear(seconds))
		if expected < least {
			best, least = seconds, expected
		}
	}
	return best
}

// show hands the combined slice of second t to the observer: the mean over the lines used, or over all where none is.
func (f *follower) show(t int, chosen []int) {
	r := f.row(t)
	clear(f.sum)
	if len(chosen) == 0 {
		for _, group := range f.groups {
			chosen = append(chosen, group[0])
		}
	}
	for _, i := range chosen {
		for j, p := range r.strips[i] {
			f.sum[j] += p / float64(len(chosen))
		}
	}
	f.observe(Slice{Grid: f.grid, Second: float64(t), From: float64(f.grid) - stripHalf*binWidth, Step: binWidth, Power: f.sum})
}
