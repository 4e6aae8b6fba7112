// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package livekittest gives tests a LiveKit server.
package livekittest

import (
	"testing"

	"github.com/defakepro/defakepro/internal/livekit"
	"github.com/defakepro/defakepro/internal/race"
)

// Server starts a server that ends with the test, or skips the test where there is none to start. It skips under the race detector as well: LiveKit's
// client (v2.13.0) reads a round trip's time where packets were lost (NackQueue.Pairs) while it writes it elsewhere (SetRTT), which is harmless,
// comes by chance, and would fail the test.
func Server(t testing.TB) *livekit.Server {
	t.Helper()
	if race.Enabled {
		t.Skip("LiveKit's client has a race of its own")
	}
	binary, ok := livekit.Find()
	if !ok {
		t.Skip("no livekit-server: make deps builds it")
	}
	s, err := livekit.Start(t.Context(), binary, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}
