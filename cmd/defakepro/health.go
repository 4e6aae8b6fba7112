// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newHealthCommand() *cobra.Command {
	var node nodeFlags
	c := &cobra.Command{
		Use:   "health",
		Short: "Ask a node whether it works",
		Long:  "Health asks a node's /healthz, and fails when it does not answer or is out of order: for containers, which have no other program to ask with.",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := node.client()
			if err != nil {
				return fmt.Errorf("health: %w", err)
			}
			defer client.Close()
			s, err := client.State(c.Context())
			if err != nil {
				return fmt.Errorf("health: %w", err)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "height %d, %d peers, syncing: %t\n", s.Height, s.Peers, s.Syncing)
			return err
		},
	}
	node.register(c)
	return c
}
