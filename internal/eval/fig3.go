// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/dsp"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/media"
	"github.com/defakepro/defakepro/sim"
)

// render renders r into a temporary file of the given extension, estimates the ENF in its one channel and compares it with the truth.
func render(ctx context.Context, r sim.Recording, ext string) (ch detect.Channel, err error) {
	dir, err := os.MkdirTemp("", "defakepro-eval-")
	if err != nil {
		return ch, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "recording"+ext)
	if err := r.Render(ctx, path); err != nil {
		return ch, err
	}
	truth, err := r.Truth()
	if err != nil {
		return ch, err
	}
	e, err := estimateFile(ctx, path, r.Grid, nil)
	if err != nil {
		return ch, err
	}
	return detect.Compare(ctx, e, truth, detect.Options{}), ctx.Err()
}

// estimateFile estimates the ENF in a file of one channel, audio or video. lose, when not nil, may spoil each block, or
// drop it by returning false.
func estimateFile(ctx context.Context, path string, grid enf.Grid, lose func(*media.Block) bool) (enf.Estimate, error) {
	audio, video := enf.NewAudio(enf.Options{Grid: grid}), enf.NewVideo(enf.Options{Grid: grid})
	seen := false
	err := eachFrame(ctx, path, media.Options{}, func(b media.Block) error {
		if lose != nil && !lose(&b) {
			return nil
		}
		if b.Luma != nil {
			seen = true
			return video.Write(*b.Luma)
		}
		return inBlocks(dsp.Signal{Start: b.Audio.Start, Rate: b.Audio.Rate, Channels: b.Audio.Channels[:1]}, audio.Write)
	})
	sound, picture := audio.Close(), video.Close()
	if seen {
		return picture, err
	}
	return sound, err
}

// Fig3Options says how Figure 3 is measured. The zero value is the full size.
type Fig3Options struct {
	// Seconds is the length of each recording; 0 for 600. The deepfake begins after a third and ends after two.
	Seconds int
	// Sources are what windows for the ROC are taken from; Pairs is the number of windows of each kind.
	Sources []FARSource
	Windows []int
	Pairs   int
	Seed    uint64
	// Video renders a picture too, which takes minutes.
	Video bool
	Store Store
}

// fig3Noise is the noise of the windows for the ROC, in hertz: that of a good room recording.
const fig3Noise = 0.002

