// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import "bytes"

// Quiet reports whether the newest block changed nothing, so that none follows by itself.
func (n *Node) Quiet() bool {
	s := n.app.committed.Load()
	meta := n.env.BlockStore.LoadBlockMeta(s.height)
	return meta != nil && bytes.Equal(meta.Header.AppHash, s.appHash())
}
