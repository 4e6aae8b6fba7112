// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/defakepro/defakepro/poenf"
)

// Why an identity is not verified. Every error of a [Verifier] and of [Answer] wraps one of these, or [poenf.ErrNotMember].
var (
	// ErrChallenge: the challenge is malformed, of another verifier, for another zone or endpoint, or too old.
	ErrChallenge = errors.New("challenge")
	// ErrReplay: the challenge has been answered.
	ErrReplay = errors.New("challenge answered before")
	// ErrAnswer: the answer's signature does not verify.
	ErrAnswer = errors.New("bad answer")
	// ErrBusy: more challenges are being answered than the verifier remembers.
	ErrBusy = errors.New("too many answers")
)

// DefaultLife is how long a challenge may be answered where nobody says, and MaxLife how long at most.
const (
	DefaultLife = 30 * time.Second
	MaxLife     = 5 * time.Minute
)

// maxEndpoint is the most bytes of an endpoint's name.
const maxEndpoint = 255

// maxReplays is how many challenges that were answered a verifier remembers: those of a few thousand a second.
const maxReplays = 1 << 17

// answerDomain is what an answer's signature begins with, so that it is nothing else's.
const answerDomain = "defakepro/identity/answer/v1\x00"

// Verifier asks members who they are, in the name of one endpoint of a committee's node. Any node that holds the registry can
// be one. It keeps nothing of a challenge until that is answered: what it needs to know is in the challenge, under its own key.
// It is safe for concurrent use.
type Verifier struct {
	o      VerifierOptions
	secret [32]byte

	mu   sync.Mutex
	seen map[[nonceSize]byte]int64 // challenges answered, with when they expire, Unix ms
	last int64                     // when those that have expired were last dropped
}

// VerifierOptions set a [Verifier] up.
type VerifierOptions struct {
	// Committee is its id, and Endpoint the name by which members reach this verifier, as host:port: what they sign.
	Committee, Endpoint string
	// Registry returns who is registered now. An error verifies nobody.
	Registry func() (poenf.Registry, error)
	// Life is how long a challenge may be answered: [DefaultLife] when zero, at most [MaxLife].
	Life time.Duration
	// Now gives the time; nil is [time.Now].
	Now func() time.Time
}

// NewVerifier returns a verifier. Its challenges are worth nothing to another, nor after a restart.
func NewVerifier(o VerifierOptions) (*Verifier, error) {
	if len(o.Endpoint) == 0 || len(o.Endpoint) > maxEndpoint || o.Registry == nil {
		return nil, fmt.Errorf("a verifier needs a registry, and an endpoint of 1 to %d bytes", maxEndpoint)
	}
	if o.Life <= 0 || o.Life > MaxLife {
		o.Life = DefaultLife
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	v := &Verifier{o: o, seen: make(map[[nonceSize]byte]int64)}
	_, err := rand.Read(v.secret[:])
	return v, err
}

// A challenge is
//
//	0x01 expires_ms:u64 nonce:16 committee:str endpoint:str zone:str mac:32
//
// where str is a length byte and the bytes, and mac the HMAC-SHA-256 of all before it.
const (
	challengeVersion = 0x01
	nonceSize        = 16
	maxChallenge     = 1 + 8 + nonceSize + 3 + poenf.MaxID + maxEndpoint + poenf.MaxName + sha256.Size
)

// Challenge returns a fresh challenge for a member of a zone; zone is empty for any member.
func (v *Verifier) Challenge(zone string) ([]byte, error) {
	if len(zone) > poenf.MaxName {
		return nil, fmt.Errorf("%w: zone of %d bytes", ErrChallenge, len(zone))
	}
	c := challenge{expires: v.o.Now().Add(v.o.Life).UnixMilli(), committee: v.o.Committee, endpoint: v.o.Endpoint, zone: zone}
	if _, err := rand.Read(c.nonce[:]); err != nil {
		return nil, err
	}
	return v.seal(c.append(nil)), nil
}

func (v *Verifier) seal(b []byte) []byte {
	mac := hmac.New(sha256.New, v.secret[:])
	mac.Write(b)
	return mac.Sum(b)
}

// Proven is what a verified answer proves.
type Proven struct {
	// Account is the member's, as it is registered now.
	Account poenf.Account
	// Zone is the zone that it is in, empty where none was asked for.
	Zone string
}

// Verify returns who answered a challenge of this verifier. Each is verified once: the second time is a replay, even where the
// first answer was a bad one. An error wraps one of this package's, or [poenf.ErrNotMember].
func (v *Verifier) Verify(sent []byte, member string, signature []byte) (Proven, error) {
	c, err := readChallenge(sent)
	if err != nil {
		return Proven{}, err
	}
	now := v.o.Now().UnixMilli()
	switch {
	case !hmac.Equal(sent, v.seal(bytes.Clone(sent[:len(sent)-sha256.Size]))):
		return Proven{}, fmt.Errorf("%w: it is not of this verifier", ErrChallenge)
	case now >= c.expires:
		return Proven{}, fmt.Errorf("%w: it has expired", ErrChallenge)
	}
	registry, err := v.o.Registry()
	if err != nil {
		return Proven{}, fmt.Errorf("%w: nobody can say who is registered: %w", poenf.ErrNotMember, err)
	}
	if err := v.once(c, now); err != nil {
		return Proven{}, err
	}
	a, ok := registry.Account(member)
	switch {
	case !ok:
		return Proven{}, fmt.Errorf("%w: %.80q is not registered", poenf.ErrNotMember, member)
	case a.Status != poenf.Active:
		return Proven{}, fmt.Errorf("%w: %s is %s", poenf.ErrNotMember, member, a.Status)
	case !ed25519.Verify(a.Key, signed(member, sent), signature):
		return Proven{}, fmt.Errorf("%w: not signed with the key of %s", ErrAnswer, member)
	}
	if c.zone != "" {
		if z, ok := registry.Zone(c.zone); !ok || !z.Has(member) {
			return Proven{}, fmt.Errorf("%w: %s is not in zone %s", poenf.ErrNotMember, member, c.zone)
		}
	}
	return Proven{a, c.zone}, nil
}

// once notes that a challenge is answered.
func (v *Verifier) once(c challenge, now int64) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if now-v.last >= 1000 || now < v.last {
		v.last = now
		for nonce, expires := range v.seen {
			if expires <= now {
				delete(v.seen, nonce)
			}
		}
	}
	if _, ok := v.seen[c.nonce]; ok {
		return ErrReplay
	}
	if len(v.seen) >= maxReplays {
		return ErrBusy
	}
	v.seen[c.nonce] = c.expires
	return nil
}

