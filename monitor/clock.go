// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"errors"
	"fmt"
	"time"
)

// setMost is by how much the guard's clock may be set while all that was placed by it stays where it is: less than what the lag of a
// window can be.
const setMost = 400 * time.Millisecond

// setBy is by how much a clock was set between two of its readings: what has passed by it, but for what has passed. Readings without
// a monotonic part, as those of a clock that is not time.Now, never differ.
func setBy(before, now time.Time) time.Duration {
	return now.Round(0).Sub(before.Round(0)) - now.Sub(before)
}

var errClockSet = errors.New("the guard's own clock was set")

// watchClock begins anew with everything when the guard's clock has been set, as nothing heard before is where it belongs, and says so. Sources
// that began before it was noticed are watched no longer: the conference gives others.
func (m *Monitor) watchClock(now time.Time) {
	by := m.setBy(m.placed, now)
	if by.Abs() <= setMost {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	way := "forward"
	if by < 0 {
		way = "back"
	}
	m.placed, m.compared, m.truth = now, time.Time{}, newTrace(m.options.Keep)
	m.reset = fmt.Sprintf("The guard's own clock was set %s by %v at %s: all is heard anew.", way, by.Abs().Round(100*time.Millisecond), m.clock(now))
	m.options.Log.Warn("the clock was set", "by", by)
	for _, p := range m.people {
		for c := range p.channels() {
			fresh := newChannel(c.source, m.options.Keep, now)
			for _, s := range c.spans {
				s.From, s.To, s.found = s.From.Add(by), s.To.Add(by), now
				s.first, s.last = time.Time{}, time.Time{} // nothing of it will be looked at again
				fresh.spans = append(fresh.spans, s)
			}
			fresh.turn, fresh.misplaced, fresh.began, fresh.heard, fresh.evidence = c.turn+1, c.turn, now, c.heard, c.evidence
			*c = *fresh
		}
	}
	m.touch()
}
