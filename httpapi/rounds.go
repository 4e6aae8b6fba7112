// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/poenf"
)

// unchanging is for answers that stay as they are: what a ledger has returned of a round it returns ever after.
const unchanging = "max-age=31536000, immutable"

// file is an answer whose bytes are there already.
type file struct {
	ContentType string `header:"Content-Type" hidden:"true"`
	Body        []byte
}

// documented has an operation answer with JSON that huma does not see.
func documented(op huma.Operation, schema *huma.Schema) huma.Operation {
	op.Responses["200"] = &huma.Response{
		Description: http.StatusText(http.StatusOK),
		Content:     map[string]*huma.MediaType{"application/json": {Schema: schema}},
	}
	return op
}

// committeeSchema is the form of a committee's file, which poenf makes.
func committeeSchema() *huma.Schema {
	integer := func(doc string) *huma.Schema { return &huma.Schema{Type: huma.TypeInteger, Description: doc} }
	text := func(doc string) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Description: doc} }
	member := &huma.Schema{
		Type: huma.TypeObject,
		Properties: map[string]*huma.Schema{
			"name": text("Identifies the member."), "key": text("Ed25519, base64: verifies proofs."),
			"power": integer("Voting power of the member's validator."), "validator": text("Ed25519, base64: the validator's."),
		},
		Required: []string{"name", "key"},
	}
	return &huma.Schema{
		Type: huma.TypeObject,
		Properties: map[string]*huma.Schema{
			"id": text("Names the committee."), "nominal_hz": integer("The grid: 50 or 60."), "rule": text("median or krum"),
			"faulty": integer("Members of a round that may lie or be silent."), "length": integer("Values in a proof, one a second."),
			"period_s": integer("From round to round."), "grace_ms": integer("How long a round waits for the last members."),
			"expiry_ms": integer("When a round with too few proofs is void."), "skew_ms": integer("How early proofs are accepted."),
			"epoch_rounds": integer("Rounds in an epoch; 0 without elections."), "seats": integer("Members drawn for an epoch."),
			"administrator": text("Ed25519, base64: signs changes of membership."),
			"members":       {Type: huma.TypeArray, Items: member},
		},
		Required: []string{"id", "nominal_hz", "rule", "faulty", "length", "period_s", "grace_ms", "expiry_ms", "skew_ms", "members"},
	}
}

func (s *server) registerCommittee(api huma.API) {
	op := documented(s.ofLedger(operation(api, "committee", http.MethodGet, "/v1/committee", "The registered committee: its parameters and members.",
		http.StatusServiceUnavailable)), committeeSchema())
	huma.Register(api, op, func(ctx context.Context, _ *struct{}) (*file, error) {
		c, err := s.Committee()
		if err != nil {
			return nil, kindUnavailable.problem("there is no committee yet")
		}
		body, err := c.MarshalJSON()
		if err != nil {
			return nil, s.internal(ctx, "committee", err)
		}
		return &file{"application/json", body}, nil
	})

	op = documented(operation(api, "genesis", http.MethodGet, "/v1/genesis", "The genesis, with which certificates are checked.",
		http.StatusNotImplemented), &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true})
	huma.Register(api, op, func(context.Context, *struct{}) (*file, error) {
		if len(s.Genesis) == 0 {
			return nil, kindNotServed.problem("this node has no genesis to give")
		}
		return &file{"application/json", s.Genesis}, nil
	})

	type healthOutput struct {
		CacheControl string `header:"Cache-Control"`
		Body         health
	}
	op = operation(api, "health", http.MethodGet, "/healthz", "Whether the node works.", http.StatusServiceUnavailable)
	huma.Register(api, op, func(context.Context, *struct{}) (*healthOutput, error) {
		out := &healthOutput{"no-store", health{Status: "ok"}}
		if s.State == nil {
			return out, nil
		}
		state, err := s.State()
		if err != nil {
			return nil, kindUnavailable.problem("the node is out of order")
		}
		if state.Syncing {
			out.Body.Status = "syncing"
		}
		out.Body.Height, out.Body.Peers = state.Height, state.Peers
		return out, nil
	})
}

func (s *server) registerNodes(api huma.API) {
	type nodesOutput struct {
		CacheControl string `header:"Cache-Control"`
		Body         nodeList
	}
	op := served(operation(api, "nodes", http.MethodGet, "/v1/nodes", "The nodes of the committee, as they are known here."),
		s.needs(func() bool { return s.Nodes != nil }, "no nodes are known here"))
	huma.Register(api, op, func(ctx context.Context, _ *struct{}) (*nodesOutput, error) {
		return &nodesOutput{"no-store", newNodes(s.Nodes(ctx))}, nil
	})
}

type roundOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         round
}

type number struct {
	Number uint64 `path:"n" doc:"The number of a round."`
}

