// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/cometbft/cometbft/config"
	"github.com/go-viper/mapstructure/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/defakepro/defakepro/poenf"
)

// Config says what a [Node] needs beyond what is in its home. The zero value of each field but Home is useful.
type Config struct {
	// Home is the node's directory, laid out as CometBFT's: config/config.toml, config/genesis.json,
	// config/node_key.json, config/priv_validator_key.json and data/. What is missing is made: the directory and the keys
	// are, the configuration is the default, and the genesis is made of Committee.
	Home string
	// Committee is the one that a home without genesis.json begins, this node being its only validator. Members' validator
	// keys and powers are set through [Config.Member] and changes, and must be zero here. It is ignored where there is a
	// genesis.
	Committee poenf.Committee
	// Member names the member whose validator this node is, in a committee that it begins. Empty: the validator is nobody's,
	// and stays one forever.
	Member string
	// Vault keeps the node's keys sealed; those that are in plaintext it seals when the node starts. nil takes and makes them in plaintext,
	// readable by their owner alone.
	Vault Vault
	// Clock gives the wall clock's time; nil is [time.Now]. It decides which proofs are early, and when this node proposes.
	Clock func() time.Time
	// Tolerance is how far ahead of the node's own clock the time of a proposed block may be; 0 is 3 s. It bounds how
	// early a dishonest proposer can close a round.
	Tolerance time.Duration
	// Gather is how long this node, when it proposes a block, waits for members whose proofs are still missing; 0 is 60 ms,
	// negative is not at all. While proofs keep coming it waits on, and never more than 200 ms, far below CometBFT's
	// timeout_propose.
	Gather time.Duration
	// SnapshotEvery is the number of blocks from one state kept for new nodes to the next; 0 is 720 (half an hour of
	// rounds every 5 s), negative is never. The last three are kept. Such a state is sent in one message, with some 40
	// bytes for each MB that the ledger has recorded; where that takes 16 MB, none is offered, and new nodes replay blocks.
	SnapshotEvery int64
	// Log takes the node's records, and CometBFT's. It never sees keys or the values of proofs. nil discards.
	Log *slog.Logger
	// Metrics registers this node's metrics and CometBFT's. A registry takes one node: for more of them, give each its own,
	// or wrap it with a label. nil keeps none.
	Metrics prometheus.Registerer
}

const (
	defaultTolerance = 3 * time.Second
	defaultGather    = 60 * time.Millisecond
	maxGather        = 200 * time.Millisecond
	gatherPause      = 15 * time.Millisecond // without a proof: nothing more is on its way
	defaultSnapshot  = 720
	keptSnapshots    = 3
)

// withDefaults returns c with its zero values replaced.
func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Tolerance == 0 {
		c.Tolerance = defaultTolerance
	}
	if c.Gather == 0 {
		c.Gather = defaultGather
	}
	c.Gather = min(c.Gather, maxGather)
	if c.SnapshotEvery == 0 {
		c.SnapshotEvery = defaultSnapshot
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// engineDefaults is the configuration of CometBFT that suits a committee: quiet between rounds, quick within one. Nobody
// can reach it: peers connect to a loopback port, and there is no RPC.
func engineDefaults() *config.Config {
	c := config.DefaultConfig()
	c.DBBackend = "goleveldb"
	c.P2P.ListenAddress = "tcp://127.0.0.1:0"
	c.RPC.ListenAddress = ""

	// A block is made when there is something to put in it, or when a round's deadline has passed (see wake.go). The clock
	// of a block is its proposer's, so there is nothing to gain from waiting after a commit.
	c.Consensus.CreateEmptyBlocks = false
	c.Consensus.CreateEmptyBlocksInterval = 0
	c.Consensus.TimeoutPropose = 500 * time.Millisecond
	c.Consensus.TimeoutProposeDelta = 250 * time.Millisecond
	c.Consensus.TimeoutPrevote = time.Second
	c.Consensus.TimeoutPrecommit = time.Second
	c.Consensus.TimeoutCommit = 0
	c.Consensus.SkipTimeoutCommit = true
	// Votes and proposals are pushed (see push.go); this is for what gets lost, and for nodes that are not neighbours.
	c.Consensus.PeerGossipSleepDuration = 10 * time.Millisecond

	c.Mempool.Type = config.MempoolTypeFlood
	c.Mempool.Recheck = true
	c.Mempool.Broadcast = true
	c.Mempool.MaxTxBytes = poenf.MaxTx
	c.Mempool.Size = 4 * poenf.MaxMembers
	c.Mempool.MaxTxsBytes = 16 << 20
	c.Mempool.CacheSize = 16 * poenf.MaxMembers

	// The members of a committee know each other: there is nobody to discover, and addresses need not be routable.
	c.P2P.PexReactor = false
	c.P2P.AddrBookStrict = false
	c.P2P.AllowDuplicateIP = true
	c.P2P.MaxNumInboundPeers = poenf.MaxMembers
	c.P2P.FlushThrottleTimeout = time.Millisecond
	c.P2P.SendRate = 20 << 20
	c.P2P.RecvRate = 20 << 20

	// Proofs are found through their rounds, so transactions need no index, and results of blocks need not be kept.
	c.TxIndex.Indexer = "null"
	c.Storage.DiscardABCIResponses = true
	c.Instrumentation.Prometheus = false // Config.Metrics instead
	return c
}

// readEngine returns the configuration in home: the defaults, and over them what config.toml says, where there is one.
// A key that CometBFT does not know is refused.
func readEngine(home string) (*config.Config, error) {
	c := engineDefaults()
	c.SetRoot(home)
	path := filepath.Join(home, "config", "config.toml")
	var given map[string]any
	switch _, err := toml.DecodeFile(path, &given); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result:           c,
		ErrorUnused:      true,
		WeaklyTypedInput: true, // CometBFT writes some numbers as strings
		DecodeHook:       mapstructure.ComposeDecodeHookFunc(mapstructure.StringToTimeDurationHookFunc(), emptyList),
	})
	if err != nil {
		return nil, err
	}
	if err := decoder.Decode(given); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c.SetRoot(home)
	if c.Mempool.Type != config.MempoolTypeFlood || !c.Mempool.Recheck {
		return nil, fmt.Errorf("%s: mempool.type must be flood and mempool.recheck true: what wakes the engine waits there", path)
	}
	if err := c.ValidateBasic(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// emptyList reads "" as a list of nothing: CometBFT writes lists of servers so.
func emptyList(from, to reflect.Type, value any) (any, error) {
	if from.Kind() == reflect.String && to.Kind() == reflect.Slice {
		return splitList(value.(string)), nil
	}
	return value, nil
}

// makeDirs makes the directories of a home. Keys are in them, so they are their owner's alone.
func makeDirs(home string) error {
	for _, dir := range []string{"config", "data"} {
		if err := os.MkdirAll(filepath.Join(home, dir), 0o700); err != nil {
			return err
		}
	}
	return nil
}
