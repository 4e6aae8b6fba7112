// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/defakepro/defakepro/poenf"
)

func keyOf(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func registry() poenf.Registry {
	public := func(name string) ed25519.PublicKey { return keyOf(name).Public().(ed25519.PublicKey) }
	return poenf.Registry{
		Accounts: []poenf.Account{
			{Name: "ann", Key: public("ann"), Roles: poenf.Participant}, {Name: "bob", Key: public("bob"), Roles: poenf.Guard},
			{Name: "sam", Key: public("sam"), Roles: poenf.Guard, Status: poenf.Suspended},
		},
		Zones: []poenf.Zone{{Name: "acme", Kind: poenf.OrganisationZone, Members: []string{"ann", "sam"}}},
	}
}

func verifier(t testing.TB, endpoint string) *Verifier {
	t.Helper()
	return verifierAt(t, endpoint, func() time.Time { return time.UnixMilli(1e12) })
}

func verifierAt(t testing.TB, endpoint string, now func() time.Time) *Verifier {
	t.Helper()
	v, err := NewVerifier(VerifierOptions{
		Committee: "test", Endpoint: endpoint, Now: now, Registry: func() (poenf.Registry, error) { return registry(), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func challengeOf(t testing.TB, v *Verifier, zone string) []byte {
	t.Helper()
	sent, err := v.Challenge(zone)
	if err != nil {
		t.Fatal(err)
	}
	return sent
}

func answer(t testing.TB, sent []byte, endpoint, zone, member, key string) []byte {
	t.Helper()
	out, err := Answer(sent, "test", endpoint, zone, member, keyOf(key))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestMemberProvesWhoItIs(t *testing.T) {
	v := verifier(t, "a:1")
	for _, zone := range []string{"", "acme"} {
		sent := challengeOf(t, v, zone)
		p, err := v.Verify(sent, "ann", answer(t, sent, "a:1", zone, "ann", "ann"))
		if err != nil || p.Account.Name != "ann" || p.Zone != zone {
			t.Errorf("%+v, %v", p, err)
		}
	}
}

// Of many who send one answer at once, one is heard.
func TestAnswerIsGoodOnce(t *testing.T) {
	v := verifier(t, "a:1")
	sent := challengeOf(t, v, "")
	signature := answer(t, sent, "a:1", "", "ann", "ann")
	var good atomic.Int32
	var group sync.WaitGroup
	for range 32 {
		group.Go(func() {
			if _, err := v.Verify(sent, "ann", signature); err == nil {
				good.Add(1)
			} else if !errors.Is(err, ErrReplay) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if good.Load() != 1 {
		t.Errorf("heard %d times", good.Load())
	}
}

func TestChallengesAnsweredAreForgotten(t *testing.T) {
	now := time.UnixMilli(1e12)
	v := verifierAt(t, "a:1", func() time.Time { return now })
	for i := range 100 {
		sent := challengeOf(t, v, "")
		if _, err := v.Verify(sent, "ann", answer(t, sent, "a:1", "", "ann", "ann")); err != nil {
			t.Fatal(i, err)
		}
		now = now.Add(time.Second)
	}
	if len(v.seen) > 31 {
		t.Errorf("%d are remembered", len(v.seen))
	}
}

func Example() {
	v, err := NewVerifier(VerifierOptions{
		Committee: "europe", Endpoint: "node0.example:8650", Registry: func() (poenf.Registry, error) { return registry(), nil },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	sent, err := v.Challenge("acme")
	if err != nil {
		fmt.Println(err)
		return
	}
	signature, err := Answer(sent, "europe", "node0.example:8650", "acme", "ann", keyOf("ann"))
	if err != nil {
		fmt.Println(err)
		return
	}
	proven, err := v.Verify(sent, "ann", signature)
	fmt.Println(proven.Account.Name, proven.Account.Roles, err)
	_, err = v.Verify(sent, "ann", signature)
	fmt.Println(err)
	// Output:
	// ann participant <nil>
	// challenge answered before
}

func BenchmarkVerify(b *testing.B) {
	v := verifierAt(b, "a:1", time.Now)
	for b.Loop() {
		sent := challengeOf(b, v, "acme")
		if _, err := v.Verify(sent, "ann", answer(b, sent, "a:1", "acme", "ann", "ann")); err != nil && !errors.Is(err, ErrBusy) {
			b.Fatal(err)
		}
	}
}
