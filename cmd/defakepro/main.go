// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Command defakepro tells from the hum of the mains whether a recording was made when and where it claims.
//
// Results go to the standard output, everything else to the standard error. The exit status of check is its verdict,
// and verify and demo have statuses of their own; see "defakepro help check" and so on.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/defakepro/defakepro/media"
)

// The exit statuses. The first three are the verdicts of check; statusError is a wrong call or unreadable input, of any command.
const (
	statusAuthentic    = 0
	statusForged       = 1
	statusUndetermined = 2
	statusError        = 3
)

// exitStatus ends the command with a status when all there is to say has been said.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

func main() {
	media.WorkerMain()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // who asks a second time does not want to wait
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run executes one command line and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if status, ok := errors.AsType[exitStatus](err); ok {
		return int(status)
	}
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	// One line, whatever the error brought along.
	note(stderr, "defakepro: %s", strings.Join(strings.Fields(err.Error()), " "))
	return statusError
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "defakepro",
		Short: "Tell from the hum of the mains whether a recording is what it claims",
		Long: `defakepro reads the Electrical Network Frequency (ENF), which mains-powered light and equipment write into every
recording, and compares it with what the grid really did. It claims "recorded at this time on this grid, or not"; it
never claims that a face is real.

Results go to the standard output, everything else to the standard error. Exit status: 0, or 3 for a wrong call or
unreadable input; check, verify and demo have their own.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%s: %w", c.Name(), err)
	})
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		newExtractCommand(),
		newCheckCommand(),
		newMatchCommand(),
		newScoreCommand(),
		newInitCommand(),
		newNodeCommand(),
		newTestnetCommand(),
		newHealthCommand(),
		newMemberCommand(),
		newZoneCommand(),
		newTokenCommand(),
		newVerifyCommand(),
		newGuardCommand(),
		newHistoryCommand(),
		newSimCommand(),
		newDemoCommand(),
		newUpconvCommand(),
		newEvalCommand(),
		newVersionCommand(),
		newMarkdownCommand(),
	)
	return root
}

// oneArgument is the argument rule of the commands that take one file.
func oneArgument(name string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%s: takes one %s, not %d; see defakepro help %[1]s", c.Name(), name, len(args))
		}
		return nil
	}
}

// noArguments is that of the commands that take none.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s: takes no arguments, and %q is one; see defakepro help %[1]s", c.Name(), args[0])
	}
	return nil
}
