// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

//go:generate go run . markdown --output ../../docs/commands.md

// newMarkdownCommand writes docs/commands.md, so that the documentation is what the command says of itself.
func newMarkdownCommand() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:    "markdown",
		Short:  "Write the help of every command as Markdown",
		Hidden: true,
		Args:   noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			out, err := createOutput(path)
			if err != nil {
				return err
			}
			defer out.discard()
			return out.commit(c.OutOrStdout(), func(w io.Writer) error { return writeMarkdown(w, c.Root()) })
		},
	}
	c.Flags().StringVarP(&path, "output", "o", "", "write to this `FILE` instead of the standard output")
	return c
}

func writeMarkdown(w io.Writer, root *cobra.Command) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<!-- Written by go generate; do not edit. -->\n\n# Commands\n\n%s\n", root.Long)
	for _, c := range root.Commands() {
		describe(&b, c, "##")
	}
	_, err := w.Write(b.Bytes())
	return err
}

// describe writes about a command, and below it about its own.
func describe(b *bytes.Buffer, c *cobra.Command, heading string) {
	if !c.IsAvailableCommand() || c.Name() == "completion" || c.Name() == "help" {
		return
	}
	c.InitDefaultHelpFlag()
	name := strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ")
	fmt.Fprintf(b, "\n%s %s\n\n%s.\n\n    %s\n", heading, name, c.Short, c.UseLine())
	if c.Long != "" {
		fmt.Fprintf(b, "\n%s\n", c.Long)
	}
	if c.HasExample() {
		fmt.Fprintf(b, "\nExamples:\n\n```\n%s\n```\n", c.Example)
	}
	fmt.Fprintf(b, "\nFlags:\n\n```\n%s```\n", c.LocalFlags().FlagUsages())
	for _, sub := range c.Commands() {
		describe(b, sub, heading+"#")
	}
}
