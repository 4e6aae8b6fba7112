// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/defakepro/defakepro/identity"
	"github.com/defakepro/defakepro/poenf"
)

func newMemberCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "member",
		Short: "Register, suspend and revoke members of a committee",
		Long: `Member changes who is registered with a committee. Every node keeps the registry, and goes by it without asking anybody: the proofs and the
tokens of a suspended member count for nothing from the next block on.`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("member: needs what to do; see defakepro help member")
		},
	}
	c.AddCommand(
		newMemberAddCommand(), newMemberRotateCommand(), newMemberListCommand(), newMemberKeyCommand(), newMemberProveCommand(),
		newMemberSignCommand(), newMemberSubmitCommand(), newAdministratorsCommand(),
		newMemberOpCommand("suspend", "Have a member not count until it is resumed", poenf.Suspend),
		newMemberOpCommand("resume", "Have a suspended member count again", poenf.Resume),
		newMemberOpCommand("revoke", "End a member for good: neither its name nor its key comes back", poenf.Revoke),
		newMemberOpCommand("remove", "Take a member's seat in the committee away", poenf.Remove),
	)
	return c
}

// faultyUsage is of the flag that changes f with the members.
const faultyUsage = "also make `N` the number of members that may lie or be silent: it depends on how many there are"

func newMemberAddCommand() *cobra.Command {
	var flags changeFlags
	var public publicFlags
	var roles, validator string
	var power int64
	var faulty int
	c := &cobra.Command{
		Use:   "add NAME --roles ROLES",
		Short: "Register a member, or give one more roles",
		Long: `Add registers a member under a name that nobody else ever has. Roles are guard, auditor and participant, with commas between; a prover is also put
into the committee, and with --validator votes there.` + changeLong,
		Example: `  defakepro member add ann --roles participant --public 4vkp…= --admin administrator_key.json
  defakepro member add node3 --roles prover --key node3/config/member_key.json --admin administrator_key.json --f 1`,
		Args: oneArgument("name"),
		RunE: func(c *cobra.Command, args []string) error {
			key, err := public.get(flags.keyFlags)
			if err != nil {
				return fmt.Errorf("member add: %w", err)
			}
			wanted, err := poenf.ParseRoles(roles)
			if err != nil {
				return fmt.Errorf("--roles: %w", err)
			}
			var operations []poenf.Operation
			if others := wanted & (poenf.Guard | poenf.Auditor | poenf.Participant); others != 0 {
				operations = append(operations, poenf.Operation{Op: poenf.Enrol, Member: poenf.Member{Name: args[0], Key: key}, Roles: others})
			}
			votes := wanted&poenf.ValidatorRole != 0
			if votes != (validator != "") {
				return errors.New("member add: a validator needs --validator, and only one does")
			}
			if wanted&(poenf.Prover|poenf.ValidatorRole) != 0 {
				m := poenf.Member{Name: args[0], Key: key}
				if votes {
					vote, err := decodeKey("--validator", validator)
					if err != nil {
						return err
					}
					m.Power, m.Validator = power, vote
				}
				operations = append(operations, poenf.Operation{Op: poenf.Put, Member: m})
			}
			if c.Flags().Changed("f") {
				operations = append(operations, poenf.Operation{Op: poenf.SetFaulty, Faulty: faulty})
			}
			return said("member add", flags.make(c.Context(), c.OutOrStdout(), operations...))
		},
	}
	flags.register(c)
	public.register(c)
	c.Flags().StringVar(&roles, "roles", "participant", "`ROLES` of validator, prover, guard, auditor, participant")
	c.Flags().StringVar(&validator, "validator", "", "key with which the member's node votes, in `BASE64`")
	c.Flags().Int64Var(&power, "power", 10, "weight of its vote; those of testnet and init have 10")
	c.Flags().IntVar(&faulty, "f", 0, faultyUsage)
	return c
}

func newMemberOpCommand(name, short string, op poenf.Op) *cobra.Command {
	var flags changeFlags
	var faulty int
	c := &cobra.Command{
		Use: name + " NAME", Short: short, Long: short + "." + changeLong, Args: oneArgument("name"),
		RunE: func(c *cobra.Command, args []string) error {
			operations := []poenf.Operation{{Op: op, Member: poenf.Member{Name: args[0]}}}
			if c.Flags().Changed("f") {
				operations = append(operations, poenf.Operation{Op: poenf.SetFaulty, Faulty: faulty})
			}
			return said("member "+name, flags.make(c.Context(), c.OutOrStdout(), operations...))
		},
	}
	flags.register(c)
	c.Flags().IntVar(&faulty, "f", 0, faultyUsage)
	return c
}

