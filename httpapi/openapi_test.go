// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/defakepro/defakepro/ledger"
)

// document is as much of OpenAPI as the test needs.
type document struct {
	Paths      map[string]map[string]operationDoc `json:"paths"`
	Components struct {
		Schemas map[string]schemaDoc `json:"schemas"`
	} `json:"components"`
}

type operationDoc struct {
	Responses map[string]struct {
		Content map[string]struct {
			Schema schemaDoc `json:"schema"`
		} `json:"content"`
	} `json:"responses"`
}

type schemaDoc struct {
	Ref        string               `json:"$ref"`
	Type       any                  `json:"type"`
	Properties map[string]schemaDoc `json:"properties"`
	Required   []string             `json:"required"`
	Items      *schemaDoc           `json:"items"`
	Enum       []any                `json:"enum"`
}

// What is documented answers as documented: each path, in every way it has here, with a status and a form that the document
// knows. The document on disk is the one that is served.
func TestDocument(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	registered := security(t, nil)
	_, full := serve(t, Options{
		Ledger: rounds(100, 110), Now: at(110), Genesis: []byte(`{"g":1}`),
		Certificate: func(_ context.Context, n uint64) (json.Marshaler, error) {
			switch n {
			case 100:
				return json.RawMessage(`{"format":"x"}`), nil
			case 101:
				return nil, errors.New("secret")
			case 102:
				return nil, context.DeadlineExceeded
			}
			return nil, ledger.ErrNotFound
		},
		Meetings: meetings(newMeeting()), Verdicts: someVerdicts, Nodes: someNodes, Join: join, Security: registered, Check: someCheck,
	})
	_, bare := serve(t, Options{Ledger: rounds(1, 0), Now: at(3)})
	_, guard := serveOnly(t, Options{Meetings: meetings(newMeeting()), Join: func(context.Context, string, string) (string, string, error) {
		return "", "", errors.New("secret")
	}})
	if answer, served := ask(t, "GET", full+"/openapi.json", ""); !bytes.Equal(served, file) || answer.Header.Get("Content-Type") != "application/openapi+json" {
		t.Error("docs/openapi.json is not what is served: go generate ./httpapi")
	}
	var doc document
	if err := json.Unmarshal(file, &doc); err != nil {
		t.Fatal(err)
	}
	ways := map[string][]string{
		"/healthz": {""}, "/v1/committee": {"", "?x=1"}, "/v1/genesis": {""},
		"/v1/rounds":                 {"", "?from=105&limit=2", "?limit=x"},
		"/v1/rounds/latest":          {""},
		"/v1/rounds/{n}":             {"100", "7", "x"},
		"/v1/rounds/{n}/certificate": {"100", "101", "102", "7", "x"},
		"/v1/truth":                  {"?from=480&to=500", "?from=480&to=500&format=csv", ""},
		"/v1/events":                 {"?from=x", "?from=100"},
		"/v1/rooms":                  {""},
		"/v1/rooms/{room}":           {"standup", "other", "a%2fb"},
		"/v1/rooms/{room}/events":    {"standup", "other"},
		"/v1/rooms/{room}/participants/{id}/curves": {"alice?channel=audio", "alice?channel=video", "bob?channel=audio", "alice?channel=smell", "alice"},
		"/v1/rooms/{room}/tokens":                   {`{"name":"Ada"}`, `{"name":""}`, "{}", "[", strings.Repeat(" ", 20000)},
		"/v1/verdicts":                              {"", "?room=standup&participant=alice&from=1&to=2030-01-01T00:00:00Z&after=1&limit=5", "?format=csv", "?from=x", "?after=-1"},
		"/v1/verdicts.csv":                          {"", "?limit=0"},
		"/v1/verdicts.json":                         {"", "?limit=0", "?from=x"},
		"/v1/nodes":                                 {""},
		"/v1/checks":                                {"recording", "bad", ""},
		"/v1/registry":                              {""},
		"/v1/registry/certificate":                  {""},
		"/v1/members":                               {"", "?after=ann&limit=1", "?limit=0"},
		"/v1/members/{name}":                        {"ann", "nobody"},
		"/v1/zones":                                 {""},
		"/v1/zones/{name}":                          {"acme", "nowhere", "standup"},
		"get /v1/changes":                           {"", "?from=1&limit=5"},
		"post /v1/changes":                          {aChange(t), "x", strings.Repeat(" ", 50_000)},
		"/v1/challenges":                            {`{"zone":"acme"}`, `{"zone":7}`, "[", strings.Repeat(" ", 20000)},
		"/v1/answers":                               {anAnswer(t, registered), `{"challenge":"AAAA","member":"ann","signature":"AAAA"}`, "{}"},
		"/v1/proofs":                                {asJSON(committee.Proof("m000", 7)), "{}", strings.Repeat(" ", 20000)},
	}
	tried := make(map[string]bool)
	for path := range ways {
		tried[path[strings.Index(path, "/"):]] = true
	}
	if got, want := slices.Sorted(maps.Keys(tried)), slices.Sorted(maps.Keys(doc.Paths)); !slices.Equal(got, want) {
		t.Errorf("tried are %v, documented %v", got, want)
	}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			successes := 0
			for _, way := range slices.Concat(ways[path], ways[method+" "+path]) {
				for _, url := range []string{full, bare, guard} {
					if doc.walk(t, op, strings.ToUpper(method), url, path, way, "application/json", "") < 300 {
						successes++
					}
				}
				if got := doc.walk(t, op, strings.ToUpper(method), full, path, way, "application/json", "evil.example"); got != http.StatusMisdirectedRequest {
					t.Errorf("%s %s by another name: %d", method, path, got)
				}
				for _, kind := range []string{"", "text/plain", "application/xml", "application/cbor", "application/json; charset=utf-16", binaryType, "multipart/form-data", "%"} {
					if method == "post" {
						doc.walk(t, op, "POST", full, path, way, kind, "")
					}
				}
			}
			if successes == 0 {
				t.Errorf("%s %s has never worked", method, path)
			}
		}
	}
}

