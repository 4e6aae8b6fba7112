// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/defakepro/defakepro/capability"
	"github.com/defakepro/defakepro/httpapi"
	"github.com/defakepro/defakepro/poenf"
)

func newTokenCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "token",
		Short: "Issue, narrow, inspect, revoke and audit capability tokens",
		Long: `A token says what its holder may do, where, and until when. An administrator issues it; whoever has it can make a narrower one of it, offline, and
never a wider one; every node verifies it with the registry alone. It is a secret: whoever has it can use it.`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("token: needs what to do; see defakepro help token")
		},
	}
	c.AddCommand(newTokenIssueCommand(), newTokenAttenuateCommand(), newTokenInspectCommand(), newTokenRevokeCommand(), newTokenListCommand(), newTokenAuditCommand())
	return c
}

// limitFlags say what a token allows.
type limitFlags struct {
	operations, resources, zones []string
	life                         time.Duration
}

func (l *limitFlags) register(c *cobra.Command, life time.Duration) {
	f := c.Flags()
	f.StringSliceVar(&l.operations, "operations", nil, "`RIGHTS`, such as rounds:read,truth:read; * for all")
	f.StringSliceVar(&l.resources, "resources", nil, "`RESOURCES`, such as room/standup, or node (default all)")
	f.StringSliceVar(&l.zones, "zones", nil, "`ZONES` in which they may be used (default all)")
	f.DurationVar(&l.life, "for", life, "how long it is good")
}

// limits returns what the flags say; a right that no operation needs is a misprint.
func (l *limitFlags) limits(now time.Time) (capability.Limits, error) {
	known := knownRights()
	for _, right := range l.operations {
		if right != "*" && !slices.Contains(known, right) {
			return capability.Limits{}, fmt.Errorf("--operations %s: no operation needs it; there are %s and *", right, strings.Join(known, ", "))
		}
	}
	out := capability.Limits{Operations: l.operations, Resources: l.resources, Zones: l.zones}
	if l.life > 0 {
		out.Until = now.Add(l.life)
	}
	return out, nil
}

// knownRights returns all the rights that a token can name.
func knownRights() []string {
	all := append(slices.Collect(maps.Values(httpapi.Rights())), httpapi.RightMetrics)
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(right string) bool { return right == "" }) // open to all
}

func newTokenIssueCommand() *cobra.Command {
	var keys keyFlags
	var limits limitFlags
	var admin, holder, out string
	c := &cobra.Command{
		Use: "issue --holder NAME --operations RIGHTS --admin FILE", Short: "Issue a token to a member",
		Long: `Issue prints a new token. It asks no node: the token is good while its holder is an active member, and the key an administrator's. What right each
operation of the interface needs is in its description, /openapi.json.`,
		Example: `  defakepro token issue --holder ann --operations rooms:read --resources room/standup --for 8h --admin administrator_key.json`,
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if admin == "" || holder == "" {
				return errors.New("token issue: needs --holder and --admin: for whom, and by whom")
			}
			key, err := keys.open(admin)
			if err != nil {
				return fmt.Errorf("--admin: %w", err)
			}
			allowed, err := limits.limits(time.Now())
			if err != nil {
				return fmt.Errorf("token issue: %w", err)
			}
			token, err := capability.Issue(key.Private, holder, allowed)
			if err != nil {
				return fmt.Errorf("token issue: %w", err)
			}
			return writeToken(out, token, c.OutOrStdout())
		},
	}
	keys.register(c)
	limits.register(c, 24*time.Hour)
	f := c.Flags()
	f.StringVar(&admin, "admin", "", "`FILE` with an administrator's key")
	f.StringVar(&holder, "holder", "", "`NAME` of the member who is to have it")
	f.StringVarP(&out, "output", "o", "", "write it to `FILE`, readable by its owner alone (default the standard output)")
	return c
}

func newTokenAttenuateCommand() *cobra.Command {
	var limits limitFlags
	var out string
	c := &cobra.Command{
		Use: "attenuate TOKEN", Short: "Make a narrower token of one",
		Long: "Attenuate reads a token from a file, or - for the standard input, and prints one that allows what it does as far as the flags do too. It needs no key.",
		Args: oneArgument("token"),
		RunE: func(c *cobra.Command, args []string) error {
			token, err := readToken(args[0], c.InOrStdin())
			allowed, bad := limits.limits(time.Now())
			if err = errors.Join(err, bad); err == nil {
				token, err = capability.Attenuate(token, allowed)
			}
			if err != nil {
				return fmt.Errorf("token attenuate: %w", err)
			}
			return writeToken(out, token, c.OutOrStdout())
		},
	}
	limits.register(c, 0)
	c.Flags().StringVarP(&out, "output", "o", "", "write it to `FILE`, readable by its owner alone (default the standard output)")
	return c
}

func newTokenInspectCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "inspect TOKEN", Short: "Print what a token says",
		Long: "Inspect reads a token from a file, or - for the standard input, and prints what it says and nothing that could be used. Whether it is good, a node knows.",
		Args: oneArgument("token"),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := readToken(args[0], c.InOrStdin())
			if err != nil {
				return fmt.Errorf("token inspect: %w", err)
			}
			t, err := capability.Parse(text)
			if err != nil {
				return fmt.Errorf("token inspect: %w", err)
			}
			ids := t.IDs()
			_, _ = fmt.Fprintf(c.OutOrStdout(), "holder  %s\nuntil   %s\n", t.Holder, t.Until().Format(time.RFC3339))
			for i, l := range t.Blocks {
				_, _ = fmt.Fprintf(c.OutOrStdout(), "block %d %s\n        id %x\n", i, l, ids[i])
			}
			return nil
		},
	}
	return c
}

func newTokenRevokeCommand() *cobra.Command {
	var flags changeFlags
	var at int
	var lost lostFlags
	c := &cobra.Command{
		Use: "revoke TOKEN | --id HEX --until TIME", Short: "Have a token count for nothing",
		Long: `Revoke has a token, which it reads from a file or - for the standard input, count for nothing, and all that were made of it. With --block it is only
those made from that block on: 0 is what the administrator issued, the last is this token alone.

A token that nobody has at hand is revoked by the ID that the record of uses shows (token audit), and --until, the time beside it: when it expires. That is
the token that was used, and all that were made of it.` + changeLong,
		Example: `  defakepro token revoke lost_token --admin administrator_key.json
  defakepro token revoke --id 5f2d...c1 --until 2026-12-01T00:00:00Z --admin administrator_key.json`,
		Args: func(c *cobra.Command, args []string) error {
			if lost.id != "" {
				return noArguments(c, args)
			}
			return oneArgument("token")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			var revocation poenf.Revocation
			var err error
			if lost.id != "" {
				revocation, err = lost.revocation()
			} else {
				revocation, err = revocationOf(args[0], at, c.InOrStdin())
			}
			if err != nil {
				return fmt.Errorf("token revoke: %w", err)
			}
			return said("token revoke", flags.make(c.Context(), c.OutOrStdout(), poenf.Operation{Op: poenf.RevokeToken, Revocation: revocation}))
		},
	}
	flags.register(c)
	c.Flags().IntVar(&at, "block", 0, "`N`, from which on it is revoked")
	c.Flags().StringVar(&lost.id, "id", "", "the token's ID in `HEX`, instead of the token")
	c.Flags().StringVar(&lost.until, "until", "", "`TIME` at which the token with that ID expires, RFC 3339")
	c.MarkFlagsRequiredTogether("id", "until")
	c.MarkFlagsMutuallyExclusive("id", "block")
	return c
}

// lostFlags say which token is meant that nobody has at hand.
type lostFlags struct{ id, until string }

func (l lostFlags) revocation() (poenf.Revocation, error) {
	var out poenf.Revocation
	id, err := hex.DecodeString(l.id)
	if err != nil || len(id) != len(out.Token) {
		return out, fmt.Errorf("--id: not %d hexadecimal digits", 2*len(out.Token))
	}
	copy(out.Token[:], id)
	until, err := time.Parse(time.RFC3339, l.until)
	if err != nil {
		return out, fmt.Errorf("--until %.40q: not a time like 2026-12-01T00:00:00Z", l.until)
	}
	out.Until = until.UnixMilli()
	return out, nil
}

// revocationOf returns the revocation of a token from a block on.
func revocationOf(path string, block int, stdin io.Reader) (poenf.Revocation, error) {
	text, err := readToken(path, stdin)
	if err != nil {
		return poenf.Revocation{}, err
	}
	t, err := capability.Parse(text)
	if err != nil {
		return poenf.Revocation{}, err
	}
	ids := t.IDs()
	if block < 0 || block >= len(ids) {
		return poenf.Revocation{}, fmt.Errorf("--block %d: the token has blocks 0 to %d", block, len(ids)-1)
	}
	return poenf.Revocation{Token: ids[block], Until: t.Blocks[0].Until.UnixMilli()}, nil
}

// writeToken writes a token where only its owner can read it, or to the standard output.
func writeToken(path, token string, stdout io.Writer) error {
	if path == "" {
		_, err := fmt.Fprintln(stdout, token)
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, token)
	return errors.Join(err, f.Close())
}
