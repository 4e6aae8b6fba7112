// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/defakepro/defakepro/guard"
	"github.com/defakepro/defakepro/history"
	"github.com/defakepro/defakepro/httpapi"
)

// historyPage is how many records are in memory at once.
const historyPage = 1000

type historyOptions struct {
	csv, json bool
	room      string
	from, to  time.Time
}

func newHistoryCommand() *cobra.Command {
	var opts historyOptions
	c := &cobra.Command{
		Use:   "history FILE",
		Short: "Print the verdicts that a guard has kept",
		Long: `History prints the changes of verdicts that a guard has kept in FILE (defakepro help guard, --history), in order, as the CSV or JSON that the guard's page
gives. FILE is not changed, and the guard may run on. What names no time zone is in UTC.`,
		Example: `  defakepro history verdicts.db --room board --from 2026-03-01 --to 2026-04-01 >march.csv`,
		Args:    oneArgument("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			return runHistory(c.Context(), opts, args[0], c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.BoolVar(&opts.csv, "csv", false, "print CSV, as it does unless told otherwise")
	f.BoolVar(&opts.json, "json", false, "print JSON")
	f.StringVar(&opts.room, "room", "", "of this `ROOM` alone")
	layouts := []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", time.DateTime, time.DateOnly}
	f.TimeVar(&opts.from, "from", time.Time{}, layouts, "from this `TIME` on, like 2026-03-01 or 2026-03-01T15:00:00Z")
	f.TimeVar(&opts.to, "to", time.Time{}, layouts, "until this `TIME`, exclusive")
	return c
}

func runHistory(ctx context.Context, opts historyOptions, path string, stdout io.Writer) error {
	switch {
	case opts.csv && opts.json:
		return errors.New("history: --csv and --json are two forms; choose one")
	case !opts.to.IsZero() && !opts.from.Before(opts.to):
		return errors.New("history: --to must be after --from")
	}
	store, err := history.View(path)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }() // read only
	write := httpapi.WriteVerdictsCSV
	if opts.json {
		write = httpapi.WriteVerdictsJSON
	}
	ask := guard.Verdicts(store)
	q := httpapi.VerdictQuery{Room: opts.room, From: opts.from, To: opts.to, Limit: historyPage}
	first, err := ask(ctx, q)
	if err != nil {
		return err
	}
	return new(output).commit(stdout, func(w io.Writer) error {
		return write(w, httpapi.AllVerdicts(first, q.Limit, func(after int64) ([]httpapi.VerdictRecord, error) {
			q.After = after
			return ask(ctx, q)
		}))
	})
}
