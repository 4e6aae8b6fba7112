// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package httpapi

// mostFiles returns 0: nobody says how many files this process may have open.
func mostFiles() uint64 { return 0 }
