// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
)

// truthDelay is how many seconds after a round's end its truth is known, in simulated calls. In the demonstration, on a
// machine that had six times as much to do as it could, it was 2.5-3.1.
const truthDelay = 4

// LiveOptions say how much is played.
type LiveOptions struct {
	// Runs is the number of calls of each attack, 20 by default; Hours that of honest channel-hours for each share of loss, 25 by default.
	Runs, Hours int
	// Seed stands for all chance.
	Seed uint64
	// Real are recorded frequencies of grids, honest calls on which are played too, as long as they last; at most Hours of each.
	Real []RealGrid
}

// RealGrid is a recorded frequency.
type RealGrid struct {
	Name   string
	Series enf.Series
}

// LiveReport is what a guard said in simulated calls.
type LiveReport struct {
	Attacks []LiveAttack
	False   []LiveFalse
}

// LiveAttack is how long it took to say so, from the beginning of an attack.
type LiveAttack struct {
	Attack Attack
	// Source is what was sent.
	Source enf.Source
	// Witnesses is how many others were in the call, and Delay the least delay of the truth, in seconds.
	Witnesses, Delay int
	// Seconds are the times to the event, in ascending order; infinite where there was none within 90 s.
	Seconds []float64
	// Verdict is that of the event: forged, or undetermined where the hum vanishes.
	Verdict detect.Verdict
	// Early is how many were called forged before anything had happened, and Others how many of the others ever were.
	Early, Others int
}

// LiveFalse is how often the honest were called forged.
type LiveFalse struct {
	Grid   string
	Loss   float64
	Hours  float64 // of channels
	Alarms int
	// Authentic is the share of the time, from two minutes on, for which they were authentic.
	Authentic float64
}

// Live plays calls to a guard: attacks in mid-call, alone and among others, and honest calls with loss. Hum is at 30 dB-Hz in its
// strongest harmonic under speech 30 dB above the room's noise; the truth of a second is known 4-9 s later.
func Live(ctx context.Context, o LiveOptions, say func(string)) (LiveReport, error) {
	o.Runs, o.Hours = cmp.Or(o.Runs, 20), cmp.Or(o.Hours, 25)
	var r LiveReport
	for _, source := range []enf.Source{enf.SourceAudio, enf.SourceVideo} {
		for _, others := range []int{0, 3} {
			for _, attack := range []Attack{AttackReplay, AttackForeign, AttackSplice, AttackSynthetic} {
				if source == enf.SourceVideo && attack == AttackSplice {
					continue // a film cannot be wound back
				}
				a, err := o.attack(ctx, attack, source, others)
				if err != nil {
					return r, err
				}
				r.Attacks = append(r.Attacks, a)
				say(fmt.Sprintf("%s, %s, %d others: median %.0f s", attack, source, others, quantile(a.Seconds, 0.5)))
			}
		}
	}
	for _, loss := range []float64{0, 0.02, 0.05, 0.1} {
		f, err := o.honest(ctx, RealGrid{}, loss)
		if err != nil {
			return r, err
		}
		r.False = append(r.False, f)
		say(fmt.Sprintf("%.0f %% loss: %d alarms in %.0f h", 100*loss, f.Alarms, f.Hours))
	}
	for _, g := range o.Real {
		f, err := o.honest(ctx, g, 0.02)
		if err != nil {
			return r, err
		}
		r.False = append(r.False, f)
		say(fmt.Sprintf("%s: %d alarms in %.0f h", g.Name, f.Alarms, f.Hours))
	}
	return r, nil
}

// liveCall is the call that all experiments vary.
func liveCall(seed uint64) Call {
	g := enftest.NewGrid(seed, enftest.GridOptions{Duration: time.Hour})
	return Call{
		Seed: seed, Phase: g.Phase, Frequency: g.Frequency, Nominal: enf.Grid60, Level: 30, Speech: 30, Delay: truthDelay,
		Clock: float64(seed%7)*10 - 30, Late: 0.1 * float64(seed%5),
	}
}

// play plays calls, as many at a time as there are cores.
func play(ctx context.Context, calls []Call) ([]Heard, error) {
	heard := make([]Heard, len(calls))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, c := range calls {
		group.Go(func() (err error) {
			heard[i], err = c.Play(ctx)
			return err
		})
	}
	return heard, group.Wait()
}

// attack plays calls in which somebody turns forged.
func (o LiveOptions) attack(ctx context.Context, attack Attack, source enf.Source, others int) (LiveAttack, error) {
	const begins, patience = 200, 90
	a := LiveAttack{Attack: attack, Source: source, Witnesses: others, Delay: truthDelay, Verdict: detect.Forged}
	if attack == AttackSynthetic {
		a.Verdict = detect.Undetermined
	}
	calls := make([]Call, o.Runs)
	for i := range calls {
		seed := o.Seed + uint64(i)
		c := liveCall(seed)
		other := enftest.GridOptions{Duration: time.Hour}
		if attack == AttackForeign {
			other.Offset, other.Scale = 0.010, 2
		}
		g := enftest.NewGrid(seed+1_000_000, other)
		c.Attack, c.Witnesses, c.Begins, c.Other = attack, others, begins+i%5, g.Phase
		c.Length = c.Begins + patience
		if source == enf.SourceVideo {
			c.Mains, c.OtherMains = enftest.NewGrid(c.Seed, enftest.GridOptions{Duration: time.Hour}), g
		}
		calls[i] = c
	}
	heard, err := play(ctx, calls)
	if err != nil {
		return a, err
	}
	for i, h := range heard {
		at, begins := math.Inf(1), float64(calls[i].Begins)
		for _, e := range h.Events {
			if e.Second <= begins && e.Verdict == detect.Forged {
				a.Early++
			}
			if e.Second > begins && e.Verdict == a.Verdict {
				at = min(at, e.Second-begins)
			}
		}
		for _, e := range h.Others {
			if e.Verdict == detect.Forged {
				a.Others++
			}
		}
		a.Seconds = append(a.Seconds, at)
	}
	slices.Sort(a.Seconds)
	return a, nil
}

