// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/danielgtaylor/huma/v2/negotiation"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/ledger"
)

type truthInput struct {
	From   string `query:"from" required:"true" maxLength:"40" doc:"The first second: RFC 3339, or Unix seconds."`
	To     string `query:"to" required:"true" maxLength:"40" doc:"The end, exclusive: RFC 3339, or Unix seconds. The node limits the interval, to 24 h mostly."`
	Format string `query:"format" enum:"json,csv" doc:"Goes before Accept."`
	Accept string `header:"Accept" hidden:"true"`
}

type truthOutput struct {
	ContentType string `header:"Content-Type" hidden:"true"`
	Vary        string `header:"Vary"`
	Body        []byte
}

const csvType = "text/csv"

func (s *server) registerTruth(api huma.API) {
	op := s.ofLedger(operation(api, "truth", http.MethodGet, "/v1/truth",
		"The frequency that the grid had, one value a second, as JSON or CSV. A value never changes once it is there. "+
			"To ask for hours of it counts as so many requests more.", http.StatusServiceUnavailable), s.countHours)
	schemas := api.OpenAPI().Components.Schemas
	op = documented(op, schemas.Schema(reflect.TypeFor[truth](), true, "Truth"))
	op.Responses["200"].Content[csvType] = &huma.MediaType{Schema: &huma.Schema{
		Type: huma.TypeString, Description: "Rows of time, frequency_hz, sigma_hz and snr_db, which is empty.",
	}}
	huma.Register(api, op, s.serveTruth)
}

// countHours takes a request for each hour of truth that is asked for off the client's rate: so much has to be read for it.
func (s *server) countHours(ctx huma.Context, next func(huma.Context)) {
	from, err := parseInstant(ctx.Query("from"))
	to, noEnd := parseInstant(ctx.Query("to"))
	if hours := int(min(to.Sub(from), s.Limits.Span) / time.Hour); err == nil && noEnd == nil && hours > 0 {
		if r, w := humago.Unwrap(ctx); !s.within(w, r, min(hours, s.Limits.Burst-1)) {
			return
		}
	}
	next(ctx)
}

func (s *server) serveTruth(ctx context.Context, in *truthInput) (*truthOutput, error) {
	from, err := parseInstant(in.From)
	if err != nil {
		return nil, kindRequest.problem("from: %v", err)
	}
	to, err := parseInstant(in.To)
	switch {
	case err != nil:
		return nil, kindRequest.problem("to: %v", err)
	case to.Before(from):
		return nil, kindRequest.problem("to is before from")
	case to.Sub(from) > s.Limits.Span:
		return nil, kindRequest.problem("from and to are more than %s apart", s.Limits.Span)
	}
	t, nominal, err := s.source()
	if err != nil {
		return nil, err
	}
	series, err := t.Between(ctx, from, to)
	if err != nil {
		return nil, s.internal(ctx, "truth", err)
	}
	out := &truthOutput{ContentType: "application/json", Vary: "Accept"}
	if in.Format == "csv" || in.Format == "" && negotiation.SelectQValue(in.Accept, []string{"application/json", csvType}) == csvType {
		var b bytes.Buffer
		out.ContentType, err = csvType+"; charset=utf-8", enf.WriteCSV(&b, series)
		out.Body = b.Bytes()
	} else {
		out.Body, err = json.Marshal(truth{series.Start, int(series.Step / time.Second), nominal, series.Hz, series.Sigma})
	}
	if err != nil {
		return nil, s.internal(ctx, "truth", err)
	}
	return out, nil
}

// source returns the ledger's truth and the grid's nominal frequency; its error is a problem.
func (s *server) source() (*ledger.Truth, int, error) {
	c, err := s.Committee()
	if err != nil {
		return nil, 0, kindUnavailable.problem("there is no committee yet")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.truth == nil {
		s.truth = ledger.NewTruth(s.Ledger, c) // what counts of a committee there never changes
	}
	return s.truth, c.Nominal, nil
}
