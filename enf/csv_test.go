// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var (
	csvNaN  = math.NaN()
	sameCSV = cmp.Options{cmpopts.EquateNaNs(), cmpopts.EquateApprox(0, 1e-12)}
)

func TestReadCSV(t *testing.T) {
	day := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	zero := time.Time{}
	tests := []struct {
		name, in string
		start    time.Time
		step     time.Duration
		hz       []float64
	}{
		{"seconds", "time_s,frequency_hz\n0,60.01\n1,60.02\n2,60.03\n", zero, time.Second, []float64{60.01, 60.02, 60.03}},
		{"index without header", "0,59.98\n1,59.97\n", zero, time.Second, []float64{59.98, 59.97}},
		{"index with header", "index,frequency\n0,59.98\n1,59.97\n", zero, time.Second, []float64{59.98, 59.97}},
		{"unnamed index", ",freq\n0,59.98\n1,59.97\n", zero, time.Second, []float64{59.98, 59.97}},
		{"no time", "id,frequency_hz\n7,60.01\n7,60.02\n", zero, time.Second, []float64{60.01, 60.02}},
		{"later start", "5,60\n6,60.1\n", zero.Add(5 * time.Second), time.Second, []float64{60, 60.1}},
		{"one value", "0,60\n", zero, time.Second, []float64{60}},
		{"two seconds", "0,60\n2,60.1\n4,60.2\n", zero, 2 * time.Second, []float64{60, 60.1, 60.2}},
		{"a tenth", "0,60\n0.1,60.1\n0.2,60.2\n0.3,60\n", zero, 100 * time.Millisecond, []float64{60, 60.1, 60.2, 60}},
		{"odd step", "0,60\n1.5,60.1\n3,60.2\n", zero, 1500 * time.Millisecond, []float64{60, 60.1, 60.2}},
		{"ISO", "time,Hz\n2026-02-03 04:05:06,50.01\n2026-02-03 04:05:07,50.02\n", day, time.Second, []float64{50.01, 50.02}},
		{"ISO with T, no header", "2026-02-03T04:05:06,50.01\n2026-02-03T04:05:08,50.02\n", day, 2 * time.Second, []float64{50.01, 50.02}},
		{"zone", "2026-02-03T06:05:06+02:00,50.01\n2026-02-03T04:05:07Z,50.02\n", day, time.Second, []float64{50.01, 50.02}},
		{"fraction", "2026-02-03T04:05:06.500,50.01\n2026-02-03T04:05:07.500,50.02\n", day.Add(time.Second / 2), time.Second, []float64{50.01, 50.02}},
		{"midnight", "2026-02-03T23:59:59,50.01\n2026-02-04T00:00:00,50.02\n", day.Add(19*time.Hour + 54*time.Minute + 53*time.Second), time.Second, []float64{50.01, 50.02}},
		{"1970", fmt.Sprintf("%d,50.01\n%d,50.02\n", day.Unix(), day.Unix()+1), day, time.Second, []float64{50.01, 50.02}},
		{"1970 in milliseconds", fmt.Sprintf("%d,50.01\n%d,50.02\n", day.UnixMilli(), day.UnixMilli()+1000), day, time.Second, []float64{50.01, 50.02}},
		{"semicolons, quotes, CRLF, BOM, spaces", "\xef\xbb\xbf\"time_s\" ; \"frequency_hz\"\r\n0 ; \"60.01\"\r\n1;60.02\r\n", zero, time.Second, []float64{60.01, 60.02}},
		{"tabs and comments", "# mains\n0\t60.01\n\n# more\n1\t60.02\n", zero, time.Second, []float64{60.01, 60.02}},
		{"exponents", "0.0e+00,6.001e+01\n1.0e+00,6.002e+01\n", zero, time.Second, []float64{60.01, 60.02}},
		{"other columns", "volts,frequency_hz,time_s\n230,60.01,0\n231,60.02,1\n", zero, time.Second, []float64{60.01, 60.02}},
		{"no last line end", "0,60.01\n1,60.02", zero, time.Second, []float64{60.01, 60.02}},
		{"last line cut short", "0,60.01\n1,60.02\n2", zero, time.Second, []float64{60.01, 60.02}},
		{"harmonic", "0,299.9\n1,299.8\n", zero, time.Second, []float64{299.9, 299.8}},

		{"gap", "0,60\n1,60.1\n2,60\n5,60.2\n", zero, time.Second, []float64{60, 60.1, 60, csvNaN, csvNaN, 60.2}},
		{"empty and named gaps", "0,60\n1,\n2,NaN\n3,n/a\n4,60.1\n", zero, time.Second, []float64{60, csvNaN, csvNaN, csvNaN, 60.1}},
		{"drop-outs", "0,60\n1,0.000\n2,-1\n3,60.1\n4,1e9\n5,55\n6,60\n", zero, time.Second, []float64{60, csvNaN, csvNaN, 60.1, csvNaN, csvNaN, 60}},
		{"spike", "0,60\n1,60.1\n2,59.08\n3,59.08\n4,60.1\n5,60.1\n", zero, time.Second, []float64{60, 60.1, csvNaN, csvNaN, 60.1, 60.1}},
		{"unsorted", "3,60.3\n1,60.1\n2,60.2\n0,60\n", zero, time.Second, []float64{60, 60.1, 60.2, 60.3}},
		{"newest first", "2,60.2\n1,60.1\n0,60\n", zero, time.Second, []float64{60, 60.1, 60.2}},
		{"decimal commas", "Zeit;Frequenz\n0;60,01\n0,5;60,02\n1,0;60,03\n", zero, time.Second / 2, []float64{60.01, 60.02, 60.03}},
		{"decimal commas without header", "0\t60,01\n1\t60,02\n", zero, time.Second, []float64{60.01, 60.02}},
		{"decimal commas in quotes", "time,frequency\n\"0\",\"59,980171\"\n\"1\",\"59,98\"\n", zero, time.Second, []float64{59.980171, 59.98}},
		{"quoted separators", "\"place; room\";\"time\";\"f \"\"1\"\"\"\n\"a;b\";0;60.01\n\"\"\";\";1;60.02\n", zero, time.Second, []float64{60.01, 60.02}},
		{"UTF-16", "\xff\xfe0\x00\t\x006\x000\x00\n\x001\x00\t\x006\x000\x00\n\x00", zero, time.Second, []float64{60, 60}},
		{"UTF-16, big end first", "\xfe\xff\x000\x00;\x006\x000\x00\n\x001\x00;\x006\x000", zero, time.Second, []float64{60, 60}},
		{"one column", "60.01\n60.02\n", zero, time.Second, []float64{60.01, 60.02}},
		{"one column with header", "frequency\r\n60,01\r\n60,02\r\n", zero, time.Second, []float64{60.01, 60.02}},
		{"date and time apart", "DATE,TIME,FREQUENCY\n2026-02-03,04:05:06,50.01\n2026-02-03,04:05:07,50.02\n", day, time.Second, []float64{50.01, 50.02}},
		{"points in the date", "Datum/Uhrzeit;Frequenz [Hz]\n03.02.2026 4:05:06;50,01\n03.02.2026 4:05:07;50,02\n", day, time.Second, []float64{50.01, 50.02}},
		{"day first", "time,f\n31/01/2026 23:59:59,50.01\n01/02/2026 00:00:00,50.02\n", day.Add(-52*time.Hour - 5*time.Minute - 7*time.Second), time.Second, []float64{50.01, 50.02}},
		{"month first, by twelve hours", "time,f\n01/31/2026 11:59:59 PM,50.01\n02/01/2026 12:00:00 AM,50.02\n", day.Add(-52*time.Hour - 5*time.Minute - 7*time.Second), time.Second, []float64{50.01, 50.02}},
		{"time of day", "time,f\n23:59:59,50.01\n00:00:00,50.02\n0:00:01,50.03\n", zero.Add(24*time.Hour - time.Second), time.Second, []float64{50.01, 50.02, 50.03}},
		{"millihertz", "time_s,frequency_mhz\n0,60010\n1,60020.5\n", zero, time.Second, []float64{60.01, 60.0205}},
		{"cells behind the header's", "time_s,frequency_hz\n0,60.01,ok\n1,60.02,\n", zero, time.Second, []float64{60.01, 60.02}},
		{"zone is put back", "2026-10-25T02:59:59+02:00,50\n2026-10-25T02:00:00+01:00,50.1\n", day.AddDate(0, 0, 264).Add(-3*time.Hour - 5*time.Minute - 7*time.Second), time.Second, []float64{50, 50.1}},
		{"jitter", "0.004,60\n0.997,60.1\n2.002,60.2\n2.996,60.3\n4.001,60.4\n", zero, time.Second, []float64{60, 60.1, 60.2, 60.3, 60.4}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := ReadCSV(iotest.OneByteReader(strings.NewReader(tt.in)), "grid.csv")
			if err != nil {
				t.Fatal(err)
			}
			if s.Start.Sub(tt.start).Abs() > 5*time.Millisecond || s.Step != tt.step || s.Dated() != (tt.start.Year() > 1) {
				t.Errorf("start %v, step %v; want %v, %v", s.Start, s.Step, tt.start, tt.step)
			}
			if diff := cmp.Diff(tt.hz, s.Hz, sameCSV); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReadCSVRefuses(t *testing.T) {
	rows := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format+"\n", i)
		}
		return b.String()
	}
	tests := []struct{ name, in, want string }{
		{"empty", "", "grid.csv is empty"},
		{"blank", "\n\n  \n", "grid.csv is empty"},
		{"header alone", "time_s,frequency_hz\n", "no rows"},
		{"text", "Dear Sir or Madam\n", "grid.csv:1: not a frequency CSV"},
		{"binary", "RIFF\x00\x01,\x02WAVE\n", "grid.csv:1: not a frequency CSV"},
		{"long line", strings.Repeat("x", 1<<17), "grid.csv:1: no line"},
		{"luma", "frame,luma\n0,92.8\n", "grid.csv:1: no frequency column"},
		{"word for a frequency", "0,60\n1,sixty\n2,60\n", `grid.csv:2: frequency "sixty"`},
		{"word for a time", "0,60\none,60\n2,60\n", `grid.csv:2: "one" is not a time`},
		{"missing column", "0,60\n1\n2,60\n", "grid.csv:2: not a frequency CSV"},
		{"31 June", "2026-06-31T00:00:00,50\n", "grid.csv:1"},
		{"all values dropped", "0,0\n1,0\n", "no frequency between 10 and 3000 Hz"},
		{"times all the same", "5,60\n5,60.1\n5,60.2\n", "grid.csv:3: all times are the same"},
		{"hourly", "0,60\n3600,60.1\n7200,60\n", "1h0m0s apart"},
		{"waveform", rows(10, "0.000%d,60"), "apart"},
		{"a year's jump", rows(10, "%d,60") + "400000000,60\n", "grid.csv:11: time is"},
		{"jump back", "1000000000,60\n1000000001,60\n1000000002,60\n1,60\n", "grid.csv:4: time is"},
		{"infinite time", "0,60\n1,60\n1e300,60\n", "grid.csv:3"},
		{"decimal and parting commas", "time,frequency\n0,59,980171\n1,59,97\n", "grid.csv:2: commas part the cells and seem to be decimal too"},
		{"the same without header", "0,59,980171\n1,59,97\n", "grid.csv:1: commas part the cells"},
		{"open quote", "time,frequency\n0,\"60\n", "grid.csv:2: a quote is not closed"},
		{"text behind a quote", "time,frequency\n0,\"60\".1\n", "grid.csv:2: there is something behind a closing quote"},
		{"day or month", "time,f\n03/04/2024 15:00:00,50\n", "grid.csv:2: \"03/04/2024 15:00:00\" may have the day or the month first"},
		{"hours or minutes", "time,f\n15:04,50\n", "grid.csv:2: \"15:04\" is not a time"},
		{"thirteenth hour", "time,f\n01/31/2026 13:00:00 PM,50\n", "is not a time"},
		{"minutes", "time_min,f\n0.0,50\n0.1,50\n", "grid.csv:2: times are in \"min\""},
		{"deviations", "time,deviation_mhz\n0,12\n", "grid.csv:1: \"deviation_mhz\" may be from 50 or 60 Hz: nominal frequency is ambiguous"},
		{"unnamed deviations", "time,f\n0,12\n1,-11\n2,4\n", "look like deviations"},
		{"clocks put back", "time,f\n2026-10-25T02:59:57,50\n2026-10-25T02:59:58,50\n2026-10-25T02:00:00,50.1\n", "grid.csv:4: local time jumps by an hour"},
		{"clocks put back, newest first", "02:00:01,50\n02:00:00,50\n02:59:59,50.1\n", "grid.csv:3: local time jumps by an hour"},
		{"two devices", rows(100, "%d,60") + rows(100, "%d,60.1"), "grid.csv:101: 100 of 200 rows repeat"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := ReadCSV(strings.NewReader(tt.in), "grid.csv")
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%d values, error %v; want …%s…", s.Len(), err, tt.want)
			}
		})
	}
	if _, err := ReadCSV(iotest.ErrReader(errors.New("disk is gone")), "grid.csv"); err == nil || !strings.Contains(err.Error(), "disk is gone") {
		t.Errorf("error %v, want that of the reader", err)
	}
}

