// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"fmt"
	"iter"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/internal/race"
	"github.com/defakepro/defakepro/media"
	"github.com/defakepro/defakepro/sim"
)

func TestMain(m *testing.M) {
	media.WorkerMain()
	os.Exit(m.Run())
}

// receive decodes packets as a guard does, and gives each block.
func receive(t *testing.T, codec media.Codec, start time.Time, packets iter.Seq2[sim.Packet, error]) iter.Seq[media.Block] {
	return func(yield func(media.Block) bool) {
		l, err := media.OpenLive(t.Context(), codec, media.LiveOptions{})
		if err != nil {
			t.Skip(err)
		}
		defer l.Close() //nolint:errcheck // always nil
		for p, err := range packets {
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Write(media.Packet{Time: start.Add(p.Time), Data: p.Data}); err != nil {
				t.Fatal(err)
			}
			b, err := l.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !yield(b) {
				return
			}
		}
	}
}

// estimates are what a guard's estimators make of both media of a stream.
func estimates(t *testing.T, r sim.Recording) map[enf.Source]enf.Estimate {
	t.Helper()
	s, err := r.Stream(t.Context(), sim.StreamOptions{Unpaced: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // always nil
	out := map[enf.Source]enf.Estimate{}
	if r.Audio != nil {
		e := enf.NewAudio(enf.Options{Grid: r.Grid})
		for b := range receive(t, media.Opus, s.Start(), s.Audio()) {
			if err := e.Write(*b.Audio); err != nil {
				t.Fatal(err)
			}
		}
		out[enf.SourceAudio] = e.Close()
	}
	if r.Video != nil {
		e := enf.NewVideo(enf.Options{Grid: r.Grid})
		codec := media.Codec(r.Video.Codec)
		if codec == "" {
			codec = media.VP8
		}
		for b := range receive(t, codec, s.Start(), s.Video()) {
			if err := e.Write(*b.Luma); err != nil {
				t.Fatal(err)
			}
		}
		out[enf.SourceVideo] = e.Close()
	}
	return out
}

// compare returns the error of the estimate against what the recording carries from one second to another, and the
// correlation with it; and how many seconds it rests on. Recordings and their estimates begin on whole seconds.
func compare(got, want enf.Series, from, to int) (rmse, correlation float64, n int) {
	var x, y []float64
	for i := from; i < min(to, got.Len(), want.Len()); i++ {
		if !math.IsNaN(got.Hz[i]) && !math.IsNaN(want.Hz[i]) {
			x, y = append(x, got.Hz[i]), append(y, want.Hz[i])
		}
	}
	var mx, my float64
	for i := range x {
		mx += x[i] / float64(len(x))
		my += y[i] / float64(len(x))
	}
	var xx, xy, yy, ee float64
	for i := range x {
		xx += (x[i] - mx) * (x[i] - mx)
		xy += (x[i] - mx) * (y[i] - my)
		yy += (y[i] - my) * (y[i] - my)
		ee += (x[i] - y[i]) * (x[i] - y[i])
	}
	return math.Sqrt(ee / float64(len(x))), xy / math.Sqrt(xx*yy), len(x)
}

// What comes out of real decoders carries what the grid did, second by second, whatever the codec, the grid and the frame rate.
func TestStreamCarriesTheTruth(t *testing.T) {
	needFFmpeg(t)
	const seconds = 50
	start := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
	for i, tt := range []struct {
		codec string
		fps   float64
		grid  enf.Grid
	}{{"vp8", 25, enf.Grid60}, {"h264", 30, enf.Grid60}, {"vp9", 30, enf.Grid50}, {"vp8", 25, enf.Grid50}} {
		t.Run(fmt.Sprintf("%s %g fps %d Hz", tt.codec, tt.fps, tt.grid), func(t *testing.T) {
			if testing.Short() && i > 1 || race.Enabled && i != 1 { // goroutines are the same in all
				t.Skip("the others do")
			}
			r := call(uint64(i + 1))
			r.Grid, r.Mains, r.Start, r.Duration = tt.grid, sim.NewMains(7, tt.grid, start), start.Add(10*time.Minute), seconds*time.Second
			r.Audio.CN0 = 50
			r.Video.Codec, r.Video.FPS, r.Video.Readout = tt.codec, tt.fps, 0.8/tt.fps
			for source, e := range estimates(t, r) {
				truth, err := r.Mains.Between(t.Context(), e.Series.Start, e.Series.Start.Add(seconds*time.Second))
				if err != nil {
					t.Fatal(err)
				}
				if !e.Series.Start.Equal(r.Start) {
					t.Errorf("%s begins at %v, want %v", source, e.Series.Start, r.Start)
				}
				rmse, correlation, n := compare(e.Series, truth, 5, seconds-5)
				t.Logf("%s: RMSE %.2f mHz, correlation %.4f over %d s", source, 1e3*rmse, correlation, n)
				if !(rmse < 2e-3) || n < seconds/2 {
					t.Errorf("%s: RMSE %.2f mHz, correlation %.4f over %d s", source, 1e3*rmse, correlation, n)
				}
			}
		})
	}
}

// Each attack carries what it says. Of a face that was made anew, the room around it tells the truth: that the
// estimators see nothing there is what this test holds fast, not what one would wish.
func TestStreamUnderAttack(t *testing.T) {
	needFFmpeg(t)
	const seconds, from = 80, 30
	kinds := []sim.Kind{sim.Replace, sim.Mute, sim.Foreign, sim.Cut, sim.Insert, sim.Face, sim.Reface, sim.Camera}
	if testing.Short() {
		kinds = []sim.Kind{sim.Reface}
	}
	start := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			r := call(11)
			r.Mains, r.Start, r.Duration = sim.NewMains(7, enf.Grid60, start), start, seconds*time.Second
			r.Audio.CN0 = 50
			a := sim.Attack{Kind: kind, From: from * time.Second}
			if kind == sim.Cut {
				a.To = a.From + 20*time.Second
			}
			if kind == sim.Insert { // what follows is late
				a = sim.Attack{Kind: kind, From: a.From - 20*time.Second, To: a.From}
			}
			r.Attacks = []sim.Attack{a}
			truth, err := r.Truth()
			if err != nil {
				t.Fatal(err)
			}
			for source, e := range estimates(t, r) {
				carried, err := r.Carried(source)
				if err != nil {
					t.Fatal(err)
				}
				own, _, _ := compare(e.Series, carried, from+12, seconds-12)
				off, like, n := compare(e.Series, truth, from+12, seconds-12)
				t.Logf("%s: RMSE to what it carries %.2f mHz, to the truth %.2f mHz (correlation %.3f) over %d s", source, 1e3*own, 1e3*off, like, n)
				genuine := source == enf.SourceAudio && (kind == sim.Face || kind == sim.Reface)
				background := source == enf.SourceVideo && (kind == sim.Face || kind == sim.Reface)
				none := !slices.ContainsFunc(carried.Hz[from+1:], func(v float64) bool { return !math.IsNaN(v) })
				switch {
				case none:
					if n > 10 {
						t.Errorf("%s: %d values where there is no hum", source, n)
					}
				case !(own < 4e-3):
					t.Errorf("%s: RMSE to what it carries %.2f mHz", source, 1e3*own)
				case genuine || background:
				case !(off > 2*own):
					t.Errorf("%s: as near to the truth, %.2f mHz", source, 1e3*off)
				}
			}
		})
	}
}
