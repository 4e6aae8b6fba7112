// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// chunk makes a RIFF chunk, padded to even length.
func chunk(id string, body ...byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(id), uint32(len(body)))
	b = append(b, body...)
	return append(b, make([]byte, len(body)&1)...)
}

// wavFmt makes a fmt chunk.
func wavFmt(tag uint16, channels, rate, bytes int) []byte {
	le := binary.LittleEndian
	b := le.AppendUint16(nil, tag)
	b = le.AppendUint16(b, uint16(channels))
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(rate*channels*bytes))
	b = le.AppendUint16(b, uint16(channels*bytes))
	b = le.AppendUint16(b, uint16(8*bytes))
	return chunk("fmt ", b...)
}

// wavFile makes a file of the given chunks.
func wavFile(chunks ...[]byte) []byte {
	body := append([]byte("WAVE"), slices.Concat(chunks...)...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

// sized sets the size of the last chunk, whose body has n bytes.
func sized(file []byte, n int, size uint32) []byte {
	binary.LittleEndian.PutUint32(file[len(file)-n-4:], size)
	return file
}

func parseWAV(t *testing.T, b []byte) contents {
	t.Helper()
	return readAll(t, write(t, "recording.bin", b), Options{}) // the name says nothing
}

func TestWAVSampleFormats(t *testing.T) {
	f32 := func(v ...float32) (b []byte) {
		for _, x := range v {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
		return b
	}
	f64 := func(v ...float64) (b []byte) {
		for _, x := range v {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
		return b
	}
	extensible := func(tag uint16, bytes int) []byte {
		b := wavFmt(wavExtensible, 1, 8000, bytes)[8:]
		b = binary.LittleEndian.AppendUint16(b, 22)
		b = append(b, make([]byte, 6)...)
		b = binary.LittleEndian.AppendUint16(b, tag)
		return chunk("fmt ", append(b, wavGUID...)...)
	}
	for _, test := range []struct {
		name   string
		format []byte
		data   []byte
		want   []float64
	}{
		{"pcm_u8", wavFmt(tagPCM, 1, 8000, 1), []byte{0, 128, 192}, []float64{-1, 0, 0.5}},
		{"pcm_s16le", wavFmt(tagPCM, 1, 8000, 2), []byte{0, 0x80, 0, 0, 0, 0x40}, []float64{-1, 0, 0.5}},
		{"pcm_s24le", wavFmt(tagPCM, 1, 8000, 3), []byte{0, 0, 0x80, 1, 0, 0, 0, 0, 0x40}, []float64{-1, 1.0 / (1 << 23), 0.5}},
		{"pcm_s32le", wavFmt(tagPCM, 1, 8000, 4), []byte{0, 0, 0, 0x80, 1, 0, 0, 0}, []float64{-1, 1.0 / (1 << 31)}},
		{"pcm_f32le", wavFmt(tagFloat, 1, 8000, 4), f32(-1, 0.25, 1.5), []float64{-1, 0.25, 1.5}},
		{"pcm_f64le", wavFmt(tagFloat, 1, 8000, 8), f64(-1, 0.1), []float64{-1, 0.1}},
		// ITU-T G.711 tables 1a and 2a, at 16 bits: the ends of the scale, and the two values next to zero.
		{"pcm_alaw", wavFmt(tagALaw, 1, 8000, 1), []byte{0xAA, 0x2A, 0xD5, 0x55}, []float64{32256. / 32768, -32256. / 32768, 8. / 32768, -8. / 32768}},
		{"pcm_mulaw", wavFmt(tagMuLaw, 1, 8000, 1), []byte{0x80, 0x00, 0xFF, 0xFE}, []float64{32124. / 32768, -32124. / 32768, 0, 8. / 32768}},
		{"pcm_s16le", extensible(tagPCM, 2), []byte{0, 0x80, 0, 0x40}, []float64{-1, 0.5}},
		{"pcm_f32le", extensible(tagFloat, 4), f32(0.75), []float64{0.75}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := parseWAV(t, wavFile(chunk("JUNK", 1, 2, 3), test.format, chunk("LIST", 'x'), chunk("data", test.data...), chunk("id3 ", 9)))
			_, got := c.samples(t)
			if c.err != nil || len(got) != 1 || !slices.Equal(got[0], test.want) {
				t.Errorf("got %v, %v; want %v", got, c.err, test.want)
			}
			if c.info.AudioCodec != test.name || c.info.SampleRate != 8000 || c.info.Channels != 1 || !c.info.HasAudio {
				t.Errorf("info %+v", c.info)
			}
		})
	}
}

func TestWAVNaNPasses(t *testing.T) {
	data := binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(math.NaN())))
	data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(math.Inf(1))))
	c := parseWAV(t, wavFile(wavFmt(tagFloat, 1, 1000, 4), chunk("data", data...)))
	if _, got := c.samples(t); c.err != nil || !math.IsNaN(got[0][0]) || !math.IsInf(got[0][1], 1) {
		t.Errorf("got %v, %v", got, c.err)
	}
}

// ramp is n stereo frames of 16 bits: i on the left, -i on the right.
func ramp(n int) (data []byte) {
	for i := range n {
		data = binary.LittleEndian.AppendUint16(data, uint16(int16(i)))
		data = binary.LittleEndian.AppendUint16(data, uint16(int16(-i)))
	}
	return data
}

