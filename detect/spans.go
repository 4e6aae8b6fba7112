// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "math"

// How a splice looks through an estimator's frame, in seconds.
const (
	smear      = 8.0  // a splice shows as far on either side: half a 16 s frame
	cutWidth   = 2.0  // a splice is found to within so much, either way
	leastJump  = 2.0  // a smaller shift may be lost packets or a clock's drift
	spliceOnly = 16.0 // foreign seconds that the smear of a mere splice makes
	sameLength = 8.0  // how much longer than the shift it causes an inserted stretch may seem
)

// spans says what the segments amount to. Boundaries are moved from where the evidence changes, which the smear shifts,
// to where the recording does. lines and offset are those of the segments.
func (rec track) spans(segs []segment, lines []timeline, offset float64, noise uncertainty) []Span {
	var out []Span
	add := func(s Span) {
		s.Start, s.End = max(0, s.Start), min(float64(len(rec.hz)), s.End)
		if len(out) > 0 && s.Start < out[len(out)-1].End { // no overlap
			if s.Start = out[len(out)-1].End; s.Start >= s.End {
				return
			}
		}
		out = append(out, s)
	}
	for i, s := range segs {
		switch {
		case s.state != foreign:
			if i > 0 && segs[i-1].state != foreign {
				jump := lines[s.state].place - lines[segs[i-1].state].place
				if math.Abs(jump) >= leastJump {
					add(cut(rec.splice(segs[i-1], s, s.from, lines, offset), jump))
				}
			}
		case i == 0 || i == len(segs)-1:
			span := Span{Start: float64(s.from), End: float64(s.to), Kind: SpanForeign}
			if i > 0 {
				span.Start = rec.edge(lines[segs[i-1].state], s, false, offset, noise)
			}
			if i < len(segs)-1 {
				span.End = rec.edge(lines[segs[i+1].state], s, true, offset, noise)
			}
			add(span)
		default:
			add(rec.between(segs[i-1], s, segs[i+1], lines, offset, noise))
		}
	}
	return out
}

func cut(at, jump float64) Span {
	return Span{Start: at - cutWidth, End: at + cutWidth, Kind: SpanCut, Jump: jump}
}

// between judges foreign seconds s that have a timeline before and after.
func (rec track) between(a, s, b segment, lines []timeline, offset float64, noise uncertainty) Span {
	length := float64(s.to - s.from)
	jump := lines[b.state].place - lines[a.state].place
	inserted := -jump // seconds put in, if nothing was taken out
	span := Span{
		Start: rec.edge(lines[a.state], s, false, offset, noise),
		End:   rec.edge(lines[b.state], s, true, offset, noise),
		Kind:  SpanForeign,
	}
	switch {
	case math.Abs(jump) < leastJump:
	case inserted > 0 && length <= inserted+sameLength && (length > spliceOnly || length >= inserted-sameLength):
		span.Start = rec.insertion(a, s, b, inserted, lines, offset, noise)
		span.End = span.Start + inserted
	case length <= spliceOnly:
		return cut(rec.splice(a, b, (s.from+s.to)/2, lines, offset), jump)
	}
	if span.End <= span.Start {
		span.Start, span.End = float64(s.from), float64(s.to)
	}
	return span
}

// insertion returns the second where a stretch of so many seconds begins that was put in between the timelines of a and
// b: what comes before follows the one, what comes after the other, as well as can be.
func (rec track) insertion(a, s, b segment, seconds float64, lines []timeline, offset float64, noise uncertainty) float64 {
	before, after := lines[a.state].truth, lines[b.state].truth
	n := int(math.Round(seconds))
	from, to := max(a.from, s.from-n), min(b.to, s.to+n)
	// gain is what it is worth that second i follows a timeline rather than nothing.
	gain := func(i int, truth []float64) float64 {
		d := (rec.hz[i] - truth[i] - offset) / noise.at(i)
		if math.IsNaN(d) {
			return 0
		}
		return math.Log(foreignHz/noise.at(i)/math.Sqrt(2*math.Pi)) - min(0.5*d*d, worstMatch)
	}
	sum := 0.0 // for a stretch that begins at from
	for i := from + n; i < to; i++ {
		sum += gain(i, after)
	}
	best, most := (s.from+s.to-n)/2, math.Inf(-1)
	for i := from; i+n <= to; i++ {
		if sum > most {
			best, most = i, sum
		}
		if i+n < to {
			sum += gain(i, before) - gain(i+n, after)
		}
	}
	return float64(best) - 0.5 // the splice lies between two values
}

// splice returns the second near to at where the recording goes over from the timeline of a to that of b: the one whose
// smeared step, a running Hann-weighted mean of the two, is nearest to the values.
func (rec track) splice(a, b segment, at int, lines []timeline, offset float64) float64 {
	before, after := lines[a.state].truth, lines[b.state].truth
	from, to := max(a.from, at-2*int(smear)), min(b.to, at+2*int(smear))
	best, least := float64(at), math.Inf(1)
	for t := float64(at) - smear - 4; t <= float64(at)+smear+4; t += 0.5 {
		sum := 0.0
		for i := from; i < to; i++ {
			w := hannStep(float64(i) - t)
			e := rec.hz[i] - offset - (1-w)*before[i] - w*after[i]
			if !math.IsNaN(e) {
				sum += e * e
			}
		}
		if sum < least {
			best, least = t, sum
		}
	}
	return best
}

// hannStep is a step at 0 as a frame of twice smear under a Hann window shows it.
func hannStep(t float64) float64 {
	u := (t + smear) / (2 * smear)
	switch {
	case u <= 0:
		return 0
	case u >= 1:
		return 1
	}
	return u - math.Sin(2*math.Pi*u)/(2*math.Pi)
}

// edge returns where foreign seconds s begin (or end, when after is set): where the difference from the timeline beside
// them, smeared over a frame, has risen to half of what it is inside.
func (rec track) edge(line timeline, s segment, after bool, offset float64, noise uncertainty) float64 {
	border, inward := s.from, 1
	if after {
		border, inward = s.to-1, -1
	}
	at := func(k int) float64 { // the difference, k seconds inwards of the border; outside is negative
		i := border + k*inward
		if i < 0 || i >= len(rec.hz) {
			return math.NaN()
		}
		return rec.hz[i] - line.truth[i] - offset
	}
	middle := (s.to - s.from) / 2
	var inside []float64
	for k := min(int(smear)-2, middle); k <= min(2*int(smear)-2, s.to-s.from-1); k++ {
		inside = append(inside, at(k))
	}
	level := Median(inside)
	plain := float64(border) - 0.5 // a splice lies between two values
	if after {
		plain++
	}
	if !(math.Abs(level) > 3*noise.at(border)) { // too near the timeline to tell
		return plain
	}
	// Inwards from outside: the last second that is still below half.
	for k := min(int(smear), middle); k >= -int(smear); k-- {
		if v := at(k) / level; v < 0.5 {
			next := at(k+1) / level
			part := 0.5
			if next > v {
				part = min(1, (0.5-v)/(next-v))
			}
			moved := (float64(k) + part) * float64(inward)
			return float64(border) + moved
		}
	}
	return plain
}
