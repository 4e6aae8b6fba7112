// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package prover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/identity"
	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/poenf"
)

// Source is where a member's frequency comes from. Only one goroutine uses it.
type Source interface {
	// Read waits for values that have become known and returns them: one for each whole second of UTC, in order, NaN where there is
	// no ENF. It returns [io.EOF] when no more will come.
	Read(ctx context.Context) (enf.Series, error)
}

// Electorate draws a committee's members by lot, epoch by epoch. The ledgers of this module do.
type Electorate interface {
	// Election returns the epoch that tickets are taken for now, and the seed that they are made over; false where nobody is elected.
	Election() (epoch uint64, seed [32]byte, ok bool)
	// Ticket offers a ticket; it returns once that is admitted. A refusal wraps an error of package poenf.
	Ticket(ctx context.Context, t poenf.Ticket) error
}

// Options says what proves what to whom. Source, Ledger, Committee and Key are needed.
type Options struct {
	Source Source
	Ledger ledger.Ledger
	// Committee returns the committee as it is now. It is asked for each round.
	Committee func() (poenf.Committee, error)
	Key       identity.Key
	// Electorate, if not nil, is where this member takes part in draws.
	Electorate Electorate
	// Log takes a line for each round that could not be proved. nil discards.
	Log *slog.Logger
	// Metrics registers what happens to the rounds. nil keeps none.
	Metrics prometheus.Registerer
}

const (
	// longestHole is how many seconds without a value in a row a proof bridges, by a straight line: over so short a
	// time a grid moves 2-3 mHz (docs/detection.md), which the others' values correct.
	longestHole = 2
	// memory is how many seconds before the newest are kept: those of the longest proof and as many again for rounds that wait.
	memory = 2 * poenf.MaxLength
	// mostWaiting is how many rounds may be under way to the ledger at once; further ones are dropped until it answers.
	mostWaiting = 8
	// patience is how long a ledger may take to answer.
	patience = 60 * time.Second
	// sayEvery is how often the same is said of tickets, which are offered every second, and of proofs.
	sayEvery = time.Minute
)

// prover is a run under way.
type prover struct {
	Options
	seconds [memory]value // ring over Unix seconds
	newest  int64         // Unix second
	back    bool          // what comes is of before that
	done    uint64        // the last round that was tried
	drawn   atomic.Uint64 // the last epoch for which there is a ticket
	drawing atomic.Bool   // a ticket is under way
	refused complaint     // of tickets
	late    complaint     // of proofs
	waiting chan struct{}
	group   sync.WaitGroup
	rounds  *prometheus.CounterVec
	newestG prometheus.Gauge
}

// complaint is what is wrong for longer than it is worth a line each time.
type complaint struct {
	mu     sync.Mutex
	reason string
	said   time.Time
}

// news reports whether a reason is to be said: it is another than the last, or that was said a while ago.
func (c *complaint) news(reason string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if reason == c.reason && now.Sub(c.said) < sayEvery {
		return false
	}
	c.reason, c.said = reason, now
	return true
}

// over notes that nothing is wrong any more.
func (c *complaint) over() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reason = ""
}

type value struct {
	second int64
	hz     float64
}

// Run proves until the source or ctx ends. It returns the source's error, nil for [io.EOF]; a round that cannot be proved is logged and
// counted, and the next one tried.
func Run(ctx context.Context, o Options) error {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &prover{Options: o, newest: math.MinInt64, waiting: make(chan struct{}, mostWaiting)}
	p.rounds = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "defakepro_prover_rounds_total", Help: "Rounds by what became of this member's proof: admitted, late, refused, incomplete, unseated or dropped.",
	}, []string{"outcome"})
	p.newestG = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "defakepro_prover_newest_seconds", Help: "Unix time of the newest frequency known.",
	})
	if o.Metrics != nil {
		var err error
		if p.rounds, err = register(o.Metrics, p.rounds); err != nil {
			return err
		}
		if p.newestG, err = register(o.Metrics, p.newestG); err != nil {
			return err
		}
	}
	defer p.group.Wait()
	for {
		s, err := o.Source.Read(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		p.note(ctx, s)
		if s.Len() > 0 {
			p.prove(ctx)
			p.draw(ctx)
		}
	}
}

// register registers a metric, or returns the one that an earlier run has registered.
func register[T prometheus.Collector](r prometheus.Registerer, c T) (T, error) {
	err := r.Register(c)
	if already, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if c, ok := already.ExistingCollector.(T); ok {
			return c, nil
		}
	}
	return c, err
}

// note keeps the values of s. Those of a time that was there before, as where a clock was set back, prove nothing: a member that signs two proofs
// of a round lies.
func (p *prover) note(ctx context.Context, s enf.Series) {
	if s.Len() > 0 {
		back := s.Time(s.Len()-1).Unix() < p.newest
		if back && !p.back {
			p.Log.WarnContext(ctx, "the input's clock has been set back: no round is proved a second time", slog.Time("until", time.Unix(p.newest, 0).UTC()))
		}
		p.back = back
	}
	for i, hz := range s.Hz {
		second := s.Time(i).Unix()
		p.seconds[slot(second)] = value{second, hz}
		p.newest = max(p.newest, second)
	}
	if s.Len() > 0 {
		p.newestG.Set(float64(p.newest))
	}
}

// slot is where a Unix second is kept; a machine that does not know the time may be before the first.
func slot(second int64) int64 { return (second%memory + memory) % memory }

