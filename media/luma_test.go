// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package media

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func zipped(t testing.TB, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, s); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readLuma(t *testing.T, content []byte, fps float64) contents {
	t.Helper()
	r, err := OpenLuma(write(t, "luma.csv", content), fps)
	if err != nil {
		return contents{err: err}
	}
	return drain(t, r)
}

func TestLuma(t *testing.T) {
	const rows = "0,51\n1,255\n\n# a remark\n4, 0.5,more\n5.0,0\n"
	for name, content := range map[string][]byte{
		"plain":  []byte(rows),
		"header": []byte("frame,luma\n" + rows),
		"bom":    []byte("\ufeffframe,luma\r\n" + strings.ReplaceAll(rows, "\n", "\r\n")),
		"gzip":   zipped(t, "frame,luma\n"+rows),
	} {
		c := readLuma(t, content, 40)
		if c.err != nil || len(c.blocks) != 4 {
			t.Errorf("%s: %d frames, %v", name, len(c.blocks), c.err)
			continue
		}
		mean := []float64{51. / 255, 1, 0.5 / 255, 0}
		for i, at := range []time.Duration{0, 25, 100, 125} {
			l := c.blocks[i].Luma
			if l.Time != (time.Time{}).Add(at*time.Millisecond) || l.Rows != 1 || l.Strips != 1 || l.Mean[0] != mean[i] {
				t.Errorf("%s: frame %d is %+v", name, i, l)
			}
		}
	}
}

func TestLumaTimeIsExact(t *testing.T) {
	c := readLuma(t, []byte("107892108,1\n"), 30000./1001) // 1000 hours, to a nanosecond
	want := 107892108.0 * 1001 / 30000
	if got := c.blocks[0].Luma.Time.Sub(time.Time{}).Seconds(); math.Abs(got-want) > 2e-9*want/1e6 {
		t.Errorf("at %.9f s, want %.9f", got, want)
	}
}

func TestLumaBad(t *testing.T) {
	cut := zipped(t, strings.Repeat("1,2\n", 1)+"2,3\n")
	for name, test := range map[string]struct {
		content []byte
		fps     float64
		want    string
	}{
		"empty":          {nil, 30, "holds no luma values"},
		"header only":    {[]byte("frame,luma\n"), 30, "holds no luma values"},
		"unsorted":       {[]byte("frame,luma\n5,1\n4,1\n"), 30, "line 3: frame 4 comes after frame 5"},
		"duplicate":      {[]byte("5,1\n5,1\n"), 30, "line 2: frame 5 comes after frame 5"},
		"nan":            {[]byte("1,1\n2,NaN\n"), 30, `line 2: luma "NaN"`},
		"nan frame":      {[]byte("NaN,1\n"), 30, `line 1: "NaN" is not a frame number`},
		"too bright":     {[]byte("1,255.1\n"), 30, "from 0 to 255"},
		"negative":       {[]byte("1,-1\n"), 30, "from 0 to 255"},
		"negative frame": {[]byte("-1,1\n"), 30, "not a frame number"},
		"huge frame":     {[]byte("1e300,1\n"), 30, "not a frame number"},
		"far frame":      {[]byte("1099511627776,1\n"), 1e-9, "beyond all recordings"},
		"garbage":        {[]byte("1,1\nhello\n"), 30, `line 2: "hello" is not frame,luma`},
		"one column":     {[]byte("1\n2\n"), 30, "is not frame,luma"},
		"long line":      {bytes.Repeat([]byte("x"), 1<<20), 30, "line 1 is longer"},
		"rate 0":         {[]byte("1,1\n"), 0, "0 is not a frame rate"},
		"rate nan":       {[]byte("1,1\n"), math.NaN(), "NaN is not a frame rate"},
		"rate inf":       {[]byte("1,1\n"), math.Inf(1), "+Inf is not a frame rate"},
		"cut gzip":       {cut[:len(cut)-6], 30, "recording is incomplete"},
	} {
		if c := readLuma(t, test.content, test.fps); c.err == nil || !strings.Contains(c.err.Error(), test.want) ||
			!strings.Contains(c.err.Error(), "luma.csv: ") || strings.Contains(c.err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", name, c.err, test.want)
		}
	}
	if _, err := OpenLuma(t.TempDir(), 30); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a directory: %v", err)
	}
	if _, err := OpenLuma(filepath.Join(t.TempDir(), "none"), 30); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestLumaReal reads the measured series, where they are at hand.
func TestLumaReal(t *testing.T) {
	for _, f := range measured(t, "optical", "*", "luma.csv.gz") {
		r, err := OpenLuma(f, 30)
		if err != nil {
			t.Fatal(err)
		}
		if c := drain(t, r); c.err != nil || len(c.blocks) < 10_000 {
			t.Errorf("%s: %d frames, %v", f, len(c.blocks), c.err)
		}
	}
}

func FuzzLuma(f *testing.F) {
	f.Add([]byte("frame,luma\n0,92.8\n1,92.2\n"))
	f.Add([]byte("\ufeff5,255\n\n#\n7.0,0,x\n"))
	f.Add(zipped(f, "0,1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := newLuma(io.NopCloser(bytes.NewReader(b)), 29.97)
		if err != nil {
			return
		}
		last := time.Time{}.Add(-1)
		for range 1 << 16 {
			block, err := l.read()
			if err != nil {
				return
			}
			v := block.Luma
			if !v.Time.After(last) || !(v.Mean[0] >= 0 && v.Mean[0] <= 1) {
				t.Fatalf("after %v: %+v", last, v)
			}
			last = v.Time
		}
	})
}
