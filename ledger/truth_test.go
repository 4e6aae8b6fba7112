// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"context"
	"testing"
	"time"

	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/poenf"
)

// counted is a ledger with all rounds, which counts those that are read.
type counted struct {
	ledger.Ledger
	committee poenf.Committee
	read      int
}

func (c *counted) Round(_ context.Context, n uint64) (poenf.Round, error) {
	c.read++
	return poenf.Round{
		Number: n, Start: c.committee.End(n)/1000 - int64(c.committee.Length), Nominal: c.committee.Nominal,
		Truth: make([]int32, c.committee.Length), Entries: make([]poenf.Entry, 100),
	}, nil
}

// TestTruthIsKept: a day that was read is not read from the ledger again.
func TestTruthIsKept(t *testing.T) {
	l := &counted{committee: poenf.NewCommittee("kept", 50)}
	truth := ledger.NewTruth(l, l.committee)
	from := time.Unix(1_800_000_000, 0)
	for range 3 {
		s, err := truth.Between(t.Context(), from, from.Add(24*time.Hour))
		if err != nil || s.Present() != 24*3600 {
			t.Fatalf("%d seconds of a day, %v", s.Present(), err)
		}
	}
	if most := 24*3600/int(l.committee.Period) + l.committee.Length; l.read > most {
		t.Errorf("%d rounds were read, and there are no more than %d", l.read, most)
	}
}
