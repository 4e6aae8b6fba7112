// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/mempool"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/proxy"
	"github.com/cometbft/cometbft/rpc/core"
	"github.com/cometbft/cometbft/types"

	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/poenf"
)

// Node is a running node of a committee's ledger. It is safe for concurrent use.
type Node struct {
	app        *app
	engine     *node.Node
	env        *core.Environment
	pool       mempool.Mempool
	genesis    *types.GenesisDoc
	dbs        *databases
	syncFailed chan error // why state sync has failed

	cancel context.CancelFunc
	tasks  sync.WaitGroup
	stop   sync.Once
	done   chan struct{}
	err    error
}

var _ ledger.Ledger = (*Node)(nil)

// Start starts the node of cfg.Home and returns once it takes part. It stops when ctx ends, or with [Node.Stop]. A home that
// another process uses is refused.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	cfg = cfg.withDefaults()
	engine, err := readEngine(cfg.Home)
	if err != nil {
		return nil, err
	}
	if cfg.Home == "" {
		return nil, errors.New("a node needs a home directory")
	}
	if err := makeDirs(cfg.Home); err != nil {
		return nil, err
	}
	keys, err := openKeys(engine, cfg.Vault)
	if err != nil {
		return nil, err
	}
	if err := prepareGenesis(cfg, engine, ed25519.PubKey(keys.validator.PubKey().Bytes())); err != nil {
		return nil, err
	}
	genesis, err := loadGenesis(engine.GenesisFile())
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(cfg.Metrics, cfg.Clock)
	if err != nil {
		return nil, err
	}
	s, err := openStore(engine.DBDir())
	if err != nil {
		return nil, err
	}
	n := &Node{genesis: genesis, dbs: new(databases), syncFailed: make(chan error, 1), done: make(chan struct{})}
	if n.app, err = newApp(cfg, s, m); err == nil {
		err = n.start(ctx, cfg, engine, keys)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start node in %s: %w", cfg.Home, err), s.close(), n.dbs.close())
	}
	return n, nil
}

// start makes CometBFT's node and sets it going.
func (n *Node) start(ctx context.Context, cfg Config, engine *config.Config, keys engineKeys) (err error) {
	defer func() {
		// CometBFT panics over a home that contradicts itself, and over metrics that are registered already.
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	key, err := keys.signer(engine)
	if err != nil {
		return err
	}
	// The engine asks for the genesis only where it has none yet, and completes it in place.
	genesis := *n.genesis
	n.engine, err = node.NewNodeWithContext(ctx, engine, key, keys.node, proxy.NewConnSyncLocalClientCreator(n.app),
		func() (*types.GenesisDoc, error) { return &genesis, nil },
		n.dbs.open, engineMetrics(cfg.Metrics), syncWatch{engineLog{cfg.Log}, n.syncFailed}, newGossip(n.app))
	if err != nil {
		return err
	}
	if err := sameGenesis(n.genesis, n.engine.GenesisDoc()); err != nil {
		return err
	}
	if n.env, err = n.engine.ConfigureRPC(); err != nil {
		return err
	}
	n.pool = n.engine.Mempool()
	push, err := newPusher(n.engine, n.env)
	if err != nil {
		return err
	}
	if err := n.engine.Start(); err != nil {
		return err
	}
	ctx, n.cancel = context.WithCancel(ctx)
	n.tasks.Go(func() { push.run(ctx) })
	n.tasks.Go(func() { n.wake(ctx) })
	n.tasks.Go(func() { redial(ctx, n.engine.Switch(), splitList(engine.P2P.PersistentPeers)) })
	failed := make(chan struct{})
	go func() {
		push.state.Wait() // it ends over what it cannot go on from, such as a full disk, and leaves the rest running
		close(failed)
	}()
	go n.end(ctx, failed)
	return nil
}

// end waits for what stops the node, and stops it.
func (n *Node) end(ctx context.Context, failed <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-failed:
		n.err = errors.New("consensus has failed: the log says why")
	case n.err = <-n.syncFailed:
	case <-n.engine.Quit():
		n.err = errors.New("the engine has stopped by itself")
	}
	n.cancel()
	if err := n.engine.Stop(); err != nil && n.err == nil {
		n.err = err
	}
	n.engine.Wait()
	n.tasks.Wait()
	// What of the engine still runs must not get the ledger ahead of the engine's own databases, which take nothing once
	// they are closed: of the two only the engine can catch up with the other.
	n.err = errors.Join(n.err, n.app.store.close(), n.dbs.close())
	close(n.done)
}

// syncWatch is a log in which the engine says that state sync has failed. It says it nowhere else, and then waits forever,
// where a node that is started anew would try again.
type syncWatch struct {
	log.Logger
	failed chan<- error
}

// Error looks for what the engine's startStateSync says before it gives up.
func (w syncWatch) Error(msg string, kv ...any) {
	w.Logger.Error(msg, kv...)
	switch msg {
	case "State sync failed", "Failed to bootstrap node with new state", "Failed to store last seen commit",
		"Failed to switch to block sync":
		err := fmt.Errorf("the engine: %s", msg)
		if i := slices.Index(kv, any("err")); i >= 0 && i+1 < len(kv) {
			err = fmt.Errorf("%w: %v", err, kv[i+1])
		}
		select {
		case w.failed <- err:
		default: // it is known
		}
	}
}

func (w syncWatch) With(kv ...any) log.Logger { return syncWatch{w.Logger.With(kv...), w.failed} }

// Stop stops the node. Use [Node.Wait] to know when it has.
func (n *Node) Stop() { n.stop.Do(n.cancel) }

// Wait returns once the node has stopped and its home is free, with the error that stopped it, if any. Some goroutines
// of CometBFT end a little later.
func (n *Node) Wait() error {
	<-n.done
	return n.err
}

// ID returns the node's name for its peers, 40 hexadecimal digits.
func (n *Node) ID() string { return string(n.engine.NodeInfo().ID()) }

// Validator returns the public key, of 32 bytes, with which this node votes, or would if a change gave it power.
func (n *Node) Validator() []byte { return n.env.PubKey.Bytes() }

// Peers returns the number of nodes that this one is connected to.
func (n *Node) Peers() int { return n.engine.Switch().Peers().Size() }

// Height returns the height of the newest block whose outcome readers see; 0 before the first.
func (n *Node) Height() int64 {
	if s := n.app.committed.Load(); s != nil {
		return s.height
	}
	return 0
}

// Syncing reports whether the node is still catching up with its peers.
func (n *Node) Syncing() bool { return n.env.ConsensusReactor.WaitSync() }

// Committee returns the registered committee after the newest block. An error says that the node has no state yet.
func (n *Node) Committee() (poenf.Committee, error) {
	if s := n.app.committed.Load(); s != nil {
		return s.machine.Registered(), nil
	}
	return poenf.Committee{}, errSyncing
}

// Election returns the epoch that tickets are taken for now and the seed that they are made over; false where nobody is elected, or the
// node has no state yet.
func (n *Node) Election() (epoch uint64, seed [32]byte, ok bool) {
	s := n.app.committed.Load()
	if s == nil {
		return 0, seed, false
	}
	return s.machine.Election(n.app.cfg.Clock().UnixMilli())
}

// String describes the node for logs.
func (n *Node) String() string {
	return fmt.Sprintf("node %s at height %d with %d peers, syncing: %t", n.ID(), n.Height(), n.Peers(), n.Syncing())
}
