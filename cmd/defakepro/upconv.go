// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/defakepro/defakepro/report"
	"github.com/defakepro/defakepro/upconv"
)

func newUpconvCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "upconv",
		Short: "Tell made pictures from photographs by their spectrum (the baseline)",
		Long: `Upconv is the baseline that DeFakePro is compared with: the azimuthally averaged spectrum of a picture and a classifier
(R. Durall and others, 2019). It needs no mains hum, and knows only fakes like those it was trained on.`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("upconv: needs features, train or predict; see defakepro help upconv")
		},
	}
	c.AddCommand(newUpconvFeaturesCommand(), newUpconvTrainCommand(), newUpconvPredictCommand())
	return c
}

// The parts of a picture that can be looked at.
type upconvCrop string

const (
	cropFace   upconvCrop = "face"
	cropCentre upconvCrop = "centre"
	cropNone   upconvCrop = "none"
)

// Labels of pictures that are to be learned from.
type upconvLabel string

const (
	labelFake    upconvLabel = "fake"
	labelReal    upconvLabel = "real"
	labelUnknown upconvLabel = "unknown"
)

// upconvPictures is what is looked at in pictures and videos.
type upconvPictures struct {
	crop   upconvCrop
	points int
	frames int
}

func (o *upconvPictures) addFlags(c *cobra.Command) {
	*o = upconvPictures{crop: cropFace, points: upconv.DefaultFacePoints, frames: 10}
	f := c.Flags()
	f.Var(choiceFlag[upconvCrop]{&o.crop, []upconvCrop{cropFace, cropCentre, cropNone}}, "crop",
		"the part to look at: the face, or the middle where there is none; the middle third; or all")
	f.IntVar(&o.frames, "frames", o.frames, "look at `N` frames of a video, evenly spread; 0 for all")
}

type upconvFeaturesOptions struct {
	upconvPictures
	label upconvLabel
	out   string
}

func newUpconvFeaturesCommand() *cobra.Command {
	var opts upconvFeaturesOptions
	c := &cobra.Command{
		Use:   "features MEDIA...",
		Short: "Compute features of pictures and videos",
		Long: `Features writes a CSV, fake,media,frame,r0,r1,...: a row for each picture, or for some frames of a video, with its azimuthally averaged
spectrum, brought to so many points and divided by the first. fake is 1, 0, or empty for unknown, as --label says of all.`,
		Example: `  defakepro upconv features --label fake made/*.jpg -o made.csv
  defakepro upconv features --label real photos/*.jpg -o photos.csv`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return runUpconvFeatures(c, opts, args)
		},
	}
	opts.addFlags(c)
	opts.label = labelUnknown
	f := c.Flags()
	f.IntVar(&opts.points, "points", opts.points, "length of a feature, `N` from 4 to 4096")
	f.Var(choiceFlag[upconvLabel]{&opts.label, []upconvLabel{labelFake, labelReal, labelUnknown}}, "label", "what the pictures are")
	f.StringVarP(&opts.out, "output", "o", "", "write to this `FILE` instead of the standard output")
	return c
}

func runUpconvFeatures(c *cobra.Command, opts upconvFeaturesOptions, media []string) error {
	out, err := createOutput(opts.out, media...)
	if err != nil {
		return err
	}
	defer out.discard()
	return out.commit(c.OutOrStdout(), func(w io.Writer) error {
		table := newUpconvTable(w, opts.points)
		for _, path := range media {
			err := opts.each(c.Context(), path, func(frame int, feature []float64) error {
				return table.write(opts.label, path, frame, feature)
			})
			if err != nil {
				return err
			}
		}
		return table.flush()
	})
}

type upconvTrainOptions struct {
	kind   upconv.Kind
	splits int
	seed   uint64
	out    string
	json   bool
}

func newUpconvTrainCommand() *cobra.Command {
	opts := upconvTrainOptions{kind: upconv.SVMRBF, splits: 10, seed: 1}
	c := &cobra.Command{
		Use:   "train TABLE.csv...",
		Short: "Train a classifier on features",
		Long: `Train learns from tables that features wrote, with fake 1 or 0 in each row, and writes a model. It prints the accuracy on a fifth of the rows held
out, the mean of several splits, as the method's authors measure it; the model itself is trained on all rows.`,
		Example: `  defakepro upconv train made.csv photos.csv -o model.json`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return runUpconvTrain(c, opts, args)
		},
	}
	f := c.Flags()
	f.Var(choiceFlag[upconv.Kind]{&opts.kind, upconv.Kinds}, "classifier", "the classifier")
	f.IntVar(&opts.splits, "splits", opts.splits, "number of splits, `N` from 1 to 1000")
	f.Uint64Var(&opts.seed, "seed", opts.seed, "the `NUMBER` that stands for the splits")
	f.StringVarP(&opts.out, "output", "o", "", "write the model to this `FILE`; without it only the accuracy is printed")
	f.BoolVar(&opts.json, "json", false, "print JSON")
	return c
}

