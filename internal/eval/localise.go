// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/dsp"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
)

// Edit is a way to forge a recording.
type Edit string

// The edits. A cut takes a stretch out; an insertion puts one of another time in; a replacement puts one in the place
// of another.
const (
	EditNone    Edit = "none"
	EditCut     Edit = "cut"
	EditInsert  Edit = "insertion"
	EditReplace Edit = "replacement"
)

// recorded is a genuine recording's ENF with the reference of the same time: a value a second from the same second on,
// for at least twenty minutes. With sound, a recording of one channel from the same second on, edits are made in the
// samples and the ENF estimated anew; series is then not used.
type recorded struct {
	name          string
	grid          enf.Grid
	series, truth enf.Series
	sound         *dsp.Signal
}

// seconds is how much of it there is with its reference.
func (r recorded) seconds() int {
	if r.sound != nil {
		return min(r.truth.Len(), int(float64(r.sound.Len())/r.sound.Rate))
	}
	return r.series.Len()
}

// forge returns the estimate from an excerpt edited at second at.
func (r recorded) forge(from, at, seconds, length int, edit Edit, rng *rand.Rand) (enf.Estimate, error) {
	if r.sound == nil {
		hz, splices := forge(r.series.Hz, 1, from, at, seconds, length, edit, rng)
		return enf.Estimate{
			Series: enf.Series{Step: time.Second, Hz: smear(hz, splices)}, Source: enf.SourceAudio, Grid: r.grid, Present: true,
		}, nil
	}
	samples, _ := forge(r.sound.Channels[0], int(r.sound.Rate), from, at, seconds, length, edit, rng)
	e := enf.NewAudio(enf.Options{Grid: r.grid})
	err := inBlocks(dsp.Signal{Rate: r.sound.Rate, Channels: [][]float64{samples}}, e.Write)
	return e.Close(), err
}

// LocaliseResult is how forged stretches of one kind and length were found in one recording. Times are in seconds.
type LocaliseResult struct {
	Recording string
	Edit      Edit
	Seconds   int
	// Trials were made; Forged of them got that verdict, Authentic that; in Found of them a span was reported where the edit was.
	Trials, Forged, Authentic, Found int
	// Start and End are the absolute errors of the spans found, in ascending order. For a cut both are that of the splice.
	Start, End []float64
	// Jump is the absolute error of a cut's length, in ascending order, where one was given.
	Jump []float64
	// False is the number of spans reported elsewhere, in Hours of recording.
	False int
	Hours float64
}

// localiseOptions says how a recording is edited.
type localiseOptions struct {
	trials int           // of each edit and length
	length time.Duration // of the excerpt that is edited
	seed   uint64        // what the places of excerpts and edits come from
}

// edgeSeconds is how near to an end no edit is made, and how near to an edit a span counts as found.
const edgeSeconds = 30

// localise forges excerpts of r: each edit, 5, 10, 20, 30 and 60 s long, at random places; and leaves some alone.
func localise(ctx context.Context, r recorded, o localiseOptions) ([]LocaliseResult, error) {
	rng := rand.New(rand.NewPCG(o.seed, 3))
	genuine, err := localiseEdit(ctx, r, o, rng, EditNone, 0)
	results := []LocaliseResult{genuine}
	for _, edit := range []Edit{EditCut, EditInsert, EditReplace} {
		for _, seconds := range []int{5, 10, 20, 30, 60} {
			if err != nil {
				return nil, err
			}
			var res LocaliseResult
			res, err = localiseEdit(ctx, r, o, rng, edit, seconds)
			results = append(results, res)
		}
	}
	return results, err
}

func localiseEdit(ctx context.Context, r recorded, o localiseOptions, rng *rand.Rand, edit Edit, seconds int) (LocaliseResult, error) {
	res := LocaliseResult{Recording: r.name, Edit: edit, Seconds: seconds, Trials: o.trials}
	length := int(o.length.Seconds())
	for range o.trials {
		from := rng.IntN(r.seconds() - length - seconds)
		at := edgeSeconds + rng.IntN(length-seconds-2*edgeSeconds)
		est, err := r.forge(from, at, seconds, length, edit, rng)
		if err = errors.Join(err, ctx.Err()); err != nil {
			return res, err
		}
		truth := r.truth.Slice(max(0, from-edgeSeconds), r.truth.Len())
		start := time.Duration(min(from, edgeSeconds)) * time.Second
		res.add(detect.Compare(ctx, est, truth, detect.Options{Start: &start}), at, length)
	}
	slices.Sort(res.Start)
	slices.Sort(res.End)
	slices.Sort(res.Jump)
	return res, ctx.Err()
}

