// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package conference joins a LiveKit room and gives each participant's sound and picture as a stream of blocks in which mains hum
// and flicker can be looked for.
//
// [Join] makes the guard a participant that nobody sees, which may neither speak nor show anything. [Room.Events] tells
// who comes and goes and which [Track] can be read:
//
//	for e := range room.Events(ctx) {
//		if e.Kind == conference.Began {
//			go watch(e.Participant, e.Track)
//		}
//	}
//
// Of each participant up to three microphones and three cameras are followed side by side; what others see or hear
// beyond them is told as [Unreadable]. Shared screens are not followed, as they have no mains in them. [Publish] is the
// other direction, for demonstrations and tests.
//
// # Time
//
// ENF is a phase, so all depends on time being right. A track is a stretch over which the sender's clock runs on: a block's time is
// the guard's wall clock at the beginning, plus what has passed by RTP time stamps since. The beginning is placed by the packet that came
// through fastest in the first second, so it is late by the least delay of the path, some tens of milliseconds.
//
// RTCP sender reports say what the sender's wall clock is at an RTP time stamp. They are not used: whoever replays an old recording
// could date it back by them. What a sender can do is to let its RTP clock run wrong, and a track whose clock departs from arrival by more
// than half a second is ended.
//
// Loss, jitter and reordering, silence that is not sent (DTX) and muting leave gaps in a track, and what follows is in
// its right place. Packets are waited for up to 300 ms. No sound is made up for what is missing, and no picture is
// shown that needs one that was lost: a key frame is asked for, once a second at most. What breaks the phase ends a
// track with [io.EOF] and begins another: another encoding (SSRC, codec, picture size, and so a change of simulcast
// layer, over which the server sets time stamps anew by guess), sequence numbers or time stamps that jump without loss,
// a new connection. Whoever provokes such breaks all the time gets a track every 30 seconds.
//
// # What participants send is not trusted
//
// Media is decoded by package media in a process for each track. Everything that waits is bounded: packets out of order, frames,
// blocks, events, names, and the number of tracks. A key frame of video cannot be forced upon the guard, nor a process.
//
// # Another conference system
//
// Nothing outside knows LiveKit or Pion. Package monitor asks for a Source, a Read(ctx) that returns blocks, and for
// the names of those who come and go. Another system would be a package beside this one, whose room yields such events
// and tracks; within this one, receiver (RTP in order, frames, time, decoding) knows nothing of LiveKit, and session is
// all that does.
//
// # References
//
//	RFC 3550 RTP; RFC 4585 feedback; RFC 6184 H.264, RFC 7587 Opus, RFC 7741 VP8, RFC 9628 VP9 over RTP
//	RTP Payload Format For AV1, Alliance for Open Media, https://aomediacodec.github.io/av1-rtp-spec/
//	LiveKit, https://docs.livekit.io
package conference
