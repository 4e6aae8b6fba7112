// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/defakepro/defakepro/dsp"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
)

// How many seconds of recording one core estimates in a second.
func BenchmarkAudio(b *testing.B) {
	const seconds = 60
	g := enftest.NewGrid(1, enftest.GridOptions{Nominal: enf.Grid50, Duration: seconds * time.Second})
	for _, rate := range []float64{1000, 8000, 48000} {
		for _, channels := range []int{1, 2} {
			for _, grid := range []enf.Grid{enf.Grid50, enf.GridAuto} {
				s := dsp.Signal{Rate: rate}
				for i := range channels {
					s.Channels = append(s.Channels, hum(g, uint64(i), seconds, rate, 25, 2, 4, 6))
				}
				b.Run(fmt.Sprintf("rate=%g/channels=%d/nominal=%d", rate, channels, grid), func(b *testing.B) {
					e := enf.NewAudio(enf.Options{Grid: grid})
					b.ReportAllocs()
					for b.Loop() {
						if err := e.Write(s); err != nil {
							b.Fatal(err)
						}
						e.Take()
						s.Start = s.Start.Add(seconds * time.Second)
					}
					b.ReportMetric(seconds*float64(b.N)/b.Elapsed().Seconds(), "x-real-time")
				})
			}
		}
	}
}
