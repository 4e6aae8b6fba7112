// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
	"github.com/defakepro/defakepro/httpapi"
	"github.com/defakepro/defakepro/identity"
	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/poenf"
	"github.com/defakepro/defakepro/prover"
)

// The committees of the drill are quick, so that much happens in little time. The expiry and the length keep their
// proportion to the period.
const (
	period = 1                      // second
	length = 12                     // values in a proof
	expiry = 12 * time.Second       // a partition of a few seconds costs no round, one of a quarter of a minute does
	grace  = 500 * time.Millisecond // for members whose processor is busy
)

// committee is one whose nodes run in processes of their own.
type committee struct {
	poenf.Committee
	Options
	fabric fabric
	nodes  []*node
	keys   []identity.Key // of the members; the first are those of the nodes
	sees   []enf.Series   // what each member sees of the grid, over and over
	files  []string       // the same
	liars  int            // of the members, the last ones, whose keys are the byzantine's
	dir    string
	// fragile may end by itself.
	fragile *node

	tasks  sync.WaitGroup // the drill's own provers
	cancel context.CancelFunc
	*observations
}

// newCommittee makes the homes of a committee whose last liars members are the drill's to misuse. Nothing runs yet.
//
// A committee bears f liars with 3f+3 members, where the engine bears f nodes with 3f+1: what members there are more than
// nodes prove from the drill's own process, through the nodes' HTTP interface.
func newCommittee(o Options, dir string, liars int) (_ *committee, err error) {
	f, _, err := newFabric(o.Nodes, o.Seed, o.Loopback)
	if err != nil {
		return nil, err
	}
	c := &committee{Options: o, fabric: f, dir: dir, liars: liars, observations: newObservations(o.Nodes)}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	members := max(o.Nodes, 3*o.faulty()+3)
	grid := enftest.NewGrid(o.Seed, enftest.GridOptions{Nominal: enf.Grid50, Duration: 10 * time.Minute}).Series()
	var list []poenf.Member
	for i := range members {
		name := fmt.Sprintf("m%d", i)
		seed := sha256.Sum256(fmt.Appendf(nil, "drill/%d/%s", o.Seed, name))
		c.keys = append(c.keys, identity.Key{Name: name, Private: ed25519.NewKeyFromSeed(seed[:])})
		list = append(list, poenf.Member{Name: name, Key: c.keys[i].Public()})
		c.sees = append(c.sees, seen(grid, o.Seed, i))
		c.files = append(c.files, filepath.Join(dir, name+".csv"))
		if err := writeSeries(c.files[i], c.sees[i]); err != nil {
			return nil, err
		}
	}
	c.Committee = poenf.NewCommittee("drill", int(enf.Grid50), list...)
	c.Faulty, c.Length, c.Period = o.faulty(), length, period
	c.Grace, c.Expiry = grace.Milliseconds(), expiry.Milliseconds()
	return c, c.makeHomes()
}

// seen returns the grid as a member sees it: with noise and the offset of its sampling clock, in whole µHz.
func seen(grid enf.Series, seed uint64, member int) enf.Series {
	rng := rand.New(rand.NewPCG(seed, uint64(member)+1))
	offset := 1e-3 * rng.NormFloat64()
	s := enf.Series{Step: time.Second, Hz: make([]float64, grid.Len())}
	for i, hz := range grid.Hz {
		s.Hz[i] = math.Round(1e6*(hz+offset+0.5e-3*rng.NormFloat64())) / 1e6
	}
	return s
}

func writeSeries(path string, s enf.Series) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(enf.WriteCSV(f, s), f.Close())
}

// value returns what a member sees in a Unix second, in µHz from nominal.
func (c *committee) value(member int, second int64) int32 {
	hz := c.sees[member].Hz
	return int32(math.Round(1e6 * (hz[second%int64(len(hz))] - float64(c.Nominal))))
}

// values are those that a member sees in a round.
func (c *committee) values(member int, round uint64) []int32 {
	out := make([]int32, c.Length)
	for i := range out {
		out[i] = c.value(member, c.End(round)/1000-int64(c.Length)+int64(i))
	}
	return out
}

func (c *committee) makeHomes() error {
	homes, err := comet.WriteHomes(c.dir, c.Committee, comet.Layout{Validators: c.Nodes})
	if err != nil {
		return err
	}
	for i, h := range homes {
		if err := identity.WriteKey(filepath.Join(h.Dir, "config", "member_key.json"), c.keys[i]); err != nil {
			return err
		}
		if err := c.address(homes, i); err != nil {
			return err
		}
		n := &node{index: i, home: h}
		if i < len(c.keys)-c.liars {
			n.input = "csv:" + c.files[i]
		}
		_, n.listen = c.fabric.listen(i)
		if n.door, err = c.fabric.door(i, n.listen); err != nil {
			return err
		}
		if n.client, err = httpapi.NewClient("http://"+n.door, httpapi.ClientOptions{Timeout: 20 * time.Second}); err != nil {
			return err
		}
		c.nodes = append(c.nodes, n)
	}
	return nil
}

