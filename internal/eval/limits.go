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
	"strconv"
	"time"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

// LimitsOptions says how the attacks that nothing withstands are measured. The zero value is the full size, without grids.
type LimitsOptions struct {
	// Archive is what an attacker can choose from, and Now another time of the same grid, to be imitated; both at a
	// value a second. Source names them.
	Archive, Now enf.Series
	Source       string
	// Trials is the number of attacks of each length; 0 for 12.
	Trials int
	// FaceVideos is the number of videos of each kind for the face, of FaceSeconds each; 0 for 2 and 90. Negative: none.
	FaceVideos, FaceSeconds int
	Seed                    uint64
	Store                   Store
	// Say, when not nil, is called with what is done.
	Say func(string)
}

// limitNoise is the noise of an attacker's recording, in hertz: what a good one has.
const limitNoise = 0.001

// Limits measures them.
func Limits(ctx context.Context, o LimitsOptions, repeat string) (Part, error) {
	if o.Trials == 0 {
		o.Trials = 12
	}
	if o.FaceVideos == 0 {
		o.FaceVideos = 2
	}
	if o.FaceSeconds == 0 {
		o.FaceSeconds = 90
	}
	if o.Say == nil {
		o.Say = func(string) {}
	}
	part := Part{Name: "limits", Title: "Honest limits", Repeat: repeat}
	replay, err := o.replay(ctx)
	if err != nil {
		return part, err
	}
	injection := o.injection(ctx)
	prediction, err := o.prediction(ctx)
	if err != nil {
		return part, err
	}
	if err := ctx.Err(); err != nil {
		return part, err
	}
	part.Tables = append(part.Tables, replay, injection, prediction)
	part.Text = append(part.Text,
		fmt.Sprintf("Replay from an archive: an attacker who may choose among %s finds for a stretch of another month the one that fits best, and plays it with %.0f mHz of noise. %d trials "+
			"of each length; the stretch is claimed to be of now.", o.Source, 1e3*limitNoise, o.Trials),
		fmt.Sprintf("Injection: the true hum, so many seconds late, for five minutes, with %.0f mHz of noise. A second's truth is agreed on 4 to 8 s after it where a committee listens to the mains, and whoever has "+
			"a wall socket need not wait for it.", 1e3*limitNoise),
		fmt.Sprintf("Prediction: hum that is in time, made of what the committee agreed on last: each second is told from the %d values before by the weights that tell best in the archive. Rounds are of five seconds, and "+
			"known so many seconds after their end.", predictFrom))
	if o.FaceVideos > 0 {
		face, err := o.face(ctx)
		if err != nil {
			return part, err
		}
		part.Tables = append(part.Tables, face)
		part.Text = append(part.Text, fmt.Sprintf("A face swapped under the room's own light: the flicker of the head's part of the picture against that of the background in the same rows. Gain is what the head flickers by, as a share "+
			"of what the background's flicker and the head's brightness promise: 1 under the same light, 0 under steady light. %d videos of each kind, %d s of 360p, in windows of %d s; where the head is, and the shutter's "+
			"time, are given.", o.FaceVideos, o.FaceSeconds, faceWindow))
	}
	return part, nil
}

// replay is what the best of an archive is worth.
func (o LimitsOptions) replay(ctx context.Context) (Table, error) {
	t := Table{Name: "replay", Columns: []string{"length, s", "r, median (least)", "RMSE, mHz, median (greatest)", "LLR, median (greatest)", "authentic", "undetermined", "forged"}}
	for _, length := range []int{60, 120, 300, 600, 1800} {
		rng := rand.New(rand.NewPCG(o.Seed, uint64(length)))
		var r, rmse, llr []float64
		verdicts := map[detect.Verdict]int{}
		for range o.Trials {
			if err := ctx.Err(); err != nil {
				return t, err
			}
			now, ok := whole(rng, o.Now, length)
			if !ok {
				return t, fmt.Errorf("no %d s without gaps to imitate", length)
			}
			matches, err := detect.FindMatches(ctx, o.Now.Slice(now, now+length), o.Archive, 1)
			if err != nil {
				return t, err
			}
			if len(matches) == 0 {
				continue
			}
			at := int(math.Round(matches[0].Offset))
			at = max(0, min(at, o.Archive.Len()-length))
			ch := o.offer(ctx, o.Archive.Hz[at:at+length], now, rng)
			verdicts[ch.Verdict]++
			if ch.Correlation == ch.Correlation {
				r, rmse, llr = append(r, ch.Correlation), append(rmse, ch.RMSE), append(llr, ch.LLR)
			}
		}
		slices.Sort(r)
		slices.Sort(rmse)
		slices.Sort(llr)
		cell := func(x []float64, factor float64, decimals int, extreme func([]float64) float64) string {
			if len(x) == 0 {
				return "–"
			}
			return fixed(factor*x[len(x)/2], decimals) + " (" + fixed(factor*extreme(x), decimals) + ")"
		}
		t.Rows = append(t.Rows, []string{strconv.Itoa(length), cell(r, 1, 3, slices.Min[[]float64]), cell(rmse, 1e3, 2, slices.Max[[]float64]), cell(llr, 1, 1, slices.Max[[]float64]),
			strconv.Itoa(verdicts[detect.Authentic]), strconv.Itoa(verdicts[detect.Undetermined]), strconv.Itoa(verdicts[detect.Forged])})
		o.Say(fmt.Sprintf("replay of %d s", length))
	}
	return t, nil
}

