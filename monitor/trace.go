// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"math"
	"time"

	"github.com/defakepro/defakepro/enf"
)

// future is how far ahead of the guard's clock, in seconds, a value may be: a sender's clock runs as it likes.
const future = 5

// trace holds the newest values of one channel by the second of wall-clock time: a ring.
type trace struct {
	cells []cell
	last  int64 // the newest second of which it is known whether it has a value; 0 for none
	early int64 // the newest second with a value of any kind
}

// cell is one second.
type cell struct {
	second         int64 // Unix time; of another lap if it is not the one asked for
	hz, sigma, snr float64
	early          bool // not the last word
	turn           int  // of the source
}

func newTrace(keep time.Duration) *trace {
	return &trace{cells: make([]cell, int(keep/time.Second)+future+1)}
}

// at returns what is known of a second.
func (t *trace) at(second int64) cell {
	if second >= 0 {
		if c := t.cells[second%int64(len(t.cells))]; c.second == second {
			return c
		}
	}
	return cell{hz: math.NaN(), sigma: math.NaN(), snr: math.NaN()}
}

// put takes in values that are known at time now. Those of the far past or the future are left out, and early values do
// not replace others.
func (t *trace) put(s enf.Series, turn int, now int64, early bool) {
	for i, hz := range s.Hz {
		second := s.Time(i).Unix()
		if second < 1 || second > now+future || second <= now+future-int64(len(t.cells)) {
			continue
		}
		if early && (second <= t.last || math.IsNaN(hz)) {
			continue
		}
		c := &t.cells[second%int64(len(t.cells))]
		if c.second > second {
			continue
		}
		*c = cell{second: second, hz: hz, sigma: s.Sigma[i], snr: s.SNR[i], early: early, turn: turn}
		if !early {
			t.last = max(t.last, second)
		}
		t.early = max(t.early, second)
	}
}

// series returns seconds from to to-1; early values count where there are no others, if asked for.
func (t *trace) series(from, to int64, early bool) enf.Series {
	n := max(0, int(to-from))
	s := enf.Series{
		Start: time.Unix(from, 0).UTC(), Step: time.Second,
		Hz: make([]float64, n), Sigma: make([]float64, n), SNR: make([]float64, n),
	}
	for i := range n {
		s.Hz[i], s.Sigma[i], s.SNR[i] = math.NaN(), math.NaN(), math.NaN()
		if c := t.at(from + int64(i)); early || !c.early {
			s.Hz[i], s.Sigma[i], s.SNR[i] = c.hz, c.sigma, c.snr
		}
	}
	return s
}
