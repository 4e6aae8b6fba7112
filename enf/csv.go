// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"time"
)

// Limits of what is taken for a frequency series. They keep a damaged or hostile file from using memory without bound.
const (
	csvMaxValues = 400e6            // twelve years of a value a second
	csvMaxGap    = 8 << 20          // values or seconds that all gaps may span together, however short the file: 97 days
	csvGapShare  = 4                // and beyond that, values of room for each row read, or for each byte of gzip if those are fewer
	csvFarthest  = int64(4e18)      // nanoseconds; times farther from 1970, or from the start, than 126 years are no times
	csvMinStep   = time.Millisecond // finer is a waveform, not its frequency
	csvMaxStep   = 10 * time.Second // coarser says little about a recording of minutes
	csvHead      = 4096             // rows looked at before the step is settled
	csvLine      = 1 << 16          // longest line, in bytes
	csvDeviation = 5                // hertz; farther from its nominal frequency no grid is
	csvLeastHz   = 10               // below it a value is a drop-out: no harmonic of a grid is there
	csvMostHz    = 3000             // and above it
	csvSpread    = 0.025            // farther from the file's median (1.5 Hz in 60) no public grid has stayed connected
	csvSpike     = 0.005            // a change from value to value (0.3 Hz in 60) that no grid makes
	csvSpikeRun  = 8                // values; a stretch so short between two spikes is a drop-out
	csvSameHz    = 0.005            // hertz; values of one time that differ by less are averaged, else neither is believed
	csvClashes   = 0.05             // share of rows that may repeat an earlier row's time
	unixFrom     = 1e9              // a number from here on in a time column counts seconds from 1970 (it is 2001 then)
	unixMilli    = 1e12             // and from here on, milliseconds
	hourInNanos  = int64(time.Hour)
)

// CSVOptions say what a frequency CSV leaves open. The zero value is for files that leave nothing open.
type CSVOptions struct {
	// Grid is what a file of deviations deviates from. Without it such a file is an error that wraps [ErrGrid].
	Grid Grid
}

// ReadFile reads a frequency series from the CSV file at path; see [ReadCSV] for what it may hold.
func ReadFile(path string) (Series, error) { return CSVOptions{}.ReadFile(path) }

// ReadCSV reads a frequency series from r, plain or gzip-compressed; name stands for r in errors, which give the line.
//
// A row is a time and a frequency in hertz, parted by a comma, semicolon or tab: time_s,frequency_hz or
// index,frequency (an index counts seconds), with or without a header. A time may also be ISO 8601
// (2006-01-02 15:04:05, with T, a fraction and a zone; without a zone it is taken as UTC), 02.01.2006 15:04:05 (with
// slashes if the first row tells the day from the month), or count seconds or milliseconds from 1970; the series is then
// dated. Times of an unknown day (15:04:05) count from its midnight. A single column holds frequencies a second apart. With
// a header, columns are found by name in any order: sigma_hz and snr_db among them, as [WriteCSV] writes, a date beside
// a time, frequencies in mHz, and deviations from the nominal frequency. Cells may be quoted, decimals have a comma where
// it parts no cells, and text may be UTF-8 or, with its mark, UTF-16.
//
// The step is the usual time between rows, from a millisecond to ten seconds. Each value goes to the step nearest its
// own time, so rows may be in any order and jitter; a step that no row gives is NaN. So is an empty or NaN cell, a
// drop-out (zero, negative, outside 10 to 3000 Hz, far from the rest of the file, or a jump of a few values that no
// grid makes), and a time that rows give different values. Frequencies stay as they are in the file: see
// [Series.Fundamental] for a file that holds a harmonic.
//
// It is an error when the file is not such a table or may be read in two ways, when many rows repeat a time, when local
// time is put back by an hour, or when a time lies so far from the others that the gap would outweigh the data, or when beyond
// three months of rows gzip packed more than four into a byte, as it does no measurement. Memory is 8 bytes a value for each column read.
func ReadCSV(r io.Reader, name string) (Series, error) { return CSVOptions{}.Read(r, name) }

