// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"reflect"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/defakepro/defakepro/poenf"
)

const (
	binaryType = "application/octet-stream"
	proofsPath = "/v1/proofs"
)

type proofInput struct {
	ContentType string `header:"Content-Type" hidden:"true"`
	RawBody     []byte
}

type proofOutput struct {
	Status int
	Body   admission
}

func (s *server) registerProofs(api huma.API) {
	op := s.ofLedger(operation(api, "submit", http.MethodPost, proofsPath,
		"Submit a proof; the answer comes once it is durably admitted. To submit the same proof again does no harm.",
		http.StatusBadRequest, http.StatusForbidden, http.StatusRequestTimeout, http.StatusConflict, http.StatusRequestEntityTooLarge,
		http.StatusUnsupportedMediaType, http.StatusGatewayTimeout), s.readBody)
	op.DefaultStatus = http.StatusCreated
	huma.Register(api, op, s.submit)

	// Huma would have the JSON read for us, twice; the ways in are the same for both forms, so it only gets to see bytes.
	registered := api.OpenAPI().Paths[op.Path].Post
	schemas := api.OpenAPI().Components.Schemas
	registered.RequestBody.Content["application/json"] = &huma.MediaType{Schema: schemas.Schema(reflect.TypeFor[proof](), true, "Proof")}
	registered.RequestBody.Content[binaryType].Schema.Description = "The proof's bytes, as in docs/design/poenf.md."
	registered.Responses["200"] = &huma.Response{
		Description: "This very proof was admitted before.",
		Content:     registered.Responses["201"].Content,
	}
}

func (s *server) submit(ctx context.Context, in *proofInput) (*proofOutput, error) {
	p, err := decodeBody(in)
	if err != nil {
		return nil, refuse(err)
	}
	hash := p.Hash()
	out := &proofOutput{http.StatusCreated, admission{p.Round, p.Member, hex.EncodeToString(hash[:]), admitted}}
	within, cancel := context.WithTimeout(ctx, s.Limits.Submit)
	defer cancel()
	err = s.Ledger.Submit(within, p)
	if err == nil {
		s.recent.add(hash)
		return out, nil
	}
	if before := s.before(ctx, p, hash, err); before != "" {
		out.Status, out.Body.Outcome = http.StatusOK, before
		return out, nil
	}
	r := refuse(err)
	if r == nil {
		return nil, s.internal(ctx, "submit", err)
	}
	s.Log.Debug("proof refused", slog.String("member", p.Member), slogRound(p.Round), slogErr(err))
	return nil, r
}

func decodeBody(in *proofInput) (poenf.Proof, error) {
	kind, _, err := mime.ParseMediaType(in.ContentType)
	switch {
	case err == nil && kind == binaryType:
		var p poenf.Proof
		return p, p.UnmarshalBinary(in.RawBody)
	case err == nil && kind == "application/json":
		return decodeProof(in.RawBody)
	}
	return poenf.Proof{}, blank(http.StatusUnsupportedMediaType, "a proof is "+binaryType+" or application/json")
}

// before returns what became of this very proof when it was submitted earlier; empty if it was not, or nobody remembers.
func (s *server) before(ctx context.Context, p poenf.Proof, hash [32]byte, err error) string {
	switch {
	case errors.Is(err, poenf.ErrPresent) && s.recent.has(hash):
		return present
	case errors.Is(err, poenf.ErrOutdated):
		r, err := s.Ledger.Round(ctx, p.Round)
		if err != nil {
			return ""
		}
		for _, e := range r.Entries {
			if e.Member == p.Member && e.ProofHash == hash {
				return counted
			}
		}
	}
	return ""
}

// recent are the hashes of the proofs admitted last: more than a committee of any size proves while a round is open.
type recent struct {
	mu    sync.Mutex
	known map[[32]byte]struct{}
	ring  [4096][32]byte
	next  int
}

func (r *recent) add(hash [32]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.known[hash]; ok {
		return
	}
	if r.known == nil {
		r.known = make(map[[32]byte]struct{})
	}
	delete(r.known, r.ring[r.next])
	r.ring[r.next], r.known[hash] = hash, struct{}{}
	r.next = (r.next + 1) % len(r.ring)
}

func (r *recent) has(hash [32]byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.known[hash]
	return ok
}

func slogRound(n uint64) slog.Attr { return slog.Uint64("round", n) }
func slogErr(err error) slog.Attr  { return slog.Any("err", err) }
