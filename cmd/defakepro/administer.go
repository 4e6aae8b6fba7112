// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/defakepro/defakepro/httpapi"
	"github.com/defakepro/defakepro/identity"
	"github.com/defakepro/defakepro/poenf"
)

// keyFlags say where a key is.
type keyFlags struct {
	passphrase string
}

func (k *keyFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&k.passphrase, "passphrase-file", "", "`FILE` with the passphrase of sealed keys, readable by its owner alone")
}

// open reads a key, sealed or not.
func (k *keyFlags) open(path string) (identity.Key, error) {
	if k.passphrase == "" {
		key, err := identity.ReadKey(path)
		if errors.Is(err, identity.ErrPassphrase) {
			err = fmt.Errorf("%w; give --passphrase-file", err)
		}
		return key, err
	}
	return identity.OpenKey(path, func(string) ([]byte, error) { return readPassphrase(k.passphrase) })
}

// private returns an error where a file can be read by others than its owner, or, where the group may, changed by it.
func private(path string, group bool) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() { // a pipe is whose it was given
		return nil
	}
	others := fs.FileMode(0o077)
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); group || dir != "" && filepath.Dir(path) == filepath.Clean(dir) {
		others = 0o037 // systemd lets the service's user in by an access list, of which the mask shows as the group's rights
	}
	if mode := info.Mode().Perm(); mode&others != 0 {
		return fmt.Errorf("%s: others than its owner have access (mode %04o)", path, mode)
	}
	return nil
}

// readPassphrase reads a passphrase: the first line of a file that nobody else may read.
func readPassphrase(path string) ([]byte, error) {
	if err := private(path, false); err != nil {
		return nil, err
	}
	data, err := readBounded(path, 4096)
	if err != nil {
		return nil, err
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) == 0 {
		return nil, fmt.Errorf("%s: the first line is empty", path)
	}
	return line, nil
}

// changeFlags are those of every command that changes the registry.
type changeFlags struct {
	nodeFlags
	keyFlags
	admins []string
	out    string
}

func (f *changeFlags) register(c *cobra.Command) {
	f.nodeFlags.register(c)
	f.keyFlags.register(c)
	c.Flags().StringArrayVar(&f.admins, "admin", nil, "`FILE` with an administrator's key; again for each that is to sign")
	c.Flags().StringVarP(&f.out, "output", "o", "", "write the signed change to `FILE` instead of submitting it, for others to sign: member sign, member submit")
}

// changeLong tells of these flags in the help of each command.
const changeLong = `

The change is signed with the keys of --admin and submitted to --node; it takes effect once the committee has it in a block. Where the registry
asks for the signatures of several administrators, give --admin for each, or write the change with --output and have the others add theirs
with member sign.`

// make signs and submits a change, or writes it.
func (f *changeFlags) make(ctx context.Context, stdout io.Writer, operations ...poenf.Operation) error {
	if len(f.admins) == 0 {
		return errors.New("needs --admin, the key of an administrator")
	}
	client, err := f.client()
	if err != nil {
		return err
	}
	defer client.Close()
	registry, committee, sequence, err := client.Registry(ctx)
	if err != nil {
		return err
	}
	for _, o := range operations {
		if z, ok := registry.Zone(o.Zone); ok && o.Op == poenf.PutZone { // which would have it be of another kind
			return fmt.Errorf("there is a zone %s already, for %s; remove it first if it is to be another", z.Name, z.Kind)
		}
	}
	change := poenf.Change{Sequence: sequence + 1, Operations: operations}
	if err := f.endorse(&change, committee, registry); err != nil {
		return err
	}
	if f.out != "" {
		return writeChange(f.out, committee, change, registry, stdout)
	}
	return submitChange(ctx, client, committee, change, registry, stdout)
}

// endorse adds the signatures of --admin.
func (f *changeFlags) endorse(change *poenf.Change, committee string, registry poenf.Registry) error {
	for _, path := range f.admins {
		key, err := f.open(path)
		if err != nil {
			return fmt.Errorf("--admin: %w", err)
		}
		if !registry.Administers(key.Public()) {
			return fmt.Errorf("--admin %s: not the key of an administrator of %s", path, committee)
		}
		if err := change.Endorse(committee, key.Private); err != nil {
			return fmt.Errorf("--admin %s: %w", path, err)
		}
	}
	return nil
}

func submitChange(ctx context.Context, client *httpapi.Client, committee string, change poenf.Change, registry poenf.Registry, stdout io.Writer) error {
	if err := change.VerifyBy(committee, registry.Administrators, registry.Threshold); err != nil {
		return fmt.Errorf("%w; write it with --output, and have more administrators sign it with member sign", err)
	}
	if err := client.Change(ctx, change); err != nil {
		return err
	}
	for _, o := range change.Operations {
		if _, err := fmt.Fprintf(stdout, "change %d: %s\n", change.Sequence, o); err != nil {
			return err
		}
	}
	return nil
}

// changeFile is a change that waits for signatures.
type changeFile struct {
	Committee  string   `json:"committee"`
	Sequence   uint64   `json:"sequence"`
	Operations []string `json:"operations"` // in words, for those who are to sign
	Change     []byte   `json:"change"`
}

func writeChange(path, committee string, change poenf.Change, registry poenf.Registry, stdout io.Writer) error {
	data, err := change.MarshalBinary()
	if err != nil {
		return err
	}
	f := changeFile{Committee: committee, Sequence: change.Sequence, Change: data}
	for _, o := range change.Operations {
		f.Operations = append(f.Operations, o.String())
	}
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s: change %d with %d of the %d signatures that it needs\n", path, change.Sequence, len(change.Endorsements), registry.Threshold)
	return err
}

// readChange reads what writeChange wrote. Its words must be those of its bytes: who signs goes by the words.
func readChange(path string) (string, poenf.Change, error) {
	var f changeFile
	var change poenf.Change
	data, err := readBounded(path, 1<<20)
	if err == nil {
		err = json.Unmarshal(data, &f)
	}
	if err == nil {
		err = change.UnmarshalBinary(f.Change)
	}
	if err != nil {
		return "", change, fmt.Errorf("%s: %w", path, err)
	}
	words := make([]string, len(change.Operations))
	for i, o := range change.Operations {
		words[i] = o.String()
	}
	if f.Sequence != change.Sequence || fmt.Sprint(f.Operations) != fmt.Sprint(words) {
		return "", change, fmt.Errorf("%s: it says something else than it is: it would %q", path, words)
	}
	return f.Committee, change, nil
}

// publicFlags give a key of somebody else.
type publicFlags struct {
	key    string
	public string
}

func (p *publicFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&p.public, "public", "", "the public key in `BASE64`")
	c.Flags().StringVar(&p.key, "key", "", "or `FILE` with the key, of which the public part is taken")
}

func (p *publicFlags) get(keys keyFlags) (ed25519.PublicKey, error) {
	if (p.key == "") == (p.public == "") {
		return nil, errors.New("needs the key: --public or --key, one of them")
	}
	if p.key != "" {
		k, err := keys.open(p.key)
		if err != nil {
			return nil, fmt.Errorf("--key: %w", err)
		}
		return k.Public(), nil
	}
	return decodeKey("--public", p.public)
}

func decodeKey(flag, text string) (ed25519.PublicKey, error) {
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%s: not %d bytes in base64", flag, ed25519.PublicKeySize)
	}
	return key, nil
}
