// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
)

// probed is how much of a recording is read to tell which grid it was made on.
const probed = 5 * time.Minute

// elsewhere returns, by channel, the grid that the hum or flicker of the recording at path is of where that is another
// than it was read for: 300 Hz is a harmonic of 50 and of 60, so that the wrong one seems to be there. It reads the
// beginning anew; what cannot be read again is not told.
func (in input) elsewhere(ctx context.Context, path string) map[enf.Source]enf.Grid {
	if in.grid == enf.GridAuto || !regular(path) {
		return nil
	}
	rec, err := in.open(ctx, path, nil)
	if err != nil || rec == nil {
		return nil
	}
	defer func() { _ = rec.Close() }()
	channels := channels{}
	for {
		block, err := rec.Read()
		if err != nil {
			break
		}
		if channels.write(block) != nil || reached(block) > probed {
			break
		}
	}
	estimates, err := channels.close(path)
	if err != nil {
		return nil
	}
	found := make(map[enf.Source]enf.Grid)
	for _, est := range estimates {
		if est.Grid != in.grid && ofGrid(est) {
			found[est.Source] = est.Grid
		}
	}
	return found
}

// astray is how far from its nominal frequency a grid never is for long, in hertz: they shed load before.
const astray = 0.5

// ofGrid reports whether what an estimate found moves about its grid's frequency, as a grid does. A weak line that merely lies in the band
// searched does not, nor one that stands still, as a constant does in a file without sound.
func ofGrid(est enf.Estimate) bool {
	const still = 1e-6 // hertz
	moving, last := 0, math.NaN()
	for _, hz := range est.Series.Hz {
		if math.Abs(hz-float64(est.Grid)) <= astray && math.Abs(hz-last) > still {
			moving++
		}
		last = hz
	}
	return est.Present && 2*moving >= est.Series.Present()
}

// misread makes undetermined the channels that do not follow the reference and whose hum is of a grid that the
// recording was not read for: how it was read is the fault, not the recording.
func (in input) misread(ctx context.Context, path string, channels []detect.Channel) {
	var grids map[enf.Source]enf.Grid
	asked := false
	for i := range channels {
		ch := &channels[i]
		follows := ch.Verdict == detect.Authentic || ch.Verdict == detect.Forged && ch.LLR > 0
		if follows || ch.Estimate.Source == sourceSeries {
			continue
		}
		if !asked {
			grids, asked = in.elsewhere(ctx, path), true
		}
		g, ok := grids[ch.Estimate.Source]
		if !ok {
			continue
		}
		ch.Estimate.Present, ch.Estimate.Reason = false, fmt.Sprintf("looked for on a grid of %d Hz", in.grid)
		ch.Verdict, ch.Forged, ch.Windows = detect.Undetermined, nil, nil
		ch.Correlation, ch.RMSE, ch.LLR = math.NaN(), math.NaN(), math.NaN()
		ch.Reason = fmt.Sprintf("The recording's %s is that of a %d Hz grid, and was looked for on one of %d Hz.", humName(ch.Estimate.Source), g, in.grid)
	}
}

// humName is what carries the ENF of a channel.
func humName(s enf.Source) string {
	if s == enf.SourceVideo {
		return "flicker"
	}
	return "hum"
}

// gridHint adds to an error what would tell the grid, if that is missing.
func gridHint(err error) error {
	if errors.Is(err, enf.ErrGrid) {
		return fmt.Errorf("%w: give --nominal 50 or --nominal 60", err)
	}
	return err
}
