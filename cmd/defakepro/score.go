// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/poenf"
	"github.com/defakepro/defakepro/report"
)

type scoreOptions struct {
	rule   poenf.Rule
	faulty int
	json   bool
}

func newScoreCommand() *cobra.Command {
	opts := scoreOptions{faulty: -1}
	c := &cobra.Command{
		Use:   "score PROOFS.csv",
		Short: "Score one round's proofs",
		Long: `Score does offline what a committee does each round: it scores every member's proof against the others, and makes the
truth E* of them. PROOFS.csv (or - for the standard input) has a row for each member: its name, then its frequency at each second of the round, in hertz.

The lower a score, the better: it is the sum of a proof's squared distances, in squared microhertz, to the m-f-2 others nearest to it, of m (Krum).
With --rule krum the truth is the proof of the lowest score, as in the paper; with median it is made of all, value by value, which liars move less.
A row that a committee would not admit (missing or impossible values, another length, a name that was there before) is left out, and that is said.

Exit status: 0, or 3 for a wrong call or unreadable input.`,
		Example: `  defakepro score round.csv
  defakepro score round.csv --rule krum --f 3 --json`,
		Args: oneArgument("PROOFS.csv"),
		RunE: func(c *cobra.Command, args []string) error { return runScore(c, opts, args[0]) },
	}
	f := c.Flags()
	f.TextVar(&opts.rule, "rule", poenf.Median, "what makes the truth: `median|krum`")
	f.IntVar(&opts.faulty, "f", -1, "members that may lie, from 0; (members-3)/2 if not given, as the authors' code has it")
	f.BoolVar(&opts.json, "json", false, "print JSON")
	return c
}

// proofTable is a round's proofs as a file has them.
type proofTable struct {
	nominal int
	names   []string
	vectors [][]int32
	refused map[string]string // by name, or "row N"
}

