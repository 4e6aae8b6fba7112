// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"unicode"

	"github.com/danielgtaylor/huma/v2"

	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/poenf"
)

// Problem is an error as it is on the wire: RFC 9457, application/problem+json. One that a [Client] received wraps the error
// of package poenf or ledger that its Type stands for, if it stands for one.
type Problem struct {
	// Type says what kind of problem it is, for programs: urn:defakepro:problem: and a name, or about:blank, where Status
	// says it all.
	Type string `json:"type" doc:"What kind of problem it is: urn:defakepro:problem: and a name, or about:blank where the status says it all."`
	// Title is the kind in words, Detail what happened this time.
	Title  string `json:"title" doc:"The kind in words."`
	Status int    `json:"status" doc:"The HTTP status."`
	Detail string `json:"detail,omitempty" doc:"What happened this time."`
}

// Error returns what happened, in one line.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return fmt.Sprintf("%s (%d)", p.Title, p.Status)
	}
	return p.Detail
}

// Unwrap returns the error that the type stands for, of package poenf or ledger mostly, or nil.
func (p *Problem) Unwrap() error {
	for _, k := range kinds {
		if p.Type == typePrefix+k.name {
			return k.err
		}
	}
	return nil
}

const typePrefix = "urn:defakepro:problem:"

// kind is a type of problem.
type kind struct {
	name   string
	status int
	title  string
	err    error // what it stands for in Go
}

// kinds are all types of problems: the only place where errors become statuses, and types errors. Names are a promise.
var kinds = []kind{
	kindNotMember, kindOutdated, kindEarly, kindPresent, kindMalformed, kindSignature, kindCommittee, kindNotFound,
	kindNoRoom, kindNoChannel, kindRequest, kindTimeout, kindStreams, kindUnavailable, kindNoCertificate, kindNotServed,
	kindToken, kindRight, kindNoMember, kindNoZone, kindChallenge, kindReplay, kindAnswer, kindBusy,
	kindRecording, kindChecks, kindRate,
}

var (
	kindNotMember = kind{"not-member", http.StatusForbidden, "The sender is not in the round's committee", poenf.ErrNotMember}
	kindOutdated  = kind{"outdated", http.StatusConflict, "The round is decided", poenf.ErrOutdated}
	kindEarly     = kind{"early", http.StatusConflict, "The round is not yet due", poenf.ErrEarly}
	kindPresent   = kind{"present", http.StatusConflict, "The sender has been heard already", poenf.ErrPresent}
	kindMalformed = kind{"malformed", http.StatusBadRequest, "The form is not that of a proof of this committee", poenf.ErrMalformed}
	kindSignature = kind{"signature", http.StatusForbidden, "The signature does not verify", poenf.ErrSignature}
	kindCommittee = kind{"committee", http.StatusUnprocessableEntity, "The committee would be out of bounds", poenf.ErrCommittee}
	kindNotFound  = kind{"round-not-found", http.StatusNotFound, "There is no such round, or not yet", ledger.ErrNotFound}

	kindNoRoom        = kind{"room-not-found", http.StatusNotFound, "There is no such room", nil}
	kindNoChannel     = kind{"channel-not-found", http.StatusNotFound, "There is no such participant, or no such channel", nil}
	kindRequest       = kind{"request", http.StatusUnprocessableEntity, "The request is not as documented", nil}
	kindTimeout       = kind{"timeout", http.StatusGatewayTimeout, "The committee did not answer in time", nil}
	kindStreams       = kind{"too-many-streams", http.StatusServiceUnavailable, "All event streams are taken", nil}
	kindUnavailable   = kind{"unavailable", http.StatusServiceUnavailable, "The node cannot answer now", nil}
	kindNoCertificate = kind{"no-certificate", http.StatusServiceUnavailable, "This node cannot make the certificate", nil}
	kindRate          = kind{"too-many-requests", http.StatusTooManyRequests, "Too many requests from one address", nil}
	kindNotServed     = kind{"not-served", http.StatusNotImplemented, "This node does not serve that", errors.ErrUnsupported}
)

func (k kind) problem(format string, args ...any) *refusal {
	return &refusal{Problem{Type: typePrefix + k.name, Title: k.title, Status: k.status, Detail: fmt.Sprintf(format, args...)}}
}

// blank is a problem of which the status says it all.
func blank(status int, detail string) *refusal {
	return &refusal{Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}}
}

// refusal is a problem on its way out, as huma takes it.
type refusal struct{ Problem }

const problemType = "application/problem+json"

func (r *refusal) GetStatus() int            { return r.Status }
func (r *refusal) ContentType(string) string { return problemType }

// refuse returns the problem that an error is; nil where nobody but the log should hear of it.
func refuse(err error) *refusal {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r
	}
	for _, k := range kinds {
		if k.err != nil && errors.Is(err, k.err) {
			return k.problem("%v", err)
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return kindTimeout.problem("no answer in time; what was asked for may still happen")
	}
	return nil
}

// fromHuma makes a problem of an error that huma found in a request, without what it repeats of that.
func fromHuma(m *huma.ErrorModel, path string) *refusal {
	if m.Status >= http.StatusInternalServerError {
		return blank(m.Status, "")
	}
	words := make([]string, 0, len(m.Errors))
	for _, e := range m.Errors {
		words = append(words, fmt.Sprintf("%.80s: %.120s", e.Location, e.Message))
	}
	if len(words) == 0 {
		words = []string{m.Detail}
	}
	detail := strings.Join(words, "; ")
	switch m.Status {
	case kindRequest.status:
		return kindRequest.problem("%s", detail)
	case kindMalformed.status: // there is no body
		if path == proofsPath {
			return kindMalformed.problem("%s", detail)
		}
	}
	return blank(m.Status, detail)
}

// write answers with the problem where there is no huma.
func (r *refusal) write(w http.ResponseWriter) {
	body, err := json.Marshal(r)
	if err != nil {
		panic(err) // strings and a number
	}
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(r.Status)
	_, _ = w.Write(append(body, '\n')) // whoever does not read it does not want it
}

// maxProblem is how much of a problem a client reads.
const maxProblem = 64 << 10

// readProblem makes a problem of an answer that is not a success, whoever gave it: proxies answer as well.
func readProblem(status int, contentType string, body []byte) *Problem {
	out := Problem{Type: "about:blank", Title: http.StatusText(status), Status: status}
	if t, _, err := mime.ParseMediaType(contentType); err == nil && t == problemType {
		var p Problem
		if json.Unmarshal(body, &p) == nil {
			out.Type, out.Detail = printable(p.Type), printable(p.Detail)
			if p.Title != "" {
				out.Title = printable(p.Title)
			}
		}
	}
	if out.Title == "" {
		out.Title = "unknown status"
	}
	return &out
}

// printable returns what of s can go to a terminal, and no more of it than one would read there.
func printable(s string) string {
	const most = 500
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s)
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
