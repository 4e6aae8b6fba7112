// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo && !noav

package media

import (
	"errors"
	"io"
	"testing"
)

// BenchmarkLive compares live decoding of 720p at 30 fps, and of sound, worker process included, with plain decoding by ffmpeg on
// one thread: cpu-ratio is processor time over processor time, core-% what a stream costs in real time. Starting both programs
// is part of it.
func BenchmarkLive(b *testing.B) {
	const picture = "-f lavfi -i testsrc2=size=1280x720:rate=30:duration=20,noise=alls=8:allf=t -pix_fmt yuv420p -b:v 1500k "
	for _, s := range []struct {
		codec   Codec
		args    string
		seconds float64
	}{
		{H264, picture + "-c:v libx264 -tune zerolatency -preset veryfast -profile:v baseline -bsf:v dump_extra=freq=keyframe", 20},
		{VP8, picture + "-c:v libvpx -deadline realtime -cpu-used 8 -lag-in-frames 0", 20},
		{Opus, "-f lavfi -i anoisesrc=r=48000:a=0.05:d=300:c=pink -c:a libopus -b:a 64k", 300},
	} {
		b.Run(string(s.codec), func(b *testing.B) {
			file := generate(b, "a.nut", lists(s.args)...)
			all := packets(b, callTime, []string{"-i", file, "-c", "copy"})
			var ours, plain float64
			n := 0
			for b.Loop() {
				from := cpu(b)
				l, err := OpenLive(b.Context(), s.codec, LiveOptions{})
				if err != nil {
					b.Fatal(err)
				}
				go func() {
					for _, p := range all {
						writeWhenFree(b, l, p)
					}
					l.End()
				}()
				for {
					if _, err := l.Read(b.Context()); errors.Is(err, io.EOF) {
						break
					} else if err != nil {
						b.Fatal(err)
					}
				}
				_ = l.Close() // always nil
				between := cpu(b)
				ours += (between - from).Seconds()
				b.StopTimer()
				ffmpeg(b, "-threads", "1", "-i", file, "-f", "null", "-")
				plain += (cpu(b) - between).Seconds()
				b.StartTimer()
				n++
			}
			b.ReportMetric(ours/plain, "cpu-ratio")
			b.ReportMetric(100*ours/(s.seconds*float64(n)), "core-%")
		})
	}
}
