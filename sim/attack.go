// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
)

// Kind is a way of forging.
type Kind string

// The kinds of attack.
const (
	// Replace puts material of the same scene, recorded an hour earlier on the same grid, in place of the span: a replay.
	Replace Kind = "replace"
	// Cut takes out a stretch as long as the span at its beginning: the recording jumps ahead there. Nobody can send
	// what has not happened yet, so a [Stream] runs late from its beginning by all that will be cut out of it, and is
	// live after the last cut.
	Cut Kind = "cut"
	// Insert puts in material recorded an hour earlier; the recording goes on afterwards where it was interrupted, in a
	// stream that much later.
	Insert Kind = "insert"
	// Mute puts a synthetic track, with no trace of a grid, in place of the span: cloned speech without hum, a picture under steady light.
	Mute Kind = "mute"
	// Foreign puts in place of the span a synthetic track that carries an unrelated grid of the same nominal frequency.
	Foreign Kind = "foreign"
	// Face re-renders the talker's head under steady light; all around it stays as it was. In video alone.
	Face Kind = "face"
	// Reface re-renders the talker's head under the light of an hour earlier, as a face taken from another recording
	// is; all around it stays as it was. In video alone.
	Reface Kind = "reface"
	// Camera plays a recording of an hour earlier into a virtual camera, which shows at each of its own frames, a
	// little irregularly, the latest frame of that recording, made at another rate. Its sound is that of the recording.
	// What the recording's own compression does to it is left out. Frames shown at other times than they were made
	// break up the flicker, so that little of what [Recording.Carried] says can be found in the picture.
	Camera Kind = "camera"
)

// kinds lists them, as a message does.
const kinds = "replace, cut, insert, mute, foreign, face, reface or camera"

// Attack forges the stretch between From and To of the recording, on the time of the rendered file or stream.
type Attack struct {
	Kind Kind
	From time.Duration
	// To is 0 for an attack that goes on to the end; a Cut needs it.
	To time.Duration
	// Only limits the attack to one channel; empty for all that it concerns. A Cut or an Insert is always in both.
	Only enf.Source
}

// Span is a forged stretch of the rendered file. That of a Cut is empty, at the place where something is missing.
type Span struct {
	Kind     Kind
	From, To time.Duration
}

// String is the attack's short form, as [ParseAttack] reads it.
func (a Attack) String() string {
	s := fmt.Sprintf("%s:%g-", a.Kind, a.From.Seconds())
	if a.To != 0 {
		s += fmt.Sprintf("%g", a.To.Seconds())
	}
	if a.Only != "" {
		s += ":" + string(a.Only)
	}
	return s
}

// concerns reports whether the attack is in a channel.
func (a Attack) concerns(channel enf.Source) bool {
	if a.Kind == Face || a.Kind == Reface {
		return channel == enf.SourceVideo
	}
	return a.Only == "" || a.Only == channel
}

func (a Attack) check(duration time.Duration) error {
	switch a.Kind {
	case Replace, Mute, Foreign, Camera:
	case Cut, Insert:
		if a.Only != "" {
			return fmt.Errorf("attack %s is limited to %s: a %s changes both channels", a, a.Only, a.Kind)
		}
	case Face, Reface:
		if a.Only == enf.SourceAudio {
			return fmt.Errorf("attack %s is limited to audio: there is no face in it", a)
		}
	default:
		return fmt.Errorf("attack %q: want %s", a.Kind, kinds)
	}
	if a.Only != "" && a.Only != enf.SourceAudio && a.Only != enf.SourceVideo {
		return fmt.Errorf("attack %s limited to %q: want audio or video", a.Kind, a.Only)
	}
	if a.To == 0 && a.Kind == Cut {
		return fmt.Errorf("attack %s takes out all that is left: want its end", a)
	}
	if a.From < 0 || a.To != 0 && a.To <= a.From || a.From > duration || a.Kind != Cut && a.To > duration || a.To > longest {
		return fmt.Errorf("attack %s does not lie within the recording of %v", a, duration)
	}
	return nil
}

// inOrder returns the attacks by time, with an end, or an error where two overlap; and how much they cut out.
func inOrder(attacks []Attack, duration time.Duration) (sorted []Attack, cuts time.Duration, err error) {
	sorted = slices.Clone(attacks)
	slices.SortStableFunc(sorted, func(a, b Attack) int { return cmp.Compare(a.From, b.From) })
	var before time.Duration
	for i, a := range sorted {
		if a.From < before {
			return nil, 0, fmt.Errorf("attack %s overlaps the one before it", a)
		}
		if a.To == 0 {
			a.To = duration
			sorted[i] = a
		}
		before = a.To
		if a.Kind == Cut {
			cuts += a.To - a.From
			before = a.From
		}
	}
	return sorted, cuts, nil
}

// material is a place that a track can come from.
type material struct {
	grid  *enftest.Grid // nil where there is no trace of any
	shift float64       // what to add to the recording's time for the grid's
}

// piece is a stretch of the rendered file that comes from one place.
type piece struct {
	from, to float64 // on the file's time, in seconds
	material
	synthetic bool      // another voice speaks
	head      *material // what lights the talker's head; nil for what lights the rest
	virtual   bool      // a virtual camera plays it
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

// layOut returns the pieces of a channel of so many seconds under the attacks, which are in order. Live is where the
// recording comes from, and foreign another grid.
func layOut(attacks []Attack, seconds float64, channel enf.Source, live material, foreign func() *enftest.Grid) timeline {
	var l timeline
	cursor := 0.
	add := func(to float64, p piece) {
		if p.from, p.to = cursor, to; to > cursor {
			l = append(l, p)
			cursor = to
		}
	}
	for _, a := range attacks {
		if !a.concerns(channel) {
			continue
		}
		from, to := a.From.Seconds(), a.To.Seconds()
		add(from, piece{material: live})
		earlier := material{live.grid, live.shift - elsewhen}
		switch a.Kind {
		case Replace:
			add(to, piece{material: earlier})
		case Insert:
			add(to, piece{material: earlier})
			live.shift -= to - from
		case Cut:
			live.shift += to - from
		case Mute:
			add(to, piece{material: material{nil, live.shift}, synthetic: true})
		case Foreign:
			add(to, piece{material: material{foreign(), live.shift}, synthetic: true})
		case Face:
			add(to, piece{material: live, head: &material{nil, live.shift}})
		case Reface:
			add(to, piece{material: live, head: &earlier})
		case Camera:
			add(to, piece{material: earlier, virtual: true})
		}
	}
	add(seconds, piece{material: live})
	return l
}