func TestReadCSVDeviations(t *testing.T) {
	for name, in := range map[string]string{"mHz": "time,deviation (mHz)\n0,12\n1,-11\n", "Hz": "time;df_hz\n0;0,012\n1;-0,011\n"} {
		s, err := CSVOptions{Grid: Grid50}.Read(strings.NewReader(in), "grid.csv")
		if diff := cmp.Diff([]float64{50.012, 49.989}, s.Hz, sameCSV); err != nil || diff != "" {
			t.Errorf("%s: %v, %s", name, err, diff)
		}
	}
	if s, err := (CSVOptions{Grid: Grid50}).Read(strings.NewReader("time,deviation\n0,50.01\n1,50.02\n"), "grid.csv"); err == nil {
		t.Errorf("frequencies were read as deviations: %v", s.Hz)
	}
}

// TestReadCSVRepeats reads rows of one time: alike they are averaged, and believed neither where they differ.
func TestReadCSVRepeats(t *testing.T) {
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "%d,60\n", i)
	}
	s, err := ReadCSV(strings.NewReader(b.String()+"10,60.002\n20,60.1\n"), "grid.csv")
	if err != nil || s.Len() != 100 || math.Abs(s.Hz[10]-60.001) > 1e-9 || !math.IsNaN(s.Hz[20]) || s.Present() != 99 {
		t.Errorf("%v, %v: want 60.001 and a gap", s.Hz[8:22], err)
	}
}

