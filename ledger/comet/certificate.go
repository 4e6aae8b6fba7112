// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/types"

	"github.com/defakepro/defakepro/poenf"
)

// certificateFormat is the first field of every certificate: its form and version.
const certificateFormat = "defakepro/certificate/v1"

// MaxCertificate is the most bytes that a certificate may have.
const MaxCertificate = 4 << 20

// ErrCertificate is wrapped by all that is wrong with a certificate, or with what it is to be checked against.
var ErrCertificate = errors.New("certificate")

// Certificate is a round and what proves that the committee's validators agreed on it. Anyone who knows the committee's
// genesis, or a header of its chain, can check it without asking anybody: see [Certificate.Verify]. Its form in JSON is
// described in docs/design/certificate.md.
type Certificate struct {
	// Round is what is certified.
	Round poenf.Round
	// Path leads from the round's hash to the application hash in the header of the last of Blocks.
	Path MerklePath
	// Blocks are the headers that a verifier needs, upwards: those that carry the trust over changes of the validators, if
	// there were any, and last the one that follows the block that closed the round.
	Blocks []SignedBlock
}

// MerklePath is a path through a Merkle tree as in RFC 6962.
type MerklePath struct {
	// Index is the place of the leaf, from 0, among Total leaves.
	Index, Total int64
	// Aunts are the hashes beside the path, from the leaf upwards.
	Aunts [][]byte
}

// SignedBlock is a header of CometBFT with the validators of its height, and the votes of enough of them.
type SignedBlock struct {
	Header     types.Header
	Parts      types.PartSetHeader // of the block
	Round      int32               // of the vote
	Validators []poenf.Validator   // in CometBFT's order: by power downwards, then by address
	Votes      []Vote              // of the validators, in the same order
}

// Vote is a validator's signature under a block; the zero value is that of one whose vote is not needed.
type Vote struct {
	Time      time.Time
	Signature []byte
}

// The form in JSON. Hashes are in hexadecimal, keys and signatures in base64.
type (
	certificateFile struct {
		Format string      `json:"format"`
		Round  roundFile   `json:"round"`
		Path   pathFile    `json:"path"`
		Blocks []blockFile `json:"blocks"`
	}
	roundFile struct {
		Number    uint64      `json:"number"`
		Start     int64       `json:"start_s"`
		Closed    int64       `json:"closed_ms"`
		Nominal   int         `json:"nominal_hz"`
		Rule      poenf.Rule  `json:"rule"`
		Faulty    int         `json:"faulty"`
		Committee hexBytes    `json:"committee_hash"`
		Winner    string      `json:"winner"`
		Spread    uint32      `json:"spread_uhz"`
		Truth     []int32     `json:"truth_uhz"`
		Entries   []entryFile `json:"entries"`
	}
	entryFile struct {
		Member string   `json:"member"`
		Proof  hexBytes `json:"proof_hash"`
		Score  uint64   `json:"score,string"` // may be above 2^53
		Inlier bool     `json:"inlier"`
	}
	pathFile struct {
		Index int64      `json:"index"`
		Total int64      `json:"total"`
		Aunts []hexBytes `json:"aunts"`
	}
	blockFile struct {
		Header     json.RawMessage `json:"header"` // as CometBFT's RPC gives it
		PartsTotal uint32          `json:"parts_total"`
		PartsHash  hexBytes        `json:"parts_hash"`
		Round      int32           `json:"round"`
		Validators []validatorFile `json:"validators"`
		Votes      []*voteFile     `json:"votes"` // null: not needed
	}
	validatorFile struct {
		Key   []byte `json:"key"`
		Power int64  `json:"power"`
	}
	voteFile struct {
		Time      time.Time `json:"time"`
		Signature []byte    `json:"signature"`
	}
)

// hexBytes are bytes in lower-case hexadecimal.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// MarshalJSON returns the certificate's file.
func (c Certificate) MarshalJSON() ([]byte, error) {
	f := certificateFile{Format: certificateFormat, Round: roundToFile(c.Round), Path: c.Path.file()}
	for _, b := range c.Blocks {
		file, err := b.file()
		if err != nil {
			return nil, err
		}
		f.Blocks = append(f.Blocks, file)
	}
	return json.Marshal(f)
}

