// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package comet is the ledger that a committee replicates: the machine of package poenf, driven by CometBFT. A [Node] is
// a ledger.Ledger. One node in a process, with nothing but a home directory, is a committee of one validator; several
// homes that know each other ([WriteHomes]) are a committee that bears a third of its validators, less one, failing in
// any way. A lone node grows into a committee by changes of membership, and keeps its history.
//
// What a node has said of a round is on its disk, and on that of more than two thirds of the validators: it survives the
// machine's stopping at any moment. A node that was away catches up block by block, a new one from a snapshot.
//
// A [Certificate] shows a round to somebody who trusts no node: see docs/design/certificate.md.
//
// # References
//
// Buchman, Kwon, Milosevic, The latest gossip on BFT consensus, arXiv:1807.04938, is the protocol. CometBFT's ABCI
// specification says what it asks of an application; Braithwaite and others, A Tendermint Light Client,
// arXiv:2010.07031, what a certificate rests on.
package comet
