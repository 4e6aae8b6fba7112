// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package capability

import (
	"crypto/ed25519"
	"errors"
	"testing"

	"github.com/defakepro/defakepro/poenf"
)

// The outcast had a token that was good, until it, its holder or its issuer was not any more.
func TestOutcast(t *testing.T) {
	all := Limits{Operations: list("*")}
	for _, holder := range []string{"sam", "rita", "nobody"} {
		decided(t, authority(registry(), noon), token(t, "administrator", holder, all), read, ErrToken)
	}

	text := token(t, "administrator", "ann", all)
	handed := narrow(t, text, Limits{Operations: list("rounds:read")})
	decided(t, authority(withdrawn(t, registry(), text, 0), noon), text, read, ErrToken)
	decided(t, authority(withdrawn(t, registry(), text, 0), noon), handed, read, ErrToken) // with all that were made of it
	decided(t, authority(withdrawn(t, registry(), handed, 1), noon), handed, read, ErrToken)
	decided(t, authority(withdrawn(t, registry(), handed, 1), noon), narrow(t, handed, Limits{}), read, ErrToken)
	decided(t, authority(withdrawn(t, registry(), handed, 1), noon), text, read, nil) // and with nothing else

	former := registry()
	former.Administrators = []ed25519.PublicKey{public("successor")}
	decided(t, authority(former, noon), text, read, ErrToken)
	decided(t, authority(former, noon), token(t, "successor", "ann", all), read, nil)

	silent := authority(registry(), noon)
	silent.Registry = func() (poenf.Registry, error) { return poenf.Registry{}, errors.New("no state yet") }
	decided(t, silent, text, read, ErrToken)
}
