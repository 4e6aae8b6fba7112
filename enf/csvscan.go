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

// csvScanner splits a table into rows. It knows the columns, not what the rows amount to.
type csvScanner struct {
	csvClock
	r       *bufio.Reader
	name    string
	grid    Grid // what deviations are from
	line    int
	pending []byte // first line of data, read while looking for a header
	comma   byte
	cells   [][]byte // of the row being parsed
	width   int      // cells of the first line
	count   int64    // rows returned
	low     int      // values that are no frequency but may be a deviation from one
	columns csvColumns
}

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
		line = bytes.Trim(line, " \r\n")
		if len(line) == 0 || line[0] == '#' || len(bytes.Trim(line, " \t;,")) == 0 {
			continue
		}
		if err != nil {
			return line, errCut
		}
		return line, nil
	}
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
	if err := c.split(line); err != nil {
		return row, err
	}
	if c.columns.hz >= len(c.cells) {
		return row, c.notTable(line)
	}
	if len(c.cells) > c.width && c.halved() {
		return row, c.errHalved(line)
	}
	var ok bool
	if row.hz, ok = parseValue(c.cells[c.columns.hz]); !ok {
		return row, fmt.Errorf("%s:%d: frequency %.40q is not a number", c.name, c.line, c.cells[c.columns.hz])
	}
	row.hz = c.frequency(row.hz)
	if at := c.columns.sigma; at >= 0 && at < len(c.cells) {
		if row.sigma, ok = parseValue(c.cells[at]); !ok || row.sigma < 0 {
			return row, fmt.Errorf("%s:%d: uncertainty %.40q is not a number of hertz", c.name, c.line, c.cells[at])
		}
	}
	if at := c.columns.snr; at >= 0 && at < len(c.cells) {
		if row.snr, ok = parseValue(c.cells[at]); !ok {
			return row, fmt.Errorf("%s:%d: signal-to-noise ratio %.40q is not a number", c.name, c.line, c.cells[at])
		}
	}
	return row, c.parseWhen(&row)
}

// frequency returns what a value stands for, in hertz; NaN if that is no frequency.
func (c *csvScanner) frequency(v float64) float64 {
	deviates := c.columns.base != 0
	if !deviates && v < csvLeastHz && v != 0 && v != -1 { // these two are what loggers write for nothing
		c.low++
	}
	v *= c.columns.unit
	if deviates && math.Abs(v) > csvDeviation {
		return math.NaN()
	}
	if v += c.columns.base; !(v >= csvLeastHz && v <= csvMostHz) {
		return math.NaN()
	}
	return v
}

// split cuts a line into cells, without spaces and quotes around them.
func (c *csvScanner) split(line []byte) error {
	c.cells = c.cells[:0]
	if bytes.IndexByte(line, '"') >= 0 {
		return c.splitQuoted(line)
	}
	for {
		end := bytes.IndexByte(line, c.comma)
		if end < 0 {
			c.cells = append(c.cells, trimCell(line))
			return nil
		}
		c.cells = append(c.cells, trimCell(line[:end]))
		line = line[end+1:]
	}
}

// splitQuoted is split for a line with quotes, in which a separator is none (RFC 4180).
func (c *csvScanner) splitQuoted(line []byte) error {
	for {
		line = bytes.TrimLeft(line, " ")
		cell, from := line, 0
		if len(line) > 0 && line[0] == '"' {
			if from = endOfQuote(line); from < 0 {
				return fmt.Errorf("%s:%d: a quote is not closed: %.40q", c.name, c.line, line)
			}
			cell = line[1 : from-1]
		}
		end := bytes.IndexByte(line[from:], c.comma)
		switch {
		case from == 0 && end >= 0:
			cell = line[:end]
		case from > 0 && len(trimCell(line[from:max(from, from+end)])) > 0, from > 0 && end < 0 && len(trimCell(line[from:])) > 0:
			return fmt.Errorf("%s:%d: there is something behind a closing quote: %.40q", c.name, c.line, line)
		}
		c.cells = append(c.cells, trimCell(cell))
		if end < 0 {
			return nil
		}
		line = line[from+end+1:]
	}
}

// endOfQuote returns where the quoted text ends that b begins with, its closing quote included; -1 if it does not. A
// doubled quote stands for one.
func endOfQuote(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch {
		case b[i] != '"':
		case i+1 < len(b) && b[i+1] == '"':
			i++
		default:
			return i + 1
		}
	}
	return -1
}

// halved reports whether the frequency seems to be cut in two at a decimal comma.
func (c *csvScanner) halved() bool {
	at := c.columns.hz
	if c.comma != ',' || at+1 >= len(c.cells) {
		return false
	}
	_, whole := parseDigits(bytes.TrimPrefix(c.cells[at], []byte{'-'}))
	_, part := parseDigits(c.cells[at+1])
	return whole && part
}

func (c *csvScanner) errHalved(line []byte) error {
	return fmt.Errorf("%s:%d: commas part the cells and seem to be decimal too (%.40q): quote such numbers, or part cells by semicolons",
		c.name, c.line, line)
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
		case (c == '.' || c == ',') && point < 0: // a comma that parts no cells is a decimal one
			point = i
		default:
			if len(b) > 40 || c == '_' || c == 'x' || c == 'X' {
				return 0, false
			}
			f, err := strconv.ParseFloat(strings.Replace(string(b), ",", ".", 1), 64)
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

// trimCell takes spaces off both ends.
func trimCell(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\r' || b[0] == '\n') {
		b = b[1:]
	}
	for n := len(b) - 1; n >= 0 && (b[n] == ' ' || b[n] == '\t' || b[n] == '\r' || b[n] == '\n'); n-- {
		b = b[:n]
	}
	return b
}
