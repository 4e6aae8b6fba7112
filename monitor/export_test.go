// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package monitor

import "time"

// SetBy has f say by how much the clock was set between two of its readings.
func (m *Monitor) SetBy(f func(before, now time.Time) time.Duration) { m.setBy = f }
