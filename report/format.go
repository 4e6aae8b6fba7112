// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

// longest is the number of runes of an outside text that are shown; a path has at most 4096 bytes.
const longest = 4096

// Printable makes a text from outside safe to show on one line, on a terminal or a page: control characters, line
// ends and the invisible ones that reorder text (Unicode categories Cc, Cf, Zl, Zp, Co) become escapes such as \u202e, and bytes
// that are not UTF-8 become \xff.
func Printable(s string) string {
	var b strings.Builder
	for n := 0; len(s) > 0; n++ {
		if n == longest {
			b.WriteRune('…')
			break
		}
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case unicode.Is(unicode.Zs, r):
			b.WriteByte(' ')
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[size:]
	}
	return b.String()
}

// short clips a printable text to n runes, with an ellipsis in the middle: the ends of a file name tell the most.
func short(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	head := n / 2
	return string(r[:head]) + "…" + string(r[len(r)-(n-head-1):])
}

// finite reports whether x is a number.
func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// none stands in for a number that does not exist.
const none = "–"

// decimals writes x with the given number of decimals and a true minus sign, or none.
func decimals(x float64, digits int) string {
	if !finite(x) {
		return none
	}
	if math.Abs(x) >= 1e9 {
		return strconv.FormatFloat(x, 'g', 4, 64)
	}
	s := strconv.FormatFloat(x, 'f', digits, 64)
	if rest, negative := strings.CutPrefix(s, "-"); negative {
		if strings.Trim(rest, "0.") == "" {
			return rest
		}
		return "−" + rest
	}
	return s
}

// signed is decimals with a plus sign before what is positive.
func signed(x float64, digits int) string {
	s := decimals(x, digits)
	if x > 0 && finite(x) && strings.Trim(s, "0.") != "" {
		return "+" + s
	}
	return s
}

// quantity is decimals with a unit, or none without it.
func quantity(x float64, digits int, unit string) string {
	if !finite(x) {
		return none
	}
	return decimals(x, digits) + " " + unit
}

// millihertz writes a difference of frequencies given in hertz.
func millihertz(hz float64) string { return quantity(hz*1000, 2, "mHz") }

// ppm is an offset in hertz as parts per million of the nominal frequency; NaN when that is unknown.
func ppm(offset float64, grid enf.Grid) float64 {
	if grid <= 0 {
		return math.NaN()
	}
	return offset / float64(grid) * 1e6
}

// offsetText writes a clock offset in both of its units.
func offsetText(offset float64, grid enf.Grid) string {
	switch {
	case !finite(offset):
		return none
	case grid <= 0:
		return signed(offset*1000, 2) + " mHz"
	}
	return fmt.Sprintf("%s mHz (%s ppm)", signed(offset*1000, 2), signed(ppm(offset, grid), 1))
}

// gridText names a nominal frequency.
func gridText(grid enf.Grid) string {
	if grid <= 0 {
		return "unknown nominal frequency"
	}
	return fmt.Sprintf("%d Hz", int(grid))
}

// maxClock is the longest time that is written as a clock, in seconds: about 300 years.
const maxClock = 1e10

// clock writes seconds as h:mm:ss, rounded to the second.
func clock(seconds float64) string {
	if !finite(seconds) || math.Abs(seconds) > maxClock {
		return none
	}
	sign := ""
	n := int64(math.Round(math.Abs(seconds)))
	if seconds < 0 && n > 0 {
		sign = "−"
	}
	return fmt.Sprintf("%s%d:%02d:%02d", sign, n/3600, n/60%60, n%60)
}

// length writes a duration in words of two units at most: 45 s, 2 min 5 s, 3 h 20 min.
func length(seconds float64) string {
	if !finite(seconds) || math.Abs(seconds) > maxClock {
		return none
	}
	switch n := int64(math.Round(seconds)); {
	case math.Abs(seconds) < 10 && seconds != math.Trunc(seconds):
		return decimals(seconds, 1) + " s"
	case n < 60:
		return fmt.Sprintf("%d s", n)
	case n < 3600 && n%60 == 0:
		return fmt.Sprintf("%d min", n/60)
	case n < 3600:
		return fmt.Sprintf("%d min %d s", n/60, n%60)
	case n/60%60 == 0:
		return fmt.Sprintf("%d h", n/3600)
	default:
		return fmt.Sprintf("%d h %d min", n/3600, n/60%60)
	}
}

// count writes n with a noun in its right number.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// spanKind says what a forged span is.
func spanKind(s detect.Span) string {
	switch s.Kind {
	case detect.SpanForeign:
		return "not the grid's frequency"
	case detect.SpanCut:
		switch {
		case !finite(s.Jump) || s.Jump == 0:
			return "cut"
		case s.Jump > 0:
			return "cut: " + length(s.Jump) + " missing"
		default:
			return "cut: " + length(-s.Jump) + " repeated or put in"
		}
	default:
		return Printable(string(s.Kind))
	}
}

// harmonicsText lists the harmonics in use: "2 (14.1 dB, 83 %), 3 (9.0 dB, 41 %)".
func harmonicsText(harmonics []enf.Harmonic) string {
	var parts []string
	for _, h := range harmonics {
		if h.Share > 0 {
			parts = append(parts, fmt.Sprintf("%d (%s, %s)", h.Number, quantity(h.SNR, 1, "dB"), percent(h.Share)))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// percent writes a share, 0 to 1.
func percent(share float64) string { return quantity(share*100, 0, "%") }

// tally counts the verdicts of windows.
func tally(windows []detect.Window) (authentic, forged, undetermined int) {
	for _, w := range windows {
		switch w.Verdict {
		case detect.Authentic:
			authentic++
		case detect.Forged:
			forged++
		default:
			undetermined++
		}
	}
	return authentic, forged, undetermined
}

// tallyText writes it: "12 authentic, 3 forged".
func tallyText(windows []detect.Window) string {
	authentic, forged, undetermined := tally(windows)
	var parts []string
	for _, p := range []struct {
		n    int
		name detect.Verdict
	}{{authentic, detect.Authentic}, {forged, detect.Forged}, {undetermined, detect.Undetermined}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.name))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
