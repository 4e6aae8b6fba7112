// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/identity"
	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/poenf"
)

// What a new committee and its first member are called if nobody says.
const defaultCommittee, defaultMember = "enf", "node0"

// prepare returns the engine's configuration and the member's key; in an empty home those of a new committee, or of one to join.
func (o nodeOptions) prepare() (comet.Config, identity.Key, error) {
	cfg := comet.Config{Home: o.home, Clock: o.now, Vault: vaultOf(o.secret)}
	switch _, err := os.Stat(genesisPath(o.home)); {
	case err == nil:
		key, err := o.resume()
		return cfg, key, err
	case !errors.Is(err, fs.ErrNotExist):
		return cfg, identity.Key{}, err
	}
	if (o.genesis != "") == (o.grid != enf.GridAuto) {
		return cfg, identity.Key{}, fmt.Errorf("%s holds no committee; begin one with --nominal 50 or 60, or join one with --genesis and --peers", o.home)
	}
	if err := o.setUp(); err != nil {
		return cfg, identity.Key{}, err
	}
	key, err := o.key()
	if err != nil || o.genesis != "" {
		return cfg, key, err
	}
	administrator, err := identity.ReadOrGenerate(filepath.Join(o.home, "config", "administrator_key.json"), "administrator", o.secret)
	if err != nil {
		return cfg, key, err
	}
	id := o.id
	if id == "" {
		id = defaultCommittee
	}
	cfg.Committee = poenf.NewCommittee(id, int(o.grid), poenf.Member{Name: key.Name, Key: key.Public()})
	cfg.Committee.Administrator = administrator.Public()
	cfg.Member = key.Name
	return cfg, key, nil
}

// resume returns the key of a home that is in use, if what the flags say is what it holds.
func (o nodeOptions) resume() (identity.Key, error) {
	data, err := readBounded(genesisPath(o.home), comet.MaxCertificate)
	if err != nil {
		return identity.Key{}, err
	}
	var genesis struct {
		Committee struct {
			ID      string `json:"id"`
			Nominal int    `json:"nominal_hz"`
		} `json:"app_state"`
	}
	if err := json.Unmarshal(data, &genesis); err != nil {
		return identity.Key{}, fmt.Errorf("%s: %w", genesisPath(o.home), err)
	}
	c := genesis.Committee
	switch {
	case o.grid != enf.GridAuto && int(o.grid) != c.Nominal:
		return identity.Key{}, fmt.Errorf("%s holds a committee of a grid of %d Hz: --nominal %d is for a new home", o.home, c.Nominal, o.grid)
	case o.id != "" && o.id != c.ID:
		return identity.Key{}, fmt.Errorf("%s holds the committee %s: --id %s is for a new home", o.home, c.ID, o.id)
	case o.genesis != "":
		return identity.Key{}, fmt.Errorf("%s holds a committee already: --genesis is for a new home", o.home)
	case o.peers != "" || o.p2p != "":
		return identity.Key{}, fmt.Errorf("%s is set up already: its peers and address are in config/config.toml", o.home)
	}
	if _, err := os.Stat(memberKeyPath(o.home)); errors.Is(err, fs.ErrNotExist) && o.member == "" {
		return identity.Key{}, fmt.Errorf("%s is missing: put it back, or make a new one with --member NAME", memberKeyPath(o.home))
	}
	return o.key()
}

// key returns the member's key, and makes it where there is none.
func (o nodeOptions) key() (identity.Key, error) {
	name := o.member
	if name == "" {
		name = defaultMember
	}
	key, err := identity.ReadOrGenerate(memberKeyPath(o.home), name, o.secret)
	switch {
	case errors.Is(err, identity.ErrPassphrase) && o.secret == nil:
		return key, fmt.Errorf("%w; give --passphrase-file", err)
	case err == nil && o.member != "" && o.member != key.Name: // another member's
		return key, fmt.Errorf("%s is the key of %s, not of %s", memberKeyPath(o.home), key.Name, o.member)
	}
	return key, err
}

// setUp makes a new home: the directory, the engine's addresses, and the genesis of a committee to join.
func (o nodeOptions) setUp() error {
	var genesis []byte
	if o.genesis != "" {
		var err error
		if genesis, err = readBounded(o.genesis, comet.MaxCertificate); err != nil {
			return err
		}
		if _, err := comet.TrustGenesis(genesis); err != nil {
			return fmt.Errorf("--genesis %s: %w", o.genesis, err)
		}
	}
	config := filepath.Join(o.home, "config")
	if err := os.MkdirAll(config, 0o700); err != nil {
		return err
	}
	if o.peers != "" || o.p2p != "" {
		var b strings.Builder
		b.WriteString("# CometBFT's configuration. What is not here is as suits a committee.\n[p2p]\n")
		if o.p2p != "" {
			fmt.Fprintf(&b, "laddr = %q\n", "tcp://"+o.p2p)
		}
		if o.peers != "" {
			fmt.Fprintf(&b, "persistent_peers = %q\n", o.peers)
		}
		if err := os.WriteFile(filepath.Join(config, "config.toml"), []byte(b.String()), 0o600); err != nil {
			return err
		}
	}
	if genesis == nil {
		return nil
	}
	return os.WriteFile(genesisPath(o.home), genesis, 0o600)
}
