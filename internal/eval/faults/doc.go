// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package faults is a drill: a committee of real processes with real sockets, under load, to which one thing after another
// happens that must not harm its ledger. After each, the ledgers of all nodes are compared.
package faults
