// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference

import "time"

const (
	// settleTime is how long arrivals are looked at before a stretch is placed in time.
	settleTime = time.Second
	// driftMost is how far a stretch's time may depart from arrival: less than what the lag of a window can be, and more than a
	// network's jitter.
	driftMost = 500 * time.Millisecond
	// driftTime is how long packets must be late for it to be the clock rather than a network that stalls.
	driftTime = 3 * time.Second
)

// clock says when, by the guard's clock, what an RTP timestamp stands for was heard or seen, but for the time from there to
// here. Its zero is placed where the packet that came through fastest puts it, and from there on the sender's count rules.
type clock struct {
	rate  int64 // ticks a second
	begun bool
	last  uint32 // timestamp, and
	ticks int64  // what it is, counted from the first
	zero  time.Time
	// fixed says that zero is final.
	fixed bool
	// lateFrom is since when packets have come late without exception; zero when they do not.
	lateFrom time.Time
}

// unwrap counts a timestamp on from the last.
func (c *clock) unwrap(timestamp uint32) int64 {
	if !c.begun {
		c.begun, c.last = true, timestamp
	}
	c.ticks += int64(int32(timestamp - c.last))
	c.last = timestamp
	return c.ticks
}

// offset is how long after the clock's zero a count of ticks is.
func (c *clock) offset(ticks int64) time.Duration {
	s, part := ticks/c.rate, ticks%c.rate
	return time.Duration(s)*time.Second + time.Duration(part)*time.Second/time.Duration(c.rate)
}

// time is when a count of ticks is.
func (c *clock) time(ticks int64) time.Time { return c.zero.Add(c.offset(ticks)) }

// see notes that the packet with so many ticks came at the given time. It returns false when that cannot be by this clock.
func (c *clock) see(ticks int64, at time.Time) bool {
	at = at.Round(0) // by the wall clock, as the truth is: when that is set, the stretch ends
	if !c.fixed {
		if zero := at.Add(-c.offset(ticks)); c.zero.IsZero() || zero.Before(c.zero) {
			c.zero = zero
		}
		return true
	}
	late := at.Sub(c.time(ticks))
	if late < -driftMost {
		return false // before it was sent
	}
	if late < driftMost {
		c.lateFrom = time.Time{}
		return true
	}
	if c.lateFrom.IsZero() {
		c.lateFrom = at
	}
	return at.Sub(c.lateFrom) < driftTime
}
