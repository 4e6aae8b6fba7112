// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package identity keeps the keys by which members of a committee are known, and has them prove who they are.
//
// A [Key] is on disk as it is, readable by its owner alone, or sealed under a passphrase; or another program keeps it ([Signer]).
// Who a key stands for, with which roles and in which zones, the registry of a committee says (poenf.Registry). A [Verifier] asks:
// a fresh challenge, an answer that is good once, for one zone at one endpoint (DeFakePro §III-B, virtual trust zones).
package identity

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Key is a member's name and the Ed25519 key (RFC 8032) with which it signs its proofs. Printing one shows the name alone.
type Key struct {
	Name    string
	Private ed25519.PrivateKey
}

// keyFile is the form of a key on disk: the seed, of 32 bytes, in base64, or sealed.
type keyFile struct {
	Name   string      `json:"member"`
	Seed   []byte      `json:"ed25519_seed,omitempty"`
	Sealed *sealedSeed `json:"sealed,omitempty"`
}

// maxKeyFile is the most bytes that a key's file has.
const maxKeyFile = 4096

// Generate makes a new key for the name.
func Generate(name string) (Key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	return Key{Name: name, Private: private}, err
}

// Public returns the key by which others know the member.
func (k Key) Public() ed25519.PublicKey { return k.Private.Public().(ed25519.PublicKey) }

// String returns the name.
func (k Key) String() string { return k.Name }

// GoString returns the name too, so that no verb of fmt prints the key.
func (k Key) GoString() string { return "identity.Key{" + k.Name + "}" }

// ReadKey reads a key's file. One that others than its owner may read or write is refused: its key may have been copied. So is
// one that is sealed, with an error that wraps [ErrPassphrase].
func ReadKey(path string) (Key, error) { return OpenKey(path, nil) }

// OpenKey reads a key's file like [ReadKey], and opens one that is sealed with the passphrase that ask returns.
func OpenKey(path string, ask Passphrase) (Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return Key{}, err
	}
	defer func() { _ = f.Close() }() // read only
	info, err := f.Stat()
	if err != nil {
		return Key{}, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return Key{}, fmt.Errorf("%s: others than its owner have access (mode %04o); chmod 600 it, and think about who may have read it", path, mode)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return Key{}, err
	}
	k, err := ParseKey(data, ask)
	if err != nil {
		return Key{}, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

// ParseKey returns the key that is in a file's content, as [OpenKey] does.
func ParseKey(data []byte, ask Passphrase) (Key, error) {
	if len(data) > maxKeyFile {
		return Key{}, errors.New("too long for a key")
	}
	var file keyFile
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return Key{}, errors.New("not a member's key: want an object of member and ed25519_seed") // the decoder's own words might quote the seed
	}
	if file.Sealed != nil && file.Seed == nil && file.Name != "" {
		seed, err := file.Sealed.open(file.Name, ask)
		if err != nil {
			return Key{}, err
		}
		file.Seed = seed
	} else if file.Sealed != nil {
		return Key{}, errors.New("not a member's key: sealed and not")
	}
	if file.Name == "" || len(file.Seed) != ed25519.SeedSize {
		return Key{}, fmt.Errorf("not a member's key: a name and a seed of %d bytes are needed", ed25519.SeedSize)
	}
	return Key{Name: file.Name, Private: ed25519.NewKeyFromSeed(file.Seed)}, nil
}

// NewKey is [SealKey], or [WriteKey] where the passphrase is nil.
func NewKey(path string, k Key, passphrase []byte) error {
	if passphrase == nil {
		return WriteKey(path, k)
	}
	return SealKey(path, k, passphrase)
}

// WriteKey writes a key's file, readable by its owner alone. It does not overwrite: an error then wraps [fs.ErrExist].
func WriteKey(path string, k Key) error {
	data, err := keyFile{Name: k.Name, Seed: k.Private.Seed()}.encode()
	if err != nil {
		return err
	}
	return writeKey(path, data, os.Link)
}

// SealKey writes a key's file like [WriteKey], encrypted under a passphrase.
func SealKey(path string, k Key, passphrase []byte) error {
	data, err := k.Seal(passphrase)
	if err != nil {
		return err
	}
	return writeKey(path, data, os.Link)
}

// Seal returns the content of a key's file, encrypted under a passphrase.
func (k Key) Seal(passphrase []byte) ([]byte, error) {
	sealed, err := seal(k, passphrase)
	if err != nil {
		return nil, err
	}
	return keyFile{Name: k.Name, Sealed: sealed}.encode()
}

// ReadSealed reads the key at path, which it seals first where it is not yet. What is left of the plaintext on the disk is beyond it.
func ReadSealed(path string, passphrase []byte) (Key, error) {
	sealed := false
	k, err := OpenKey(path, func(string) ([]byte, error) {
		sealed = true
		return passphrase, nil
	})
	if err != nil || sealed {
		return k, err
	}
	data, err := k.Seal(passphrase)
	if err != nil {
		return Key{}, err
	}
	return k, writeKey(path, data, os.Rename)
}

func (f keyFile) encode() ([]byte, error) {
	data, err := json.MarshalIndent(f, "", "  ")
	return append(data, '\n'), err
}

// writeKey writes a file which place, os.Link or os.Rename, then puts where it belongs.
func writeKey(path string, data []byte, place func(from, to string) error) (err error) {
	// Beside its place first, so that it is there whole or not at all, whenever the machine stops.
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // unless it was renamed
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return place(f.Name(), path)
}

// ReadOrGenerate reads the key at path, or makes one for the name where there is no file: sealed under the passphrase,
// as [ReadSealed] does, or in plaintext where that is nil.
func ReadOrGenerate(path, name string, passphrase []byte) (Key, error) {
	k, err := ReadKey(path)
	if passphrase != nil {
		k, err = ReadSealed(path, passphrase)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if k, err = Generate(name); err != nil {
		return Key{}, err
	}
	return k, NewKey(path, k, passphrase)
}
