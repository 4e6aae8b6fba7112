// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package capability

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/biscuit-auth/biscuit-go/v2"
	"github.com/biscuit-auth/biscuit-go/v2/datalog"

	"github.com/defakepro/defakepro/poenf"
)

// ErrRight is wrapped where a token is good and does not give the right that a request needs.
var ErrRight = errors.New("missing right")

// Request is what somebody wants to do.
type Request struct {
	// Operation is the right that it needs, such as rounds:read.
	Operation string
	// Resource is what it is done to, such as room/standup; empty for nothing in particular, which a token for certain
	// resources does not allow.
	Resource string
	// Zone is the trust zone in which it is done; empty for none, which a token for certain zones does not allow. In one that is
	// not registered nobody is, so that nothing is allowed there.
	Zone string
}

// String describes the request.
func (r Request) String() string {
	out := r.Operation
	if r.Resource != "" {
		out += " on " + r.Resource
	}
	if r.Zone != "" {
		out += " in zone " + r.Zone
	}
	return out
}

// Authority decides about requests. Its fields must not change once it is used; it is safe for concurrent use.
type Authority struct {
	// Registry returns who is registered now. An error refuses all.
	Registry func() (poenf.Registry, error)
	// Now gives the time; nil is [time.Now].
	Now func() time.Time
	// Audit keeps each decision; nil keeps none. Where a decision cannot be kept, the request is refused.
	Audit *Audit
}

// Authorize returns the name of the token's holder when the token, which is empty where a request came without, allows the request now. Otherwise the error wraps [ErrToken]
// when the token is good for nothing, or [ErrRight] when it is not good for this, and then says which right is missing. No error
// repeats anything of the token.
func (a *Authority) Authorize(token string, r Request) (holder string, err error) {
	now := time.Now
	if a.Now != nil {
		now = a.Now
	}
	at := now()
	t, err := Parse(token)
	if err == nil {
		err = a.decide(t, r, at)
	}
	if a.Audit != nil {
		if kept := a.Audit.add(at, t, r, err); kept != nil && err == nil {
			err = fmt.Errorf("audit: %w", kept)
		}
	}
	if err != nil {
		return "", err
	}
	return t.Holder, nil
}

// Still reports whether what Authorize allowed before is still allowed. It keeps a record of the end of that alone.
func (a *Authority) Still(token string, r Request) bool {
	now := time.Now
	if a.Now != nil {
		now = a.Now
	}
	if t, err := Parse(token); err == nil && a.decide(t, r, now()) == nil {
		return true
	}
	_, err := a.Authorize(token, r)
	return err == nil
}

func (a *Authority) decide(t Token, r Request, now time.Time) error {
	registry, err := a.Registry()
	if err != nil {
		return fmt.Errorf("%w: nobody can say whether it is good: %w", ErrToken, err)
	}
	issuer, err := t.issuer(registry.Administrators)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(t.IDs(), registry.Withdrawn) {
		return fmt.Errorf("%w: it was revoked", ErrToken)
	}
	if !now.Before(t.Until()) {
		return fmt.Errorf("%w: it expired at %s", ErrToken, t.Until().Format(time.RFC3339))
	}
	holder, ok := registry.Account(t.Holder)
	switch {
	case !ok:
		return fmt.Errorf("%w: its holder, %s, is not registered", ErrToken, t.Holder)
	case holder.Status != poenf.Active:
		return fmt.Errorf("%w: its holder, %s, is %s", ErrToken, t.Holder, holder.Status)
	}
	if r.Zone != "" {
		z, ok := registry.Zone(r.Zone)
		switch {
		case !ok:
			return fmt.Errorf("%w: %s, and no zone of that name is registered", ErrRight, r)
		case !z.Has(t.Holder):
			return fmt.Errorf("%w: %s, and %s is not in that zone", ErrRight, r, t.Holder)
		}
	}
	return t.allows(issuer, r, now)
}

// issuer returns the one of the administrators who signed the token, of whose further blocks the signatures are good too.
func (t Token) issuer(administrators []ed25519.PublicKey) (issuer ed25519.PublicKey, err error) {
	defer func() {
		if recover() != nil {
			issuer, err = nil, fmt.Errorf("%w: malformed", ErrToken)
		}
	}()
	for _, key := range administrators {
		if _, err := t.biscuit.Authorizer(key); err == nil {
			return key, nil
		}
	}
	return nil, fmt.Errorf("%w: no administrator signed it", ErrToken)
}

// decision is how long Datalog may think: it has a dozen facts and checks, and the bound is against surprises.
const decision = time.Second

// allows asks the token's blocks.
func (t Token) allows(issuer ed25519.PublicKey, r Request, now time.Time) error {
	ask, err := t.biscuit.Authorizer(issuer, biscuit.WithWorldOptions(datalog.WithMaxDuration(decision)))
	if err != nil {
		return fmt.Errorf("%w: no administrator signed it", ErrToken)
	}
	fact := func(name string, term biscuit.Term) {
		ask.AddFact(biscuit.Fact{Predicate: biscuit.Predicate{Name: name, IDs: []biscuit.Term{term}}})
	}
	fact("time", biscuit.Date(now))
	for name, value := range map[string]string{"operation": r.Operation, "resource": r.Resource, "zone": r.Zone} {
		if value != "" {
			fact(name, biscuit.String(value))
		}
	}
	// What a token allows is all that its checks leave.
	ask.AddPolicy(biscuit.DefaultAllowPolicy)
	if err := ask.Authorize(); err == nil {
		return nil
	}
	return fmt.Errorf("%w: %s; the token of %s is for %s", ErrRight, r, t.Holder, t.Describe())
}

// Describe says in words what the token is for.
func (t Token) Describe() string {
	words := make([]string, len(t.Blocks))
	for i, l := range t.Blocks {
		words[i] = l.String()
	}
	return strings.Join(words, ", and then only ")
}

// String says in words what the limits allow.
func (l Limits) String() string {
	list := func(names []string) string {
		if len(names) == 0 {
			return "*"
		}
		return strings.Join(names, " ")
	}
	out := list(l.Operations)
	if len(l.Resources) > 0 {
		out += " on " + list(l.Resources)
	}
	if len(l.Zones) > 0 {
		out += " in " + list(l.Zones)
	}
	if !l.Until.IsZero() {
		out += " until " + l.Until.Format(time.RFC3339)
	}
	return out
}
