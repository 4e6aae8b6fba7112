// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/defakepro/defakepro/capability"
	"github.com/defakepro/defakepro/conference"
	"github.com/defakepro/defakepro/dashboard"
	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/guard"
	"github.com/defakepro/defakepro/history"
	"github.com/defakepro/defakepro/httpapi"
	"github.com/defakepro/defakepro/monitor"
	"github.com/defakepro/defakepro/webhook"
)

// Where the guard finds what must not stand on a command line, which others on the machine can read.
const (
	livekitKeyVariable     = "LIVEKIT_API_KEY"
	livekitSecretVariable  = "LIVEKIT_API_SECRET" //nolint:gosec // the variable's name
	livekitTokenVariable   = "LIVEKIT_TOKEN"      //nolint:gosec // likewise
	webhookSecretVariable  = "DEFAKEPRO_WEBHOOK_SECRET"
	ledgerTokenVariable    = "DEFAKEPRO_TOKEN" //nolint:gosec // likewise
	defaultGuardListen     = "127.0.0.1:8700"
	leastWindow, mostShift = 10 * time.Second, 10 * time.Minute
)

type guardOptions struct {
	livekit, room    string
	ledger           []string
	genesis          string
	reference        string
	grid             enf.Grid
	window, shift    time.Duration
	rule             detect.Rule
	threshold        float64
	listen           string
	tlsCert, tlsKey  string
	clientCA, ca     string
	hosts            []string
	tokens           bool
	audit, zone      string
	checks           bool
	requests         float64
	history, webhook string
	keep             time.Duration
	join             bool
	logJSON, verbose bool
}

func newGuardCommand() *cobra.Command { return guardCommand(new(guardOptions)) }

