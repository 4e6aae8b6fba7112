// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
	"github.com/defakepro/defakepro/guard"
	"github.com/defakepro/defakepro/httpapi"
)

// wav returns a file of 16-bit samples.
func wav(rate uint32, samples []float64) []byte {
	le := binary.LittleEndian
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00")
	b = le.AppendUint32(b, rate)
	b = le.AppendUint32(b, 2*rate)
	b = append(b, "\x02\x00\x10\x00data"...)
	b = le.AppendUint32(b, uint32(2*len(samples)))
	for _, s := range samples {
		b = le.AppendUint16(b, uint16(int16(32000*max(-1, min(1, s)))))
	}
	le.PutUint32(b[4:], uint32(len(b)-8))
	return b
}

// checking serves what a guard serves with --checks and a grid in a reference file, and returns that grid and when it began.
func checking(t *testing.T) (url string, grid *enftest.Grid, began time.Time, scratch string) {
	t.Helper()
	began = time.Now().Add(-time.Hour).Truncate(time.Second)
	grid = enftest.NewGrid(9, enftest.GridOptions{Nominal: enf.Grid50, Duration: 10 * time.Minute})
	series := grid.Series()
	series.Start = began
	path := filepath.Join(t.TempDir(), "grid.csv")
	var b bytes.Buffer
	if err := enf.WriteCSV(&b, series); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	scratch = t.TempDir()
	t.Setenv("TMPDIR", scratch)
	url = guarding(t, "--reference", path, "--checks") + "/v1/checks"
	return url, grid, began, scratch
}

