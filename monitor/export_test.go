// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"slices"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

// SetBy has f say by how much the clock was set between two of its readings.
func (m *Monitor) SetBy(f func(before, now time.Time) time.Duration) { m.setBy = f }

// Say makes an event known.
func (m *Monitor) Say(e Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.say(e)
	m.touch()
}

// Worst returns the number of the channel that stands for several with these opinions.
func Worst(now time.Time, verdicts []detect.Verdict, confidences []float64) int {
	d := &medium{source: enf.SourceVideo}
	for i, v := range verdicts {
		c := newChannel(enf.SourceVideo, 0, now)
		c.verdict, c.confidence, c.heard = v, confidences[i], now
		d.channels = append(d.channels, c)
	}
	worst, _ := d.worst(now)
	return slices.Index(d.channels, worst)
}