// guardCommand is the command whose flags set opts.
func guardCommand(opts *guardOptions) *cobra.Command {
	*opts = guardOptions{window: time.Minute, shift: 5 * time.Second, rule: detect.RuleLLR, threshold: 0.8, listen: defaultGuardListen}
	c := &cobra.Command{
		Use:   "guard --livekit URL --room ROOM",
		Short: "Watch a meeting, and show whose sound and picture follow the grid",
		Long: `Guard joins a room of a LiveKit server, unseen, follows everybody's sound and picture, compares both with what the grid did meanwhile, and shows a
page (--listen) with a badge for each participant: authentic, forged since when and why, or undetermined and why.

The key and secret of the LiveKit project are taken from ` + livekitKeyVariable + ` and ` + livekitSecretVariable + `, or a token for the room from ` + livekitTokenVariable + `.
They stay with the guard. A server that refuses them at first ends it; one that cannot be reached, or has no such room, is tried again and again, and the
page says why.

A committee's nodes tell what the grid did (--ledger, several with commas; with --genesis each round is checked by its certificate, so that no
node need be trusted), or a file to which somebody goes on adding (--reference). With neither, the guard makes a truth of the participants' own streams,
which takes three or more with hum.

Other than on loopback the page needs --tls-cert and --tls-key, and --ledger: it asks for tokens (defakepro help token). The committee's registry
verifies them; each node is asked for it every 15 s, and when none has told it for five minutes all are refused. Looking at the page takes a token for rooms:read, verdicts:read, nodes:read and
rounds:read; it is pasted into the page, or given behind its address as #token=TOKEN. The guard's own, for nodes that ask for one, is taken from ` + ledgerTokenVariable + `:
it takes rounds:read and members:read.

--checks takes recordings at /v1/checks (POST, with ?start=TIME where it is known) and answers with the report that check makes, of the time that the guard
knows of: the last two hours of a committee, or the last day of --reference and, with the start, any time in it. With tokens it takes one for checks:write.

--join serves a page at /join with which people join the room in a browser, with noise suppression off, which would take out the hum.
--history keeps changes of verdicts in an SQLite file (defakepro help history), for as long as --keep says; --webhook posts them to a URL, signed with ` + webhookSecretVariable + `.
The guard stops in good order on SIGINT or SIGTERM.`,
		Example: `  LIVEKIT_API_KEY=... LIVEKIT_API_SECRET=... defakepro guard --livekit wss://meet.example.org --room board \
    --ledger https://enf1.example.org,https://enf2.example.org --genesis genesis.json`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return runGuard(c.Context(), *opts, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&opts.livekit, "livekit", "", "the conference's `URL`, wss:// or, on this machine, ws://")
	f.StringVar(&opts.room, "room", "", "the `ROOM` to watch")
	f.StringSliceVar(&opts.ledger, "ledger", nil, "`URLS` of the committee's nodes, with commas between")
	f.StringVar(&opts.genesis, "genesis", "", "the committee's genesis `FILE`, to check what its nodes say")
	f.StringVar(&opts.reference, "reference", "", "a `CSV` of the grid's frequency with times, instead of a committee")
	f.Var(gridFlag{&opts.grid}, "nominal", "the grid's nominal frequency in hertz")
	f.Var(durationFlag{&opts.window, leastWindow, mostShift}, "window", "length of the sliding window")
	f.Var(durationFlag{&opts.shift, time.Second, mostShift}, "shift", "step of the sliding window")
	f.Float64Var(&opts.threshold, "threshold", opts.threshold, "least correlation of an authentic window")
	f.Var(choiceFlag[detect.Rule]{&opts.rule, []detect.Rule{detect.RuleLLR, detect.RuleCorrelation}}, "rule", "what decides a window")
	f.StringVar(&opts.listen, "listen", opts.listen, "serve the page at `ADDRESS`, host:port")
	f.StringVar(&opts.tlsCert, "tls-cert", "", "`FILE`, the certificate of the address in PEM; nodes that ask for one are shown it too")
	f.StringVar(&opts.tlsKey, "tls-key", "", "`FILE`, its key, readable by its owner and group alone")
	f.StringVar(&opts.clientCA, "client-ca", "", "let in only whom an authority in this `FILE`, in PEM, gave a certificate")
	f.StringVar(&opts.ca, "ca", "", "`FILE` in PEM with the authority of the nodes' certificates (default the system's)")
	f.StringSliceVar(&opts.hosts, "host", nil, "`NAME` of a proxy on this machine through which the page is reached")
	f.Var(numberFlag{&opts.requests, mostRequests}, "requests", requestsUsage)
	f.BoolVar(&opts.tokens, "tokens", false, "ask for tokens on a loopback address too; on others the page always does")
	f.StringVar(&opts.audit, "audit", "", "keep what became of tokens in this `FILE`")
	f.StringVar(&opts.zone, "zone", "", "`NAME` of the trust zone in which the guard works")
	f.StringVar(&opts.history, "history", "", "keep changes of verdicts in this SQLite `FILE`")
	f.Var(ageFlag{&opts.keep, time.Hour}, "keep", "forget changes of verdicts after this `TIME`, like 90d (default never)")
	f.StringVar(&opts.webhook, "webhook", "", "post changes of verdicts to this `URL`")
	f.BoolVar(&opts.checks, "checks", false, "check recordings that are uploaded")
	f.BoolVar(&opts.join, "join", false, "serve a page for joining the room; whoever reaches it may join")
	f.BoolVar(&opts.logJSON, "log-json", false, "log as JSON")
	f.BoolVarP(&opts.verbose, "verbose", "v", false, "log details")
	return c
}

// check returns what is wrong with the call.
func (o guardOptions) check() error {
	switch {
	case o.livekit == "":
		return errors.New("guard: needs --livekit, the conference's URL")
	case o.room == "":
		return errors.New("guard: needs --room, the room to watch")
	case len(o.ledger) > 0 && o.reference != "":
		return errors.New("guard: --ledger and --reference are two truths; choose one")
	case o.checks && len(o.ledger) == 0 && o.reference == "":
		return errors.New("guard: --checks needs --ledger or --reference: participants tell nothing of a recording")
	case o.ca != "" && len(o.ledger) == 0:
		return errors.New("guard: --ca belongs to --ledger")
	case o.genesis != "" && len(o.ledger) == 0:
		return errors.New("guard: --genesis belongs to --ledger")
	case o.keep > 0 && o.history == "":
		return errors.New("guard: --keep belongs to --history")
	case !(o.threshold > 0 && o.threshold < 1):
		return fmt.Errorf("guard: --threshold %v: must be between 0 and 1", o.threshold)
	}
	return nil
}

// checkTokens returns what is wrong with who may look.
func (o guardOptions) checkTokens() error {
	switch {
	case o.tokens && len(o.ledger) == 0:
		return errors.New("guard: --tokens, and any --listen that other machines reach, needs --ledger: a committee's registry verifies tokens")
	case !o.tokens && o.audit != "":
		return errors.New("guard: --audit keeps what became of tokens: it belongs to --tokens")
	case !o.tokens && o.zone != "":
		return errors.New("guard: --zone belongs to --tokens")
	}
	return nil
}

func runGuard(ctx context.Context, opts guardOptions, stdout, stderr io.Writer) error {
	if err := opts.check(); err != nil {
		return err
	}
	log := nodeOptions{logJSON: opts.logJSON, verbose: opts.verbose}.logger(stderr)
	secure, err := serverTLS(opts.tlsCert, opts.tlsKey, opts.clientCA)
	if err != nil {
		return err
	}
	listener, err := listenFor(opts.listen, secure)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }() // twice, mostly
	opts.tokens = opts.tokens || !httpapi.Private(listener)
	if err := opts.checkTokens(); err != nil {
		return err
	}
	o, closeAll, err := opts.options(log)
	if err != nil {
		return err
	}
	defer closeAll()
	g := guard.New(o)
	begun := g.Monitor().Room()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serveGuard(ctx, g, listener, httpapi.ServeOptions{TLS: secure, Log: log}) })
	group.Go(func() error {
		announce(ctx, g.Monitor(), begun, pageURL(listener, secure), stdout, stderr)
		return nil
	})
	return group.Wait()
}

