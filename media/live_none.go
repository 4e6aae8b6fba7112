// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux || !cgo || noav

package media

import (
	"context"
	"errors"
	"os"
	"time"
)

// startLive has no decoder to start.
func startLive(context.Context, Codec, time.Duration) (*process, *os.File, error) {
	return nil, nil, errors.New("it needs a build for Linux with cgo and FFmpeg's libraries, which this one is not")
}
