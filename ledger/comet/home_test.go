// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/ledger/ledgertest"
	"github.com/defakepro/defakepro/poenf"
)

var pubKey = regexp.MustCompile(`"pub_key": \{[^}]*\}`)

// badGenesis are the golden genesis with something amiss that CometBFT's reader panics over, or makes up.
func badGenesis() map[string][]byte {
	good := must(os.ReadFile("testdata/genesis.json"))
	all := func(now string) []byte { return pubKey.ReplaceAll(good, []byte(now)) }
	return map[string][]byte{
		"no key":      bytes.Replace(good, []byte(`"pub_key"`), []byte(`"pub_key_"`), 1),
		"null":        all(`"pub_key": null`),
		"no value":    all(`"pub_key": {"type": "tendermint/PubKeyEd25519", "value": null}`),
		"short":       all(`"pub_key": {"type": "tendermint/PubKeyEd25519", "value": "AAAA"}`),
		"other curve": all(`"pub_key": {"type": "tendermint/PubKeySecp256k1", "value": "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`),
		"no time":     bytes.Replace(good, []byte(`"genesis_time"`), []byte(`"genesis_time_"`), 1),
	}
}

// TestBadGenesis: a genesis without what everybody must agree on is refused, by who verifies with it and by a node.
func TestBadGenesis(t *testing.T) {
	t.Parallel()
	c := ledgertest.NewCommittee("genesis", 3, 10)
	for name, file := range badGenesis() {
		t.Run(name, func(t *testing.T) {
			want := "pub_key"
			if name == "no time" {
				want = "genesis_time"
			}
			if bytes.Equal(file, must(os.ReadFile("testdata/genesis.json"))) {
				t.Fatal("it is the good one")
			}
			if _, err := comet.TrustGenesis(file); !errors.Is(err, comet.ErrCertificate) || !strings.Contains(err.Error(), want) {
				t.Errorf("trusted: %v", err)
			}
			home := must(comet.WriteHomes(t.TempDir(), c.Committee, comet.Layout{Validators: 1}))[0].Dir
			path := filepath.Join(home, "config", "genesis.json")
			if err := os.WriteFile(path, file, 0o600); err != nil {
				t.Fatal(err)
			}
			if n, err := comet.Start(t.Context(), comet.Config{Home: home}); err == nil {
				stop(t, n)
				t.Error("a node starts with it")
			} else if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), want) {
				t.Error(err)
			}
		})
	}
}

