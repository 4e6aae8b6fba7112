// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package media

import (
	"errors"
	"io"
	"syscall"
	"testing"
	"time"
)

// cpu returns the processor time that this process and its ended children have used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}

// consume reads a recording to its end and returns the number of frames and the length of the audio.
func consume(b *testing.B, path string, o Options) (frames int, sound time.Duration) {
	b.Helper()
	r, err := Open(b.Context(), path, o)
	if err != nil {
		b.Fatal(err)
	}
	for {
		block, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			if err := r.Close(); err != nil {
				b.Fatal(err)
			}
			return frames, sound
		case err != nil:
			b.Fatal(err)
		case block.Luma != nil:
			frames++
		default:
			sound += block.Audio.End().Sub(block.Audio.Start)
		}
	}
}

// BenchmarkVideo compares the luma of H.264 video, worker process included, with plain decoding by ffmpeg on as many threads, in
// turns: cpu-ratio is processor time over processor time.
func BenchmarkVideo(b *testing.B) {
	for _, size := range []struct{ name, pixels string }{{"1080p", "1920x1080"}, {"720p", "1280x720"}, {"480p", "854x480"}} {
		path := generate(b, size.name+".mp4", lists("-f lavfi -i testsrc2=size="+size.pixels+":rate=30:duration=10,noise=alls=8:allf=t "+
			"-c:v libx264 -preset veryfast -crf 26 -pix_fmt yuv420p")...)
		for name, decode := range decoders() {
			b.Run(size.name+"/"+name, func(b *testing.B) {
				var ours, plain, wall time.Duration
				frames := 0
				for b.Loop() {
					began, from := time.Now(), cpu(b)
					n, _ := consume(b, path, Options{Threads: 1, decode: decode})
					frames += n
					wall += time.Since(began)
					between := cpu(b)
					ours += between - from
					b.StopTimer()
					ffmpeg(b, "-threads", "1", "-i", path, "-f", "null", "-")
					plain += cpu(b) - between
					b.StartTimer()
				}
				b.ReportMetric(float64(frames)/wall.Seconds(), "frames/s")
				b.ReportMetric(float64(frames)/ours.Seconds(), "frames/cpu-s")
				b.ReportMetric(ours.Seconds()/plain.Seconds(), "cpu-ratio")
			})
		}
	}
}

// BenchmarkAudio measures decoding in multiples of real time, by the clock and a core.
func BenchmarkAudio(b *testing.B) {
	for _, f := range []struct{ name, file, args string }{
		{"wav", "a.wav", "-c:a pcm_s16le"}, {"flac", "a.flac", "-c:a flac"}, {"aac", "a.m4a", "-c:a aac"}, {"opus", "a.ogg", "-c:a libopus"},
	} {
		path := generate(b, f.file, lists("-f lavfi -i anoisesrc=r=48000:a=0.05:d=300:c=pink -ac 2 "+f.args)...)
		b.Run(f.name, func(b *testing.B) {
			var sound, used, wall time.Duration
			for b.Loop() {
				began, from := time.Now(), cpu(b)
				_, d := consume(b, path, Options{Audio: true})
				sound += d
				wall += time.Since(began)
				used += cpu(b) - from
			}
			b.ReportMetric(sound.Seconds()/wall.Seconds(), "x-realtime")
			b.ReportMetric(sound.Seconds()/used.Seconds(), "x-realtime/core")
		})
	}
}
