// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/defakepro/defakepro/identity"
	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/ledger/ledgertest"
	"github.com/defakepro/defakepro/poenf"
)

// A lone node: it needs a directory and a committee. Whoever has its genesis can verify a round without it.
func Example() {
	home, err := os.MkdirTemp("", "comet")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(home)
	key, err := identity.Generate("alice")
	if err != nil {
		panic(err)
	}
	committee := poenf.NewCommittee("lab", 50, poenf.Member{Name: key.Name, Key: key.Public()})
	committee.Length = 5
	var clock ledgertest.Clock // so that nobody waits for the round's end; in earnest it is left out
	ctx := context.Background()
	node, err := comet.Start(ctx, comet.Config{Home: home, Committee: committee, Member: key.Name, Clock: clock.Now})
	if err != nil {
		panic(err)
	}
	defer func() {
		node.Stop()
		if err := node.Wait(); err != nil {
			panic(err)
		}
	}()

	proof := poenf.Proof{Nominal: 50, Round: committee.Last(clock.Now().UnixMilli()) + 1, Member: key.Name, Values: []int32{10, 20, 30, 20, 10}}
	if err := proof.Sign(committee.ID, key.Private); err != nil {
		panic(err)
	}
	clock.Until(time.UnixMilli(committee.End(proof.Round)))
	if err := node.Submit(ctx, proof); err != nil {
		panic(err)
	}
	for round, err := range node.Follow(ctx, proof.Round) { // waits until it is closed
		if err != nil {
			panic(err)
		}
		fmt.Println("closed:", round.Truth, "µHz from 50 Hz")
		break
	}

	certificate, err := node.Certificate(ctx, proof.Round)
	if err != nil {
		panic(err)
	}
	file, err := certificate.MarshalJSON()
	if err != nil {
		panic(err)
	}
	genesis, err := os.ReadFile(filepath.Join(home, "config", "genesis.json"))
	if err != nil {
		panic(err)
	}
	root, err := comet.TrustGenesis(genesis)
	if err != nil {
		panic(err)
	}
	round, err := comet.Verify(file, root)
	fmt.Println("verified:", round.Truth, err)
	// Output:
	// closed: [10 20 30 20 10] µHz from 50 Hz
	// verified: [10 20 30 20 10] <nil>
}
