// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/identity"
	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/poenf"
	"github.com/defakepro/defakepro/prover"
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
	run    bool
	keys   keyFlags
	// missing leaves homes that exist as they are.
	missing bool
}

// mostNodes bounds a testnet: more run on no one machine.
const mostNodes = 100

func newTestnetCommand() *cobra.Command {
	opts := testnetOptions{grid: enf.Grid50}
	c := &cobra.Command{
		Use:   "testnet --nodes N --out DIR",
		Short: "Make homes for a committee of N nodes on this machine",
		Long: `Testnet writes DIR/node0, DIR/node1 and so on: the homes of a committee's nodes, with their keys, one genesis, and ports on loopback.
Start each with "defakepro node --home DIR/nodeI", or all with --run. DIR/administrator_key.json signs changes of the committee.

The homes can be moved to other machines: change listen and peer addresses in their config/config.toml.`,
		Example: `  defakepro testnet --nodes 4 --out committee --input csv:grid.csv.gz
  defakepro node --home committee/node0
  defakepro testnet --nodes 4 --out trial --input csv:grid.csv --run`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			homes, err := runTestnet(opts, c.Flags().Changed("f"), c.OutOrStdout())
			if err != nil || !opts.run {
				return err
			}
			return runHomes(c.Context(), homes, c.ErrOrStderr())
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
	opts.keys.register(c)
	f.BoolVar(&opts.missing, "if-missing", false, "leave homes that exist as they are")
	f.BoolVar(&opts.run, "run", false, "start the nodes too, and stop them on SIGINT or SIGTERM")
	return c
}

// check returns what is wrong with the flags.
func (o testnetOptions) check() error {
	switch {
	case o.out == "":
		return errors.New("testnet: needs --out, the directory to write to")
	case o.nodes < 1 || o.nodes > mostNodes:
		return fmt.Errorf("testnet: --nodes %d: must be from 1 to %d", o.nodes, mostNodes)
	case o.grid == enf.GridAuto:
		return errors.New("testnet: --nominal auto: a committee has one grid, 50 or 60")
	case o.listen < 1 || o.listen+o.nodes-1 > math.MaxUint16:
		return fmt.Errorf("testnet: --listen %d: %d nodes need ports from there to %d, and the last is %d", o.listen, o.nodes, o.listen+o.nodes-1,
			math.MaxUint16)
	case o.input != "":
		if err := prover.Check(o.input); err != nil {
			return fmt.Errorf("testnet: --%w", err)
		}
	}
	return nil
}

// runTestnet writes the homes and returns their directories.
func runTestnet(opts testnetOptions, faulty bool, stdout io.Writer) ([]string, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	secret, err := optionalPassphrase("testnet: --passphrase-file", opts.keys.passphrase)
	if err != nil {
		return nil, err
	}
	passphrase := opts.keys.passphrase
	if secret != nil { // nodes are started from anywhere
		if passphrase, err = filepath.Abs(passphrase); err != nil {
			return nil, err
		}
	}
	keys, members, err := newMembers(opts.nodes)
	if err != nil {
		return nil, err
	}
	administrator, err := identity.Generate("administrator")
	if err != nil {
		return nil, err
	}
	committee, err := committeeOf(opts, faulty, members, administrator)
	if err != nil {
		return nil, fmt.Errorf("testnet: %w", err)
	}
	dirs, err := writeCommittee(opts.out, committee, keys, secret, func(i int) nodeConfig {
		return nodeConfig{Input: opts.input, Listen: fmt.Sprintf("127.0.0.1:%d", opts.listen+i), PassphraseFile: passphrase}
	})
	if errors.Is(err, fs.ErrExist) && opts.missing {
		dirs := make([]string, opts.nodes)
		for i := range dirs {
			dirs[i] = filepath.Join(opts.out, fmt.Sprintf("node%d", i))
		}
		_, err := fmt.Fprintf(stdout, "%s holds homes already\n", opts.out)
		return dirs, err
	}
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("testnet: --out %s holds homes already; choose another, or remove it", opts.out)
	}
	if err != nil {
		return nil, fmt.Errorf("testnet: --out %s: %w", opts.out, err)
	}
	if err := identity.NewKey(filepath.Join(opts.out, "administrator_key.json"), administrator, secret); err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "A committee of %d for %d Hz, rule %s, f = %d. Start each node:\n", opts.nodes, opts.grid, opts.rule, committee.Faulty)
	for i, dir := range dirs {
		fmt.Fprintf(&b, "  defakepro node --home %s   # http://127.0.0.1:%d\n", dir, opts.listen+i)
	}
	_, err = io.WriteString(stdout, b.String())
	return dirs, err
}

