// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/defakepro/defakepro/dsp"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
)

// AudioCase is a way in which hum comes to the estimator.
type AudioCase struct {
	// Harmonics are those present, all at CN0.
	Harmonics []int
	// Speech says whether somebody speaks, all the time but for pauses, instead of white noise alone.
	Speech bool
	// Codec is the ffmpeg encoder that the mixture goes through, empty for none, and Kbps its rate in kilobits a second.
	Codec string
	Kbps  int
	// CN0 is the carrier-to-noise density of each harmonic, in dB-Hz, against what the recording has within 4 Hz of it.
	CN0 float64
}

// AudioResult is the error of a case over all recordings.
type AudioResult struct {
	AudioCase
	// Coverage is the share of the seconds that have a value; RMSE, in hertz, is over those; Z is the root mean square of error
	// over stated uncertainty, 1 where it is honest.
	Coverage, RMSE, Z float64
	// Within1 and Within2 are the shares of the errors that are at most the stated uncertainty and at most twice that:
	// of a Gaussian's, 0.68 and 0.95.
	Within1, Within2 float64
}

// FalseENF is what the estimator sees in sound without hum.
type FalseENF struct {
	What string
	// Hours were listened to, in Recordings of ten minutes; Share of the seconds got a value, and Present of the recordings were
	// said to have ENF.
	Hours, Share        float64
	Recordings, Present int
}

// AudioReport is the evaluation of ENF from sound.
type AudioReport struct {
	Mains   []string
	Seconds int
	Results []AudioResult
	False   []FalseENF
}

// audioRate is the sampling rate of the mixtures, in hertz, and speechRMS the speaker's level, full scale being 1.
const audioRate, speechRMS, roomRMS = 16000, 0.1, 0.002

// published is the error of 16 s frames without tracking that earlier work measured at the same C/N0, in millihertz
// (docs/estimation.md, white noise).
var published = map[float64]float64{3: 6.9, 6: 4.9, 10: 3.1, 15: 1.7, 20: 1.0, 30: 0.5, 45: 0.4}

// AudioCases lists what is tried: the fundamental, the second harmonic (whose deviation is twice as large) and three
// harmonics in white noise, three under speech, and that through the codecs.
func AudioCases(quick bool) (cases []AudioCase) {
	levels := []float64{0, 3, 6, 10, 15, 20, 30, 45}
	if quick {
		levels = []float64{10, 30}
	}
	for _, c := range []AudioCase{
		{Harmonics: []int{1}},
		{Harmonics: []int{2}},
		{Harmonics: []int{2, 4, 6}},
		{Harmonics: []int{2, 4, 6}, Speech: true},
		{Harmonics: []int{2, 4, 6}, Speech: true, Codec: "libopus", Kbps: 32},
		{Harmonics: []int{2, 4, 6}, Speech: true, Codec: "aac", Kbps: 96},
		{Harmonics: []int{2, 4, 6}, Speech: true, Codec: "aac", Kbps: 64},
	} {
		for _, c.CN0 = range levels {
			cases = append(cases, c)
		}
	}
	return cases
}

