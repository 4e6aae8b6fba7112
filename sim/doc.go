// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package sim renders recordings whose grid frequency is known, through real codecs, so that what an estimator or a
// check says of a file can be compared with the truth.
//
// A [Recording] is somebody talking in a room lit and powered by a mains grid (package enftest has the grid, the hum and the talker).
// Its picture is shot by a rolling or a global shutter: each row of each frame is lit as the lamp was at the instant of that row,
// under sensor noise, which is what carries a flicker of less than one of 255 levels through the rounding to 8 bits. Its sound is
// speech over the room's hum and noise.
//
// An [Attack] forges a stretch of it: material of another time, a cut, an insertion, a synthetic track that never saw
// the grid, or one from a foreign grid, a face made anew, a virtual camera. [Recording.Spans] tells exactly where,
// [Recording.Truth] what the grid did meanwhile, and [Recording.Carried] what the file holds instead.
//
// [Recording.Render] writes a file. [Recording.Stream] renders in real time and gives encoded packets with low delay,
// as a participant of a call sends them; [Meeting] describes several such. Their [Recording.Mains] can be one grid on
// the wall clock ([NewMains]), which other processes have too if they are given the same seed and start. [PCM] is the
// sound of that grid's mains alone, for the nodes of a committee.
//
// Encoding needs the ffmpeg command; WAV and Y4M files are written without it. The samples and pixels depend on the
// seed alone; the bytes of an encoded file also on ffmpeg's version.
package sim