// TestOtherGenesis: a home whose genesis was replaced is refused, and with its own again it is as it was.
func TestOtherGenesis(t *testing.T) {
	t.Parallel()
	c := ledgertest.NewCommittee("other", 3, 10)
	n := newNet(t, c, comet.Layout{Validators: 1}, 1, nil)
	r := n.round(t)
	stop(t, n.nodes[0])
	path := filepath.Join(n.homes[0].Dir, "config", "genesis.json")
	good := must(os.ReadFile(path))
	for _, change := range [][2]string{{`"power": "10"`, `"power": "11"`}, {`"m001"`, `"other"`}, {`_time": "2`, `_time": "1`}} {
		other := bytes.Replace(good, []byte(change[0]), []byte(change[1]), 1)
		if bytes.Equal(good, other) {
			t.Fatalf("there is no %s", change[0])
		}
		if err := os.WriteFile(path, other, 0o600); err != nil {
			t.Fatal(err)
		}
		if node, err := comet.Start(t.Context(), comet.Config{Home: n.homes[0].Dir}); err == nil {
			stop(t, node)
			t.Errorf("%s: it starts", change)
		} else if !strings.Contains(err.Error(), "is not the genesis that this home began with") {
			t.Error(err)
		}
	}
	// Its form is free.
	if err := os.WriteFile(path, bytes.ReplaceAll(good, []byte("\n"), []byte("\n\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	node := n.start(t, 0)
	if got, err := node.Round(t.Context(), r.Number); err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestKeysOfTheEngine: a node whose keys others can read does not start, and says so without them.
func TestKeysOfTheEngine(t *testing.T) {
	t.Parallel()
	c := ledgertest.NewCommittee("readable", 3, 10)
	home := must(comet.WriteHomes(t.TempDir(), c.Committee, comet.Layout{Validators: 1}))[0].Dir
	for _, name := range []string{"priv_validator_key.json", "node_key.json"} {
		path := filepath.Join(home, "config", name)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s is made with mode %04o", name, info.Mode().Perm())
		}
		if err := os.Chmod(path, 0o640); err != nil {
			t.Fatal(err)
		}
		if n, err := comet.Start(t.Context(), comet.Config{Home: home}); err == nil {
			stop(t, n)
			t.Errorf("%s may be read, and the node starts", name)
		} else if !strings.Contains(err.Error(), name+": others than its owner have access") {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// mask is a vault: it hides keys under a word, which it must see again.
type mask string

func (m mask) Seal(name string, key ed25519.PrivateKey) ([]byte, error) {
	return json.Marshal(map[string]any{"sealed": string(m) + "/" + name, "seed": key.Seed()})
}

func (m mask) Open(name string, file []byte) (ed25519.PrivateKey, error) {
	var f struct {
		Sealed string `json:"sealed"`
		Seed   []byte `json:"seed"`
	}
	if err := json.Unmarshal(file, &f); err != nil || f.Sealed != string(m)+"/"+name {
		return nil, fmt.Errorf("sealed as %s", f.Sealed)
	}
	return ed25519.NewKeyFromSeed(f.Seed), nil
}

// TestEngineKeysAreSealed: a home's keys are sealed when its node starts with a vault, stay the same keys, and are
// opened by that vault alone.
func TestEngineKeysAreSealed(t *testing.T) {
	t.Parallel()
	c := ledgertest.NewCommittee("sealed", 3, 10)
	old := must(comet.WriteHomes(t.TempDir(), c.Committee, comet.Layout{Validators: 1}))[0]
	made := must(comet.WriteHomes(t.TempDir(), c.Committee, comet.Layout{Validators: 1, Vault: mask("word")}))[0]
	files := func(h comet.Home) (validator, node []byte) {
		return must(os.ReadFile(filepath.Join(h.Dir, "config", "priv_validator_key.json"))), must(os.ReadFile(filepath.Join(h.Dir, "config", "node_key.json")))
	}
	if validator, node := files(made); bytes.Contains(validator, []byte("priv_key")) || bytes.Contains(node, []byte("priv_key")) {
		t.Errorf("%s, %s", validator, node)
	}
	for _, h := range []comet.Home{old, made, old} { // old again, sealed now
		node, err := comet.Start(t.Context(), comet.Config{Home: h.Dir, Vault: mask("word")})
		if err != nil {
			t.Fatal(err)
		}
		if id, _, _ := strings.Cut(h.P2P, "@"); node.ID() != id || !bytes.Equal(node.Validator(), h.Validator) {
			t.Errorf("the node is %s and votes with %x, and was %s with %x", node.ID(), node.Validator(), id, h.Validator)
		}
		stop(t, node)
		validator, peer := files(h)
		if bytes.Contains(validator, []byte("priv_key")) || bytes.Contains(peer, []byte("priv_key")) {
			t.Errorf("%s, %s", validator, peer)
		}
		for _, vault := range []comet.Vault{nil, mask("another")} {
			if n, err := comet.Start(t.Context(), comet.Config{Home: h.Dir, Vault: vault}); err == nil {
				stop(t, n)
				t.Errorf("it starts with %v", vault)
			} else if !strings.Contains(err.Error(), "priv_validator_key.json: ") {
				t.Error(err)
			}
		}
		if again, too := files(h); !bytes.Equal(again, validator) || !bytes.Equal(too, peer) {
			t.Error("what could not be opened was written")
		}
	}
}

// TestHalfMadeHome: a node whose first start was cut short starts, whatever database was being made.
func TestHalfMadeHome(t *testing.T) {
	t.Parallel()
	c := ledgertest.NewCommittee("half", 3, 10)
	n := newNet(t, c, comet.Layout{Validators: 1}, 0, nil)
	for _, db := range []string{"ledger", "state", "blockstore", "evidence"} {
		dir := filepath.Join(n.homes[0].Dir, "data", db+".db")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"LOCK", "LOG", "MANIFEST-000000", "CURRENT.0"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("MANIF"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	n.start(t, 0)
	n.round(t)
}

// TestHomeInUse: a second node in a home is told that there is one.
func TestHomeInUse(t *testing.T) {
	t.Parallel()
	n := newNet(t, ledgertest.NewCommittee("twice", 3, 10), comet.Layout{Validators: 1}, 1, nil)
	if second, err := comet.Start(t.Context(), comet.Config{Home: n.homes[0].Dir}); err == nil {
		stop(t, second)
		t.Error("it starts")
	} else if !strings.Contains(err.Error(), "another node runs in this home") {
		t.Error(err)
	}
	n.round(t)
}

// stateSync has a node that has no state begin with a snapshot of others.
func stateSync(t *testing.T, n *net, home string) {
	t.Helper()
	trust, err := n.nodes[0].Block(2)
	if err != nil {
		t.Fatal(err)
	}
	edit(t, home, "[statesync]", map[string]string{
		"enable": "true", "rpc_servers": fmt.Sprintf("%q", n.homes[0].RPC+","+n.homes[1].RPC),
		"trust_height": "2", "trust_hash": fmt.Sprintf("%q", trust.Header.Hash().String()),
		"discovery_time": `"5s"`,
	})
}

// TestStateSyncAgain: a node of which only the ledger is left, as when it is killed before the engine has noted that it is
// restored, syncs once more; one whose state sync fails says so and stops.
func TestStateSyncAgain(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("CometBFT looks for snapshots for five seconds at least, each time")
	}
	c := ledgertest.NewCommittee("again", 4, 10)
	n := newNet(t, c, comet.Layout{Validators: 2, Observers: 1, RPC: -1}, 2, func(cfg *comet.Config) { cfg.SnapshotEvery = 4 })
	n.ready(t, 2)
	var rounds []poenf.Round
	for range 6 {
		rounds = append(rounds, n.round(t))
	}
	home := n.homes[2].Dir
	stateSync(t, n, home)
	for i := range 2 {
		node := n.start(t, 2)
		if i > 0 && node.Height() == 0 {
			t.Error("the ledger has nothing to begin with")
		}
		eventually(t, func() bool { return node.Height() > 0 && !node.Syncing() }, "start %d: the node has a state", i)
		rounds = append(rounds, n.round(t))
		for _, want := range rounds {
			if got, err := node.Round(t.Context(), want.Number); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("start %d, round %d: %+v, %v", i, want.Number, got, err)
			}
		}
		stop(t, node)
		n.nodes[2] = nil
		for _, name := range []string{"state.db", "blockstore.db", "evidence.db", "cs.wal"} {
			if err := os.RemoveAll(filepath.Join(home, "data", name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	node, err := comet.Start(t.Context(), comet.Config{Home: home, Clock: n.clock.Now, Log: logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := node.CloseStore(); err != nil {
		t.Fatal(err)
	}
	if err := node.Wait(); err == nil || !strings.Contains(err.Error(), "State sync failed") {
		t.Errorf("a failed state sync: %v", err)
	}
}
