// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/enf"
)

// TestContext: a search that nobody waits for looks at no more places, and is no verdict.
func TestContext(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	grid := enf.Series{Step: time.Second, Hz: make([]float64, 40_000)}
	level := 60.0
	for i := range grid.Hz {
		level += 0.002*rng.NormFloat64() - 0.01*(level-60)
		grid.Hz[i] = level
	}
	part := grid.Slice(20_000, 21_000)
	over, end := context.WithCancel(t.Context())
	end()
	c := newCoarse(newTrack(part), newReference(grid))
	if all, none := c.run(t.Context(), matchKeep), c.run(over, matchKeep); len(all) == 0 || len(none) != 0 {
		t.Errorf("%d places, and %d when it is over", len(all), len(none))
	}
	if p := search(over, newTrack(part), newReference(grid), modelOf(grid), 5); p != nil {
		t.Errorf("found %v when it was over", p)
	}
	if m, err := FindMatches(over, part, grid, 5); m != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("found %v when it was over, with error %v", m, err)
	}
	est := enf.Estimate{Series: part, Grid: enf.Grid60, Source: enf.SourceAudio, Present: true}
	if ch := Compare(t.Context(), est, grid, Options{Search: true}); ch.Verdict != Authentic {
		t.Fatalf("%s: %s", ch.Verdict, ch.Reason)
	}
	if ch := Compare(over, est, grid, Options{Search: true}); ch.Verdict != Undetermined || !strings.Contains(ch.Reason, "ended") || ch.Windows != nil {
		t.Errorf("when it is over: %s: %s", ch.Verdict, ch.Reason)
	}
}