// ReadFile is the function [ReadFile] for files that leave open what o says.
func (o CSVOptions) ReadFile(path string) (Series, error) {
	f, err := os.Open(path)
	if err != nil {
		return Series{}, err
	}
	defer func() { _ = f.Close() }() // read only: nothing can be lost
	info, err := f.Stat()
	if err != nil {
		return Series{}, err
	}
	if info.IsDir() {
		return Series{}, fmt.Errorf("%s is a directory, not a frequency CSV", path)
	}
	return o.Read(f, path)
}

// Read is the function [ReadCSV] for files that leave open what o says. Where r has the method Stat of [os.File], memory is claimed by what it
// says of the size.
func (o CSVOptions) Read(r io.Reader, name string) (Series, error) {
	if f, ok := r.(interface{ Stat() (os.FileInfo, error) }); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			c := &byteCounter{r: r}
			return o.read(c, name, func() float64 { return float64(c.n) / float64(info.Size()) })
		}
	}
	return o.read(r, name, nil)
}

// read is Read with a hint: consumed returns the share of the input that has been read, so that storage can be claimed
// once rather than grown.
func (o CSVOptions) read(r io.Reader, name string, consumed func() float64) (Series, error) {
	in := &byteCounter{r: r}
	br, packed := bufio.NewReaderSize(in, csvLine), false
	if magic, _ := br.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		gz, err := gzip.NewReader(br)
		if err != nil {
			return Series{}, fmt.Errorf("%s: %w", name, err)
		}
		br, packed = bufio.NewReaderSize(gz, csvLine), true
	}
	if text := newUTF16(br); text != nil {
		br = bufio.NewReaderSize(text, csvLine)
	}
	t := &csvTable{csvScanner: csvScanner{r: br, name: name, grid: o.Grid}, consumed: consumed}
	if packed {
		t.packed = in
	}
	s, err := t.read()
	if err != nil {
		return Series{}, err
	}
	return s, nil
}

// WriteCSV writes s as rows time_s,frequency_hz,sigma_hz,snr_db: times in seconds from the recording's start, or, for
// a dated series, a column time in ISO 8601. A missing value is an empty cell. ReadCSV reads it back.
func WriteCSV(w io.Writer, s Series) error {
	bw := bufio.NewWriter(w)
	dated := s.Dated()
	head := "time_s,frequency_hz,sigma_hz,snr_db\n"
	if dated {
		head = "time,frequency_hz,sigma_hz,snr_db\n"
	}
	if _, err := bw.WriteString(head); err != nil {
		return err
	}
	var line []byte
	column := func(values []float64, i, digits int) {
		line = append(line, ',')
		if i < len(values) && !math.IsNaN(values[i]) && !math.IsInf(values[i], 0) {
			line = strconv.AppendFloat(line, values[i], 'f', digits, 64)
		}
	}
	for i := range s.Hz {
		line = line[:0]
		if dated {
			line = s.Time(i).UTC().AppendFormat(line, "2006-01-02T15:04:05.999999999Z")
		} else {
			line = strconv.AppendFloat(line, s.Time(i).Sub(time.Time{}).Seconds(), 'f', -1, 64)
		}
		column(s.Hz, i, 6)
		if len(s.Hz) > 0 && math.IsNaN(s.Hz[i]) { // the rest of a gap's row would be noise about nothing
			line = append(line, ",,"...)
		} else {
			column(s.Sigma, i, 6)
			column(s.SNR, i, 2)
		}
		if _, err := bw.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return bw.Flush()
}

// csvTable gathers the rows of a file into an even series.
type csvTable struct {
	csvScanner
	consumed func() float64
	packed   *byteCounter // if not nil: of what was unpacked

	rows    int
	origin  int64 // time of slot 0, in nanoseconds
	step    int64
	after   csvSlots // slots 0, 1, 2, …
	before  csvSlots // slots -1, -2, …: rows earlier than those at the head
	clashes int
	clash   int // line of the first
}

// csvSlots is a growing run of values.
type csvSlots struct{ hz, sigma, snr []float64 }

func (t *csvTable) read() (Series, error) {
	if err := t.readHeader(); err != nil {
		return Series{}, err
	}
	head := make([]csvRow, 0, csvHead)
	for len(head) < csvHead {
		row, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Series{}, err
		}
		head = append(head, row)
	}
	if err := t.settle(head); err != nil {
		return Series{}, err
	}
	for _, row := range head {
		if err := t.place(row); err != nil {
			return Series{}, err
		}
	}
	for {
		row, err := t.next()
		if errors.Is(err, io.EOF) {
			return t.series()
		}
		if err != nil {
			return Series{}, err
		}
		if err := t.place(row); err != nil {
			return Series{}, err
		}
	}
}

