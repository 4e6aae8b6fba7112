// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// byteCounter counts the bytes that pass.
type byteCounter struct {
	r io.Reader
	n int64
}

func (c *byteCounter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// csvRow is one parsed row. Its time is in nanoseconds, from 1970 or from the recording's start.
type csvRow struct {
	time           int64
	hz, sigma, snr float64
	line           int
}

// timeKind is how a file writes time.
type timeKind int

const (
	timeUnknown timeKind = iota
	timeRow              // no column: the row number, a second each
	timeSeconds
	timeUnix
	timeUnixMilli
	timeISO
)

// csvScanner splits a table into rows. It knows the columns, not what the rows amount to.
type csvScanner struct {
	r       *bufio.Reader
	name    string
	line    int
	pending []byte // first line of data, read while looking for a header
	comma   byte
	kind    timeKind
	count   int64 // rows returned
	columns struct{ time, hz, sigma, snr int }
	day     []byte // the date last parsed, and its first nanosecond: dates repeat 86,400 times
	dayAt   int64
}

func (c *csvScanner) dated() bool { return c.kind >= timeUnix }

// errCut says that the last line of the file ends early.
var errCut = errors.New("line is cut short")

// readLine returns the next line that holds something, without its end. It is valid until the next call. The last
// line of a file comes with errCut if no line end closes it.
func (c *csvScanner) readLine() ([]byte, error) {
	for {
		line, err := c.r.ReadSlice('\n')
		if len(line) == 0 && err != nil {
			if errors.Is(err, io.EOF) {
				return nil, io.EOF
			}
			return nil, fmt.Errorf("%s: after line %d: %w", c.name, c.line, err)
		}
		c.line++
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil, fmt.Errorf("%s:%d: no line of a frequency CSV is longer than %d bytes", c.name, c.line, csvLine)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: after line %d: %w", c.name, c.line, err)
		}
		line = trimCell(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if err != nil {
			return line, errCut
		}
		return line, nil
	}
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
	c.comma = ','
	for _, sep := range []byte{',', ';', '\t'} {
		if bytes.IndexByte(line, sep) >= 0 {
			c.comma = sep
			break
		}
	}
	fields := bytes.Split(line, []byte{c.comma})
	if bytes.IndexByte(line, 0) >= 0 || len(fields) < 2 || len(fields) > 64 {
		return c.notTable(line)
	}
	c.columns.time, c.columns.hz, c.columns.sigma, c.columns.snr = 0, 1, -1, -1
	if _, ok := parseNumber(trimCell(fields[1])); ok || c.guess(trimCell(fields[0])) != timeUnknown {
		c.pending = bytes.Clone(line)
		return nil
	}
	return c.nameColumns(fields)
}

func (c *csvScanner) notTable(line []byte) error {
	return fmt.Errorf("%s:%d: not a frequency CSV (want rows such as time_s,frequency_hz; found %.40q)", c.name, c.line, line)
}

// nameColumns finds the columns in a header.
func (c *csvScanner) nameColumns(fields [][]byte) error {
	at := map[string]int{"time": -1, "hz": -1, "sigma": -1, "snr": -1}
	for i, field := range fields {
		if role := columnRole(strings.ToLower(string(trimCell(field)))); role != "" && at[role] < 0 {
			at[role] = i
		}
	}
	if at["hz"] < 0 {
		return fmt.Errorf("%s:%d: no frequency column (want time_s,frequency_hz; found %.60q)",
			c.name, c.line, bytes.Join(fields, []byte{c.comma}))
	}
	c.columns.time, c.columns.hz, c.columns.sigma, c.columns.snr = at["time"], at["hz"], at["sigma"], at["snr"]
	if at["time"] < 0 {
		c.kind = timeRow
	}
	return nil
}

// columnRole maps the name of a column in lower case to what it holds; "" is of no use here.
func columnRole(name string) string {
	switch name {
	case "time", "time_s", "time_utc", "timestamp", "datetime", "date_time", "date", "dtm", "utc", "t", "second", "seconds", "index", "":
		return "time"
	case "sigma_hz", "sigma":
		return "sigma"
	case "snr_db", "snr":
		return "snr"
	case "hz", "f", "enf", "enf_hz":
		return "hz"
	}
	if strings.HasPrefix(name, "freq") || strings.HasSuffix(name, "frequency") || strings.HasSuffix(name, "frequency_hz") {
		return "hz"
	}
	return ""
}

// guess tells how a time is written.
func (c *csvScanner) guess(field []byte) timeKind {
	if v, ok := parseNumber(field); ok {
		switch {
		case v >= unixMilli:
			return timeUnixMilli
		case v >= unixFrom:
			return timeUnix
		}
		return timeSeconds
	}
	if _, ok := c.parseISO(field); ok {
		return timeISO
	}
	return timeUnknown
}

// next returns the next row, or io.EOF.
func (c *csvScanner) next() (csvRow, error) {
	line, err := c.pending, error(nil)
	if c.pending = nil; line == nil {
		if line, err = c.readLine(); err != nil && !errors.Is(err, errCut) {
			return csvRow{}, err
		}
	}
	row, bad := c.parse(line)
	if bad != nil {
		if errors.Is(err, errCut) && c.count > 0 {
			return csvRow{}, io.EOF // a file that is still being written ends in half a row
		}
		return csvRow{}, bad
	}
	c.count++
	return row, nil
}

func (c *csvScanner) parse(line []byte) (csvRow, error) {
	row := csvRow{line: c.line, hz: math.NaN(), sigma: math.NaN(), snr: math.NaN()}
	var when []byte
	rest, seen := line, false
	for i := 0; rest != nil; i++ {
		field := rest
		if j := bytes.IndexByte(rest, c.comma); j >= 0 {
			field, rest = rest[:j], rest[j+1:]
		} else {
			rest = nil
		}
		var ok bool
		switch i {
		case c.columns.time:
			when = trimCell(field)
		case c.columns.hz:
			seen = true
			if row.hz, ok = parseValue(trimCell(field)); !ok {
				return row, fmt.Errorf("%s:%d: frequency %.40q is not a number", c.name, c.line, field)
			}
		case c.columns.sigma:
			row.sigma, ok = parseValue(trimCell(field))
			if !ok || row.sigma < 0 {
				return row, fmt.Errorf("%s:%d: uncertainty %.40q is not a number of hertz", c.name, c.line, field)
			}
		case c.columns.snr:
			if row.snr, ok = parseValue(trimCell(field)); !ok {
				return row, fmt.Errorf("%s:%d: signal-to-noise ratio %.40q is not a number", c.name, c.line, field)
			}
		}
	}
	if !seen {
		return row, c.notTable(line)
	}
	if !(row.hz >= csvLeastHz && row.hz <= csvMostHz) {
		row.hz = math.NaN()
	}
	if c.kind == timeUnknown {
		c.kind = c.guess(when)
	}
	var ok bool
	if row.time, ok = c.parseTime(when); !ok {
		return row, fmt.Errorf("%s:%d: %.40q is not a time (want seconds, or 2006-01-02 15:04:05)", c.name, c.line, when)
	}
	return row, nil
}

// parseTime returns a time in nanoseconds.
func (c *csvScanner) parseTime(b []byte) (int64, bool) {
	unit := int64(time.Second)
	switch c.kind {
	case timeRow:
		return c.count * int64(time.Second), true
	case timeISO:
		return c.parseISO(b)
	case timeUnknown:
		return 0, false
	case timeUnixMilli:
		unit = int64(time.Millisecond)
	}
	if i, ok := parseDigits(b); ok && i < csvFarthest/unit { // whole seconds are the rule, and exact
		return i * unit, true
	}
	v, ok := parseNumber(b)
	if !ok || !(math.Abs(v) < float64(csvFarthest/unit)) {
		return 0, false
	}
	whole, part := math.Modf(v)
	return int64(whole)*unit + int64(math.Round(part*float64(unit))), true
}

// parseISO reads 2006-01-02T15:04:05 with an optional fraction and zone.
func (c *csvScanner) parseISO(b []byte) (int64, bool) {
	if len(b) < 16 || (b[10] != 'T' && b[10] != 't' && b[10] != ' ') {
		return 0, false
	}
	if !bytes.Equal(b[:10], c.day) {
		y, ok1 := parseDigits(b[:4])
		m, ok2 := parseDigits(b[5:7])
		d, ok3 := parseDigits(b[8:10])
		if !ok1 || !ok2 || !ok3 || b[4] != b[7] || (b[4] != '-' && b[4] != '/') || y < 1900 || y > 2090 || m < 1 || m > 12 {
			return 0, false
		}
		date := time.Date(int(y), time.Month(m), int(d), 0, 0, 0, 0, time.UTC)
		if date.Day() != int(d) { // 31 June
			return 0, false
		}
		c.day, c.dayAt = append(c.day[:0], b[:10]...), date.UnixNano()
	}
	hour, ok1 := parseDigits(b[11:13])
	minute, ok2 := parseDigits(b[14:16])
	if !ok1 || !ok2 || b[13] != ':' || hour > 24 || minute > 59 {
		return 0, false
	}
	at := c.dayAt + (hour*60+minute)*60*int64(time.Second)
	rest := b[16:]
	if len(rest) >= 3 && rest[0] == ':' {
		second, ok := parseDigits(rest[1:3])
		if !ok || second > 60 { // 60 is a leap second
			return 0, false
		}
		at, rest = at+second*int64(time.Second), rest[3:]
	}
	if len(rest) > 1 && (rest[0] == '.' || rest[0] == ',') {
		n := 1
		for unit := int64(time.Second) / 10; n < len(rest) && rest[n] >= '0' && rest[n] <= '9'; n, unit = n+1, unit/10 {
			at += int64(rest[n]-'0') * unit
		}
		rest = rest[n:]
	}
	zone, ok := parseZone(trimCell(rest))
	return at - zone, ok
}

// parseZone returns the nanoseconds that a zone is ahead of UTC.
func parseZone(b []byte) (int64, bool) {
	switch string(b) {
	case "", "Z", "z", "UTC", "GMT":
		return 0, true
	}
	if len(b) < 3 || (b[0] != '+' && b[0] != '-') {
		return 0, false
	}
	hours, ok := parseDigits(b[1:3])
	var minutes int64
	if rest := bytes.TrimPrefix(b[3:], []byte{':'}); ok && len(rest) > 0 {
		minutes, ok = parseDigits(rest)
		ok = ok && len(rest) == 2
	}
	zone := hours*hourInNanos + minutes*hourInNanos/60
	if b[0] == '-' {
		zone = -zone
	}
	return zone, ok && hours < 24 && minutes < 60
}

// parseDigits reads a whole number of at most 18 digits.
func parseDigits(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	var v int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	return v, true
}

// powersOfTen are those that a float64 holds exactly.
var powersOfTen = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18}