// Audio measures each case over the mains recordings, the first so many seconds of each.
func Audio(ctx context.Context, mains []Mains, cases []AudioCase, seconds int, seed uint64) iter.Seq2[AudioResult, error] {
	return func(yield func(AudioResult, error) bool) {
		for _, c := range cases {
			r, err := audioCase(ctx, mains, c, seconds, seed)
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

func audioCase(ctx context.Context, mains []Mains, c AudioCase, seconds int, seed uint64) (AudioResult, error) {
	r := AudioResult{AudioCase: c}
	all, n := 0.0, 0.0
	for i, m := range mains {
		est, err := c.estimate(ctx, m, min(seconds, m.Seconds), seed+uint64(i))
		if err != nil {
			return r, err
		}
		for t := settled; t < min(seconds, m.Seconds)-settled; t++ {
			all++
			if t >= est.Series.Len() || math.IsNaN(est.Series.Hz[t]) || math.IsNaN(m.Truth.Hz[t]) {
				continue
			}
			d := est.Series.Hz[t] - m.Truth.Hz[t]
			r.RMSE += d * d
			z := math.Abs(d) / est.Series.Sigma[t]
			r.Z += z * z
			if z <= 1 {
				r.Within1++
			}
			if z <= 2 {
				r.Within2++
			}
			n++
		}
	}
	r.Coverage, r.RMSE, r.Z = n/all, math.Sqrt(r.RMSE/n), math.Sqrt(r.Z/n)
	r.Within1, r.Within2 = r.Within1/n, r.Within2/n
	return r, nil
}

// estimate renders a case from one recording of the mains, and estimates its ENF.
func (c AudioCase) estimate(ctx context.Context, m Mains, seconds int, seed uint64) (enf.Estimate, error) {
	x := background(seconds, c.Speech, seed)
	var hum []enftest.Harmonic
	for i, k := range c.Harmonics {
		noise := density(x, audioRate, float64(k)*float64(m.Grid))
		hum = append(hum, enftest.Harmonic{Number: k, Amplitude: math.Sqrt(2 * noise * math.Pow(10, c.CN0/10)), Phase: float64(i)})
	}
	enftest.Hum(x, audioRate, 0, hum, m.phase)
	e := enf.NewAudio(enf.Options{Grid: m.Grid})
	if c.Codec == "" {
		err := inBlocks(dsp.Signal{Rate: audioRate, Channels: [][]float64{x}}, e.Write)
		return e.Close(), err
	}
	path, err := c.encode(ctx, x)
	if err != nil {
		return enf.Estimate{}, err
	}
	defer func() { _ = os.Remove(path) }()
	err = eachSound(ctx, path, e.Write)
	return e.Close(), err
}

// background is a room: faint noise, and a speaker if asked for.
func background(seconds int, speech bool, seed uint64) []float64 {
	x := make([]float64, seconds*audioRate)
	if speech {
		enftest.NewSpeech(seed, audioRate, speechRMS).Add(x)
	}
	enftest.Noise(x, seed+1000, roomRMS)
	return x
}

// encode writes x through the codec into a temporary file.
func (c AudioCase) encode(ctx context.Context, x []float64) (string, error) {
	extension := map[string]string{"libopus": ".ogg", "aac": ".m4a"}[c.Codec]
	f, err := os.CreateTemp("", "eval-*"+extension)
	if err != nil {
		return "", err
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	pcm := make([]byte, 0, 2*len(x))
	for _, v := range x {
		s := int16(math.Round(math.Max(-1, math.Min(1, v)) * math.MaxInt16))
		pcm = append(pcm, byte(s), byte(s>>8))
	}
	cmd := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-y", "-f", "s16le", "-ar", strconv.Itoa(audioRate), "-ac", "1", "-i", "-",
		"-c:a", c.Codec, "-b:a", fmt.Sprintf("%dk", c.Kbps), f.Name())
	cmd.Stdin = strings.NewReader(string(pcm))
	if out, err := cmd.CombinedOutput(); err != nil {
		_ = os.Remove(f.Name())
		return "", fmt.Errorf("%s: %w: %s", c.Codec, err, strings.TrimSpace(string(out)))
	}
	return f.Name(), nil
}

// FalseAlarms listens to so many recordings of ten minutes without hum.
func FalseAlarms(recordings int, speech bool, seed uint64) (FalseENF, error) {
	const minutes = 10
	f := FalseENF{What: "noise", Recordings: recordings, Hours: float64(recordings) * minutes / 60}
	if speech {
		f.What = "speech"
	}
	for i := range recordings {
		e := enf.NewAudio(enf.Options{})
		x := background(minutes*60, speech, seed+uint64(i))
		if err := inBlocks(dsp.Signal{Rate: audioRate, Channels: [][]float64{x}}, e.Write); err != nil {
			return f, err
		}
		est := e.Close()
		f.Share += float64(est.Series.Present()) / float64(est.Series.Len()) / float64(recordings)
		if est.Present {
			f.Present++
		}
	}
	return f, nil
}

// ReadMainsFolder reads the clean recordings *_ref.wav of a folder, at most so many.
func ReadMainsFolder(ctx context.Context, dir string, grid enf.Grid, most int) (all []Mains, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*_ref.wav"))
	if err != nil {
		return nil, err
	}
	for _, p := range paths[:min(most, len(paths))] {
		m, err := ReadMains(ctx, p, grid)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: no recordings of the mains (*_ref.wav) there", dir)
	}
	return all, nil
}

func (c AudioCase) String() string {
	s := fmt.Sprintf("harmonics %v, ", c.Harmonics)
	if len(c.Harmonics) == 1 {
		s = fmt.Sprintf("harmonic %d, ", c.Harmonics[0])
	}
	if !c.Speech {
		return s + "white noise"
	}
	s += "speech"
	if c.Codec != "" {
		s += fmt.Sprintf(", %s %d kb/s", strings.TrimPrefix(c.Codec, "lib"), c.Kbps)
	}
	return s
}

// WriteCSV writes the results as CSV with a header; frequencies in hertz.
func (a AudioReport) WriteCSV(w io.Writer) error {
	rows := [][]string{{"case", "cn0_dbhz", "coverage", "rmse_hz", "error_over_sigma", "within_1_sigma", "within_2_sigma"}}
	for _, r := range a.Results {
		rows = append(rows, []string{r.String(), number(r.CN0), number(r.Coverage), number(r.RMSE), number(r.Z), number(r.Within1), number(r.Within2)})
	}
	return csv.NewWriter(w).WriteAll(rows)
}

// WriteMarkdown writes the report as a page.
func (a AudioReport) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString(wrapped(fmt.Sprintf("# ENF from sound\n\nMade by `defakepro eval audio -o docs/results`. Hum with the phase of real mains (%s; %d s of each), against the ENF of the clean mains.\n"+
		"C/N0 is that of each harmonic, against the density of the noise or speech within 4 Hz of it.\n"+
		"A cell is RMSE in mHz (share of the seconds with a value; root mean square of error over stated uncertainty).\n\n",
		strings.Join(a.Mains, ", "), a.Seconds)))
	a.table(&b, "fundamental, 16 s frames, published", func(level float64) string {
		if v, ok := published[level]; ok {
			return fmt.Sprintf("%.1f", v)
		}
		return "-"
	}, func(r AudioResult) string {
		return fmt.Sprintf("%.2f (%.0f %%; %.1f)", 1e3*r.RMSE, 100*r.Coverage, r.Z)
	})
	b.WriteString(wrapped("\n## Is the uncertainty honest?\n\nThe share of the errors within one and within two of the standard uncertainties that the estimate states for them, in per cent; " +
		"of a Gaussian's they are 68 and 95.\n\n"))
	a.table(&b, "Gaussian", func(float64) string { return "68 / 95" },
		func(r AudioResult) string { return fmt.Sprintf("%.0f / %.0f", 100*r.Within1, 100*r.Within2) })
	b.WriteString("\n## Without hum\n\n| sound | hours | seconds that got a value | recordings of ten minutes said to have ENF |\n|---|---|---|---|\n")
	for _, f := range a.False {
		fmt.Fprintf(&b, "| %s | %.1f | %.2f %% | %d of %d |\n", f.What, f.Hours, 100*f.Share, f.Present, f.Recordings)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// table writes a row for each level and a column for each case; the first column is of what the results are held against.
func (a AudioReport) table(b *strings.Builder, against string, expect func(level float64) string, cell func(AudioResult) string) {
	rows, columns := map[float64]map[string]string{}, []string{}
	var levels []float64
	for _, r := range a.Results {
		if rows[r.CN0] == nil {
			rows[r.CN0] = map[string]string{}
			levels = append(levels, r.CN0)
		}
		if len(columns) == 0 || columns[len(columns)-1] != r.String() {
			columns = append(columns, r.String())
		}
		rows[r.CN0][r.String()] = cell(r)
	}
	fmt.Fprintf(b, "| dB-Hz | %s | %s |\n|---|---|%s\n", against, strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	for _, level := range levels {
		fmt.Fprintf(b, "| %.0f | %s |", level, expect(level))
		for _, c := range columns {
			fmt.Fprintf(b, " %s |", rows[level][c])
		}
		b.WriteString("\n")
	}
}
