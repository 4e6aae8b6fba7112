// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/enf"
)

// TestDone: a search that nobody waits for looks at no more places, and is no verdict.
func TestDone(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	grid := enf.Series{Step: time.Second, Hz: make([]float64, 40_000)}
	level := 60.0
	for i := range grid.Hz {
		level += 0.002*rng.NormFloat64() - 0.01*(level-60)
		grid.Hz[i] = level
	}
	part := grid.Slice(20_000, 21_000)
	over := make(chan struct{})
	close(over)
	c := newCoarse(newTrack(part), newReference(grid))
	if all, none := c.run(matchKeep, nil), c.run(matchKeep, over); len(all) == 0 || len(none) != 0 {
		t.Errorf("%d places, and %d when it is over", len(all), len(none))
	}
	if p := search(newTrack(part), newReference(grid), modelOf(grid), 5, over); p != nil {
		t.Errorf("found %v when it was over", p)
	}
	est := enf.Estimate{Series: part, Grid: enf.Grid60, Source: enf.SourceAudio, Present: true}
	if ch := Compare(est, grid, Options{Search: true}); ch.Verdict != Authentic {
		t.Fatalf("%s: %s", ch.Verdict, ch.Reason)
	}
	if ch := Compare(est, grid, Options{Search: true, Done: over}); ch.Verdict != Undetermined || !strings.Contains(ch.Reason, "ended") || ch.Windows != nil {
		t.Errorf("when it is over: %s: %s", ch.Verdict, ch.Reason)
	}
}
