// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/defakepro/defakepro/enf"
)

// The types below are flag values that refuse what makes no sense while the command line is read, so that the error
// names the flag and nothing has been started yet.

// gridFlag is --nominal.
type gridFlag struct{ grid *enf.Grid }

func (f gridFlag) String() string {
	if f.grid == nil || *f.grid == enf.GridAuto {
		return "auto"
	}
	return strconv.Itoa(int(*f.grid))
}

func (f gridFlag) Set(s string) error {
	switch s {
	case "auto":
		*f.grid = enf.GridAuto
	case "50":
		*f.grid = enf.Grid50
	case "60":
		*f.grid = enf.Grid60
	default:
		return errors.New("must be auto, 50 or 60")
	}
	return nil
}

func (gridFlag) Type() string { return "auto|50|60" }

// choiceFlag is a flag with a few possible words.
type choiceFlag[T ~string] struct {
	value   *T
	choices []T
}

func (f choiceFlag[T]) String() string {
	if f.value == nil {
		return ""
	}
	return string(*f.value)
}

func (f choiceFlag[T]) Set(s string) error {
	if !slices.Contains(f.choices, T(s)) {
		return fmt.Errorf("must be %s", strings.ReplaceAll(f.Type(), "|", " or "))
	}
	*f.value = T(s)
	return nil
}

func (f choiceFlag[T]) Type() string {
	words := make([]string, len(f.choices))
	for i, c := range f.choices {
		words[i] = string(c)
	}
	return strings.Join(words, "|")
}

// numberFlag is a number in (0, most].
type numberFlag struct {
	value *float64
	most  float64
}

func (f numberFlag) String() string {
	if f.value == nil || *f.value == 0 {
		return ""
	}
	return strconv.FormatFloat(*f.value, 'g', -1, 64)
}

func (f numberFlag) Set(s string) error {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		v = math.NaN()
	}
	if err := (numberFlag{&v, f.most}).check(); err != nil {
		return err
	}
	*f.value = v
	return nil
}

// check says what is wrong with the value.
func (f numberFlag) check() error {
	if !(*f.value > 0 && *f.value <= f.most) { // NaN as well
		return fmt.Errorf("must be a number above 0 and at most %g", f.most)
	}
	return nil
}

func (numberFlag) Type() string { return "number" }

// durationFlag is a length of time in [least, most], written as Go does ("1m30s") or in plain seconds.
type durationFlag struct {
	value       *time.Duration
	least, most time.Duration
}

func (f durationFlag) String() string {
	if f.value == nil || *f.value == 0 {
		return ""
	}
	if *f.value%time.Second == 0 {
		return fmt.Sprintf("%ds", *f.value/time.Second)
	}
	return f.value.String()
}

func (f durationFlag) Set(s string) error {
	d, err := parseSeconds(s)
	if err != nil || d < f.least || d > f.most {
		return fmt.Errorf("must be a time from %v to %v, like 60s", f.least, f.most)
	}
	*f.value = d
	return nil
}

func (durationFlag) Type() string { return "duration" }

// parseSeconds reads a length of time such as "90", "90s" or "1m30s".
func parseSeconds(s string) (time.Duration, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return time.ParseDuration(s)
	}
	if math.IsNaN(v) || math.Abs(v) > math.MaxInt64/float64(time.Second) {
		return 0, errors.New("not a length of time")
	}
	return time.Duration(v * float64(time.Second)), nil
}

// ageFlag is a length of time that may be long, written in days ("90d") or as a durationFlag.
type ageFlag struct {
	value *time.Duration
	least time.Duration
}

// mostDays is a century, which a time.Duration can hold.
const mostDays = 36500

func (f ageFlag) String() string {
	if f.value == nil || *f.value == 0 {
		return ""
	}
	return f.value.String()
}

func (f ageFlag) Set(s string) error {
	d, err := parseSeconds(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n float64
		if n, err = strconv.ParseFloat(days, 64); !(math.Abs(n) <= mostDays) {
			err = errors.New("not a number of days")
		}
		d = time.Duration(n * 24 * float64(time.Hour))
	}
	if err != nil || d < f.least || d > mostDays*24*time.Hour {
		return fmt.Errorf("must be a time from %v on, like 90d or 36h", f.least)
	}
	*f.value = d
	return nil
}

func (ageFlag) Type() string { return "time" }

// startFlag is --start: an instant, or seconds as the reference counts them.
type startFlag struct {
	set     bool
	time    time.Time     // zero when given in seconds
	seconds time.Duration // used when time is zero
	text    string
}

func (f *startFlag) String() string { return f.text }

func (f *startFlag) Set(s string) error {
	*f = startFlag{set: true, text: s}
	if d, err := parseSeconds(s); err == nil {
		if f.seconds = d; d >= firstUnix {
			f.time = time.Unix(0, int64(d)).UTC()
		}
		return nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", time.DateTime} {
		if t, err := time.Parse(layout, s); err == nil {
			f.time = t
			return nil
		}
	}
	return errors.New("must be seconds in the reference, or a time like 2024-08-19T15:26:02Z")
}

// firstUnix is from where on seconds are taken to count from 1970, as [enf.ReadCSV] takes them.
const firstUnix = 1e9 * time.Second

func (*startFlag) Type() string { return "time|seconds" }
