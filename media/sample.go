// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package media

import (
	"encoding/binary"
	"math"
)

// Format tags of the WAVE fmt chunk (RFC 2361, mmreg.h).
const (
	tagPCM   = 0x0001
	tagFloat = 0x0003
	tagALaw  = 0x0006
	tagMuLaw = 0x0007
)

// converter turns samples that lie stride bytes apart in b, beginning with its first byte, into dst, full scale ±1.
type converter func(dst []float64, b []byte, stride int)

// sampleKind is a format tag and a number of bytes a sample.
type sampleKind struct {
	tag  uint16
	size int
}

// sampleFormats holds the sample formats of WAVE that are read natively, under FFmpeg's names. Integers narrower than their
// bytes are left-justified there, so that full scale is that of the bytes.
var sampleFormats = map[sampleKind]struct {
	name    string
	convert converter
}{
	{tagPCM, 1}:   {"pcm_u8", fromU8},
	{tagPCM, 2}:   {"pcm_s16le", fromS16},
	{tagPCM, 3}:   {"pcm_s24le", fromS24},
	{tagPCM, 4}:   {"pcm_s32le", fromS32},
	{tagFloat, 4}: {"pcm_f32le", fromF32},
	{tagFloat, 8}: {"pcm_f64le", fromF64},
	{tagALaw, 1}:  {"pcm_alaw", fromALaw},
	{tagMuLaw, 1}: {"pcm_mulaw", fromMuLaw},
}

func fromU8(dst []float64, b []byte, stride int) {
	for i := range dst {
		dst[i] = (float64(b[i*stride]) - 128) / 128
	}
}

func fromS16(dst []float64, b []byte, stride int) {
	for i := range dst {
		dst[i] = float64(int16(binary.LittleEndian.Uint16(b[i*stride:]))) / (1 << 15)
	}
}

func fromS24(dst []float64, b []byte, stride int) {
	for i := range dst {
		p := b[i*stride:][:3]
		dst[i] = float64(int32(p[0])<<8|int32(p[1])<<16|int32(p[2])<<24) / (1 << 31)
	}
}

func fromS32(dst []float64, b []byte, stride int) {
	for i := range dst {
		dst[i] = float64(int32(binary.LittleEndian.Uint32(b[i*stride:]))) / (1 << 31)
	}
}

func fromF32(dst []float64, b []byte, stride int) {
	for i := range dst {
		dst[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(b[i*stride:])))
	}
}

func fromF64(dst []float64, b []byte, stride int) {
	for i := range dst {
		dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[i*stride:]))
	}
}

// fromALaw expands ITU-T G.711 A-law: sign, 3-bit exponent, 4-bit mantissa, alternate bits inverted.
func fromALaw(dst []float64, b []byte, stride int) {
	for i := range dst {
		a := b[i*stride] ^ 0x55
		v := int(a&0x0F)<<4 + 8
		if e := a >> 4 & 7; e > 0 {
			v = (v + 0x100) << (e - 1)
		}
		if a&0x80 == 0 {
			v = -v
		}
		dst[i] = float64(v) / (1 << 15)
	}
}

// fromMuLaw expands ITU-T G.711 µ-law: as A-law, but with all bits inverted and a bias of 132.
func fromMuLaw(dst []float64, b []byte, stride int) {
	for i := range dst {
		u := ^b[i*stride]
		v := (int(u&0x0F)<<3+0x84)<<(u>>4&7) - 0x84
		if u&0x80 != 0 {
			v = -v
		}
		dst[i] = float64(v) / (1 << 15)
	}
}
