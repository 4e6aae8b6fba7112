// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/defakepro/defakepro/dsp"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
)

// told is what was told of each second, and how many seconds after it: NaN and infinitely late where nothing was.
type told struct{ hz, delay []float64 }

// live follows a stream as a guard does.
type live struct{ last, early told }

func (l *told) note(s enf.Series, now float64) {
	for i, hz := range s.Hz {
		second := int(s.Time(i).Sub(time.Time{}) / time.Second)
		for len(l.hz) <= second {
			l.hz, l.delay = append(l.hz, math.NaN()), append(l.delay, math.Inf(1))
		}
		l.hz[second], l.delay[second] = hz, now-float64(second)
	}
}

// settled are the delays of what was told from second 60 on.
func (l told) settled() []float64 {
	return slices.DeleteFunc(slices.Clone(l.delay[min(60, len(l.delay)):]), func(d float64) bool { return math.IsInf(d, 1) })
}

func (l told) longest() float64 { return slices.Max(append(l.settled(), 0)) }

func (l told) mean() float64 { return stat.Mean(l.settled(), nil) }

// errorOf returns the root mean square error from second 60 on, and the number of values.
func errorOf(hz []float64, g *enftest.Grid) (rmse float64, n int) {
	for i, v := range hz {
		if i >= 60 && !math.IsNaN(v) {
			d := v - g.Frequency(float64(i))
			rmse, n = rmse+d*d, n+1
		}
	}
	return math.Sqrt(rmse / float64(n)), n
}

// A live picture's values come as soon as a sound's once its scene is known, and are not much worse for it.
func TestLiveVideo(t *testing.T) {
	for _, c := range []enftest.Camera{
		{FPS: 25, Readout: 0.02, Flicker: 0.03, Subject: 0.4},
		{FPS: 30, Readout: 0.02, Flicker: 0.03}, // on the scene's own alias
	} {
		const seconds = 160
		g := enftest.NewGrid(7, enftest.GridOptions{Duration: seconds * time.Second})
		c.Seed, c.Exposure, c.Noise, c.Drift, c.Rows = 3, 0.004, 0.0005, 0.01, 180
		e, whole := enf.NewVideo(enf.Options{Grid: enf.Grid60, Live: true}), enf.NewVideo(enf.Options{Grid: enf.Grid60})
		var l live
		for frame := range c.Film(g, seconds) {
			if err := e.Write(frame); err != nil {
				t.Fatal(err)
			}
			if err := whole.Write(frame); err != nil {
				t.Fatal(err)
			}
			now := frame.Time.Sub(time.Time{}).Seconds()
			l.last.note(e.Take(), now)
			l.early.note(e.Early(), now)
		}
		rmse, n := errorOf(l.last.hz, g)
		early, m := errorOf(l.early.hz, g)
		offline := compare(whole.Close(), g)
		t.Logf("%g fps: live %.2f mHz (%d values, %.1f s late), early %.2f (%d, %.1f s), afterwards %.2f", c.FPS, 1e3*rmse, n, l.last.longest(), 1e3*early, m, l.early.longest(), 1e3*offline.rmse)
		if n < seconds-60-20 || l.last.longest() > 14 || rmse > 2*max(offline.rmse, 0.5e-3) {
			t.Errorf("%g fps: live %.2f mHz, %d values, %.1f s late", c.FPS, 1e3*rmse, n, l.last.longest())
		}
	}
}

// Early values of loud hum come within 7 s and are right; of faint hum there are none.
func TestEarly(t *testing.T) {
	const seconds, rate = 200, 1000
	g := enftest.NewGrid(5, enftest.GridOptions{Duration: seconds * time.Second})
	for _, test := range []struct {
		cn0   float64
		least int
	}{{40, 120}, {10, 0}} {
		x := hum(g, 4, seconds, rate, test.cn0, 2, 4)
		e := enf.NewAudio(enf.Options{Grid: enf.Grid60, Live: true})
		var l live
		for i := 0; i < len(x); i += rate {
			if err := e.Write(dsp.Signal{Start: at(float64(i) / rate), Rate: rate, Channels: [][]float64{x[i : i+rate]}}); err != nil {
				t.Fatal(err)
			}
			l.last.note(e.Take(), float64(i)/rate+1)
			l.early.note(e.Early(), float64(i)/rate+1)
		}
		rmse, n := errorOf(l.early.hz, g)
		t.Logf("%g dB-Hz: %d values, %.2f mHz, %.1f s late; the last word %.1f s", test.cn0, n, 1e3*rmse, l.early.longest(), l.last.mean())
		if mean := l.last.mean(); test.cn0 == 40 && mean > 11.7 { // of which up to a second is that of a block here
			t.Errorf("what the loud hum was is told %.1f s late on average", mean)
		}
		if n < test.least || test.least == 0 && n > 5 || n > 5 && (rmse > 0.001 || l.early.longest() > 7) {
			t.Errorf("%g dB-Hz: %d values, %.2f mHz, %.1f s late", test.cn0, n, 1e3*rmse, l.early.longest())
		}
	}
}

// Hum as a recorder on the mains has it is told within 4 s of its second, and as well as otherwise, before and after it has been
// away; what is fainter is told as if nobody were in a hurry.
func TestQuick(t *testing.T) {
	const seconds, rate, from, to = 200, 1000, 120, 140
	g := enftest.NewGrid(5, enftest.GridOptions{Duration: seconds * time.Second})
	for _, cn0 := range []float64{75, 20} {
		x := hum(g, 4, seconds, rate, cn0, 1, 2)
		copy(x[from*rate:to*rate], hum(g, 4, seconds, rate, 0, 1)[from*rate:to*rate])
		listen := func(quick bool) (l told) {
			e := enf.NewAudio(enf.Options{Grid: enf.Grid60, Live: true, Quick: quick})
			const block = rate / 4
			for i := 0; i < len(x); i += block {
				if err := e.Write(dsp.Signal{Start: at(float64(i) / rate), Rate: rate, Channels: [][]float64{x[i : i+block]}}); err != nil {
					t.Fatal(err)
				}
				l.note(e.Take(), float64(i+block)/rate)
			}
			return l
		}
		slow, quick := listen(false), listen(true)
		soon, worst := 0, 0.0
		for i := 60; i < len(quick.hz); i++ {
			if quick.delay[i] < 4 {
				soon++
				worst = max(worst, math.Abs(quick.hz[i]-g.Frequency(float64(i))))
			}
		}
		t.Logf("%g dB-Hz: %d of %d seconds soon, at most %.2f mHz wrong", cn0, soon, len(quick.hz)-60, 1e3*worst)
		if cn0 == 75 && (soon < 90 || worst > 0.001) {
			t.Errorf("%d seconds are told soon, wrong by as much as %.2f mHz", soon, 1e3*worst)
		}
		if cn0 == 20 && (soon > 0 || !slices.EqualFunc(quick.hz, slow.hz, func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })) {
			t.Errorf("faint hum: %d seconds are told soon, or they are not what they are otherwise", soon)
		}
	}
}
