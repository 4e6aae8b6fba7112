// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"errors"

	"github.com/defakepro/defakepro/poenf"
)

// reasons are the sentinels of poenf with their names in metrics. The code of a refusal on the wire is its place here
// plus one, so new ones go to the end.
var reasons = [...]struct {
	err  error
	name string
}{
	{poenf.ErrNotMember, "not_member"},
	{poenf.ErrOutdated, "outdated"},
	{poenf.ErrEarly, "early"},
	{poenf.ErrPresent, "present"},
	{poenf.ErrMalformed, "malformed"},
	{poenf.ErrSignature, "signature"},
	{poenf.ErrCommittee, "committee"},
}

const (
	reasonOther = "other"
	codeOther   = 100
)

// codeOf returns the code of err in ABCI, 0 for nil.
func codeOf(err error) uint32 {
	if err == nil {
		return 0
	}
	for i, r := range reasons {
		if errors.Is(err, r.err) {
			return uint32(i) + 1
		}
	}
	return codeOther
}

// reasonOf returns a name of err for metrics: one of few.
func reasonOf(err error) string {
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			return r.name
		}
	}
	return reasonOther
}
