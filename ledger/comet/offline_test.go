// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet_test

import (
	"errors"
	"io/fs"
	"reflect"
	"testing"

	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/ledger/ledgertest"
	"github.com/defakepro/defakepro/poenf"
)

// TestReadHome: a stopped node's home holds all that it had closed, and what it had found.
func TestReadHome(t *testing.T) {
	t.Parallel()
	c := ledgertest.NewCommittee("offline", 3, 10)
	n := newNet(t, c, comet.Layout{Validators: 1}, 1, nil)
	home := n.homes[0].Dir
	rounds := []poenf.Round{n.round(t)}
	double := n.Sign(poenf.Proof{Nominal: 50, Round: rounds[0].Number + 1, Member: "m001", Values: make([]int32, 10)})
	n.clock.Until(n.EndOf(double.Round))
	n.SubmitAll(t.Context(), t, n.ledgers(), double.Round, c.Members[1])
	if err := n.nodes[0].Submit(t.Context(), double); !errors.Is(err, poenf.ErrPresent) {
		t.Fatal(err)
	}
	rounds = append(rounds, n.round(t))
	if _, err := comet.ReadHome(home); err == nil {
		t.Error("the home of a node that runs can be read")
	}
	stop(t, n.nodes[0])
	got, err := comet.ReadHome(home)
	if err != nil || !reflect.DeepEqual(got.Rounds, rounds) {
		t.Errorf("%+v, %v; want %+v", got.Rounds, err, rounds)
	}
	if len(got.Evidence) != 1 || got.Evidence[0].Equivocation == nil || got.Evidence[0].Equivocation.Member != "m001" {
		t.Errorf("evidence %+v", got.Evidence)
	}
	if _, err := comet.ReadHome(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty home: %v", err)
	}
}
