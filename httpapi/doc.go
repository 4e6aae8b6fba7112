// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package httpapi is a committee's node over HTTP, both ways: [Handler] serves a ledger as REST and as a stream of events,
// and [Client] is that ledger again on the other side of the wire. [Serve] runs a handler on a listener. The same handler
// serves a guard's meetings: rooms, verdicts, what is behind them, and their history.
//
// The interface is described in docs/openapi.json, which a node also serves at /openapi.json. Errors are problems as in
// RFC 9457; their types stand for the errors of packages poenf and ledger, and [errors.Is] finds those again at the
// client. See [Problem].
package httpapi

//go:generate go run write_openapi.go ../docs/openapi.json
