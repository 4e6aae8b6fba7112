// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enftest

import (
	"math"
	"math/rand/v2"
)

const (
	controlStep     = 0.005 // seconds between updates of the synthesizer's parameters
	calibrationTime = 20    // seconds of speech over which the level is set
	voiceBand       = 5000. // hertz; the voice's highest harmonic
)

// Formant frequencies of ten vowels, in hertz: G. Peterson, H. Barney, "Control methods used in a study of the vowels",
// J. Acoust. Soc. Am. 24(2), 1952, men. The fourth formant hardly moves.
var vowels = [...][4]float64{
	{270, 2290, 3010, 3500}, {390, 1990, 2550, 3500}, {530, 1840, 2480, 3500}, {660, 1720, 2410, 3500}, {730, 1090, 2440, 3500},
	{570, 840, 2410, 3500}, {440, 1020, 2240, 3500}, {300, 870, 2240, 3500}, {640, 1190, 2390, 3500}, {490, 1350, 1690, 3500},
}

// Nasals (m, n) and the neutral tract, in the same form.
var nasal, neutral = [4]float64{250, 1100, 2200, 3300}, [4]float64{500, 1500, 2500, 3500}

// bandwidths of the four formants, in hertz (Klatt 1980).
var bandwidths = [4]float64{60, 90, 150, 200}

// Speech is a synthetic talker: what a hum has to be found under. It speaks in phrases of syllables, with a pitch of 80 to 260 Hz that
// declines through the phrase, glides between syllables and jitters; with fricatives, bursts, breath, and pauses.
// It is not intelligible. It is not safe for concurrent use.
type Speech struct {
	rate, gain float64
	rng        *rand.Rand
	base       float64 // the talker's mean pitch
	tract      float64 // the talker's formants relative to the table
	queue      []segment
	left       int // samples left of the current segment
	now        segment
	control    int // samples left until the next control step

	pitch, voice, breath, hiss float64 // current values, gliding to those of the segment
	formants                   [4]float64
	jitter, shimmer            float64

	cycle, tilt, decay float64 // glottal phase, low-pass state, decay of its harmonics
	tilting            float64
	order              float64 // number of harmonics
	sections           [4]resonator
	fricative          resonator
}

// segment is a stretch of speech with constant targets.
type segment struct {
	seconds             float64
	pitch               float64
	voice, breath, hiss float64 // levels of voicing, of noise through the tract, and of noise in front of it
	formants            [4]float64
}

// resonator is a two-pole resonator of unit gain at 0 Hz (Klatt 1980, eq. 1 and 2); all-pass while a is 0.
type resonator struct{ a, b, c, y1, y2 float64 }

func (r *resonator) tune(frequency, bandwidth, rate float64) {
	if frequency > 0.45*rate {
		*r = resonator{}
		return
	}
	r.c = -math.Exp(-2 * math.Pi * bandwidth / rate)
	r.b = 2 * math.Exp(-math.Pi*bandwidth/rate) * math.Cos(2*math.Pi*frequency/rate)
	r.a = 1 - r.b - r.c
}

func (r *resonator) filter(x float64) float64 {
	if r.a == 0 {
		return x
	}
	y := r.a*x + r.b*r.y1 + r.c*r.y2
	r.y2, r.y1 = r.y1, y
	return y
}

// NewSpeech returns the talker that seed stands for, at rate samples a second. Its RMS amplitude, pauses included, is about rms.
func NewSpeech(seed uint64, rate, rms float64) *Speech {
	trial := newSpeech(seed, rate)
	buf := make([]float64, int(calibrationTime*rate))
	trial.Add(buf)
	power := 0.0
	for _, v := range buf {
		power += v * v
	}
	s := newSpeech(seed, rate)
	s.gain = rms / math.Sqrt(power/float64(len(buf))+1e-30)
	return s
}

func newSpeech(seed uint64, rate float64) *Speech {
	rng := rand.New(rand.NewPCG(seed, 5))
	s := &Speech{rate: rate, gain: 1, rng: rng, formants: neutral}
	s.base = 105 + 90*rng.Float64()
	s.tract = 0.92 + 0.0015*(s.base-105)
	s.pitch = s.base
	s.tilting = math.Exp(-2 * math.Pi * 600 / rate)
	s.fricative.tune(math.Min(5500, 0.4*rate), 1500, rate)
	s.queue = append(s.queue, segment{seconds: rng.Float64(), pitch: s.base, formants: neutral})
	return s
}

// Add adds the next len(dst) samples of speech to dst.
func (s *Speech) Add(dst []float64) {
	for i := range dst {
		if s.left == 0 {
			s.advance()
		}
		if s.control == 0 {
			s.glide()
			s.control = max(1, int(controlStep*s.rate))
		}
		s.left--
		s.control--
		dst[i] += s.gain * s.sample()
	}
}

// advance goes on to the next segment, making up a phrase when there is none left.
func (s *Speech) advance() {
	for s.left == 0 {
		if len(s.queue) == 0 {
			s.phrase()
		}
		s.now, s.queue = s.queue[0], s.queue[1:]
		s.left = int(s.now.seconds * s.rate)
	}
}

