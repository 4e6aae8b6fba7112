// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package poenf is the rule of Proof-of-ENF: how a committee of members in one grid agrees, every few seconds, on the
// frequency that the grid had.
package poenf
