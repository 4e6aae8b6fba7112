// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/monitor"
	"github.com/defakepro/defakepro/sim"
)

// The demo's length, from when all are in the call; how much of it comes before the deepfake, if that is more than it
// takes for first verdicts; and the least that comes after it begins.
const (
	demoUsual    = 3 * time.Minute
	demoShortest = 90 * time.Second
	demoLongest  = 24 * time.Hour
	demoHonest   = 5 // ninths
	demoVerdicts = 100 * time.Second
	demoAfter    = 40 * time.Second
	demoNodes    = 4
)

// demoNames are those who take part; the last one turns.
var demoNames = []string{"Ada", "Ben", "Chloe", "Mallory"}

type demoOptions struct {
	seconds   time.Duration
	noBrowser bool
	listen    string
	attack    sim.Kind
	seed      uint64
	out       string
	alone     bool
}

func newDemoCommand() *cobra.Command {
	opts := demoOptions{seconds: demoUsual, listen: defaultGuardListen, attack: sim.Replace, seed: 1}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Watch a real call in which somebody turns deepfake",
		Long: `Demo shows the whole of it on this machine: a LiveKit server (built by the go command if there is none, which takes some minutes, once), a committee of
four nodes that listen to a simulated mains, a call of four participants who send real encoded sound and picture, and the guard with its page. After
a while one participant's stream is no longer live; nobody tells the guard.

Exit status: 0 if the deepfake was flagged after it began, and nobody else ever was; else 3.`,
		Example: `  defakepro demo
  defakepro demo --seconds 150 --no-browser --attack foreign`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return runDemo(c.Context(), opts, c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.Var(durationFlag{&opts.seconds, demoShortest, demoLongest}, "seconds", "length of the call; what comes before it takes half a minute")
	f.BoolVar(&opts.noBrowser, "no-browser", false, "do not open the page in a browser")
	f.StringVar(&opts.listen, "listen", opts.listen, "serve the page at `ADDRESS`, host:port; another port is taken if it is in use")
	f.Var(choiceFlag[sim.Kind]{&opts.attack, []sim.Kind{sim.Replace, sim.Foreign, sim.Mute, sim.Insert, sim.Cut, sim.Camera, sim.Face, sim.Reface}}, "attack",
		"what the deepfake is: see sim")
	f.Uint64Var(&opts.seed, "seed", opts.seed, "the `NUMBER` that stands for the grid, the rooms and the people")
	f.BoolVar(&opts.alone, "no-committee", false, "no nodes: the guard makes a truth of the participants' own streams")
	f.StringVar(&opts.out, "out", "", "keep the nodes' homes, logs and the history of verdicts in this `FOLDER`")
	return c
}

// story tells what happens, each line with the time since the call began.
type story struct {
	w     io.Writer
	began time.Time
}

func (s *story) say(format string, args ...any) {
	at := "      "
	if !s.began.IsZero() {
		d := time.Since(s.began).Truncate(time.Second)
		at = fmt.Sprintf("%3d:%02d", int(d.Minutes()), int(d.Seconds())%60)
	}
	note(s.w, "%s  %s", at, fmt.Sprintf(format, args...))
}

func runDemo(ctx context.Context, opts demoOptions, stdout io.Writer) error {
	tell := &story{w: stdout}
	dir := opts.out
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "defakepro-demo-"); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
	} else if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make the folder %s: %w", dir, withoutPath(err))
	}
	s, err := newStage(ctx, opts, dir, tell)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer s.strike()
	page := "http://" + s.page.Addr().String() + "/"
	tell.say("The page: %s", page)
	if !opts.noBrowser {
		openBrowser(ctx, page)
	}
	if err := s.waitForTruth(ctx); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if err := s.call(); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	watching, end := context.WithTimeout(ctx, opts.seconds)
	defer end()
	seen := s.follow(watching)
	if err := s.failed(); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return seen.summary(tell, s)
}

// outcome is what the guard said in the course of a call.
type outcome struct {
	// flagged are those called forged, by name, and when first.
	flagged map[string]time.Time
	reason  string // that the deepfake was flagged for
}

