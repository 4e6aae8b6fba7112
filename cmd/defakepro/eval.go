// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
	"github.com/defakepro/defakepro/internal/eval"
	"github.com/defakepro/defakepro/internal/eval/faults"
)

// evalSeed is what all chance in an evaluation comes from, so that one machine's tables are another's.
const evalSeed = 1

type evalOptions struct {
	dir   string
	quick bool
	data  string
	drill faults.Options
	paperOptions
}

// evaluation is one experiment: it measures, saying on a line each how far it is, and returns what to write down.
type evaluation struct {
	name, what string
	run        func(ctx context.Context, o evalOptions, say func(string)) (evalReport, error)
}

// evalReport is what an experiment found.
type evalReport interface {
	// WriteMarkdown writes it as a page.
	WriteMarkdown(io.Writer) error
	// WriteCSV writes it as a table with a row for each case.
	WriteCSV(io.Writer) error
}

func evaluations() []evaluation {
	return append(paperParts(), []evaluation{
		{"all", "all of the above, and a page that shows them", evalAll},
		{"audio", "ENF from hum with the phase of real mains, under noise, speech and codecs; needs ffmpeg and --data", evalAudio},
		{"video", "ENF from rendered video, through encoders, against the truth; needs ffmpeg", evalVideo},
		{"localise", "where edits are found, in simulated recordings and, with --data, in real ones; an hour", evalLocalise},
		{"calls", "how soon a guard flags a deepfake in simulated calls, and how often wrongly; recorded grids with --data", evalCalls},
		{"faults", "a committee of processes under kill -9, partitions, slow links, wrong clocks, full disks and liars", evalFaults},
		{"poenf", "what liars do to a committee's truth, and the paper's rule against its authors' code", evalPoENF},
	}...)
}

func newEvalCommand() *cobra.Command {
	opts := evalOptions{data: os.Getenv("DEFAKEPRO_DATA")}
	var names []string
	var long strings.Builder
	long.WriteString("Eval measures DeFakePro and prints the result as Markdown, or with -o writes it as NAME.md and NAME.csv. The tables under\n" +
		"docs/results are its output.\n\n")
	for _, e := range evaluations() {
		names = append(names, e.name)
		fmt.Fprintf(&long, "    %-8s  %s\n", e.name, e.what)
	}
	c := &cobra.Command{
		Use:     "eval " + strings.Join(names, "|"),
		Short:   "Measure how well it works",
		Long:    strings.TrimSpace(long.String()),
		Example: "  defakepro eval video --quick\n  defakepro eval faults --nodes 7 -o docs/results",
		Args:    oneArgument("experiment"),
		RunE: func(c *cobra.Command, args []string) error {
			for _, e := range evaluations() {
				if e.name == args[0] {
					return runEval(c, opts, e)
				}
			}
			return fmt.Errorf("eval: no experiment %q; there is %s", args[0], strings.Join(names, ", "))
		},
	}
	f := c.Flags()
	f.StringVarP(&opts.dir, "output", "o", "", "write NAME.md and NAME.csv into this `DIR` instead of printing")
	f.BoolVar(&opts.quick, "quick", false, "a small part of it, in about a minute")
	f.StringVar(&opts.data, "data", opts.data, "`DIR` of real recordings (default $DEFAKEPRO_DATA)")
	opts.addFlags(c)
	f.IntVar(&opts.drill.Nodes, "nodes", 4, "faults: so many nodes, 4 to 10")
	f.Uint64Var(&opts.drill.Seed, "seed", evalSeed, "faults: what chance comes from")
	f.StringVar(&opts.drill.Only, "only", "", "faults: the `SCENARIO` of that name alone")
	f.BoolVar(&opts.drill.Keep, "keep", false, "faults: leave the nodes' homes and logs, and say where they are")
	f.BoolVar(&opts.drill.Loopback, "loopback", false, "faults: no network namespaces, even where there may be")
	return c
}

// pages names the pages that are not called as their experiment is.
var pages = map[string]string{"all": "paper", "localise": "localisation"}

func runEval(c *cobra.Command, opts evalOptions, e evaluation) error {
	page, table := &output{}, &output{}
	if opts.dir != "" {
		err := os.MkdirAll(opts.dir, 0o755)
		if err != nil {
			return err
		}
		name := cmp.Or(pages[e.name], e.name)
		if page, err = createOutput(filepath.Join(opts.dir, name+".md")); err != nil {
			return err
		}
		defer page.discard()
		if table, err = createOutput(filepath.Join(opts.dir, name+".csv")); err != nil {
			return err
		}
		defer table.discard()
	}
	report, err := e.run(c.Context(), opts, func(line string) { note(c.ErrOrStderr(), "%s", line) })
	if err != nil {
		return err
	}
	var failed error
	if f, ok := report.(interface{ Failed() error }); ok {
		failed = f.Failed()
	}
	if files, ok := report.(interface{ Files() []eval.File }); ok && opts.dir != "" {
		return errors.Join(page.commit(nil, report.WriteMarkdown), writeFiles(opts.dir, files.Files()))
	}
	if opts.dir == "" {
		return errors.Join(page.commit(c.OutOrStdout(), report.WriteMarkdown), failed)
	}
	return errors.Join(page.commit(nil, report.WriteMarkdown), table.commit(nil, report.WriteCSV), failed)
}

