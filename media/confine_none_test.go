// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux || !cgo || noav

package media

// confineRole has nothing to confine in this build.
func confineRole() {}
