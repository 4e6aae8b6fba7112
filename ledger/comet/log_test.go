// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet_test

import (
	"log/slog"
	"os"
	"testing"
)

// logger shows what nodes say when LEDGER_LOG is set to a level.
func logger(t testing.TB) *slog.Logger {
	var level slog.Level
	if level.UnmarshalText([]byte(os.Getenv("LEDGER_LOG"))) != nil {
		return nil
	}
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: level}))
}