func newMemberRotateCommand() *cobra.Command {
	var flags changeFlags
	var public publicFlags
	c := &cobra.Command{
		Use: "rotate NAME", Short: "Give a member another key", Long: "Rotate makes another key the member's. The former one counts for nothing from then on." + changeLong,
		Args: oneArgument("name"),
		RunE: func(c *cobra.Command, args []string) error {
			key, err := public.get(flags.keyFlags)
			if err != nil {
				return fmt.Errorf("member rotate: %w", err)
			}
			return said("member rotate", flags.make(c.Context(), c.OutOrStdout(),
				poenf.Operation{Op: poenf.Rotate, Member: poenf.Member{Name: args[0], Key: key}}))
		},
	}
	flags.register(c)
	public.register(c)
	return c
}

func newMemberListCommand() *cobra.Command {
	return listCommand("Print who is registered", printMembers)
}

// listCommand is a command that prints what a node's registry holds of a kind, after the change with that number.
func listCommand(short string, print func(w io.Writer, r poenf.Registry, committee string, sequence uint64) error) *cobra.Command {
	var node nodeFlags
	c := &cobra.Command{
		Use: "list", Short: short, Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			failed := func(err error) error { return fmt.Errorf("%s list: %w", c.Parent().Name(), err) }
			client, err := node.client()
			if err != nil {
				return failed(err)
			}
			defer client.Close()
			r, committee, sequence, err := client.Registry(c.Context())
			if err != nil {
				return failed(err)
			}
			return print(c.OutOrStdout(), r, committee, sequence)
		},
	}
	node.register(c)
	return c
}

func printMembers(w io.Writer, r poenf.Registry, committee string, sequence uint64) error {
	out := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	_, _ = fmt.Fprintf(out, "# %s after change %d: %d of %d administrators sign\n", committee, sequence, r.Threshold, len(r.Administrators))
	for _, key := range r.Administrators {
		_, _ = fmt.Fprintf(out, "# administrator %s\n", base64.StdEncoding.EncodeToString(key))
	}
	_, _ = fmt.Fprintln(out, "name\tstatus\troles\tsince\tkey")
	for _, a := range r.Accounts {
		since := "-"
		if a.Since > 0 {
			since = time.UnixMilli(a.Since).UTC().Format(time.RFC3339)
		}
		_, _ = fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", a.Name, a.Status, a.Roles, since, base64.StdEncoding.EncodeToString(a.Key))
	}
	return out.Flush() // which has the errors of the rest
}

func newMemberKeyCommand() *cobra.Command {
	var keys keyFlags
	c := &cobra.Command{
		Use: "key FILE [NAME]", Short: "Make a key, or print the public part of one",
		Long: `Key prints the public key in FILE, which is what others need to register its member. With NAME it first makes a key for that name, sealed where
--passphrase-file says under what.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 2 {
				if err := keys.generate(args[0], args[1]); err != nil {
					return fmt.Errorf("member key: %w", err)
				}
			}
			k, err := keys.open(args[0])
			if err != nil {
				return fmt.Errorf("member key: %w", err)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s %s\n", k.Name, base64.StdEncoding.EncodeToString(k.Public()))
			return err
		},
	}
	keys.register(c)
	return c
}

// generate makes a key's file.
func (k *keyFlags) generate(path, name string) error {
	key, err := identity.Generate(name)
	if err != nil {
		return err
	}
	if k.passphrase == "" {
		return identity.WriteKey(path, key)
	}
	passphrase, err := readPassphrase(k.passphrase)
	if err != nil {
		return fmt.Errorf("--passphrase-file: %w", err)
	}
	return identity.SealKey(path, key, passphrase)
}

func newMemberProveCommand() *cobra.Command {
	var node nodeFlags
	var keys keyFlags
	var path, zone, endpoint string
	c := &cobra.Command{
		Use: "prove --key FILE", Short: "Prove to a node who one is",
		Long: `Prove answers a node's challenge with the member's key: fresh, good once, for one zone at one node. It fails where the member is suspended, or is
not in the zone.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if path == "" {
				return errors.New("member prove: needs --key, the member's key")
			}
			key, err := keys.open(path)
			if err != nil {
				return fmt.Errorf("member prove: %w", err)
			}
			return said("member prove", prove(c.Context(), node, key, endpoint, zone, c.OutOrStdout()))
		},
	}
	node.register(c)
	keys.register(c)
	f := c.Flags()
	f.StringVar(&path, "key", "", "`FILE` with the member's key")
	f.StringVar(&zone, "zone", "", "`NAME` of the zone to be proved in (default none)")
	f.StringVar(&endpoint, "endpoint", "", "`NAME` that the node goes by, host:port (default that of --node)")
	return c
}

