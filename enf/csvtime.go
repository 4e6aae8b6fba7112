// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

import (
	"bytes"
	"fmt"
	"math"
	"time"
)

// timeKind is how a file writes time.
type timeKind int

const (
	timeUnknown timeKind = iota
	timeRow              // no column: the row number, a second each
	timeSeconds
	timeOfDay // 15:04:05
	timeUnix  // from here on, with a date
	timeUnixMilli
	timeISO
	timeDayFirst   // 19/08/2024 15:04:05, 19.08.2024 15:04
	timeMonthFirst // 08/19/2024 03:04:05 PM
)

// csvClock reads the times of a file.
type csvClock struct {
	kind   timeKind
	unit   string // of the time column, if its name says that it is not seconds
	zoned  bool   // the time last read has a zone
	day    []byte // the date last parsed, and its first nanosecond: dates repeat 86,400 times
	dayAt  int64
	iso    []byte // a time of another form, put as ISO 8601
	joined []byte // a date and a time of two columns

	seen    bool  // a row
	last    int64 // its time
	forward int64 // 1 if times rise, -1 if they fall; 0 until that is known, and where they do not keep to it
	mixed   bool  // they do not
}

func (c *csvClock) dated() bool { return c.kind >= timeUnix }

// parseWhen reads the time of a row.
func (c *csvScanner) parseWhen(row *csvRow) error {
	if c.kind == timeRow {
		row.time = c.count * int64(time.Second)
		return nil
	}
	var when []byte
	if c.columns.time < len(c.cells) {
		when = c.cells[c.columns.time]
	}
	if at := c.columns.date; at >= 0 && at < len(c.cells) && len(when) < 16 && bytes.IndexByte(when, ':') > 0 {
		c.joined = append(append(append(c.joined[:0], c.cells[at]...), ' '), when...)
		when = c.joined
	}
	if c.kind == timeUnknown {
		c.kind = c.guess(when)
		if c.kind == timeSeconds && c.unit != "" {
			return fmt.Errorf("%s:%d: times are in %q, not in seconds", c.name, c.line, c.unit)
		}
	}
	var ok bool
	if row.time, ok = c.parseTime(when); !ok {
		if c.kind == timeUnknown && c.eitherOrder(when) {
			return fmt.Errorf("%s:%d: %.40q may have the day or the month first: write 2006-01-02 15:04:05", c.name, c.line, when)
		}
		return fmt.Errorf("%s:%d: %.40q is not a time (want seconds, or 2006-01-02 15:04:05)", c.name, c.line, when)
	}
	if c.putBack(row.time) {
		return fmt.Errorf("%s:%d: local time jumps by an hour against the rows before it, to %.40q, as where clocks are put back: "+
			"give UTC, or times with a zone such as +02:00", c.name, c.line, when)
	}
	return nil
}

// putBack reports whether a local time goes back by an hour where times rose till then, or forward where they fell.
func (c *csvClock) putBack(at int64) bool {
	step := at - c.last
	first := !c.seen
	c.last, c.seen = at, true
	switch {
	case first || step == 0 || c.mixed:
		return false
	case c.forward == 0:
		c.forward = 1
		if step < 0 {
			c.forward = -1
		}
		return false
	case step*c.forward > 0:
		return false
	}
	c.mixed = true
	back := -step * c.forward
	local := !c.zoned && (c.kind == timeOfDay || c.kind >= timeISO)
	return local && back > hourInNanos*5/6 && back <= hourInNanos
}

// guess tells how a time is written.
func (c *csvClock) guess(field []byte) timeKind {
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
	if _, ok := c.parseClock(field); ok {
		return timeOfDay
	}
	if kind := dateOrder(field); kind != timeUnknown {
		if _, ok := c.parseLocal(field, kind == timeDayFirst); ok {
			return kind
		}
	}
	return timeUnknown
}

