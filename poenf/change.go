// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
)

// MaxOperations is the most operations in one change.
const MaxOperations = 256

// Change is a change of the committee or its [Registry] that administrators signed. It is made whole or refused whole.
type Change struct {
	// Sequence is 1 for a committee's first change and one more for each that follows, so that none is replayed.
	Sequence uint64
	// Operations are made in this order: 1 to [MaxOperations].
	Operations []Operation
	// Signature is an administrator's, of 64 bytes, where one is enough; there are no Endorsements then.
	Signature []byte
	// Endorsements are the signatures of several administrators, in order of key, and Signature is empty.
	Endorsements []Endorsement
}

// Op is the kind of an [Operation].
type Op uint8

const (
	// Put admits Member, or replaces the one of that name.
	Put Op = 1
	// Remove removes the member of the name Member.Name; the rest of Member is empty.
	Remove Op = 2
	// SetFaulty makes Faulty the committee's f; Member is empty. A committee that grows can so come to bear a liar.
	SetFaulty Op = 3
	// Enrol gives the account Member.Name, which it opens with Member.Key where there is none, those of Roles that are not
	// the committee's: [Guard], [Auditor], [Participant].
	Enrol Op = 4
	// Suspend has the account Member.Name, and its seat in the committee, not count until [Resume].
	Suspend Op = 5
	// Resume undoes [Suspend].
	Resume Op = 6
	// Rotate makes Member.Key the key of the account Member.Name, and of its seat.
	Rotate Op = 7
	// Revoke ends the account Member.Name for good: neither its name nor its key comes back.
	Revoke Op = 8
	// PutZone opens Zone, or makes it one of Kind.
	PutZone Op = 9
	// RemoveZone closes Zone.
	RemoveZone Op = 10
	// Join puts the account Member.Name into Zone.
	Join Op = 11
	// Leave takes it out of Zone.
	Leave Op = 12
	// RevokeToken has a token not count any more: Revocation.
	RevokeToken Op = 13
	// AddAdministrator has Member.Key sign changes from the next one on.
	AddAdministrator Op = 14
	// RemoveAdministrator has it sign none any more.
	RemoveAdministrator Op = 15
	// SetThreshold makes Threshold the number of administrators who must sign.
	SetThreshold Op = 16
)

// opNames are the operations in words.
var opNames = [...]string{
	"nothing", "put", "remove", "set", "enrol", "suspend", "resume", "rotate", "revoke", "open", "close", "join", "leave", "revoke token",
	"add administrator", "remove administrator", "set threshold", "unknown",
}

// The fields that an operation has, in the order of its bytes.
const (
	hasName uint16 = 1 << iota
	hasKey
	hasSeat // Member.Power, and Member.Validator where that is above 0
	hasFaulty
	hasRoles
	hasZone
	hasKind
	hasToken
	hasThreshold
)

// opFields are the fields of each operation.
var opFields = [...]uint16{
	Put: hasName | hasKey | hasSeat, Remove: hasName, SetFaulty: hasFaulty,
	Enrol: hasName | hasKey | hasRoles, Suspend: hasName, Resume: hasName, Rotate: hasName | hasKey, Revoke: hasName,
	PutZone: hasZone | hasKind, RemoveZone: hasZone, Join: hasName | hasZone, Leave: hasName | hasZone,
	RevokeToken: hasToken, AddAdministrator: hasKey, RemoveAdministrator: hasKey, SetThreshold: hasThreshold,
}

func (o Op) fields() uint16 {
	if int(o) < len(opFields) {
		return opFields[o]
	}
	return 0
}

// Operation is one step of a [Change]. Fields that its Op has no use for are zero.
type Operation struct {
	Op         Op
	Member     Member
	Faulty     int
	Roles      Roles
	Zone       string
	Kind       ZoneKind
	Revocation Revocation
	Threshold  int
}

const changeDomain = "defakepro/poenf/change/v1"

// Sign signs the change for a committee with the administrator's key. An error wraps [ErrMalformed].
func (c *Change) Sign(committee string, key ed25519.PrivateKey) error {
	if err := c.checkForm(); err != nil {
		return err
	}
	if len(key) != ed25519.PrivateKeySize {
		return fmt.Errorf("%w: private key has %d bytes, not %d", ErrMalformed, len(key), ed25519.PrivateKeySize)
	}
	c.Endorsements = nil
	c.Signature = ed25519.Sign(key, c.signed(committee))
	return nil
}

// Verify returns nil when key signed the change for the committee. An error wraps [ErrMalformed] or [ErrSignature].
func (c Change) Verify(committee string, key ed25519.PublicKey) error {
	return c.VerifyBy(committee, []ed25519.PublicKey{key}, 1)
}