// add counts one comparison of a recording edited at second at.
func (r *LocaliseResult) add(ch detect.Channel, at, length int) {
	r.Hours += float64(length) / 3600
	switch ch.Verdict {
	case detect.Forged:
		r.Forged++
	case detect.Authentic:
		r.Authentic++
	case detect.Undetermined:
	}
	// Seconds at and at+Seconds are the first of what follows a splice, which lies half a second before.
	start := float64(at) - 0.5
	end := start
	if r.Edit == EditInsert || r.Edit == EditReplace {
		end += float64(r.Seconds)
	}
	found := false
	for _, s := range ch.Forged {
		if r.Edit == EditNone || s.End < start-edgeSeconds/2 || s.Start > end+edgeSeconds/2 {
			r.False++
			continue
		}
		if found {
			continue // a second piece of the same edit
		}
		found = true
		if s.Kind == detect.SpanCut {
			s.Start, s.End = (s.Start+s.End)/2, (s.Start+s.End)/2
			if r.Edit == EditCut {
				r.Jump = append(r.Jump, math.Abs(s.Jump-float64(r.Seconds)))
			}
		}
		r.Start, r.End = append(r.Start, math.Abs(s.Start-start)), append(r.End, math.Abs(s.End-end))
	}
	if found {
		r.Found++
	}
}

// forge returns length seconds of x, which has rate values a second, from second from on, edited at second at of them,
// and the seconds of the splices. What is put in comes from elsewhere in x, farther off than a search for shifts
// reaches.
func forge(x []float64, rate, from, at, seconds, length int, edit Edit, rng *rand.Rand) (edited []float64, splices []int) {
	whole := slices.Clone(x[from*rate : (from+length+seconds)*rate])
	switch edit {
	case EditCut:
		whole = slices.Delete(whole, at*rate, (at+seconds)*rate)
		splices = []int{at}
	case EditInsert, EditReplace:
		const far = 200
		other := rng.IntN(len(x)/rate - seconds)
		for math.Abs(float64(other-from-at)) < far {
			other = rng.IntN(len(x)/rate - seconds)
		}
		if edit == EditReplace {
			whole = slices.Delete(whole, at*rate, (at+seconds)*rate)
		}
		whole = slices.Insert(whole, at*rate, x[other*rate:(other+seconds)*rate]...)
		splices = []int{at, at + seconds}
	case EditNone:
	}
	return whole[:length*rate], splices
}

// smear shows splices as values from frames of 16 s do, as a gradual change over that time: the mean over a Hann window.
func smear(hz []float64, splices []int) []float64 {
	const half = 8
	smeared := slices.Clone(hz)
	for _, s := range splices {
		for i := max(half, s-half); i < min(len(hz)-half, s+half); i++ {
			smeared[i] = hannMean(hz[i-half : i+half+1])
		}
	}
	return smeared
}

// hannMean returns the mean of x under a Hann window.
func hannMean(x []float64) float64 {
	sum, weights := 0.0, 0.0
	for i, v := range x {
		w := 0.5 - 0.5*math.Cos(2*math.Pi*float64(i+1)/float64(len(x)+1))
		sum, weights = sum+w*v, weights+w
	}
	return sum / weights
}

// simulated returns an hour of a 60 Hz grid as frames of 16 s show it, with errors of standard deviation sigma (hertz)
// that are correlated as overlapping frames make them.
func simulated(seed uint64, sigma float64) recorded {
	truth := enftest.NewGrid(seed, enftest.GridOptions{Duration: time.Hour}).Series()
	rng := rand.New(rand.NewPCG(seed, 4))
	const half = 8
	noise := make([]float64, truth.Len()+2*half)
	for i := range noise {
		noise[i] = rng.NormFloat64()
	}
	s := enf.Series{Step: time.Second, Hz: make([]float64, truth.Len())}
	for i := range s.Hz {
		frame := truth.Hz[max(0, i-half):min(truth.Len(), i+half+1)]
		// A Hann mean of 17 independent values has 0.2946 of their standard deviation.
		s.Hz[i] = hannMean(frame) + sigma/0.2946*hannMean(noise[i:i+2*half+1])
	}
	return recorded{name: fmt.Sprintf("simulated, %.1f mHz", 1e3*sigma), grid: enf.Grid60, series: s, truth: truth}
}
