// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/defakepro/defakepro/sim"
	"github.com/defakepro/defakepro/upconv"
)

// paperTable2 is what the paper prints (DeFakePro Table II): AUC and frames a second.
var paperTable2 = map[string]struct{ DeFakePro, UpConv, FPS, UpConvFPS string }{
	"1080p": {"0.95", "0.94", "19", "10"}, "720p": {"0.96", "0.97", "25", "14"}, "480p": {"0.95", "0.98", "33", "20"},
}

// auc is the area under the receiver's characteristic: how often a forged one scores above a genuine one, ties counted half.
func auc(genuine, forged []float64) float64 {
	if len(genuine) == 0 || len(forged) == 0 {
		return math.NaN()
	}
	sum := 0.
	for _, f := range forged {
		for _, g := range genuine {
			switch {
			case f > g:
				sum++
			case f == g:
				sum += 0.5
			}
		}
	}
	return sum / float64(len(genuine)*len(forged))
}

// scores are those of genuine and of forged pieces; more is more suspicious.
type scores struct{ genuine, forged []float64 }

func (s *scores) add(forged bool, v float64) {
	if forged {
		s.forged = append(s.forged, v)
	} else {
		s.genuine = append(s.genuine, v)
	}
}

func (s scores) auc() float64 { return auc(s.genuine, s.forged) }

// table2Scores are those of all methods on some videos.
type table2Scores struct {
	llr, correlation, window, frame, raw, others scores
}

// learned is UpConv's classifiers for one size: of frames as received, as rendered, and as received at the other sizes,
// nil where there are none.
type learned struct{ received, raw, others *upconv.Model }

func (r Table2Result) learn(size string) (l learned, err error) {
	train := func(own bool, feature func(Table2Frame) []float64) (*upconv.Model, error) {
		var features [][]float64
		var fake []bool
		for _, v := range r.Training {
			for _, f := range v.Frames {
				if (v.Size == size) == own && f.Received != nil {
					features, fake = append(features, feature(f)), append(fake, f.Forged)
				}
			}
		}
		if len(features) == 0 && !own {
			return nil, nil
		}
		return upconv.Train(upconv.SVMRBF, features, fake)
	}
	received := func(f Table2Frame) []float64 { return f.Received }
	if l.received, err = train(true, received); err != nil {
		return l, err
	}
	if l.others, err = train(false, received); err != nil {
		return l, err
	}
	l.raw, err = train(true, func(f Table2Frame) []float64 { return f.Raw })
	return l, err
}

// score adds a video. A window's UpConv score is the mean of its frames'.
func (t *table2Scores) score(v Table2Video, l learned) error {
	bySecond := map[int]float64{}
	for _, f := range v.Frames {
		if f.Received == nil {
			continue
		}
		s, err := l.received.Score(f.Received)
		if err != nil {
			return err
		}
		raw, err := l.raw.Score(f.Raw)
		if err != nil {
			return err
		}
		bySecond[f.Second] = s
		t.frame.add(f.Forged, s)
		t.raw.add(f.Forged, raw)
		if l.others != nil {
			other, err := l.others.Score(f.Received)
			if err != nil {
				return err
			}
			t.others.add(f.Forged, other)
		}
	}
	for _, w := range v.Windows {
		t.llr.add(w.Forged, -w.LLR)
		t.correlation.add(w.Forged, -w.Correlation)
		sum, n := 0., 0.
		for s := int(w.Start); s < int(w.Start)+table2Window; s++ {
			if v, ok := bySecond[s]; ok {
				sum, n = sum+v, n+1
			}
		}
		t.window.add(w.Forged, sum/n)
	}
	return nil
}

