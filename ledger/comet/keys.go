// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	stded25519 "crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/crypto/ed25519"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
)

// Vault seals keys for the disk and opens them again. The names, "validator" and "node", are for people.
type Vault interface {
	// Seal returns the content of a key's file.
	Seal(name string, key stded25519.PrivateKey) ([]byte, error)
	// Open returns the key that a file holds which Seal made for that name.
	Open(name string, file []byte) (stded25519.PrivateKey, error)
}

// engineKeys are the keys of a node: the one it votes with, and the one that its peers know it by.
type engineKeys struct {
	validator crypto.PrivKey
	node      *p2p.NodeKey
}

// openKeys reads the keys of a home, and makes those that are missing. With a vault all are sealed when it returns;
// where it cannot open one, no other is touched.
func openKeys(engine *config.Config, v Vault) (engineKeys, error) {
	files := []keyFile{{path: engine.PrivValidatorKeyFile(), name: "validator", vault: v}, {path: engine.NodeKeyFile(), name: "node", vault: v}}
	for i := range files {
		if err := files[i].read(); err != nil {
			return engineKeys{}, err
		}
	}
	validator, node := files[0].key, &p2p.NodeKey{PrivKey: files[1].key}
	if validator == nil { // its state first: a key without one is taken for one that may have signed
		validator = ed25519.GenPrivKey()
		privval.NewFilePV(validator, "", engine.PrivValidatorStateFile()).LastSignState.Save()
		if err := syncDir(filepath.Dir(engine.PrivValidatorStateFile())); err != nil {
			return engineKeys{}, err
		}
	}
	if node.PrivKey == nil {
		node.PrivKey = ed25519.GenPrivKey()
	}
	form := privval.FilePVKey{Address: validator.PubKey().Address(), PubKey: validator.PubKey(), PrivKey: validator}
	return engineKeys{validator, node}, errors.Join(files[0].write(validator, form), files[1].write(node.PrivKey, node))
}

// signer returns what signs votes and proposals with the validator's key, and nothing twice.
func (k engineKeys) signer(engine *config.Config) (*privval.FilePV, error) {
	path := engine.PrivValidatorStateFile()
	signer := privval.NewFilePV(k.validator, "", path) // no path of the key: it is never to be saved in plaintext
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(engine.DBDir(), "blockstore.db")); err == nil {
			return nil, fmt.Errorf("%s is missing: without it a validator may sign twice", path)
		}
		signer.LastSignState.Save() // the key came from elsewhere
		return signer, nil
	}
	if err != nil {
		return nil, err
	}
	var last privval.FilePVLastSignState
	if err := cmtjson.Unmarshal(data, &last); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s := &signer.LastSignState
	s.Height, s.Round, s.Step, s.Signature, s.SignBytes = last.Height, last.Round, last.Step, last.Signature, last.SignBytes
	return signer, nil
}

// keyFile is where one of the keys is: in CometBFT's form, or as the vault seals it.
type keyFile struct {
	path  string
	name  string
	vault Vault

	key   crypto.PrivKey // nil where there is no file
	plain bool           // it is in CometBFT's form
}

// read reads the key, where there is one. A file that others than its owner have access to is refused.
func (f *keyFile) read() error {
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%s: others than its owner have access (mode %04o); chmod 600 it, and think about who may have read it", f.path, mode)
	}
	data, err := os.ReadFile(f.path)
	if err != nil {
		return err
	}
	var form p2p.NodeKey // of both the part that counts
	if err := cmtjson.Unmarshal(data, &form); err != nil {
		return fmt.Errorf("%s: not a key in JSON", f.path) // the decoder's own words might quote the key
	}
	if form.PrivKey != nil {
		key, ok := form.PrivKey.(ed25519.PrivKey)
		if !ok || len(key) != ed25519.PrivateKeySize {
			return fmt.Errorf("%s: the key is %s, not Ed25519", f.path, form.PrivKey.Type())
		}
		f.key, f.plain = key, true
		return nil
	}
	if f.vault == nil {
		return fmt.Errorf("%s: there is no key in it, or it is sealed and takes a passphrase", f.path)
	}
	key, err := f.vault.Open(f.name, data)
	if err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	f.key = ed25519.PrivKey(key)
	return nil
}

// write writes a key that is new or to be sealed, as form or as the vault has it.
func (f *keyFile) write(key crypto.PrivKey, form any) error {
	if f.key != nil && (f.vault == nil || !f.plain) {
		return nil
	}
	data, err := cmtjson.MarshalIndent(form, "", "  ")
	if f.vault != nil {
		data, err = f.vault.Seal(f.name, stded25519.PrivateKey(key.Bytes()))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	return writeWhole(f.path, data, 0o600)
}
