// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package sim_test

import (
	"iter"
	"syscall"
	"testing"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/sim"
)

// BenchmarkStream renders and encodes a participant, and reports the share of a core that it would take in real time,
// of this process and of its encoders.
func BenchmarkStream(b *testing.B) {
	used := func(who int) time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	const seconds = 20
	for _, bench := range []struct {
		name  string
		alter func(*sim.Recording)
	}{
		{"360p25/vp8", func(*sim.Recording) {}},
		{"360p25/h264", func(r *sim.Recording) { r.Video.Codec = "h264" }},
		{"360p25/vp9", func(r *sim.Recording) { r.Video.Codec = "vp9" }},
		{"720p30/vp8", func(r *sim.Recording) { r.Video.Width, r.Video.Height, r.Video.FPS = 1280, 720, 30 }},
		{"sound", func(r *sim.Recording) { r.Video = nil }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			var self, children time.Duration
			for b.Loop() {
				r := sim.Meeting(1, sim.NewMains(1, enf.Grid60, time.Now()), 1)[0]
				r.Duration = seconds * time.Second
				bench.alter(&r)
				s, err := r.Stream(b.Context(), sim.StreamOptions{Unpaced: true})
				if err != nil {
					b.Fatal(err)
				}
				self, children = self-used(syscall.RUSAGE_SELF), children-used(syscall.RUSAGE_CHILDREN)
				for _, medium := range []iter.Seq2[sim.Packet, error]{s.Audio(), s.Video()} {
					for _, err := range medium {
						if err != nil {
							b.Fatal(err)
						}
					}
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
				self, children = self+used(syscall.RUSAGE_SELF), children+used(syscall.RUSAGE_CHILDREN)
			}
			b.ReportMetric(100*self.Seconds()/seconds/float64(b.N), "%render")
			b.ReportMetric(100*children.Seconds()/seconds/float64(b.N), "%encode")
		})
	}
}
