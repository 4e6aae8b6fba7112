// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/defakepro/defakepro/capability"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/identity"
	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/poenf"
	"github.com/defakepro/defakepro/prover"
)

type initOptions struct {
	keyFlags
	dir    string
	grid   enf.Grid
	id     string
	member string
	input  string
	listen string
	life   time.Duration
	// node is the file with the passphrase of the node's keys.
	node string
}

func newInitCommand() *cobra.Command {
	opts := initOptions{grid: enf.Grid50}
	c := &cobra.Command{
		Use:   "init DIR",
		Short: "Set up a committee: an administrator's key, a node, and a first token",
		Long: `Init writes to DIR what a committee begins with, and prints what to do next:

    DIR/administrator_key.json   registers members and issues tokens; sealed where --passphrase-file says under what. Keep it elsewhere.
    DIR/node0                    the home of the first node, whose interface asks for tokens
    DIR/token                    a first token, for all that the node does

Nothing that exists is overwritten.`,
		Example: `  defakepro init lab --nominal 50 --input soundcard --passphrase-file passphrase
  defakepro node --home lab/node0`,
		Args: oneArgument("directory"),
		RunE: func(c *cobra.Command, args []string) error {
			opts.dir = args[0]
			return said("init", runInit(opts, time.Now(), c.OutOrStdout()))
		},
	}
	opts.register(c)
	f := c.Flags()
	f.Var(gridFlag{&opts.grid}, "nominal", "the grid, in hertz")
	f.StringVar(&opts.id, "id", defaultCommittee, "the committee's `NAME`")
	f.StringVar(&opts.member, "member", defaultMember, "the first member's `NAME`")
	f.StringVar(&opts.input, "input", "", "`INPUT` of its node, as for node")
	f.StringVar(&opts.listen, "listen", "127.0.0.1:8650", "`ADDRESS` of its interface, host:port")
	f.StringVar(&opts.node, "node-passphrase-file", "", "seal the node's keys under the passphrase in `FILE`, with which it is then started")
	f.DurationVar(&opts.life, "for", 30*24*time.Hour, "how long the first token is good")
	return c
}

func runInit(opts initOptions, now time.Time, stdout io.Writer) error {
	if opts.grid == enf.GridAuto {
		return errors.New("--nominal auto: a committee has one grid, 50 or 60")
	}
	if opts.input != "" {
		if err := prover.Check(opts.input); err != nil {
			return fmt.Errorf("--%w", err)
		}
	}
	passphrase, err := optionalPassphrase("--passphrase-file", opts.passphrase)
	if err != nil {
		return err
	}
	secret, err := optionalPassphrase("--node-passphrase-file", opts.node)
	if err != nil {
		return err
	}
	key, err := identity.Generate(opts.member)
	if err != nil {
		return err
	}
	administrator, err := identity.Generate("administrator")
	if err != nil {
		return err
	}
	c := poenf.NewCommittee(opts.id, int(opts.grid), poenf.Member{Name: key.Name, Key: key.Public()})
	c.Administrator = administrator.Public()
	if err := c.Validate(); err != nil {
		return err
	}
	token, err := capability.Issue(administrator.Private, key.Name, capability.Limits{Operations: []string{"*"}, Until: now.Add(opts.life)})
	if err != nil {
		return err
	}
	homes, err := comet.WriteHomes(opts.dir, c, comet.Layout{Validators: 1, Vault: vaultOf(secret)})
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s holds a committee already", opts.dir)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", opts.dir, err)
	}
	home, admin, first := homes[0].Dir, filepath.Join(opts.dir, "administrator_key.json"), filepath.Join(opts.dir, "token")
	if err := identity.NewKey(memberKeyPath(home), key, secret); err != nil {
		return err
	}
	if err := (nodeConfig{Input: opts.input, Listen: opts.listen, Tokens: true}).write(home); err != nil {
		return err
	}
	if err := identity.NewKey(admin, administrator, passphrase); err != nil {
		return err
	}
	if err := writeToken(first, token, io.Discard); err != nil {
		return err
	}
	return opts.next(stdout, home, admin, first)
}

// next says what to do now.
func (o initOptions) next(w io.Writer, home, admin, token string) error {
	sealed := func(file string) string {
		if file == "" {
			return ""
		}
		return " --passphrase-file " + file
	}
	_, err := fmt.Fprintf(w, `Committee %s, for %d Hz, with one node of %s.

Start the node:
  defakepro node --home %s%[9]s
See that it works; the token is a secret:
  defakepro member list --node http://%[8]s --token %[5]s
Register people and programs by their public keys, and give them tokens:
  defakepro member key guard_key.json guard
  defakepro member add guard --roles guard --key guard_key.json --admin %[6]s%[7]s --node http://%[8]s --token %[5]s
  defakepro token issue --holder guard --operations truth:read,rounds:read --admin %[6]s%[7]s -o guard_token
Keep %[6]s elsewhere, on a machine that serves nothing: whoever has it decides who is who.
`, o.id, o.grid, o.member, home, token, admin, sealed(o.passphrase), o.listen, sealed(o.node))
	return err
}