// Fig3 measures both panels and returns them.
func Fig3(ctx context.Context, o Fig3Options, repeat string) (Part, error) {
	part := Part{Name: "fig3", Title: "Figure 3: correlation over time, and ROC by window", Repeat: repeat}
	if o.Seconds == 0 {
		o.Seconds = 600
	}
	found := Table{Name: "correlation", Columns: []string{"channel", "recording", "verdict", "windows with r < 0.8: genuine", "forged", "windows with LLR < 0: genuine", "forged", "forged span found, s"}}
	channels := []enf.Source{enf.SourceAudio}
	if o.Video {
		channels = append(channels, enf.SourceVideo)
	}
	for _, channel := range channels {
		var r, llr Plot
		r = Plot{Name: "a-" + string(channel), Title: fmt.Sprintf("Fig. 3a, %s: correlation of a window of 60 s", channel), X: "middle of the window, s", Y: "correlation r"}
		llr = Plot{Name: "a-llr-" + string(channel), Title: fmt.Sprintf("Beside it, %s: log-likelihood ratio of the same windows", channel), X: "middle of the window, s", Y: "nats"}
		for _, forged := range []bool{false, true} {
			rec, span := o.recording(channel, forged)
			key := fmt.Sprintf("fig3 %s %t %d %d", channel, forged, o.Seconds, o.Seed)
			ch, err := remembered(o.Store, key, func() (windowsFound, error) {
				ch, err := render(ctx, rec, map[enf.Source]string{enf.SourceAudio: ".wav", enf.SourceVideo: ".mkv"}[channel])
				return windowsOf(ch), err
			})
			if err != nil {
				return part, fmt.Errorf("fig3: %s: %w", channel, err)
			}
			name := "original"
			if forged {
				name = "deepfake"
			}
			found.Rows = append(found.Rows, ch.row(string(channel), name, span))
			x, rs, ls := ch.curves()
			r.Lines = append(r.Lines, Line{Name: name, X: x, Y: rs})
			llr.Lines = append(llr.Lines, Line{Name: name, X: x, Y: ls})
		}
		end := float64(o.Seconds)
		r.Lines = append(r.Lines, Line{Name: "threshold 0.8", X: []float64{0, end}, Y: []float64{0.8, 0.8}})
		llr.Lines = append(llr.Lines, Line{Name: "zero", X: []float64{0, end}, Y: []float64{0, 0}})
		part.Plots = append(part.Plots, r, llr)
	}
	part.Tables = append(part.Tables, found)
	part.Text = append(part.Text, fmt.Sprintf("3a: recordings of %d s under a simulated grid: sound with the strongest harmonic of the hum 35 dB-Hz above the noise and somebody talking%s. The deepfake plays material of an "+
		"hour before in the middle third. Windows of 60 s every 5 s; those that lie across a border are counted in neither column.", o.Seconds,
		map[bool]string{true: ", and 360p at 30 frames a second through VP8 with light that swings by 3 %"}[o.Video]))
	roc, err := o.roc(ctx)
	if err != nil {
		return part, err
	}
	part.Text = append(part.Text, roc.Text...)
	part.Tables, part.Plots = append(part.Tables, roc.Tables...), append(part.Plots, roc.Plots...)
	return part, nil
}

// recording is one of the recordings of panel a, and the span of its attack.
func (o Fig3Options) recording(channel enf.Source, forged bool) (sim.Recording, sim.Attack) {
	r := sim.Recording{Seed: o.Seed, Duration: time.Duration(o.Seconds) * time.Second, Grid: enf.Grid60}
	if channel == enf.SourceAudio {
		r.Audio = &sim.Audio{Rate: 8000, CN0: 35}
	} else {
		r.Video = &sim.Video{Width: 640, Height: 360, FPS: 30, Readout: 0.025, Flicker: 0.03, Motion: true, Codec: "vp8"}
	}
	var a sim.Attack
	if forged {
		a = sim.Attack{Kind: sim.Replace, From: r.Duration / 3, To: 2 * r.Duration / 3}
		r.Attacks = []sim.Attack{a}
	}
	return r, a
}

// windowsFound is what is kept of a comparison.
type windowsFound struct {
	Verdict detect.Verdict
	Reason  string
	Windows []windowFound
	Forged  []detect.Span
	// Correlation, RMSE and LLR are the channel's; nil where there was nothing to compare.
	Correlation, RMSE, LLR *float64
	Coverage               float64
}

// windowFound is a window with something in it.
type windowFound struct{ Start, End, R, LLR float64 }

func windowsOf(ch detect.Channel) windowsFound {
	out := windowsFound{Verdict: ch.Verdict, Reason: ch.Reason, Forged: ch.Forged}
	if ch.Correlation == ch.Correlation { // not NaN, which JSON has no word for
		out.Correlation, out.RMSE, out.LLR = &ch.Correlation, &ch.RMSE, &ch.LLR
	}
	if n := ch.Estimate.Series.Len(); n > 0 && ch.Estimate.Present {
		out.Coverage = float64(ch.Estimate.Series.Present()) / float64(n)
	}
	for _, w := range ch.Windows {
		if w.Correlation == w.Correlation {
			out.Windows = append(out.Windows, windowFound{w.Start, w.End, w.Correlation, w.LLR})
		}
	}
	return out
}

func (f windowsFound) curves() (x, r, llr []float64) {
	for _, w := range f.Windows {
		x, r, llr = append(x, (w.Start+w.End)/2), append(r, w.R), append(llr, w.LLR)
	}
	return x, r, llr
}

