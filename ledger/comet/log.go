// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"context"
	"log/slog"

	"github.com/cometbft/cometbft/libs/log"
)

// engineLog hands CometBFT's records to an slog.Logger. Only what a reader can act on passes at the level it was given:
// CometBFT says a dozen things about every block at "info", which are "debug" to us, and its debug records, which print
// whole transactions (the values of proofs), are dropped.
type engineLog struct{ to *slog.Logger }

func (l engineLog) Debug(string, ...any) {}

func (l engineLog) Info(msg string, kv ...any) { l.write(slog.LevelDebug, msg, kv) }

func (l engineLog) Error(msg string, kv ...any) { l.write(slog.LevelWarn, msg, kv) }

func (l engineLog) With(kv ...any) log.Logger { return engineLog{l.to.With(public(kv)...)} }

func (l engineLog) write(level slog.Level, msg string, kv []any) {
	if ctx := context.Background(); l.to.Enabled(ctx, level) {
		l.to.Log(ctx, level, msg, public(kv)...)
	}
}

// public returns kv without what may carry a transaction, a block or a key. A key without value is dropped as well.
func public(kv []any) []any {
	kept := make([]any, 0, len(kv))
	for i := 0; i+1 < len(kv); i += 2 {
		key, ok := kv[i].(string)
		if !ok {
			continue
		}
		switch key {
		case "tx", "txs", "msg", "block", "proposal", "vote", "res", "response", "privKey", "priv_key", "privVal", "impl":
			continue
		}
		kept = append(kept, key, kv[i+1])
	}
	return kept
}
