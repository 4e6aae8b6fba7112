// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/defakepro/defakepro/poenf"
)

// One round offline: five honest vectors, one of them from a clock that is 2 mHz fast, and one replayed from another time.
func ExampleSelect() {
	names := []string{"alice", "bob", "carol", "dave", "erin", "mallory"}
	vectors := [][]int32{ // µHz from nominal, one value a second
		{1000, 1400, 1900, 2100},
		{1100, 1300, 1800, 2200},
		{900, 1400, 2000, 2000},
		{3000, 3400, 3900, 4100},
		{1000, 1500, 1900, 2100},
		{-9000, -7000, 4000, -8000},
	}
	for _, rule := range []poenf.Rule{poenf.Median, poenf.Krum} {
		o, err := poenf.Select(rule, names, vectors, 1)
		if err != nil {
			panic(err)
		}
		fmt.Println(rule, o.Truth, "within", o.Spread, "µHz, won by", names[o.Winner])
		fmt.Println("  honest, it seems:", o.Inliers)
	}
	// Output:
	// median [988 1410 1910 2088] within 58 µHz, won by alice
	//   honest, it seems: [true true true true true false]
	// krum [1000 1400 1900 2100] within 68 µHz, won by alice
	//   honest, it seems: [true true true true true false]
}

// A committee of four: proofs go in with the time of their block, and the round closes when all are in.
func ExampleMachine() {
	keys := map[string]ed25519.PrivateKey{}
	var members []poenf.Member
	for i, name := range []string{"alice", "bob", "carol", "dave"} {
		keys[name] = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i)}, ed25519.SeedSize))
		members = append(members, poenf.Member{Name: name, Key: keys[name].Public().(ed25519.PublicKey)})
	}
	committee := poenf.NewCommittee("lab", 50, members...)
	committee.Length = 5
	machine, err := poenf.New(committee, 1_700_000_000_000)
	if err != nil {
		panic(err)
	}
	round := machine.Next()
	now := committee.End(round)
	for i, m := range members {
		p := poenf.Proof{Nominal: 50, Round: round, Member: m.Name, Values: []int32{10, 20, 30, 20, int32(10 * i)}}
		if err := p.Sign(committee.ID, keys[m.Name]); err != nil {
			panic(err)
		}
		tx, err := p.MarshalBinary() // what goes over the wire
		if err != nil {
			panic(err)
		}
		received, err := poenf.Decode(tx)
		if err != nil {
			panic(err)
		}
		if _, err := machine.Apply(now, received); err != nil {
			panic(err)
		}
		_, err = machine.Apply(now, received)
		fmt.Println(m.Name, "again:", errors.Is(err, poenf.ErrPresent))
	}
	for _, r := range machine.Tick(now) {
		fmt.Println("round", r.Number, "is", r.Truth, "by", r.Winner)
	}
	fmt.Println("next is", machine.Next())
	// Output:
	// alice again: true
	// bob again: true
	// carol again: true
	// dave again: true
	// round 340000001 is [10 20 30 20 15] by alice
	// next is 340000002
}
