// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	_ "image/jpeg" // pictures that can be read
	_ "image/png"

	"github.com/defakepro/defakepro/upconv"
)

// The most bytes of a picture's file, and the most pixels.
const (
	mostPicture       = 256 << 20
	mostPicturePixels = 7680 * 4320
)

// each computes the feature of a picture, or of some frames of a video.
func (o upconvPictures) each(_ context.Context, path string, yield func(frame int, feature []float64) error) error {
	data, err := readBounded(path, mostPicture)
	if err != nil {
		return err
	}
	size, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if size.Width*size.Height > mostPicturePixels {
		return fmt.Errorf("%s: %d×%d pixels are more than 8K", path, size.Width, size.Height)
	}
	m, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	feature, err := upconv.NewAnalyzer().Feature(upconv.Gray(m), o.points)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return yield(0, feature)
}
