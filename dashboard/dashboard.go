// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package dashboard is the pages of a guard: who in a meeting is authentic and why, at /, and a page to join the meeting
// with, at /join. They are plain modules of JavaScript and one style sheet, embedded; they load nothing from any other
// host, and know only what the public interface (docs/openapi.json) tells them, on the host that serves them.
//
// What they claim is what a verdict claims: recorded here and now on this grid, or not. Never that a face is real.
package dashboard

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
)

//go:generate npm/vendor.sh

//go:embed static
var content embed.FS

// file is one that is served.
type file struct {
	kind, etag string
	data       []byte
}

// site is all that is served, by path.
type site struct {
	files   map[string]file
	version string // a hash of all files; part of their addresses, so that what is cached is never of another version
	connect string // where the joining page may connect to, beside the host it came from
}

// Handler returns a handler of the pages: / and /join, and below /static/ what they load. The joining page may connect to
// the conferences at the URLs given (ws, wss, http or https), and to no other host than its own; what is no such URL is
// left out. The interface of package httpapi has to be on the same host.
func Handler(conferences ...string) http.Handler {
	files, err := fs.Sub(content, "static")
	if err != nil {
		panic(err) // a constant
	}
	s := &site{files: make(map[string]file), connect: origins(conferences)}
	all := sha256.New()
	err = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		hash := sha256.Sum256(data)
		all.Write([]byte(name))
		all.Write(hash[:])
		s.files[name] = file{kind(name), `"` + hex.EncodeToString(hash[:8]) + `"`, data}
		return nil
	})
	if err != nil {
		panic(err) // what is embedded can be read
	}
	s.version = hex.EncodeToString(all.Sum(nil)[:8])
	for name, f := range s.files {
		if path.Ext(name) == ".html" { // the pages name the version of what they load
			f.data = bytes.ReplaceAll(f.data, []byte(`"/static/`), []byte(`"/static/`+s.version+`/`))
			f.etag = `"` + s.version + `"`
			s.files[name] = f
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { s.page(w, r, "index.html", "") })
	mux.HandleFunc("GET /join", func(w http.ResponseWriter, r *http.Request) { s.page(w, r, "join.html", s.connect) })
	mux.HandleFunc("GET /static/{version}/{name...}", s.asset)
	return mux
}

// kind returns the media type of a file.
func kind(name string) string {
	switch path.Ext(name) { // what a system's tables say of these differs
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	return mime.TypeByExtension(path.Ext(name))
}

// origins returns the origins of conferences as a policy names them: to their signalling, and to what is asked by HTTP
// beside it.
func origins(conferences []string) string {
	var b strings.Builder
	for _, c := range conferences {
		u, err := url.Parse(c)
		if err != nil || u.Hostname() == "" || strings.ContainsAny(u.Host, " ;,'\"*") {
			continue
		}
		switch u.Scheme {
		case "ws", "http":
			b.WriteString(" ws://" + u.Host + " http://" + u.Host)
		case "wss", "https":
			b.WriteString(" wss://" + u.Host + " https://" + u.Host)
		}
	}
	return b.String()
}

// page answers with a page, which runs nothing but the scripts that came with it.
func (s *site) page(w http.ResponseWriter, r *http.Request, name, connect string) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob: mediastream:; "+
		"connect-src 'self'"+connect+"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	devices := "camera=(), microphone=()"
	if name == "join.html" {
		devices = "camera=(self), microphone=(self)"
	}
	h.Set("Permissions-Policy", devices+", geolocation=(), display-capture=()")
	h.Set("Cache-Control", "no-cache") // asked for each time, answered with 304
	s.write(w, r, s.files[name])
}

// asset answers with what pages load.
func (s *site) asset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	f, ok := s.files[name]
	if !ok || r.PathValue("version") != s.version || path.Ext(name) == ".html" {
		http.NotFound(w, r) // a page of another version is asked for anew, and names this one
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	s.write(w, r, f)
}

func (s *site) write(w http.ResponseWriter, r *http.Request, f file) {
	w.Header().Set("ETag", f.etag)
	if strings.Contains(r.Header.Get("If-None-Match"), f.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", f.kind)
	_, _ = w.Write(f.data) // whoever does not read it does not want it
}
