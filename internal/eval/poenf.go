// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/poenf"
)

// proofSeconds is the length of a proof in the paper and in a committee by default.
const proofSeconds = 60

// AttackResult is how far a kind of liars moved the truth of n members, f of them liars: root mean square errors in
// hertz, means over the trials.
type AttackResult struct {
	N, F  int
	Liars string
	// Mean is that of the plain mean; Krum that of the paper's rule with f = (n-3)/2, Median that of the default rule.
	Mean, Krum, Median float64
}

// AgreementResult is how often the winner was that of the authors' published algorithm.
type AgreementResult struct {
	N, F, Trials, Same int
	Liars              string
}

// PoENFReport is a run of [PoENF], to be written down.
type PoENFReport struct {
	Trials    int
	Source    string // of the truth
	Attacks   []AttackResult
	Agreement []AgreementResult
	// Devices is the same for members that are real: recorders, and the mains, of one hour.
	Devices []AgreementResult
}

// Real adds what the rule picks where the honest are real recorders of one time, a value a second; liars replay another
// time of theirs. All minutes are tried, with up to 45 % liars.
func (p *PoENFReport) Real(devices []enf.Series, seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 8))
	seconds := devices[0].Len()
	for _, d := range devices {
		seconds = min(seconds, d.Len())
	}
	for f := range 4 { // 3 of 7 are 43 %
		res := AgreementResult{N: len(devices) + f, F: f, Liars: "replay of another time, each its own"}
		for from := 0; from+proofSeconds <= seconds; from += proofSeconds {
			var vectors [][]int32
			for _, d := range devices {
				vectors = append(vectors, micro(d.Hz[from:from+proofSeconds]))
			}
			for range f {
				at := (from + 600 + r.IntN(seconds-1200)) % (seconds - proofSeconds)
				vectors = append(vectors, micro(devices[r.IntN(len(devices))].Hz[at:at+proofSeconds]))
			}
			same, err := sameWinner(vectors)
			if err != nil {
				return err
			}
			res.Trials++
			if same {
				res.Same++
			}
		}
		p.Devices = append(p.Devices, res)
	}
	return nil
}

// PoENF tries the rules of Proof-of-ENF on committees that see stretches of a real grid, 60 Hz, a value a second.
func PoENF(grid enf.Series, source string, trials int, seed uint64) (PoENFReport, error) {
	report := PoENFReport{Trials: trials, Source: source}
	r := rand.New(rand.NewPCG(seed, 7))
	for _, c := range []struct{ n, f int }{{10, 3}, {20, 6}, {50, 16}, {50, 23}} {
		for _, liars := range AllLiars {
			a, err := attack(r, grid, c.n, c.f, liars, trials)
			if err != nil {
				return report, err
			}
			report.Attacks = append(report.Attacks, a)
		}
	}
	for _, n := range []int{10, 20, 50, 100} {
		for _, share := range []float64{0, 0.15, 0.30, 0.45} {
			for _, liars := range AllLiars[1:3] {
				a, err := agree(r, grid, n, int(share*float64(n)), liars, trials)
				if err != nil {
					return report, err
				}
				report.Agreement = append(report.Agreement, a)
			}
		}
	}
	return report, nil
}

// stretch returns a random stretch of the grid without gaps.
func stretch(r *rand.Rand, grid enf.Series) ([]float64, error) {
	for range 1000 {
		from := r.IntN(grid.Len() - proofSeconds)
		hz := grid.Hz[from : from+proofSeconds]
		whole := true
		for _, v := range hz {
			whole = whole && math.Abs(v-float64(enf.Grid60)) < 0.9*poenf.MaxOffset*1e-6
		}
		if whole {
			return hz, nil
		}
	}
	return nil, errors.New("the grid's series has hardly a minute without gaps")
}

// round returns the proofs of a round, liars last, and its truth.
func round(r *rand.Rand, grid enf.Series, n, f int, liars Liars) (vectors [][]int32, truth []int32, err error) {
	hz, err := stretch(r, grid)
	if err != nil {
		return nil, nil, err
	}
	other, err := stretch(r, grid)
	if err != nil {
		return nil, nil, err
	}
	if liars.lie == nil {
		f = 0
	}
	vectors = members(r, hz, n-f)
	if f > 0 {
		vectors = append(vectors, liars.lie(r, vectors, other, f)...)
	}
	return vectors, micro(hz), nil
}

