// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/media"
	"github.com/defakepro/defakepro/upconv"
)

// speedSeconds is the length of the video on which speed is measured: enough that starting a process is little beside decoding.
const speedSeconds = 20

// speed measures frames a second of one core, all in one run on one file, each with one thread to decode.
func (o Table2Options) speed(ctx context.Context, size string) (s Table2Speed, err error) {
	s.Size = size
	dir, err := os.MkdirTemp(o.Dir, "defakepro-eval-")
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r, err := o.recording(size, "", speedSeconds, o.Seed)
	if err != nil {
		return s, err
	}
	path := filepath.Join(dir, "video.mkv")
	if err := r.Render(ctx, path); err != nil {
		return s, err
	}
	const frames = speedSeconds * table2FPS
	rate := func(frames int, what func() error) (float64, error) {
		begin := cpuTime()
		err := what()
		return float64(frames) / (cpuTime() - begin).Seconds(), err
	}
	if s.Decode, err = rate(frames, func() error {
		out, err := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-nostdin", "-threads", "1", "-i", path, "-f", "null", "-").CombinedOutput()
		if err != nil {
			return fmt.Errorf("ffmpeg: %w: %s", err, out)
		}
		return nil
	}); err != nil {
		return s, err
	}
	if s.DeFakePro, err = rate(frames, func() error {
		e := enf.NewVideo(enf.Options{Grid: enf.Grid60})
		defer e.Close()
		return eachFrame(ctx, path, media.Options{Video: true, Threads: 1}, func(b media.Block) error { return e.Write(*b.Luma) })
	}); err != nil {
		return s, err
	}
	if s.UpConv, err = o.timeUpConv(ctx, path, false); err != nil {
		return s, err
	}
	s.Finding, err = o.timeUpConv(ctx, path, true)
	return s, err
}

// timeUpConv returns frames a second of UpConv. What it needs to decode is counted in full, its own work on the first
// frames only: it is slow.
func (o Table2Options) timeUpConv(ctx context.Context, path string, find bool) (float64, error) {
	a := upconv.NewAnalyzer()
	var own time.Duration
	n, taken := 0, 0
	all := cpuTime()
	err := eachFrame(ctx, path, media.Options{Video: true, Pictures: true, Threads: 1}, func(b media.Block) error {
		if n++; taken == o.SpeedFrames {
			return nil
		}
		taken++
		begin := cpuTime()
		if find {
			upconv.Face(b.Picture)
		}
		_, err := faceFeature(a, b.Picture)
		own += cpuTime() - begin
		return err
	})
	if err != nil {
		return 0, err
	}
	decode := (cpuTime() - all - own).Seconds() / float64(n)
	return 1 / (decode + own.Seconds()/float64(taken)), nil
}