// UnmarshalJSON takes a certificate's file. Whatever differs from what MarshalJSON makes of the same certificate, but for
// white space, is refused: nothing in it can be overlooked. An error wraps [ErrCertificate].
func (c *Certificate) UnmarshalJSON(data []byte) error {
	out, err := decodeCertificate(data)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	if err := sameJSON(data, out); err != nil {
		return fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	*c = out
	return nil
}

// sameJSON refuses data that is another form of v than v's own.
func sameJSON(data []byte, v any) error {
	canonical, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var given, want bytes.Buffer
	if err := json.Compact(&given, data); err != nil {
		return err
	}
	if err := json.Compact(&want, canonical); err != nil {
		return err
	}
	if !bytes.Equal(given.Bytes(), want.Bytes()) {
		return errors.New("unknown or repeated fields, or values not in their canonical form")
	}
	return nil
}

func decodeCertificate(data []byte) (c Certificate, err error) {
	if len(data) > MaxCertificate {
		return c, fmt.Errorf("%d bytes are more than %d", len(data), MaxCertificate)
	}
	var f certificateFile
	if err := json.Unmarshal(data, &f); err != nil {
		return c, err
	}
	if f.Format != certificateFormat {
		return c, fmt.Errorf("format is %.60q, not %q", f.Format, certificateFormat)
	}
	if c.Round, err = f.Round.round(); err != nil {
		return c, err
	}
	c.Path = f.Path.path()
	for i, file := range f.Blocks {
		b, err := file.block()
		if err != nil {
			return c, fmt.Errorf("block %d: %w", i, err)
		}
		c.Blocks = append(c.Blocks, b)
	}
	return c, nil
}

func (p MerklePath) file() pathFile {
	f := pathFile{Index: p.Index, Total: p.Total, Aunts: []hexBytes{}}
	for _, aunt := range p.Aunts {
		f.Aunts = append(f.Aunts, aunt)
	}
	return f
}

func (f pathFile) path() MerklePath {
	p := MerklePath{Index: f.Index, Total: f.Total}
	for _, aunt := range f.Aunts {
		p.Aunts = append(p.Aunts, aunt)
	}
	return p
}

func roundToFile(r poenf.Round) roundFile {
	f := roundFile{
		r.Number, r.Start, r.Closed, r.Nominal, r.Rule, r.Faulty, r.CommitteeHash[:], r.Winner, r.Spread, r.Truth, nil,
	}
	for _, e := range r.Entries {
		f.Entries = append(f.Entries, entryFile{e.Member, e.ProofHash[:], e.Score, e.Inlier})
	}
	return f
}

func (f roundFile) round() (poenf.Round, error) {
	r := poenf.Round{
		Number: f.Number, Start: f.Start, Closed: f.Closed, Nominal: f.Nominal, Rule: f.Rule, Faulty: f.Faulty,
		Winner: f.Winner, Spread: f.Spread, Truth: f.Truth,
	}
	if len(f.Committee) != len(r.CommitteeHash) {
		return r, fmt.Errorf("committee hash of %d bytes", len(f.Committee))
	}
	copy(r.CommitteeHash[:], f.Committee)
	for _, e := range f.Entries {
		entry := poenf.Entry{Member: e.Member, Score: e.Score, Inlier: e.Inlier}
		if len(e.Proof) != len(entry.ProofHash) {
			return r, fmt.Errorf("proof hash of %.80q has %d bytes", e.Member, len(e.Proof))
		}
		copy(entry.ProofHash[:], e.Proof)
		r.Entries = append(r.Entries, entry)
	}
	_, err := r.MarshalBinary() // checks its form
	return r, err
}

func (b SignedBlock) file() (blockFile, error) {
	header, err := cmtjson.Marshal(b.Header)
	if err != nil {
		return blockFile{}, err
	}
	f := blockFile{Header: header, PartsTotal: b.Parts.Total, PartsHash: hexBytes(b.Parts.Hash), Round: b.Round}
	for _, v := range b.Validators {
		f.Validators = append(f.Validators, validatorFile(v))
	}
	for _, v := range b.Votes {
		if v.Signature == nil {
			f.Votes = append(f.Votes, nil)
		} else {
			f.Votes = append(f.Votes, &voteFile{v.Time, v.Signature})
		}
	}
	return f, nil
}

func (f blockFile) block() (SignedBlock, error) {
	b := SignedBlock{Parts: types.PartSetHeader{Total: f.PartsTotal, Hash: []byte(f.PartsHash)}, Round: f.Round}
	if err := cmtjson.Unmarshal(f.Header, &b.Header); err != nil {
		return b, fmt.Errorf("header: %w", err)
	}
	for _, v := range f.Validators {
		if len(v.Key) != poenf.ValidatorSize {
			return b, fmt.Errorf("validator's key %s has %d bytes", base64.StdEncoding.EncodeToString(v.Key), len(v.Key))
		}
		b.Validators = append(b.Validators, poenf.Validator(v))
	}
	for _, v := range f.Votes {
		if v == nil {
			b.Votes = append(b.Votes, Vote{})
		} else {
			b.Votes = append(b.Votes, Vote(*v))
		}
	}
	if len(b.Votes) != len(b.Validators) {
		return b, fmt.Errorf("%d votes of %d validators", len(b.Votes), len(b.Validators))
	}
	return b, nil
}

// MarshalJSON returns the block as it is in a certificate.
func (b SignedBlock) MarshalJSON() ([]byte, error) {
	f, err := b.file()
	if err != nil {
		return nil, err
	}
	return json.Marshal(f)
}

// UnmarshalJSON takes what MarshalJSON returns. An error wraps [ErrCertificate].
func (b *SignedBlock) UnmarshalJSON(data []byte) error {
	var f blockFile
	err := json.Unmarshal(data, &f)
	if err == nil {
		var out SignedBlock
		if out, err = f.block(); err == nil {
			if err = sameJSON(data, out); err == nil {
				*b = out
				return nil
			}
		}
	}
	return fmt.Errorf("%w: block: %w", ErrCertificate, err)
}