// address gives node i the addresses of the fabric.
func (c *committee) address(homes []comet.Home, i int) error {
	path := filepath.Join(homes[i].Dir, "config", "config.toml")
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text := string(data)
	for j, h := range homes {
		id, address, _ := strings.Cut(h.P2P, "@")
		if i == j {
			peers, _ := c.fabric.listen(i)
			text = strings.ReplaceAll(text, "tcp://"+address, "tcp://"+peers)
		} else {
			text = strings.ReplaceAll(text, h.P2P, id+"@"+c.fabric.reach(i, j))
		}
	}
	return os.WriteFile(path, []byte(text), 0o600)
}

// begin starts all nodes and the members without one, and waits until the committee is healthy.
func (c *committee) begin(ctx context.Context) error {
	var inner context.Context
	inner, c.cancel = context.WithCancel(ctx)
	for _, n := range c.nodes {
		if err := c.start(n); err != nil {
			return err
		}
		c.tasks.Go(func() { c.watch(inner, n) })
	}
	c.tasks.Go(func() { c.sample(inner) })
	for i := c.Nodes; i < len(c.keys)-c.liars; i++ {
		source, err := prover.NewReplay(c.sees[i])
		if err != nil {
			return err
		}
		c.tasks.Go(func() {
			_ = prover.Run(inner, prover.Options{ // ends with inner, or else its member is missing in every round
				Source: source, Ledger: everyone{c.nodes}, Key: c.keys[i],
				Committee: func() (poenf.Committee, error) { return c.Committee, nil },
			})
		})
	}
	return c.healthy(ctx)
}

// start starts a node's process, with the drill's addition to its arguments.
func (c *committee) start(n *node, arguments ...string) error {
	return n.start(c.fabric, c.Program, arguments...)
}

// healthy waits until every running node has a round from now on in which all honest members are.
func (c *committee) healthy(ctx context.Context) error {
	since := time.Now()
	honest := len(c.keys) - c.liars
	return c.until(ctx, fmt.Sprintf("a round with the proofs of all %d members at every node", honest), func() bool {
		for _, n := range c.nodes {
			if n.running() && c.newestWith(n.index, honest, since) == 0 {
				return false
			}
		}
		return true
	})
}

// until waits for what is named, for as long as a busy machine may take.
func (c *committee) until(ctx context.Context, what string, done func() bool) error {
	within, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("not within %v: %s", patience, what))
	defer cancel()
	for {
		changed := c.next()
		if done() {
			return nil
		}
		for _, n := range c.nodes {
			if err := n.died(); err != nil && c.fragile != n {
				return err
			}
		}
		timer := time.NewTimer(100 * time.Millisecond) // a process that ends tells nobody
		select {
		case <-changed:
		case <-timer.C:
		case <-within.Done():
			timer.Stop()
			return fmt.Errorf("%w; %s", context.Cause(within), c.summary())
		}
		timer.Stop()
	}
}

// patience is how long something may take that must happen.
const patience = 2 * time.Minute

// watch follows a node's rounds for as long as ctx lasts, through all its processes.
func (c *committee) watch(ctx context.Context, n *node) {
	from := uint64(0)
	for pause(ctx, 20*time.Millisecond) == nil {
		within, cancel := n.alive(ctx)
		// Asked first, because a client that has failed to follow waits longer each time, and time is measured here.
		if _, err := n.client.Committee(within); err == nil {
			for r, err := range n.client.Follow(within, from) {
				if err != nil {
					break
				}
				from = r.Number + 1
				c.observe(n.index, r)
			}
		}
		cancel()
	}
}

// sample measures memory.
func (c *committee) sample(ctx context.Context) {
	for pause(ctx, 100*time.Millisecond) == nil {
		for _, n := range c.nodes {
			if n.running() {
				n.measure()
			}
		}
	}
}

// end stops all that runs, whatever became of it.
func (c *committee) end(ctx context.Context) error {
	if c.cancel != nil {
		c.cancel()
	}
	errs := make([]error, len(c.nodes))
	var all sync.WaitGroup
	for i, n := range c.nodes {
		all.Go(func() { errs[i] = n.stop(ctx) })
	}
	all.Wait()
	c.tasks.Wait()
	for _, n := range c.nodes {
		n.client.Close()
	}
	return errors.Join(append(errs, c.fabric.close())...)
}