// parseTime returns a time in nanoseconds.
func (c *csvClock) parseTime(b []byte) (int64, bool) {
	unit := int64(time.Second)
	switch c.kind {
	case timeISO:
		return c.parseISO(b)
	case timeDayFirst, timeMonthFirst:
		return c.parseLocal(b, c.kind == timeDayFirst)
	case timeOfDay:
		return c.parseClock(b)
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
func (c *csvClock) parseISO(b []byte) (int64, bool) {
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
	rest = trimCell(rest)
	c.zoned = len(rest) > 0
	zone, ok := parseZone(rest)
	return at - zone, ok
}

// parseClock reads 15:04:05: a time of an unknown day, which is the one that lies nearest to the row before.
func (c *csvClock) parseClock(b []byte) (int64, bool) {
	const day = int64(24 * time.Hour)
	if bytes.Count(b, []byte{':'}) != 2 { // 15:04 may be minutes
		return 0, false
	}
	c.iso = appendHour(append(c.iso[:0], "1970-01-01 "...), b)
	at, ok := c.parseISO(c.iso)
	if c.seen {
		at += int64(math.Round(float64(c.last-at)/float64(day))) * day
	}
	return at, ok
}

// parseLocal reads 19.08.2024 15:04:05 and, of which the order is known, 08/19/2024 03:04:05 PM.
func (c *csvClock) parseLocal(b []byte, dayFirst bool) (int64, bool) {
	first, second, year, rest := cutDate(b)
	if !dayFirst {
		first, second = second, first
	}
	half := int64(0) // of the day
	if n := len(rest) - 2; n > 0 && (rest[n+1] == 'M' || rest[n+1] == 'm') {
		half = 1 + boolean(rest[n] == 'P' || rest[n] == 'p')
		if half == 1 && rest[n] != 'A' && rest[n] != 'a' {
			return 0, false
		}
		rest = trimCell(rest[:n])
	}
	if year == 0 || len(rest) < 2 {
		return 0, false
	}
	c.iso = appendHour(fmt.Appendf(c.iso[:0], "%04d-%02d-%02d ", year, second, first), rest)
	at, ok := c.parseISO(c.iso)
	if hour := at / hourInNanos % 24; half > 0 {
		ok = ok && hour >= 1 && hour <= 12
		at += 12 * hourInNanos * (half - 1 - boolean(hour == 12))
	}
	return at, ok
}

// boolean is 1 for true.
func boolean(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// appendHour appends a time of the day, with two digits for the hour.
func appendHour(to, b []byte) []byte {
	if len(b) > 1 && b[1] == ':' {
		to = append(to, '0')
	}
	return append(to, b...)
}

// cutDate splits off a date that ends in the year, as 19.08.2024. The year is 0 if b does not begin with one.
func cutDate(b []byte) (first, second, year int64, rest []byte) {
	var part [3]int64
	for i := range part {
		n := 0
		for n < len(b) && n < 4 && b[n] >= '0' && b[n] <= '9' {
			n++
		}
		last := i == 2
		if n == 0 || last != (n == 4) || n == 3 || !last && (n == len(b) || b[n] != '.' && b[n] != '/' && b[n] != '-') {
			return 0, 0, 0, nil
		}
		part[i], _ = parseDigits(b[:n])
		if b = b[n:]; !last {
			b = b[1:]
		}
	}
	return part[0], part[1], part[2], bytes.TrimLeft(b, " T,")
}

// dateOrder tells which comes first, the day or the month. Points are written between them where the day does.
func dateOrder(b []byte) timeKind {
	first, second, year, _ := cutDate(b)
	switch point := bytes.IndexByte(b, '.'); {
	case year == 0:
		return timeUnknown
	case first > 12, point > 0 && point < 3:
		return timeDayFirst
	case second > 12:
		return timeMonthFirst
	}
	return timeUnknown
}

// eitherOrder reports whether b is a time whose day and month might change places.
func (c *csvClock) eitherOrder(b []byte) bool {
	_, ok := c.parseLocal(b, true)
	return ok && dateOrder(b) == timeUnknown
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