func runUpconvTrain(c *cobra.Command, opts upconvTrainOptions, tables []string) error {
	if opts.splits < 1 || opts.splits > 1000 {
		return fmt.Errorf("upconv train: --splits %d: must be from 1 to 1000", opts.splits)
	}
	var features [][]float64
	var fake []bool
	for _, path := range tables {
		x, y, err := readUpconvTable(path)
		if err != nil {
			return err
		}
		features, fake = append(features, x...), append(fake, y...)
	}
	accuracy, err := upconv.Evaluate(opts.kind, features, fake, opts.splits, opts.seed)
	if err != nil {
		return fmt.Errorf("upconv train: %w", err)
	}
	model, err := upconv.Train(opts.kind, features, fake)
	if err != nil {
		return fmt.Errorf("upconv train: %w", err)
	}
	if opts.out != "" {
		out, err := createOutput(opts.out, tables...)
		if err != nil {
			return err
		}
		defer out.discard()
		if err := out.commit(nil, func(w io.Writer) error { _, err := model.WriteTo(w); return err }); err != nil {
			return err
		}
	}
	mean, least, most := 0.0, math.Inf(1), 0.0
	for _, a := range accuracy {
		mean, least, most = mean+a/float64(len(accuracy)), min(least, a), max(most, a)
	}
	if opts.json {
		return json.NewEncoder(c.OutOrStdout()).Encode(map[string]any{
			"classifier": opts.kind, "samples": len(features), "accuracy": mean, "splits": accuracy,
		})
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s on %d features: accuracy %.4f on a fifth held out, %.4f to %.4f in %d splits\n",
		opts.kind, len(features), mean, least, most, opts.splits)
	return err
}

func newUpconvPredictCommand() *cobra.Command {
	var opts upconvPictures
	var asJSON bool
	c := &cobra.Command{
		Use:   "predict MODEL.json MEDIA...",
		Short: "Tell which pictures and videos are made",
		Long: `Predict prints for each picture or video whether the model takes it for made (fake) or for a photograph (real), and how far it is from the border:
above zero is fake. Of a video it is the majority of the frames, and the mean of their scores.`,
		Example: `  defakepro upconv predict model.json face.jpg talk.mp4`,
		Args:    cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return runUpconvPredict(c.Context(), opts, asJSON, args[0], args[1:], c.OutOrStdout())
		},
	}
	opts.addFlags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, a line for each")
	return c
}

// upconvAnswer is what predict says of a picture or video.
type upconvAnswer struct {
	Media  string  `json:"media"`
	Fake   bool    `json:"fake"`
	Score  float64 `json:"score"`
	Frames int     `json:"frames"`
	Share  float64 `json:"fake_frames"`
}

func runUpconvPredict(ctx context.Context, opts upconvPictures, asJSON bool, path string, media []string, stdout io.Writer) error {
	model, err := readUpconvModel(path)
	if err != nil {
		return err
	}
	opts.points = model.Points
	for _, m := range media {
		answer := upconvAnswer{Media: m}
		err := opts.each(ctx, m, func(_ int, feature []float64) error {
			score, err := model.Score(feature)
			answer.Frames++
			answer.Score += score
			if score > 0 {
				answer.Share++
			}
			return err
		})
		if err != nil {
			return err
		}
		answer.Score /= float64(answer.Frames)
		answer.Share /= float64(answer.Frames)
		answer.Fake = answer.Share > 0.5
		if asJSON {
			err = json.NewEncoder(stdout).Encode(answer)
		} else {
			word := labelReal
			if answer.Fake {
				word = labelFake
			}
			_, err = fmt.Fprintf(stdout, "%s  %+.3f  %s%s\n", word, answer.Score, report.Printable(m), upconvFrames(answer))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// upconvFrames is the part of a line that only videos have.
func upconvFrames(a upconvAnswer) string {
	if a.Frames == 1 {
		return ""
	}
	return "  (" + strconv.Itoa(int(math.Round(a.Share*float64(a.Frames)))) + " of " + strconv.Itoa(a.Frames) + " frames fake)"
}