// announce says when the guard is in the meeting and, once, why it is not yet. begun is how the room was at the beginning.
func announce(ctx context.Context, m *monitor.Monitor, begun monitor.Room, page string, stdout, stderr io.Writer) {
	told := false
	for {
		changed := m.Changed() // before the room is read, so that no change is missed
		room := m.Room()
		switch {
		case room.Connected:
			_, _ = fmt.Fprintf(stdout, "Watching %q. The page: %s\n", room.Name, page)
			return
		case room.Problem != begun.Problem && !told:
			told = true
			note(stderr, "Not in %q yet: %s. The guard keeps trying. The page: %s", room.Name, room.Problem, page)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// listenFor listens at an address, unless others could listen in on it.
func listenFor(address string, secure *tls.Config) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--listen %s: %w", address, err)
	}
	if err := httpapi.Servable(l, secure != nil); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("--listen: %w", err)
	}
	return l, nil
}

func pageURL(l net.Listener, secure *tls.Config) string {
	if secure != nil {
		return "https://" + l.Addr().String() + "/"
	}
	return "http://" + l.Addr().String() + "/"
}

// serveGuard runs a guard and its page until ctx ends.
func serveGuard(ctx context.Context, g *guard.Guard, l net.Listener, o httpapi.ServeOptions) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return g.Run(ctx) })
	group.Go(func() error { return httpapi.Serve(ctx, l, g.Handler(), o) })
	return group.Wait()
}

// options are those of the guard, and a function that closes what was opened for it.
func (o guardOptions) options(log *slog.Logger) (out guard.Options, closeAll func(), err error) {
	closeAll = func() {}
	out = guard.Options{
		Room: o.room, Grid: o.grid, Window: o.window, Shift: o.shift, Rule: o.rule, Threshold: o.threshold, Pages: dashboard.Handler(o.livekit), Hosts: o.hosts, Rate: o.requests, Log: log,
	}
	join := conference.Options{
		URL: o.livekit, Room: o.room, Name: "DeFakePro guard", Key: os.Getenv(livekitKeyVariable),
		Secret: os.Getenv(livekitSecretVariable), Token: os.Getenv(livekitTokenVariable), Log: log,
	}
	if join.Token == "" && (join.Key == "" || join.Secret == "") {
		return out, nil, fmt.Errorf("guard: needs %s and %s, or %s", livekitKeyVariable, livekitSecretVariable, livekitTokenVariable)
	}
	out.Conference = guard.LiveKit(join)
	if o.join {
		if join.Secret == "" {
			return out, nil, fmt.Errorf("guard: --join needs %s and %s, to make tokens of", livekitKeyVariable, livekitSecretVariable)
		}
		out.Invite = guard.Inviter(join)
	}
	if err := o.truth(&out, log); err != nil {
		return out, nil, err
	}
	if o.checks {
		out.Check = checker{o.truthOf(out)}.check
	}
	if o.webhook != "" {
		out.Webhook, err = webhook.New(webhook.Options{URL: o.webhook, Secret: []byte(os.Getenv(webhookSecretVariable)), Log: log})
		if err != nil {
			return out, nil, fmt.Errorf("--webhook, %s: %w", webhookSecretVariable, err)
		}
	}
	if o.history != "" {
		if out.History, err = history.Open(o.history, history.Options{Keep: o.keep}); err != nil {
			return out, nil, err
		}
		closeAll = func() { _ = out.History.Close() }
	}
	if out.Tokens, out.Zone = o.tokens, o.zone; o.audit != "" {
		if out.Audit, err = capability.OpenAudit(o.audit, 0); err != nil {
			closeAll()
			return out, nil, fmt.Errorf("--audit: %w", err)
		}
		closeHistory := closeAll
		closeAll = func() {
			closeHistory()
			if err := out.Audit.Close(); err != nil {
				log.Error("--audit", slog.Any("err", err))
			}
		}
	}
	return out, closeAll, nil
}

// truth opens what streams are compared with.
func (o guardOptions) truth(out *guard.Options, log *slog.Logger) error {
	var err error
	switch {
	case o.reference != "":
		out.Reference, err = guard.OpenReference(o.reference, o.grid)
		return err
	case len(o.ledger) > 0:
		var genesis []byte
		if o.genesis != "" {
			if genesis, err = readBounded(o.genesis, 16<<20); err != nil {
				return err
			}
		}
		urls := make([]string, len(o.ledger))
		for i, u := range o.ledger {
			urls[i] = strings.TrimSpace(u)
		}
		secure, err := clientTLS(o.ca, o.tlsCert, o.tlsKey)
		if err != nil {
			return err
		}
		out.Committee, err = guard.NewCommittee(urls, genesis, httpapi.ClientOptions{TLS: secure, Token: os.Getenv(ledgerTokenVariable), Log: log}, nil)
		if err != nil {
			return fmt.Errorf("--ledger, --genesis: %w", err)
		}
	}
	return nil
}