// Answer signs a challenge with a member's key, which may be kept elsewhere ([Signer]). endpoint is what the member connected to,
// and zone what it was asked for: a challenge that names others was made for somebody else, and whoever passed it on gets no
// answer. An error wraps [ErrChallenge], or is the signer's.
func Answer(sent []byte, committee, endpoint, zone, member string, key crypto.Signer) ([]byte, error) {
	c, err := readChallenge(sent)
	if err != nil {
		return nil, err
	}
	if c.committee != committee || c.endpoint != endpoint || c.zone != zone {
		return nil, fmt.Errorf("%w: it is for zone %q at %q of %q, and this is zone %q at %q of %q", ErrChallenge, c.zone, c.endpoint,
			c.committee, zone, endpoint, committee)
	}
	return key.Sign(rand.Reader, signed(member, sent), crypto.Hash(0))
}

func signed(member string, sent []byte) []byte {
	b := append([]byte(answerDomain), byte(len(member)))
	return append(append(b, member...), sent...)
}

type challenge struct {
	expires                   int64
	nonce                     [nonceSize]byte
	committee, endpoint, zone string
}

func (c challenge) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(append(b, challengeVersion), uint64(c.expires))
	b = append(b, c.nonce[:]...)
	for _, s := range []string{c.committee, c.endpoint, c.zone} {
		b = append(append(b, byte(len(s))), s...)
	}
	return b
}

func readChallenge(sent []byte) (c challenge, err error) {
	const head = 1 + 8 + nonceSize
	if len(sent) < head+3+sha256.Size || len(sent) > maxChallenge || sent[0] != challengeVersion {
		return c, fmt.Errorf("%w: malformed", ErrChallenge)
	}
	c.expires = int64(binary.BigEndian.Uint64(sent[1:]))
	copy(c.nonce[:], sent[9:])
	rest := sent[head : len(sent)-sha256.Size]
	for _, s := range []*string{&c.committee, &c.endpoint, &c.zone} {
		if len(rest) < 1 {
			return c, fmt.Errorf("%w: cut short", ErrChallenge)
		}
		end := 1 + int(rest[0]) // in bytes it would begin anew at 256
		if len(rest) < end {
			return c, fmt.Errorf("%w: cut short", ErrChallenge)
		}
		*s, rest = string(rest[1:end]), rest[end:]
	}
	if len(rest) > 0 {
		return c, fmt.Errorf("%w: %d bytes too many", ErrChallenge, len(rest))
	}
	return c, nil
}