func (r *reader) endorsements() []Endorsement {
	n := int(r.number(1))
	if r.err == nil && (n < 1 || n > MaxAdministrators) {
		r.fail("%d signatures are not 1 to %d", n, MaxAdministrators)
	}
	if r.err != nil {
		return nil
	}
	out := make([]Endorsement, n)
	for i := range out {
		out[i] = Endorsement{r.take(ed25519.PublicKeySize), r.signature()}
		if r.err == nil && i > 0 && out[i-1].compare(out[i].Key) >= 0 {
			r.fail("signature %d is not after the one before", i)
		}
	}
	return out
}

func (c Change) checkForm() error {
	for i, e := range c.Endorsements {
		if len(e.Key) != ed25519.PublicKeySize || len(e.Signature) != ed25519.SignatureSize || len(c.Signature) != 0 ||
			i >= MaxAdministrators || i > 0 && c.Endorsements[i-1].compare(e.Key) >= 0 {
			return fmt.Errorf("%w: signature %d of the administrators", ErrMalformed, i)
		}
	}
	if n := len(c.Operations); n < 1 || n > MaxOperations {
		return fmt.Errorf("%w: %d operations are not 1 to %d", ErrMalformed, n, MaxOperations)
	}
	for i, o := range c.Operations {
		if err := o.checkForm(); err != nil {
			return fmt.Errorf("operation %d: %w", i, err)
		}
	}
	return nil
}

func (o Operation) checkForm() error {
	if err := o.wrong(); err != "" {
		return fmt.Errorf("%w: %s", ErrMalformed, err)
	}
	return nil
}

// wrong returns what is wrong with the operation's form.
func (o Operation) wrong() string {
	has, m := o.Op.fields(), o.Member
	lacks := func(field uint16, used bool) bool { return has&field == 0 && used }
	switch {
	case has == 0, lacks(hasName, m.Name != ""), lacks(hasKey, m.Key != nil), lacks(hasSeat, m.Power != 0 || m.Validator != nil),
		lacks(hasFaulty, o.Faulty != 0), lacks(hasRoles, o.Roles != 0), lacks(hasZone, o.Zone != ""), lacks(hasKind, o.Kind != 0),
		lacks(hasToken, o.Revocation != Revocation{}), lacks(hasThreshold, o.Threshold != 0):
		return fmt.Sprintf("no operation %d, or it has fields that it has no use for", o.Op)
	case o.Op == Put:
		return checkMembers([]Member{m})
	case has&hasName != 0 && !validName(m.Name, MaxName, "._-"):
		return fmt.Sprintf("member %.80q is not 1 to %d of A-Z a-z 0-9 . _ -", m.Name, MaxName)
	case has&hasKey != 0 && len(m.Key) != ed25519.PublicKeySize:
		return fmt.Sprintf("key has %d bytes, not %d", len(m.Key), ed25519.PublicKeySize)
	case o.Faulty < 0 || o.Faulty > MaxMembers:
		return fmt.Sprintf("f = %d is not 0 to %d", o.Faulty, MaxMembers)
	case has&hasRoles != 0 && (o.Roles == 0 || o.Roles&seatRoles != 0 || o.Roles > allRoles):
		return fmt.Sprintf("roles %d are not among guard, auditor and participant; provers and validators are put into the committee", o.Roles)
	case has&hasZone != 0 && !validName(o.Zone, MaxName, "._-"):
		return fmt.Sprintf("zone %.80q is not 1 to %d of A-Z a-z 0-9 . _ -", o.Zone, MaxName)
	case has&hasKind != 0 && (o.Kind < OrganisationZone || o.Kind > GridZone):
		return fmt.Sprintf("no kind of zone %d", o.Kind)
	case has&hasToken != 0 && (o.Revocation.Until < 1 || o.Revocation.Until > maxTime):
		return fmt.Sprintf("a token that expires at %d ms", o.Revocation.Until)
	case has&hasThreshold != 0 && (o.Threshold < 1 || o.Threshold > MaxAdministrators):
		return fmt.Sprintf("%d signatures are not 1 to %d", o.Threshold, MaxAdministrators)
	}
	return ""
}

// statement appends what the signature is about.
func (c Change) statement(b []byte) []byte {
	b = appendUint64(append(b, tagChange), c.Sequence)
	b = appendUint16(b, len(c.Operations))
	for _, o := range c.Operations {
		b = o.append(b)
	}
	return b
}