// walk asks in one way, by a name if not the server's own, holds the answer against the document, and returns its status.
func (d document) walk(t *testing.T, op operationDoc, method, url, path, way, sent, host string) int {
	t.Helper()
	body := ""
	switch {
	case method == http.MethodPost:
		body, path = way, strings.Replace(path, "{room}", "standup", 1)
	case strings.Contains(path, "{id}"):
		id, query, _ := strings.Cut(way, "?")
		path = strings.NewReplacer("{room}", "standup", "{id}", id).Replace(path) + "?" + query
	case strings.Contains(path, "{room}"):
		path = strings.Replace(path, "{room}", way, 1)
	case strings.Contains(path, "{name}"):
		path = strings.Replace(path, "{name}", way, 1)
	case strings.Contains(path, "{n}"):
		path = strings.Replace(path, "{n}", way, 1)
	default:
		path += way
	}
	if path == "/v1/events?from=100" || path == "/v1/rooms/standup/events" {
		method = http.MethodHead // the stream would not end
	}
	answer, data := ask(t, method, url+path, body, "Content-Type", sent, "Host", host)
	response, known := op.Responses[fmt.Sprint(answer.StatusCode)]
	kind, _, _ := strings.Cut(answer.Header.Get("Content-Type"), ";")
	form, ok := response.Content[kind]
	if !known || !ok {
		t.Errorf("%s %s: %d %s is not documented", method, path, answer.StatusCode, kind)
		return answer.StatusCode
	}
	if method == http.MethodHead || !strings.HasSuffix(kind, "json") {
		return answer.StatusCode
	}
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		t.Errorf("%s: %v: %s", path, err, data)
	} else if err := d.check(form.Schema, value); err != nil {
		t.Errorf("%s: %v: %.300s", path, err, data)
	}
	return answer.StatusCode
}

// check returns why a value is not what a schema says.
func (d document) check(s schemaDoc, value any) error {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		found, ok := d.Components.Schemas[name]
		if !ok {
			return fmt.Errorf("no schema %s", name)
		}
		return d.check(found, value)
	}
	kind := map[string]string{"float64": "number integer", "string": "string", "bool": "boolean", "<nil>": "null"}[fmt.Sprintf("%T", value)]
	if s.Enum != nil && !slices.Contains(s.Enum, value) {
		return fmt.Errorf("%v is not one of %v", value, s.Enum)
	}
	switch v := value.(type) {
	case []any:
		if s.Type != "array" || s.Items == nil {
			return fmt.Errorf("an array, not %v", s.Type)
		}
		for _, item := range v {
			if err := d.check(*s.Items, item); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		kind = "object"
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				return fmt.Errorf("no %s", name)
			}
		}
		for name, field := range v {
			property, ok := s.Properties[name]
			if !ok && s.Properties != nil {
				return fmt.Errorf("%s is not documented", name)
			}
			if ok {
				if err := d.check(property, field); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
		}
	}
	for one := range strings.FieldsSeq(kind) {
		if types, ok := s.Type.([]any); s.Type == one || ok && slices.Contains(types, any(one)) {
			return nil
		}
	}
	return fmt.Errorf("%v is not %v", value, s.Type)
}
