// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package capability

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/biscuit-auth/biscuit-go/v2"
	"github.com/biscuit-auth/biscuit-go/v2/datalog"
	"github.com/biscuit-auth/biscuit-go/v2/pb"
	"google.golang.org/protobuf/proto"
)

// Bounds of a token.
const (
	MaxToken  = 8 << 10 // bytes of its text, below what servers take for a header
	MaxBlocks = 8       // the administrator's, and those added since
	maxNames  = 64      // of one list
	maxName   = 160     // bytes of an operation, a resource or a zone
)

// ErrToken is wrapped by all that makes a token worthless for any request: its form, its signatures, its holder.
var ErrToken = errors.New("token")

// Limits are what one block of a token allows. A list that is empty allows all.
type Limits struct {
	// Operations are rights, such as rounds:read.
	Operations []string `json:"operations,omitempty"`
	// Resources are what these may be used on, such as room/standup.
	Resources []string `json:"resources,omitempty"`
	// Zones are the trust zones in which they may be used.
	Zones []string `json:"zones,omitempty"`
	// Until is the whole second until which, exclusive; zero for no limit, which only blocks after the first may have.
	Until time.Time `json:"until,omitzero"`
}

// Token is one whose form is good. Whether its signatures are is for [Authority] to say.
type Token struct {
	// Holder is the name of the member to whom it was issued.
	Holder string
	// Blocks are the limits, the administrator's first. All of them hold.
	Blocks []Limits

	biscuit *biscuit.Biscuit
}

// String returns the holder and nothing that could be used.
func (t Token) String() string { return "token of " + t.Holder }

// GoString is String, so that no verb of fmt prints more.
func (t Token) GoString() string { return t.String() }

// IDs returns the SHA-256 of the revocation identifier of each block. To revoke that of a block is to revoke the token, and all
// that were made of it from there on.
func (t Token) IDs() [][32]byte {
	var out [][32]byte
	for _, id := range t.biscuit.RevocationIds() {
		out = append(out, sha256.Sum256(id))
	}
	return out
}

// Until returns when the token expires: when the first of its blocks does.
func (t Token) Until() time.Time {
	until := t.Blocks[0].Until
	for _, l := range t.Blocks[1:] {
		if !l.Until.IsZero() && l.Until.Before(until) {
			until = l.Until
		}
	}
	return until
}

// Issue returns the text of a new token for a member, signed with an administrator's key. It must name the operations that it
// allows, or "*" for all, and when it expires.
func Issue(key ed25519.PrivateKey, holder string, l Limits) (string, error) {
	return issue(rand.Reader, key, holder, l)
}

func issue(random io.Reader, key ed25519.PrivateKey, holder string, l Limits) (string, error) {
	switch {
	case len(key) != ed25519.PrivateKeySize:
		return "", fmt.Errorf("%w: private key has %d bytes, not %d", ErrToken, len(key), ed25519.PrivateKeySize)
	case len(l.Operations) == 0:
		return "", fmt.Errorf("%w: it names no operation; * is all of them", ErrToken)
	case l.Until.IsZero():
		return "", fmt.Errorf("%w: it has no expiry", ErrToken)
	}
	b, err := build(random, key, []block{{Holder: holder, Limits: l.sorted()}})
	if err != nil {
		return "", err
	}
	return text(b)
}

// Attenuate returns the text of a token that allows what the given one does, as far as l does too. It needs no key.
func Attenuate(token string, l Limits) (string, error) {
	t, err := Parse(token)
	if err != nil {
		return "", err
	}
	if len(t.Blocks) >= MaxBlocks {
		return "", fmt.Errorf("%w: it has %d blocks already", ErrToken, MaxBlocks)
	}
	b, err := (block{Limits: l.sorted()}).append(rand.Reader, t.biscuit)
	if err != nil {
		return "", err
	}
	return text(b)
}

