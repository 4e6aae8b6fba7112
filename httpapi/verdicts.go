// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/danielgtaylor/huma/v2/negotiation"
)

// defaultVerdicts is how many changes are in an answer, by default.
const defaultVerdicts = 100

type verdictsInput struct {
	Room        string `query:"room" maxLength:"256" doc:"Of this room alone."`
	Participant string `query:"participant" maxLength:"256" doc:"Of this identity alone."`
	From        string `query:"from" maxLength:"40" doc:"From this time on: RFC 3339, or Unix seconds."`
	To          string `query:"to" maxLength:"40" doc:"Until then, exclusive: RFC 3339, or Unix seconds."`
	After       int64  `query:"after" minimum:"0" doc:"What follows this id."`
	Limit       int    `query:"limit" minimum:"1" doc:"The most changes. A page has 100 if it is absent, and no more than 1000 mostly; a file has all if it is absent."`
	Format      string `query:"format" enum:"json,csv" doc:"Of a page; goes before Accept."`
	Accept      string `header:"Accept" hidden:"true"`
}

type verdictFileOutput struct{ Body func(huma.Context) }

// query returns what is asked for, without a limit; its error is a problem.
func (in *verdictsInput) query() (VerdictQuery, error) {
	q := VerdictQuery{Room: in.Room, Person: in.Participant, After: in.After}
	for _, limit := range []struct {
		name, text string
		to         *time.Time
	}{{"from", in.From, &q.From}, {"to", in.To, &q.To}} {
		if limit.text == "" {
			continue
		}
		at, err := parseInstant(limit.text)
		if err != nil {
			return q, kindRequest.problem("%s: %v", limit.name, err)
		}
		*limit.to = at
	}
	return q, nil
}

type verdictsOutput struct {
	ContentType  string `header:"Content-Type" hidden:"true"`
	Vary         string `header:"Vary"`
	CacheControl string `header:"Cache-Control"`
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

	s.registerVerdictFile(api, kept, "csv", "All of them as a file of CSV.", table)
	s.registerVerdictFile(api, kept, "json", "All of them as a file of JSON.", &huma.MediaType{Schema: schemas.Schema(reflect.TypeFor[verdictPage](), true, "VerdictPage")})
}

func (s *server) registerVerdictFile(api huma.API, kept middleware, kind, summary string, content *huma.MediaType) {
	write, media, charset := WriteVerdictsJSON, "application/json", ""
	if kind == "csv" {
		write, media, charset = WriteVerdictsCSV, csvType, "; charset=utf-8"
	}
	op := served(operation(api, "verdicts-"+kind, http.MethodGet, "/v1/verdicts."+kind, summary), kept)
	op.Responses["200"] = &huma.Response{Description: http.StatusText(http.StatusOK), Content: map[string]*huma.MediaType{media: content}}
	huma.Register(api, op, func(ctx context.Context, in *verdictsInput) (*verdictFileOutput, error) {
		q, err := in.query()
		if err != nil {
			return nil, err
		}
		first, err := s.changes(ctx, q, in.Limit)
		if err != nil {
			return nil, s.internal(ctx, "verdicts", err)
		}
		return &verdictFileOutput{func(hc huma.Context) {
			r, w := humago.Unwrap(hc)
			h := w.Header()
			h.Set("Content-Type", media+charset)
			h.Set("Content-Disposition", `attachment; filename="verdicts.`+kind+`"`)
			h.Set("Cache-Control", "no-store")
			if r.Method == http.MethodHead {
				return
			}
			control := http.NewResponseController(w)
			out := bufio.NewWriterSize(&patient{w, control, s.Limits.Stall}, 64<<10)
			given := len(first)
			err := write(out, AllVerdicts(first, s.Limits.Verdicts, func(after int64) ([]VerdictRecord, error) {
				if given == in.Limit {
					return nil, nil
				}
				q.After = after
				page, err := s.changes(r.Context(), q, max(0, in.Limit-given))
				given += len(page)
				return page, err
			}))
			if err == nil {
				err = out.Flush()
			}
			if err != nil {
				if r.Context().Err() == nil {
					s.Log.Warn("a file of verdicts is cut", slogErr(err))
				}
				panic(http.ErrAbortHandler) // else it would pass for whole
			}
		}}, nil
	})
}

// patient writes for as long as the client takes something now and then: a file may be long.
type patient struct {
	w       io.Writer
	control *http.ResponseController
	stall   time.Duration
}

func (p *patient) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(p.stall)) // where the connection knows no deadlines, it has bounds of its own
	return p.w.Write(b)
}

// changes returns the next records, as many as one answer may have, or no more than most if that is not 0.
func (s *server) changes(ctx context.Context, q VerdictQuery, most int) ([]VerdictRecord, error) {
	if q.Limit = s.Limits.Verdicts; most > 0 {
		q.Limit = min(q.Limit, most)
	}
	records, err := s.Verdicts(ctx, q)
	return records[:min(len(records), q.Limit)], err
}

// AllVerdicts yields a first page of changes of verdicts and those that follow it, which ask returns, until one has less than a full page.
func AllVerdicts(page []VerdictRecord, full int, ask func(after int64) ([]VerdictRecord, error)) iter.Seq2[VerdictRecord, error] {
	return func(yield func(VerdictRecord, error) bool) {
		for {
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
			}
			if len(page) < max(full, 1) {
				return
			}
			var err error
			if page, err = ask(page[len(page)-1].ID); err != nil {
				yield(VerdictRecord{}, err)
				return
			}
		}
	}
}

func (s *server) verdicts(ctx context.Context, in *verdictsInput, asTable bool) (*verdictsOutput, error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	records, err := s.changes(ctx, q, cmp.Or(in.Limit, defaultVerdicts))
	if err != nil {
		return nil, s.internal(ctx, "verdicts", err)
	}
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
	err := WriteVerdictsCSV(&b, func(yield func(VerdictRecord, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	})
	return b.Bytes(), err
}

// WriteVerdictsCSV writes changes of verdicts as a table, as a [Handler] does, and holds one at a time. It stops at the first error.
func WriteVerdictsCSV(to io.Writer, records iter.Seq2[VerdictRecord, error]) error {
	w := csv.NewWriter(to)
	if err := w.Write(verdictColumns); err != nil {
		return err
	}
	for r, err := range records {
		if err != nil {
			return err
		}
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
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// WriteVerdictsJSON writes changes of verdicts as one page of JSON, as a [Handler] does, and holds one at a time. It stops at the first error.
func WriteVerdictsJSON(to io.Writer, records iter.Seq2[VerdictRecord, error]) error {
	var next int64
	before := `{"verdicts":[` + "\n"
	for r, err := range records {
		if err != nil {
			return err
		}
		line, err := json.Marshal(newChange(r))
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(to, "%s%s", before, line); err != nil {
			return err
		}
		before, next = ",\n", r.ID
	}
	if next != 0 {
		before = "\n"
	}
	_, err := fmt.Fprintf(to, "%s],\"next\":%d}\n", before, next)
	return err
}

// cell returns text as a cell that no spreadsheet takes for a formula (OWASP, "CSV Injection").
func cell(s string) string {
	s = printable(s)
	if t := strings.TrimLeft(s, " "); t != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(t)[0]) {
		return "'" + s
	}
	return s
}
