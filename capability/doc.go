// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package capability says who may do what: tokens that an administrator issues, that whoever holds one can narrow without
// asking anybody, and that anyone can verify who knows the administrators' public keys (DeFakePro §III-B: access is granted by
// capabilities, and verified without a central server).
//
// A token is a Biscuit (https://www.biscuitsec.org, version 2): blocks of Datalog, each signed with a key that the block before
// it names. Here every block is a [Limits]: the administrator's first, then one for each time that the token was handed on. All
// of them must allow a request, so that none can widen what those before it leave. A token with a block of any other form is
// refused: Biscuit would let its holder add facts, rules and queries of arbitrary cost.
//
// [Issue] makes a token and [Attenuate] narrows one. [Authority] decides about requests by what the registry of a committee says
// at that moment: whose signature counts, whether the holder is suspended, who is in which zone, what is revoked. [Audit] keeps
// what it decided.
//
// A token is a secret of its holder: whoever has it can use it. Nothing here writes one to a log.
package capability
