// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"path"
	"reflect"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/defakepro/defakepro/ledger"
)

// server is what stands behind a handler.
type server struct {
	Options
	recent  recent
	rates   rates
	streams seats
	newest  atomic.Uint64 // number of a closed round, the last one known
	checks  atomic.Int32  // of uploads, under way

	mu    sync.Mutex
	truth *ledger.Truth // nil until there is a committee
}

// Handler returns the REST surface of a node or a guard: to read, to submit proofs, and to join. It keeps nothing but the
// hashes of the proofs last admitted.
func Handler(o Options) http.Handler {
	if (o.Ledger == nil) != (o.Committee == nil) {
		panic("httpapi: Options have a Ledger without a Committee, or the other way round")
	}
	o.Limits = o.Limits.defaults()
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &server{Options: o}
	mux := http.NewServeMux()
	document := s.register(mux)
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(document) // whoever does not read it does not want it
	})
	if s.Metrics != nil {
		mux.Handle("GET /metrics", s.permitted(RightMetrics, s.Metrics))
	}
	return s.guard(mux)
}

// OpenAPI returns the description of what a [Handler] serves, in OpenAPI 3.1.
func OpenAPI() []byte { return new(server).register(http.NewServeMux()) }

// register puts all operations on mux and returns their description.
func (s *server) register(mux *http.ServeMux) []byte {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	format := huma.DefaultJSONFormat
	api := humago.New(mux, huma.Config{
		OpenAPI: &huma.OpenAPI{
			Info: &huma.Info{
				Title: "DeFakePro", Version: "1",
				Description: "A node of a committee that agrees on the frequency of a power grid: its rounds, and the truth that they make. " +
					"A guard of meetings: who is in them, and the verdict on each. What is not there is answered as not served. " +
					"Errors are problems as in RFC 9457.",
			},
			Components: &huma.Components{Schemas: registry},
		},
		Formats:                      map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true, // a misspelt one would be overlooked
		Transformers: []huma.Transformer{func(ctx huma.Context, _ string, v any) (any, error) {
			if m, ok := v.(*huma.ErrorModel); ok {
				return fromHuma(m, ctx.Operation().Path), nil
			}
			return v, nil
		}},
	})
	api.UseMiddleware(s.authorize)
	s.registerCommittee(api)
	s.registerRounds(api)
	s.registerProofs(api)
	s.registerTruth(api)
	s.registerEvents(api)
	s.registerRooms(api)
	s.registerVerdicts(api)
	s.registerNodes(api)
	s.registerChecks(api)
	s.registerRegistry(api)
	refusals(api)
	// Huma's own form of errors, which nobody gets to see.
	delete(registry.Map(), "ErrorModel")
	delete(registry.Map(), "ErrorDetail")
	for name, schema := range registry.Map() {
		if !slices.Contains([]string{"Proof", "Newcomer", "ChallengeRequest", "AnswerRequest"}, name) {
			schema.AdditionalProperties = nil // what we answer may come to have more fields
		}
	}
	var out bytes.Buffer
	compact, err := json.Marshal(api.OpenAPI())
	if err == nil {
		err = json.Indent(&out, compact, "", "  ")
	}
	if err != nil {
		panic(err) // the same for every process
	}
	out.WriteByte('\n')
	return out.Bytes()
}

// operation describes an operation that may answer with problems of certain statuses, beside those of any.
func operation(api huma.API, id, method, path, summary string, problems ...int) huma.Operation {
	op := huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary,
		Responses: make(map[string]*huma.Response), MaxBodyBytes: -1, // bounded by readBody
	}
	schema := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	for _, status := range append(problems, http.StatusMisdirectedRequest, http.StatusUnprocessableEntity, http.StatusInternalServerError) {
		op.Responses[strconv.Itoa(status)] = &huma.Response{
			Description: http.StatusText(status),
			Content:     map[string]*huma.MediaType{problemType: {Schema: schema}},
		}
	}
	op.Responses["429"] = &huma.Response{
		Description: kindRate.title,
		Content:     map[string]*huma.MediaType{problemType: {Schema: schema}},
		Headers: map[string]*huma.Param{"Retry-After": {
			Description: "Seconds after which to ask again.", Schema: &huma.Schema{Type: huma.TypeInteger},
		}},
	}
	return op
}

// guard is around all that is served: what is not there is a problem as well, and a panic is one request's.
func (s *server) guard(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			thrown := recover()
			if thrown == nil {
				return
			}
			err, _ := thrown.(error)
			if !errors.Is(err, http.ErrAbortHandler) && r.Context().Err() == nil { // else the client has gone
				s.Log.Error("panic", slog.String("path", r.URL.Path), slog.Any("panic", thrown), slog.String("stack", string(debug.Stack())))
			}
			panic(http.ErrAbortHandler)
		}()
		if r.ContentLength != 0 {
			hurry(w, s.Limits.BodyTime)
		}
		for name, value := range answerHeaders {
			w.Header().Set(name, value)
		}
		if refused := s.admit(r); refused != nil {
			unread(w, r)
			refused.write(w)
			return
		}
		if !s.within(w, r, 1) {
			return
		}
		if !clean(r.URL.EscapedPath()) { // the mux would send who asks elsewhere, in a page of its own
			unread(w, r)
			blank(http.StatusNotFound, "").write(w)
			return
		}
		h, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		var p probe
		h.ServeHTTP(&p, r)
		if p.status == http.StatusNotFound && s.Pages != nil && !strings.HasPrefix(r.URL.Path, "/v1/") {
			s.Pages.ServeHTTP(w, r)
			return
		}
		if allow := p.Header().Get("Allow"); allow != "" {
			w.Header().Set("Allow", allow)
		}
		unread(w, r)
		blank(p.status, "").write(w)
	})
}