// Parse takes the text of a token apart. It does not verify its signatures. An error wraps [ErrToken], and repeats nothing of the
// token.
func Parse(token string) (out Token, err error) {
	defer func() {
		if recover() != nil { // biscuit-go was not made for bytes of strangers
			out, err = Token{}, fmt.Errorf("%w: malformed", ErrToken)
		}
	}()
	if token == "" {
		return out, fmt.Errorf("%w: there is none", ErrToken)
	}
	if len(token) > MaxToken {
		return out, fmt.Errorf("%w: %d bytes are more than %d", ErrToken, len(token), MaxToken)
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || strings.ContainsAny(token, "\r\n") { // which base64 passes over
		return out, fmt.Errorf("%w: not in base64url", ErrToken)
	}
	var sent pb.Biscuit
	if err := proto.Unmarshal(data, &sent); err != nil || sent.Authority == nil || len(sent.Blocks)+1 > MaxBlocks {
		return out, fmt.Errorf("%w: not a biscuit, or one of more than %d blocks", ErrToken, MaxBlocks)
	}
	var blocks []block
	for i, signed := range append([]*pb.SignedBlock{sent.Authority}, sent.Blocks...) {
		b, err := readBlock(signed, i == 0)
		if err != nil {
			return out, fmt.Errorf("%w: block %d: %w", ErrToken, i, err)
		}
		blocks = append(blocks, b)
		out.Blocks = append(out.Blocks, b.Limits)
	}
	if err := sameBlocks(&sent, blocks); err != nil {
		return out, fmt.Errorf("%w: %w", ErrToken, err)
	}
	if seed := sent.GetProof().GetNextSecret(); len(seed) != ed25519.SeedSize {
		return out, fmt.Errorf("%w: it cannot be handed on", ErrToken) // biscuit-go would panic over the length
	}
	if out.biscuit, err = biscuit.Unmarshal(data); err != nil {
		return out, fmt.Errorf("%w: not a biscuit", ErrToken)
	}
	out.Holder = blocks[0].Holder
	return out, nil
}

// block is what a block of a token says, kept as JSON in its context.
type block struct {
	Holder string `json:"holder,omitempty"` // in the first one
	Limits
}

func readBlock(signed *pb.SignedBlock, first bool) (b block, err error) {
	var content pb.Block
	if err := proto.Unmarshal(signed.GetBlock(), &content); err != nil {
		return b, errors.New("malformed")
	}
	d := json.NewDecoder(strings.NewReader(content.GetContext()))
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil {
		return b, errors.New("not one of this kind of token")
	}
	if first != (b.Holder != "") || first && (len(b.Operations) == 0 || b.Until.IsZero()) {
		return b, errors.New("it does not say who holds it, for what and until when, or not in the first block")
	}
	return b, b.check()
}

func (b block) check() error {
	for what, names := range map[string][]string{"operations": b.Operations, "resources": b.Resources, "zones": b.Zones} {
		if len(names) > maxNames || !slices.IsSorted(names) {
			return fmt.Errorf("%d %s, of at most %d in order", len(names), what, maxNames)
		}
		for i, name := range names {
			if !validName(name) || i > 0 && names[i-1] == name {
				return fmt.Errorf("%s: %.40q is twice there, or not 1 to %d of A-Z a-z 0-9 . _ - : / *", what, name, maxName)
			}
		}
	}
	if b.Holder != "" && !validName(b.Holder) {
		return fmt.Errorf("holder %.80q", b.Holder)
	}
	if u := b.Until; !u.IsZero() && (u.Unix() < 1 || u.Unix() > 253402300799 || u.Nanosecond() != 0 || u.Location() != time.UTC) {
		return fmt.Errorf("expiry %.40q is not a whole second in UTC", u)
	}
	return nil
}

func validName(s string) bool {
	return s != "" && len(s) <= maxName && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:/*") == ""
}

// sorted returns the limits in their one form.
func (l Limits) sorted() Limits {
	sorted := func(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }
	l.Operations, l.Resources, l.Zones = sorted(l.Operations), sorted(l.Resources), sorted(l.Zones)
	if !l.Until.IsZero() {
		l.Until = l.Until.UTC().Truncate(time.Second)
	}
	return l
}

// checks returns the limits as Datalog: one check for each, which holds where a fact of the request is among the names.
func (l Limits) checks() []biscuit.Check {
	var out []biscuit.Check
	check := func(fact string, e biscuit.Expression) {
		out = append(out, biscuit.Check{Queries: []biscuit.Rule{{
			Head:        biscuit.Predicate{Name: "allowed"},
			Body:        []biscuit.Predicate{{Name: fact, IDs: []biscuit.Term{biscuit.Variable("x")}}},
			Expressions: []biscuit.Expression{e},
		}}})
	}
	for _, of := range []struct {
		fact  string
		names []string
	}{{"operation", l.Operations}, {"resource", l.Resources}, {"zone", l.Zones}} {
		if len(of.names) == 0 || slices.Contains(of.names, "*") {
			continue
		}
		set := make(biscuit.Set, len(of.names))
		for i, name := range of.names {
			set[i] = biscuit.String(name)
		}
		check(of.fact, biscuit.Expression{biscuit.Value{Term: set}, biscuit.Value{Term: biscuit.Variable("x")}, biscuit.BinaryContains})
	}
	if !l.Until.IsZero() {
		check("time", biscuit.Expression{
			biscuit.Value{Term: biscuit.Variable("x")}, biscuit.Value{Term: biscuit.Date(l.Until)}, biscuit.BinaryLessThan,
		})
	}
	return out
}

// build makes a token of blocks.
func build(random io.Reader, key ed25519.PrivateKey, blocks []block) (*biscuit.Biscuit, error) {
	made := biscuit.NewBlockBuilder(symbols())
	if err := blocks[0].into(made); err != nil {
		return nil, err
	}
	out, err := biscuit.New(random, key, symbols(), made.Build())
	for _, b := range blocks[1:] {
		if err == nil {
			out, err = b.append(random, out)
		}
	}
	return out, err
}

func (b block) append(random io.Reader, to *biscuit.Biscuit) (*biscuit.Biscuit, error) {
	made := to.CreateBlock()
	if err := b.into(made); err != nil {
		return nil, err
	}
	return to.Append(random, made.Build())
}

func (b block) into(made biscuit.BlockBuilder) error {
	if err := b.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrToken, err)
	}
	context, err := json.Marshal(b)
	if err != nil {
		return err
	}
	made.SetContext(string(context))
	for _, c := range b.checks() {
		if err := made.AddCheck(c); err != nil {
			return err
		}
	}
	return nil
}

// sameBlocks refuses a token whose blocks are not those that build makes of what they say: with facts, rules or checks of
// another form, which might mean more, or cost more to decide.
func sameBlocks(sent *pb.Biscuit, blocks []block) error {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) // of nobody: only the blocks are compared
	made, err := build(zeros{}, key, blocks)
	if err != nil {
		return err
	}
	data, err := made.Serialize()
	if err != nil {
		return err
	}
	var want pb.Biscuit
	if err := proto.Unmarshal(data, &want); err != nil {
		return err
	}
	same := bytes.Equal(sent.Authority.Block, want.Authority.Block)
	for i, b := range sent.Blocks {
		same = same && bytes.Equal(b.Block, want.Blocks[i].Block)
	}
	if !same {
		return errors.New("a block is more than the limits that it states")
	}
	return nil
}

// zeros is no source of randomness: what is signed with its keys goes nowhere.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// symbols returns the table of symbols that every token begins with: those of the format itself are in none.
func symbols() *datalog.SymbolTable { return new(datalog.SymbolTable) }

func text(b *biscuit.Biscuit) (string, error) {
	data, err := b.Serialize()
	if err != nil {
		return "", err
	}
	out := base64.RawURLEncoding.EncodeToString(data)
	if len(out) > MaxToken {
		return "", fmt.Errorf("%w: %d bytes are more than %d", ErrToken, len(out), MaxToken)
	}
	return out, nil
}