func TestWAVSizes(t *testing.T) {
	const frames = 20_000
	data := ramp(frames)
	plain := func() []byte { return wavFile(wavFmt(tagPCM, 2, 44100, 2), chunk("data", data...)) }
	ds64 := make([]byte, 28)
	binary.LittleEndian.PutUint64(ds64[8:], uint64(len(data)))
	wide := func(id string) []byte {
		b := wavFile(chunk("ds64", ds64...), wavFmt(tagPCM, 2, 44100, 2), chunk("data", data...))
		copy(b, id+"\xFF\xFF\xFF\xFF")
		return sized(b, len(data), 0xFFFFFFFF)
	}
	zeroRIFF := func(b []byte) []byte { copy(b[4:], "\x00\x00\x00\x00"); return b }
	for _, test := range []struct {
		name   string
		file   []byte
		frames int
		broken bool
	}{
		{"exact", plain(), frames, false},
		{"stream, 0", zeroRIFF(sized(plain(), len(data), 0)), frames, false},
		{"stream, all ones", sized(plain(), len(data), 0xFFFFFFFF), frames, false},
		{"stream, sox", sized(plain(), len(data), 0x7FFFF000), frames, false},
		{"RF64", wide("RF64"), frames, false},
		{"BW64", wide("BW64"), frames, false},
		{"RF64 cut", wide("RF64")[:len(wide("RF64"))-len(data)/2], frames / 2, true},
		{"cut", plain()[:len(plain())-len(data)/2], frames / 2, true},
		{"cut within a sample", plain()[:len(plain())-3], frames - 1, true},
		{"claims 1 GB", sized(plain(), len(data), 1<<30), frames, true},
		{"0 in a RIFF of all", sized(plain(), len(data), 0), frames, false},
		{"claims half", sized(plain(), len(data), frames*4/2), frames / 2, true},
		{"odd end within", wavFile(wavFmt(tagPCM, 2, 44100, 2), chunk("data", append(slices.Clip(data), 1)...), chunk("LIST", 1)), frames, false},
		{"odd end within, not padded", sized(append(plain(), "\x09LIST\x01\x00\x00\x00\x09"...), len(data)+10, uint32(len(data)+1)), frames, false},
		{"zeros after", append(plain(), make([]byte, 100)...), frames, false},
		{"stream with odd end", append(sized(plain(), len(data), 0xFFFFFFFF), 1, 2, 3), frames, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := parseWAV(t, test.file)
			if errors.Is(c.err, ErrIncomplete) != test.broken || !test.broken && c.err != nil {
				t.Errorf("ends with %v", c.err)
			}
			start, got := c.samples(t)
			if start != 0 || len(got) != 2 || len(got[0]) != test.frames {
				t.Fatalf("%d channels of %d samples from %v", len(got), len(got[0]), start)
			}
			for i := range got[0] {
				if got[0][i] != float64(i)/(1<<15) || got[1][i] != -got[0][i] {
					t.Fatalf("sample %d is %v, %v", i, got[0][i], got[1][i])
				}
			}
		})
	}
}

// TestWAVTime holds the count of samples exact over hours: a rate whose period no binary fraction gives, and no rounding error.
func TestWAVTime(t *testing.T) {
	const hours = 30
	if got, want := at(0, 44100*3600*hours+147, 44100), hours*time.Hour+3333333*time.Nanosecond; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWAVBad(t *testing.T) {
	data := chunk("data", ramp(100)...)
	for name, test := range map[string]struct {
		file []byte
		want string
	}{
		"header only":      {[]byte("RIFF\x00\x00\x00\x00WAVE"), "ends within its header"},
		"no data":          {wavFile(wavFmt(tagPCM, 2, 44100, 2)), "ends within its header"},
		"no samples":       {wavFile(wavFmt(tagPCM, 2, 44100, 2), chunk("data"), chunk("LIST", 1, 2, 3, 4)), "no samples"},
		"0 channels":       {wavFile(wavFmt(tagPCM, 0, 44100, 2), data), "0 channels"},
		"1000 channels":    {wavFile(wavFmt(tagPCM, 1000, 44100, 2), data), "1000 channels"},
		"rate 0":           {wavFile(wavFmt(tagPCM, 2, 0, 2), data), "0 samples a second"},
		"rate 1e9":         {wavFile(wavFmt(tagPCM, 2, 1e9, 2), data), "1000000000 samples a second"},
		"0 bits":           {wavFile(wavFmt(tagPCM, 2, 44100, 0), data), "0 bits"},
		"short format":     {wavFile(chunk("fmt ", 1, 0, 2, 0), data), "too short"},
		"huge format":      {sized(wavFile(chunk("fmt ", 1, 0, 2, 0)), 4, 0xFFFFFFF0), "claims 4294967280 bytes"},
		"data then format": {wavFile(data, wavFmt(tagPCM, 2, 44100, 2)), "before their format"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), write(t, "x.wav", test.file), Options{})
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "x.wav: ") {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func FuzzWAV(f *testing.F) {
	f.Add(wavFile(wavFmt(tagPCM, 2, 44100, 2), chunk("data", ramp(10)...)))
	f.Add(wavFile(chunk("ds64", make([]byte, 28)...), wavFmt(tagALaw, 1, 8000, 1), chunk("data", 1, 2, 3)))
	f.Add(sized(wavFile(wavFmt(wavExtensible, 1, 1000, 4), chunk("data", 1, 2)), 2, 0xFFFFFFFF))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, size := range []int64{int64(len(b)), -1} {
			s, err := openNative(io.NopCloser(bytes.NewReader(b)), size)
			if err != nil {
				continue
			}
			total := 0
			for {
				block, err := s.read()
				if err != nil {
					break
				}
				n := block.Audio.Len()
				if total += n; n == 0 || len(block.Audio.Channels) != s.info().Channels || total > 1<<24 {
					t.Fatalf("block of %d × %d samples, %d in all", len(block.Audio.Channels), n, total)
				}
			}
		}
	})
}