// within takes so many requests off the rate of the client, or answers that there are not so many left.
func (s *server) within(w http.ResponseWriter, r *http.Request, requests int) bool {
	wait := s.rates.wait(r.RemoteAddr, s.Now(), s.Limits.Rate, s.Limits.Burst, requests)
	if wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		unread(w, r)
		kindRate.problem("more than %g requests a second from this address", s.Limits.Rate).write(w)
	}
	return wait == 0
}

// unread has the answer to a request not wait for its body, which nobody reads.
func unread(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		w.Header().Set("Connection", "close")
	}
}

// clean reports whether a path is the one that it leads to: without empty elements, . and ..
func clean(p string) bool {
	c := path.Clean(p)
	return p == c || p == c+"/" && c != "/"
}

// hurry gives a request's body so long to arrive, also where nobody reads it: the server waits for the rest of it before it closes the
// connection, for ever if need be. Where the connection knows no deadlines, it is for whoever made it to have bounds.
func hurry(w http.ResponseWriter, within time.Duration) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(within))
}

// unhurried is for when a body has been read to its end: a deadline that passes later would end the request's context.
func unhurried(w http.ResponseWriter) { _ = http.NewResponseController(w).SetReadDeadline(time.Time{}) }

// answerHeaders go with every answer; what Pages answers may have others.
var answerHeaders = map[string]string{
	"X-Content-Type-Options":       "nosniff",
	"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'",
	"Referrer-Policy":              "no-referrer",
	"Cross-Origin-Resource-Policy": "same-origin",
}

// middleware is what huma calls before an operation.
type middleware = func(ctx huma.Context, next func(huma.Context))

// needs answers that an operation is not served here unless what it needs is there.
func (s *server) needs(there func() bool, otherwise string) middleware {
	return func(ctx huma.Context, next func(huma.Context)) {
		if there() {
			next(ctx)
			return
		}
		r, w := humago.Unwrap(ctx)
		unread(w, r)
		kindNotServed.problem("%s", otherwise).write(w)
	}
}

// served returns an operation that goes through middlewares, of which one may answer that it is not served here.
func served(op huma.Operation, through ...middleware) huma.Operation {
	schema := op.Responses["500"].Content
	op.Responses["501"] = &huma.Response{Description: http.StatusText(http.StatusNotImplemented), Content: schema}
	op.Middlewares = through
	return op
}

// ofLedger is an operation that only those serve who have a ledger.
func (s *server) ofLedger(op huma.Operation, through ...middleware) huma.Operation {
	return served(op, append([]middleware{s.needs(func() bool { return s.Ledger != nil }, "there is no committee here")}, through...)...)
}

// probe takes the mux's own answers, which are 404 and 405.
type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header {
	if p.header == nil {
		p.header = make(http.Header)
	}
	return p.header
}
func (p *probe) WriteHeader(status int)      { p.status = status }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }

// readBody is a middleware that has a request's body read within its limits before anything else happens to it.
func (s *server) readBody(ctx huma.Context, next func(huma.Context)) {
	s.readUpTo(s.Limits.Body)(ctx, next)
}

// readUpTo is readBody for bodies of so many bytes.
func (s *server) readUpTo(most int64) middleware {
	return func(ctx huma.Context, next func(huma.Context)) { s.read(ctx, next, most) }
}

func (s *server) read(ctx huma.Context, next func(huma.Context), most int64) {
	r, w := humago.Unwrap(ctx)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err == nil {
		unhurried(w)
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		blank(http.StatusRequestEntityTooLarge, "the body has more than "+strconv.FormatInt(most, 10)+" bytes").write(w)
	case err != nil:
		w.Header().Set("Connection", "close")
		blank(http.StatusRequestTimeout, "the body did not arrive whole, or not in time").write(w)
	default:
		r.Body = io.NopCloser(bytes.NewReader(body))
		next(ctx)
	}
}

// fail returns the problem that an error of the ledger is to its reader, who is to blame for nothing but a number.
func (s *server) fail(ctx context.Context, what string, err error) error {
	if errors.Is(err, ledger.ErrNotFound) {
		return kindNotFound.problem("%v", err)
	}
	return s.internal(ctx, what, err)
}

// internal logs an error that is nobody's business, and returns the problem that it is to others.
func (s *server) internal(ctx context.Context, what string, err error) error {
	if ctx.Err() == nil {
		s.Log.Error(what, slog.Any("err", err))
	}
	return blank(http.StatusInternalServerError, "")
}

// optional is a parameter that need not be there.
type optional[T any] struct {
	Value T
	Set   bool
}

// Schema implements huma.SchemaProvider.
func (optional[T]) Schema(r huma.Registry) *huma.Schema {
	return huma.SchemaFromType(r, reflect.TypeFor[T]())
}

// Receiver implements huma.ParamWrapper.
func (o *optional[T]) Receiver() reflect.Value { return reflect.ValueOf(&o.Value).Elem() }

// OnParamSet implements huma.ParamReactor.
func (o *optional[T]) OnParamSet(set bool, _ any) { o.Set = set }
