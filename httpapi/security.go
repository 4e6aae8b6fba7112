// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/defakepro/defakepro/capability"
	"github.com/defakepro/defakepro/identity"
	"github.com/defakepro/defakepro/poenf"
)

// Security is who is registered with a committee, and who may do what. What is nil is answered as not served here.
type Security struct {
	// Registry returns who is registered, and the number of the last change. An error says that nobody knows yet.
	Registry func() (poenf.Registry, uint64, error)
	// Change offers a change that administrators signed, and returns once it is made. A refusal wraps an error of package
	// poenf.
	Change func(ctx context.Context, c poenf.Change) error
	// Changes returns the changes made from number from on, at most so many.
	Changes func(ctx context.Context, from uint64, most int) ([]MadeChange, error)
	// Certificate returns what proves the registry to those who have the genesis; an error says that there is nothing to prove.
	Certificate func(ctx context.Context) (json.Marshaler, error)
	// Verifier asks members who they are.
	Verifier *identity.Verifier
	// Authority decides about each request whose operation needs a right. nil allows all.
	Authority *capability.Authority
	// Zone is the trust zone in which this node works; empty for none. A room that has a meeting's zone of its name is in that.
	Zone string
}

// MadeChange is a change of a committee or its registry that was made.
type MadeChange struct {
	// Time is that of its block, in Unix milliseconds.
	Time   int64
	Change poenf.Change
}

// RightMetrics is what a node's metrics need, which are no operation of the interface.
const RightMetrics = "metrics:read"

// rights are what each operation needs of a token, by its name in the document. It is the only place that says so, and an
// operation that is not in it is refused. Those without a right are open to all: what they answer is public, or what is sent
// to them carries its own authority.
var rights = map[string]string{
	"health":  "",
	"genesis": "", // certificates are for anyone to check
	"change":  "", // administrators' signatures are the right

	"challenge": "", // who has nothing but a key begins here
	"answer":    "",

	"committee":   "rounds:read",
	"rounds":      "rounds:read",
	"latest":      "rounds:read",
	"round":       "rounds:read",
	"certificate": "rounds:read",
	"events":      "rounds:read",
	"truth":       "truth:read",
	"submit":      "proofs:write",

	"watched-rooms": "rooms:read",
	"room":          "rooms:read",
	"curves":        "rooms:read",
	"room-events":   "rooms:read",
	"join":          "rooms:join",
	"verdicts":      "verdicts:read",
	"verdicts-csv":  "verdicts:read",
	"verdicts-json": "verdicts:read",
	"nodes":         "nodes:read",
	"checks":        "checks:write",

	"registry":             "members:read",
	"registry-certificate": "members:read",
	"members":              "members:read",
	"member":               "members:read",
	"zones":                "members:read",
	"zone":                 "members:read",
	"changes":              "members:read",
}

// Rights returns the right that each operation of the interface needs, by the operation's name in its description; empty for
// none.
func Rights() map[string]string {
	return maps.Clone(rights)
}

// node is the resource of what is done to no room.
const node = "node"

var (
	kindToken = kind{"token", http.StatusUnauthorized, "A good token is needed", capability.ErrToken}
	kindRight = kind{"missing-right", http.StatusForbidden, "The token does not give this right", capability.ErrRight}
)

// authorize is a middleware that lets through what the request's token allows.
func (s *server) authorize(ctx huma.Context, next func(huma.Context)) {
	right, known := rights[ctx.Operation().OperationID]
	if s.Security == nil || s.Security.Authority == nil || known && right == "" {
		next(ctx)
		return
	}
	r, w := humago.Unwrap(ctx)
	refused := blank(http.StatusForbidden, "nobody may do that") // an operation that was left out of the table
	if known {
		refused = s.Security.permit(r, right, ctx.Param("room"))
	}
	if refused == nil {
		next(ctx)
		return
	}
	s.forbid(w, r, refused, ctx.Operation().OperationID)
}

// forbid answers a request for something that its token does not allow.
func (s *server) forbid(w http.ResponseWriter, r *http.Request, refused *refusal, what string) {
	s.Log.Debug("request refused", slog.String("operation", what), slog.Int("status", refused.Status))
	if refused.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	unread(w, r)
	refused.write(w)
}

// refusals documents which operations need which token, and what those get who have none, or not the right one.
func refusals(api huma.API) {
	const scheme = "token"
	api.OpenAPI().Components.SecuritySchemes = map[string]*huma.SecurityScheme{scheme: {
		Type: "http", Scheme: "bearer", Description: "A capability token (defakepro help token) that gives the right named with the operation, where the node asks for tokens.",
	}}
	for _, path := range api.OpenAPI().Paths {
		for _, op := range []*huma.Operation{path.Get, path.Post} {
			if op == nil || rights[op.OperationID] == "" {
				continue
			}
			op.Security = []map[string][]string{{scheme: {rights[op.OperationID]}}, {}}
			content := op.Responses["500"].Content
			for status, why := range map[string]string{"401": "A token is needed", "403": "The token does not give the right"} {
				if op.Responses[status] == nil {
					op.Responses[status] = &huma.Response{Description: why + " " + rights[op.OperationID] + ", where the node asks for tokens.", Content: content}
				}
			}
		}
	}
}

// request is what somebody wants to do: to a room, or where that is empty to the node.
func (s *Security) request(right, room string) capability.Request {
	ask := capability.Request{Operation: right, Resource: node, Zone: s.Zone}
	if room != "" {
		ask.Resource = "room/" + room
		if registry, _, err := s.Registry(); err == nil {
			if z, ok := registry.Zone(room); ok && z.Kind == poenf.MeetingZone {
				ask.Zone = room
			}
		}
	}
	return ask
}

// still returns what says whether the request that began a stream would still be let through.
func (s *server) still(r *http.Request, operation, room string) func() bool {
	if s.Security == nil || s.Security.Authority == nil {
		return func() bool { return true }
	}
	token, _ := bearer(r)
	return func() bool { return s.Security.Authority.Still(token, s.Security.request(rights[operation], room)) }
}

// permit returns why a request is refused; nil if it is not.
func (s *Security) permit(r *http.Request, right, room string) *refusal {
	ask := s.request(right, room)
	token, ok := bearer(r)
	_, err := s.Authority.Authorize(token, ask)
	switch {
	case !ok:
		return kindToken.problem("this needs a token with the right %s", ask)
	case err == nil:
		return nil
	case errors.Is(err, capability.ErrRight):
		return kindRight.problem("%s", printable(err.Error()))
	case errors.Is(err, capability.ErrToken):
		return kindToken.problem("%s", printable(err.Error()))
	}
	return blank(http.StatusInternalServerError, "") // it could not be recorded
}

// bearer returns a request's token; empty, and false, where it has none, or more than one.
func bearer(r *http.Request) (string, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(r.Header.Values("Authorization")) != 1 {
		return "", false
	}
	return token, true
}

// permitted wraps a handler that is no operation of the interface, and needs a right.
func (s *server) permitted(right string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.Security != nil && s.Security.Authority != nil {
			if refused := s.Security.permit(r, right, ""); refused != nil {
				s.forbid(w, r, refused, right)
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}
