// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
)

// csvColumns says which columns hold what, -1 for none, and what a frequency cell stands for: base + unit * cell, in hertz.
type csvColumns struct {
	time, date, hz, sigma, snr int
	base, unit                 float64
}

// readHeader settles the separator and the columns from the first line.
func (c *csvScanner) readHeader() error {
	if bom, _ := c.r.Peek(3); bytes.Equal(bom, []byte("\xef\xbb\xbf")) {
		_, _ = c.r.Discard(3) // just peeked at
	}
	line, err := c.readLine()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s is empty", c.name)
	}
	if err != nil && !errors.Is(err, errCut) {
		return err
	}
	c.comma = separator(line)
	if bytes.IndexByte(line, 0) >= 0 || c.split(line) != nil || len(c.cells) > 64 {
		return c.notTable(line)
	}
	c.width = len(c.cells)
	c.columns = csvColumns{time: 0, date: -1, hz: min(1, c.width-1), sigma: -1, snr: -1, unit: 1}
	if c.width == 1 {
		c.columns.time, c.kind = -1, timeRow
	}
	if _, ok := parseNumber(c.cells[c.columns.hz]); !ok && c.guess(c.cells[0]) == timeUnknown {
		return c.nameColumns(line)
	}
	if c.width > 2 && c.halved() {
		return c.errHalved(line)
	}
	c.pending = bytes.Clone(line)
	return nil
}

// separator returns what parts the cells of a line. A comma may be a decimal one where there is another.
func separator(line []byte) byte {
	quoted := false
	found := byte('\n') // none: one column
	for _, b := range line {
		switch {
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '\t':
			return b
		case b == ';', b == ',' && found == '\n':
			found = b
		}
	}
	return found
}

func (c *csvScanner) notTable(line []byte) error {
	return fmt.Errorf("%s:%d: not a frequency CSV (want rows such as time_s,frequency_hz; found %.40q)", c.name, c.line, line)
}

// nameColumns finds the columns in a header.
func (c *csvScanner) nameColumns(line []byte) error {
	at := map[string]int{"time": -1, "date": -1, "hz": -1, "deviation": -1, "sigma": -1, "snr": -1}
	for i, cell := range c.cells {
		if role := columnRole(string(cell)); role != "" && at[role] < 0 {
			at[role] = i
		}
	}
	if at["time"] < 0 {
		at["time"], at["date"] = at["date"], -1
	}
	c.columns.time, c.columns.date, c.columns.hz, c.columns.sigma, c.columns.snr = at["time"], at["date"], at["hz"], at["sigma"], at["snr"]
	if at["hz"] < 0 && at["deviation"] >= 0 {
		c.columns.hz, c.columns.base = at["deviation"], float64(c.grid)
		if c.grid == GridAuto {
			return fmt.Errorf("%s:%d: %.40q may be from 50 or 60 Hz: %w", c.name, c.line, c.cells[c.columns.hz], ErrGrid)
		}
	}
	switch {
	case c.columns.hz < 0 && c.width == 1:
		return c.notTable(line)
	case c.columns.hz < 0:
		return fmt.Errorf("%s:%d: no frequency column (want time_s,frequency_hz; found %.60q)", c.name, c.line, line)
	case strings.Contains(strings.ToLower(string(c.cells[c.columns.hz])), "mhz"):
		c.columns.unit = 1e-3
	}
	c.kind = timeRow
	if c.columns.time >= 0 {
		c.kind, c.unit = timeUnknown, otherUnit(string(c.cells[c.columns.time]))
	}
	return nil
}

// columnRole maps the name of a column to what it holds; "" is of no use here.
func columnRole(name string) string {
	name = strings.ToLower(name)
	starts := func(with ...string) bool {
		return slices.ContainsFunc(with, func(s string) bool { return strings.HasPrefix(name, s) })
	}
	switch words := nameWords(name); {
	case name == "" || name == "t" || name == "dtm" || name == "index" || starts("second"):
		return "time"
	case slices.Contains(words, "zone"), starts("timezone"):
		return ""
	case starts("time", "utc", "zeit", "uhrzeit", "datetime", "date_time", "date/time", "date time", "datum/", "datum und"):
		return "time"
	case starts("date", "datum"):
		return "date"
	case starts("sigma", "std", "standard"):
		return map[bool]string{true: "sigma"}[name == "sigma" || name == "sigma_hz"]
	case name == "snr" || name == "snr_db":
		return "snr"
	case starts("dev", "delta", "df", "\u03b4f", "abweichung"), strings.Contains(name, "deviation"), strings.Contains(name, "abweichung"):
		return "deviation"
	case starts("freq"), len(words) > 0 && slices.Contains([]string{"f", "hz", "enf", "mhz"}, words[0]):
		return "hz"
	case strings.HasSuffix(name, "frequency"), strings.HasSuffix(name, "frequency_hz"), strings.HasSuffix(name, "frequency_mhz"):
		return "hz"
	}
	return ""
}

// nameWords splits the name of a column into its words.
func nameWords(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) })
}

// otherUnit returns the unit of a time column that says it is not in seconds; "" if it does not.
func otherUnit(name string) string {
	for _, word := range nameWords(strings.ToLower(name)) {
		switch word {
		case "ms", "milliseconds", "us", "min", "minute", "minutes", "h", "hour", "hours", "day", "days":
			return word
		}
	}
	return ""
}
