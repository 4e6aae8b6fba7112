// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/danielgtaylor/huma/v2/negotiation"
)

// ErrRecording is wrapped where an uploaded recording cannot be checked, for a reason that its sender is told.
var ErrRecording = errors.New("recording")

// Upload is a recording that somebody wants to have checked.
type Upload struct {
	// Path is where it is until the check returns, and Name what its sender calls it: in one line, bounded, and to be escaped.
	Path, Name string
	// Start is when it claims to begin; zero if nobody says.
	Start time.Time
	// HTML asks for a page to be read, instead of JSON.
	HTML bool
}

var (
	kindRecording = kind{"recording", http.StatusUnprocessableEntity, "The recording cannot be checked", ErrRecording}
	kindChecks    = kind{"too-many-checks", http.StatusServiceUnavailable, "Other recordings are being checked", nil}
)

const pageType = "text/html"

type checkInput struct {
	Name   string `query:"name" maxLength:"200" doc:"What the recording is called in the report."`
	Start  string `query:"start" maxLength:"40" doc:"When it claims to begin, RFC 3339 or Unix seconds; without it the place where it fits best is looked for."`
	Accept string `header:"Accept" hidden:"true"`
}

func (s *server) registerChecks(api huma.API) {
	op := served(operation(api, "checks", http.MethodPost, "/v1/checks",
		"Upload a recording, whole as the body, and have it compared with what the grid did: the report that the command check makes, as JSON or as a page.",
		http.StatusForbidden, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusServiceUnavailable, http.StatusGatewayTimeout),
		s.needs(func() bool { return s.Check != nil }, "recordings are not checked here"))
	op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		binaryType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
	}}
	op = documented(op, &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "As defakepro check --json prints it."})
	op.Responses["200"].Content[pageType] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	huma.Register(api, op, func(_ context.Context, in *checkInput) (*eventsOutput, error) {
		u := Upload{Name: printable(in.Name)}
		u.HTML = negotiation.SelectQValue(in.Accept, []string{"application/json", pageType}) == pageType
		if in.Start != "" {
			var err error
			if u.Start, err = parseInstant(in.Start); err != nil {
				return nil, kindRequest.problem("start: %v", err)
			}
		}
		return &eventsOutput{func(ctx huma.Context) {
			r, w := humago.Unwrap(ctx)
			s.check(w, r, u)
		}}, nil
	})
}

// check takes a recording and answers with the report on it.
func (s *server) check(w http.ResponseWriter, r *http.Request, u Upload) {
	if n := s.checks.Add(1); n > int32(s.Limits.Checks) {
		s.checks.Add(-1)
		w.Header().Set("Retry-After", "30")
		unread(w, r)
		kindChecks.problem("%d recordings are being checked; try again later", s.Limits.Checks).write(w)
		return
	}
	defer s.checks.Add(-1)
	// Where the connection knows no deadlines, it is for whoever made it to have bounds.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.Limits.UploadTime + s.Limits.CheckTime + s.Limits.Stall))
	path, refused := s.receive(w, r)
	if path != "" {
		defer func() {
			if err := os.Remove(path); err != nil {
				s.Log.Error("upload", slogErr(err))
			}
		}()
	}
	if refused != nil {
		w.Header().Set("Connection", "close")
		refused.write(w)
		return
	}
	u.Path = path
	within, cancel := context.WithTimeout(r.Context(), s.Limits.CheckTime)
	defer cancel()
	report, err := s.Check(within, u)
	if err != nil {
		s.checkFailed(within, err, path).write(w)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept")
	if u.HTML { // it runs nothing, wherever it is shown
		h.Set("Content-Type", pageType+"; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox")
		h.Set("Content-Disposition", `attachment; filename="report.html"`)
	}
	_, _ = w.Write(report) // whoever does not read it does not want it
}

// receive writes a request's body to a new file of nobody else's. The file is there where its path is returned, also with a refusal.
func (s *server) receive(w http.ResponseWriter, r *http.Request) (path string, refused *refusal) {
	f, err := os.CreateTemp(s.Scratch, "defakepro-upload-*")
	if err != nil {
		s.Log.Error("upload", slogErr(err))
		return "", blank(http.StatusInternalServerError, "")
	}
	hurry(w, s.Limits.UploadTime)
	n, err := io.Copy(f, http.MaxBytesReader(w, r.Body, s.Limits.Upload))
	if err == nil {
		unhurried(w)
	}
	closed := f.Close()
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	_, here := errors.AsType[*os.PathError](errors.Join(err, closed))
	switch {
	case tooLarge:
		return f.Name(), blank(http.StatusRequestEntityTooLarge, "the recording has more than "+strconv.FormatInt(s.Limits.Upload, 10)+" bytes")
	case here:
		s.Log.Error("upload", slog.Any("err", errors.Join(err, closed)))
		return f.Name(), blank(http.StatusInternalServerError, "")
	case err != nil:
		return f.Name(), blank(http.StatusRequestTimeout, "the recording did not arrive whole, or not in time")
	case n == 0:
		return f.Name(), kindRecording.problem("the body is empty: it is to be the recording")
	}
	return f.Name(), nil
}

// checkFailed returns the problem that the error of a check is. It says nothing of this side's files.
func (s *server) checkFailed(ctx context.Context, err error, path string) *refusal {
	switch {
	case errors.Is(err, ErrRecording):
		return kindRecording.problem("%s", printable(strings.ReplaceAll(err.Error(), path, "the recording")))
	case ctx.Err() != nil:
		return kindTimeout.problem("the check takes more than %v", s.Limits.CheckTime)
	}
	s.Log.Error("check", slogErr(err))
	return blank(http.StatusInternalServerError, "")
}
