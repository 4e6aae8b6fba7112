// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package poenf is the rule of Proof-of-ENF: how a committee of members in one grid agrees, every few seconds, on the
// frequency that the grid had.
//
// The nouns. A [Committee] is the parameters and the members. A [Member] may send one [Proof] for each round: what it
// says the frequency was at so many whole seconds, signed. A [Machine] takes proofs, one after the other with the time of
// the block they are in, and makes of each round a [Round]: the truth, E*, and what each member had to do with it. Two
// different proofs of one member for one round are [Evidence]. A [Change], signed by the administrator, changes the
// members; where more are registered than there are seats, a [Ticket] is a member's lot in the draw of the next epoch.
// Proofs, changes and tickets are the transactions, [Tx].
//
// Whoever wants the truth of one round alone calls [Select], and [Scores] for Krum's scores.
//
// # One state everywhere
//
// A Machine is replicated: each validator of a ledger runs its own, and all must agree to the last bit. So there is no
// clock here, no input, no random number, no goroutine, no order of a map, and no float: frequencies are offsets from
// nominal in whole µHz. Whoever brings them quantises once. All means and medians round half to even. Ties go to the
// lowest name, never to the first to arrive. testdata/vectors.json holds histories that any implementation, on any
// processor, must repeat byte for byte. docs/design/poenf.md has the bytes and the reasons.
//
// # Method
//
// DeFakePro §III-C [1] has each validator admit the others' proofs, score each by an aggregation rule that withstands
// Byzantine members, and take the lowest as the truth. The authors' code [2] makes that Krum [3]: the sum of the squared
// distances to the nearest others. That is the rule [Krum] here. Krum elects one proof as it is, and members who collude
// can be elected with one that is off by more than the honest are apart; so the default is [Median], in which no single
// proof is the truth.
//
// References:
//
//  1. D. Nagothu, R. Xu, Y. Chen, E. Blasch, A. Aved, DeFakePro: decentralized deepfake attacks detection using ENF
//     authentication, IT Professional, 2022; arXiv:2207.13070.
//  2. R. Xu, D. Nagothu, Y. Chen, EconLedger: a proof-of-ENF consensus based lightweight distributed ledger for IoVT
//     networks, Future Internet 13(10):248, 2021.
//  3. P. Blanchard, E. M. El Mhamdi, R. Guerraoui, J. Stainer, Machine learning with adversaries: Byzantine tolerant
//     gradient descent, NeurIPS 2017.
//  4. D. Yin, Y. Chen, K. Ramchandran, P. Bartlett, Byzantine-robust distributed learning: towards optimal statistical
//     rates, ICML 2018 (the coordinate-wise median).
//  5. S. Goldberg, L. Reyzin, D. Papadopoulos, J. Včelák, Verifiable random functions (VRFs), RFC 9381, 2023.
package poenf
