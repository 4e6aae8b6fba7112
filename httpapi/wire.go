// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/poenf"
)

// The forms in JSON. Names are a promise, and the same as in a certificate's file.

type round struct {
	Number    uint64  `json:"number" doc:"The round's number; it ends at number times the committee's period, in Unix seconds."`
	Start     int64   `json:"start_s" doc:"The whole second of the first value, in Unix seconds."`
	Closed    int64   `json:"closed_ms" doc:"When it was decided, in Unix milliseconds."`
	Nominal   int     `json:"nominal_hz" enum:"50,60"`
	Rule      string  `json:"rule" enum:"median,krum" doc:"What made the truth of the proofs."`
	Faulty    int     `json:"faulty" minimum:"0" doc:"How many members may lie or be silent."`
	Committee string  `json:"committee_hash" pattern:"^[0-9a-f]{64}$" doc:"SHA-256 of the round's committee."`
	Winner    string  `json:"winner" doc:"The member whose proof has the lowest score."`
	Spread    uint32  `json:"spread_uhz" doc:"How far the members were from the truth."`
	Truth     []int32 `json:"truth_uhz" nullable:"false" doc:"The frequency at each whole second of the round, oldest first, from nominal."`
	Entries   []entry `json:"entries" nullable:"false" doc:"The proofs that took part, in order of member."`
}

type entry struct {
	Member string `json:"member"`
	Proof  string `json:"proof_hash" pattern:"^[0-9a-f]{64}$" doc:"SHA-256 of the member's proof."`
	Score  string `json:"score" pattern:"^[0-9]{1,20}$" doc:"The proof's Krum score, the lower the better; it may exceed 2^53."`
	Inlier bool   `json:"inlier" doc:"Whether the proof is as near to the truth as can be expected."`
}

func newRound(r poenf.Round) round {
	out := round{
		Number: r.Number, Start: r.Start, Closed: r.Closed, Nominal: r.Nominal, Rule: r.Rule.String(), Faulty: r.Faulty,
		Committee: hex.EncodeToString(r.CommitteeHash[:]), Winner: r.Winner, Spread: r.Spread, Truth: r.Truth,
		Entries: make([]entry, len(r.Entries)),
	}
	for i, e := range r.Entries {
		out.Entries[i] = entry{e.Member, hex.EncodeToString(e.ProofHash[:]), strconv.FormatUint(e.Score, 10), e.Inlier}
	}
	return out
}

// ledger returns the round that it is.
func (r round) ledger() (poenf.Round, error) {
	out := poenf.Round{
		Number: r.Number, Start: r.Start, Closed: r.Closed, Nominal: r.Nominal, Faulty: r.Faulty, Winner: r.Winner, Spread: r.Spread,
		Truth: r.Truth, Entries: make([]poenf.Entry, len(r.Entries)),
	}
	err := errors.Join(out.Rule.UnmarshalText([]byte(r.Rule)), unhex(&out.CommitteeHash, r.Committee))
	for i, e := range r.Entries {
		score, bad := strconv.ParseUint(e.Score, 10, 64)
		out.Entries[i] = poenf.Entry{Member: e.Member, Score: score, Inlier: e.Inlier}
		err = errors.Join(err, bad, unhex(&out.Entries[i].ProofHash, e.Proof))
	}
	if err == nil {
		_, err = out.MarshalBinary() // whose bounds it keeps
	}
	if err != nil {
		return poenf.Round{}, fmt.Errorf("round %d: %.300s", r.Number, printable(err.Error()))
	}
	return out, nil
}

func unhex(dst *[32]byte, s string) error {
	if len(s) != 2*len(dst) {
		return fmt.Errorf("a hash of %d digits", len(s))
	}
	_, err := hex.Decode(dst[:], []byte(s))
	return err
}

// decodeRound takes a round in JSON. Its error wraps nothing: what is wrong is the other side's.
func decodeRound(data []byte) (poenf.Round, error) {
	var r round
	if err := json.Unmarshal(data, &r); err != nil {
		return poenf.Round{}, fmt.Errorf("round: %s", printable(err.Error()))
	}
	return r.ledger()
}

type page struct {
	Rounds []round `json:"rounds" nullable:"false" doc:"Closed rounds in order."`
	Next   uint64  `json:"next" doc:"What to give as from to go on."`
}

type proof struct {
	Nominal   int     `json:"nominal_hz" enum:"50,60"`
	Round     uint64  `json:"round"`
	Member    string  `json:"member" doc:"The sender's name."`
	Values    []int32 `json:"values_uhz" nullable:"false" minItems:"2" maxItems:"600" doc:"The frequency at each whole second of the round, oldest first, from nominal."`
	Signature []byte  `json:"signature" doc:"The member's Ed25519 signature, as in docs/design/poenf.md."`
}

