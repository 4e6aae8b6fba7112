// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/defakepro/defakepro/prover"
)

// nodeConfig is a node's own configuration, config/defakepro.toml in its home; that of the engine is beside it, in config.toml. A flag of the same
// name goes before it.
type nodeConfig struct {
	// Input is where the member's frequency comes from, as in prover.Inputs; empty for a node that only keeps the ledger.
	Input string `toml:"input"`
	// PCM, Rate and Channels describe raw sound.
	PCM      prover.Format `toml:"pcm"`
	Rate     int           `toml:"rate"`
	Channels int           `toml:"channels"`
	// Listen is the address of the interface for people and programs; empty for none.
	Listen string `toml:"listen"`
	// TLSCert and TLSKey are files in PEM, without which Listen must be a loopback address.
	TLSCert string `toml:"tls_cert"`
	TLSKey  string `toml:"tls_key"`
	// ClientCA is a file in PEM: who has no certificate of these authorities is let in nowhere. Empty lets everybody in.
	ClientCA string `toml:"client_ca"`
	// Requests is how many requests a second one client's address may make; 0 is the default.
	Requests float64 `toml:"requests"`
	// Tokens has the interface ask for tokens on a loopback address too; on others it always does.
	Tokens bool `toml:"tokens"`
	// Zone is the trust zone in which the node works, and Endpoint the name that it goes by, host:port; empty is Listen.
	Zone     string `toml:"zone"`
	Endpoint string `toml:"endpoint"`
	// PassphraseFile has the passphrase under which the home's keys are sealed; empty where they are in plaintext.
	PassphraseFile string `toml:"passphrase_file"`
}

func nodeConfigPath(home string) string { return filepath.Join(home, "config", "defakepro.toml") }

func memberKeyPath(home string) string { return filepath.Join(home, "config", "member_key.json") }

func genesisPath(home string) string { return filepath.Join(home, "config", "genesis.json") }

// readNodeConfig reads a home's configuration; that of a home without one is empty.
func readNodeConfig(home string) (nodeConfig, error) {
	var c nodeConfig
	path := nodeConfigPath(home)
	meta, err := toml.DecodeFile(path, &c)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return c, fmt.Errorf("%s: no such setting: %v", path, unknown[0])
	}
	if c.Requests != 0 {
		if err := (numberFlag{&c.Requests, mostRequests}).check(); err != nil {
			return c, fmt.Errorf("%s: requests is %g; it %w", path, c.Requests, err)
		}
	}
	return c, nil
}

// over returns c with what other sets instead.
func (c nodeConfig) over(other nodeConfig) nodeConfig {
	return nodeConfig{
		Input:    cmp.Or(other.Input, c.Input),
		PCM:      cmp.Or(other.PCM, c.PCM),
		Rate:     cmp.Or(other.Rate, c.Rate),
		Channels: cmp.Or(other.Channels, c.Channels),
		Listen:   cmp.Or(other.Listen, c.Listen),
		TLSCert:  cmp.Or(other.TLSCert, c.TLSCert),
		TLSKey:   cmp.Or(other.TLSKey, c.TLSKey),
		ClientCA: cmp.Or(other.ClientCA, c.ClientCA),
		Tokens:   other.Tokens || c.Tokens,
		Requests: cmp.Or(other.Requests, c.Requests),
		Zone:     cmp.Or(other.Zone, c.Zone),
		Endpoint: cmp.Or(other.Endpoint, c.Endpoint),

		PassphraseFile: cmp.Or(other.PassphraseFile, c.PassphraseFile),
	}
}

// write writes the configuration of a new home.
func (c nodeConfig) write(home string) error {
	var b bytes.Buffer
	b.WriteString("# This node's member: where its frequency comes from, and where people and programs reach it.\n")
	for line := range strings.Lines(prover.Inputs) {
		b.WriteString("#   " + line)
	}
	b.WriteString("\n")
	if err := toml.NewEncoder(&b).Encode(c); err != nil {
		return err
	}
	return os.WriteFile(nodeConfigPath(home), b.Bytes(), 0o644)
}
