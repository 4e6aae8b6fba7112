// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Result is what became of a scenario.
type Result struct {
	Scenario string
	// Skipped says why it was not run; empty when it was.
	Skipped string
	// Rounds is how many were closed, and Void how many between them were not.
	Rounds, Void int
	// Disagreements counts the rounds of which two nodes say different things, Lost the closed ones that a node lacks.
	Disagreements, Lost int
	// Recovery is the longest time from the end of a fault to a round at every node that was closed after it.
	Recovery time.Duration
	// RSS is the most resident memory of a node, in bytes; 0 where it cannot be measured.
	RSS uint64
	// Away is the farthest that a round's truth was outside the range of what its honest members saw, in µHz, and Bound how
	// far it may be.
	Away, Bound int32
	// Took is how long the scenario took.
	Took time.Duration
	// Notes are what else was seen, Failures what should not have been.
	Notes, Failures []string
}

func (r *Result) fail(err error) {
	if err != nil {
		r.Failures = append(r.Failures, strings.Join(strings.Fields(err.Error()), " "))
	}
}

// mostFailures is how many of a kind are named.
const mostFailures = 5

func (r *Result) failAll(what []string) {
	for i, w := range what {
		if i == mostFailures {
			r.Failures = append(r.Failures, fmt.Sprintf("and %d more", len(what)-i))
			return
		}
		r.Failures = append(r.Failures, w)
	}
}

func (r *Result) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// String says in a line what became of the scenario.
func (r Result) String() string {
	if r.Skipped != "" {
		return r.Scenario + ": skipped: " + r.Skipped
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d rounds closed, %d void, %d disagreements, %d lost, recovered in %.1f s, %d MiB; took %.0f s", r.Scenario, r.Rounds, r.Void,
		r.Disagreements, r.Lost, r.Recovery.Seconds(), r.RSS>>20, r.Took.Seconds())
	for _, f := range r.Failures {
		b.WriteString("\n  FAILED: " + f)
	}
	return b.String()
}

// Report is what a drill found.
type Report struct {
	Options Options
	// Network says what the nodes were connected by, and Why it was nothing better.
	Network, Why string
	Results      []Result
}

// Failed returns an error when anything happened that should not.
func (r Report) Failed() error {
	var names []string
	for _, s := range r.Results {
		if len(s.Failures) > 0 {
			names = append(names, s.Scenario)
		}
	}
	if names == nil {
		return nil
	}
	return fmt.Errorf("%d of %d scenarios failed: %s", len(names), len(r.Results), strings.Join(names, ", "))
}

const head = `# Faults

Real processes (` + "`defakepro node`" + `) with real sockets, all members proving a round every second over the last %d;
repeat it with ` + "`defakepro eval faults --nodes %d --seed %d`" + `. %d nodes, all of them validators, and %d members in all;
up to f = %d of either may fail.
The network: %s.

After each scenario the ledgers of all nodes are compared, with each other and with what each node served while it ran.
Agreement, no lost round, the truth's bound (poenf.Select), evidence against those who deserve it and no others, and a
node's memory (at most %d MiB) are required; times are measured. *Recovery* is from the end of the fault to a round at
every node that was closed after it; where there are several faults, the longest. *Off* is how far the truth of any round
was outside what its honest members saw in that second, and how far it may be.

| scenario | rounds closed | void | disagreements | lost | recovery, s | off, mHz | max RSS, MiB | |
|---|---|---|---|---|---|---|---|---|
`

// WriteMarkdown writes the report as a page.
func (r Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	f := r.Options.faulty()
	network := r.Network
	if r.Why != "" {
		network += " (" + r.Why + ")"
	}
	fmt.Fprintf(&b, head, length, r.Options.Nodes, r.Options.Seed, r.Options.Nodes, max(r.Options.Nodes, 3*f+3), f, network, memoryBound>>20)
	for _, s := range r.Results {
		if s.Skipped != "" {
			fmt.Fprintf(&b, "| %s | – | – | – | – | – | – | – | skipped |\n", s.Scenario)
			continue
		}
		verdict := "held"
		if len(s.Failures) > 0 {
			verdict = "**failed**"
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %.1f | %.2f of %.2f | %d | %s |\n", s.Scenario, s.Rounds, s.Void, s.Disagreements, s.Lost,
			s.Recovery.Seconds(), float64(s.Away)/1e3, float64(s.Bound)/1e3, s.RSS>>20, verdict)
	}
	b.WriteString("\n")
	for _, s := range r.Results {
		var lines []string
		if s.Skipped != "" {
			lines = append(lines, "skipped: "+s.Skipped)
		}
		for _, failure := range s.Failures {
			lines = append(lines, "failed: "+failure)
		}
		lines = append(lines, s.Notes...)
		if len(lines) > 0 {
			fmt.Fprintf(&b, "- **%s**: %s.\n", s.Scenario, strings.Join(lines, "; "))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteCSV writes the report as a table.
func (r Report) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"scenario", "skipped", "rounds_closed", "rounds_void", "disagreements", "lost", "recovery_s", "off_uhz", "bound_uhz", "max_rss_bytes", "failures"}}
	for _, s := range r.Results {
		rows = append(rows, []string{
			s.Scenario, s.Skipped, strconv.Itoa(s.Rounds), strconv.Itoa(s.Void), strconv.Itoa(s.Disagreements), strconv.Itoa(s.Lost),
			strconv.FormatFloat(s.Recovery.Seconds(), 'f', 3, 64), strconv.Itoa(int(s.Away)), strconv.Itoa(int(s.Bound)),
			strconv.FormatUint(s.RSS, 10), strings.Join(s.Failures, "; "),
		})
	}
	return out.WriteAll(rows)
}
