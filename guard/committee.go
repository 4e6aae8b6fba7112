// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/httpapi"
	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/monitor"
	"github.com/defakepro/defakepro/poenf"
)

const (
	// keptRounds is how many closed rounds are kept: two hours of one every 5 s.
	keptRounds = 1440
	// askEvery is how often nodes are asked how they are, and askWithin how long an answer may take.
	askEvery, askWithin = 5 * time.Second, 4 * time.Second
	// mostAhead is by how much a committee's clocks may be ahead of the guard's. A round beyond that would be taken for the newest, and all that
	// come in truth for old ones.
	mostAhead = time.Minute
	// againAfter is the wait before the next node is tried.
	againAfter = time.Second
)

// Committee is the truth that a committee of nodes agrees on, as some of its nodes tell it: their rounds are followed at one
// of them, and at the next one when that has nothing new to say. It is safe for concurrent use.
type Committee struct {
	nodes   []*committeeNode
	root    *comet.Root
	genesis []byte
	now     func() time.Time
	log     *slog.Logger

	mu        sync.Mutex
	committee *poenf.Committee
	truth     *ledger.Truth // of the committee
	rounds    map[uint64]poenf.Round
	newest    uint64
	problem   string

	registering   bool // the registry is wanted too
	registerEvery time.Duration
	registry      told
}

// committeeNode is one of the nodes, and how it was when it was last asked.
type committeeNode struct {
	url    string
	client *httpapi.Client
	state  httpapi.Node // guarded by the committee's mu
}

// NewCommittee returns the truth of the committee whose nodes are at the URLs, of which there is at least one. With a genesis
// each round is checked by its certificate, and the nodes need not be trusted. It does not connect: see Run.
func NewCommittee(urls []string, genesis []byte, o httpapi.ClientOptions, now func() time.Time) (*Committee, error) {
	if len(urls) == 0 {
		return nil, errors.New("a committee without nodes")
	}
	c := &Committee{rounds: make(map[uint64]poenf.Round), now: now, log: o.Log, genesis: genesis, problem: "no node has answered yet", registerEvery: registerEvery}
	if c.now == nil {
		c.now = time.Now
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if genesis != nil {
		root, err := comet.TrustGenesis(genesis)
		if err != nil {
			return nil, err
		}
		c.root = &root
	}
	for _, url := range urls {
		client, err := httpapi.NewClient(url, o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", url, err)
		}
		c.nodes = append(c.nodes, &committeeNode{url: url, client: client, state: httpapi.Node{Address: url, Problem: "not asked yet"}})
	}
	return c, nil
}

// Run follows the committee until ctx ends, and returns why.
func (c *Committee) Run(ctx context.Context) error {
	for _, n := range c.nodes {
		go c.ask(ctx, n)
		if c.registering {
			go c.register(ctx, n)
		}
	}
	for i := 0; ; i++ {
		n := c.nodes[i%len(c.nodes)]
		err := c.follow(ctx, n)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.log.Warn("rounds no longer followed at a node", slog.String("node", n.url), slog.Any("err", err))
		c.trouble(clause(err))
		if !sleep(ctx, againAfter) {
			return ctx.Err()
		}
	}
}

// clause is an error as the second half of a sentence, bounded.
func clause(err error) string {
	text := err.Error()
	if problem, ok := errors.AsType[*httpapi.Problem](err); ok {
		text = problem.Detail
	}
	return fmt.Sprintf("%.200s", text)
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// trouble takes down what is wrong, empty for nothing.
func (c *Committee) trouble(problem string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.problem = problem
}

// follow takes rounds from a node for as long as there are new ones.
func (c *Committee) follow(ctx context.Context, n *committeeNode) error {
	committee, err := n.client.Committee(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	from := max(c.newest+1, committee.Last(c.now().UnixMilli())-min(committee.Last(c.now().UnixMilli()), keptRounds))
	c.committee, c.truth = &committee, ledger.NewTruth(known{c}, committee)
	c.mu.Unlock()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	stalled := time.Duration(committee.Stall()) * time.Millisecond
	silence := time.AfterFunc(stalled, func() {
		stop(fmt.Errorf("the committee has closed no round for %v", stalled))
	})
	defer silence.Stop()
	for round, err := range n.client.Follow(ctx, from) {
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			return err
		}
		if round.Nominal != committee.Nominal {
			return fmt.Errorf("round %d is of a grid of %d Hz, and the committee's is %d", round.Number, round.Nominal, committee.Nominal)
		}
		if start := committee.End(round.Number)/1000 - int64(committee.Length); round.Start != start || len(round.Truth) != committee.Length {
			return fmt.Errorf("round %d has %d values from Unix second %d on, and the committee's has %d from %d on", round.Number, len(round.Truth), round.Start,
				committee.Length, start)
		}
		if last := committee.Last(c.now().Add(mostAhead).UnixMilli()); round.Number > last {
			return fmt.Errorf("round %d ends more than %v from now, by the guard's clock", round.Number, mostAhead)
		}
		if err := c.check(ctx, n, round); err != nil {
			return err
		}
		c.keep(round)
		silence.Reset(stalled)
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return errors.New("its stream of rounds has ended")
}

// check returns why a round is not the committee's, where there is a genesis to tell.
func (c *Committee) check(ctx context.Context, n *committeeNode, round poenf.Round) error {
	if c.root == nil {
		return nil
	}
	file, err := n.client.Certificate(ctx, round.Number)
	if err != nil {
		return fmt.Errorf("round %d has no certificate there: %w", round.Number, err)
	}
	certified, err := comet.Verify(file, *c.root)
	if err != nil {
		return fmt.Errorf("round %d: %w", round.Number, err)
	}
	want, err := certified.MarshalBinary()
	if err != nil {
		return err
	}
	if got, err := round.MarshalBinary(); err != nil || !bytes.Equal(got, want) {
		return fmt.Errorf("round %d is not the one that its certificate is for", round.Number)
	}
	return nil
}

func (c *Committee) keep(r poenf.Round) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rounds[r.Number] = r
	c.newest, c.problem = max(c.newest, r.Number), ""
	for number := range c.rounds {
		if number+keptRounds < c.newest {
			delete(c.rounds, number)
		}
	}
}

// ask asks a node now and then how it is.
func (c *Committee) ask(ctx context.Context, n *committeeNode) {
	for {
		within, cancel := context.WithTimeout(ctx, askWithin)
		state, err := n.client.State(within)
		cancel()
		told := httpapi.Node{Address: n.url, State: state}
		if err != nil {
			told.Problem = "it does not answer"
			if problem, ok := errors.AsType[*httpapi.Problem](err); ok {
				told.Problem = problem.Detail
			}
		}
		c.mu.Lock()
		n.state = told
		c.mu.Unlock()
		if !sleep(ctx, askEvery) {
			return
		}
	}
}

// Nodes returns how each node was when it was last asked.
func (c *Committee) Nodes(context.Context) []httpapi.Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]httpapi.Node, len(c.nodes))
	for i, n := range c.nodes {
		out[i] = n.state
	}
	return out
}

