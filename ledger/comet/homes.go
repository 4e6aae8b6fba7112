// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/crypto/ed25519"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/types"

	"github.com/defakepro/defakepro/poenf"
)

// validatorPower is the voting power of the validators that this package makes: all alike.
const validatorPower = 10

// Layout says what homes [WriteHomes] writes.
type Layout struct {
	// Validators is how many of the committee's members, the first ones, run a validator: at least 1.
	Validators int
	// Observers is how many further nodes follow without a vote. A change can make validators of them.
	Observers int
	// P2P and RPC are the first node's ports on 127.0.0.1; the nodes that follow have the ports that follow. P2P 0 picks free
	// ports. RPC 0 leaves RPC off, -1 picks free ports; a node that is to catch up by state sync needs two with RPC.
	P2P, RPC int
	// Address is where the first node listens for peers instead, host:port; empty is on 127.0.0.1.
	Address string
	// Degree is how many nodes on either side each has as neighbours, on a ring: 0 is all of them.
	Degree int
	// Vault seals the nodes' keys; nil leaves them in plaintext.
	Vault Vault
}

// Home is one that [WriteHomes] wrote.
type Home struct {
	// Dir is the directory.
	Dir string
	// Member names the member whose validator the node is; empty for an observer.
	Member string
	// Validator is the public key, of 32 bytes, with which the node votes or could vote.
	Validator []byte
	// P2P is the address of the node for its peers, id@host:port, and RPC its host:port, where it has one.
	P2P, RPC string
}

// WriteHomes writes homes for a committee's nodes under dir, as node0, node1 and so on: keys, one genesis, ports on
// loopback, and each other as persistent peers. Members' validator keys and powers are filled in; they must be zero. It
// returns what it wrote, in that order. Homes that exist are not overwritten: that is an error wrapping [fs.ErrExist].
func WriteHomes(dir string, c poenf.Committee, l Layout) ([]Home, error) {
	if l.Validators < 1 || l.Validators > len(c.Members) || l.Observers < 0 {
		return nil, fmt.Errorf("%d validators and %d observers of a committee of %d", l.Validators, l.Observers, len(c.Members))
	}
	n := l.Validators + l.Observers
	p2pPorts, err := ports(l.P2P, n)
	if err != nil {
		return nil, err
	}
	rpcPorts, err := ports(l.RPC, n)
	if err != nil {
		return nil, err
	}
	homes := make([]Home, n)
	c.Members = slices.Clone(c.Members)
	for i := range homes {
		h, err := writeKeys(filepath.Join(dir, "node"+strconv.Itoa(i)), l.Vault)
		if err != nil {
			return nil, err
		}
		if i == 0 && l.Address != "" {
			h.P2P += "@" + l.Address
		} else {
			h.P2P = fmt.Sprintf("%s@127.0.0.1:%d", h.P2P, p2pPorts[i])
		}
		if l.RPC != 0 {
			h.RPC = fmt.Sprintf("127.0.0.1:%d", rpcPorts[i])
		}
		if i < l.Validators {
			m := &c.Members[i]
			if m.Power != 0 {
				return nil, fmt.Errorf("member %s has a validator already", m.Name)
			}
			m.Power, m.Validator = validatorPower, h.Validator
			h.Member = m.Name
		}
		homes[i] = h
	}
	genesis, err := newGenesis(c, nil, time.Now())
	if err != nil {
		return nil, err
	}
	for i, h := range homes {
		if err := saveGenesis(genesis, filepath.Join(h.Dir, "config", "genesis.json")); err != nil {
			return nil, err
		}
		if err := writeEngine(h, neighbours(homes, i, l.Degree)); err != nil {
			return nil, err
		}
	}
	return homes, nil
}

// writeKeys makes the directory and the keys of a node; the home's P2P is its id alone.
func writeKeys(dir string, v Vault) (Home, error) {
	if _, err := os.Stat(filepath.Join(dir, "config")); err == nil {
		return Home{}, fmt.Errorf("%s: %w", dir, fs.ErrExist)
	}
	if err := makeDirs(dir); err != nil {
		return Home{}, err
	}
	keys, err := openKeys(config.DefaultConfig().SetRoot(dir), v)
	if err != nil {
		return Home{}, err
	}
	return Home{Dir: dir, Validator: keys.validator.PubKey().Bytes(), P2P: string(keys.node.ID())}, nil
}

// writeWhole writes a file of which a machine that stops leaves all or nothing: a key or a genesis cut short would never
// be read again.
func writeWhole(path string, data []byte, mode fs.FileMode) error {
	part := path + ".part"
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return keepWhole(part, path)
}

