// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
)

// known is a truth that has every second up to fifteen seconds ago.
type known struct {
	grid  *enftest.Grid
	began time.Time
	now   *time.Time
}

func (k known) Between(_ context.Context, from, to time.Time) (enf.Series, error) {
	s := enf.Series{Start: from.Truncate(time.Second), Step: time.Second}
	for at := s.Start; at.Before(to); at = at.Add(time.Second) {
		hz := k.grid.Frequency(at.Sub(k.began).Seconds())
		if k.now.Sub(at) < 15*time.Second {
			hz = math.NaN()
		}
		s.Hz = append(s.Hz, hz)
	}
	return s, nil
}

// crowd is a monitor of so many participants with two channels each, all honest, whose values are not estimated but set.
func crowd(people int) (m *Monitor, second func()) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	grid := enftest.NewGrid(1, enftest.GridOptions{Duration: 4 * time.Hour})
	began := now
	m = New(Options{Truth: known{grid, began, &now}, Grid: enf.Grid60, Now: func() time.Time { return now }})
	var channels []*channel
	for i := range people {
		for _, source := range []enf.Source{enf.SourceAudio, enf.SourceVideo} {
			c, _ := m.begin(fmt.Sprint("p", i), source, 0)
			channels = append(channels, c)
		}
	}
	return m, func() {
		now = now.Add(time.Second)
		for i, c := range channels {
			c.heard = now
			at := now.Add(-12 * time.Second)
			hz := grid.Frequency(at.Sub(began).Seconds()) + 0.0005*math.Sin(float64(at.Unix())*float64(i+3))
			c.trace.put(enf.Series{Start: at, Step: time.Second, Hz: []float64{hz}, Sigma: []float64{0.0007}, SNR: []float64{30}}, c.turn, now.Unix(), false)
		}
	}
}

// BenchmarkJudge is what twenty participants with two channels each cost in a second of a call, estimates apart.
func BenchmarkJudge(b *testing.B) {
	m, second := crowd(20)
	for range 700 {
		second()
	}
	b.ReportAllocs()
	for b.Loop() {
		second()
		m.Judge(b.Context())
	}
	if v := m.Room().Participants[0].Verdict; b.N > 300 && v != "authentic" {
		b.Errorf("the first is %s", v)
	}
}
