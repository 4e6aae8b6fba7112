// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/capability"
)

// someCheck reads the recording, and reports what it is called.
func someCheck(_ context.Context, u Upload) ([]byte, error) {
	data, err := os.ReadFile(u.Path)
	switch {
	case err != nil:
		return nil, err
	case string(data) == "bad":
		return nil, fmt.Errorf("%w: %s is text", ErrRecording, u.Path)
	case string(data) == "broken":
		return nil, errors.New("secret")
	case u.HTML:
		return []byte("<h1>" + u.Name + "</h1>"), nil
	}
	return fmt.Appendf(nil, `{"media":%q,"bytes":%d,"start":%d}`, u.Name, len(data), u.Start.Unix()), nil
}

// left returns what is in a folder for uploads.
func left(t *testing.T, folder string) int {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func TestChecks(t *testing.T) {
	t.Parallel()
	scratch := t.TempDir()
	var log lines
	o := Options{Check: someCheck, Scratch: scratch, Limits: Limits{Upload: 1000}, Log: slog.New(slog.NewTextHandler(&log, nil))}
	_, url := serveOnly(t, o)
	url += "/v1/checks"
	for _, c := range []struct {
		query, body, accept string
		status              int
		says                string
	}{
		{"?name=a%0ab.wav&start=2026-11-23T12:00:00Z", "sound", "", 200, `{"media":"ab.wav","bytes":5,"start":1795435200}`},
		{"", "sound", "text/html", 200, "<h1>"},
		{"?name=" + strings.Repeat("x", 201), "sound", "", 422, "name"},
		{"?start=yesterday", "sound", "", 422, "start: "},
		{"?path=/etc/passwd", "sound", "", 422, "path"},
		{"", "", "", 422, "empty"},
		{"", "bad", "", 422, "the recording is text"},
		{"", "broken", "", 500, "Internal"},
		{"", strings.Repeat("x", 1001), "", 413, "more than 1000 bytes"},
	} {
		answer, body := ask(t, "POST", url+c.query, c.body, "Accept", c.accept)
		if answer.StatusCode != c.status || !strings.Contains(string(body), c.says) || strings.Contains(string(body), scratch) || strings.Contains(string(body), "secret") {
			t.Errorf("%q %.20q: %d %s", c.query, c.body, answer.StatusCode, body)
		}
		if html := answer.Header.Get("Content-Type") == "text/html; charset=utf-8"; html != (c.accept != "") || html &&
			(!strings.HasSuffix(answer.Header.Get("Content-Security-Policy"), "sandbox") || !strings.HasPrefix(answer.Header.Get("Content-Disposition"), "attachment")) {
			t.Errorf("%q: %v", c.query, answer.Header)
		}
	}
	if n := left(t, scratch); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
	if answer, _ := ask(t, "POST", url, "sound", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"); answer.StatusCode != http.StatusForbidden {
		t.Errorf("from another host's page: %d", answer.StatusCode)
	}
	if !strings.Contains(log.String(), "secret") {
		t.Error("what went wrong is not in the log")
	}
}

// What comes slowly is cut off, what takes long is given up, and more at once than there are seats are sent away; nothing is left.
func TestChecksAreBounded(t *testing.T) {
	t.Parallel()
	scratch := t.TempDir()
	begun := make(chan struct{}, 1)
	o := Options{Scratch: scratch, Limits: Limits{UploadTime: 200 * time.Millisecond, CheckTime: 3 * time.Second, Checks: 1}}
	o.Check = func(ctx context.Context, _ Upload) ([]byte, error) {
		begun <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	_, url := serveOnly(t, o)
	slow, feed := io.Pipe()
	t.Cleanup(func() { _ = feed.Close() })
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/checks", slow)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = feed.Write([]byte("a little")) }()
	if answer, err := http.DefaultClient.Do(r); err == nil { // else cut off, which is as good
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusRequestTimeout {
			t.Errorf("slow: %d", answer.StatusCode)
		}
	}
	ended := make(chan int)
	go func() {
		answer, err := http.Post(url+"/v1/checks", binaryType, bytes.NewReader([]byte("sound")))
		if err != nil {
			ended <- 0
			return
		}
		_ = answer.Body.Close()
		ended <- answer.StatusCode
	}()
	select {
	case <-begun:
	case <-time.After(patience):
		t.Fatal("no check has begun: the slow one holds its seat")
	}
	if answer, body := ask(t, "POST", url+"/v1/checks", "sound"); answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
		t.Errorf("one too many: %d %s", answer.StatusCode, body)
	}
	if status := <-ended; status != http.StatusGatewayTimeout {
		t.Errorf("too long: %d", status)
	}
	if n := left(t, scratch); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
}

// A check ends when its sender goes away, and its seat is free.
func TestChecksEndWithTheirSender(t *testing.T) {
	t.Parallel()
	begun, ended := make(chan struct{}), make(chan error, 1)
	o := Options{Scratch: t.TempDir(), Limits: Limits{CheckTime: time.Hour, Checks: 1}}
	o.Check = func(ctx context.Context, _ Upload) ([]byte, error) {
		close(begun)
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	}
	_, url := serveOnly(t, o)
	ctx, leave := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/checks", strings.NewReader("sound"))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-begun
		leave()
	}()
	if answer, err := http.DefaultClient.Do(r); err == nil {
		t.Fatalf("answered with %d", answer.StatusCode)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(patience):
		t.Error("the check goes on for nobody")
	}
}

// Nothing of an upload without the right is so much as read.
func TestChecksNeedTheirRight(t *testing.T) {
	t.Parallel()
	scratch := t.TempDir()
	_, url := serve(t, Options{Ledger: rounds(1, 0), Now: at(3), Security: security(t, &capability.Authority{}), Check: someCheck, Scratch: scratch})
	for token, want := range map[string]int{
		"": 401, issued(t, "ann", capability.Limits{Operations: []string{"rooms:read"}}): 403,
		issued(t, "ann", capability.Limits{Operations: []string{"checks:write"}}): 200,
	} {
		if answer, body := ask(t, "POST", url+"/v1/checks", "sound", "Authorization", "Bearer "+token); answer.StatusCode != want {
			t.Errorf("%d %s, want %d", answer.StatusCode, body, want)
		}
	}
}