// keepWhole gives a file that is complete its name.
func keepWhole(part, path string) error {
	if err := os.Rename(part, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in a directory durable, where the system can.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func writeEngine(h Home, peers []string) error {
	c := engineDefaults().SetRoot(h.Dir)
	c.Moniker = filepath.Base(h.Dir)
	_, address, _ := strings.Cut(h.P2P, "@")
	c.P2P.ListenAddress = "tcp://" + address
	if h.RPC != "" {
		c.RPC.ListenAddress = "tcp://" + h.RPC
	}
	c.P2P.PersistentPeers = strings.Join(peers, ",")
	path := filepath.Join(h.Dir, "config", "config.toml")
	config.WriteConfigFile(path+".part", c)
	return keepWhole(path+".part", path)
}

// neighbours returns the addresses that node i dials. Of two neighbours the later one dials: when both do, each refuses
// the other's connection for its own, and CometBFT tries again at once, for as long as it takes.
func neighbours(homes []Home, i, degree int) []string {
	n := len(homes)
	if degree <= 0 || degree >= n {
		degree = n - 1
	}
	var peers []string
	for j := range i {
		if d := i - j; d <= degree || n-d <= degree {
			peers = append(peers, homes[j].P2P)
		}
	}
	return peers
}

// ports returns n ports from first on, or free ones of loopback where first is 0 or less.
func ports(first, n int) ([]int, error) {
	out := make([]int, n)
	for i := range out {
		if first > 0 {
			out[i] = first + i
			continue
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() // all at the end, so that none is given twice
		out[i] = l.Addr().(*net.TCPAddr).Port
	}
	return out, nil
}

// newGenesis returns the genesis of a committee. Its validators are those of its members and, where lone is not nil, that one.
func newGenesis(c poenf.Committee, lone ed25519.PubKey, at time.Time) (*types.GenesisDoc, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	app, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	params := types.DefaultConsensusParams()
	params.Block.MaxBytes = maxBlock
	g := &types.GenesisDoc{GenesisTime: at.UTC(), ChainID: c.ID, InitialHeight: 1, ConsensusParams: params, AppState: app}
	for _, m := range c.Members {
		if m.Power > 0 {
			g.Validators = append(g.Validators, genesisValidator(ed25519.PubKey(m.Validator), m.Power, m.Name))
		}
	}
	if lone != nil {
		g.Validators = append(g.Validators, genesisValidator(lone, validatorPower, ""))
	}
	return g, g.ValidateAndComplete()
}

// earlier returns the first of two instants: CometBFT waits for a genesis that is yet to come.
func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func genesisValidator(key ed25519.PubKey, power int64, name string) types.GenesisValidator {
	return types.GenesisValidator{Address: key.Address(), PubKey: key, Power: power, Name: name}
}

// prepareGenesis makes the genesis of a home that has none: that of the committee which the validator begins.
func prepareGenesis(c Config, engine *config.Config, validator ed25519.PubKey) error {
	switch _, err := os.Stat(engine.GenesisFile()); {
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	case c.Committee.ID == "":
		return fmt.Errorf("%s: %w, and no committee to begin", engine.GenesisFile(), fs.ErrNotExist)
	}
	committee, lone := c.Committee, validator
	if c.Member != "" {
		committee.Members = slices.Clone(committee.Members)
		i := slices.IndexFunc(committee.Members, func(m poenf.Member) bool { return m.Name == c.Member })
		if i < 0 {
			return fmt.Errorf("%w: %q, whose validator the node is to be", poenf.ErrNotMember, c.Member)
		}
		committee.Members[i].Power, committee.Members[i].Validator = validatorPower, validator
		lone = nil
	}
	genesis, err := newGenesis(committee, lone, earlier(c.Clock(), time.Now()))
	if err != nil {
		return err
	}
	return saveGenesis(genesis, engine.GenesisFile())
}

func saveGenesis(g *types.GenesisDoc, path string) error {
	data, err := cmtjson.MarshalIndent(g, "", "  ")
	if err != nil {
		return err
	}
	return writeWhole(path, data, 0o644)
}

// loadGenesis reads the genesis of a home, and refuses one that no chain can begin with.
func loadGenesis(path string) (*types.GenesisDoc, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	doc, err := readGenesis(data)
	if err == nil {
		_, err = trustGenesis(doc)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return doc, nil
}

// sameGenesis refuses the genesis in a home's file when it is not the one that the home began with. The engine goes by its
// own copy of that: whoever put another in its place would not be told.
func sameGenesis(file, began *types.GenesisDoc) error {
	given, err := cmtjson.Marshal(file)
	if err != nil {
		return err
	}
	want, err := cmtjson.Marshal(began)
	if err != nil {
		return err
	}
	if !bytes.Equal(given, want) {
		return fmt.Errorf("config/genesis.json, of %q at %s, is not the genesis that this home began with, of %q at %s: "+
			"put that back, or begin in a new home", file.ChainID, file.GenesisTime, began.ChainID, began.GenesisTime)
	}
	return nil
}

func splitList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}
