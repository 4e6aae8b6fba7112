// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/defakepro/defakepro/poenf"
)

func newZoneCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "zone",
		Short: "Open and close trust zones, and say who is in them",
		Long: `A trust zone is those members who know each other for some purpose: an organisation, a meeting, a grid. Tokens can be for certain zones, members prove
that they are in one, and nobody who is not has rights in it, whatever a token says. A room of a conference is in the zone of its name, if there is one.`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("zone: needs what to do; see defakepro help zone")
		},
	}
	c.AddCommand(newZoneAddCommand(), newZoneRemoveCommand(), newZoneListCommand(),
		newZoneMemberCommand("join", "Put a member into a zone", poenf.Join), newZoneMemberCommand("leave", "Take a member out of a zone", poenf.Leave))
	return c
}

func newZoneAddCommand() *cobra.Command {
	var flags changeFlags
	var kind string
	c := &cobra.Command{
		Use: "add ZONE", Short: "Open a zone", Long: "Add opens a zone, with nobody in it." + changeLong, Args: oneArgument("zone"),
		RunE: func(c *cobra.Command, args []string) error {
			of, err := poenf.ParseZoneKind(kind)
			if err != nil {
				return fmt.Errorf("--kind: %w", err)
			}
			return said("zone add", flags.make(c.Context(), c.OutOrStdout(), poenf.Operation{Op: poenf.PutZone, Zone: args[0], Kind: of}))
		},
	}
	flags.register(c)
	c.Flags().StringVar(&kind, "kind", "organisation", "what it is of: `organisation|meeting|grid`")
	return c
}

func newZoneRemoveCommand() *cobra.Command {
	var flags changeFlags
	c := &cobra.Command{
		Use: "remove ZONE", Short: "Close a zone", Long: "Remove closes a zone." + changeLong, Args: oneArgument("zone"),
		RunE: func(c *cobra.Command, args []string) error {
			return said("zone remove", flags.make(c.Context(), c.OutOrStdout(), poenf.Operation{Op: poenf.RemoveZone, Zone: args[0]}))
		},
	}
	flags.register(c)
	return c
}

func newZoneMemberCommand(name, short string, op poenf.Op) *cobra.Command {
	var flags changeFlags
	c := &cobra.Command{
		Use: name + " ZONE NAME...", Short: short, Long: short + "." + changeLong, Args: cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			var operations []poenf.Operation
			for _, member := range args[1:] {
				operations = append(operations, poenf.Operation{Op: op, Zone: args[0], Member: poenf.Member{Name: member}})
			}
			return said("zone "+name, flags.make(c.Context(), c.OutOrStdout(), operations...))
		},
	}
	flags.register(c)
	return c
}

func newZoneListCommand() *cobra.Command {
	return listCommand("Print the zones, and who is in them", printZones)
}

func printZones(w io.Writer, r poenf.Registry, _ string, _ uint64) error {
	out := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	_, _ = fmt.Fprintln(out, "zone\tkind\tmembers")
	for _, z := range r.Zones {
		_, _ = fmt.Fprintf(out, "%s\t%s\t%s\n", z.Name, z.Kind, strings.Join(z.Members, " "))
	}
	return out.Flush() // which has the errors of the rest
}