// follow tells verdicts as they change, until ctx ends.
func (s *stage) follow(ctx context.Context) outcome {
	seen := outcome{flagged: make(map[string]time.Time)}
	go s.announce(ctx)
	for e := range s.guard.Monitor().Follow(ctx) {
		if e.Channel != "" {
			continue
		}
		name := e.Person.Name
		s.tell.say("%-8s %s", name, verdictLine(e, s.attackAt))
		if _, known := seen.flagged[name]; e.Verdict == detect.Forged && !known {
			seen.flagged[name] = e.Time
			if name == s.deepfake() {
				seen.reason = e.Reason
			}
		}
	}
	return seen
}

func verdictLine(e monitor.Event, attackAt time.Time) string {
	word := string(e.Verdict)
	if e.Verdict == detect.Forged {
		word = "FORGED"
		if e.Time.After(attackAt) {
			word += fmt.Sprintf(" (%.0f s after it began)", e.Time.Sub(attackAt).Seconds())
		}
	}
	return word + ": " + e.Reason
}

// announce says when the deepfake begins.
func (s *stage) announce(ctx context.Context) {
	wait := time.NewTimer(time.Until(s.attackAt))
	defer wait.Stop()
	select {
	case <-ctx.Done():
	case <-wait.C:
		s.tell.say("Now %s is no longer live (%s). Nobody tells the guard.", s.deepfake(), attackWords(s.options.attack))
	}
}

// attackWords says what an attack is.
func attackWords(k sim.Kind) string {
	return map[sim.Kind]string{
		sim.Replace: "a recording of an hour ago is played", sim.Foreign: "cloned voice and picture from another grid",
		sim.Mute: "cloned voice and picture without any hum", sim.Insert: "a recording is put in, then it goes on late",
		sim.Cut: "something is cut out", sim.Camera: "a recording through a virtual camera", sim.Face: "another face under steady light",
		sim.Reface: "a face from another recording",
	}[k]
}

// summary says how it went, and returns an error unless the deepfake was flagged, after it began, and nobody else.
func (o outcome) summary(tell *story, s *stage) error {
	var wrong []string
	for _, name := range demoNames {
		if _, flagged := o.flagged[name]; flagged && name != s.deepfake() {
			wrong = append(wrong, name)
		}
	}
	at, found := o.flagged[s.deepfake()]
	switch {
	case !found:
		tell.say("%s was NOT flagged.", s.deepfake())
		return errors.New("demo: the deepfake was not flagged")
	case at.Before(s.attackAt):
		return fmt.Errorf("demo: %s was flagged before the deepfake began", s.deepfake())
	case len(wrong) > 0:
		tell.say("%s was flagged, and wrongly %s.", s.deepfake(), strings.Join(wrong, " and "))
		return fmt.Errorf("demo: flagged without cause: %s", strings.Join(wrong, ", "))
	}
	tell.say("%s was flagged %.0f s after turning deepfake; nobody else was.", s.deepfake(), at.Sub(s.attackAt).Seconds())
	if s.options.out != "" {
		tell.say("Kept: %s", filepath.Join(s.dir, "history.sqlite"))
	}
	return nil
}

// openBrowser shows a page where there is a desktop to show it on. That it could not is no failure of the demo.
func openBrowser(ctx context.Context, page string) {
	opener := "xdg-open"
	switch {
	case runtime.GOOS == "darwin":
		opener = "open"
	case os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "":
		return
	}
	_ = exec.CommandContext(context.WithoutCancel(ctx), opener, page).Start()
}

// listenNear listens at an address, or on another port if that one is in use.
func listenNear(address string) (net.Listener, error) {
	l, err := listenFor(address, nil)
	if err == nil {
		return l, nil
	}
	host, _, bad := net.SplitHostPort(address)
	if bad != nil {
		return nil, err
	}
	return listenFor(net.JoinHostPort(host, "0"), nil)
}

// demoGrid is the grid of the demo.
const demoGrid = enf.Grid60
