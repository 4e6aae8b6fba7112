// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/prover"
	"github.com/defakepro/defakepro/sim"
)

func ExampleNewMains() {
	// Two processes that were given one seed and one start agree on what the grid does.
	start := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
	here, there := sim.NewMains(7, enf.Grid50, start), sim.NewMains(7, enf.Grid50, start)
	at := start.Add(10 * time.Minute)
	a, _ := here.Between(context.Background(), at, at.Add(time.Minute))
	b, _ := there.Between(context.Background(), at, at.Add(time.Minute))
	fmt.Println(a.Len(), "seconds from", a.Start.Format(time.TimeOnly), a.Hz[59] == b.Hz[59])
	// Output: 60 seconds from 15:10:00 true
}

// What a node's prover makes of the sound is what the grid did at that second, but for the recorder's clock.
func TestPCMIsProved(t *testing.T) {
	for i, ppm := range []float64{0, 20, -35} {
		t.Run(fmt.Sprint(ppm, " ppm"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(437 * time.Millisecond) // no whole second
				mains := sim.NewMains(5, enf.Grid50, time.Now().Add(-10*time.Minute).Truncate(time.Second))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				r, w := io.Pipe()
				format := sim.Formats[i]
				go func() {
					_ = w.CloseWithError(sim.PCM{Mains: mains, Seed: uint64(i), PPM: ppm, CN0: 40, Format: format}.Write(ctx, w))
				}()
				source, err := prover.NewPCM(r, prover.InputOptions{Grid: enf.Grid50, Format: prover.Format(format)})
				if err != nil {
					t.Fatal(err)
				}
				n, worst := 0, 0.
				for n < 100 {
					s, err := source.Read(ctx)
					if err != nil {
						t.Fatal(err)
					}
					truth, err := mains.Between(ctx, s.Start, s.Start.Add(time.Duration(s.Len())*time.Second))
					if err != nil {
						t.Fatal(err)
					}
					for j, v := range s.Hz {
						if math.IsNaN(v) {
							continue
						}
						n++
						worst = max(worst, math.Abs(v*(1+1e-6*ppm)-truth.Hz[j]))
					}
				}
				if worst > 1e-3 {
					t.Errorf("off by up to %.2f mHz", 1e3*worst)
				}
				cancel()
				_ = r.Close() // which ends the writer
			})
		})
	}
}

func TestPCMEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := sim.PCM{Mains: sim.NewMains(1, enf.Grid60, time.Now()), Duration: 3 * time.Second, Rate: 1000, Channels: 2, Format: sim.FormatF32}
		began := time.Now()
		if err := p.Write(t.Context(), &out); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 3*time.Second || out.Len() != 3*1000*2*4 {
			t.Errorf("%d bytes in %v", out.Len(), took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		p.Duration = 0
		if err := p.Write(ctx, io.Discard); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the context's", err)
		}
		for name, bad := range map[string]sim.PCM{
			"nothing":   {},
			"rate":      {Mains: p.Mains, Rate: 10},
			"channels":  {Mains: p.Mains, Channels: 1000},
			"format":    {Mains: p.Mains, Format: "mp3"},
			"long past": {Mains: sim.NewMains(1, enf.Grid60, time.Now().Add(-8*24*time.Hour))},
			"to come":   {Mains: sim.NewMains(1, enf.Grid60, time.Now().Add(8*24*time.Hour))},
			"hum":       {Mains: p.Mains, CN0: math.NaN()},
		} {
			if err := bad.Write(t.Context(), io.Discard); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
	})
}