func prove(ctx context.Context, node nodeFlags, key identity.Key, endpoint, zone string, stdout io.Writer) error {
	client, err := node.client()
	if err != nil {
		return err
	}
	defer client.Close()
	committee, err := client.CommitteeID(ctx)
	if err != nil {
		return err
	}
	if err := client.Prove(ctx, committee, endpoint, zone, key.Name, key.Private); err != nil {
		return err
	}
	where := committee
	if zone != "" {
		where = "zone " + zone + " of " + committee
	}
	_, err = fmt.Fprintf(stdout, "%s is an active member of %s\n", key.Name, where)
	return err
}

func newMemberSignCommand() *cobra.Command {
	var flags changeFlags
	c := &cobra.Command{
		Use: "sign CHANGE --admin FILE", Short: "Add an administrator's signature to a change",
		Long: "Sign prints what a change that was written with --output would do, and adds the signatures of --admin to it. It asks no node.",
		Args: oneArgument("change"),
		RunE: func(c *cobra.Command, args []string) error {
			committee, change, err := readChange(args[0])
			if err != nil {
				return fmt.Errorf("member sign: %w", err)
			}
			if len(flags.admins) == 0 {
				return errors.New("member sign: needs --admin, the key of an administrator")
			}
			for _, path := range flags.admins {
				key, err := flags.open(path)
				if err == nil {
					err = change.Endorse(committee, key.Private)
				}
				if err != nil {
					return fmt.Errorf("--admin %s: %w", path, err)
				}
			}
			for _, o := range change.Operations {
				if _, err := fmt.Fprintf(c.OutOrStdout(), "change %d of %s: %s\n", change.Sequence, committee, o); err != nil {
					return err
				}
			}
			return writeChange(args[0], committee, change, poenf.Registry{Threshold: len(change.Endorsements)}, io.Discard)
		},
	}
	flags.keyFlags.register(c)
	c.Flags().StringArrayVar(&flags.admins, "admin", nil, "`FILE` with an administrator's key; again for each that is to sign")
	return c
}

func newMemberSubmitCommand() *cobra.Command {
	var node nodeFlags
	c := &cobra.Command{
		Use: "submit CHANGE", Short: "Submit a change that enough administrators have signed", Args: oneArgument("change"),
		RunE: func(c *cobra.Command, args []string) error {
			committee, change, err := readChange(args[0])
			if err != nil {
				return fmt.Errorf("member submit: %w", err)
			}
			client, err := node.client()
			if err != nil {
				return fmt.Errorf("member submit: %w", err)
			}
			defer client.Close()
			registry, at, _, err := client.Registry(c.Context())
			if err == nil && at != committee {
				err = fmt.Errorf("the change is one of %s, and the node is of %s", committee, at)
			}
			if err == nil {
				err = submitChange(c.Context(), client, committee, change, registry, c.OutOrStdout())
			}
			return said("member submit", err)
		},
	}
	node.register(c)
	return c
}

func newAdministratorsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "administrators", Short: "Say who administers the committee, and how many must sign", Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("member administrators: needs what to do; see defakepro help member administrators")
		},
	}
	for name, op := range map[string]poenf.Op{"add": poenf.AddAdministrator, "remove": poenf.RemoveAdministrator} {
		var flags changeFlags
		var public publicFlags
		var threshold int
		sub := &cobra.Command{
			Use: name, Short: name + " an administrator's key", Long: "The key of an administrator signs changes from the next one on, or none any more." + changeLong,
			Args: noArguments,
			RunE: func(c *cobra.Command, _ []string) error {
				key, err := public.get(flags.keyFlags)
				if err != nil {
					return fmt.Errorf("member administrators %s: %w", name, err)
				}
				operations := []poenf.Operation{{Op: op, Member: poenf.Member{Key: key}}}
				if threshold > 0 {
					operations = append(operations, poenf.Operation{Op: poenf.SetThreshold, Threshold: threshold})
				}
				return said("member administrators "+name, flags.make(c.Context(), c.OutOrStdout(), operations...))
			},
		}
		flags.register(sub)
		public.register(sub)
		sub.Flags().IntVar(&threshold, "threshold", 0, "also make `K` the number of administrators who must sign")
		c.AddCommand(sub)
	}
	return c
}

// said puts a command's name before its error.
func said(command string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	return nil
}