// row counts windows that a rule takes for forged, within the attack and outside it.
func (f windowsFound) row(channel, name string, a sim.Attack) []string {
	from, to := a.From.Seconds(), a.To.Seconds()
	var low, negative, all [2]int
	for _, w := range f.Windows {
		k := 0
		switch {
		case w.Start >= from && w.End <= to:
			k = 1
		case w.End > from && w.Start < to:
			continue
		}
		all[k]++
		if w.R < 0.8 {
			low[k]++
		}
		if w.LLR < 0 {
			negative[k]++
		}
	}
	share := func(n [2]int, k int) string {
		if all[k] == 0 {
			return "–"
		}
		return fmt.Sprintf("%d of %d", n[k], all[k])
	}
	return []string{channel, name, string(f.Verdict), share(low, 0), share(low, 1), share(negative, 0), share(negative, 1), f.spans()}
}

// spans are the forged spans in words.
func (f windowsFound) spans() string {
	out := ""
	for _, s := range f.Forged {
		if out != "" {
			out += ", "
		}
		out += fixed(s.Start, 0) + "–" + fixed(s.End, 0)
	}
	return out
}

// roc is panel b.
func (o Fig3Options) roc(ctx context.Context) (Part, error) {
	var part Part
	cases, err := FAR(ctx, o.Sources, FAROptions{Windows: o.Windows, Noises: []FARNoise{{Sigma: fig3Noise}}, Pairs: o.Pairs, Seed: o.Seed}, nil)
	if err != nil {
		return part, err
	}
	t := Table{Name: "roc", Columns: []string{"grid", "window, s", "AUC, r", "AUC, LLR", "equal error, r", "equal error, LLR", "r > 0.8: unrelated accepted", "genuine rejected"}}
	percent := func(v float64) string { return fixed(100*v, 2) + " %" }
	for _, rule := range []detect.Rule{detect.RuleCorrelation, detect.RuleLLR} {
		plot := Plot{Name: "b-" + string(rule), Title: "Fig. 3b, by " + string(rule), X: "false alarms: genuine windows rejected", Y: "forged windows rejected"}
		for _, c := range cases {
			if c.Source != cases[0].Source {
				continue
			}
			l := Line{Name: strconv.Itoa(c.Window) + " s"}
			for _, p := range thin(roc(c.Genuine[rule], c.Unrelated[rule])) {
				l.X, l.Y = append(l.X, p.reject), append(l.Y, 1-p.accept)
			}
			plot.Lines = append(plot.Lines, l)
		}
		part.Plots = append(part.Plots, plot)
	}
	for _, c := range cases {
		g, u := c.Genuine[detect.RuleCorrelation], c.Unrelated[detect.RuleCorrelation]
		t.Rows = append(t.Rows, []string{c.Source, strconv.Itoa(c.Window),
			fixed(auc(u, g), 3), fixed(auc(c.Unrelated[detect.RuleLLR], c.Genuine[detect.RuleLLR]), 4),
			percent(c.Rates(detect.RuleCorrelation).Equal), percent(c.Rates(detect.RuleLLR).Equal), percent(above(u, 0.8)), percent(1 - above(g, 0.8))})
	}
	part.Tables = append(part.Tables, t)
	part.Text = append(part.Text, fmt.Sprintf("3b: %d genuine windows of each length and as many unrelated ones, with noise of %.0f mHz that is correlated as frames of 16 s make it, and clock offsets of 2 mHz. "+
		"The curves are of the first grid in the table. The paper states AUC of 0.95 to 0.96.", o.Pairs, 1e3*fig3Noise))
	return part, nil
}

// thin leaves at most a few hundred points of a curve.
func thin(points []rocPoint) []rocPoint {
	const most = 400
	step := max(1, len(points)/most)
	var out []rocPoint
	for i := 0; i < len(points); i += step {
		out = append(out, points[i])
	}
	return slices.Clip(append(out, rocPoint{reject: 1}))
}
