// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"path/filepath"
	"strings"
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
	p2p    string
	life   time.Duration
	// cert and certKey are the files of the interface's certificate and its key.
	cert, certKey string
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

Other than on loopback its interface (--listen) needs --tls-cert and --tls-key. Nodes on other machines reach it at --p2p alone.

Nothing that exists is overwritten.`,
		Example: `  defakepro init lab --nominal 50 --input soundcard --passphrase-file passphrase
  defakepro init lab --input soundcard --listen 192.0.2.7:8650 --tls-cert cert.pem --tls-key key.pem --p2p 192.0.2.7:26656
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
	f.StringVar(&opts.cert, "tls-cert", "", "`FILE`, the certificate of that address in PEM")
	f.StringVar(&opts.certKey, "tls-key", "", "`FILE`, its key, readable by its owner and group alone")
	f.StringVar(&opts.p2p, "p2p", "", "`ADDRESS`, host:port, that peers connect to (default a free port on loopback)")
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
	door, err := opts.door()
	if err != nil {
		return err
	}
	if opts.p2p != "" {
		if _, err := address("--p2p", opts.p2p); err != nil {
			return err
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
	homes, err := comet.WriteHomes(opts.dir, c, comet.Layout{Validators: 1, Address: opts.p2p, Vault: vaultOf(secret)})
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
	if err := door.configure(nodeConfig{Input: opts.input, Listen: opts.listen, Tokens: true}).write(home); err != nil {
		return err
	}
	if err := identity.NewKey(admin, administrator, passphrase); err != nil {
		return err
	}
	if err := writeToken(first, token, io.Discard); err != nil {
		return err
	}
	return opts.next(stdout, homes[0], door, admin, first)
}

// door is how others reach the interface of the node.
type door struct {
	host string // with its port
	// cert and key are absolute, since nodes are started from anywhere; self says that the certificate's authority is itself.
	cert, key string
	self      bool
}

// door returns how the interface is reached; an error says that it could not be, or in plaintext by others.
func (o initOptions) door() (door, error) {
	at, err := address("--listen", o.listen)
	if err != nil {
		return door{}, err
	}
	own, err := certificates(o.cert, o.certKey)
	switch {
	case err != nil:
		return door{}, err
	case own == nil && !at.IP.IsLoopback():
		return door{}, fmt.Errorf("--listen %s is reachable from other machines: give --tls-cert and --tls-key too, or a loopback address such as 127.0.0.1:8650", o.listen)
	case own == nil:
		return door{host: o.listen}, nil
	}
	leaf := own[0].Leaf
	out := door{host: o.listen, self: bytes.Equal(leaf.RawIssuer, leaf.RawSubject)}
	host, port, err := net.SplitHostPort(o.listen)
	if err != nil {
		return door{}, fmt.Errorf("--listen %s: %w", o.listen, err)
	}
	if at.IP == nil || at.IP.IsUnspecified() { // it is reached by a name of the certificate's
		switch {
		case len(leaf.DNSNames) > 0:
			host = leaf.DNSNames[0]
		case len(leaf.IPAddresses) > 0:
			host = leaf.IPAddresses[0].String()
		}
		out.host = net.JoinHostPort(host, port)
	}
	if err := leaf.VerifyHostname(host); err != nil {
		return door{}, fmt.Errorf("--tls-cert %s: %w", o.cert, err)
	}
	out.cert, err = filepath.Abs(o.cert)
	key, bad := filepath.Abs(o.certKey)
	out.key = key
	return out, errors.Join(err, bad)
}

// configure returns a node's configuration with its door.
func (d door) configure(c nodeConfig) nodeConfig {
	if d.cert != "" {
		c.TLSCert, c.TLSKey, c.Endpoint = d.cert, d.key, d.host
	}
	return c
}

// flags are those with which commands reach the node.
func (d door) flags() string {
	switch {
	case d.cert == "":
		return "--node http://" + d.host
	case d.self:
		return "--node https://" + d.host + " --ca " + d.cert
	}
	return "--node https://" + d.host
}

// address resolves the address of a flag.
func address(flag, hostport string) (*net.TCPAddr, error) {
	at, err := net.ResolveTCPAddr("tcp", hostport)
	if err != nil || at.Port == 0 {
		return nil, fmt.Errorf("%s %s: not an address of a port, host:port", flag, hostport)
	}
	return at, nil
}

// next says what to do now.
func (o initOptions) next(w io.Writer, home comet.Home, d door, admin, token string) error {
	sealed := func(file string) string {
		if file == "" {
			return ""
		}
		return " --passphrase-file " + file
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Committee %s, for %d Hz, with one node of %s.\n\n", o.id, o.grid, o.member)
	if o.input == "" {
		fmt.Fprintf(&b, "It has no --input, proves nothing, and closes no round: give it one, in %s or with --input.\n", nodeConfigPath(home.Dir))
	}
	fmt.Fprintf(&b, `Start the node:
  defakepro node --home %[1]s%[2]s
See that it works; the token is a secret:
  defakepro member list %[3]s --token %[4]s
Register people and programs by their public keys, and give them tokens:
  defakepro member key guard_key.json guard
  defakepro member add guard --roles guard --key guard_key.json --admin %[5]s%[6]s %[3]s --token %[4]s
  defakepro token issue --holder guard --operations members:read,rounds:read,truth:read --admin %[5]s%[6]s -o guard_token
Start another node of the committee, from a copy of %[7]s:
  defakepro node --home node1 --member node1 --genesis %[7]s --peers %[8]s
`, home.Dir, sealed(o.node), d.flags(), token, admin, sealed(o.passphrase), genesisPath(home.Dir), home.P2P)
	switch host, _, _ := net.SplitHostPort(o.p2p); {
	case o.p2p == "":
		b.WriteString("That is on this machine alone: nodes on others reach what init was given with --p2p.\n")
	case net.ParseIP(host).IsUnspecified() || host == "":
		b.WriteString("There, put this machine's address for " + o.p2p + ".\n")
	}
	fmt.Fprintf(&b, "Keep %s elsewhere, on a machine that serves nothing: whoever has it decides who is who.\n", admin)
	_, err := io.WriteString(w, b.String())
	return err
}