// committeeOf returns the committee of these members that the flags describe; faulty says that --f is one of them.
func committeeOf(opts testnetOptions, faulty bool, members []poenf.Member, administrator identity.Key) (poenf.Committee, error) {
	c := poenf.NewCommittee(opts.id, int(opts.grid), members...)
	c.Rule, c.Administrator = opts.rule, administrator.Public()
	if opts.seats > 0 {
		c.EpochRounds, c.Seats, c.Faulty = opts.epoch, opts.seats, opts.rule.MaxFaulty(opts.seats)
	} else {
		c.Faulty = opts.rule.MaxFaulty(opts.nodes)
	}
	if faulty {
		c.Faulty = opts.faulty
	}
	return c, c.Validate()
}

// newMembers makes so many members, node0 and so on, and their keys.
func newMembers(n int) (keys []identity.Key, members []poenf.Member, err error) {
	for i := range n {
		k, err := identity.Generate(fmt.Sprintf("node%d", i))
		if err != nil {
			return nil, nil, err
		}
		keys, members = append(keys, k), append(members, poenf.Member{Name: k.Name, Key: k.Public()})
	}
	return keys, members, nil
}

// writeCommittee writes a home for each member of a committee, all of them validators, and returns their directories. An error wraps
// fs.ErrExist where there are homes already. Keys are sealed under secret, unless that is nil.
func writeCommittee(out string, c poenf.Committee, keys []identity.Key, secret []byte, config func(i int) nodeConfig) ([]string, error) {
	homes, err := comet.WriteHomes(out, c, comet.Layout{Validators: len(keys), Vault: vaultOf(secret)})
	if err != nil {
		return nil, err
	}
	dirs := make([]string, len(homes))
	for i, h := range homes {
		dirs[i] = h.Dir
		if err := errors.Join(identity.NewKey(memberKeyPath(h.Dir), keys[i], secret), config(i).write(h.Dir)); err != nil {
			return nil, err
		}
	}
	return dirs, nil
}

// runHomes runs a node for each home, as processes of their own, until ctx ends or one of them fails.
func runHomes(ctx context.Context, homes []string, stderr io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	out := &lines{w: stderr}
	for _, home := range homes {
		group.Go(func() error {
			c := exec.CommandContext(ctx, self, "node", "--home", home)
			c.Stderr = out.of(filepath.Base(home))
			c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
			c.WaitDelay = 20 * time.Second
			if err := c.Run(); err != nil && ctx.Err() == nil {
				return fmt.Errorf("node of %s: %w", home, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// lines keeps the lines of several writers whole, each with the name of its writer before it.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lines) of(name string) io.Writer { return &namedLines{lines: l, name: name} }

type namedLines struct {
	*lines
	name string
	rest []byte
}

func (n *namedLines) Write(b []byte) (int, error) {
	n.rest = append(n.rest, b...)
	for {
		line, rest, ok := bytes.Cut(n.rest, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		n.rest = rest
		n.mu.Lock()
		_, err := fmt.Fprintf(n.w, "%s: %s\n", n.name, line)
		n.mu.Unlock()
		if err != nil {
			return len(b), err
		}
	}
}
