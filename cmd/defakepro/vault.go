// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ed25519"
	"fmt"

	"github.com/defakepro/defakepro/identity"
	"github.com/defakepro/defakepro/ledger/comet"
)

// vault seals the keys of a node's engine under its passphrase.
type vault []byte

// vaultOf returns the vault of a passphrase, and none where it is nil.
func vaultOf(passphrase []byte) comet.Vault {
	if passphrase == nil {
		return nil
	}
	return vault(passphrase)
}

// Seal implements [comet.Vault].
func (v vault) Seal(name string, key ed25519.PrivateKey) ([]byte, error) {
	return identity.Key{Name: name, Private: key}.Seal(v)
}

// Open implements [comet.Vault].
func (v vault) Open(name string, file []byte) (ed25519.PrivateKey, error) {
	key, err := identity.ParseKey(file, func(string) ([]byte, error) { return v, nil })
	if err == nil && key.Name != name {
		err = fmt.Errorf("it is the key of %s, not of the %s", key.Name, name)
	}
	return key.Private, err
}

// optionalPassphrase reads the passphrase that a flag names the file of; nil without one.
func optionalPassphrase(flag, path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	passphrase, err := readPassphrase(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return passphrase, nil
}
