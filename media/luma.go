// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package media

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/defakepro/defakepro/dsp"
)

// Bounds of a luma series: no camera is faster, and no recording longer, than what these allow.
const (
	maxLumaRate  = 100_000 // frames a second
	maxLumaFrame = 1 << 40
	maxLumaLine  = 1 << 12 // bytes
)

// lumaCSV reads frame,luma lines as a stream.
type lumaCSV struct {
	lines *bufio.Scanner
	c     io.Closer
	meta  Info
	line  int
	last  int64 // frame before; -1 at first
	first []byte
}

// OpenLuma opens a series of one mean luminance per frame, as CSV lines "frame,luma", plain or gzipped, at fps frames a
// second. A first line of names is optional, blank lines and lines that begin with # are passed over, and further columns
// ignored. Frame numbers count from any start and must rise; a missing number is a missing frame, as frame n lies n/fps
// seconds after the zero time. Luma is 0 to 255, whole or not, and comes as a share of 255 in blocks of one row and one strip.
// Anything else is an error that names the line.
func OpenLuma(path string, fps float64) (*Recording, error) {
	if !(fps > 0 && fps <= maxLumaRate) { // NaN as well
		return nil, fmt.Errorf("%s: %g is not a frame rate; it must be above 0 and at most %d", path, fps, maxLumaRate)
	}
	st, err := os.Stat(path)
	if err == nil && st.IsDir() {
		err = errors.New("is a directory, not a luma series")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	src, err := newLuma(f, fps)
	if err != nil {
		_ = f.Close() // read only
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Recording{name: path, src: src}, nil
}

// newLuma reads up to the first line of data.
func newLuma(r io.ReadCloser, fps float64) (*lumaCSV, error) {
	l := &lumaCSV{c: r, last: -1}
	l.meta = Info{Format: "luma csv", VideoCodec: "luma", HasVideo: true, Width: 1, Height: 1, FrameRate: fps}
	br := bufio.NewReaderSize(r, 1<<16)
	var text io.Reader = br
	if magic, _ := br.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(br)
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		text = z
	}
	l.lines = bufio.NewScanner(text)
	l.lines.Buffer(make([]byte, maxLumaLine), maxLumaLine)
	row, err := l.next()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("holds no luma values")
	}
	if err != nil {
		return nil, err
	}
	if !isHeader(row) {
		l.first = bytes.Clone(row)
	}
	return l, nil
}

// isHeader tells names from numbers: in a header neither of the first two fields is a number.
func isHeader(row []byte) bool {
	fields := strings.SplitN(string(row), ",", 3)
	if len(fields) < 2 {
		return false
	}
	for _, f := range fields[:2] {
		if _, err := strconv.ParseFloat(strings.TrimSpace(f), 64); err == nil {
			return false
		}
	}
	return true
}

// next returns the next line that is neither blank nor a comment; it is valid until the call after.
func (l *lumaCSV) next() ([]byte, error) {
	for l.lines.Scan() {
		l.line++
		row := bytes.TrimSpace(l.lines.Bytes())
		if l.line == 1 {
			row = bytes.TrimPrefix(row, []byte("\ufeff")) // a byte order mark, as spreadsheets write it
		}
		if len(row) > 0 && row[0] != '#' {
			return row, nil
		}
	}
	switch err := l.lines.Err(); {
	case err == nil:
		return nil, io.EOF
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("line %d is longer than %d bytes: not a luma series", l.line+1, maxLumaLine)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, gzip.ErrChecksum):
		return nil, fmt.Errorf("%w: after line %d: %w", ErrIncomplete, l.line, err)
	default:
		return nil, fmt.Errorf("after line %d: %w", l.line, reason(err))
	}
}

func (l *lumaCSV) info() Info { return l.meta }

func (l *lumaCSV) close() error { return l.c.Close() }

func (l *lumaCSV) read() (Block, error) {
	row := l.first
	if l.first = nil; row == nil {
		var err error
		if row, err = l.next(); errors.Is(err, io.EOF) && l.last < 0 {
			return Block{}, errors.New("holds no luma values")
		} else if err != nil {
			return Block{}, err
		}
	}
	frame, luma, err := parseLuma(string(row))
	if err == nil && frame <= l.last {
		err = fmt.Errorf("frame %d comes after frame %d", frame, l.last)
	}
	if err != nil {
		return Block{}, fmt.Errorf("line %d: %w", l.line, err)
	}
	l.last = frame
	seconds := float64(frame) / l.meta.FrameRate
	if seconds > math.MaxInt64/float64(2*time.Second) {
		return Block{}, fmt.Errorf("line %d: frame %d lies beyond all recordings", l.line, frame)
	}
	whole, part := math.Modf(seconds)
	t := time.Time{}.Add(time.Duration(whole) * time.Second).Add(time.Duration(math.Round(part * float64(time.Second))))
	return Block{Luma: &dsp.Luma{Time: t, Rows: 1, Strips: 1, Mean: []float64{luma / 255}}}, nil
}

// parseLuma reads one line of data.
func parseLuma(row string) (frame int64, luma float64, err error) {
	first, rest, ok := strings.Cut(row, ",")
	if !ok {
		return 0, 0, fmt.Errorf("%.40q is not frame,luma", row)
	}
	second, _, _ := strings.Cut(rest, ",")
	number, err := strconv.ParseFloat(strings.TrimSpace(first), 64) // some writers put 12.0
	if err != nil || number != math.Trunc(number) || number < 0 || number > maxLumaFrame {
		return 0, 0, fmt.Errorf("%.40q is not a frame number", first)
	}
	luma, err = strconv.ParseFloat(strings.TrimSpace(second), 64)
	if err != nil || !(luma >= 0 && luma <= 255) {
		return 0, 0, fmt.Errorf("luma %.40q is not a number from 0 to 255", second)
	}
	return int64(number), luma, nil
}