// prove submits the rounds that the values reach by now. Of those that it has fallen behind by more than one, only the last two are tried:
// the others are decided or soon will be.
func (p *prover) prove(ctx context.Context) {
	c, err := p.Committee()
	if err != nil {
		p.Log.WarnContext(ctx, "no committee yet", slog.Any("err", err))
		return
	}
	last := uint64(max(0, (p.newest+1)/c.Period))
	for r := max(p.done+1, max(last, 1)-1); r <= last; r++ {
		p.done = r
		values, err := p.values(c, r)
		if err != nil {
			p.rounds.WithLabelValues("incomplete").Inc()
			p.Log.InfoContext(ctx, "round not proved", slog.Uint64("round", r), slog.Any("err", err))
			continue
		}
		proof := poenf.Proof{Nominal: c.Nominal, Round: r, Member: p.Key.Name, Values: values}
		if err := proof.Sign(c.ID, p.Key.Private); err != nil {
			p.rounds.WithLabelValues("incomplete").Inc()
			p.Log.WarnContext(ctx, "round not proved", slog.Uint64("round", r), slog.Any("err", err))
			continue
		}
		p.submit(ctx, proof)
	}
}

// draw sends a ticket for the next epoch, and another only after that was not admitted.
func (p *prover) draw(ctx context.Context) {
	if p.Electorate == nil || p.drawing.Load() {
		return
	}
	epoch, seed, ok := p.Electorate.Election()
	c, err := p.Committee()
	if !ok || epoch == p.drawn.Load() || err != nil {
		return
	}
	ticket := poenf.Ticket{Epoch: epoch, Member: p.Key.Name}
	if err := ticket.Sign(c.ID, seed, p.Key.Private); err != nil {
		p.Log.WarnContext(ctx, "no ticket", slog.Uint64("epoch", epoch), slog.Any("err", err))
		return
	}
	p.drawing.Store(true)
	p.group.Go(func() {
		defer p.drawing.Store(false)
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		err := p.Electorate.Ticket(ctx, ticket)
		if err == nil || errors.Is(err, poenf.ErrPresent) {
			p.drawn.Store(epoch)
			p.refused.over()
		} else if p.refused.news(err.Error()) {
			p.Log.WarnContext(ctx, "ticket not admitted", slog.Uint64("epoch", epoch), slog.Any("err", err))
		}
	})
}

// elects reports whether members are drawn, so that not to be one of them is nothing unusual.
func (p *prover) elects() bool {
	if p.Electorate == nil {
		return false
	}
	_, _, ok := p.Electorate.Election()
	return ok
}

// submit offers the proof in the background, so that a slow ledger does not stop the clock of the source.
func (p *prover) submit(ctx context.Context, proof poenf.Proof) {
	select {
	case p.waiting <- struct{}{}:
	default:
		p.rounds.WithLabelValues("dropped").Inc()
		p.Log.WarnContext(ctx, "round dropped: the ledger does not answer", slog.Uint64("round", proof.Round))
		return
	}
	p.group.Go(func() {
		defer func() { <-p.waiting }()
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		err := p.Ledger.Submit(ctx, proof)
		if errors.Is(err, poenf.ErrNotMember) && p.elects() {
			p.rounds.WithLabelValues("unseated").Inc()
			return
		}
		if errors.Is(err, poenf.ErrOutdated) {
			p.rounds.WithLabelValues("late").Inc()
			if !p.elects() && p.late.news("late") {
				p.Log.WarnContext(ctx, "a round was closed or void before this member's proof: its hum is too faint to be read as soon as the others', or the way to the ledger too slow",
					slog.Uint64("round", proof.Round), slog.Any("err", err))
			}
			return
		}
		if err != nil {
			p.rounds.WithLabelValues("refused").Inc()
			p.Log.WarnContext(ctx, "proof not admitted", slog.Uint64("round", proof.Round), slog.Any("err", err))
			return
		}
		p.rounds.WithLabelValues("admitted").Inc()
	})
}

// values returns the round's values in µHz from nominal.
func (p *prover) values(c poenf.Committee, round uint64) ([]int32, error) {
	from := c.End(round)/1000 - int64(c.Length)
	hz := make([]float64, c.Length)
	for i := range hz {
		v := p.seconds[slot(from+int64(i))]
		if hz[i] = v.hz; v.second != from+int64(i) {
			hz[i] = math.NaN()
		}
	}
	if err := bridge(hz); err != nil {
		return nil, err
	}
	return ledger.Offsets(hz, c.Nominal)
}

// bridge fills short holes within x.
func bridge(x []float64) error {
	missing := 0
	for _, v := range x {
		if math.IsNaN(v) {
			missing++
		}
	}
	if missing == 0 {
		return nil
	}
	err := fmt.Errorf("%d of its %d seconds have no frequency", missing, len(x))
	if math.IsNaN(x[0]) || math.IsNaN(x[len(x)-1]) {
		return err
	}
	for i := 0; i < len(x); i++ {
		if !math.IsNaN(x[i]) {
			continue
		}
		end := i
		for math.IsNaN(x[end]) {
			end++
		}
		if end-i > longestHole {
			return err
		}
		step := (x[end] - x[i-1]) / float64(end-i+1)
		for ; i < end; i++ {
			x[i] = x[i-1] + step
		}
	}
	return nil
}
