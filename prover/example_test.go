// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package prover_test

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/identity"
	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/poenf"
	"github.com/defakepro/defakepro/prover"
)

// readings is a source of what a meter has written down.
type readings struct{ series enf.Series }

func (r *readings) Read(context.Context) (enf.Series, error) {
	if r.series.Len() == 0 {
		return enf.Series{}, io.EOF
	}
	s := r.series
	r.series = enf.Series{}
	return s, nil
}

// A member proves what its own source gives. [prover.Open] has sources for sound cards, commands, recordings and series.
func ExampleRun() {
	key, err := identity.Generate("alice")
	if err != nil {
		panic(err)
	}
	committee := poenf.NewCommittee("lab", 50, poenf.Member{Name: key.Name, Key: key.Public()})
	committee.Length = 5
	now := time.Unix(1_700_000_000, 0) // in earnest time.Now, for which nil stands
	l, err := ledger.NewMemory(committee, func() time.Time { return now })
	if err != nil {
		panic(err)
	}
	series := enf.Series{Start: now, Step: time.Second, Hz: []float64{50.010, 50.012, 50.015, 50.014, 50.011}}
	now = now.Add(5 * time.Second) // a round ends with the last value
	ctx := context.Background()
	err = prover.Run(ctx, prover.Options{
		Source: &readings{series}, Ledger: l, Key: key, Committee: func() (poenf.Committee, error) { return committee, nil },
	})
	if err != nil {
		panic(err)
	}
	round, err := l.Round(ctx, committee.Last(now.UnixMilli()))
	if err != nil {
		panic(err)
	}
	fmt.Println("round", round.Number, "is", round.Truth, "µHz from 50 Hz, by", round.Winner)
	// Output: round 340000001 is [10000 12000 15000 14000 11000] µHz from 50 Hz, by alice
}
