// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
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
		Short: "Issue, narrow, inspect and revoke capability tokens",
		Long: `A token says what its holder may do, where, and until when. An administrator issues it; whoever has it can make a narrower one of it, offline, and
never a wider one; every node verifies it with the registry alone. It is a secret: whoever has it can use it.`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("token: needs what to do; see defakepro help token")
		},
	}
	c.AddCommand(newTokenIssueCommand(), newTokenAttenuateCommand(), newTokenInspectCommand(), newTokenRevokeCommand())
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
	c := &cobra.Command{
		Use: "revoke TOKEN", Short: "Have a token count for nothing",
		Long: `Revoke has a token, which it reads from a file or - for the standard input, count for nothing, and all that were made of it. With --block it is only
those made from that block on: 0 is what the administrator issued, the last is this token alone.` + changeLong,
		Args: oneArgument("token"),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := readToken(args[0], c.InOrStdin())
			if err != nil {
				return fmt.Errorf("token revoke: %w", err)
			}
			t, err := capability.Parse(text)
			if err != nil {
				return fmt.Errorf("token revoke: %w", err)
			}
			ids := t.IDs()
			if at < 0 || at >= len(ids) {
				return fmt.Errorf("--block %d: the token has blocks 0 to %d", at, len(ids)-1)
			}
			return said("token revoke", flags.make(c.Context(), c.OutOrStdout(), poenf.Operation{
				Op: poenf.RevokeToken, Revocation: poenf.Revocation{Token: ids[at], Until: t.Blocks[0].Until.UnixMilli()},
			}))
		},
	}
	flags.register(c)
	c.Flags().IntVar(&at, "block", 0, "`N`, from which on it is revoked")
	return c
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
