// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"context"
	"sync"
	"time"

	"github.com/cometbft/cometbft/p2p"
)

// redialEvery is how often a node looks for neighbours that it has lost.
const redialEvery = 500 * time.Millisecond

// redial dials lost neighbours until ctx ends. CometBFT does so too, but waits up to three seconds before the first
// attempt and five or more between attempts, and gives one up for good whose connection breaks in the moment in which it was made.
func redial(ctx context.Context, sw *p2p.Switch, peers []string) {
	var lost sync.WaitGroup
	defer lost.Wait()
	for _, peer := range peers {
		address, err := p2p.NewNetAddressString(peer)
		if err != nil {
			continue // CometBFT has refused it, or its name does not resolve: then CometBFT goes on trying
		}
		lost.Go(func() {
			tick := time.NewTicker(redialEvery)
			defer tick.Stop()
			for {
				if !sw.IsDialingOrExistingAddress(address) {
					_ = sw.DialPeerWithAddress(address) // or else at the next tick
				}
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
			}
		})
	}
}
