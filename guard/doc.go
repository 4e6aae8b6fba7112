// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package guard watches a conference: it joins a room, has everybody's sound and picture compared with what the grid did
// meanwhile (package monitor), keeps what was found (package history), tells it to others (package webhook), and serves it
// to people and programs (packages dashboard and httpapi).
//
// What the grid did is, in order of what it is worth:
//
//   - what a committee of nodes agrees on ([Committee]), checked by certificates where the genesis is known, so that none
//     of the nodes need be trusted;
//   - what a file says to which somebody goes on adding ([Reference]);
//   - what the participants' own streams agree on (package peers), which takes three or more with hum.
//
// A [Conference] is the only thing here that knows what kind of server holds the meeting. [LiveKit] is one; for another,
// write its Follow, and leave all else as it is.
package guard
