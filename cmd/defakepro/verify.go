// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/poenf"
)

// statusInvalid is verify's for a certificate that does not hold.
const statusInvalid exitStatus = 1

type verifyOptions struct {
	genesis, trusted string
	json             bool
}

func newVerifyCommand() *cobra.Command {
	var opts verifyOptions
	c := &cobra.Command{
		Use:   "verify CERT.json --genesis GENESIS.json",
		Short: "Check a round's certificate, offline",
		Long: `Verify checks that a committee agreed on the round that CERT.json certifies, and prints the round. It asks nobody: the votes of the committee's
validators are in the certificate, and who these are is in the committee's genesis, which you have from the committee itself (node --home has it as
config/genesis.json). In the place of the genesis may stand a block that you trust, with --block.

Exit status: 0 if the certificate holds, 1 if it does not, 3 for a wrong call or unreadable input.`,
		Example: `  defakepro verify round.json --genesis genesis.json`,
		Args:    oneArgument("CERT.json"),
		RunE:    func(c *cobra.Command, args []string) error { return runVerify(c, opts, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&opts.genesis, "genesis", "", "`FILE`, the committee's genesis")
	f.StringVar(&opts.trusted, "block", "", "`FILE`, a block that you trust, in the form that it has in a certificate")
	f.BoolVar(&opts.json, "json", false, "print JSON")
	return c
}

func runVerify(c *cobra.Command, opts verifyOptions, path string) error {
	if (opts.genesis == "") == (opts.trusted == "") {
		return errors.New("verify: needs --genesis or --block: whom to believe")
	}
	root, err := readRoot(opts)
	if err != nil {
		return err
	}
	file, err := readBounded(path, comet.MaxCertificate)
	if err != nil {
		return err
	}
	var certificate comet.Certificate
	if err := json.Unmarshal(file, &certificate); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	round := certificate.Round
	if err := certificate.Verify(root); err != nil {
		note(c.ErrOrStderr(), "%s does not hold: %v", path, err)
		return statusInvalid
	}
	if opts.json {
		return writeRoundJSON(c.OutOrStdout(), round)
	}
	return writeRound(c.OutOrStdout(), round)
}

func readRoot(opts verifyOptions) (comet.Root, error) {
	path, trust := opts.genesis, comet.TrustGenesis
	if opts.trusted != "" {
		path, trust = opts.trusted, comet.TrustBlock
	}
	file, err := readBounded(path, comet.MaxCertificate)
	if err != nil {
		return comet.Root{}, err
	}
	root, err := trust(file)
	if err != nil {
		return comet.Root{}, fmt.Errorf("%s: %w", path, err)
	}
	return root, nil
}

// readBounded reads a file of at most so many bytes.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, withoutPath(err))
	}
	defer func() { _ = f.Close() }() // read only
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, withoutPath(err))
	case int64(len(data)) > most:
		return nil, fmt.Errorf("%s: more than %d bytes", path, most)
	}
	return data, nil
}

type jsonRound struct {
	Valid   bool         `json:"valid"`
	Round   uint64       `json:"round"`
	From    string       `json:"from"`
	To      string       `json:"to"`
	Nominal int          `json:"nominal_hz"`
	Rule    poenf.Rule   `json:"rule"`
	F       int          `json:"f"`
	Winner  string       `json:"winner"`
	Spread  float64      `json:"spread_hz"`
	Members []jsonMember `json:"members"`
	Truth   []float64    `json:"truth_hz"`
	Closed  string       `json:"closed"`
}

type jsonMember struct {
	Name   string `json:"member"`
	Proof  string `json:"proof_sha256"`
	Score  uint64 `json:"score"`
	Inlier bool   `json:"inlier"`
}

// span returns the first second of the round and the first after it.
func span(r poenf.Round) (from, to time.Time) {
	from = time.Unix(r.Start, 0).UTC()
	return from, from.Add(time.Duration(len(r.Truth)) * time.Second)
}

func writeRoundJSON(w io.Writer, r poenf.Round) error {
	from, to := span(r)
	out := jsonRound{
		Valid: true, Round: r.Number, From: from.Format(time.RFC3339), To: to.Format(time.RFC3339), Nominal: r.Nominal, Rule: r.Rule, F: r.Faulty,
		Winner: r.Winner, Spread: float64(r.Spread) * 1e-6, Truth: hertz(r.Nominal, r.Truth), Closed: time.UnixMilli(r.Closed).UTC().Format(time.RFC3339Nano),
		Members: []jsonMember{},
	}
	for _, e := range r.Entries {
		out.Members = append(out.Members, jsonMember{e.Member, fmt.Sprintf("%x", e.ProofHash), e.Score, e.Inlier})
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

func writeRound(w io.Writer, r poenf.Round) error {
	from, to := span(r)
	inliers := 0
	for _, e := range r.Entries {
		if e.Inlier {
			inliers++
		}
	}
	_, err := fmt.Fprintf(w, `The certificate holds: the committee agreed on round %d.
from      %s
to        %s
E*        mean %.6f Hz, spread %.3f mHz, %d values, rule %s
members   %d, of whom %d agree; f = %d
closed    %s
`, r.Number, from.Format(time.RFC3339), to.Format(time.RFC3339), ledger.MeanHertz(r.Nominal, r.Truth), float64(r.Spread)*1e-3, len(r.Truth), r.Rule,
		len(r.Entries), inliers, r.Faulty, time.UnixMilli(r.Closed).UTC().Format(time.RFC3339))
	return err
}
