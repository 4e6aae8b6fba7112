// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package livekit_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/defakepro/defakepro/internal/livekit"
	"github.com/defakepro/defakepro/internal/livekit/livekittest"
)

// TestServer: a server is there when Start returns, gone after Stop and Kill, and back at the same address.
func TestServer(t *testing.T) {
	s := livekittest.Server(t)
	answers := func() bool {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Get(strings.Replace(s.URL, "ws", "http", 1))
		if err == nil {
			_ = resp.Body.Close()
		}
		return err == nil
	}
	for _, end := range []func(){s.Stop, s.Kill} {
		if !answers() {
			t.Fatal("it does not answer")
		}
		end()
		if answers() {
			t.Fatal("it answers after its end")
		}
		if err := s.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.Secret) < 32 {
		t.Error("LiveKit asks for secrets of 32 characters")
	}
	if _, err := livekit.Start(t.Context(), "/bin/false", nil); err == nil || !strings.Contains(err.Error(), "ended at once") {
		t.Errorf("a server that ends at once: %v", err)
	}
}