// Between implements [monitor.Truth] with the rounds that are known.
func (c *Committee) Between(ctx context.Context, from, to time.Time) (enf.Series, error) {
	if _, err := c.Registered(); err != nil {
		return enf.Series{}, err
	}
	c.mu.Lock()
	truth := c.truth
	c.mu.Unlock()
	return truth.Between(ctx, from, to)
}

// Registered returns the committee, or an error until a node has told it.
func (c *Committee) Registered() (poenf.Committee, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.committee == nil {
		return poenf.Committee{}, errors.New(c.problem)
	}
	return *c.committee, nil
}

// State describes the truth in use.
func (c *Committee) State() monitor.TruthState {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := monitor.TruthState{Kind: monitor.TruthCommittee, Name: c.nodes[0].url, Problem: c.problem}
	if len(c.nodes) > 1 {
		s.Name = fmt.Sprintf("%s and %d more", s.Name, len(c.nodes)-1)
	}
	if c.committee != nil {
		s.Grid = enf.Grid(c.committee.Nominal)
	}
	if r, ok := c.rounds[c.newest]; ok {
		s.Known = time.Unix(r.Start+int64(len(r.Truth))-1, 0).UTC()
	}
	return s
}

// serve says what is known of the committee to who asks the guard.
func (c *Committee) serve(o *httpapi.Options) {
	o.Ledger, o.Committee, o.Nodes, o.Genesis = known{c}, c.Registered, c.Nodes, c.genesis
	o.Latest = func(context.Context) (poenf.Round, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		r, ok := c.rounds[c.newest]
		if !ok {
			return poenf.Round{}, ledger.ErrNotFound
		}
		return r, nil
	}
	o.Certificate = func(ctx context.Context, round uint64) (json.Marshaler, error) {
		var err error
		for _, n := range c.nodes {
			var file []byte
			if file, err = n.client.Certificate(ctx, round); err == nil {
				return json.RawMessage(file), nil
			}
		}
		return nil, err
	}
}
