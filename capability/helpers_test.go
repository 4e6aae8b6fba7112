// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package capability

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/poenf"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func key(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func public(name string) ed25519.PublicKey { return key(name).Public().(ed25519.PublicKey) }

// registry has ann, who is active and in zone acme; sam, suspended; and rita, revoked.
func registry() poenf.Registry {
	return poenf.Registry{
		Administrators: []ed25519.PublicKey{public("administrator")}, Threshold: 1,
		Accounts: []poenf.Account{
			{Name: "ann", Key: public("ann"), Roles: poenf.Participant},
			{Name: "rita", Key: public("rita"), Status: poenf.Revoked},
			{Name: "sam", Key: public("sam"), Roles: poenf.Guard, Status: poenf.Suspended},
		},
		Zones: []poenf.Zone{
			{Name: "acme", Kind: poenf.OrganisationZone, Members: []string{"ann"}}, {Name: "other", Kind: poenf.MeetingZone},
		},
	}
}

func authority(r poenf.Registry, now time.Time) *Authority {
	return &Authority{Registry: func() (poenf.Registry, error) { return r, nil }, Now: func() time.Time { return now }}
}

func token(t testing.TB, by, holder string, l Limits) string {
	t.Helper()
	if l.Until.IsZero() {
		l.Until = noon.Add(time.Hour)
	}
	out, err := Issue(key(by), holder, l)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// narrow attenuates a token.
func narrow(t testing.TB, token string, l Limits) string {
	t.Helper()
	out, err := Attenuate(token, l)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func list(names ...string) []string { return names }

// decided checks what an authority says, and that it repeats nothing of the token.
func decided(t *testing.T, a *Authority, token string, r Request, want error) {
	t.Helper()
	holder, err := a.Authorize(token, r)
	if !errors.Is(err, want) || (err == nil) != (want == nil) {
		t.Errorf("%s: %v, want %v", r, err, want)
	}
	if (err == nil) != (holder != "") {
		t.Errorf("%s: holder %q with %v", r, holder, err)
	}
	if err != nil && len(token) > 20 && strings.Contains(err.Error(), token[:20]) {
		t.Errorf("%s: the token is in %q", r, err)
	}
}

var read = Request{Operation: "rounds:read", Resource: "node", Zone: "acme"}

func withdrawn(t testing.TB, r poenf.Registry, text string, block int) poenf.Registry {
	t.Helper()
	parsed, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	r.Revoked = append(slices.Clone(r.Revoked), poenf.Revocation{Token: parsed.IDs()[block], Until: noon.Add(time.Hour).UnixMilli()})
	return r
}
