// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package eval measures the project: each function runs one experiment, from rendered or given recordings, and returns
// figures that can be written as a table. All of it is seeded, and none of it decides anything.
package eval
