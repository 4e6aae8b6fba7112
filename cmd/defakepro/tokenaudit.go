// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/defakepro/defakepro/capability"
	"github.com/defakepro/defakepro/poenf"
)

func newTokenAuditCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "audit FILE...", Short: "Print the record of uses of tokens, and verify it",
		Long: `Audit prints what became of each request that needed a token: when, for what, with whose token, and why it was refused. FILE is data/audit.jsonl
of a node's home, or the --audit of a guard. Of several, each goes on where the one before ends: audit.jsonl.1 audit.jsonl.

The ID is the token's, as token revoke --id takes it, until the time beside it. A holder is what the token says, whoever signed it.

Each record has the hash of the one before. The exit status is 0 when the chain is whole, 1 when it is broken, of which the standard error says where, and 3
when a file cannot be read. Whoever can write the file can cut off its end, or write all of it anew: keep a copy of the last hash elsewhere.`,
		Example: `  defakepro token audit lab/node0/data/audit.jsonl`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return runTokenAudit(args, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	return c
}

func runTokenAudit(paths []string, stdout, stderr io.Writer) error {
	var files []io.Reader
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("token audit: %w", err)
		}
		defer func() { _ = f.Close() }() // read only
		files = append(files, f)
	}
	out := bufio.NewWriter(stdout)
	_, _ = fmt.Fprintln(out, "number\ttime\toutcome\tright\ton\tzone\tholder\ttoken\tuntil")
	var first capability.Record
	last, err := capability.ReadAudit(io.MultiReader(files...), func(r capability.Record) {
		if first.Number == 0 {
			first = r
		}
		_, _ = fmt.Fprintln(out, auditLine(r))
	})
	if written := out.Flush(); written != nil { // which has the errors of the rest
		return fmt.Errorf("token audit: %w", written)
	}
	name := strings.Join(paths, " ")
	switch {
	case errors.Is(err, capability.ErrChain):
		note(stderr, "defakepro: token audit: %s: %v", name, err)
		return exitStatus(statusForged)
	case err != nil:
		return fmt.Errorf("token audit: %s: %w", name, err)
	case last.Number == 0:
		note(stderr, "%s: no record", name)
	default:
		note(stderr, "%s: records %d to %d, the chain is whole; the last hash is %s", name, first.Number, last.Number, last.Hash)
	}
	return nil
}

// auditLine is a record in one line, of which strangers chose parts.
func auditLine(r capability.Record) string {
	outcome, until := "allowed", "-"
	if r.Refused != "" {
		outcome = "refused: " + r.Refused
	}
	if r.Skipped > 0 {
		outcome += fmt.Sprintf(" (and %d more before it)", r.Skipped)
	}
	if !r.Until.IsZero() {
		until = r.Until.Format(time.RFC3339)
	}
	fields := []string{strconv.FormatUint(r.Number, 10), r.Time.Format(time.RFC3339), outcome, r.Operation, r.Resource, r.Zone, r.Holder, r.Token, until}
	for i, f := range fields {
		quoted := strconv.QuoteToGraphic(cmp.Or(f, "-"))
		fields[i] = quoted[1 : len(quoted)-1]
	}
	return strings.Join(fields, "\t")
}

func newTokenListCommand() *cobra.Command {
	c := listCommand("Print the tokens that are revoked", printRevoked)
	c.Long = `List prints the IDs of the tokens that are revoked, and until when that is remembered, which is when they expire. Those that are good, nobody keeps: the
record of uses (token audit) has those that were used.`
	return c
}

func printRevoked(w io.Writer, r poenf.Registry, _ string, _ uint64) error {
	out := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	_, _ = fmt.Fprintln(out, "revoked\tuntil")
	for _, t := range r.Revoked {
		_, _ = fmt.Fprintf(out, "%x\t%s\n", t.Token, time.UnixMilli(t.Until).UTC().Format(time.RFC3339))
	}
	return out.Flush() // which has the errors of the rest
}