func (o Operation) append(b []byte) []byte {
	b = append(b, byte(o.Op))
	has := o.Op.fields()
	if has&hasName != 0 {
		b = appendString(b, o.Member.Name)
	}
	b = append(b, o.Member.Key...)
	if has&hasSeat != 0 {
		b = append(appendUint32(b, o.Member.Power), o.Member.Validator...)
	}
	if has&hasFaulty != 0 {
		b = appendUint16(b, o.Faulty)
	}
	if has&hasRoles != 0 {
		b = append(b, byte(o.Roles))
	}
	if has&hasZone != 0 {
		b = appendString(b, o.Zone)
	}
	if has&hasKind != 0 {
		b = append(b, byte(o.Kind))
	}
	if has&hasToken != 0 {
		b = appendUint64(append(b, o.Revocation.Token[:]...), uint64(o.Revocation.Until))
	}
	if has&hasThreshold != 0 {
		b = append(b, byte(o.Threshold))
	}
	return b
}

func (r *reader) operation() (o Operation) {
	o.Op = Op(r.number(1))
	has := o.Op.fields()
	if has&hasName != 0 {
		o.Member.Name = r.name()
	}
	if has&hasKey != 0 {
		o.Member.Key = r.take(ed25519.PublicKeySize)
	}
	if has&hasSeat != 0 {
		if o.Member.Power = int64(r.number(4)); o.Member.Power > 0 {
			o.Member.Validator = r.take(ValidatorSize)
		}
	}
	if has&hasFaulty != 0 {
		o.Faulty = int(r.number(2))
	}
	if has&hasRoles != 0 {
		o.Roles = Roles(r.number(1))
	}
	if has&hasZone != 0 {
		o.Zone = r.name()
	}
	if has&hasKind != 0 {
		o.Kind = ZoneKind(r.number(1))
	}
	if has&hasToken != 0 {
		o.Revocation = Revocation{r.hash(), int64(r.number(8))}
	}
	if has&hasThreshold != 0 {
		o.Threshold = int(r.number(1))
	}
	return o
}

func appendMember(b []byte, m Member) []byte {
	b = append(appendString(b, m.Name), m.Key...)
	b = appendUint32(b, m.Power)
	return append(b, m.Validator...)
}

func (r *reader) member() (m Member) {
	m.Name = r.name()
	m.Key = r.take(ed25519.PublicKeySize)
	m.Power = int64(r.number(4))
	if m.Power > 0 {
		m.Validator = r.take(ValidatorSize)
	}
	return m
}

func (c Change) signed(committee string) []byte {
	return c.statement(signedHead(changeDomain, committee))
}

func (c Change) append(b []byte) []byte {
	if len(c.Endorsements) == 0 {
		return append(c.statement(b), c.Signature...)
	}
	at := len(b)
	b = append(c.statement(b), byte(len(c.Endorsements)))
	b[at] = tagEndorsed
	for _, e := range c.Endorsements {
		b = append(append(b, e.Key...), e.Signature...)
	}
	return b
}

// AppendBinary appends the change's bytes. An error wraps [ErrMalformed].
func (c Change) AppendBinary(b []byte) ([]byte, error) {
	if err := c.checkForm(); err != nil {
		return nil, err
	}
	if len(c.Endorsements) == 0 && len(c.Signature) != ed25519.SignatureSize {
		return nil, fmt.Errorf("%w: signature has %d bytes, not %d", ErrMalformed, len(c.Signature), ed25519.SignatureSize)
	}
	return c.append(b), nil
}

// MarshalBinary returns the change's bytes. An error wraps [ErrMalformed].
func (c Change) MarshalBinary() ([]byte, error) { return c.AppendBinary(nil) }

// UnmarshalBinary takes the bytes of a change and nothing else. An error wraps [ErrMalformed]. The signature is not verified.
func (c *Change) UnmarshalBinary(data []byte) error {
	r := &reader{data: data}
	endorsed := len(data) > 0 && data[0] == tagEndorsed
	if endorsed {
		r.tag(tagEndorsed, "change")
	} else {
		r.tag(tagChange, "change")
	}
	out := Change{Sequence: r.number(8)}
	out.Operations = make([]Operation, r.count(1, MaxOperations, 2, "operations"))
	for i := range out.Operations {
		o := &out.Operations[i]
		*o = r.operation()
		if err := o.checkForm(); r.err == nil && err != nil {
			r.err = fmt.Errorf("operation %d: %w", i, err)
		}
	}
	if !endorsed {
		out.Signature = r.signature()
	} else {
		out.Endorsements = r.endorsements()
	}
	if err := r.end(); err != nil {
		return fmt.Errorf("change: %w", err)
	}
	*c = out
	return nil
}

// Hash returns the SHA-256 of the change's bytes, its signature among them.
func (c Change) Hash() [32]byte { return sha256.Sum256(c.append(nil)) }