// TestReadCSVDrift reads times whose clock runs 0.03 % slow: the series must not drift away from them.
func TestReadCSVDrift(t *testing.T) {
	var b strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&b, "%.4f,%.6f\n", 1.0003*float64(i), 60+1e-6*float64(i))
	}
	s, err := ReadCSV(strings.NewReader(b.String()), "grid.csv")
	if err != nil || s.Step != time.Second || s.Len() != 20_006 {
		t.Fatalf("%d values %v apart, %v", s.Len(), s.Step, err)
	}
	for i, hz := range s.Hz {
		if want := 60 + 1e-6*float64(i)/1.0003; math.Abs(hz-want) > 1.1e-6 { // false for a gap
			t.Fatalf("value %d is %.6f, want %.6f", i, hz, want)
		}
	}
}

func TestWriteCSV(t *testing.T) {
	undated := Series{
		Start: time.Time{}.Add(3 * time.Second), Step: time.Second, Hz: []float64{60.001, csvNaN, 60.002},
		Sigma: []float64{0.001, csvNaN, 0.002}, SNR: []float64{20, csvNaN, 21.5},
	}
	dated := Series{Start: time.Date(2026, 2, 3, 4, 5, 6, 5e8, time.UTC), Step: 2 * time.Second, Hz: []float64{50.001, 50, 50.002}}
	dated.Sigma, dated.SNR = []float64{csvNaN, csvNaN, csvNaN}, []float64{csvNaN, csvNaN, csvNaN}
	none := Series{Step: time.Second, Hz: []float64{csvNaN, csvNaN}, Sigma: []float64{csvNaN, csvNaN}, SNR: []float64{csvNaN, csvNaN}}
	for name, want := range map[string]Series{"undated": undated, "dated": dated, "no ENF": none} {
		var b bytes.Buffer
		if err := WriteCSV(&b, want); err != nil {
			t.Fatal(err)
		}
		got, err := ReadCSV(&b, "own.csv")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got, sameCSV); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	var b bytes.Buffer
	if err := WriteCSV(&b, undated); err != nil {
		t.Fatal(err)
	}
	want := "time_s,frequency_hz,sigma_hz,snr_db\n3,60.001000,0.001000,20.00\n4,,,\n5,60.002000,0.002000,21.50\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	full := errors.New("disk is full")
	if err := WriteCSV(failing{full}, undated); !errors.Is(err, full) {
		t.Errorf("error %v, want that of the writer", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestReadFile(t *testing.T) {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := w.Write([]byte("0,60\n1,60.1\n")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "grid.dat") // content tells, not the name
	if err := os.WriteFile(path, zipped.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := ReadFile(path); err != nil || s.Len() != 2 {
		t.Errorf("%d values, %v", s.Len(), err)
	}
	if err := os.WriteFile(path, zipped.Bytes()[:zipped.Len()-6], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("truncated: error %v", err)
	}
	if _, err := ReadFile(dir); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Errorf("folder: error %v", err)
	}
	if _, err := ReadFile(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: error %v", err)
	}
}

func TestFundamental(t *testing.T) {
	for _, tt := range []struct {
		hz       float64
		grid     Grid
		want     float64
		wantGrid Grid
		err      string
	}{
		{60.01, GridAuto, 60.01, Grid60, ""},
		{49.3, GridAuto, 49.3, Grid50, ""},
		{100.02, GridAuto, 50.01, Grid50, ""},
		{120.02, GridAuto, 60.01, Grid60, ""},
		{299.9, Grid60, 59.98, Grid60, ""},
		{299.9, Grid50, 299.9 / 6, Grid50, ""},
		{299.9, GridAuto, 0, 0, "ambiguous"},
		{60, Grid50, 0, 0, "no harmonic of a 50 Hz grid"},
		{75, GridAuto, 0, 0, "no harmonic"},
	} {
		s := Series{Step: time.Second, Hz: []float64{tt.hz, csvNaN, tt.hz}, Sigma: []float64{0.3, 0.3, 0.3}}
		got, grid, err := s.Fundamental(tt.grid)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%g Hz: error %v, want …%s…", tt.hz, err, tt.err)
			}
			continue
		}
		sigma := 0.3 * tt.want / tt.hz
		if err != nil || grid != tt.wantGrid || math.Abs(got.Hz[0]-tt.want) > 1e-9 || math.Abs(got.Sigma[0]-sigma) > 1e-9 || s.Hz[0] != tt.hz {
			t.Errorf("%g Hz: %v at %d Hz, %v; want %g", tt.hz, got.Hz, grid, err, tt.want)
		}
	}
	if _, _, err := (Series{Hz: []float64{300}}).Fundamental(GridAuto); !errors.Is(err, ErrGrid) {
		t.Errorf("300 Hz: error %v", err)
	}
}

func TestResample(t *testing.T) {
	s := Series{Step: 2 * time.Second, Hz: []float64{60, 62, csvNaN, 64, 66}, Sigma: []float64{1, 2, 3, 4, 5}}
	got := s.Resample(time.Second)
	want := Series{
		Step: time.Second, Hz: []float64{60, 61, 62, csvNaN, csvNaN, csvNaN, 64, 65, 66},
		Sigma: []float64{1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5},
	}
	if diff := cmp.Diff(want, got, sameCSV); diff != "" {
		t.Error(diff)
	}
	for _, ratio := range []int{2, 3, 4, 10} {
		fine := Series{Step: time.Second / time.Duration(ratio)}
		for i := range 10 * ratio {
			fine.Hz = append(fine.Hz, 60+float64(i)/float64(ratio))
		}
		step := time.Duration(ratio) * fine.Step
		got = fine.Resample(step)
		if got.Len() != 10 || got.Step != step {
			t.Fatalf("%d values %v apart", got.Len(), got.Step)
		}
		for i, hz := range got.Hz {
			if want := 60 + float64(i); math.Abs(hz-want) > 1e-9 {
				t.Errorf("%d to one, second %d: %.6f, want %.6f", ratio, i, hz, want)
			}
		}
	}
	for _, tt := range []struct {
		hz   []float64
		want []float64
	}{
		{[]float64{60, csvNaN, csvNaN, csvNaN, 61, 62}, []float64{60, csvNaN, 61 + 1.0/3}}, // a quarter, half and a quarter are there
		{[]float64{60, 61, csvNaN, 63, 64, 65}, []float64{60, 62, 64}},
	} {
		got := Series{Step: time.Second, Hz: tt.hz}.Resample(2 * time.Second)
		if diff := cmp.Diff(Series{Step: 2 * time.Second, Hz: tt.want}, got, sameCSV); diff != "" {
			t.Error(diff)
		}
	}
}

// FuzzReadCSV reads anything. What is read must be a series that can be used, in proportion to the input.
func FuzzReadCSV(f *testing.F) {
	f.Add([]byte("time_s,frequency_hz,sigma_hz,snr_db\n0,60,0.001,20\n1,,,\n"))
	f.Add([]byte("2026-02-03T04:05:06.5+01:00;50,1\n2026-02-03T04:05:07Z;50\n"))
	f.Add([]byte("1700000000000,50\n1700000001000,50.1\n-5,1e308\n"))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Add([]byte("\xff\xfe0\x00\t\x006\x000\x00\n\x00"))
	f.Add([]byte("DATE;TIME;\"f, \"\"mHz\"\"\"\n03.02.2026;4:05:06;\"50010,5\"\n"))
	f.Add([]byte("08/19/2024 03:00:00 PM,60\n08/19/2024 03:00:01 PM,60\n"))
	f.Add([]byte("time,df_mhz\n23:59:59,-3\n00:00:00,4\n"))
	f.Add([]byte("0,59,98\n1,59,97\n"))
	f.Add([]byte("0,60\n1,60\n9999999,60\n-9999999,60\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := CSVOptions{Grid: Grid60}.Read(bytes.NewReader(in), "fuzz.csv")
		if err != nil {
			if s.Len() != 0 {
				t.Errorf("%d values with error %v", s.Len(), err)
			}
			return
		}
		if s.Step < csvMinStep || s.Step > csvMaxStep || s.Len() > 2*(csvMaxGap+csvGapShare*len(in)) {
			t.Errorf("%d values %v apart from %d bytes", s.Len(), s.Step, len(in))
		}
		if s.Sigma != nil && len(s.Sigma) != s.Len() || s.SNR != nil && len(s.SNR) != s.Len() {
			t.Errorf("%d values, %d uncertainties, %d ratios", s.Len(), len(s.Sigma), len(s.SNR))
		}
		for _, hz := range s.Hz {
			if !math.IsNaN(hz) && (hz < csvLeastHz || hz > csvMostHz) {
				t.Fatalf("%g Hz", hz)
			}
		}
	})
}

func BenchmarkReadCSV(b *testing.B) {
	for name, row := range map[string]func(i int, at time.Time) string{
		"index": func(i int, _ time.Time) string { return fmt.Sprintf("%d,%.5f\n", i, 60+0.01*math.Sin(float64(i))) },
		"iso": func(i int, at time.Time) string {
			return fmt.Sprintf("%s,%.5f\n", at.Format("2006-01-02T15:04:05"), 60+0.01*math.Sin(float64(i)))
		},
	} {
		var in bytes.Buffer
		start := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
		for i := range 1_000_000 {
			in.WriteString(row(i, start.Add(time.Duration(i)*time.Second)))
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(in.Len()))
			b.ReportAllocs()
			for b.Loop() {
				if s, err := ReadCSV(bytes.NewReader(in.Bytes()), "grid.csv"); err != nil || s.Len() != 1_000_000 {
					b.Fatal(s.Len(), err)
				}
			}
		})
	}
}

// A small file cannot ask for gigabytes: what packs a thousand to one is no measurement.
func TestGzipBomb(t *testing.T) {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	rows := strings.Repeat("50\n", 1e6)
	for range 12 {
		if _, err := io.WriteString(w, rows); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	size := zipped.Len()
	_, err := ReadCSV(&zipped, "bomb.gz")
	if err == nil || !strings.Contains(err.Error(), "bytes of gzip") {
		t.Errorf("%d bytes: error %v", size, err)
	}
}
