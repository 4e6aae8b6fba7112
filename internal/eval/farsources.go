// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/media"
)

// FARSources reads the grids from the folder of real recordings. The statistics of the US grid are fitted to other weeks than
// windows are taken from, and those of the others left at what detect takes where it knows nothing.
func FARSources(ctx context.Context, dir string) ([]FARSource, error) {
	july, err := secondly(filepath.Join(dir, "grid", "us60_2022-07.csv.gz"), enf.Grid60)
	if err != nil {
		return nil, err
	}
	us, err := detect.Fit(july)
	if err != nil {
		return nil, err
	}
	var out []FARSource
	for _, f := range []struct {
		name string
		grid enf.Grid
		path []string
	}{
		{"US (Sep 2022)", enf.Grid60, []string{"grid/us60_2022-09.csv.gz"}},
		{"US (EconLedger, a day)", enf.Grid60, []string{"econledger/one_day_enf.csv.gz"}},
		{"Great Britain (a day)", enf.Grid50, []string{"grid/gb50_1s_2022-09-17.csv.gz"}},
		{"50 Hz (mains of the optical set)", enf.Grid50, []string{"optical/*/mains.csv", "grid/eu50*.csv"}},
	} {
		s := FARSource{Name: f.name, Grid: f.grid}
		for _, pattern := range f.path {
			paths, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
			if err != nil {
				return nil, err
			}
			for _, path := range paths {
				t, err := secondly(path, f.grid)
				if err != nil {
					return nil, err
				}
				s.Truth = append(s.Truth, t)
			}
		}
		out = append(out, s)
	}
	out[0].Statistics = &us
	china := FARSource{Name: "China (ENF-WHU)", Grid: enf.Grid50}
	const recordings = 16
	mains, err := ReadMainsFolder(ctx, filepath.Join(dir, "whu-mains"), enf.Grid50, recordings)
	if err != nil {
		return nil, err
	}
	for _, m := range mains {
		china.Truth = append(china.Truth, m.Truth)
	}
	real, err := farRecorded(ctx, dir)
	return append(append(out, china), real...), err
}

// farRecorded reads real recordings with the mains of the same time. Those whose time is not known are placed by detect itself.
func farRecorded(ctx context.Context, dir string) ([]FARSource, error) {
	power, err := secondly(filepath.Join(dir, "econledger", "power.csv"), enf.Grid60)
	if err != nil {
		return nil, err
	}
	devices := FARSource{Name: "recorders (EconLedger)", Grid: enf.Grid60, Together: true}
	for _, name := range []string{"device1.csv", "device2.csv", "device3.csv"} {
		s, err := secondly(filepath.Join(dir, "econledger", name), enf.Grid60)
		if err != nil {
			return nil, err
		}
		devices.Truth = append(devices.Truth, power)
		devices.Recorded = append(devices.Recorded, enf.Estimate{Series: s, Source: enf.SourceAudio, Grid: enf.Grid60, Present: true})
	}
	room := FARSource{Name: "room (SP Cup D)", Grid: enf.Grid50}
	sound, err := ReadSound(ctx, filepath.Join(dir, "spcup", "Train_Grid_D_A1.flac"))
	if err != nil {
		return nil, err
	}
	e := enf.NewAudio(enf.Options{Grid: enf.Grid50})
	if err := inBlocks(sound, e.Write); err != nil {
		return nil, err
	}
	mains, err := ReadMains(ctx, filepath.Join(dir, "spcup", "Train_Grid_D_P1.flac"), enf.Grid50)
	if err != nil {
		return nil, err
	}
	room.add(ctx, e.Close(), mains.Truth)
	light := FARSource{Name: "light on a wall (optical)", Grid: enf.Grid50}
	paths, err := filepath.Glob(filepath.Join(dir, "optical", "*_*_*", "luma.csv.gz"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		truth, err := secondly(filepath.Join(filepath.Dir(path), "mains.csv"), enf.Grid50)
		if err != nil {
			return nil, err
		}
		est, err := readLight(path, 30, enf.Grid50)
		if err != nil {
			return nil, err
		}
		light.add(ctx, est, truth)
	}
	return []FARSource{devices, room, light}, nil
}

// add adds a recording and the mains, from where the recording begins in them.
func (s *FARSource) add(ctx context.Context, est enf.Estimate, mains enf.Series) {
	est.Series.Start, mains.Start = time.Time{}, time.Time{}
	lag := int(math.Round(detect.Compare(ctx, est, mains, detect.Options{Search: true}).Lag))
	if lag < 0 {
		est.Series, lag = est.Series.Slice(-lag, est.Series.Len()), 0
	}
	mains = mains.Slice(lag, mains.Len())
	n := min(mains.Len(), est.Series.Len())
	est.Series = est.Series.Slice(0, n)
	s.Truth, s.Recorded = append(s.Truth, mains.Slice(0, n)), append(s.Recorded, est)
}

// readLight returns the estimate from a luma CSV.
func readLight(path string, fps float64, grid enf.Grid) (enf.Estimate, error) {
	rec, err := media.OpenLuma(path, fps)
	if err != nil {
		return enf.Estimate{}, err
	}
	return estimateLuma(rec, path, grid)
}

// secondly reads a series at a value a second, at its fundamental.
func secondly(path string, grid enf.Grid) (enf.Series, error) {
	s, err := enf.ReadFile(path)
	if err != nil {
		return s, err
	}
	if s, _, err = s.Fundamental(grid); err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	s = s.Resample(time.Second)
	s.Start = time.Time{}
	return s, nil
}