func (s *server) registerRounds(api huma.API) {
	type pageInput struct {
		From  uint64 `query:"from" doc:"The first round that may be in the answer."`
		Limit int    `query:"limit" minimum:"1" default:"20" doc:"The most rounds in the answer; the node has a limit of its own, 100 mostly."`
	}
	type pageOutput struct{ Body page }
	op := s.ofLedger(operation(api, "rounds", http.MethodGet, "/v1/rounds", "Closed rounds in order, a page at a time. Void rounds are left out.",
		http.StatusServiceUnavailable))
	huma.Register(api, op, func(ctx context.Context, in *pageInput) (*pageOutput, error) {
		p, err := s.page(ctx, in.From, min(in.Limit, s.Limits.Page))
		if err != nil {
			return nil, err
		}
		return &pageOutput{p}, nil
	})

	op = s.ofLedger(operation(api, "latest", http.MethodGet, "/v1/rounds/latest", "The last closed round.",
		http.StatusNotFound, http.StatusServiceUnavailable))
	huma.Register(api, op, func(ctx context.Context, _ *struct{}) (*roundOutput, error) {
		r, err := s.latest(ctx)
		if err != nil {
			return nil, err
		}
		return &roundOutput{"no-cache", newRound(r)}, nil
	})

	op = s.ofLedger(operation(api, "round", http.MethodGet, "/v1/rounds/{n}", "A closed round. It never changes.", http.StatusNotFound))
	huma.Register(api, op, func(ctx context.Context, in *number) (*roundOutput, error) {
		r, err := s.Ledger.Round(ctx, in.Number)
		if err != nil {
			return nil, s.fail(ctx, "round", err)
		}
		return &roundOutput{unchanging, newRound(r)}, nil
	})

	op = documented(s.ofLedger(operation(api, "certificate", http.MethodGet, "/v1/rounds/{n}/certificate",
		"The file that proves a round to those who have the genesis.", http.StatusNotFound, http.StatusNotImplemented,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout)), &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true})
	huma.Register(api, op, s.certificate)
}

func (s *server) certificate(ctx context.Context, in *number) (*file, error) {
	if s.Certificate == nil {
		return nil, kindNotServed.problem("this node makes no certificates")
	}
	within, cancel := context.WithTimeout(ctx, s.Limits.Submit)
	defer cancel()
	c, err := s.Certificate(within, in.Number)
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return nil, kindNotFound.problem("%v", err)
	case errors.Is(err, context.DeadlineExceeded):
		return nil, kindTimeout.problem("the block that follows round %d is not there yet", in.Number)
	case err != nil:
		s.Log.Warn("certificate", slogRound(in.Number), slogErr(err))
		return nil, kindNoCertificate.problem("no certificate of round %d can be made here; another node may have it", in.Number)
	}
	body, err := c.MarshalJSON()
	if err != nil {
		return nil, s.internal(ctx, "certificate", err)
	}
	return &file{"application/json", body}, nil
}

// page returns the rounds from from on, without waiting for any.
func (s *server) page(ctx context.Context, from uint64, limit int) (page, error) {
	out := page{Rounds: []round{}, Next: from}
	last, err := s.latest(ctx)
	var none *refusal
	switch {
	case errors.As(err, &none) && none.Status == http.StatusNotFound, err == nil && last.Number < from:
		return out, nil
	case err != nil:
		return page{}, err
	}
	for r, err := range s.Ledger.Follow(ctx, from) {
		if err != nil {
			return page{}, s.fail(ctx, "rounds", err)
		}
		out.Rounds, out.Next = append(out.Rounds, newRound(r)), r.Number+1
		if len(out.Rounds) == limit || r.Number >= last.Number {
			break
		}
	}
	return out, nil
}

// latest returns the last closed round; its error is a problem.
func (s *server) latest(ctx context.Context) (poenf.Round, error) {
	if s.Latest != nil {
		r, err := s.Latest(ctx)
		if err != nil {
			return r, s.fail(ctx, "latest round", err)
		}
		return r, nil
	}
	top, err := s.top()
	if err != nil {
		return poenf.Round{}, err
	}
	floor := s.newest.Load()
	for n := top; n > floor && top-n < Lookback; n-- {
		r, err := s.Ledger.Round(ctx, n)
		if errors.Is(err, ledger.ErrNotFound) {
			continue
		}
		if err != nil {
			return r, s.internal(ctx, "latest round", err)
		}
		for known := floor; known < n && !s.newest.CompareAndSwap(known, n); known = s.newest.Load() {
		}
		return r, nil
	}
	if floor == 0 {
		return poenf.Round{}, kindNotFound.problem("%v", fmt.Errorf("no round among the last %d: %w", Lookback, ledger.ErrNotFound))
	}
	r, err := s.Ledger.Round(ctx, floor)
	if err != nil {
		return r, s.internal(ctx, "latest round", err)
	}
	return r, nil
}

// top returns a round that cannot have closed yet, the next one or one soon after it; its error is a problem.
func (s *server) top() (uint64, error) {
	c, err := s.Committee()
	if err != nil {
		return 0, kindUnavailable.problem("there is no committee yet")
	}
	const ahead = 10_000 // ms by which the committee's clocks may be ahead of this one
	return c.Last(s.Now().UnixMilli()+c.Skew+ahead) + 1, nil
}
