// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "math"

// The price, in nats, of the ways in which a recording may come back to the reference's time line, and what a second of
// agreement is worth. What it takes to leave follows from the rate of false alarms ([Options.AlarmPrice]).
const (
	priceReturn = 3.0   // from foreign back to the place the recording mostly has
	priceElse   = 7.0   // from foreign to another place: there are hundreds
	jumpExtra   = 3.0   // from place to place, beyond an excursion's
	worstMatch  = 14.0  // nats; a second's disagreement counts no more, so that a few wild values are no span
	foreignHz   = 0.080 // a foreign second's difference may be anywhere in this breadth
)

// foreign is the state of a second that lies nowhere on the reference.
const foreign = -1

// segment is a stretch of the recording, seconds from to to-1, that lies at one place of the reference or is foreign.
type segment struct {
	from, to int
	state    int // index into the timelines, or foreign
}

// timeline is one way the recording may lie on the reference.
type timeline struct {
	place float64   // of second 0
	truth []float64 // the reference on the recording's seconds, so placed
}

// timelines returns the main alignment and those shifted by whole seconds, up to reach either way; the main one first.
func timelines(rec track, ref reference, main alignment) []timeline {
	n := len(rec.hz)
	// One bit is kept for each second and timeline: 256 MB at most.
	most := max(0, min(reach, (1<<31/max(n, 1)-1)/2))
	stretch := main.offset / rec.mean
	wide := make([]float64, n+2*most)
	for j := range wide {
		wide[j] = ref.at(main.place + float64(j-most)*(1+stretch))
	}
	out := make([]timeline, 0, 2*most+1)
	for i := range 2*most + 1 {
		k := (i + 1) / 2 * (1 - 2*(i%2))
		out = append(out, timeline{main.place + float64(k), wide[most+k : most+k+n]})
	}
	return out
}

// segments splits the recording: for each second the timeline it follows, or none, so that the whole is likeliest
// (the Viterbi path). A second that follows a timeline differs from it by its noise, one that is foreign by anything. The first timeline is
// the main one, which is cheaper to come back to. An excursion into what is foreign costs alarm nats. To begin beside the main
// one costs what choosing among all of them does, and no alarm: what a cut left shorter is as genuine at the beginning as at the end.
func (rec track) segments(lines []timeline, offset float64, noise uncertainty, alarm float64) []segment {
	priceLeave, priceJump := alarm-priceReturn, alarm+jumpExtra
	n, k := len(rec.hz), len(lines)
	value := make([]float64, k)
	words := (k + 63) / 64
	switched := make([]uint64, n*words) // whether state came from another
	sources := make([]source, n)
	for s := 1; s < k; s++ {
		value[s] = -math.Log(float64(k))
	}
	outside := -priceLeave
	best := 0
	for i := range n {
		src := source{main: int32(best), other: int32(best), foreign: foreign}
		toMain, toOther := value[best]-priceJump, value[best]-priceJump
		if outside-priceReturn > toMain {
			src.main, toMain = foreign, outside-priceReturn
		}
		if outside-priceElse > toOther {
			src.other, toOther = foreign, outside-priceElse
		}
		if v := value[best] - priceLeave; v > outside {
			src.foreign, outside = int32(best), v
		}
		sources[i] = src
		bits := switched[i*words : (i+1)*words]
		y, scale, bonus := rec.hz[i]-offset, 1/noise.at(i), math.Log(foreignHz/noise.at(i)/math.Sqrt(2*math.Pi))
		// Where the reference ends for the main timeline it does not for those beside it, which would gain by it.
		known := !math.IsNaN(y) && !math.IsNaN(lines[0].truth[i])
		best = 0
		for s := range value {
			enter := toOther
			if s == 0 {
				enter = toMain
			}
			if enter > value[s] {
				value[s] = enter
				bits[s/64] |= 1 << (s % 64)
			}
			if d := (y - lines[s].truth[i]) * scale; known && !math.IsNaN(d) {
				value[s] += (bonus - min(0.5*d*d, worstMatch)) / frameSeconds
			}
			if value[s] > value[best] {
				best = s
			}
		}
	}
	last := best
	if outside-priceReturn > value[best] {
		last = foreign
	}
	return trace(last, switched, sources, words)
}

// source is where a state was entered from at one second, if it was.
type source struct{ main, other, foreign int32 }

// trace follows the best path back.
func trace(last int, switched []uint64, sources []source, words int) []segment {
	n := len(sources)
	var out []segment
	to, state := n, last
	for i := n - 1; i >= 0; i-- {
		from := state
		switch {
		case state == foreign:
			from = int(sources[i].foreign)
		case switched[i*words+state/64]>>(state%64)&1 == 0:
		case state == 0:
			from = int(sources[i].main)
		default:
			from = int(sources[i].other)
		}
		if i == 0 || from != state {
			out = append(out, segment{i, to, state})
			to, state = i, from
		}
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}
