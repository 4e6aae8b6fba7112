// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// What the Go side of the worker sees of libavformat and libavcodec: a file descriptor or packets in, samples and sums of luma out.
// One thread at a time; memory handed out is valid until the next call.

#ifndef DFP_LIBAV_H
#define DFP_LIBAV_H

#include <stdint.h>

#define DFP_NO_TIME INT64_MIN

enum { DFP_IDLE, DFP_AUDIO, DFP_VIDEO, DFP_END, DFP_FAIL };

typedef struct dfp_decoder dfp_decoder;

typedef struct {
	char format[64], audio_codec[32], video_codec[32]; // empty codec: no such stream
	int64_t duration, declared;                        // ns; declared: where decoding should end; 0 unknown
	int rate, channels, width, height, rotation;       // rotation: degrees clockwise
	int other_audio, other_video;                      // streams beside the first of a kind
	double frame_rate;
} dfp_info;

typedef struct {
	int kind;
	int64_t pts; // ns from the start of the file, or DFP_NO_TIME
	// DFP_AUDIO: channel by channel
	int rate, channels, samples;
	const float *pcm;
	// DFP_VIDEO: row by row; strip s covers columns s*width/strips up to (s+1)*width/strips
	int width, rows, strips, peak;
	const uint32_t *sums;
	const uint8_t *plane; // the luma itself, 8 bits, width to a row; NULL where it was not asked for
} dfp_block;

// dfp_confine takes from this thread, and all that it starts, what a decoder does not need. It returns what failed, or NULL.
const char *dfp_confine(uint64_t memory);

// dfp_open opens the file behind fd, if it is of a format among the comma-separated demuxers. NULL: see error.
dfp_decoder *dfp_open(
	int fd, const char *demuxers, int audio, int video, int threads, dfp_info *info, char *error, int error_size);

// dfp_pictures makes blocks of video come with their plane of luma.
void dfp_pictures(dfp_decoder *d);

// dfp_next decodes on. DFP_IDLE: nothing yet, call again. DFP_END: at the end, error tells what was wrong with the file or is
// empty. DFP_FAIL: cannot go on.
void dfp_next(dfp_decoder *d, dfp_block *block, char *error, int error_size);

void dfp_close(dfp_decoder *d);

// dfp_live opens the first decoder there is among those named, for packets that come one by one: one thread, no delay, nothing
// made up for what is missing. NULL: see error.
dfp_decoder *dfp_live(const char *const *names, char *error, int error_size);

// dfp_send gives it a packet, or with length 0 the end. Afterwards dfp_take is to be called until it says DFP_IDLE.
void dfp_send(dfp_decoder *d, const uint8_t *data, int length, int64_t pts);

// dfp_take returns what came of the packet: sound, or at most one picture, that which was shown last.
void dfp_take(dfp_decoder *d, dfp_block *block, char *error, int error_size);

// dfp_damaged is the number of packets and frames so far that could not be decoded.
long dfp_damaged(const dfp_decoder *d);

#endif
