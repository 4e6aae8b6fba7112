// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"context"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/dsp"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
	"github.com/defakepro/defakepro/media"
	"github.com/defakepro/defakepro/monitor"
)

// Attack is what a participant's sound turns into in mid-call.
type Attack string

// The attacks. Replay plays an older recording of the same grid, foreign the hum of another grid, whose mean is 10 mHz
// off and which moves twice as much, splice one's own sound of twenty seconds ago; synthetic is speech without hum.
const (
	AttackNone      Attack = ""
	AttackReplay    Attack = "replay"
	AttackForeign   Attack = "foreign hum"
	AttackSplice    Attack = "splice"
	AttackSynthetic Attack = "synthetic speech"
)

// liveRate is the sampling rate of simulated calls, in hertz: it holds all harmonics looked at.
const liveRate = 2000

// Call is a simulated call of one participant's sound or picture, or several.
type Call struct {
	// Seed stands for all chance.
	Seed uint64
	// Grid is what hums: the phase of the mains and its frequency at second t of the call.
	Phase, Frequency func(t float64) float64
	Nominal          enf.Grid
	// Length of the call, and when the attack begins in it, in seconds.
	Length, Begins int
	Attack         Attack
	// Other is the phase of the hum that an attack plays.
	Other func(t float64) float64
	// Level is the carrier-to-noise density of the strongest harmonic, in dB-Hz. Speech is its level above the noise in dB; 0 for none.
	Level, Speech float64
	// Loss is the share of time that is lost, in gaps of 60 ms to 1 s.
	Loss float64
	// Clock is the error of the participant's clock, in parts per million, and Late how late its sound comes, in seconds.
	Clock, Late float64
	// Delay is after how many seconds the truth of a second is known, at least; it becomes known five seconds at a time.
	Delay int
	// Witnesses are other participants, honest ones.
	Witnesses int
	// Mains and OtherMains are the grids behind Phase and Other, where it is pictures that are sent; nil for sound.
	Mains, OtherMains *enftest.Grid
	// Sound, if not nil, is second t of what the participant who may turn forged sends, instead of anything rendered.
	Sound func(t int) dsp.Signal
}

// Heard is what a monitor said in a call.
type Heard struct {
	// Events are those of the participant attacked, Others those of the others; times count from the beginning.
	Events, Others []LiveEvent
	Hours          float64 // of channels
	// Authentic is the share of the participants' time, from two minutes on, for which they were.
	Authentic float64
}

// LiveEvent is an event at a second of the call.
type LiveEvent struct {
	Second  float64
	Verdict detect.Verdict
	Reason  string
}

// tape is a source that a call plays second by second.
type tape struct {
	blocks chan media.Block
	ready  chan struct{}
}

func (t *tape) Read(ctx context.Context) (media.Block, error) {
	select {
	case t.ready <- struct{}{}:
	case <-ctx.Done():
		return media.Block{}, ctx.Err()
	}
	select {
	case b, ok := <-t.blocks:
		if !ok {
			return media.Block{}, io.EOF
		}
		return b, nil
	case <-ctx.Done():
		return media.Block{}, ctx.Err()
	}
}

