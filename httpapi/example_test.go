// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/defakepro/defakepro/httpapi"
	"github.com/defakepro/defakepro/identity"
	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/poenf"
)

// A ledger is served, and the client is that ledger again: it takes a proof, and tells the truth.
func Example() {
	key, err := identity.Generate("alice")
	if err != nil {
		panic(err)
	}
	committee := poenf.NewCommittee("lab", 50, poenf.Member{Name: key.Name, Key: key.Public()})
	committee.Length = 5
	now := time.Unix(1_700_000_003, 0) // in earnest time.Now, for which nil stands
	clock := func() time.Time { return now }
	l, err := ledger.NewMemory(committee, clock)
	if err != nil {
		panic(err)
	}
	server := httptest.NewServer(httpapi.Handler(httpapi.Options{
		Ledger: l, Committee: func() (poenf.Committee, error) { return committee, nil }, Now: clock,
	}))
	defer server.Close()

	client, err := httpapi.NewClient(server.URL, httpapi.ClientOptions{})
	if err != nil {
		panic(err)
	}
	defer client.Close()
	// A member's clock may be ahead by two seconds (Committee.Skew): this round ends in as many.
	proof := poenf.Proof{Nominal: 50, Round: committee.Last(now.UnixMilli()) + 1, Member: key.Name, Values: []int32{10_000, 12_000, 15_000, 14_000, 11_000}}
	if err := proof.Sign(committee.ID, key.Private); err != nil {
		panic(err)
	}
	ctx := context.Background()
	if err := client.Submit(ctx, proof); err != nil {
		panic(err)
	}
	truth, err := client.Truth(ctx, now.Add(-3*time.Second), now)
	if err != nil {
		panic(err)
	}
	for i, hz := range truth.Hz {
		fmt.Printf("%s %.3f Hz\n", truth.Time(i).UTC().Format(time.TimeOnly), hz)
	}
	// Output:
	// 22:13:20 50.010 Hz
	// 22:13:21 50.012 Hz
	// 22:13:22 50.015 Hz
}
