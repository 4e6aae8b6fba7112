// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"context"
	"fmt"
	"time"

	"github.com/defakepro/defakepro/identity"
	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/poenf"
)

// Four members prove what they saw; three agree, and the truth is theirs. What no round covers is not known.
func Example() {
	seen := map[string][]float64{
		"alice": {50.010, 50.012, 50.015, 50.014, 50.011},
		"bob":   {50.010, 50.012, 50.015, 50.014, 50.011},
		"carol": {50.010, 50.012, 50.015, 50.014, 50.011},
		"dave":  {49.950, 49.950, 49.950, 49.950, 49.950},
	}
	var keys []identity.Key
	var members []poenf.Member
	for name := range seen {
		key, err := identity.Generate(name)
		if err != nil {
			panic(err)
		}
		keys = append(keys, key)
		members = append(members, poenf.Member{Name: name, Key: key.Public()})
	}
	committee := poenf.NewCommittee("lab", 50, members...)
	committee.Length = 5

	now := time.Unix(1_700_000_000, 0) // in earnest time.Now, for which nil stands
	l, err := ledger.NewMemory(committee, func() time.Time { return now })
	if err != nil {
		panic(err)
	}
	round := committee.Last(now.UnixMilli()) + 1
	now = time.UnixMilli(committee.End(round))
	ctx := context.Background()
	for _, key := range keys {
		values, err := ledger.Offsets(seen[key.Name], committee.Nominal)
		if err != nil {
			panic(err)
		}
		proof := poenf.Proof{Nominal: committee.Nominal, Round: round, Member: key.Name, Values: values}
		if err := proof.Sign(committee.ID, key.Private); err != nil {
			panic(err)
		}
		if err := l.Submit(ctx, proof); err != nil {
			panic(err)
		}
	}

	truth, err := ledger.NewTruth(l, committee).Between(ctx, now.Add(-3*time.Second), now.Add(time.Second))
	if err != nil {
		panic(err)
	}
	for i, hz := range truth.Hz {
		fmt.Printf("%s %.3f Hz\n", truth.Time(i).UTC().Format(time.TimeOnly), hz)
	}
	// Output:
	// 22:13:22 50.015 Hz
	// 22:13:23 50.014 Hz
	// 22:13:24 50.011 Hz
	// 22:13:25 NaN Hz
}
