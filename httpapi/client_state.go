// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"encoding/json"
)

// State returns how the node is. An error says that it does not answer, or wraps the [Problem] of a node that is out of order.
func (c *Client) State(ctx context.Context) (State, error) {
	answer, err := c.get(ctx, "/healthz", maxProblem)
	if err != nil {
		return State{}, err
	}
	var h health
	if err := json.Unmarshal(answer, &h); err != nil {
		return State{}, c.nonsense("health", err)
	}
	return State{Height: h.Height, Peers: h.Peers, Syncing: h.Status == "syncing"}, nil
}