// settle finds the step and the phase of the times from the first rows.
func (t *csvTable) settle(head []csvRow) error {
	if len(head) == 0 {
		return fmt.Errorf("%s: no rows of time and frequency", t.name)
	}
	times := make([]int64, len(head))
	for i, row := range head {
		times[i] = row.time
	}
	slices.Sort(times)
	var gaps []int64
	for i := 1; i < len(times); i++ {
		if d := times[i] - times[i-1]; d > 0 {
			gaps = append(gaps, d)
		}
	}
	t.step = int64(time.Second)
	if len(gaps) > 0 {
		slices.Sort(gaps)
		t.step = gaps[len(gaps)/2]
	} else if len(head) > 1 {
		return fmt.Errorf("%s:%d: all times are the same", t.name, head[len(head)-1].line)
	}
	// A clock that jitters or drifts has an uneven median; its nominal step keeps the slots from drifting away.
	const tenth = int64(100 * time.Millisecond)
	if nominal := (t.step + tenth/2) / tenth * tenth; nominal > 0 && math.Abs(float64(nominal-t.step)) < 0.02*float64(nominal) {
		t.step = nominal
	}
	if t.step < int64(csvMinStep) || t.step > int64(csvMaxStep) {
		return fmt.Errorf("%s: rows are %v apart; a frequency series has a value every millisecond to ten seconds",
			t.name, time.Duration(t.step))
	}
	// The first slot is the earliest row's, misprints apart: of those place complains, with their line.
	first := times[0]
	for _, at := range times {
		if first = at; times[len(times)/2]-at <= csvMaxGap*t.step {
			break
		}
	}
	phases := make([]int64, len(head))
	for i, row := range head {
		phases[i] = (row.time-first)%t.step + t.step
		if phases[i] >= t.step+t.step/2 {
			phases[i] -= t.step
		} else if phases[i] < t.step/2 {
			phases[i] += t.step
		}
	}
	slices.Sort(phases)
	t.origin = first + phases[len(phases)/2] - t.step
	return nil
}

// place puts a row into its slot.
func (t *csvTable) place(row csvRow) error {
	t.rows++
	d := row.time - t.origin + t.step/2
	i := d / t.step
	if d < 0 && d%t.step != 0 {
		i--
	}
	side := &t.after
	if i < 0 {
		side, i = &t.before, -1-i
	}
	if i >= int64(len(side.hz)) {
		room := csvMaxGap/max(1, t.step/int64(time.Second)) + csvGapShare*t.worth()
		switch {
		case i >= room && t.packed != nil && int64(t.rows) > room:
			return fmt.Errorf("%s: %d rows in %d bytes of gzip: no measured frequency packs so well", t.name, t.rows, t.packed.n)
		case i >= room || i >= csvMaxValues:
			return fmt.Errorf("%s:%d: time is %v from the rows before it; is it misprinted, or the file not one series?",
				t.name, row.line, (time.Duration(i+1-int64(len(side.hz))) * time.Duration(t.step)).Round(time.Second))
		}
		t.extend(side, int(i)+1)
	}
	switch old := side.hz[i]; {
	case math.IsNaN(row.hz):
	case math.IsNaN(old):
		side.set(int(i), row)
	default:
		if t.clashes++; t.clashes == 1 {
			t.clash = row.line
		}
		if math.Abs(old-row.hz) < csvSameHz {
			side.hz[i] = (old + row.hz) / 2
		} else {
			side.hz[i] = math.NaN()
		}
	}
	return nil
}

