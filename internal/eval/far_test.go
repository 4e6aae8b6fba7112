// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval_test

import (
	"testing"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
	"github.com/defakepro/defakepro/internal/eval"
)

// TestFAR holds the errors of both rules on a simulated grid to what real ones show: the likelihood ratio of a minute
// is wrong far less often.
func TestFAR(t *testing.T) {
	grid := enftest.NewGrid(7, enftest.GridOptions{Duration: 24 * time.Hour}).Series()
	source := eval.FARSource{Name: "simulated", Grid: enf.Grid60, Truth: []enf.Series{grid}}
	o := eval.FAROptions{Windows: []int{60}, Noises: []eval.FARNoise{{Sigma: 0.001}, {Sigma: 0.002, White: true}}, Pairs: 300, Seed: 1}
	cases, err := eval.FAR(t.Context(), []eval.FARSource{source}, o, nil)
	if err != nil || len(cases) != 2 {
		t.Fatalf("%d cases: %v", len(cases), err)
	}
	for _, c := range cases {
		r, l := c.Rates(detect.RuleCorrelation), c.Rates(detect.RuleLLR)
		if l.Equal > 0.01 || r.Equal < 3*l.Equal || r.Equal < 0.02 {
			t.Errorf("%s: equal errors %.3f by correlation, %.3f by likelihood", c.Noise, r.Equal, l.Equal)
		}
		if n := c.Verdicts[1][detect.Authentic]; n > 1 {
			t.Errorf("%s: %d of %d unrelated minutes are authentic", c.Noise, n, o.Pairs)
		}
		if n := c.Verdicts[0][detect.Forged]; n > 1 {
			t.Errorf("%s: %d of %d genuine minutes are forged", c.Noise, n, o.Pairs)
		}
	}
}
