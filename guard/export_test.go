// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import "time"

// Register has the committee ask for the registry too, this often.
func (c *Committee) Register(every time.Duration) { c.registering, c.registerEvery = true, every }
