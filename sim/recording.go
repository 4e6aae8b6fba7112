// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
)

// Recording describes a recording to render. With neither Video nor Audio there is nothing to render, which is an error.
type Recording struct {
	// Seed stands for the grid, the scene, the talker and all noise.
	Seed uint64
	// Duration is the length of the rendered file.
	Duration time.Duration
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
	// Progress, when not nil, is called now and then with how much has been rendered.
	Progress func(done time.Duration)
}

// Kind is a way of forging.
type Kind string

// The kinds of attack.
const (
	// Replace puts material of the same scene, recorded an hour later, in place of the span.
	Replace Kind = "replace"
	// Cut takes out a stretch as long as the span at its beginning: the recording jumps ahead there.
	Cut Kind = "cut"
	// Insert puts in material recorded an hour later; the recording goes on afterwards where it was interrupted.
	Insert Kind = "insert"
	// Mute puts a synthetic track, with no trace of a grid, in place of the span.
	Mute Kind = "mute"
	// Foreign puts in place of the span a track that carries an unrelated grid of the same nominal frequency.
	Foreign Kind = "foreign"
)

// Attack forges the stretch between From and To of the recording, on the time of the rendered file.
type Attack struct {
	Kind     Kind
	From, To time.Duration
	// Only limits the attack to one channel; empty for both. A Cut or an Insert is always in both.
	Only enf.Source
}

// Span is a forged stretch of the rendered file. That of a Cut is empty, at the place where something is missing.
type Span struct {
	Kind     Kind
	From, To time.Duration
}

const (
	elsewhen = 3600. // seconds from the recording to the material that replaces parts of it
	longest  = 24 * time.Hour
)

// piece is a stretch of the rendered file that comes from one place.
type piece struct {
	from, to float64       // on the file's time, in seconds
	shift    float64       // what to add for the grid's time
	grid     *enftest.Grid // nil where there is no trace of any
}

// timeline is a channel of the recording as a sequence of pieces.
type timeline []piece

// at returns the piece that holds second t of the file.
func (l timeline) at(t float64) piece {
	i, found := slices.BinarySearchFunc(l, t, func(p piece, t float64) int { return cmp.Compare(p.from, t) })
	if !found {
		i--
	}
	return l[max(0, i)]
}

// plan checks the recording and lays out its channels.
type plan struct {
	audio, video timeline
	truth        enf.Series
	spans        []Span
}

func (r Recording) plan() (plan, error) {
	if err := r.check(); err != nil {
		return plan{}, err
	}
	attacks := slices.Clone(r.Attacks)
	slices.SortStableFunc(attacks, func(a, b Attack) int { return cmp.Compare(a.From, b.From) })
	var cuts, before time.Duration
	for _, a := range attacks {
		if a.From < before {
			return plan{}, fmt.Errorf("attack %s:%v-%v overlaps the one before it", a.Kind, a.From, a.To)
		}
		before = a.To
		if a.Kind == Cut {
			cuts += a.To - a.From
			before = a.From
		}
	}
	reach := (r.Duration + cuts).Truncate(time.Second) + time.Second
	options := enftest.GridOptions{Nominal: r.Grid, Swing: r.Swing, Duration: reach + time.Duration(elsewhen)*time.Second + r.Duration}
	grid, foreign := enftest.NewGrid(r.Seed, options), enftest.NewGrid(r.Seed+1<<32, options)
	p := plan{truth: grid.Series().Slice(0, int(reach/time.Second)+1)}
	p.audio = layOut(attacks, r.Duration, enf.SourceAudio, grid, foreign)
	p.video = layOut(attacks, r.Duration, enf.SourceVideo, grid, foreign)
	for _, a := range attacks {
		if a.Kind == Cut {
			a.To = a.From
		}
		p.spans = append(p.spans, Span{Kind: a.Kind, From: a.From, To: a.To})
	}
	return p, nil
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
	case r.Video == nil && r.Audio == nil:
		return errors.New("recording has neither video nor audio")
	}
	for _, a := range r.Attacks {
		if err := a.check(r.Duration); err != nil {
			return err
		}
	}
	return nil
}

func (a Attack) check(duration time.Duration) error {
	switch a.Kind {
	case Replace, Mute, Foreign:
	case Cut, Insert:
		if a.Only != "" {
			return fmt.Errorf("attack %s:%v-%v is limited to %s: a %[1]s changes both channels", a.Kind, a.From, a.To, a.Only)
		}
	default:
		return fmt.Errorf("attack %q: want replace, cut, insert, mute or foreign", a.Kind)
	}
	if a.Only != "" && a.Only != enf.SourceAudio && a.Only != enf.SourceVideo {
		return fmt.Errorf("attack %s limited to %q: want audio or video", a.Kind, a.Only)
	}
	if a.From < 0 || a.To <= a.From || a.From > duration || a.Kind != Cut && a.To > duration || a.To > longest {
		return fmt.Errorf("attack %s:%v-%v does not lie within the recording of %v", a.Kind, a.From, a.To, duration)
	}
	return nil
}

// layOut returns the pieces of a channel under the attacks, which are in order.
func layOut(attacks []Attack, duration time.Duration, channel enf.Source, grid, foreign *enftest.Grid) timeline {
	var l timeline
	cursor, shift := 0., 0.
	add := func(to, shift float64, g *enftest.Grid) {
		if to > cursor {
			l = append(l, piece{from: cursor, to: to, shift: shift, grid: g})
			cursor = to
		}
	}
	for _, a := range attacks {
		if a.Only != "" && a.Only != channel {
			continue
		}
		from, to := a.From.Seconds(), a.To.Seconds()
		add(from, shift, grid)
		switch a.Kind {
		case Replace:
			add(to, elsewhen, grid)
		case Insert:
			add(to, elsewhen, grid)
			shift -= to - from
		case Cut:
			shift += to - from
		case Mute:
			add(to, shift, nil)
		case Foreign:
			add(to, shift, foreign)
		}
	}
	add(duration.Seconds(), shift, grid)
	return l
}

// Truth returns the frequency of the grid at each second from the start of the recording on: the reference to check it against. It
// reaches at least to the end of the recording, or of the time it was cut down from.
func (r Recording) Truth() (enf.Series, error) {
	p, err := r.plan()
	return p.truth, err
}

// Spans returns the forged stretches in order of time.
func (r Recording) Spans() ([]Span, error) {
	p, err := r.plan()
	return p.spans, err
}

// Carried returns the frequency that a channel of the rendered file holds at each of its seconds, NaN where it holds none: what a perfect estimator
// would find.
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