// whole returns a place in s from which there are so many seconds without a gap.
func whole(rng *rand.Rand, s enf.Series, length int) (int, bool) {
	for range 10_000 {
		if s.Len() < length+2*farMargin {
			break
		}
		at := farMargin + rng.IntN(s.Len()-length-2*farMargin+1)
		if s.Slice(at, at+length).Present() == length {
			return at, true
		}
	}
	return 0, false
}

// offer compares frequencies, with an attacker's noise, with the time from now on.
func (o LimitsOptions) offer(ctx context.Context, hz []float64, now int, rng *rand.Rand) detect.Channel {
	hz = slices.Clone(hz)
	for i, e := range noiseOf(FARNoise{Sigma: limitNoise}, len(hz), rng) {
		hz[i] += e
	}
	est := enf.Estimate{
		Series: enf.Series{Step: time.Second, Hz: hz, Sigma: slices.Repeat([]float64{limitNoise}, len(hz))}, Source: enf.SourceAudio, Grid: enf.Grid60, Present: true,
	}
	truth := o.Now.Slice(now-farMargin, now+len(hz)+farMargin)
	truth.Start = time.Time{}
	return detect.Compare(ctx, est, truth, detect.Options{Start: new(farMargin * time.Second)})
}

// injection is what the true hum is worth by how late it is.
func (o LimitsOptions) injection(ctx context.Context) Table {
	t := injectionTable("injection", "late by, s")
	for _, late := range []int{0, 1, 2, 3, 4, 6, 10, 30} {
		t.Rows = append(t.Rows, o.inject(ctx, strconv.Itoa(late), func(t int) float64 { return o.Now.Hz[t-late] }))
	}
	return t
}

func injectionTable(name, by string) Table {
	return Table{Name: name, Columns: []string{by, "r, median", "RMSE, mHz, median", "LLR, median", "authentic", "undetermined", "forged"}}
}

// inject is a row of the table: what a hum is worth whose frequency at second t of Now is hz(t).
func (o LimitsOptions) inject(ctx context.Context, by string, hz func(t int) float64) []string {
	const length = 300
	rng := rand.New(rand.NewPCG(o.Seed, 1))
	var r, rmse, llr []float64
	verdicts := map[detect.Verdict]int{}
	for range o.Trials {
		now, ok := whole(rng, o.Now, length)
		if !ok {
			break
		}
		made := make([]float64, length)
		for i := range made {
			made[i] = hz(now + i)
		}
		ch := o.offer(ctx, made, now, rng)
		verdicts[ch.Verdict]++
		r, rmse, llr = append(r, ch.Correlation), append(rmse, ch.RMSE), append(llr, ch.LLR)
	}
	middle := func(x []float64) float64 {
		if len(x) == 0 {
			return math.NaN()
		}
		slices.Sort(x)
		return x[len(x)/2]
	}
	return []string{by, fixed(middle(r), 3), fixed(1e3*middle(rmse), 2), fixed(middle(llr), 1),
		strconv.Itoa(verdicts[detect.Authentic]), strconv.Itoa(verdicts[detect.Undetermined]), strconv.Itoa(verdicts[detect.Forged])}
}

// predictFrom is how many values a prediction is made of, and predictRound how many seconds a round brings.
const predictFrom, predictRound = 8, 5

// prediction is what hum is worth that is made in time of what was agreed on before, by how long after a round's end it is known.
func (o LimitsOptions) prediction(ctx context.Context) (Table, error) {
	t := injectionTable("prediction", "known after, s")
	for _, after := range []int{1, 3, 10} {
		var weights [predictRound][]float64 // by the age of the newest second known, less after+1
		for i := range weights {
			var err error
			if weights[i], err = predictor(o.Archive, after+1+i); err != nil {
				return t, err
			}
		}
		level := stat.Mean(present(o.Archive), nil)
		t.Rows = append(t.Rows, o.inject(ctx, strconv.Itoa(after), func(t int) float64 {
			i := ((t-after)%predictRound + predictRound) % predictRound
			v := level
			for j, w := range weights[i] {
				if hz := o.Now.Hz[t-after-1-i-j]; !math.IsNaN(hz) {
					v += w * (hz - level)
				}
			}
			return v
		}))
	}
	return t, nil
}

// present are the values of a series that are there.
func present(s enf.Series) []float64 { return slices.DeleteFunc(slices.Clone(s.Hz), math.IsNaN) }

// predictor returns the weights with which the newest value of a series and those before tell best, in the sense of least squares, what
// it is so many seconds later: of deviations from the mean.
func predictor(s enf.Series, ahead int) ([]float64, error) {
	level := stat.Mean(present(s), nil)
	products, with := mat.NewSymDense(predictFrom, nil), mat.NewVecDense(predictFrom, nil)
	for t := predictFrom + ahead; t < s.Len(); t++ {
		past := s.Slice(t-ahead-predictFrom+1, t-ahead+1)
		if past.Present() < predictFrom || math.IsNaN(s.Hz[t]) {
			continue
		}
		for i := range predictFrom {
			x := past.Hz[predictFrom-1-i] - level
			with.SetVec(i, with.AtVec(i)+x*(s.Hz[t]-level))
			for j := i; j < predictFrom; j++ {
				products.SetSym(i, j, products.At(i, j)+x*(past.Hz[predictFrom-1-j]-level))
			}
		}
	}
	// A ridge of a millionth: values between those of a coarser series follow from their neighbours.
	for i := range predictFrom {
		products.SetSym(i, i, products.At(i, i)*(1+1e-6))
	}
	var c mat.Cholesky
	var weights mat.VecDense
	if !c.Factorize(products) {
		return nil, errors.New("the archive is constant")
	}
	if err := c.SolveVecTo(&weights, with); err != nil {
		return nil, err
	}
	return weights.RawVector().Data, nil
}
