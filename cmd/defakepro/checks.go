// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/guard"
	"github.com/defakepro/defakepro/httpapi"
	"github.com/defakepro/defakepro/report"
)

// longestUpload bounds what an upload may decode to: a small file can be of years of silence.
const longestUpload = 12 * time.Hour

// checker checks recordings that are uploaded against a truth that this process has.
type checker struct {
	// reference returns the truth. An error says that there is none yet.
	reference func() (reference, error)
}

// truthOf returns the truth of a guard, as a reference.
func (o guardOptions) truthOf(g guard.Options) func() (reference, error) {
	if g.Reference != nil {
		return func() (reference, error) {
			return reference{path: filepath.Base(o.reference), truth: g.Reference.Between, est: enf.Estimate{Grid: g.Reference.State().Grid}}, nil
		}
	}
	return func() (reference, error) {
		c, err := g.Committee.Registered()
		if err != nil {
			return reference{}, fmt.Errorf("%w: the committee does not answer", httpapi.ErrRecording) // why, the page says to those who may look
		}
		return reference{path: "committee " + c.ID, truth: g.Committee.Between, est: enf.Estimate{Grid: enf.Grid(c.Nominal)}}, nil
	}
}

// check returns the report on a recording, in JSON or HTML.
func (c checker) check(ctx context.Context, u httpapi.Upload) ([]byte, error) {
	ref, err := c.reference()
	if err != nil {
		return nil, err
	}
	if kind, err := sniff(u.Path, nil); err != nil || kind != contentMedia { // a reader of text would take all of it into memory
		return nil, fmt.Errorf("%w: it is text, and no sound or picture", httpapi.ErrRecording)
	}
	opts := defaultCheckOptions()
	opts.reference, opts.most, opts.confined = ref.path, longestUpload, true
	opts.start = startFlag{set: !u.Start.IsZero(), time: u.Start}
	opts.Search = u.Start.IsZero()
	pictures := spectrograms{}
	found, err := opts.against(ctx, u.Path, ref, pictures, io.Discard)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, errNoRounds):
		return nil, fmt.Errorf("%w: what the grid did then is not known here", httpapi.ErrRecording)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", httpapi.ErrRecording, err)
	}
	found.Media = cmp.Or(u.Name, "recording")
	var out bytes.Buffer
	if !u.HTML {
		err = report.WriteJSON(&out, found.Report)
		return out.Bytes(), err
	}
	recording, err := hashInput(u.Path, "recording")
	if err != nil {
		return nil, err
	}
	recording.Name = found.Media
	page := newPage(found, pictures, recording, report.Input{Name: ref.path, Role: "reference", Size: -1})
	err = report.WriteHTML(&out, page)
	return out.Bytes(), err
}
