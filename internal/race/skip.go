// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package race tells tests whether the race detector watches. It makes sums ten times slower, and in those of one goroutine there is nothing for it to find.
package race

import "testing"

// SkipNumeric skips a test of sums of one goroutine, which is run without the detector as well, where the detector watches.
func SkipNumeric(t testing.TB) {
	t.Helper()
	if Enabled {
		t.Skip("there is nothing for the race detector in it")
	}
}
