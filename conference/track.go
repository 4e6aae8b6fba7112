// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference

import (
	"context"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"github.com/defakepro/defakepro/dsp"
	"github.com/defakepro/defakepro/media"
)

// Kind is what a track carries.
type Kind string

// The kinds of tracks; the names are those that package enf gives to the sources of a series.
const (
	Audio Kind = "audio"
	Video Kind = "video"
)

const (
	// fillMost is the longest gap of sound that is filled with missing samples, rather than left to the next block's time.
	fillMost = time.Second
	// fillLeast is the least: a time stamp in nanoseconds is off by less.
	fillLeast = time.Microsecond
)

// Track is a stretch of one participant's sound or picture over which the sender's clock runs on. It must be read, or what it
// brings is dropped. Read is for one goroutine; Close may be called at any time.
type Track struct {
	// Participant is whose it is.
	Participant Participant
	Kind        Kind

	number int

	live decoder
	next time.Time    // end of the sound so far
	held *media.Block // comes after a gap
	rows int          // of the pictures
	err  error
	once sync.Once
}

// Number tells apart what one participant sends side by side: 0 for the camera, or microphone, that was there first, 1 for the next.
// Tracks of one number come after one another.
func (t *Track) Number() int { return t.number }

// Read returns the next block, waiting for it, or until ctx ends. A block's time is the guard's wall clock when the track began
// plus what has passed since by the sender's clock. At the end, when the clock's run is broken or the participant has left, it
// returns [io.EOF]; another error is why decoding ended.
//
// Sound is mono at 48 kHz. Where packets were lost, samples are missing: NaN over less than a second, a jump of time over more.
// Pictures all have one size.
func (t *Track) Read(ctx context.Context) (media.Block, error) {
	if t.held != nil {
		b := *t.held
		t.held = nil
		return b, nil
	}
	if t.err != nil {
		return media.Block{}, t.err
	}
	for {
		b, err := t.live.Read(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return media.Block{}, ctx.Err()
			}
			t.err = err
			return media.Block{}, err
		}
		if b.Luma != nil {
			return t.picture(b)
		}
		if b, ok := t.sound(b); ok {
			return b, nil
		}
	}
}

// picture ends the track where the size changes, as then it is another encoding, whose time stamps the server has set anew.
func (t *Track) picture(b media.Block) (media.Block, error) {
	if t.rows != 0 && b.Luma.Rows != t.rows {
		_ = t.Close() // always nil
		t.err = io.EOF
		return media.Block{}, io.EOF
	}
	t.rows = b.Luma.Rows
	return b, nil
}

// sound puts missing samples before a block that does not follow the one before. Without them, an estimator takes a gap that is
// shorter than the jitter of recorders for such, and the phase of the mains is lost.
func (t *Track) sound(b media.Block) (media.Block, bool) {
	s := b.Audio
	gap := s.Start.Sub(t.next)
	switch {
	case !t.next.IsZero() && gap < -fillLeast:
		return media.Block{}, false // heard already
	case !t.next.IsZero() && gap > fillLeast && gap <= fillMost:
		n := int(math.Round(gap.Seconds() * s.Rate))
		missing := make([]float64, n)
		for i := range missing {
			missing[i] = math.NaN()
		}
		held := b
		t.held = &held
		b.Audio = &dsp.Signal{Start: t.next, Rate: s.Rate, Channels: [][]float64{missing}}
	}
	t.next = s.Start.Add(time.Duration(math.Round(float64(s.Len()) / s.Rate * 1e9)))
	return b, true
}

// String names the track in a few words, without what a participant chose.
func (t *Track) String() string { return fmt.Sprintf("%s track", t.Kind) }

// Close ends the track for its reader. It returns nil and may be called more than once. If the participant goes on sending,
// another track begins.
func (t *Track) Close() error {
	t.once.Do(func() { _ = t.live.Close() }) // always nil
	return nil
}