func attack(r *rand.Rand, grid enf.Series, n, f int, liars Liars, trials int) (AttackResult, error) {
	res := AttackResult{N: n, F: f, Liars: liars.Name}
	for range trials {
		vectors, truth, err := round(r, grid, n, f, liars)
		if err != nil {
			return res, err
		}
		krum, err := poenf.Select(poenf.Krum, memberNames(n), vectors, (n-3)/2)
		if err != nil {
			return res, err
		}
		median, err := poenf.Select(poenf.Median, memberNames(n), vectors, (n-1)/3)
		if err != nil {
			return res, err
		}
		mean, _ := spreads(vectors)
		plain := make([]int32, len(mean))
		for i, v := range mean {
			plain[i] = int32(math.Round(v))
		}
		res.Mean += distance(plain, truth) / float64(trials)
		res.Krum += distance(krum.Truth, truth) / float64(trials)
		res.Median += distance(median.Truth, truth) / float64(trials)
	}
	return res, nil
}

func agree(r *rand.Rand, grid enf.Series, n, f int, liars Liars, trials int) (AgreementResult, error) {
	res := AgreementResult{N: n, F: f, Trials: trials, Liars: liars.Name}
	for range trials {
		vectors, _, err := round(r, grid, n, f, liars)
		if err != nil {
			return res, err
		}
		r.Shuffle(n, func(i, j int) { vectors[i], vectors[j] = vectors[j], vectors[i] })
		same, err := sameWinner(vectors)
		if err != nil {
			return res, err
		}
		if same {
			res.Same++
		}
	}
	return res, nil
}

// sameWinner reports whether Krum picks what the authors' algorithm picks.
func sameWinner(vectors [][]int32) (bool, error) {
	n := len(vectors)
	o, err := poenf.Select(poenf.Krum, memberNames(n), vectors, max(0, (n-3)/2))
	if err != nil {
		return false, err
	}
	floats := make([][]float64, n)
	for i, v := range vectors {
		for _, x := range v {
			floats[i] = append(floats[i], ledger.Hertz(int(enf.Grid60), x))
		}
	}
	// Liars who say the same tie; floats may break a tie that is none by a rounding error. What counts is what is agreed on.
	w := authorsWinner(floats)
	return w == o.Winner || distance(vectors[w], vectors[o.Winner]) == 0, nil
}

func memberNames(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("m%03d", i)
	}
	return out
}

// distance is the root mean square difference of two vectors in µHz, in hertz.
func distance(a, b []int32) float64 {
	sum := 0.0
	for i := range a {
		d := 1e-6 * float64(a[i]-b[i])
		sum += d * d
	}
	return math.Sqrt(sum / float64(len(a)))
}

// WriteMarkdown writes both tables.
func (p PoENFReport) WriteMarkdown(w io.Writer) error {
	_, err := io.WriteString(w, wrapped(fmt.Sprintf(`# What liars do to a round

Committees of n members, f of them liars, who see minutes of %s with a noise of %.1f mHz and clock offsets of %.1f mHz.
Root mean square error of E* against the grid, in mHz, mean of %d rounds. Krum is the paper's rule with the authors'
f = (n-3)/2; its truth is one member's proof, so that an honest member's own noise is its least error. Liars know the
proofs of the honest. Written by `+"`defakepro eval poenf`"+`.

| n | f | liars | mean | krum | median |
|---|---|---|---|---|---|
`, p.Source, 1e3*memberNoise, 1e3*memberOffset, p.Trials)))
	if err != nil {
		return err
	}
	for _, a := range p.Attacks {
		if _, err := fmt.Fprintf(w, "| %d | %d | %s | %.2f | %.2f | %.2f |\n", a.N, a.F, a.Liars, 1e3*a.Mean, 1e3*a.Krum, 1e3*a.Median); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(w, `
## The paper's rule
How often `+"`--rule krum`"+` picks what the authors' published algorithm (in floats) picks, of %d rounds.

| n | liars | | same |
|---|---|---|---|
`, p.Trials)
	if err != nil {
		return err
	}
	for _, a := range p.Agreement {
		if _, err := fmt.Fprintf(w, "| %d | %d | %s | %d |\n", a.N, a.F, a.Liars, a.Same); err != nil {
			return err
		}
	}
	if len(p.Devices) == 0 {
		return nil
	}
	if _, err := fmt.Fprint(w, "\nThe same with real members: three recorders and the mains of one hour (EconLedger), each of its minutes a round.\n\n"+
		"| n | liars | | rounds | same |\n|---|---|---|---|---|\n"); err != nil {
		return err
	}
	for _, a := range p.Devices {
		if _, err := fmt.Fprintf(w, "| %d | %d | %s | %d | %d |\n", a.N, a.F, a.Liars, a.Trials, a.Same); err != nil {
			return err
		}
	}
	return nil
}

// WriteCSV writes the attacks.
func (p PoENFReport) WriteCSV(w io.Writer) error {
	rows := [][]string{{"n", "f", "liars", "mean_hz", "krum_hz", "median_hz"}}
	for _, a := range p.Attacks {
		rows = append(rows, []string{strconv.Itoa(a.N), strconv.Itoa(a.F), a.Liars, number(a.Mean), number(a.Krum), number(a.Median)})
	}
	return csv.NewWriter(w).WriteAll(rows)
}
