// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet_test

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/ledger/ledgertest"
	"github.com/defakepro/defakepro/poenf"
)

// TestRegistry: what administrators say of members is on every node, holds for proofs, and can be proved to outsiders.
func TestRegistry(t *testing.T) {
	t.Parallel()
	c := ledgertest.NewCommittee("registry", 6, 10)
	c.Faulty = 0
	n := newNet(t, c, comet.Layout{Validators: 4}, 4, nil)
	n.ready(t, 4)
	if _, err := n.nodes[0].RegistryCertificate(t.Context()); !errors.Is(err, comet.ErrCertificate) {
		t.Errorf("a certificate of no registry: %v", err)
	}
	guard := ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey)
	suspended := c.Members[5]
	change := poenf.Change{Sequence: 1, Operations: []poenf.Operation{
		{Op: poenf.Enrol, Member: poenf.Member{Name: "guard", Key: guard}, Roles: poenf.Guard},
		{Op: poenf.PutZone, Zone: "acme", Kind: poenf.OrganisationZone},
		{Op: poenf.Join, Zone: "acme", Member: poenf.Member{Name: "guard"}},
		{Op: poenf.Suspend, Member: poenf.Member{Name: suspended.Name}},
	}}
	if err := change.Sign(c.ID, c.Admin); err != nil {
		t.Fatal(err)
	}
	if err := n.nodes[2].Change(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	for i, node := range n.nodes {
		eventually(t, func() bool { _, sequence, _ := node.Registry(); return sequence == 1 }, "node %d has the change", i)
		registry, _, err := node.Registry()
		if err != nil {
			t.Fatal(err)
		}
		if a, _ := registry.Account(suspended.Name); a.Status != poenf.Suspended {
			t.Errorf("node %d: %s is %s", i, a.Name, a.Status)
		}
		if z, _ := registry.Zone("acme"); !z.Has("guard") {
			t.Errorf("node %d: the guard is not in its zone", i)
		}
		var made []comet.Made
		for m, err := range node.Changes(t.Context(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			made = append(made, m)
		}
		if len(made) != 1 || made[0].Time.IsZero() {
			t.Fatalf("node %d: %d changes", i, len(made))
		}
		if diff := cmp.Diff(change, made[0].Change); diff != "" {
			t.Error(diff)
		}
	}
	// The suspended member proves nothing from here on; the others go on, beside a registry that does not change.
	r := n.round(t, c.Members[:5]...)
	if len(r.Entries) != 5 {
		t.Errorf("%d entries", len(r.Entries))
	}
	if _, err := n.nodes[1].Certificate(t.Context(), r.Number); err != nil {
		t.Errorf("certificate of a round beside a registry: %v", err)
	}
	root := genesisOf(t, n.homes[0].Dir)
	certificate, err := n.nodes[3].RegistryCertificate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tamperRegistry(t, must(certificate.MarshalJSON()), root)
}

// tamperRegistry checks a certificate of a registry in which somebody is suspended, and that nothing in it can be changed.
func tamperRegistry(t *testing.T, file []byte, root comet.Root) {
	t.Helper()
	read := func() (c comet.RegistryCertificate) {
		if err := json.Unmarshal(file, &c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	good := read()
	if err := good.Verify(root); err != nil || good.Height() < 1 {
		t.Fatalf("height %d: %v", good.Height(), err)
	}
	for what, spoil := range map[string]func(c *comet.RegistryCertificate){
		"nobody is suspended": func(c *comet.RegistryCertificate) {
			for i := range c.Registry.Accounts {
				c.Registry.Accounts[i].Status = poenf.Active
			}
		},
		"another administrator": func(c *comet.RegistryCertificate) { c.Registry.Administrators[0] = make([]byte, 32) },
		"no zone":               func(c *comet.RegistryCertificate) { c.Registry.Zones = nil },
		"another leaf":          func(c *comet.RegistryCertificate) { c.Path.Index = 2 },
		"no path":               func(c *comet.RegistryCertificate) { c.Path.Aunts = nil },
		"another block":         func(c *comet.RegistryCertificate) { c.Blocks[0].Header.AppHash[0] ^= 1 },
		"no vote":               func(c *comet.RegistryCertificate) { clear(c.Blocks[len(c.Blocks)-1].Votes) },
		"no block":              func(c *comet.RegistryCertificate) { c.Blocks = nil },
	} {
		c := read()
		spoil(&c)
		if err := c.Verify(root); !errors.Is(err, comet.ErrCertificate) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, wrong := range []string{`{}`, `null`, `{"format":"defakepro/certificate/v1"}`, string(file[:len(file)-2]) + `,"more":1}`} {
		if err := json.Unmarshal([]byte(wrong), new(comet.RegistryCertificate)); err == nil {
			t.Errorf("%.40s is taken", wrong)
		}
	}
}

// FuzzRegistryCertificate: no bytes make what reads one panic, and what is accepted is in its one form.
func FuzzRegistryCertificate(f *testing.F) {
	root := must(comet.TrustGenesis(must(os.ReadFile("testdata/genesis.json"))))
	f.Add([]byte(`{"format":"defakepro/registry/v1","registry":"EwEBAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==","path":{"index":1,"total":2,"aunts":[]},"blocks":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c comet.RegistryCertificate
		if json.Unmarshal(data, &c) != nil {
			return
		}
		if _, err := json.Marshal(c); err != nil {
			t.Fatal(err)
		}
		_ = c.Verify(root)
	})
}