func runScore(c *cobra.Command, opts scoreOptions, path string) error {
	t, err := readProofs(path, c.InOrStdin())
	if err != nil {
		return err
	}
	m := len(t.names)
	f := opts.faulty
	switch {
	case !c.Flags().Changed("f"):
		f = max(0, (m-3)/2)
	case f < 0:
		return fmt.Errorf("score: --f %d: must not be below 0", f)
	case f > mostLiars(opts.rule, m):
		return fmt.Errorf("score: --f %d: with the rule %s %d proofs bear at most %d liars", f, opts.rule, m, mostLiars(opts.rule, m))
	}
	o, err := poenf.Select(opts.rule, t.names, t.vectors, f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, who := range slices.Sorted(maps.Keys(t.refused)) {
		note(c.ErrOrStderr(), "%s: left out %s: %s", path, who, t.refused[who])
	}
	if opts.json {
		return writeScoreJSON(c.OutOrStdout(), opts.rule, f, t, o)
	}
	return writeScore(c.OutOrStdout(), opts.rule, f, t, o)
}

// mostLiars is how many of m proofs may be lies: Krum needs 2f+3 of them, the median 2f+1.
func mostLiars(rule poenf.Rule, m int) int {
	if rule == poenf.Krum {
		return max(0, (m-3)/2)
	}
	return max(0, (m-1)/2)
}

// mostProofs is the most bytes of a file of proofs: every member there can be, with as many values as there can be.
const mostProofs = poenf.MaxMembers * poenf.MaxLength * 32

// readProofs reads the proofs at path.
func readProofs(path string, stdin io.Reader) (proofTable, error) {
	r, name := stdin, "standard input"
	if path != "-" {
		name = path
		f, err := os.Open(path)
		if err != nil {
			return proofTable{}, fmt.Errorf("%s: %w", path, withoutPath(err))
		}
		defer func() { _ = f.Close() }() // read only
		r = f
	}
	data, err := io.ReadAll(io.LimitReader(r, mostProofs+1))
	if err == nil && len(data) > mostProofs {
		err = fmt.Errorf("more than %d bytes, which no round has", mostProofs)
	}
	var t proofTable
	if err == nil {
		t, err = parseProofs(bytes.NewReader(data))
	}
	if err != nil {
		return proofTable{}, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// parseProofs reads rows of a name and frequencies. Rows that cannot be proofs are noted as refused.
func parseProofs(r io.Reader) (proofTable, error) {
	in := csv.NewReader(r)
	in.Comment, in.FieldsPerRecord, in.TrimLeadingSpace = '#', -1, true
	rows, err := in.ReadAll()
	if err != nil {
		return proofTable{}, fmt.Errorf("not a CSV of proofs: %w", err)
	}
	if len(rows) > 0 && len(rows[0]) > 1 && !isNumber(rows[0][1]) && strings.EqualFold(rows[0][0], "member") {
		rows = rows[1:]
	}
	if len(rows) == 0 {
		return proofTable{}, errors.New("holds no proofs; want rows of a member's name and its frequencies in hertz")
	}
	if len(rows) > poenf.MaxMembers {
		return proofTable{}, fmt.Errorf("%d proofs: a committee has at most %d members", len(rows), poenf.MaxMembers)
	}
	t := proofTable{refused: map[string]string{}}
	parsed := make([][]float64, len(rows))
	for i, row := range rows {
		parsed[i] = parseFrequencies(row[1:])
	}
	length := 0
	if t.nominal, length, err = common(parsed); err != nil {
		return proofTable{}, err
	}
	for i, row := range rows {
		name := strings.TrimSpace(row[0])
		values, err := quantise(parsed[i], t.nominal, length)
		switch {
		case name == "":
			t.refused[fmt.Sprintf("row %d", i+1)] = "it has no name"
		case slices.Contains(t.names, name):
			t.refused[fmt.Sprintf("row %d", i+1)] = name + " was there before"
		case err != nil:
			t.refused[name] = err.Error()
		default:
			t.names, t.vectors = append(t.names, name), append(t.vectors, values)
		}
	}
	if len(t.names) == 0 {
		return proofTable{}, fmt.Errorf("none of its %d rows is a proof: %s", len(rows), t.refused[slices.Sorted(maps.Keys(t.refused))[0]])
	}
	return t, nil
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return err == nil
}

// parseFrequencies reads numbers; what is none becomes NaN.
func parseFrequencies(fields []string) []float64 {
	out := make([]float64, len(fields))
	for i, s := range fields {
		v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil {
			v = math.NaN()
		}
		out[i] = v
	}
	return out
}

// common returns what most rows agree on: the grid that their values are near, and their length.
func common(rows [][]float64) (nominal, length int, err error) {
	grids, lengths := map[int]int{}, map[int]int{}
	for _, row := range rows {
		lengths[len(row)]++
		for _, g := range []int{50, 60} {
			for _, v := range row {
				if math.Abs(v-float64(g)) <= poenf.MaxOffset*1e-6 {
					grids[g]++
				}
			}
		}
	}
	nominal = 50
	if grids[60] > grids[50] {
		nominal = 60
	}
	if grids[nominal] == 0 {
		return 0, 0, errors.New("holds no frequency within 1 Hz of 50 or 60 Hz")
	}
	for n, count := range lengths {
		if count > lengths[length] || count == lengths[length] && n > length {
			length = n
		}
	}
	if length < 2 || length > poenf.MaxLength {
		return 0, 0, fmt.Errorf("%d values a proof: must be from 2 to %d", length, poenf.MaxLength)
	}
	return nominal, length, nil
}

// quantise returns the values in µHz from nominal.
func quantise(hz []float64, nominal, length int) ([]int32, error) {
	if len(hz) != length {
		return nil, fmt.Errorf("%d values, the others have %d", len(hz), length)
	}
	return ledger.Offsets(hz, nominal)
}

// hertz returns offsets from nominal in hertz.
func hertz(nominal int, offsets []int32) []float64 {
	out := make([]float64, len(offsets))
	for i, v := range offsets {
		out[i] = ledger.Hertz(nominal, v)
	}
	return out
}

type jsonScore struct {
	Rule    poenf.Rule        `json:"rule"`
	F       int               `json:"f"`
	Nominal int               `json:"nominal_hz"`
	Winner  string            `json:"winner"`
	Scores  map[string]uint64 `json:"scores"`
	Inliers []string          `json:"inliers"`
	Refused map[string]string `json:"refused"`
	Spread  float64           `json:"spread_hz"`
	Truth   []float64         `json:"truth_hz"`
}

func writeScoreJSON(w io.Writer, rule poenf.Rule, f int, t proofTable, o poenf.Outcome) error {
	out := jsonScore{
		Rule: rule, F: f, Nominal: t.nominal, Winner: t.names[o.Winner], Scores: map[string]uint64{}, Inliers: []string{}, Refused: t.refused,
		Spread: float64(o.Spread) * 1e-6, Truth: hertz(t.nominal, o.Truth),
	}
	for i, name := range t.names {
		out.Scores[name] = o.Scores[i]
		if o.Inliers[i] {
			out.Inliers = append(out.Inliers, name)
		}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

func writeScore(w io.Writer, rule poenf.Rule, f int, t proofTable, o poenf.Outcome) error {
	order := make([]int, len(t.names))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(o.Scores[a], o.Scores[b]), strings.Compare(t.names[a], t.names[b]))
	})
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(tw, "member\tscore, µHz²\t")
	for _, i := range order {
		note := ""
		switch {
		case i == o.Winner:
			note = "winner"
		case !o.Inliers[i]:
			note = "outlier"
		}
		_, _ = fmt.Fprintf(tw, "%s\t%d\t%s\n", report.Printable(t.names[i]), o.Scores[i], note)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nE* by %s, f = %d, of %d proofs of %d values: mean %.6f Hz, spread %.3f mHz\n",
		rule, f, len(t.names), len(o.Truth), ledger.MeanHertz(t.nominal, o.Truth), float64(o.Spread)*1e-3)
	return err
}