// Part writes the result down. Repeat is the command that was given.
func (r Table2Result) Part(repeat string) (Part, error) {
	o := r.Options
	main := Table{Name: "auc", Columns: []string{"size", "videos", "DeFakePro, LLR", "DeFakePro, r", "without live swaps: LLR", "r", "UpConv, windows", "UpConv, frames",
		"learned at other sizes", "not encoded", "paper: DeFakePro", "paper: UpConv"}}
	kinds := Table{Name: "attacks", Columns: []string{"size", "attack", "windows", "DeFakePro, LLR", "DeFakePro, r", "UpConv, windows"}}
	speeds := Table{Name: "fps", Columns: []string{"size", "decoding alone", "DeFakePro", "UpConv", "UpConv, the face found anew", "paper: DeFakePro", "paper: UpConv"}}
	for _, size := range o.Sizes {
		var all, played table2Scores
		by := map[sim.Kind]*table2Scores{}
		l, err := r.learn(size)
		if err != nil {
			return Part{}, fmt.Errorf("%s: %w", size, err)
		}
		videos := 0
		for _, v := range r.Tests {
			if v.Size != size {
				continue
			}
			videos++
			if by[v.Attack] == nil {
				by[v.Attack] = &table2Scores{}
			}
			if err := by[v.Attack].score(v, l); err != nil {
				return Part{}, err
			}
			if err := all.score(v, l); err != nil {
				return Part{}, err
			}
			if v.Attack != swapLive {
				if err := played.score(v, l); err != nil {
					return Part{}, err
				}
			}
		}
		p := paperTable2[size]
		main.Rows = append(main.Rows, []string{size, strconv.Itoa(videos), fixed(all.llr.auc(), 3), fixed(all.correlation.auc(), 3), fixed(played.llr.auc(), 3),
			fixed(played.correlation.auc(), 3), fixed(all.window.auc(), 3), fixed(all.frame.auc(), 3), fixed(all.others.auc(), 3), fixed(all.raw.auc(), 3), p.DeFakePro, p.UpConv})
		for _, kind := range table2Attacks {
			if s := by[kind]; s != nil {
				kinds.Rows = append(kinds.Rows, []string{size, string(kind), fmt.Sprintf("%d + %d", len(s.llr.genuine), len(s.llr.forged)),
					fixed(s.llr.auc(), 3), fixed(s.correlation.auc(), 3), fixed(s.window.auc(), 3)})
			}
		}
		if k := slices.IndexFunc(r.Speeds, func(s Table2Speed) bool { return s.Size == size }); k >= 0 {
			s := r.Speeds[k]
			speeds.Rows = append(speeds.Rows, []string{size, fixed(s.Decode, 0), fixed(s.DeFakePro, 0), fixed(s.UpConv, 0), fixed(s.Finding, 0), p.FPS, p.UpConvFPS})
		}
	}
	return Part{
		Name: "table2", Title: "Table II: DeFakePro and UpConv on video", Repeat: repeat,
		Text:   r.text(),
		Tables: []Table{main, kinds, speeds},
	}, nil
}

func (r Table2Result) text() []string {
	o := r.Options
	return []string{
		fmt.Sprintf("%d videos of %d s at each size, %d frames a second, %s, 60 Hz, a rolling shutter, light that swings by 3 %%, somebody who moves. Each is forged from its middle on: "+
			"played from a recording of an hour before (replace), the same through a virtual camera, under the light of a foreign grid, under steady light (mute), and with nothing but the face "+
			"made, live, under the true light. In all of them the face is made as well: brought to half its size and enlarged by a transposed convolution.", o.Videos, o.Seconds, table2FPS, o.Codec),
		fmt.Sprintf("DeFakePro judges windows of %d s, every 5 s, wholly within one half, by the picture alone: log-likelihood ratio, and correlation as in the paper. UpConv (SVM with radial "+
			"basis) learned from %d other videos of %d s at the same size and through the same codec; it is told where the face is, and sees a frame a second: one by one, and as the mean over the same "+
			"windows; learned from frames of the other sizes alone; and learned from and tried on frames before they were encoded. Its fakes here are all one network's, in training and test, "+
			"as in its authors' tests. AUC is the area under the ROC. Windows overlap: those of one half of a video are hardly more than one or two that are independent, so that the AUC of one attack alone says little.", table2Window, o.Training, o.TrainingSeconds),
		"Frames a second are of one core's time, measured in one run on one file with one decoding thread, and include decoding; decoding alone is the ffmpeg command's.",
	}
}
