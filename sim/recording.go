// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
)

// Recording describes a recording to render. With neither Video nor Audio there is nothing to render, which is an error.
type Recording struct {
	// Seed stands for the scene, the talker and all noise, and for the grid where Mains is nil.
	Seed uint64
	// Duration is the length of what is rendered, at most 24 hours; a [Stream] may be left at 0, for as long as can be.
	Duration time.Duration
	// Mains is the grid, which several recordings may share; it must reach from an hour before Start to the end. With
	// nil, the recording has a grid of its own, that Grid and Swing describe.
	Mains *enftest.Grid
	// Start is when the recording begins on the wall clock of Mains; the zero Time for the grid's own start.
	Start time.Time
	// Grid is the nominal frequency; GridAuto stands for 60 Hz.
	Grid enf.Grid
	// Swing makes the grid a weak one that swings within ±Swing hertz, up to 1.
	Swing float64
	// Video is the picture, nil for none.
	Video *Video
	// Audio is the sound, nil for none.
	Audio *Audio
	// Attacks are the forgeries. They must not overlap.
	Attacks []Attack
	// Retouch, when not nil, may change each frame before it is encoded: that of the second t of the file, all luma
	// bytes row by row and then the two planes of chroma (yuv420p). It is what a face swap does to a picture. A
	// [Stream] does not call it.
	Retouch func(t float64, frame []byte)
	// Progress, when not nil, is called now and then with how much has been rendered.
	Progress func(done time.Duration)
}

const (
	elsewhen = 3600 // seconds from the recording back to the material that replaces parts of it
	longest  = 24 * time.Hour
)

// NewMains returns the grid that seed stands for on the wall clock, with second zero at start: the same in every
// process that is given the same. It is known for a week from then on, and for a day and an hour before, which is as
// far as any attack reaches back.
func NewMains(seed uint64, nominal enf.Grid, start time.Time) *enftest.Grid {
	return enftest.NewGrid(seed, enftest.GridOptions{
		Nominal: nominal, Start: start, Duration: 7 * longest, Before: longest + elsewhen*time.Second,
	})
}

// plan is a recording that was checked, with its channels laid out.
type plan struct {
	audio, video timeline
	truth        enf.Series
	spans        []Span
	cuts         time.Duration
}

func (r Recording) plan() (plan, error) {
	if err := r.check(); err != nil {
		return plan{}, err
	}
	attacks, cuts, err := inOrder(r.Attacks, r.Duration)
	if err != nil {
		return plan{}, err
	}
	p := plan{cuts: cuts}
	reach := (r.Duration + cuts).Truncate(time.Second) + time.Second
	options := enftest.GridOptions{Nominal: r.Grid, Swing: r.Swing, Duration: reach, Before: r.Duration + elsewhen*time.Second}
	live, start := material{grid: r.Mains}, time.Time{}
	if r.Mains == nil {
		live.grid = enftest.NewGrid(r.Seed, options)
	} else {
		options = r.Mains.Options()
		if start = r.Start; start.IsZero() {
			start = options.Start
		}
		live.shift = start.Sub(options.Start).Seconds()
	}
	foreign := sync.OnceValue(func() *enftest.Grid { return enftest.NewGrid(r.Seed+1<<32, options) })
	seconds := r.Duration.Seconds()
	p.audio = layOut(attacks, seconds, enf.SourceAudio, live, foreign)
	p.video = layOut(attacks, seconds, enf.SourceVideo, live, foreign)
	if err := errors.Join(p.audio.within(options), p.video.within(options)); err != nil {
		return plan{}, err
	}
	p.truth = enf.Series{Start: start, Step: time.Second, Hz: make([]float64, int(reach/time.Second)+1)}
	for i := range p.truth.Hz {
		p.truth.Hz[i] = live.grid.Frequency(float64(i) + live.shift)
	}
	for _, a := range attacks {
		if a.Kind == Cut {
			a.To = a.From
		}
		p.spans = append(p.spans, Span{Kind: a.Kind, From: a.From, To: a.To})
	}
	return p, nil
}

// within returns an error if the channel needs more of a grid than there is.
func (l timeline) within(o enftest.GridOptions) error {
	for _, p := range l {
		from, to := p.from+p.shift, p.to+p.shift
		if p.head != nil {
			from = min(from, p.from+p.head.shift)
		}
		if p.grid != nil && (from < -o.Before.Seconds() || to > o.Duration.Seconds()) {
			return fmt.Errorf("recording needs seconds %.0f to %.0f of a grid that is known from %.0f to %.0f", from, to, -o.Before.Seconds(), o.Duration.Seconds())
		}
	}
	return nil
}

// check reports what is wrong with the recording's description.
func (r Recording) check() error {
	switch {
	case r.Duration <= 0 || r.Duration > longest:
		return fmt.Errorf("duration %v: want more than 0 and at most %v", r.Duration, longest)
	case r.Grid != enf.GridAuto && r.Grid != enf.Grid50 && r.Grid != enf.Grid60:
		return fmt.Errorf("grid of %d Hz: want 50 or 60", r.Grid)
	case !(r.Swing >= 0 && r.Swing <= 1):
		return fmt.Errorf("swing of %g Hz: want 0 to 1", r.Swing)
	case r.Mains == nil && !r.Start.IsZero():
		return errors.New("recording has a start on the wall clock and no mains that has one")
	case r.Video == nil && r.Audio == nil:
		return errors.New("recording has neither video nor audio")
	}
	for _, a := range r.Attacks {
		if err := a.check(r.Duration); err != nil {
			return err
		}
		if faceless := r.Video == nil || !r.Video.Motion; faceless && (a.Kind == Face || a.Kind == Reface) {
			return fmt.Errorf("attack %s needs a picture with somebody in it", a)
		}
	}
	return nil
}

// Truth returns the frequency of the grid at each second from the start of the recording on: the reference to check it against. It
// reaches at least to the end of the recording, or of the time it was cut down from. It is dated if Mains is.
func (r Recording) Truth() (enf.Series, error) {
	p, err := r.plan()
	return p.truth, err
}

// Spans returns the forged stretches in order of time.
func (r Recording) Spans() ([]Span, error) {
	p, err := r.plan()
	return p.spans, err
}

// Carried returns the frequency that a channel of the rendered file holds at each of its seconds, NaN where it holds
// none: what a perfect estimator that knows the recorder's clock would find. Of a picture with a re-rendered head, it
// is that of all else.
func (r Recording) Carried(channel enf.Source) (enf.Series, error) {
	p, err := r.plan()
	if err != nil {
		return enf.Series{}, err
	}
	l := p.audio
	if channel == enf.SourceVideo {
		l = p.video
	}
	s := enf.Series{Step: time.Second, Hz: make([]float64, int(r.Duration/time.Second)+1)}
	for i := range s.Hz {
		s.Hz[i] = math.NaN()
		if q := l.at(float64(i)); q.grid != nil {
			s.Hz[i] = q.grid.Frequency(float64(i) + q.shift)
		}
	}
	return s, nil
}
