// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/defakepro/defakepro/monitor"
)

// recordJSON is a record as [WriteJSON] writes it. The names are a promise.
type recordJSON struct {
	ID         int64      `json:"id"`
	Time       time.Time  `json:"time"`
	Room       string     `json:"room"`
	Person     string     `json:"person"`
	Name       string     `json:"name"`
	Channel    string     `json:"channel,omitempty"`
	Verdict    string     `json:"verdict"`
	Former     string     `json:"former"`
	Reason     string     `json:"reason"`
	Confidence float64    `json:"confidence"`
	Forged     []spanJSON `json:"forged,omitempty"`
}

// spanJSON is a forged span, in exports and in the file.
type spanJSON struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Kind string    `json:"kind"`
}

func spansOf(e monitor.Event) []spanJSON {
	out := []spanJSON{}
	for _, s := range e.Forged {
		out = append(out, spanJSON{s.From.UTC(), s.To.UTC(), string(s.Kind)})
	}
	return out
}

// WriteJSON writes the records as a JSON array, an object a record: id, time, room, person (its ID), name, channel (absent for the
// participant as a whole), verdict, former, reason, confidence, and forged: spans with from, to and kind.
func WriteJSON(w io.Writer, records []Record) error {
	out := make([]recordJSON, len(records))
	for i, r := range records {
		e := r.Event
		out[i] = recordJSON{
			ID: r.ID, Time: e.Time.UTC(), Room: e.Room, Person: e.Person.ID, Name: e.Person.Name, Channel: string(e.Channel),
			Verdict: string(e.Verdict), Former: string(e.Former), Reason: e.Reason, Confidence: e.Confidence, Forged: spansOf(e),
		}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(out); err != nil {
		return fmt.Errorf("history as JSON: %w", err)
	}
	return nil
}

// WriteCSV writes the records as a table with a header (RFC 4180). Forged spans are from/to pairs of times separated by spaces.
//
// What participants chose, such as their names, cannot be taken for a formula by a spreadsheet: a cell that would be has an
// apostrophe before it.
func WriteCSV(w io.Writer, records []Record) error {
	c := csv.NewWriter(w)
	rows := [][]string{{"id", "time", "room", "person", "name", "channel", "verdict", "former", "confidence", "reason", "forged"}}
	for _, r := range records {
		e := r.Event
		var forged []string
		for _, s := range e.Forged {
			forged = append(forged, s.From.UTC().Format(time.RFC3339)+"/"+s.To.UTC().Format(time.RFC3339))
		}
		rows = append(rows, []string{
			strconv.FormatInt(r.ID, 10), e.Time.UTC().Format(time.RFC3339Nano), defuse(e.Room), defuse(e.Person.ID), defuse(e.Person.Name),
			defuse(string(e.Channel)), defuse(string(e.Verdict)), defuse(string(e.Former)), strconv.FormatFloat(e.Confidence, 'g', 4, 64),
			defuse(e.Reason), strings.Join(forged, " "),
		})
	}
	if err := c.WriteAll(rows); err != nil {
		return fmt.Errorf("history as CSV: %w", err)
	}
	return nil
}

// defuse makes text of a cell that a spreadsheet might take for a formula (OWASP, CSV injection): one that begins with = + - @, or with blanks that
// some strip before they look. Full-width forms of these count, since some programs fold them.
func defuse(s string) string {
	trimmed := strings.TrimLeft(s, " \t\r\n\v\f\u00a0\ufeff")
	if trimmed != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(trimmed)[0]) || s != "" && strings.ContainsRune("\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}
