// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/cometbft/cometbft/crypto/merkle"

	"github.com/defakepro/defakepro/poenf"
)

// Registry returns who is registered after the newest block, and the number of the last change. The caller must not write to
// it. An error says that the node has no state yet.
func (n *Node) Registry() (poenf.Registry, uint64, error) {
	if s := n.app.committed.Load(); s != nil {
		return s.machine.Registry(), s.machine.Sequence(), nil
	}
	return poenf.Registry{}, 0, errSyncing
}

// Made is a change that was made.
type Made struct {
	// Time is that of its block.
	Time time.Time
	// Change is as it was signed.
	Change poenf.Change
}

// Changes yields the changes made, in order, from number first on, 1 being the first ever. It does not wait for more.
func (n *Node) Changes(ctx context.Context, first uint64) iter.Seq2[Made, error] {
	return recorded(ctx, n, keyChange, max(first, 1), decodeChange)
}

func changeEntry(now int64, c poenf.Change) entry {
	b := binary.BigEndian.AppendUint64([]byte{entryChange}, uint64(now))
	return entry{bytes: append(b, must(c.MarshalBinary())...), number: c.Sequence}
}

func decodeChange(entry []byte) (Made, error) {
	if len(entry) < 9 || entry[0] != entryChange {
		return Made{}, errors.New("journal: not a change")
	}
	out := Made{Time: time.UnixMilli(int64(binary.BigEndian.Uint64(entry[1:]))).UTC()}
	return out, out.Change.UnmarshalBinary(entry[9:])
}

// registryFormat is the first field of every [RegistryCertificate]: its form and version.
const registryFormat = "defakepro/registry/v1"

// maxRegistryCertificate is the most bytes that the file of a [RegistryCertificate] may have.
const maxRegistryCertificate = 24 << 20

// registryLeaf is where the registry is under the application hash: after the state's own hash.
const registryLeaf = 1

// RegistryCertificate is a registry, and what proves that the committee's validators agreed on it: whoever knows the genesis
// can say without asking anybody that a member was, or was not, suspended at [RegistryCertificate.Height].
type RegistryCertificate struct {
	// Registry is what is certified.
	Registry poenf.Registry
	// Path leads from the registry's hash to the application hash in the header of the last of Blocks.
	Path MerklePath
	// Blocks are the headers that a verifier needs, as in a [Certificate].
	Blocks []SignedBlock
}

// Height returns the height of the block after which the registry was as certified.
func (c *RegistryCertificate) Height() int64 {
	if len(c.Blocks) == 0 {
		return 0
	}
	return c.Blocks[len(c.Blocks)-1].Header.Height - 1
}

// registryFile is the form in JSON.
type registryFile struct {
	Format   string        `json:"format"`
	Registry []byte        `json:"registry"` // its bytes, as in docs/design/poenf.md
	Path     pathFile      `json:"path"`
	Blocks   []SignedBlock `json:"blocks"`
}

// MarshalJSON returns the certificate's file.
func (c RegistryCertificate) MarshalJSON() ([]byte, error) {
	f := registryFile{registryFormat, must(c.Registry.MarshalBinary()), c.Path.file(), c.Blocks}
	return json.Marshal(f)
}

// UnmarshalJSON takes a certificate's file in its one form. An error wraps [ErrCertificate].
func (c *RegistryCertificate) UnmarshalJSON(data []byte) error {
	if len(data) > maxRegistryCertificate {
		return fmt.Errorf("%w: %d bytes are more than %d", ErrCertificate, len(data), maxRegistryCertificate)
	}
	var f registryFile
	err := json.Unmarshal(data, &f)
	if err == nil && f.Format != registryFormat {
		err = fmt.Errorf("format is %.60q, not %q", f.Format, registryFormat)
	}
	out := RegistryCertificate{Path: f.Path.path(), Blocks: f.Blocks}
	if err == nil {
		err = out.Registry.UnmarshalBinary(f.Registry)
	}
	if err == nil {
		err = sameJSON(data, out)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	*c = out
	return nil
}

// Verify returns nil when the certificate's registry is what the validators of the root's chain agreed on. An error wraps
// [ErrCertificate].
func (c *RegistryCertificate) Verify(root Root) error {
	err := fmt.Errorf("path: leaf %d is no registry", c.Path.Index)
	if c.Path.Index == registryLeaf {
		err = verifyLeaf(c.Registry.Hash(), c.Path, c.Blocks, root)
	}
	if err != nil {
		return fmt.Errorf("%w of the registry: %w", ErrCertificate, err)
	}
	return nil
}

// RegistryCertificate returns the certificate of the registry as it is now, to be checked against the genesis. An error wraps
// [ErrCertificate] where there is none: before the first change that is about more than the committee's own members.
func (n *Node) RegistryCertificate(ctx context.Context) (*RegistryCertificate, error) {
	s := n.app.committed.Load()
	if s == nil {
		return nil, fmt.Errorf("%w of the registry: %w", ErrCertificate, errSyncing)
	}
	if s.machine.RegistryBytes() == nil {
		return nil, fmt.Errorf("%w of the registry: it is the genesis' committee, and what changed that", ErrCertificate)
	}
	_, proofs := merkle.ProofsFromByteSlices(s.leaves)
	path := proofs[registryLeaf]
	// The header of the state's own block has its hash too where that block changed nothing, and then no other may follow.
	target, err := n.block(s.height)
	if err != nil || !bytes.Equal(target.Header.AppHash, s.appHash()) {
		if target, err = n.awaitBlock(ctx, s.height+1); err != nil {
			return nil, err
		}
	}
	root, err := trustGenesis(n.genesis)
	if err != nil {
		return nil, err
	}
	c := &RegistryCertificate{Registry: s.machine.Registry(), Path: MerklePath{Index: path.Index, Total: path.Total, Aunts: path.Aunts}}
	if c.Blocks, err = n.chain(root, target); err != nil {
		return nil, fmt.Errorf("%w of the registry: %w", ErrCertificate, err)
	}
	return c, c.Verify(root)
}
