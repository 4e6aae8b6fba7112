// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"math"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

const (
	// silentAfter is how long nothing must arrive for a channel to count as silent.
	silentAfter = 3 * time.Second
	// stoppedAfter is for how many seconds of signal there must be no value before hum is said to have stopped: loud speech
	// hides faint hum for shorter.
	stoppedAfter = 30
)

// channel is one person's sound or picture: one of them, if several are sent side by side.
type channel struct {
	source enf.Source
	turn   int // number of the source that is being followed
	// misplaced is that of the newest source that may be placed by what the guard's clock was before it was set.
	misplaced int
	began     time.Time
	heard     time.Time // when something last arrived
	// resumed is when something came after a silence, at the beginning or for as long as it takes to be undetermined.
	resumed time.Time
	problem string // why it could not be followed to its end
	trace   *trace
	opinion
	found found
	base  baseline
	// pending is what the verdict would become, and judged how often in succession it was found.
	pending  detect.Verdict
	judged   int
	said     string  // the comparison's reason
	alarm    alarm   // of the newest seconds
	evidence float64 // behind the forged spans, in nats
	spans    []span
	windows  []Window
}

// found is what the last comparison found, for people to read.
type found struct {
	present                                  bool
	snr, correlation, rmse, offset, lag, llr float64
}

func newChannel(source enf.Source, keep time.Duration, now time.Time) *channel {
	nan := math.NaN()
	return &channel{
		source: source, trace: newTrace(keep),
		opinion: opinion{verdict: detect.Undetermined, reason: "Nothing has arrived yet.", since: now},
		found:   found{snr: nan, correlation: nan, rmse: nan, offset: nan, lag: nan, llr: nan},
	}
}

func (c *channel) receiving(now time.Time) bool {
	return !c.heard.IsZero() && now.Sub(c.heard) <= silentAfter
}
