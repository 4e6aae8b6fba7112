// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/defakepro/defakepro/identity"
	"github.com/defakepro/defakepro/poenf"
)

const changesPath = "/v1/changes"

// registryState is a registry on the wire, whole: programs take it as it was agreed on.
type registryState struct {
	Committee string `json:"committee" doc:"The committee's name, which changes are signed for."`
	Sequence  uint64 `json:"sequence" doc:"The number of the last change; the next one has one more."`
	Threshold int    `json:"threshold" doc:"How many administrators must sign a change."`
	Registry  []byte `json:"registry" doc:"All of it, in the bytes of docs/design/poenf.md, base64."`
}

type account struct {
	Name   string `json:"name" doc:"Identifies the member."`
	Key    []byte `json:"key" doc:"Ed25519, base64: the member is known by it."`
	Roles  string `json:"roles" doc:"Of validator, prover, guard, auditor, participant, with commas between."`
	Status string `json:"status" enum:"active,suspended,revoked" doc:"Whether the member counts."`
	Since  int64  `json:"since_ms" doc:"When that became so, in Unix milliseconds; 0 from the beginning."`
}

type accountPage struct {
	Members []account `json:"members" nullable:"false"`
	Next    string    `json:"next,omitempty" doc:"The name to go on after; absent at the end."`
}

type zone struct {
	Name    string   `json:"name" doc:"Identifies the zone."`
	Kind    string   `json:"kind" enum:"organisation,meeting,grid" doc:"What it is of."`
	Members []string `json:"members" nullable:"false" doc:"Names of those in it."`
}

type zoneList struct {
	Zones []zone `json:"zones" nullable:"false"`
}

type madeChange struct {
	Sequence   uint64   `json:"sequence" doc:"Its number."`
	Time       int64    `json:"time_ms" doc:"When it was made, in Unix milliseconds."`
	Operations []string `json:"operations" nullable:"false" doc:"What it did, in words."`
	Signers    [][]byte `json:"signers" nullable:"false" doc:"Keys of the administrators who signed, where several did; base64."`
	Change     []byte   `json:"change" doc:"Its bytes, in base64."`
}

type changeList struct {
	Changes []madeChange `json:"changes" nullable:"false"`
}

type changeOutcome struct {
	Sequence uint64 `json:"sequence" doc:"The number of the change, which is made."`
}

type challengeRequest struct {
	Zone string `json:"zone,omitempty" maxLength:"64" doc:"The trust zone that one is to be in; none for any member."`
}

type challengeAnswer struct {
	Challenge []byte `json:"challenge" doc:"What is to be signed, as in docs/design/identity.md; base64."`
}

type answerRequest struct {
	Challenge []byte `json:"challenge" maxLength:"800" doc:"As it was given, base64."`
	Member    string `json:"member" maxLength:"64" doc:"Who answers."`
	Signature []byte `json:"signature" maxLength:"128" doc:"Of 64 bytes, base64."`
}

type answerOutcome struct {
	Member string `json:"member" doc:"Who has answered."`
	Roles  string `json:"roles" doc:"What they may be."`
	Zone   string `json:"zone,omitempty" doc:"The zone that they are in."`
}

// Problems of the registry.
var (
	kindNoMember  = kind{"member-not-found", http.StatusNotFound, "There is no such member", nil}
	kindNoZone    = kind{"zone-not-found", http.StatusNotFound, "There is no such zone", nil}
	kindChallenge = kind{"challenge", http.StatusForbidden, "The challenge is not one to answer here and now", identity.ErrChallenge}
	kindReplay    = kind{"replay", http.StatusForbidden, "The challenge has been answered", identity.ErrReplay}
	kindAnswer    = kind{"answer", http.StatusForbidden, "The answer is not the member's", identity.ErrAnswer}
	kindBusy      = kind{"busy", http.StatusServiceUnavailable, "Too many answer at once", identity.ErrBusy}
)

// membersPage is the most members or changes in one answer.
const membersPage = 1000

func (s *server) registerRegistry(api huma.API) {
	there := s.needs(func() bool { return s.Security != nil && s.Security.Registry != nil }, "there is no registry here")
	type stateOutput struct {
		CacheControl string `header:"Cache-Control"`
		Body         registryState
	}
	op := s.ofLedger(operation(api, "registry", http.MethodGet, "/v1/registry", "Who is registered, for programs.", http.StatusServiceUnavailable), there,
		s.needs(func() bool { return s.Security.Change != nil || s.Security.Certificate != nil }, "the number of the last change is not known here: ask a node"))
	huma.Register(api, op, func(ctx context.Context, _ *struct{}) (*stateOutput, error) {
		r, sequence, err := s.registry()
		if err != nil {
			return nil, err
		}
		c, err := s.Committee()
		if err != nil {
			return nil, kindUnavailable.problem("there is no committee yet")
		}
		data, err := r.MarshalBinary()
		if err != nil {
			return nil, s.internal(ctx, "registry", err)
		}
		return &stateOutput{"no-store", registryState{c.ID, sequence, r.Threshold, data}}, nil
	})

	op = documented(s.ofLedger(operation(api, "registry-certificate", http.MethodGet, "/v1/registry/certificate",
		"What proves the registry to those who have the genesis.", http.StatusServiceUnavailable),
		s.needs(func() bool { return s.Security != nil && s.Security.Certificate != nil }, "there is no registry here")),
		&huma.Schema{Type: huma.TypeObject, AdditionalProperties: true})
	huma.Register(api, op, func(ctx context.Context, _ *struct{}) (*file, error) {
		c, err := s.Security.Certificate(ctx)
		if err != nil {
			return nil, kindNoCertificate.problem("there is no certificate of the registry yet")
		}
		body, err := c.MarshalJSON()
		if err != nil {
			return nil, s.internal(ctx, "registry certificate", err)
		}
		return &file{"application/json", body}, nil
	})
	s.registerMembers(api, there)
	s.registerChanges(api, there)
	s.registerChallenges(api)
}

