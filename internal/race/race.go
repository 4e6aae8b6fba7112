// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

//go:build race

package race

// Enabled reports whether this is built with the race detector.
const Enabled = true