// writeFiles writes each into a folder.
func writeFiles(dir string, files []eval.File) error {
	for _, f := range files {
		out, err := createOutput(filepath.Join(dir, f.Name))
		if err != nil {
			return err
		}
		defer out.discard()
		if err := out.commit(nil, f.Write); err != nil {
			return err
		}
	}
	return nil
}

func evalFaults(ctx context.Context, o evalOptions, say func(string)) (evalReport, error) {
	var err error
	if o.drill.Program, err = os.Executable(); err != nil {
		return nil, err
	}
	o.drill.Quick, o.drill.Say = o.quick, say
	return faults.Run(ctx, o.drill)
}

func evalVideo(ctx context.Context, o evalOptions, say func(string)) (evalReport, error) {
	report := eval.VideoReport{Options: eval.VideoOptions{Seconds: 90, Seed: evalSeed}}
	cases := eval.VideoSample(o.quick)
	for r, err := range eval.Video(ctx, cases, report.Options) {
		if err != nil {
			return nil, err
		}
		report.Results = append(report.Results, r)
		say(fmt.Sprintf("%d of %d: %s: RMSE %.2f mHz in %.0f %% of the seconds", len(report.Results), len(cases), r, 1e3*r.RMSE, 100*r.Coverage))
	}
	return report, nil
}

func evalLocalise(ctx context.Context, o evalOptions, say func(string)) (evalReport, error) {
	return eval.Localise(ctx, o.data, o.quick, evalSeed, say)
}

func evalAudio(ctx context.Context, o evalOptions, say func(string)) (evalReport, error) {
	if o.data == "" {
		return nil, errors.New("eval audio: needs --data, or DEFAKEPRO_DATA: the folder that holds whu-mains")
	}
	report, recordings, silent := eval.AudioReport{Seconds: 300}, 4, 18
	if o.quick {
		report.Seconds, recordings, silent = 90, 1, 1
	}
	mains, err := eval.ReadMainsFolder(ctx, filepath.Join(o.data, "whu-mains"), enf.Grid50, recordings)
	if err != nil {
		return nil, err
	}
	for _, m := range mains {
		report.Mains = append(report.Mains, m.Name)
	}
	for r, err := range eval.Audio(ctx, mains, eval.AudioCases(o.quick), report.Seconds, evalSeed) {
		if err != nil {
			return nil, err
		}
		report.Results = append(report.Results, r)
		say(fmt.Sprintf("%s at %.0f dB-Hz: RMSE %.2f mHz in %.0f %% of the seconds", r, r.CN0, 1e3*r.RMSE, 100*r.Coverage))
	}
	for _, speech := range []bool{false, true} {
		f, err := eval.FalseAlarms(silent, speech, evalSeed)
		if err != nil {
			return nil, err
		}
		report.False = append(report.False, f)
		say(fmt.Sprintf("%s without hum: a value in %.2f %% of the seconds", f.What, 100*f.Share))
	}
	return report, nil
}

// grid returns a day or more of a grid at a value a second, a real one where there are recordings, and says which.
func (o evalOptions) grid() (enf.Series, string, error) {
	if o.data == "" {
		return enftest.NewGrid(evalSeed, enftest.GridOptions{Duration: 24 * time.Hour}).Series(), "a simulated grid", nil
	}
	s, err := enf.ReadFile(filepath.Join(o.data, "grid", "us60_2022-07.csv.gz"))
	return s.Resample(time.Second), "the US grid of July 2022", err
}

func evalPoENF(_ context.Context, o evalOptions, _ func(string)) (evalReport, error) {
	grid, source, err := o.grid()
	if err != nil {
		return nil, err
	}
	trials := 200
	if o.quick {
		trials = 20
	}
	report, err := eval.PoENF(grid, source, trials, evalSeed)
	if err != nil || o.data == "" {
		return report, err
	}
	var devices []enf.Series
	for _, name := range []string{"power", "device1", "device2", "device3"} {
		s, err := enf.ReadFile(filepath.Join(o.data, "econledger", name+".csv"))
		if err != nil {
			return nil, err
		}
		if s, _, err = s.Fundamental(enf.Grid60); err != nil { // the recorders' are of the fifth harmonic
			return nil, err
		}
		devices = append(devices, s)
	}
	return report, report.Real(devices, evalSeed)
}