// worth is the number of rows that entitle to room. Of those that pack to nearly nothing, there is no end in a small file.
func (t *csvTable) worth() int64 {
	if t.packed != nil {
		return min(int64(t.rows), t.packed.n)
	}
	return int64(t.rows)
}

// extend lengthens the columns of side to n slots, the new ones missing.
func (t *csvTable) extend(side *csvSlots, n int) {
	grow := func(col []float64) []float64 {
		if n > cap(col) {
			want := n + n/4
			if t.consumed != nil {
				if share := t.consumed(); share > 0.001 { // enough read to tell how long the file is
					want = int(min(1.02*float64(n)/share+1024, csvMaxGap+csvGapShare*float64(t.worth())))
				}
			}
			col = slices.Grow(col, max(want, n)-len(col))
		}
		for len(col) < n {
			col = append(col, math.NaN())
		}
		return col
	}
	side.hz = grow(side.hz)
	if t.columns.sigma >= 0 {
		side.sigma = grow(side.sigma)
	}
	if t.columns.snr >= 0 {
		side.snr = grow(side.snr)
	}
}

func (s *csvSlots) set(i int, row csvRow) {
	s.hz[i] = row.hz
	if s.sigma != nil {
		s.sigma[i] = row.sigma
	}
	if s.snr != nil {
		s.snr[i] = row.snr
	}
}

// series joins the slots and takes the drop-outs away.
func (t *csvTable) series() (Series, error) {
	if float64(t.clashes) > csvClashes*float64(t.rows) {
		return Series{}, fmt.Errorf("%s:%d: %d of %d rows repeat a time given before (this is the first): the file is not one even series",
			t.name, t.clash, t.clashes, t.rows)
	}
	join := func(before, after []float64) []float64 {
		if len(before) == 0 {
			return after
		}
		slices.Reverse(before)
		return append(before, after...)
	}
	start := time.Time{}
	if t.dated() {
		start = time.Unix(0, 0).UTC()
	}
	from := t.origin - int64(len(t.before.hz))*t.step
	if !t.dated() && from > 300*24*hourInNanos { // more would look like a date (see Series.Dated): count from here
		from = 0
	}
	if 3*t.low > t.rows {
		return Series{}, fmt.Errorf("%s: most values look like deviations from the nominal frequency: name their column deviation_hz or deviation_mhz", t.name)
	}
	s := Series{
		Start: start.Add(time.Duration(from)),
		Step:  time.Duration(t.step),
		Hz:    join(t.before.hz, t.after.hz),
		Sigma: join(t.before.sigma, t.after.sigma),
		SNR:   join(t.before.snr, t.after.snr),
	}
	center := s.medianHz()
	if math.IsNaN(center) {
		if t.columns.sigma >= 0 { // a table of our own that says there is nothing is not a broken one
			return s, nil
		}
		return Series{}, fmt.Errorf("%s: no frequency between %d and %d Hz in %d rows", t.name, csvLeastHz, csvMostHz, t.rows)
	}
	dropOut(s.Hz, center)
	return s, nil
}

// dropOut makes NaN of values that are no frequency of a grid: far from the file's median, or a short stretch that is
// reached and left by a jump.
func dropOut(hz []float64, center float64) {
	run, last := 0, math.NaN() // start of the stretch without a jump; its last value
	end := func(i int) {
		if i-run <= csvSpikeRun && math.Abs(last-center) > csvSpike*center {
			for j := run; j < i; j++ {
				hz[j] = math.NaN()
			}
		}
		run = i
	}
	for i, v := range hz {
		switch {
		case math.IsNaN(v):
		case math.Abs(v-center) > csvSpread*center:
			hz[i] = math.NaN()
		default:
			if math.Abs(v-last) > csvSpike*center {
				end(i)
			}
			last = v
		}
	}
	end(len(hz))
}