// registry returns what is registered; its error is a problem.
func (s *server) registry() (poenf.Registry, uint64, error) {
	r, sequence, err := s.Security.Registry()
	if err != nil {
		return r, 0, kindUnavailable.problem("there is no registry yet")
	}
	return r, sequence, nil
}

func (s *server) registerMembers(api huma.API, there middleware) {
	type pageInput struct {
		After string `query:"after" maxLength:"64" doc:"The name after which the answer begins."`
		Limit int    `query:"limit" minimum:"1" default:"100" doc:"The most members in the answer, a thousand at most."`
	}
	type pageOutput struct{ Body accountPage }
	op := s.ofLedger(operation(api, "members", http.MethodGet, "/v1/members", "Registered members in order of name, a page at a time.",
		http.StatusServiceUnavailable), there)
	huma.Register(api, op, func(_ context.Context, in *pageInput) (*pageOutput, error) {
		r, _, err := s.registry()
		if err != nil {
			return nil, err
		}
		return &pageOutput{newAccounts(r.Accounts, in.After, min(in.Limit, membersPage))}, nil
	})

	type memberInput struct {
		Name string `path:"name" doc:"The member's name."`
	}
	type memberOutput struct{ Body account }
	op = s.ofLedger(operation(api, "member", http.MethodGet, "/v1/members/{name}", "A member.", http.StatusNotFound, http.StatusServiceUnavailable), there)
	huma.Register(api, op, func(_ context.Context, in *memberInput) (*memberOutput, error) {
		r, _, err := s.registry()
		if err != nil {
			return nil, err
		}
		a, ok := r.Account(in.Name)
		if !ok {
			return nil, kindNoMember.problem("nobody of this name is registered")
		}
		return &memberOutput{newAccount(a)}, nil
	})

	type zonesOutput struct{ Body zoneList }
	op = s.ofLedger(operation(api, "zones", http.MethodGet, "/v1/zones", "Trust zones, and who is in them.", http.StatusServiceUnavailable), there)
	huma.Register(api, op, func(context.Context, *struct{}) (*zonesOutput, error) {
		r, _, err := s.registry()
		if err != nil {
			return nil, err
		}
		out := &zonesOutput{zoneList{make([]zone, 0, len(r.Zones))}}
		for _, z := range r.Zones {
			out.Body.Zones = append(out.Body.Zones, newZone(z))
		}
		return out, nil
	})

	type zoneOutput struct{ Body zone }
	op = s.ofLedger(operation(api, "zone", http.MethodGet, "/v1/zones/{name}", "A trust zone.", http.StatusNotFound, http.StatusServiceUnavailable), there)
	huma.Register(api, op, func(_ context.Context, in *memberInput) (*zoneOutput, error) {
		r, _, err := s.registry()
		if err != nil {
			return nil, err
		}
		z, ok := r.Zone(in.Name)
		if !ok {
			return nil, kindNoZone.problem("there is no zone of this name")
		}
		return &zoneOutput{newZone(z)}, nil
	})
}