// parseNumber reads a decimal number. Up to 18 digits take a fast way, exact to the last bit or one beside it.
func parseNumber(b []byte) (float64, bool) {
	digits, point := 0, -1
	var v uint64
	rest := b
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		rest = b[1:]
	}
	for i, c := range rest {
		switch {
		case c >= '0' && c <= '9' && digits < 18:
			v, digits = v*10+uint64(c-'0'), digits+1
		case c == '.' && point < 0:
			point = i
		default:
			if len(b) > 40 || c == '_' || c == 'x' || c == 'X' {
				return 0, false
			}
			f, err := strconv.ParseFloat(string(b), 64)
			return f, err == nil
		}
	}
	if digits == 0 {
		return 0, false
	}
	f := float64(v)
	if point >= 0 {
		f /= powersOfTen[len(rest)-1-point]
	}
	if negative {
		f = -f
	}
	return f, true
}

// parseValue reads a number that may be missing.
func parseValue(b []byte) (float64, bool) {
	if v, ok := parseNumber(b); ok {
		if math.IsInf(v, 0) {
			v = math.NaN()
		}
		return v, true
	}
	switch strings.ToLower(string(b)) {
	case "", "-", "na", "n/a", "nan", "null", "none":
		return math.NaN(), true
	}
	return 0, false
}

// trimCell takes spaces and quotes off both ends.
func trimCell(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '"' || b[0] == '\t' || b[0] == '\r' || b[0] == '\n') {
		b = b[1:]
	}
	for n := len(b) - 1; n >= 0 && (b[n] == ' ' || b[n] == '"' || b[n] == '\t' || b[n] == '\r' || b[n] == '\n'); n-- {
		b = b[:n]
	}
	return b
}
