// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/httpapi"
	"github.com/defakepro/defakepro/identity"
	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/poenf"
	"github.com/defakepro/defakepro/prover"
)

type nodeOptions struct {
	nodeConfig
	home    string
	id      string
	member  string
	genesis string
	peers   string
	p2p     string
	grid    enf.Grid
	logJSON bool
	verbose bool
	// ahead is by how much this node's clock is wrong, on purpose, in whole seconds.
	ahead time.Duration
	// secret is the passphrase of the home's keys, nil for none.
	secret []byte
}

func newNodeCommand() *cobra.Command {
	var opts nodeOptions
	c := &cobra.Command{
		Use:   "node --home DIR",
		Short: "Run a committee's node",
		Long: `Node runs one node of a committee that agrees on what the grid did. It keeps the ledger in DIR, proves what its member sees of the grid's
frequency each round, and serves the rounds (--listen).

A DIR that testnet made, or another node's administrator, holds all that is needed. In an empty DIR a new committee begins, of this node alone: --nominal is
its grid. It can grow by changes that DIR/config/administrator_key.json signs, and keeps its history; keep that key elsewhere. With --genesis and --peers instead, an empty DIR joins a committee: the node fetches the
ledger from its peers, checks all of it, and follows; the administrator may make it a member. --p2p is where others reach it.

--input is where the frequency comes from:

    ` + strings.ReplaceAll(prover.Inputs, "\n", "\n    ") + `

Without it the node keeps the ledger and proves nothing. The settings can stand in DIR/config/defakepro.toml.

With --passphrase-file the keys in DIR are sealed under the first line of FILE: those of a new home from the beginning, those of another when the
node starts; from then on it starts with that passphrase alone. FILE is readable by its owner alone, or a credential of systemd
(LoadCredential=, --passphrase-file ${CREDENTIALS_DIRECTORY}/NAME).

At --listen are /v1 (rounds, certificates, truth, events, members and zones; /openapi.json describes them), /healthz and /metrics. Other than on
loopback this needs --tls-cert and --tls-key, and asks for tokens (defakepro help token); with --client-ca for a client's certificate as
well, everywhere. The node stops in good order on SIGINT or SIGTERM.`,
		Example: `  defakepro node --home ./node --nominal 50 --input soundcard --listen 127.0.0.1:8650
  defakepro node --home committee/node2`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return runNode(c.Context(), opts, c.InOrStdin(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&opts.home, "home", "", "`DIR` of the node's keys, configuration and ledger")
	f.StringVar(&opts.Input, "input", "", "`INPUT` of the member's frequency, see above")
	f.Var(choiceFlag[prover.Format]{&opts.PCM, prover.Formats}, "pcm", "samples of raw sound (default s16le)")
	f.IntVar(&opts.Rate, "rate", 0, "samples a second of raw sound, `HZ` (default 8000)")
	f.IntVar(&opts.Channels, "channels", 0, "channels of raw sound, `N` (default 1)")
	f.StringVar(&opts.Listen, "listen", "", "serve at `ADDRESS`, host:port")
	f.StringVar(&opts.TLSCert, "tls-cert", "", "`FILE`, the certificate of the address in PEM")
	f.StringVar(&opts.TLSKey, "tls-key", "", "`FILE`, its key, readable by its owner and group alone")
	f.StringVar(&opts.ClientCA, "client-ca", "", "let in only whom an authority in this `FILE`, in PEM, gave a certificate")
	f.Var(numberFlag{&opts.Requests, mostRequests}, "requests", requestsUsage)
	f.BoolVar(&opts.Tokens, "tokens", false, "ask for tokens on a loopback address too; on others the interface always does")
	f.StringVar(&opts.Zone, "zone", "", "`NAME` of the trust zone in which the node works")
	f.StringVar(&opts.Endpoint, "endpoint", "", "`NAME`, host:port, that members reach the interface by (default that of --listen)")
	f.StringVar(&opts.PassphraseFile, "passphrase-file", "", "`FILE` with the passphrase under which the home's keys are sealed")
	f.Var(gridFlag{&opts.grid}, "nominal", "the grid of a new committee, in hertz")
	f.StringVar(&opts.id, "id", "", "the `NAME` of a new committee (default enf)")
	f.StringVar(&opts.member, "member", "", "this node's `NAME` (default node0 in a new home)")
	f.StringVar(&opts.genesis, "genesis", "", "`FILE`, the genesis of the committee to join")
	f.StringVar(&opts.peers, "peers", "", "`LIST` of its nodes, id@host:port, with commas between")
	f.StringVar(&opts.p2p, "p2p", "", "`ADDRESS`, host:port, that peers of a new home connect to (default a free port on loopback)")
	f.BoolVar(&opts.logJSON, "log-json", false, "log as JSON")
	f.BoolVarP(&opts.verbose, "verbose", "v", false, "log details")
	f.DurationVar(&opts.ahead, "clock-offset", 0, "set this node's clock ahead, whole seconds, to try what becomes of it")
	_ = f.MarkHidden("clock-offset") // it is there
	return c
}

func (o nodeOptions) logger(w io.Writer) *slog.Logger {
	level := slog.LevelInfo
	if o.verbose {
		level = slog.LevelDebug
	}
	if o.logJSON {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

// quiet passes on warnings only, for what CometBFT calls information is a line or more a block; and once the node is to stop errors only, for
// then it warns of every connection that it closes.
func quiet(log *slog.Logger, verbose bool, stopping <-chan struct{}) *slog.Logger {
	if verbose {
		return log
	}
	return slog.New(quietHandler{log.Handler(), stopping})
}

type quietHandler struct {
	slog.Handler
	stopping <-chan struct{}
}

func (h quietHandler) Enabled(ctx context.Context, l slog.Level) bool {
	least := slog.LevelWarn
	select {
	case <-h.stopping:
		least = slog.LevelError
	default:
	}
	return l >= least && h.Handler.Enabled(ctx, l)
}

func (h quietHandler) WithAttrs(a []slog.Attr) slog.Handler {
	return quietHandler{h.Handler.WithAttrs(a), h.stopping}
}

func (h quietHandler) WithGroup(name string) slog.Handler {
	return quietHandler{h.Handler.WithGroup(name), h.stopping}
}

func runNode(ctx context.Context, opts nodeOptions, stdin io.Reader, stderr io.Writer) (err error) {
	if opts.home == "" {
		return errors.New("node: needs --home, the directory of the node")
	}
	if opts.ahead%time.Second != 0 {
		return fmt.Errorf("node: --clock-offset %v: must be whole seconds", opts.ahead)
	}
	file, err := readNodeConfig(opts.home)
	if err != nil {
		return err
	}
	opts.nodeConfig = file.over(opts.nodeConfig)
	if opts.secret, err = optionalPassphrase("--passphrase-file", opts.PassphraseFile); err != nil {
		return err
	}
	secure, err := serverTLS(opts.TLSCert, opts.TLSKey, opts.ClientCA)
	if err != nil {
		return err
	}
	log := opts.logger(stderr)
	// First what may be wrong with the call, so that nothing has begun if it is.
	var listener net.Listener
	if opts.Listen != "" {
		if listener, err = listenFor(opts.Listen, secure); err != nil {
			return err
		}
		defer func() { _ = listener.Close() }() // twice, mostly
	}
	var source prover.Source
	if opts.Input != "" && opts.grid != enf.GridAuto {
		if source, err = opts.open(ctx, int(opts.grid), stdin, log); err != nil {
			return err
		}
	}
	cfg, key, err := opts.prepare()
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	cfg.Log, cfg.Metrics = quiet(log, opts.verbose, ctx.Done()), registry

	// The node outlives what uses it.
	node, err := comet.Start(context.WithoutCancel(ctx), cfg)
	if err != nil {
		return err
	}
	defer func() {
		node.Stop()
		err = errors.Join(err, node.Wait())
		log.Info("stopped")
	}()
	log.Info("node runs", slog.String("home", opts.home), slog.String("id", node.ID()), slog.String("member", key.Name),
		slog.String("validator", base64.StdEncoding.EncodeToString(node.Validator())), slog.Int64("height", node.Height()))
	running := &runningNode{node: node, key: key, opts: opts, log: log, registry: registry, stdin: stdin}
	running.progress.Store(time.Now().UnixMilli())
	return running.run(ctx, listener, secure, source)
}

// now is the time by this node's clock.
func (o nodeOptions) now() time.Time { return time.Now().Add(o.ahead) }

// misdated is a source whose clock is wrong, as a sound card's is where the machine's is: what it gives belongs to other
// seconds.
type misdated struct {
	prover.Source
	ahead time.Duration
}

// Read implements prover.Source.
func (s misdated) Read(ctx context.Context) (enf.Series, error) {
	out, err := s.Source.Read(ctx)
	out.Start = out.Start.Add(s.ahead)
	return out, err
}

// runningNode is a node with what uses it.
type runningNode struct {
	node     *comet.Node
	key      identity.Key
	opts     nodeOptions
	log      *slog.Logger
	registry *prometheus.Registry
	stdin    io.Reader
	progress atomic.Int64 // when a round was last seen to close, Unix ms of this machine
}

// run serves, proves and watches until ctx ends, and returns nil then. There may be no listener, and no source yet.
func (n *runningNode) run(ctx context.Context, l net.Listener, secure *tls.Config, source prover.Source) error {
	group, ctx := errgroup.WithContext(ctx)
	if l != nil {
		group.Go(func() error {
			return n.served(ctx, l, func(s *httpapi.Security) error {
				return n.serve(ctx, l, secure != nil, s, httpapi.ServeOptions{TLS: secure, Log: n.log})
			})
		})
	}
	if n.opts.Input != "" {
		group.Go(func() error { return n.prove(ctx, source) })
	}
	group.Go(func() error { return n.report(ctx) })
	group.Go(func() error { return n.watch(ctx) })
	err := group.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// serve serves the interface.
func (n *runningNode) serve(ctx context.Context, l net.Listener, secure bool, security *httpapi.Security, o httpapi.ServeOptions) error {
	genesis, err := os.ReadFile(genesisPath(n.opts.home))
	if err != nil {
		return err
	}
	h := httpapi.Handler(httpapi.Options{
		Ledger: n.node, Committee: n.node.Committee, Latest: n.node.Latest, Genesis: genesis, Log: n.log, Now: n.opts.now,
		Security: security, Limits: httpapi.Limits{Rate: n.opts.Requests},
		Metrics:     promhttp.HandlerFor(n.registry, promhttp.HandlerOpts{Registry: n.registry}),
		Certificate: func(ctx context.Context, round uint64) (json.Marshaler, error) { return n.node.Certificate(ctx, round) },
		State: func() (httpapi.State, error) {
			return httpapi.State{Height: n.node.Height(), Peers: n.node.Peers(), Syncing: n.node.Syncing()}, n.healthy()
		},
	})
	scheme := "http"
	if secure {
		scheme = "https"
	}
	n.log.InfoContext(ctx, "listening", slog.String("url", scheme+"://"+l.Addr().String()))
	return httpapi.Serve(ctx, l, h, o)
}

// healthy returns nil, or what is wrong: the engine has stopped, or no round closes.
func (n *runningNode) healthy() error {
	if err := n.node.Running(); err != nil {
		return err
	}
	c, err := n.node.Committee()
	if err != nil || n.node.Syncing() {
		return nil // on its way
	}
	if age := time.Since(time.UnixMilli(n.progress.Load())); age > time.Duration(c.Stall())*time.Millisecond {
		return fmt.Errorf("no round has closed for %v", age.Round(time.Second))
	}
	return nil
}

// open opens the member's input, on a grid of so many hertz.
func (o nodeOptions) open(ctx context.Context, nominal int, stdin io.Reader, log *slog.Logger) (prover.Source, error) {
	return prover.Open(ctx, o.Input, prover.InputOptions{
		Grid: enf.Grid(nominal), Format: o.PCM, Rate: o.Rate, Channels: o.Channels, Stdin: stdin, Log: log,
	})
}

// inputBackoff is how long an input that failed is left alone.
const inputBackoff = 5 * time.Second

// prove makes this member's proofs from the source, which is opened first if it is nil. An input that fails later is opened again and again: a
// sound card that goes away must not take a validator with it.
func (n *runningNode) prove(ctx context.Context, source prover.Source) error {
	c, err := n.committee(ctx)
	if err != nil {
		return err
	}
	if m, ok := c.Member(n.key.Name); !ok || !m.Key.Equal(n.key.Public()) {
		n.log.WarnContext(ctx, "not a member yet: proofs will be refused", slog.String("member", n.key.Name))
	}
	if closer, ok := n.stdin.(io.Closer); ok && n.opts.Input == "-" {
		stop := context.AfterFunc(ctx, func() { _ = closer.Close() }) // wakes who reads it
		defer stop()
	}
	if source == nil {
		if source, err = n.opts.open(ctx, c.Nominal, n.stdin, n.log); err != nil {
			return err
		}
	}
	for {
		if source != nil {
			err = prover.Run(ctx, prover.Options{
				Source: misdated{source, n.opts.ahead}, Ledger: n.node, Committee: n.node.Committee, Key: n.key, Electorate: n.node,
				Log: n.log, Metrics: n.registry,
			})
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			n.log.WarnContext(ctx, "the input has ended: this member proves no more", slog.String("input", n.opts.Input))
			return nil
		}
		n.log.ErrorContext(ctx, "the input has failed; trying again", slog.String("input", n.opts.Input), slog.Any("err", err))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(inputBackoff):
		}
		source, err = n.opts.open(ctx, c.Nominal, n.stdin, n.log)
	}
}

// committee waits for the committee: a node that catches up from a snapshot has none at first.
func (n *runningNode) committee(ctx context.Context) (poenf.Committee, error) {
	for {
		c, err := n.node.Committee()
		if err == nil {
			return c, nil
		}
		select {
		case <-ctx.Done():
			return poenf.Committee{}, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// watch says it once when no round closes any more.
func (n *runningNode) watch(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for said := false; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		err := n.healthy()
		if err != nil && !said {
			n.log.WarnContext(ctx, "stalled", slog.Any("err", err), slog.Int("peers", n.node.Peers()))
		}
		said = err != nil
	}
}

// report logs each closed round.
func (n *runningNode) report(ctx context.Context) error {
	c, err := n.committee(ctx)
	if err != nil {
		return err
	}
	from := c.Last(n.opts.now().UnixMilli())
	for r, err := range n.node.Follow(ctx, from) {
		if err != nil {
			return err
		}
		n.progress.Store(time.Now().UnixMilli())
		n.log.InfoContext(ctx, "round closed", slog.Uint64("round", r.Number), slog.Int("proofs", len(r.Entries)),
			slog.String("winner", r.Winner), slog.String("mean_hz", fmt.Sprintf("%.6f", ledger.MeanHertz(r.Nominal, r.Truth))),
			slog.String("spread_mhz", fmt.Sprintf("%.3f", float64(r.Spread)*1e-3)),
			slog.Duration("after", time.UnixMilli(r.Closed).Sub(time.UnixMilli(c.End(r.Number)))))
	}
	return ctx.Err()
}
