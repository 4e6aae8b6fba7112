// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package prover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/media"
)

// replay is a series over and over.
type replay struct {
	hz   []float64
	next int64 // Unix second that comes next; 0 before the first
}

// replayPast is how many seconds a replay knows when it begins, so that the first round need not wait a minute.
const replayPast = 120

// NewReplay returns a source that gives the values of s over and over, each when its second has passed: that of Unix second t is value t
// modulo the length, so that all who replay one series agree. It is for trying out and for drills.
func NewReplay(s enf.Series) (Source, error) {
	s = s.Resample(time.Second)
	if s.Present() == 0 {
		return nil, errors.New("the series to replay holds no frequencies")
	}
	return &replay{hz: s.Hz}, nil
}

func (r *replay) Read(ctx context.Context) (enf.Series, error) {
	if r.next == 0 {
		r.next = time.Now().Unix() - replayPast
	}
	if err := sleepUntil(ctx, time.Unix(r.next+1, 0)); err != nil {
		return enf.Series{}, err
	}
	out := enf.Series{Start: time.Unix(r.next, 0).UTC(), Step: time.Second}
	for now := time.Now().Unix(); r.next < now; r.next++ {
		out.Hz = append(out.Hz, r.hz[int(r.next%int64(len(r.hz)))])
	}
	return out, nil
}

// sleepUntil waits for t.
func sleepUntil(ctx context.Context, t time.Time) error {
	wait := time.NewTimer(time.Until(t))
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
		return nil
	}
}

// recording is a recording played in real time.
type recording struct {
	path  string
	rec   *media.Recording
	begun time.Time
	audio *enf.AudioEstimator
	ended bool
}

// NewRecording returns a source that plays the sound of the recording at path in real time, from the first Read on. It ends with it.
func NewRecording(ctx context.Context, path string, grid enf.Grid) (Source, error) {
	rec, err := media.Open(ctx, path, media.Options{Audio: true})
	if err != nil {
		return nil, err
	}
	return &recording{path: path, rec: rec, audio: enf.NewAudio(enf.Options{Grid: grid, Live: true, Quick: true})}, nil
}

func (r *recording) Read(ctx context.Context) (enf.Series, error) {
	if r.ended {
		return enf.Series{}, io.EOF
	}
	if r.begun.IsZero() {
		r.begun = time.Now().UTC()
	}
	for {
		block, err := r.rec.Read()
		if errors.Is(err, io.EOF) {
			r.ended = true
			return r.audio.Close().Series, r.rec.Close()
		}
		if errors.Is(err, media.ErrIncomplete) {
			continue
		}
		if err != nil {
			return enf.Series{}, errors.Join(fmt.Errorf("%s: %w", r.path, err), r.rec.Close())
		}
		s := *block.Audio
		s.Start = r.begun.Add(s.Start.Sub(time.Time{}))
		if err := sleepUntil(ctx, s.End()); err != nil {
			return enf.Series{}, errors.Join(err, r.rec.Close())
		}
		if err := r.audio.Write(s); err != nil {
			return enf.Series{}, errors.Join(fmt.Errorf("%s: %w", r.path, err), r.rec.Close())
		}
		if out := r.audio.Take(); out.Len() > 0 {
			return out, nil
		}
	}
}
