// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import "errors"

// Why the rule refuses something. Every error of this package wraps exactly one of these.
var (
	// ErrNotMember: the sender is not in the round's committee, or not registered.
	ErrNotMember = errors.New("not a member")
	// ErrOutdated: the round is decided or has expired, the epoch is drawn, the change has been made.
	ErrOutdated = errors.New("outdated")
	// ErrEarly: the round, the epoch or the change is not yet due.
	ErrEarly = errors.New("too early")
	// ErrPresent: the sender has been heard already.
	ErrPresent = errors.New("already present")
	// ErrMalformed: the bytes are not the canonical encoding of anything, or the form (grid, length, range, names) is
	// not the committee's.
	ErrMalformed = errors.New("malformed")
	// ErrSignature: a signature or an election proof does not verify.
	ErrSignature = errors.New("bad signature")
	// ErrCommittee: the committee, or what a change would make of it, is out of bounds.
	ErrCommittee = errors.New("committee out of bounds")
)
