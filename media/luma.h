// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DFP_LUMA_H
#define DFP_LUMA_H

#include <stddef.h>
#include <stdint.h>

enum { DFP_STRIPS = 8 };

// dfp_plane is where luma lies in a picture: width × height samples, step bytes apart in rows stride bytes apart. A sample of
// up to 8 bits is a byte, of up to 16 two bytes; it lies shift bits up and is depth bits wide.
typedef struct {
	const uint8_t *data;
	ptrdiff_t stride;
	int width, height, step, shift, depth, big_endian;
} dfp_plane;

// dfp_luma_sums adds up the luma of each row × strip, row by row. Widths up to 65536 × strips cannot overflow.
void dfp_luma_sums(const dfp_plane *p, int strips, uint32_t *sums);

// dfp_luma_bytes copies the luma, row by row, the upper 8 bits of each sample that has more.
void dfp_luma_bytes(const dfp_plane *p, uint8_t *dst);

#endif