// decodeProof takes a proof in JSON. An error wraps poenf.ErrMalformed.
func decodeProof(data []byte) (poenf.Proof, error) {
	var p proof
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	err := d.Decode(&p)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("there is more than one value")
		}
	}
	if err != nil {
		return poenf.Proof{}, fmt.Errorf("%w: proof: %s", poenf.ErrMalformed, printable(err.Error()))
	}
	out := poenf.Proof{Nominal: p.Nominal, Round: p.Round, Member: p.Member, Values: p.Values, Signature: p.Signature}
	_, err = out.MarshalBinary()
	return out, err
}

// What became of a proof.
const (
	admitted = "admitted"
	present  = "present"
	counted  = "counted"
)

type admission struct {
	Round   uint64 `json:"round"`
	Member  string `json:"member"`
	Proof   string `json:"proof_hash" pattern:"^[0-9a-f]{64}$" doc:"SHA-256 of the proof."`
	Outcome string `json:"outcome" enum:"admitted,present,counted" doc:"admitted: now (201). present: this very proof had been admitted before, and its round is open. counted: it had been, and its round is closed."`
}

type truth struct {
	Start   time.Time `json:"start" doc:"The second of the first value."`
	Step    int       `json:"step_s" doc:"Seconds from one value to the next."`
	Nominal int       `json:"nominal_hz" enum:"50,60"`
	Hz      floats    `json:"hz" doc:"The frequency at each second; null where no closed round covers it, or not yet."`
	Sigma   floats    `json:"sigma_hz" doc:"The members' spread about it."`
}

// decodeTruth takes n values of truth from start on.
func decodeTruth(data []byte, start time.Time, n int) (enf.Series, error) {
	var t truth
	if err := json.Unmarshal(data, &t); err != nil {
		return enf.Series{}, fmt.Errorf("truth: %s", printable(err.Error()))
	}
	if !t.Start.Equal(start) || t.Step != 1 || len(t.Hz) != n || len(t.Sigma) != n {
		return enf.Series{}, fmt.Errorf("truth of %d s from %s was asked for, and the answer is another", n, start.UTC().Format(time.RFC3339))
	}
	return enf.Series{Start: start, Step: time.Second, Hz: t.Hz, Sigma: t.Sigma}, nil
}

// floats are numbers of which NaN is null.
type floats []float64

// Schema implements huma.SchemaProvider.
func (floats) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeNumber, Nullable: true}}
}

// MarshalJSON implements json.Marshaler.
func (f floats) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 2+12*len(f))
	b = append(b, '[')
	for i, v := range f {
		if i > 0 {
			b = append(b, ',')
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			b = append(b, "null"...)
		} else {
			b = strconv.AppendFloat(b, v, 'f', -1, 64)
		}
	}
	return append(b, ']'), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (f *floats) UnmarshalJSON(data []byte) error {
	var values []*float64
	if err := json.Unmarshal(data, &values); err != nil {
		return err
	}
	*f = make(floats, len(values))
	for i, v := range values {
		(*f)[i] = math.NaN()
		if v != nil {
			(*f)[i] = *v
		}
	}
	return nil
}

// number64 returns a number to a fraction of its unit, or nil where there is none.
func number64(v, fraction float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	v = math.Round(v*fraction) / fraction
	return &v
}

// rounded returns numbers to a fraction of their unit.
func rounded(values []float64, fraction float64) floats {
	out := make(floats, len(values))
	for i, v := range values {
		out[i] = math.Round(v*fraction) / fraction
	}
	return out
}

// share returns a number between 0 and 1, to a hundredth of a percent.
func share(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return math.Round(min(max(v, 0), 1)*1e4) / 1e4
}

// known returns a time, or nil where there is none.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

type health struct {
	Status string `json:"status" enum:"ok,syncing"`
	Height int64  `json:"height" doc:"The number of the newest block."`
	Peers  int    `json:"peers" doc:"How many nodes this one is connected to."`
}

// lastTime is the end of the year 9999, where times in text end.
const lastTime = 253_402_300_799

// parseInstant takes a time as RFC 3339 has it, or in Unix seconds, from 1970 to 9999.
func parseInstant(s string) (time.Time, error) {
	if seconds, err := strconv.ParseInt(s, 10, 64); err == nil {
		if seconds < 0 || seconds > lastTime {
			return time.Time{}, fmt.Errorf("%d s is not in the years 1970 to 9999", seconds)
		}
		return time.Unix(seconds, 0).UTC(), nil
	}
	// In a query + is a blank, and nobody thinks of that.
	t, err := time.Parse(time.RFC3339Nano, strings.Replace(s, " ", "+", 1))
	if err != nil || t.Unix() < 0 || t.Unix() > lastTime {
		return time.Time{}, fmt.Errorf("%.40q is neither Unix seconds nor a time such as 2006-01-02T15:04:05Z, in the years 1970 to 9999", s)
	}
	return t.UTC(), nil
}
