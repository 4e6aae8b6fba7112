// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package dashboard_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/defakepro/defakepro/dashboard"
)

// get asks a handler for a path.
func get(t *testing.T, h http.Handler, path string, header ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Result(), string(body)
}

var loaded = regexp.MustCompile(`(?:src|href)="(/static/[^"]+)"|from "(\./[^"]+)"`)

// A page, and all that it loads, is there; what is cached for good has its version in its address.
func TestHandler(t *testing.T) {
	t.Parallel()
	h := dashboard.Handler()
	for path, least := range map[string]int{"/": 9, "/join": 6} {
		answer, body := get(t, h, path)
		if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/html; charset=utf-8" || answer.Header.Get("Cache-Control") != "no-cache" {
			t.Fatalf("%s: %d %v", path, answer.StatusCode, answer.Header)
		}
		if again, _ := get(t, h, path, "If-None-Match", answer.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
			t.Errorf("%s again: %d", path, again.StatusCode)
		}
		seen := make(map[string]bool)
		var follow func(base, text string)
		follow = func(base, text string) {
			for _, m := range loaded.FindAllStringSubmatch(text, -1) {
				address := m[1]
				if m[2] != "" {
					address = base + strings.TrimPrefix(m[2], ".")
				}
				if seen[address] {
					continue
				}
				seen[address] = true
				answer, body := get(t, h, address)
				if answer.StatusCode != http.StatusOK || !strings.Contains(answer.Header.Get("Cache-Control"), "immutable") || answer.Header.Get("Content-Type") == "" {
					t.Errorf("%s: %d %v", address, answer.StatusCode, answer.Header)
				}
				if !strings.Contains(address, "/vendor/") {
					follow(address[:strings.LastIndex(address, "/")], body)
				}
			}
		}
		follow("", body)
		if len(seen) < least {
			t.Errorf("%s loads %v", path, seen)
		}
	}
	for _, path := range []string{"/static/", "/static/style.css", "/static/0123456789abcdef/style.css", "/x", "/join/x", "/static/../dashboard.go", "/index.html"} {
		if answer, _ := get(t, h, path); answer.StatusCode < 300 {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
	}
}

// Pages run what came with them, and connect to where they came from; the joining page to its conferences as well.
func TestPolicy(t *testing.T) {
	t.Parallel()
	h := dashboard.Handler("ws://127.0.0.1:7880", "https://sfu.example/x?y", "wss://a.example; script-src *", "ftp://b.example", ":", "ws://*")
	for path, connect := range map[string]string{
		"/":     "connect-src 'self';",
		"/join": "connect-src 'self' ws://127.0.0.1:7880 http://127.0.0.1:7880 wss://sfu.example https://sfu.example;",
	} {
		answer, body := get(t, h, path)
		policy := answer.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none';", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'", connect} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: no %s in %s", path, want, policy)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") || answer.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %v", path, answer.Header)
		}
		if regexp.MustCompile(`<script>|<style|\son[a-z]+=|style=`).MatchString(body) {
			t.Errorf("%s has script or style within", path)
		}
	}
}

// No file of ours names another host, or makes markup of text.
func TestSources(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("static/*")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	never := regexp.MustCompile(`https?://(?:www\.w3\.org/2000/svg)?|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|localStorage`)
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // a folder
		}
		for _, found := range never.FindAllString(string(data), -1) {
			if found != "http://www.w3.org/2000/svg" {
				t.Errorf("%s: %s", name, found)
			}
		}
	}
}

func ExampleHandler() {
	server := httptest.NewServer(dashboard.Handler("wss://meet.example"))
	defer server.Close()
	answer, err := http.Get(server.URL + "/join")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer answer.Body.Close()
	fmt.Println(answer.Status, answer.Header.Get("Content-Type"))
	// Output: 200 OK text/html; charset=utf-8
}