func (s *server) registerChanges(api huma.API, there middleware) {
	type changeInput struct {
		RawBody []byte `contentType:"application/octet-stream"`
	}
	type changeOutput struct{ Body changeOutcome }
	op := s.ofLedger(operation(api, "change", http.MethodPost, changesPath,
		"Submit a change that administrators signed; the answer comes once it is made. To submit one again does no harm.",
		http.StatusBadRequest, http.StatusForbidden, http.StatusRequestTimeout, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusGatewayTimeout),
		s.needs(func() bool { return s.Security != nil && s.Security.Change != nil }, "nothing can be changed here"), s.readUpTo(poenf.MaxTx))
	op.DefaultStatus = http.StatusCreated
	huma.Register(api, op, func(ctx context.Context, in *changeInput) (*changeOutput, error) {
		var c poenf.Change
		if err := c.UnmarshalBinary(in.RawBody); err != nil {
			return nil, refuse(err)
		}
		within, cancel := context.WithTimeout(ctx, s.Limits.Submit)
		defer cancel()
		err := s.Security.Change(within, c)
		if err != nil && !s.madeBefore(ctx, c, err) {
			s.Log.Debug("change refused", slog.Uint64("sequence", c.Sequence), slogErr(err))
			if r := refuse(err); r != nil {
				return nil, r
			}
			return nil, s.internal(ctx, "change", err)
		}
		return &changeOutput{changeOutcome{c.Sequence}}, nil
	})

	type changesInput struct {
		From  uint64 `query:"from" doc:"The number of the first change in the answer."`
		Limit int    `query:"limit" minimum:"1" default:"100" doc:"The most changes in the answer, a thousand at most."`
	}
	type changesOutput struct{ Body changeList }
	op = s.ofLedger(operation(api, "changes", http.MethodGet, changesPath, "The changes made, in order."), there,
		s.needs(func() bool { return s.Security.Changes != nil }, "changes are not kept here"))
	huma.Register(api, op, func(ctx context.Context, in *changesInput) (*changesOutput, error) {
		made, err := s.Security.Changes(ctx, in.From, min(in.Limit, membersPage))
		if err != nil {
			return nil, s.internal(ctx, "changes", err)
		}
		out := &changesOutput{changeList{make([]madeChange, 0, len(made))}}
		for _, m := range made {
			out.Body.Changes = append(out.Body.Changes, newMadeChange(m))
		}
		return out, nil
	})
}

// madeBefore reports whether a change was refused because that very change was made already.
func (s *server) madeBefore(ctx context.Context, c poenf.Change, err error) bool {
	if s.Security.Changes == nil || !errors.Is(err, poenf.ErrOutdated) {
		return false
	}
	made, err := s.Security.Changes(ctx, c.Sequence, 1)
	return err == nil && len(made) == 1 && made[0].Change.Hash() == c.Hash()
}

func (s *server) registerChallenges(api huma.API) {
	there := s.needs(func() bool { return s.Security != nil && s.Security.Verifier != nil }, "nobody is asked here who they are")
	type challengeInput struct{ Body challengeRequest }
	type challengeOutput struct {
		CacheControl string `header:"Cache-Control"`
		Body         challengeAnswer
	}
	op := served(operation(api, "challenge", http.MethodPost, "/v1/challenges", "A fresh challenge, to prove who one is.",
		http.StatusBadRequest, http.StatusForbidden, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType), there, s.readBody)
	huma.Register(api, op, func(ctx context.Context, in *challengeInput) (*challengeOutput, error) {
		sent, err := s.Security.Verifier.Challenge(in.Body.Zone)
		if err != nil {
			return nil, s.identity(ctx, err)
		}
		return &challengeOutput{"no-store", challengeAnswer{sent}}, nil
	})

	type answerInput struct{ Body answerRequest }
	type answerOutput struct {
		CacheControl string `header:"Cache-Control"`
		Body         answerOutcome
	}
	op = served(operation(api, "answer", http.MethodPost, "/v1/answers", "Prove who one is: the answer to a challenge, which is good once.",
		http.StatusBadRequest, http.StatusForbidden, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
		http.StatusServiceUnavailable), there, s.readBody)
	huma.Register(api, op, func(ctx context.Context, in *answerInput) (*answerOutput, error) {
		p, err := s.Security.Verifier.Verify(in.Body.Challenge, in.Body.Member, in.Body.Signature)
		if err != nil {
			return nil, s.identity(ctx, err)
		}
		return &answerOutput{"no-store", answerOutcome{p.Account.Name, p.Account.Roles.String(), p.Zone}}, nil
	})
}

// identity returns the problem that an error of a verifier is.
func (s *server) identity(ctx context.Context, err error) error {
	if r := refuse(err); r != nil {
		return r
	}
	return s.internal(ctx, "challenge", err)
}

func newAccount(a poenf.Account) account {
	return account{a.Name, a.Key, a.Roles.String(), a.Status.String(), a.Since}
}

// newAccounts returns the page of at most so many accounts whose names come after one.
func newAccounts(all []poenf.Account, after string, most int) accountPage {
	from, found := slices.BinarySearchFunc(all, after, func(a poenf.Account, name string) int { return strings.Compare(a.Name, name) })
	if found {
		from++
	}
	to := min(from+most, len(all))
	out := accountPage{Members: make([]account, 0, to-from)}
	for _, a := range all[from:to] {
		out.Members = append(out.Members, newAccount(a))
	}
	if to < len(all) {
		out.Next = all[to-1].Name
	}
	return out
}

func newZone(z poenf.Zone) zone {
	return zone{z.Name, z.Kind.String(), append([]string{}, z.Members...)}
}

func newMadeChange(m MadeChange) madeChange {
	out := madeChange{Sequence: m.Change.Sequence, Time: m.Time, Operations: []string{}, Signers: [][]byte{}}
	for _, o := range m.Change.Operations {
		out.Operations = append(out.Operations, o.String())
	}
	for _, e := range m.Change.Endorsements {
		out.Signers = append(out.Signers, e.Key)
	}
	out.Change, _ = m.Change.MarshalBinary() // it was decoded from them
	return out
}
