// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // pictures that can be read
	_ "image/png"
	"io"
	"math"
	"os"

	"github.com/defakepro/defakepro/media"
	"github.com/defakepro/defakepro/upconv"
)

// The most bytes of a picture's file, and the most pixels: 8K.
const (
	mostPicture       = 256 << 20
	mostPicturePixels = 7680 * 4320
)

// each computes the feature of a picture, or of some frames of a video.
func (o upconvPictures) each(ctx context.Context, path string, yield func(frame int, feature []float64) error) error {
	a := upconv.NewAnalyzer()
	one := func(frame int, m *image.Gray) error {
		feature, err := a.Feature(o.part(m), o.points)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return yield(frame, feature)
	}
	still, err := isPicture(path)
	if err != nil {
		return err
	}
	if still {
		m, err := readPicture(path)
		if err != nil {
			return err
		}
		return one(0, m)
	}
	return o.frame(ctx, path, one)
}

// part is the part of a picture that is looked at.
func (o upconvPictures) part(m *image.Gray) *image.Gray {
	switch o.crop {
	case cropFace:
		r, _ := upconv.Face(m)
		return upconv.Crop(m, r)
	case cropCentre:
		return upconv.Crop(m, upconv.Centre(m))
	}
	return m
}

// isPicture tells JPEG and PNG by their first bytes.
func isPicture(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, fmt.Errorf("%s: %w", path, withoutPath(err))
	}
	defer func() { _ = f.Close() }() // read only
	var magic [8]byte
	n, _ := io.ReadFull(f, magic[:]) // what is shorter is no picture
	return bytes.HasPrefix(magic[:n], []byte("\xff\xd8\xff")) || string(magic[:n]) == "\x89PNG\r\n\x1a\n", nil
}

func readPicture(path string) (*image.Gray, error) {
	data, err := readBounded(path, mostPicture)
	if err != nil {
		return nil, err
	}
	size, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if size.Width > mostPicturePixels/max(1, size.Height) {
		return nil, fmt.Errorf("%s: %d×%d pixels are more than 8K", path, size.Width, size.Height)
	}
	m, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return upconv.Gray(m), nil
}

// frame yields o.frames frames of a video, in the middle of as many equal parts of it; of one that does not tell its
// length, one a second from its start.
func (o upconvPictures) frame(ctx context.Context, path string, yield func(int, *image.Gray) error) (err error) {
	rec, err := media.Open(ctx, path, media.Options{Video: true, Pictures: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rec.Close()) }()
	info := rec.Info()
	stride := 1
	switch total := info.FrameRate * info.Duration.Seconds(); {
	case o.frames <= 0:
	case total > 0:
		stride = max(1, int(total)/o.frames)
	default:
		stride = max(1, int(math.Round(info.FrameRate)))
	}
	taken := 0
	for n := 0; ; n++ {
		block, err := rec.Read()
		switch {
		case errors.Is(err, io.EOF) && taken == 0:
			return fmt.Errorf("%s: has no pictures", path)
		case errors.Is(err, io.EOF), errors.Is(err, media.ErrIncomplete) && taken > 0:
			return nil
		case err != nil:
			return err
		}
		if n%stride != stride/2 {
			continue
		}
		if err := yield(n, block.Picture); err != nil {
			return err
		}
		if taken++; taken == o.frames {
			return nil
		}
	}
}
