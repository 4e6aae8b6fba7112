// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package defakepro_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/media"
	"github.com/defakepro/defakepro/sim"
)

// A recording's way through the packages, from a file to a verdict.
func Example() {
	ctx := context.Background()
	path, grid := forgery(ctx)
	defer os.RemoveAll(filepath.Dir(path))

	rec, err := media.Open(ctx, path, media.Options{Audio: true})
	if err != nil {
		panic(err)
	}
	defer rec.Close()
	estimator := enf.NewAudio(enf.Options{})
	for {
		block, err := rec.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			panic(err)
		}
		if err := estimator.Write(*block.Audio); err != nil {
			panic(err)
		}
	}

	start := time.Duration(0) // where in the reference it claims to begin
	found := detect.Compare(ctx, estimator.Close(), grid, detect.Options{Start: &start})
	fmt.Println(found.Verdict)
	for _, span := range found.Forged {
		fmt.Printf("%s from about %.1f to %.1f minutes\n", span.Kind, span.Start/60, span.End/60)
	}
	// Output:
	// forged
	// foreign from about 1.7 to 2.5 minutes
}

// forgery writes five minutes of somebody talking, of which forty seconds are another take, and returns what the grid did meanwhile. A
// reference of one's own comes from enf.ReadFile.
func forgery(ctx context.Context) (path string, grid enf.Series) {
	dir, err := os.MkdirTemp("", "defakepro")
	if err != nil {
		panic(err)
	}
	talk := sim.Recording{
		Seed: 7, Duration: 5 * time.Minute, Audio: &sim.Audio{Rate: 8000},
		Attacks: []sim.Attack{{Kind: sim.Replace, From: 100 * time.Second, To: 140 * time.Second}},
	}
	path = filepath.Join(dir, "talk.wav")
	if err := talk.Render(ctx, path); err != nil {
		panic(err)
	}
	if grid, err = talk.Truth(); err != nil {
		panic(err)
	}
	return path, grid
}
