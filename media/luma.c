// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo && !noav

#include "luma.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

// bytes adds n bytes. It is where all the time goes that is not decoding, hence the sum of absolute differences to zero, which
// adds 16 bytes in one instruction, the last few too.
static uint32_t bytes(const uint8_t *p, int n) {
	uint32_t sum = 0;
	int i = 0;
#ifdef __SSE2__
	static const uint8_t last[32] = {[16] = 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
	if (n >= 16) {
		__m128i acc = _mm_setzero_si128(), zero = _mm_setzero_si128();
		for (; i + 16 <= n; i += 16) acc = _mm_add_epi64(acc, _mm_sad_epu8(_mm_loadu_si128((const __m128i *)(p + i)), zero));
		__m128i rest = _mm_loadu_si128((const __m128i *)(p + n - 16)), mask = _mm_loadu_si128((const __m128i *)(last + n - i));
		acc = _mm_add_epi64(acc, _mm_sad_epu8(_mm_and_si128(rest, mask), zero));
		return (uint32_t)(_mm_cvtsi128_si32(acc) + _mm_cvtsi128_si32(_mm_srli_si128(acc, 8)));
	}
#endif
	for (; i < n; i++) sum += p[i];
	return sum;
}

// words adds n samples of two bytes.
static uint32_t words(const uint8_t *p, int n, const dfp_plane *f) {
	uint32_t sum = 0, mask = (1u << f->depth) - 1;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	if (f->step == 2 && !f->big_endian) { // the usual case, in a form of which the compiler makes vector code
		for (int i = 0; i < n; i++) {
			uint16_t v;
			memcpy(&v, p + 2 * i, sizeof v);
			sum += v >> f->shift & mask;
		}
		return sum;
	}
#endif
	int low = f->big_endian, high = !f->big_endian;
	for (int i = 0; i < n; i++, p += f->step) sum += (uint32_t)(p[low] | p[high] << 8) >> f->shift & mask;
	return sum;
}

// packed adds n samples of one byte that do not lie next to one another.
static uint32_t packed(const uint8_t *p, int n, const dfp_plane *f) {
	uint32_t sum = 0, mask = (1u << f->depth) - 1;
	for (int i = 0; i < n; i++, p += f->step) sum += *p >> f->shift & mask;
	return sum;
}

void dfp_luma_sums(const dfp_plane *f, int strips, uint32_t *sums) {
	int wide = f->depth + f->shift > 8;
	for (int y = 0; y < f->height; y++) {
		const uint8_t *row = f->data + y * f->stride;
		for (int s = 0; s < strips; s++) {
			int from = (int)((int64_t)s * f->width / strips), n = (int)((int64_t)(s + 1) * f->width / strips) - from;
			const uint8_t *p = row + (ptrdiff_t)from * f->step;
			*sums++ = wide ? words(p, n, f) : f->step == 1 && f->depth == 8 ? bytes(p, n) : packed(p, n, f);
		}
	}
}

void dfp_luma_bytes(const dfp_plane *f, uint8_t *dst) {
	int wide = f->depth + f->shift > 8, low = f->big_endian, high = !f->big_endian;
	uint32_t mask = (1u << f->depth) - 1;
	for (int y = 0; y < f->height; y++, dst += f->width) {
		const uint8_t *p = f->data + y * f->stride;
		if (!wide && f->step == 1 && f->depth == 8) {
			memcpy(dst, p, f->width);
			continue;
		}
		for (int x = 0; x < f->width; x++, p += f->step) {
			uint32_t v = (wide ? (uint32_t)(p[low] | p[high] << 8) : *p) >> f->shift & mask;
			dst[x] = f->depth > 8 ? v >> (f->depth - 8) : v << (8 - f->depth);
		}
	}
}
