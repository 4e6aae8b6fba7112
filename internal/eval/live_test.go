// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
)

// A call of each kind: the replay is called forged and nobody else is, and hum that vanishes is said to have.
func TestLiveCalls(t *testing.T) {
	if testing.Short() {
		t.Skip("ten seconds of calls")
	}
	for i, attack := range []Attack{AttackReplay, AttackSynthetic, AttackReplay} {
		source := enf.SourceAudio
		if i == 2 {
			source = enf.SourceVideo
		}
		o := LiveOptions{Runs: 1, Seed: 3}
		a, err := o.attack(t.Context(), attack, source, 2)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s, %s: %v s", attack, source, a.Seconds)
		if math.IsInf(a.Seconds[0], 0) || a.Early > 0 || a.Others > 0 {
			t.Errorf("%+v", a)
		}
		var b bytes.Buffer
		if err := (LiveReport{Attacks: []LiveAttack{a}}).WriteMarkdown(&b); err != nil || !strings.Contains(b.String(), "| "+string(attack)+" | "+string(source)+" | 2 | 1 |") {
			t.Errorf("%s, %v", b.String(), err)
		}
	}
}

func TestRealGridPhase(t *testing.T) {
	s := enftest.NewGrid(1, enftest.GridOptions{Duration: 10 * time.Minute}).Series()
	s.Hz[100] = 0 // a drop-out
	phase, frequency, nominal := RealGrid{"x", s}.from(50, 300)
	if nominal != enf.Grid60 {
		t.Errorf("nominal %d", nominal)
	}
	for _, u := range []float64{0.3, 10, 49.5, 50.2, 200.9} {
		const h = 1e-3
		if slope := (phase(u+h) - phase(u-h)) / (2 * h); math.Abs(slope-frequency(u)) > 1e-4 {
			t.Errorf("at %g s the phase advances %g times a second, not %g", u, slope, frequency(u))
		}
	}
	if got := frequency(20); math.Abs(got-s.Hz[70]) > 1e-9 {
		t.Errorf("%g, not %g", got, s.Hz[70])
	}
	if got := frequency(50); math.Abs(got-s.Hz[99]) > 1e-9 {
		t.Errorf("in the drop-out it is %g", got)
	}
}

// Who has heard enough of a call can leave it.
func TestPlayEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := liveCall(1)
	c.Length, c.Frequency = 600, func(at float64) float64 { // the truth is asked for
		cancel()
		return 60
	}
	if _, err := c.Play(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	if _, err := liveCall(1).Play(ctx); !errors.Is(err, context.Canceled) { // one that had not begun
		t.Errorf("ended with %v", err)
	}
}
