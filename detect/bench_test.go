// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect_test

import (
	"slices"
	"testing"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

// BenchmarkFindMatches looks for recordings in ten years of a value a second, which take 2.5 GB. first/op says how
// often the right place came first: it should for an hour and for five minutes; for a minute, ten years hold better
// matches by chance.
func BenchmarkFindMatches(b *testing.B) {
	const years, at = 10, 123_456_789
	if testing.Short() {
		b.Skip("takes 2.5 GB")
	}
	reference := wandering(1, years*365*86400)
	hour := noisy(reference, at, 3600, 0.002, 2)
	gaps := enf.Series{Step: time.Second, Hz: slices.Clone(hour.Hz)}
	for i := 500; i < 900; i++ {
		gaps.Hz[i] = nan
	}
	for _, c := range []struct {
		name   string
		series enf.Series
	}{{"hour", hour}, {"gaps", gaps}, {"5min", hour.Slice(0, 300)}, {"minute", hour.Slice(0, 60)}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			first := 0.0
			for b.Loop() {
				m := found(b, c.series, reference, 5)
				if len(m) > 0 && m[0].Offset > at-2 && m[0].Offset < at+2 {
					first++
				}
			}
			b.ReportMetric(first/float64(b.N), "first/op")
		})
	}
}

func BenchmarkCompare(b *testing.B) {
	reference := wandering(1, 7200)
	est := estimate(noisy(reference, 1000, 3600, 0.002, 2))
	b.ReportAllocs()
	for b.Loop() {
		if c := detect.Compare(b.Context(), est, reference, detect.Options{Start: new(1000 * time.Second)}); c.Verdict != detect.Authentic {
			b.Fatal(c.Reason)
		}
	}
}
