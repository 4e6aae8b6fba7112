// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package media opens recordings and turns them into signals in which mains hum and flicker can be looked for: audio as
// samples, video as the light of each sensor row.
//
// [Open] takes any audio or video file and [Recording.Read] yields it block by block, so that files of hours need no more memory
// than files of seconds. Programs call [WorkerMain] first thing in main:
//
//	func main() {
//		media.WorkerMain()
//		...
//	}
//
// # Audio
//
// Samples come as float64, full scale ±1, in the file's own rate and channels; nothing is resampled or mixed. WAV [1], its 64-bit
// forms RF64 [2] and BW64 [3], and FLAC [4] are read in Go. A sample that a float file holds as NaN or infinity is passed on: to
// package dsp it is missing.
//
// # Video
//
// A rolling shutter exposes one row after the other, so that the rows of a frame are samples in time of the flickering light.
// What is kept of a frame is therefore the mean luma of each row, in eight vertical strips, so that a later stage can leave
// out those that something moves through. The sums are exact: no scaler rounds them, and they are taken from the decoder's
// own luma plane at its own depth, 8 to 16 bits. Only pictures without such a plane (RGB, palette) are converted first. Pictures are not
// turned upright (see [Info].Rotation), as that would make columns of rows.
//
// # Time
//
// A recording's time line begins, at the zero [time.Time], where its first stream does; audio and video share it. Video frames keep
// their own timestamps, and with them variable rates and gaps. Audio is counted in samples: a timestamp moves it only when it lies more
// than 10 ms ahead of the count, which is a gap. Smaller differences are rounding and jitter of containers, and slow ones the drift
// between two clocks, neither of which may break the phase of a tone. Time never runs backwards.
//
// # Live streams
//
// [OpenLive] decodes one stream of a call, packet by packet as it comes: Opus, VP8, VP9, H.264 or AV1. It has no delay
// of its own: what comes of a packet can be read before the next is written. A block has its packet's time, whatever
// was lost before it, and nothing is made up: no sound is extrapolated over a lost packet, and a picture that the
// decoder had to patch is left out and counted. A decoder that cannot keep up loses packets, which Write reports, and
// never lets them queue. Live decoding needs a build for Linux with cgo and FFmpeg's libraries (5.1 or newer); any
// other build says so in OpenLive's error.
//
// # Decoding what nobody vouches for
//
// All other formats, and with [Options].Confined these too, are decoded by FFmpeg's libraries in a worker process: this
// program, started again with an empty environment and the open file as its only input. The worker may not gain
// privileges, open files, connect, signal others (as far as the kernel's Landlock allows to forbid it [6]) or use more
// than 4 GiB, 1 GiB for a live stream, and what it says is checked like any input. That it crashes is an error that
// names the file, or ends one live stream. Builds without cgo, with the tag noav, or for other systems than Linux run
// the programs ffmpeg and ffprobe instead and take their output as a NUT stream [5]. Either way only containers on a
// list are opened, so that no playlist can name other files or addresses.
//
// # References
//
//	[1] IBM and Microsoft, Multimedia Programming Interface and Data Specifications 1.0, 1991; RFC 2361
//	[2] EBU Tech 3306, MBWF/RF64: an extended file format for audio, 2009
//	[3] Recommendation ITU-R BS.2088, Long-form file format for the international exchange of audio programme materials, 2019
//	[4] RFC 9639, Free Lossless Audio Codec (FLAC), 2024
//	[5] NUT Open Container Format, https://git.ffmpeg.org/gitweb/nut.git/blob/HEAD:/docs/nut.txt
//	[6] https://docs.kernel.org/userspace-api/landlock.html
package media