// honest plays calls of four without an attack.
func (o LiveOptions) honest(ctx context.Context, g RealGrid, loss float64) (LiveFalse, error) {
	f := LiveFalse{Grid: cmp.Or(g.Name, "simulated"), Loss: loss}
	length := 1800
	if g.Name != "" {
		length = min(length, int(g.Series.Seconds(g.Series.Len()-1)))
	}
	const each = 4 // channels in a call
	var calls []Call
	for i := 0; i*length*each < 3600*o.Hours; i++ {
		c := liveCall(o.Seed + 1000 + uint64(i))
		if g.Name != "" {
			from := i * length
			if float64(from+length) > g.Series.Seconds(g.Series.Len()-1) {
				break
			}
			c.Phase, c.Frequency, c.Nominal = g.from(float64(from), length)
		}
		c.Length, c.Loss, c.Witnesses = length, loss, each-1
		calls = append(calls, c)
	}
	heard, err := play(ctx, calls)
	if err != nil {
		return f, err
	}
	for _, h := range heard {
		f.Hours += h.Hours
		f.Authentic += h.Authentic * h.Hours
		for _, e := range append(h.Events, h.Others...) {
			if e.Verdict == detect.Forged {
				f.Alarms++
			}
		}
	}
	f.Authentic /= f.Hours
	return f, nil
}

// from returns phase and frequency of so many seconds of a recorded grid. Between its values they go straight; a value
// that cannot be is the one before.
func (g RealGrid) from(second float64, length int) (phase, frequency func(t float64) float64, nominal enf.Grid) {
	step := g.Series.Step.Seconds()
	first := int(second / step)
	n := min(int(float64(length)/step)+8, g.Series.Len()-first)
	nominal = enf.Grid60
	if math.Abs(g.Series.Hz[first]-50) < 5 {
		nominal = enf.Grid50
	}
	hz, cycles := make([]float64, n), make([]float64, n) // beyond nominal
	last := 0.0
	for i := range hz {
		if d := g.Series.Hz[first+i] - float64(nominal); math.Abs(d) < 1 {
			last = d
		}
		hz[i] = last
		if i > 0 {
			cycles[i] = cycles[i-1] + step*(hz[i]+hz[i-1])/2
		}
	}
	locate := func(t float64) (int, float64) {
		x := min(max(t/step, 0), float64(n)-1.001)
		return int(x), x - math.Floor(x)
	}
	frequency = func(t float64) float64 {
		i, u := locate(t)
		return float64(nominal) + hz[i] + u*(hz[i+1]-hz[i])
	}
	phase = func(t float64) float64 {
		i, u := locate(t)
		return float64(nominal)*t + cycles[i] + step*u*(hz[i]+u/2*(hz[i+1]-hz[i]))
	}
	return phase, frequency, nominal
}

// quantile returns the value below which the given share of sorted x lies.
func quantile(x []float64, share float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	return x[min(int(share*float64(len(x))), len(x)-1)]
}

// seconds is a time for a table; infinite is one that was not within 90 s.
func seconds(x float64) string {
	if math.IsInf(x, 0) {
		return "> 90"
	}
	return strconv.FormatFloat(x, 'f', 0, 64)
}

// WriteMarkdown writes the report as two tables.
func (r LiveReport) WriteMarkdown(w io.Writer) error {
	p := &printer{w: w}
	p.printf("### Time to the red badge\n\n| attack | of | others in the call | runs | said | median s | 90 %% s | longest s | within 20 s | called before | others called |\n|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, a := range r.Attacks {
		within := 0
		for _, s := range a.Seconds {
			if s <= 20 {
				within++
			}
		}
		p.printf("| %s | %s | %d | %d | %s | %s | %s | %s | %d | %d | %d |\n", a.Attack, a.Source, a.Witnesses, len(a.Seconds), a.Verdict,
			seconds(quantile(a.Seconds, 0.5)), seconds(quantile(a.Seconds, 0.9)), seconds(quantile(a.Seconds, 1)), within, a.Early, a.Others)
	}
	p.printf("\n### False alarms\n\n| grid | loss | channel hours | alarms | authentic, of the time after 2 min |\n|---|---|---|---|---|\n")
	for _, f := range r.False {
		p.printf("| %s | %.0f %% | %.1f | %d | %.1f %% |\n", f.Grid, 100*f.Loss, f.Hours, f.Alarms, 100*f.Authentic)
	}
	return p.err
}

// WriteCSV writes every attack's times, one a row.
func (r LiveReport) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	rows := [][]string{{"attack", "channel", "others", "delay_s", "verdict", "seconds"}}
	for _, a := range r.Attacks {
		for _, s := range a.Seconds {
			rows = append(rows, []string{string(a.Attack), string(a.Source), strconv.Itoa(a.Witnesses), strconv.Itoa(a.Delay), string(a.Verdict), strconv.FormatFloat(s, 'f', 1, 64)})
		}
	}
	return c.WriteAll(rows)
}

// printer keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}