// guarding serves what the guard of a command line serves, which is not in any meeting.
func guarding(t *testing.T, args ...string) (url string) {
	t.Helper()
	t.Setenv(livekitKeyVariable, "key")
	t.Setenv(livekitSecretVariable, "secret")
	var opts guardOptions
	c := guardCommand(&opts)
	if err := c.ParseFlags(append([]string{"--livekit", "ws://127.0.0.1:1", "--room", "board"}, args...)); err != nil {
		t.Fatal(err)
	}
	if err := opts.check(); err != nil {
		t.Fatal(err)
	}
	o, closeAll, err := opts.options(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(guard.New(o).Handler())
	t.Cleanup(func() { server.Close(); closeAll() })
	return server.URL
}

// upload posts a recording, and returns the status and the answer.
func upload(t *testing.T, url, accept string, data []byte) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// TestUploads: a recording is judged as the command judges it, whether or not it is known when it was made.
func TestUploads(t *testing.T) {
	url, grid, began, _ := checking(t)
	const rate, seconds, from = 1000, 150, 120
	sound := make([]float64, rate*seconds)
	enftest.Noise(sound, 3, 0.01)
	grid.Hum(sound, rate, from, enftest.RoomHum(4, 0.2))
	real := wav(rate, sound)
	fake := make([]float64, rate*seconds)
	enftest.Noise(fake, 3, 0.01)
	enftest.NewGrid(77, enftest.GridOptions{Nominal: enf.Grid50, Duration: 10 * time.Minute}).Hum(fake, rate, 0, enftest.RoomHum(4, 0.2))
	start := "?start=" + began.Add(from*time.Second).UTC().Format(time.RFC3339)
	for _, c := range []struct {
		what, query string
		data        []byte
		want        string
	}{
		{"real, when it says", start, real, "authentic"},
		{"real, some time", "", real, "authentic"},
		{"from another grid", start, wav(rate, fake), "forged"},
	} {
		status, body := upload(t, url+c.query, "", c.data)
		var report struct {
			Verdict, Media, Reference string
		}
		if err := json.Unmarshal([]byte(body), &report); err != nil || status != http.StatusOK || report.Verdict != c.want || report.Media != "recording" {
			t.Errorf("%s: %d %.400s", c.what, status, body)
		}
	}
	const name = `<img src=x onerror=alert(1)>"'--><script>alert(2)</script>`
	status, page := upload(t, url+start+"&name=%3Cimg%20src=x%20onerror=alert(1)%3E%22'--%3E%3Cscript%3Ealert(2)%3C/script%3E", "text/html", real)
	if status != http.StatusOK || !strings.Contains(page, "<!") || strings.Contains(page, "<img src=x") || strings.Contains(page, "<script") || !strings.Contains(page, "&lt;img src=x") {
		t.Errorf("a recording called %s: %d", name, status)
	}
	if status, body := upload(t, url+"?start=2001-01-01T00:00:00Z", "", real); status != http.StatusUnprocessableEntity || !strings.Contains(body, "not known here") {
		t.Errorf("long ago: %d %s", status, body)
	}
}

// TestGuardWithoutChecks: no recording is taken from anybody where --checks is not given.
func TestGuardWithoutChecks(t *testing.T) {
	if status, body := upload(t, guarding(t)+"/v1/checks", "", []byte("sound")); status != http.StatusNotImplemented {
		t.Errorf("%d %s", status, body)
	}
}

// TestUploadsEndWithTheirTime: what nobody waits for any more is not searched for.
func TestUploadsEndWithTheirTime(t *testing.T) {
	grid := enftest.NewGrid(9, enftest.GridOptions{Nominal: enf.Grid50, Duration: 10 * time.Minute})
	sound := make([]float64, 150*1000)
	grid.Hum(sound, 1000, 120, enftest.RoomHum(4, 0.2))
	path := filepath.Join(t.TempDir(), "a.wav")
	if err := os.WriteFile(path, wav(1000, sound), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := checker{func() (reference, error) {
		return reference{path: "grid", est: enf.Estimate{Grid: enf.Grid50}, truth: func(context.Context, time.Time, time.Time) (enf.Series, error) {
			cancel() // the recording is read; what follows is the comparison
			return grid.Series(), nil
		}}, nil
	}}
	if out, err := c.check(ctx, httpapi.Upload{Path: path}); !errors.Is(err, context.Canceled) {
		t.Errorf("%.200s, %v", out, err)
	}
}

// TestAttackUploads: what is no recording, or one that is more than it seems, is refused in a few words, soon, and nothing of it is left.
func TestAttackUploads(t *testing.T) {
	url, _, _, scratch := checking(t)
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	if _, err := w.Write(append([]byte("time_s,frequency_hz\n"), bytes.Repeat([]byte("0,50\n"), 4<<20)...)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	days := wav(8000, make([]float64, 8000))
	slowest := wav(1, make([]float64, 1<<20)) // twelve days, by its own account
	endless, crowd := bytes.Clone(days), bytes.Clone(days)
	binary.LittleEndian.PutUint16(crowd[22:], 999) // channels
	binary.LittleEndian.PutUint32(endless[40:], 0xffffffff)
	for what, data := range map[string][]byte{
		"text": []byte("hello"), "a script": []byte("#!/bin/sh\nrm -rf /\n"), "zeros": make([]byte, 1<<20), "a folder's worth of gzip": gz.Bytes(),
		"a playlist that leads elsewhere": []byte("#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n"), "ffconcat": []byte("ffconcat version 1.0\nfile /etc/passwd\n"),
		"a sample a second": slowest, "half a day of silence": wav(100, make([]float64, 100*13*3600)), "the head of a film": []byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom\xff\xff\xff\xffmoov"),
		"HTML": []byte("<script>alert(1)</script>"), "a header alone": days[:44], "a thousand channels": crowd,
	} {
		began := time.Now()
		status, body := upload(t, url, "", data)
		if status != http.StatusUnprocessableEntity || len(body) > 2000 || strings.Contains(body, scratch) || strings.Contains(body, "root:") {
			t.Errorf("%s: %d %.300s", what, status, body)
		}
		if strings.Contains(body, "wav: ") { // the words of the reader in Go, which would be at work in this process
			t.Errorf("%s: read here: %s", what, body)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("%s: refused after %v", what, took)
		}
	}
	// One that claims more than it has is judged by what it has, which is too little.
	if status, body := upload(t, url, "", endless); status != http.StatusOK && status != http.StatusUnprocessableEntity || strings.Contains(body, `"authentic"`) {
		t.Errorf("endless: %d %.300s", status, body)
	}
	left, err := os.ReadDir(scratch)
	if err != nil || len(left) != 0 {
		t.Errorf("%d uploads are left, %v", len(left), err)
	}
}
