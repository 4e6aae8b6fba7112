// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package history_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/history"
	"github.com/defakepro/defakepro/monitor"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

// event is one at so many seconds after noon.
func event(seconds int, person string) monitor.Event {
	return monitor.Event{
		Time: noon.Add(time.Duration(seconds) * time.Second), Room: "board", Person: monitor.Person{ID: person, Name: "Name of " + person},
		Channel: enf.SourceAudio, Verdict: detect.Forged, Former: detect.Authentic, Reason: "Because.", Confidence: 0.875,
		Forged: []monitor.Span{{From: noon, To: noon.Add(time.Minute), Kind: detect.SpanForeign}},
	}
}

func open(t *testing.T, path string, o history.Options) *history.Store {
	t.Helper()
	s, err := history.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func add(t *testing.T, s *history.Store, events ...monitor.Event) {
	t.Helper()
	for _, e := range events {
		if err := s.Add(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

func TestKeepsAcrossOpening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "odd name?#%.db")
	first, err := history.Open(path, history.Options{})
	if err != nil {
		t.Fatal(err)
	}
	add(t, first, event(0, "ada"), event(1, "bob"))
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	s := open(t, path, history.Options{})
	got, err := s.Events(t.Context(), history.Query{})
	if err != nil {
		t.Fatal(err)
	}
	want := []history.Record{{ID: 1, Event: event(0, "ada")}, {ID: 2, Event: event(1, "bob")}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestQueries(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "h.db"), history.Options{})
	for i := range 6 {
		e := event(i, []string{"ada", "bob"}[i%2])
		if i >= 4 {
			e.Room = "yard"
		}
		add(t, s, e)
	}
	at := func(i int) time.Time { return noon.Add(time.Duration(i) * time.Second) }
	far := func(year int) time.Time { return time.Date(year, time.June, 1, 0, 0, 0, 0, time.UTC) } // beyond nanoseconds in 64 bits
	for name, test := range map[string]struct {
		q    history.Query
		want []int64
	}{
		"all":     {history.Query{}, []int64{1, 2, 3, 4, 5, 6}},
		"room":    {history.Query{Room: "yard"}, []int64{5, 6}},
		"person":  {history.Query{Person: "bob"}, []int64{2, 4, 6}},
		"both":    {history.Query{Room: "board", Person: "ada"}, []int64{1, 3}},
		"time":    {history.Query{From: at(1), To: at(4)}, []int64{2, 3, 4}},
		"ever":    {history.Query{From: far(1), To: far(9999)}, []int64{1, 2, 3, 4, 5, 6}},
		"never":   {history.Query{From: far(2300)}, nil},
		"after":   {history.Query{After: 4}, []int64{5, 6}},
		"limit":   {history.Query{After: 1, Limit: 2}, []int64{2, 3}},
		"nobody":  {history.Query{Person: "' OR 1=1 --"}, nil},
		"nothing": {history.Query{After: math.MaxInt64}, nil},
	} {
		records, err := s.Events(t.Context(), test.q)
		if err != nil {
			t.Fatal(err)
		}
		var ids []int64
		for _, r := range records {
			ids = append(ids, r.ID)
		}
		if diff := cmp.Diff(test.want, ids); diff != "" {
			t.Error(name, diff)
		}
	}
}

func TestBounded(t *testing.T) {
	now := noon
	s := open(t, filepath.Join(t.TempDir(), "h.db"), history.Options{Most: 300, Keep: time.Hour, Now: func() time.Time { return now }})
	for i := range 1024 {
		add(t, s, event(i, "ada"))
	}
	records, err := s.Events(t.Context(), history.Query{})
	if err != nil {
		t.Fatal(err)
	}
	// Pruned every 256: at most so many above the bound.
	if n := len(records); n < 300 || n > 300+256 || records[n-1].ID != 1024 {
		t.Errorf("%d records are kept", n)
	}
	now = noon.Add(3 * time.Hour)
	for i := range 256 {
		add(t, s, event(3*3600+i, "ada"))
	}
	if records, err = s.Events(t.Context(), history.Query{}); err != nil || len(records) != 256 || records[0].ID != 1025 {
		t.Errorf("%d records are kept of one hour, %v", len(records), err)
	}
}

// What is too old goes when the caller says so, also where nothing is added.
func TestPrune(t *testing.T) {
	now := noon
	s := open(t, filepath.Join(t.TempDir(), "h.db"), history.Options{Keep: time.Hour, Now: func() time.Time { return now }})
	add(t, s, event(0, "ada"), event(1800, "bob"))
	now = noon.Add(70 * time.Minute)
	if err := s.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if records, err := s.Events(t.Context(), history.Query{}); err != nil || len(records) != 1 || records[0].Event.Person.ID != "bob" {
		t.Errorf("%v, %v", records, err)
	}
}

// To view a history leaves it and its folder as they are, whether somebody writes to it meanwhile or not.
func TestView(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "odd name?#%.db")
	if _, err := history.View(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := history.View(dir); err == nil {
		t.Error("a folder is viewed")
	}
	s, err := history.Open(path, history.Options{})
	if err != nil {
		t.Fatal(err)
	}
	add(t, s, event(0, "ada"))
	view := func(want int) {
		t.Helper()
		v, err := history.View(path)
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		if records, err := v.Events(t.Context(), history.Query{}); err != nil || len(records) != want {
			t.Errorf("%d records, %v, want %d", len(records), err, want)
		}
		if err := v.Add(t.Context(), event(1, "eve")); err == nil {
			t.Error("what is viewed can be added to")
		}
	}
	view(1)
	add(t, s, event(1, "bob"))
	view(2)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	view(2)
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("in the folder are %v, %v", entries, err)
	}
	for name, content := range map[string]string{"empty": "", "text": strings.Repeat("no history ", 100)} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := history.View(path); err == nil || !strings.Contains(err.Error(), "history") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestConcurrent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.db")
	var group sync.WaitGroup
	for range 2 { // two processes, as it were
		s := open(t, path, history.Options{})
		for range 4 {
			group.Go(func() {
				for i := range 25 {
					if err := s.Add(t.Context(), event(i, "ada")); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	group.Wait()
	s := open(t, path, history.Options{})
	if records, err := s.Events(t.Context(), history.Query{}); err != nil || len(records) != 200 {
		t.Errorf("%d records, %v", len(records), err)
	}
}

// A process that is killed while it adds loses nothing that Add returned for.
func TestSurvivesKill(t *testing.T) {
	if path := os.Getenv("HISTORY_KILLED"); path != "" {
		s, err := history.Open(path, history.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; ; i++ {
			add(t, s, event(i, "ada"))
			fmt.Printf("added %d\n", i+1)
		}
	}
	path := filepath.Join(t.TempDir(), "h.db")
	c := exec.Command(os.Args[0], "-test.run", "^TestSurvivesKill$")
	c.Env = append(os.Environ(), "HISTORY_KILLED="+path)
	pipe, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	added := 0
	for added < 50 {
		if _, err := fmt.Fscanf(pipe, "added %d\n", &added); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.Process.Kill()
	_ = c.Wait()
	s := open(t, path, history.Options{})
	records, err := s.Events(t.Context(), history.Query{})
	if err != nil || len(records) < added {
		t.Errorf("%d records after %d were added, %v", len(records), added, err)
	}
}

func TestRefuses(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, bytes.Repeat([]byte("not a database. "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{other, dir, filepath.Join(dir, "no", "such", "folder")} {
		if s, err := history.Open(path, history.Options{}); err == nil {
			t.Errorf("%s was opened", path)
			_ = s.Close()
		}
	}
	if text, err := os.ReadFile(other); err != nil || !strings.HasPrefix(string(text), "not a database") {
		t.Error("a file of another kind was written to")
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "history")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	s, err := history.Open(filepath.Join(dir, "history.db"), history.Options{Keep: 30 * 24 * time.Hour, Now: func() time.Time { return noon }})
	if err != nil {
		panic(err)
	}
	defer s.Close()
	ctx := context.Background()
	if err := s.Add(ctx, event(5, "ada")); err != nil {
		panic(err)
	}
	records, err := s.Events(ctx, history.Query{Room: "board", Limit: 10})
	if err != nil {
		panic(err)
	}
	for _, r := range records {
		fmt.Println(r.ID, r.Event.Person.Name, r.Event.Former, "to", r.Event.Verdict)
	}
	// Output: 1 Name of ada authentic to forged
}
