// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Command get builds the LiveKit server that tests join, unless there is one.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/defakepro/defakepro/internal/livekit"
)

func main() {
	say := func() { fmt.Fprintln(os.Stderr, "building LiveKit", livekit.Version, "(once, about three minutes)") }
	if _, err := livekit.Get(context.Background(), os.Stderr, say); err != nil {
		fmt.Fprintln(os.Stderr, "livekit:", err)
		os.Exit(1)
	}
}
