// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/media"
)

const (
	// longestGap is the longest gap after which an estimator goes on; after a longer one nothing of what it remembers is of use,
	// and filling the gap would cost what a sender's time stamps say.
	longestGap = 30 * time.Second
	// longestBack is how far a block may lie back in time; what is heard twice is left out, and a clock that was set back is
	// another clock.
	longestBack = 2 * time.Second
	// makeEvery is how often an estimator may be made, which takes a tenth of a second: a sender's time stamps must not decide that.
	makeEvery = 5 * time.Second
	// mostChannels is how many channels of sound are followed.
	mostChannels = 8
)

// Watch follows one source of a participant's sound or picture until it ends: it returns nil at its end, and otherwise
// why it could not be followed, or that ctx ended. When the guard's clock is set it returns as well: another source must take its place. Sources of one kind may come after one another; a new one ends what an
// older one has to say, unless they are [Numbered] and have different numbers. Whoever has not joined does so by it.
func (m *Monitor) Watch(ctx context.Context, id string, source enf.Source, src Source) error {
	if source != enf.SourceAudio && source != enf.SourceVideo {
		return fmt.Errorf("watch %q: no channel %q", id, source)
	}
	number := 0
	if n, ok := src.(Numbered); ok {
		number = n.Number()
	}
	if number < 0 || number >= mostTracks {
		return fmt.Errorf("watch %q: %s number %d: there are %d", id, source, number, mostTracks)
	}
	c, turn := m.begin(id, source, number)
	for c == nil { // there are too many: what is heard before one leaves is lost
		if _, err := src.Read(ctx); err != nil {
			return ended(source, err)
		}
		if m.follows(id) {
			c, turn = m.begin(id, source, number)
		}
	}
	w := &watcher{monitor: m, channel: c, source: source, turn: turn, options: enf.Options{Grid: m.grid(), Live: true}}
	defer func() {
		w.restart()
		m.options.Log.Debug("source ended", "channel", string(source))
	}()
	for {
		block, err := src.Read(ctx)
		if err == nil {
			err = w.write(block)
		}
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, io.EOF) {
				w.fail(err)
			}
			return ended(source, err)
		}
	}
}

// ended is what Watch returns of why a source ended.
func ended(source enf.Source, err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return fmt.Errorf("watch %s: %w", source, err)
}

// begin finds the channel, makes it if need be, and gives it to a new source; it returns nil where there are too many people.
func (m *Monitor) begin(id string, source enf.Source, number int) (*channel, int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.find(id)
	if p == nil {
		if p = m.join(Person{ID: id}); p == nil {
			return nil, 0
		}
	}
	d := p.open(source, m.options.Now())
	for len(d.channels) <= number {
		d.channels = append(d.channels, nil)
	}
	c := d.channels[number]
	if c == nil {
		c = newChannel(source, m.options.Keep, m.options.Now())
		d.channels[number] = c
	}
	c.turn++
	c.began = m.options.Now()
	m.touch()
	return c, c.turn
}

// grid is the nominal frequency to look for.
func (m *Monitor) grid() enf.Grid {
	if m.options.Grid == enf.GridAuto && m.options.TruthState != nil {
		return m.options.TruthState().Grid
	}
	return m.options.Grid
}

// estimator is what enf's two have in common.
type estimator interface {
	Take() enf.Series
	Early() enf.Series
	Close() enf.Estimate
}

// watcher feeds one source to estimators, a new one wherever its time breaks.
type watcher struct {
	monitor *Monitor
	channel *channel
	source  enf.Source
	turn    int
	options enf.Options
	audio   *enf.AudioEstimator
	video   *enf.VideoEstimator
	end     time.Time // of the newest block
	made    time.Time // when the newest estimator was made, by the guard's clock
	asked   time.Time // when values were last taken, by the source's time
}

// misplaced reports whether the source is where the guard's clock was before it was set.
func (w *watcher) misplaced() bool {
	w.monitor.mu.Lock()
	defer w.monitor.mu.Unlock()
	return w.turn <= w.channel.misplaced
}

// write takes in one block.
func (w *watcher) write(b media.Block) error {
	if w.misplaced() {
		return errClockSet
	}
	at, end, err := w.span(b)
	if err != nil || at.IsZero() {
		return err
	}
	if w.estimator() != nil && (at.Sub(w.end) > longestGap || w.end.Sub(at) > longestBack) {
		w.restart()
	}
	if err := w.feed(b); err != nil { // its form has changed, or it has none
		w.restart()
		w.monitor.options.Log.Debug("estimate begins anew", "channel", string(w.source), "err", err)
	}
	if w.estimator() == nil {
		return nil
	}
	w.end = end
	m := w.monitor
	m.mu.Lock()
	now := m.options.Now()
	if w.turn == w.channel.turn {
		if now.Sub(w.channel.heard) > silentAfter {
			m.touch()
		}
		if now.Sub(w.channel.heard) > mutedAfter {
			w.channel.resumed = now
		}
		w.channel.heard, w.channel.problem = now, ""
	}
	m.mu.Unlock()
	if end.Sub(w.asked) >= time.Second || end.Before(w.asked) {
		w.asked = end
		w.store(w.estimator().Take(), false)
		w.store(w.estimator().Early(), true)
	}
	return nil
}

// span returns the time that a block covers, zero for an empty one.
func (w *watcher) span(b media.Block) (from, to time.Time, err error) {
	switch {
	case b.Audio != nil && w.source == enf.SourceAudio:
		if b.Audio.Len() == 0 || len(b.Audio.Channels) > mostChannels || !(b.Audio.Rate > 0) {
			return time.Time{}, time.Time{}, nil
		}
		return b.Audio.Start, b.Audio.End(), nil
	case b.Luma != nil && w.source == enf.SourceVideo:
		return b.Luma.Time, b.Luma.Time, nil
	}
	return time.Time{}, time.Time{}, errors.New("the block is of another kind")
}

// feed writes a block to the estimator, which it makes if there is none and it may.
func (w *watcher) feed(b media.Block) error {
	if w.estimator() == nil {
		now := w.monitor.options.Now()
		if now.Sub(w.made) < makeEvery {
			return nil
		}
		w.made = now
	}
	if b.Audio != nil {
		if w.audio == nil {
			w.audio = enf.NewAudio(w.options)
		}
		return w.audio.Write(*b.Audio)
	}
	if w.video == nil {
		w.video = enf.NewVideo(w.options)
	}
	return w.video.Write(*b.Luma)
}

func (w *watcher) estimator() estimator {
	switch {
	case w.audio != nil:
		return w.audio
	case w.video != nil:
		return w.video
	}
	return nil
}

// restart ends the estimator, so that the next block begins another: a phase that breaks is never followed across.
func (w *watcher) restart() {
	if e := w.estimator(); e != nil {
		w.store(e.Close().Series, false)
	}
	w.audio, w.video, w.end = nil, nil, time.Time{}
}

// fail notes why the source could not be followed to its end.
func (w *watcher) fail(err error) {
	w.monitor.mu.Lock()
	defer w.monitor.mu.Unlock()
	if w.turn == w.channel.turn {
		w.channel.problem = shorten(err.Error(), longestProblem)
	}
}

// store hands values to the channel, unless another source has taken over.
func (w *watcher) store(s enf.Series, early bool) {
	if s.Len() == 0 {
		return
	}
	m := w.monitor
	m.mu.Lock()
	defer m.mu.Unlock()
	if w.turn == w.channel.turn {
		w.channel.trace.put(s, w.turn, m.options.Now().Unix(), early)
	}
}
