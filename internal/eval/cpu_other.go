// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package eval

import "time"

var epoch = time.Now() // time.Since of it is monotonic

// cpuTime is the clock, where the processor's is not to be had.
func cpuTime() time.Duration { return time.Since(epoch) }
