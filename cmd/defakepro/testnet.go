// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/identity"
	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/poenf"
)

type testnetOptions struct {
	nodes  int
	out    string
	grid   enf.Grid
	id     string
	input  string
	rule   poenf.Rule
	faulty int
	seats  int
	epoch  int
	listen int
}

// mostNodes bounds a testnet: more run on no one machine.
const mostNodes = 100

func newTestnetCommand() *cobra.Command {
	opts := testnetOptions{grid: enf.Grid50}
	c := &cobra.Command{
		Use:   "testnet --nodes N --out DIR",
		Short: "Make homes for a committee of N nodes on this machine",
		Long: `Testnet writes DIR/node0, DIR/node1 and so on: the homes of a committee's nodes, with their keys, one genesis, and ports on loopback.
Start each with "defakepro node --home DIR/nodeI". DIR/administrator_key.json signs changes of the committee.

The homes can be moved to other machines: change listen and peer addresses in their config/config.toml.`,
		Example: `  defakepro testnet --nodes 4 --out committee --input csv:grid.csv.gz
  defakepro node --home committee/node0`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return runTestnet(opts, c.Flags().Changed("f"), c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.IntVar(&opts.nodes, "nodes", 4, "how many, from 1 to 100")
	f.StringVar(&opts.out, "out", "", "`DIR` to write to")
	f.Var(gridFlag{&opts.grid}, "nominal", "the grid, in hertz")
	f.StringVar(&opts.id, "id", "testnet", "the committee's name")
	f.StringVar(&opts.input, "input", "", "`INPUT` of every node, as for node")
	f.TextVar(&opts.rule, "rule", poenf.Median, "what makes the truth: `median|krum`")
	f.IntVar(&opts.faulty, "f", 0, "members that may lie or be silent (default the most that N allow)")
	f.IntVar(&opts.seats, "seats", 0, "draw so many of the N by lot each epoch, by verifiable random functions; 0 seats all")
	f.IntVar(&opts.epoch, "epoch", 720, "`ROUNDS` of an epoch, with --seats")
	f.IntVar(&opts.listen, "listen", 8650, "`PORT` of node0's interface on loopback; the others have those that follow")
	return c
}

func runTestnet(opts testnetOptions, faulty bool, stdout io.Writer) error {
	switch {
	case opts.out == "":
		return errors.New("testnet: needs --out, the directory to write to")
	case opts.nodes < 1 || opts.nodes > mostNodes:
		return fmt.Errorf("testnet: --nodes %d: must be from 1 to %d", opts.nodes, mostNodes)
	case opts.grid == enf.GridAuto:
		return errors.New("testnet: --nominal auto: a committee has one grid, 50 or 60")
	case opts.listen < 1 || opts.listen+opts.nodes > 1<<16:
		return fmt.Errorf("testnet: --listen %d: must be a port", opts.listen)
	}
	var keys []identity.Key
	var members []poenf.Member
	for i := range opts.nodes {
		k, err := identity.Generate(fmt.Sprintf("node%d", i))
		if err != nil {
			return err
		}
		keys = append(keys, k)
		members = append(members, poenf.Member{Name: k.Name, Key: k.Public()})
	}
	administrator, err := identity.Generate("administrator")
	if err != nil {
		return err
	}
	committee := poenf.NewCommittee(opts.id, int(opts.grid), members...)
	committee.Rule, committee.Administrator = opts.rule, administrator.Public()
	if opts.seats > 0 {
		committee.EpochRounds, committee.Seats, committee.Faulty = opts.epoch, opts.seats, opts.rule.MaxFaulty(opts.seats)
	} else {
		committee.Faulty = opts.rule.MaxFaulty(opts.nodes)
	}
	if faulty {
		committee.Faulty = opts.faulty
	}
	if err := committee.Validate(); err != nil {
		return fmt.Errorf("testnet: %w", err)
	}
	homes, err := comet.WriteHomes(opts.out, committee, comet.Layout{Validators: opts.nodes})
	if err != nil {
		return fmt.Errorf("testnet: --out %s: %w", opts.out, err)
	}
	for i, h := range homes {
		if err := identity.WriteKey(memberKeyPath(h.Dir), keys[i]); err != nil {
			return err
		}
		c := nodeConfig{Input: opts.input, Listen: fmt.Sprintf("127.0.0.1:%d", opts.listen+i)}
		if err := c.write(h.Dir); err != nil {
			return err
		}
	}
	if err := identity.WriteKey(filepath.Join(opts.out, "administrator_key.json"), administrator); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "A committee of %d for %d Hz, rule %s, f = %d. Start each node:\n", opts.nodes, opts.grid, opts.rule, committee.Faulty)
	for i, h := range homes {
		fmt.Fprintf(&b, "  defakepro node --home %s   # http://127.0.0.1:%d\n", h.Dir, opts.listen+i)
	}
	_, err = io.WriteString(stdout, b.String())
	return err
}
