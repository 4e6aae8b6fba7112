// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package prover makes a member's proofs: it takes the frequency that the member sees, from a sound card, a command, a recording or a
// series, and submits it to a ledger, round after round.
//
//	source, err := prover.Open(ctx, "soundcard", prover.InputOptions{Grid: enf.Grid50})
//	err = prover.Run(ctx, prover.Options{Source: source, Ledger: node, Committee: node.Committee, Key: key})
//
// Sound is estimated live and quick ([enf.Options].Quick): of a recorder on the mains a second's value is there 3-4 s after it, of fainter
// hum about 10 s, and rounds that close sooner are then proved too late ([poenf.Committee].Grace). Values belong to whole seconds of
// UTC by this machine's clock: a clock that is wrong makes proofs that the committee's other members contradict. Keep it disciplined (NTP).
package prover
