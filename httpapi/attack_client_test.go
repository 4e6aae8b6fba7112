// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/capability"
	"github.com/defakepro/defakepro/poenf"
)

// The rude client sends what no client does. It is refused before anything is done for it, in few words, whatever it has for a
// token.
func TestRudeClient(t *testing.T) {
	t.Parallel()
	o := Options{Ledger: rounds(100, 110), Now: at(110), Security: security(t, &capability.Authority{}), Genesis: []byte(`{}`)}
	o.Limits.BodyTime = time.Second
	_, url := serve(t, o)
	good := issued(t, "ann", capability.Limits{Operations: []string{"*"}})
	for _, c := range []struct {
		what, method, path, body string
		header                   []string
		status                   []int
	}{
		{"traversal", "GET", "/v1/members/..%2f..%2fetc%2fpasswd", "", []string{"Authorization", "Bearer " + good}, []int{404}},
		{"traversal, plainly", "GET", "/v1/members/../../../../etc/passwd", "", nil, []int{307, 404}},
		{"traversal in a room", "GET", "/v1/rooms/..%2f..%2fadmin", "", []string{"Authorization", "Bearer " + good}, []int{501, 404}},
		{"a name with a zero", "GET", "/v1/zones/%00", "", []string{"Authorization", "Bearer " + good}, []int{404}},
		{"a token too long", "GET", "/v1/members", "", []string{"Authorization", "Bearer " + strings.Repeat("A", 10_000)}, []int{401}},
		{"a token of other letters", "GET", "/v1/members", "", []string{"Authorization", "Bearer ÄÖÜ"}, []int{401}},
		{"a token in the query", "GET", "/v1/members?token=" + good, "", nil, []int{401}},
		{"a change too long", "POST", changesPath, strings.Repeat("x", poenf.MaxTx+1), nil, []int{413}},
		{"no change", "POST", changesPath, "", nil, []int{400}},
		{"a proof for a change", "POST", changesPath, "\x01\x32", nil, []int{400}},
		{"a change from a page elsewhere", "POST", changesPath, aChange(t), []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, []int{403}},
		{"a challenge for a page elsewhere", "POST", "/v1/challenges", "{}", []string{"Sec-Fetch-Site", "cross-site"}, []int{403}},
		{"an answer too long", "POST", "/v1/answers", `{"member":"` + strings.Repeat("a", 17_000) + `"}`, []string{"Content-Type", "application/json"}, []int{413}},
		{"an answer that is none", "POST", "/v1/answers", `{"challenge":"AAAA","member":"ann","signature":"AAAA"}`, []string{"Content-Type", "application/json"}, []int{403}},
		{"fields that nobody knows", "POST", "/v1/challenges", `{"zone":"acme","admin":true}`, []string{"Content-Type", "application/json"}, []int{422}},
		{"another method", "DELETE", "/v1/members/ann", "", []string{"Authorization", "Bearer " + good}, []int{405}},
		{"a path that is none", "GET", "/v1/administrators", "", nil, []int{404}},
	} {
		answer, body := ask(t, c.method, url+c.path, c.body, c.header...)
		if answer.StatusCode != c.status[0] && answer.StatusCode != c.status[len(c.status)-1] {
			t.Errorf("%s: %d %s, want %v", c.what, answer.StatusCode, body, c.status)
		}
		if len(body) > 2000 || answer.Header.Get("Content-Type") != problemType || strings.Contains(string(body), good[:30]) {
			t.Errorf("%s: %s %.200s", c.what, answer.Header.Get("Content-Type"), body)
		}
	}
	// Two tokens are none: who has looked at one, and who goes by the other?
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v1/members", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header["Authorization"] = []string{"Bearer " + good, "Bearer " + good}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("two tokens: %d", answer.StatusCode)
	}
}

// A body that does not come is waited for no longer than its time, and costs nobody else anything.
func TestSlowClient(t *testing.T) {
	t.Parallel()
	o := Options{Ledger: rounds(100, 110), Now: at(110), Security: security(t, &capability.Authority{})}
	o.Limits.BodyTime = 200 * time.Millisecond
	_, url := serve(t, o)
	never := &blocked{until: t.Context().Done()}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+changesPath, never)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return // cut off, which is as good
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusRequestTimeout {
		t.Errorf("%d", answer.StatusCode)
	}
}

// blocked is a body that does not come.
type blocked struct{ until <-chan struct{} }

func (b *blocked) Read([]byte) (int, error) {
	<-b.until
	return 0, http.ErrBodyReadAfterClose
}
