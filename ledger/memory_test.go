// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"testing"
	"time"

	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/ledger/ledgertest"
)

func TestMemory(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T, c *ledgertest.Committee, now func() time.Time) []ledger.Ledger {
		m, err := ledger.NewMemory(c.Committee, now)
		if err != nil {
			t.Fatal(err)
		}
		return []ledger.Ledger{m}
	})
}