// phrase queues a pause, often a breath, and a phrase of syllables.
func (s *Speech) phrase() {
	u := s.rng.Float64
	pause := 0.15 + 0.9*u()*u()
	if u() < 0.15 {
		pause += 2.5 * u() // somebody else's turn
	}
	s.queue = append(s.queue[:0], segment{seconds: pause, pitch: s.base, formants: neutral})
	if u() < 0.5 {
		s.queue = append(s.queue, segment{seconds: 0.2 + 0.3*u(), pitch: s.base, breath: 0.03 + 0.03*u(), formants: neutral},
			segment{seconds: 0.05 + 0.1*u(), pitch: s.base, formants: neutral})
	}
	syllables := 3 + s.rng.IntN(12)
	height := 1 + 0.25*u()
	for i := range syllables {
		declination := height * (1.12 - 0.3*float64(i)/float64(syllables))
		accent := 0.0
		if u() < 0.35 {
			accent = 0.2 * u()
		}
		s.syllable(min(260, max(80, s.base*(declination+accent))))
	}
}

// syllable queues a consonant and a vowel that glides on from pitch.
func (s *Speech) syllable(pitch float64) {
	u := s.rng.Float64
	vowel := vowels[s.rng.IntN(len(vowels))]
	switch k := u(); {
	case k < 0.25: // fricative
		s.queue = append(s.queue, segment{seconds: 0.05 + 0.09*u(), pitch: pitch, hiss: 0.2 + 0.3*u(), formants: vowel})
	case k < 0.5: // plosive: closure and burst
		s.queue = append(s.queue, segment{seconds: 0.04 + 0.06*u(), pitch: pitch, formants: vowel},
			segment{seconds: 0.008 + 0.02*u(), pitch: pitch, breath: 0.5, hiss: 0.2, formants: vowel})
	case k < 0.8: // nasal or glide
		s.queue = append(s.queue, segment{seconds: 0.04 + 0.06*u(), pitch: pitch * 0.98, voice: 0.5, formants: nasal})
	}
	length, end := 0.07+0.16*u(), pitch*(0.9+0.18*u())
	loud := 0.6 + 0.5*u()
	s.queue = append(s.queue, segment{seconds: length / 2, pitch: pitch, voice: loud, breath: 0.01, formants: vowel},
		segment{seconds: length / 2, pitch: end, voice: 0.8 * loud, breath: 0.01, formants: vowel})
}

// glide moves the parameters towards their targets, with the time constants of the articulators, and tunes the filters.
func (s *Speech) glide() {
	toward := func(v *float64, target, seconds float64) { *v += (target - *v) * (1 - math.Exp(-controlStep/seconds)) }
	toward(&s.pitch, s.now.pitch, 0.05)
	toward(&s.voice, s.now.voice, 0.012)
	toward(&s.breath, s.now.breath, 0.01)
	toward(&s.hiss, s.now.hiss, 0.012)
	for i := range s.formants {
		toward(&s.formants[i], s.now.formants[i], 0.02)
		s.sections[i].tune(s.tract*s.formants[i], bandwidths[i], s.rate)
	}
	// One per cent of slow jitter and some shimmer, as in healthy voices.
	toward(&s.jitter, 0.02*s.rng.NormFloat64(), 0.015)
	toward(&s.shimmer, 0.1*s.rng.NormFloat64(), 0.015)
	s.order = math.Max(1, math.Floor(math.Min(voiceBand, 0.45*s.rate)/s.frequency()))
	s.decay = math.Exp(-s.frequency() / 12000)
}

func (s *Speech) frequency() float64 { return s.pitch * (1 + s.jitter) }

// sample synthesizes one sample: glottal pulses and breath through the formants in cascade, hiss beside them.
func (s *Speech) sample() float64 {
	source := 0.0
	_, s.cycle = math.Modf(s.cycle + s.frequency()/s.rate)
	if s.voice > 1e-4 {
		// A pulse train without aliases: the first order harmonics as a geometric sum, Σ decay^m cos(mθ).
		z := polar(s.decay, s.cycle)
		end := polar(math.Pow(s.decay, s.order), s.cycle*s.order)
		source = s.voice * (1 + s.shimmer) * real(z*(1-end)/(1-z))
	}
	// The glottal flow falls by 12 dB an octave, the lips give 6 back.
	s.tilt = s.tilting*s.tilt + (1-s.tilting)*source
	y := s.tilt
	if s.breath > 1e-4 {
		y += s.breath * s.rng.NormFloat64()
	}
	for i := range s.sections {
		y = s.sections[i].filter(y)
	}
	if s.hiss > 1e-4 {
		y += s.hiss * s.fricative.filter(s.rng.NormFloat64())
	}
	return y
}

// polar returns radius·exp(2πj·cycle).
func polar(radius, cycle float64) complex128 {
	_, cycle = math.Modf(cycle)
	sin, cos := math.Sincos(2 * math.Pi * cycle)
	return complex(radius*cos, radius*sin)
}
