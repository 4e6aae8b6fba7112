// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/ledger/ledgertest"
)

// TestMain lets this binary be a node in a process of its own, to be killed.
func TestMain(m *testing.M) {
	if home := os.Getenv("LEDGER_TEST_NODE"); home != "" {
		if err := child(home); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// childCommittee is that of a node in a process of its own that proves for all members.
func childCommittee() *ledgertest.Committee {
	c := ledgertest.NewCommittee("killed", 3, 10)
	c.Period, c.Skew = 1, 1000
	return c
}

// fast is a clock that runs fifty times as fast from an instant on, and past restarts.
func fast(since time.Time) func() time.Time {
	return func() time.Time { return since.Add(50 * time.Since(since)) }
}

// child runs a node until it is killed. With LEDGER_TEST_SINCE it begins the committee alone, and says of each round when
// it was admitted.
func child(home string) error {
	cfg := comet.Config{Home: home}
	since, err := strconv.ParseInt(os.Getenv("LEDGER_TEST_SINCE"), 10, 64)
	if err == nil {
		cfg.Committee, cfg.Clock, cfg.SnapshotEvery = childCommittee().Committee, fast(time.UnixMilli(since)), 3
	}
	n, startErr := comet.Start(context.Background(), cfg)
	if startErr != nil {
		return startErr
	}
	fmt.Println("up")
	if err != nil {
		return n.Wait()
	}
	c := childCommittee()
	for range time.Tick(time.Millisecond) {
		round := c.Last(cfg.Clock().UnixMilli())
		for _, m := range c.Members {
			if err := n.Submit(context.Background(), c.Proof(m.Name, round)); err != nil {
				break // a round that was begun before the kill
			}
			if m.Name == "m002" {
				fmt.Println(round)
			}
		}
	}
	return nil
}

// spawn starts this binary as a node; its output is what it prints.
func spawn(t *testing.T, home string, env ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), "LEDGER_TEST_NODE="+home), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, bufio.NewScanner(out)
}

// TestKill: a node that is killed at any moment comes back with every round whose proofs it had admitted, none twice and
// none changed.
func TestKill(t *testing.T) {
	t.Parallel()
	home, since := t.TempDir(), time.Now()
	env := "LEDGER_TEST_SINCE=" + strconv.FormatInt(since.UnixMilli(), 10)
	kills := 8
	if testing.Short() {
		kills = 3
	}
	r := rand.New(rand.NewPCG(1, 2))
	var admitted []uint64
	for range kills {
		cmd, lines := spawn(t, home, env)
		alive := 0
		for want := 2 + r.IntN(6); alive < want && lines.Scan(); {
			if round, err := strconv.ParseUint(lines.Text(), 10, 64); err == nil {
				admitted = append(admitted, round)
				alive++
			}
		}
		if alive == 0 {
			t.Fatal("the node has admitted nothing")
		}
		// Anywhere in the rounds that follow; the lines end with the process.
		time.AfterFunc(time.Duration(r.IntN(20_000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
		for lines.Scan() {
			if round, err := strconv.ParseUint(lines.Text(), 10, 64); err == nil {
				admitted = append(admitted, round)
			}
		}
		_ = cmd.Wait()
	}
	node := start(t, comet.Config{Home: home, Clock: fast(time.UnixMilli(since.UnixMilli())), Log: logger(t)})
	c := childCommittee()
	for _, round := range admitted {
		got, err := node.Round(t.Context(), round)
		if err != nil {
			t.Fatalf("round %d was admitted: %v", round, err)
		}
		for i, e := range got.Entries {
			if e.ProofHash != c.Proof(c.Members[i].Name, round).Hash() {
				t.Errorf("round %d: the proof of %s is another", round, e.Member)
			}
		}
	}
	var all []uint64
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for r, err := range node.Follow(ctx, 0) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r.Number)
		if r.Number >= slices.Max(admitted) {
			break
		}
	}
	if !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Errorf("rounds are not in order, or twice: %v", all)
	}
	t.Logf("%d rounds, %d kills", len(all), kills)
}

// TestKillFirstStart: a node that is killed while it starts for the first time, and makes its home, starts the next time.
func TestKillFirstStart(t *testing.T) {
	t.Parallel()
	kills := 20
	if testing.Short() {
		kills = 6
	}
	env := "LEDGER_TEST_SINCE=" + strconv.FormatInt(time.Now().UnixMilli(), 10)
	r := rand.New(rand.NewPCG(3, 4))
	var home string
	for i := range kills {
		if i%2 == 0 { // the others are killed twice
			home = t.TempDir()
		}
		cmd, lines := spawn(t, home, env)
		time.AfterFunc(time.Duration(20+r.IntN(130))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		for lines.Scan() { // until it is dead
		}
		_ = cmd.Wait()
		if i%2 == 0 {
			continue
		}
		cmd, lines = spawn(t, home, env)
		if !lines.Scan() {
			t.Fatalf("after kill %d it does not start: the home is %s", i, home)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// TestContractOfThreeOfFour: the contract holds while one of four validators, in a process of its own, has been killed.
func TestContractOfThreeOfFour(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits half a second whenever it was the dead one's turn")
	}
	ledgertest.Run(t, func(t *testing.T, c *ledgertest.Committee, now func() time.Time) []ledger.Ledger {
		n := newNet(t, c, comet.Layout{Validators: 4}, 3, func(cfg *comet.Config) { cfg.Clock = now })
		fourth, lines := spawn(t, n.homes[3].Dir)
		if !lines.Scan() {
			t.Fatal("the fourth node does not start")
		}
		for i, node := range n.nodes[:3] {
			eventually(t, func() bool { return !node.Syncing() && node.Peers() == 3 && node.Height() > 0 }, "node %d sees three others", i)
		}
		_ = fourth.Process.Kill()
		_ = fourth.Wait()
		return n.ledgers()
	})
}