// play gives a block to whoever reads, and returns once that is through with it.
func (t *tape) play(ctx context.Context, b media.Block) error {
	select {
	case t.blocks <- b:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-t.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// agreed is the truth of a committee: what it had, as frames of sixteen seconds show it, late.
type agreed struct {
	call Call
	now  func() time.Time
	from time.Time
	rng  map[int64]float64
}

func (a *agreed) Between(_ context.Context, from, to time.Time) (enf.Series, error) {
	n := max(0, int(to.Sub(from)/time.Second))
	s := enf.Series{Start: from.Truncate(time.Second), Step: time.Second, Hz: make([]float64, n), Sigma: make([]float64, n)}
	for i := range n {
		at := s.Time(i)
		s.Hz[i] = math.NaN()
		// Rounds end at multiples of five seconds.
		closes := at.Truncate(5 * time.Second).Add(5*time.Second + time.Duration(a.call.Delay)*time.Second)
		if !closes.After(a.now()) {
			s.Hz[i], s.Sigma[i] = a.value(at), 0.0003
		}
	}
	return s, nil
}

// value is the mean under a Hann window of eight seconds, with an error of 0.3 mHz.
func (a *agreed) value(at time.Time) float64 {
	if v, ok := a.rng[at.Unix()]; ok {
		return v
	}
	var frame [9]float64
	t := at.Sub(a.from).Seconds()
	for i := range frame {
		frame[i] = a.call.Frequency(t + float64(i-4))
	}
	v := hannMean(frame[:]) + 0.0003*rand.New(rand.NewPCG(a.call.Seed, uint64(at.Unix()))).NormFloat64()
	a.rng[at.Unix()] = v
	return v
}

// sender makes what one participant sends.
type sender interface {
	// second returns what is sent in second t of the call, which began at an instant.
	second(t int, began time.Time) []media.Block
}

func newSender(c Call, number int) (s sender, source enf.Source) {
	if c.Sound != nil && number == 0 {
		return taped(c.Sound), enf.SourceAudio
	}
	if c.Mains != nil {
		return newFilm(c, number), enf.SourceVideo
	}
	return newVoice(c, number), enf.SourceAudio
}

// taped is sound that was recorded beforehand, second by second.
type taped func(t int) dsp.Signal

func (r taped) second(t int, began time.Time) []media.Block {
	s := r(t)
	s.Start = began.Add(time.Duration(t) * time.Second)
	return []media.Block{{Audio: &s}}
}

// film is one participant's picture: a camera of a rolling shutter in front of somebody who moves.
type film struct {
	call         Call
	attacked     bool
	live, forged func() (dsp.Luma, bool)
	next         dsp.Luma
	there        bool
}

// filmRows is enough to tell a rolling shutter's rows apart, and a third of the work that 360 are.
const filmRows = 120

func newFilm(c Call, number int) *film {
	const fps = 25
	rng := rand.New(rand.NewPCG(c.Seed*64+uint64(number), 8))
	camera := enftest.Camera{
		Seed: rng.Uint64(), Rows: filmRows, FPS: fps, Readout: (0.6 + 0.35*rng.Float64()) / fps, Exposure: 1. / 500, Flicker: 0.02 + 0.02*rng.Float64(),
		Subject: 0.5, Noise: 0.0007, PPM: 40 * (2*rng.Float64() - 1), Drop: c.Loss,
	}
	f := &film{call: c, attacked: number == 0 && c.Attack != AttackNone}
	f.live, _ = iter.Pull(camera.Film(c.Mains, float64(c.Length)))
	if f.attacked {
		if c.Attack == AttackSynthetic {
			camera.Flicker = 0
		}
		f.forged, _ = iter.Pull(camera.Film(c.OtherMains, float64(c.Length)))
	}
	f.advance()
	return f
}

// advance takes the next frame.
func (f *film) advance() {
	f.next, f.there = f.live()
	if f.attacked && f.there {
		if other, ok := f.forged(); ok && f.next.Time.Sub(time.Time{}) >= time.Duration(f.call.Begins)*time.Second {
			f.next = other
		}
	}
}

func (f *film) second(t int, began time.Time) []media.Block {
	var out []media.Block
	for ; f.there && f.next.Time.Sub(time.Time{}) < time.Duration(t+1)*time.Second; f.advance() {
		frame := f.next
		frame.Time = began.Add(frame.Time.Sub(time.Time{}))
		out = append(out, media.Block{Luma: &frame})
	}
	return out
}

// voice makes one participant's sound.
type voice struct {
	call     Call
	attacked bool
	rng      *rand.Rand
	hum      []enftest.Harmonic
	speech   *enftest.Speech
	lost     int // samples still to be lost
	clock    float64
}

const liveNoise = 0.003 // standard deviation of the room's noise

func newVoice(c Call, number int) *voice {
	seed := c.Seed*64 + uint64(number)
	v := &voice{call: c, attacked: number == 0, rng: rand.New(rand.NewPCG(seed, 7)), clock: c.Clock}
	v.hum = enftest.RoomHum(seed, enftest.Amplitude(c.Level, liveNoise, liveRate))
	if number > 0 {
		v.clock = 40 * (2*v.rng.Float64() - 1)
	}
	if c.Speech > 0 {
		v.speech = enftest.NewSpeech(seed, liveRate, liveNoise*math.Pow(10, c.Speech/20))
	}
	return v
}

// second makes the sound of one second of the call. The clock's error is that of the sampling: second t holds t(1+clock).
func (v *voice) second(t int, began time.Time) []media.Block {
	block := make([]float64, liveRate)
	under := v.attacked && v.call.Attack != AttackNone && t >= v.call.Begins
	stretch := 1 + 1e-6*v.clock
	phase := func(u float64) float64 { return v.call.Phase(u*stretch - v.call.Late) }
	switch {
	case !under:
	case v.call.Attack == AttackSplice:
		phase = func(u float64) float64 { return v.call.Phase(u*stretch - v.call.Late - 20) }
	default:
		phase = v.call.Other
	}
	if !under || v.call.Attack != AttackSynthetic {
		enftest.Hum(block, liveRate, float64(t), v.hum, phase)
	}
	for i := range block {
		block[i] += liveNoise * v.rng.NormFloat64()
	}
	if v.speech != nil {
		v.speech.Add(block)
	}
	if v.call.Loss > 0 {
		v.lose(block)
	}
	return []media.Block{{Audio: &dsp.Signal{Start: began.Add(time.Duration(t) * time.Second), Rate: liveRate, Channels: [][]float64{block}}}}
}

// lose makes gaps of 60 ms to a second, which on average take the share lost.
func (v *voice) lose(block []float64) {
	const packet = liveRate / 50
	for from := 0; from < len(block); from += packet {
		const mean = 0.2 // of a gap, seconds
		if v.lost <= 0 && v.rng.Float64() < v.call.Loss/(1-v.call.Loss)*packet/liveRate/mean {
			v.lost = int(liveRate * min(1, 0.06+v.rng.ExpFloat64()*(mean-0.06)))
		}
		if v.lost > 0 {
			for i := from; i < from+packet; i++ {
				block[i] = math.NaN()
			}
			v.lost -= packet
		}
	}
}

// settling is how many seconds a participant is given to become authentic.
const settling = 120

// Play plays the call to a monitor, as fast as it goes.
func (c Call) Play(ctx context.Context) (Heard, error) {
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var second atomic.Int64 // of the call; those who watch look at it to the end
	now := func() time.Time { return began.Add(time.Duration(second.Load()) * time.Second) }
	truth := &agreed{call: c, now: now, from: began, rng: map[int64]float64{}}
	m := monitor.New(monitor.Options{
		Room: "simulated", Truth: truth, Grid: c.Nominal, Now: now,
		TruthState: func() monitor.TruthState { return monitor.TruthState{Kind: monitor.TruthCommittee, Grid: c.Nominal} },
	})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var tapes []*tape
	var senders []sender
	ids := make([]string, 1+c.Witnesses)
	for i := range ids {
		ids[i] = string(rune('a' + i))
		m.Join(monitor.Person{ID: ids[i], Name: ids[i]})
		t := &tape{blocks: make(chan media.Block), ready: make(chan struct{})}
		sender, source := newSender(c, i)
		tapes, senders = append(tapes, t), append(senders, sender)
		go func() { _ = m.Watch(ctx, ids[i], source, t) }()
		select {
		case <-t.ready:
		case <-ctx.Done():
			return Heard{}, ctx.Err()
		}
	}
	var heard Heard
	verdicts := make([]detect.Verdict, len(ids))
	for t := range c.Length {
		second.Store(int64(t + 1))
		for i, s := range senders {
			for _, b := range s.second(t, began) {
				if err := tapes[i].play(ctx, b); err != nil {
					return heard, err
				}
			}
		}
		m.Judge(ctx)
		for i, p := range m.Room().Participants {
			if t >= settling && p.Verdict == detect.Authentic {
				heard.Authentic += 1 / float64(max(1, c.Length-settling)*len(ids))
			}
			if p.Verdict == verdicts[i] {
				continue
			}
			verdicts[i] = p.Verdict
			e := LiveEvent{float64(t + 1), p.Verdict, p.Reason}
			if i == 0 {
				heard.Events = append(heard.Events, e)
			} else {
				heard.Others = append(heard.Others, e)
			}
		}
	}
	heard.Hours = float64(c.Length*len(ids)) / 3600
	return heard, nil
}
