// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import "github.com/defakepro/defakepro/poenf"

// attach has m verify with v.
func (v *verifier) attach(*poenf.Machine) {}
