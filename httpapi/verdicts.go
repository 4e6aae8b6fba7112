// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/negotiation"
)

type verdictsInput struct {
	Room        string `query:"room" maxLength:"256" doc:"Of this room alone."`
	Participant string `query:"participant" maxLength:"256" doc:"Of this identity alone."`
	From        string `query:"from" maxLength:"40" doc:"From this time on: RFC 3339, or Unix seconds."`
	To          string `query:"to" maxLength:"40" doc:"Until then, exclusive: RFC 3339, or Unix seconds."`
	After       int64  `query:"after" minimum:"0" doc:"What follows this id."`
	Limit       int    `query:"limit" minimum:"1" default:"100" doc:"The most changes in the answer; there is a limit to it, 1000 mostly."`
	Format      string `query:"format" enum:"json,csv" doc:"Goes before Accept."`
	Accept      string `header:"Accept" hidden:"true"`
}

type verdictsOutput struct {
	ContentType  string `header:"Content-Type" hidden:"true"`
	Vary         string `header:"Vary"`
	CacheControl string `header:"Cache-Control"`
	Disposition  string `header:"Content-Disposition"`
	Body         []byte
}

func (s *server) registerVerdicts(api huma.API) {
	kept := s.needs(func() bool { return s.Verdicts != nil }, "no history of verdicts is kept here")
	table := &huma.MediaType{Schema: &huma.Schema{
		Type: huma.TypeString, Description: "Rows of " + strings.Join(verdictColumns, ", ") + ". forged is start/end of each span, with a blank between them. A cell that a spreadsheet might run has ' before it.",
	}}
	schemas := api.OpenAPI().Components.Schemas
	op := documented(served(operation(api, "verdicts", http.MethodGet, "/v1/verdicts", "Changes of verdicts in order, a page at a time, as JSON or CSV."), kept),
		schemas.Schema(reflect.TypeFor[verdictPage](), true, "VerdictPage"))
	op.Responses["200"].Content[csvType] = table
	huma.Register(api, op, func(ctx context.Context, in *verdictsInput) (*verdictsOutput, error) {
		asTable := in.Format == "csv" ||
			in.Format == "" && negotiation.SelectQValue(in.Accept, []string{"application/json", csvType}) == csvType
		return s.verdicts(ctx, in, asTable)
	})

	op = served(operation(api, "verdicts-csv", http.MethodGet, "/v1/verdicts.csv", "The same as a file of CSV."), kept)
	op.Responses["200"] = &huma.Response{Description: http.StatusText(http.StatusOK), Content: map[string]*huma.MediaType{csvType: table}}
	huma.Register(api, op, func(ctx context.Context, in *verdictsInput) (*verdictsOutput, error) {
		out, err := s.verdicts(ctx, in, true)
		if err == nil {
			out.Disposition = `attachment; filename="verdicts.csv"`
		}
		return out, err
	})
}

func (s *server) verdicts(ctx context.Context, in *verdictsInput, asTable bool) (*verdictsOutput, error) {
	q := VerdictQuery{Room: in.Room, Person: in.Participant, After: in.After, Limit: min(in.Limit, s.Limits.Verdicts)}
	for _, limit := range []struct {
		name, text string
		to         *time.Time
	}{{"from", in.From, &q.From}, {"to", in.To, &q.To}} {
		if limit.text == "" {
			continue
		}
		at, err := parseInstant(limit.text)
		if err != nil {
			return nil, kindRequest.problem("%s: %v", limit.name, err)
		}
		*limit.to = at
	}
	records, err := s.Verdicts(ctx, q)
	if err != nil {
		return nil, s.internal(ctx, "verdicts", err)
	}
	records = records[:min(len(records), q.Limit)]
	out := &verdictsOutput{ContentType: "application/json", Vary: "Accept", CacheControl: "no-store"}
	if asTable {
		out.ContentType = csvType + "; charset=utf-8"
		out.Body, err = verdictTable(records)
	} else {
		page := verdictPage{make([]verdictChange, len(records)), in.After}
		for i, r := range records {
			page.Verdicts[i], page.Next = newChange(r), r.ID
		}
		out.Body, err = json.Marshal(page)
	}
	if err != nil {
		return nil, s.internal(ctx, "verdicts", err)
	}
	return out, nil
}

var verdictColumns = []string{"id", "time", "room", "participant", "name", "channel", "verdict", "former", "confidence", "reason", "forged"}

func verdictTable(records []VerdictRecord) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write(verdictColumns); err != nil {
		return nil, err
	}
	for _, r := range records {
		c := newChange(r)
		forged := make([]string, len(c.Forged))
		for i, s := range c.Forged {
			forged[i] = s.Start.Format(time.RFC3339Nano) + "/" + s.End.Format(time.RFC3339Nano)
		}
		err := w.Write([]string{
			strconv.FormatInt(c.ID, 10), c.Time.Format(time.RFC3339Nano), cell(c.Room), cell(c.Participant.ID), cell(c.Participant.Name), c.Channel,
			c.Verdict, c.Former, strconv.FormatFloat(c.Confidence, 'f', -1, 64), cell(c.Reason), strings.Join(forged, " "),
		})
		if err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// cell returns text as a cell that no spreadsheet takes for a formula (OWASP, "CSV Injection").
func cell(s string) string {
	s = printable(s)
	if t := strings.TrimLeft(s, " "); t != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(t)[0]) {
		return "'" + s
	}
	return s
}
