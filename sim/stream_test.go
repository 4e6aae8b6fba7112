// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"testing"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/sim"
)

// call is somebody in a call, in a picture small enough for tests.
func call(seed uint64) sim.Recording {
	return sim.Recording{
		Seed: seed, Grid: enf.Grid60, Audio: &sim.Audio{},
		Video: &sim.Video{Width: 320, Height: 180, FPS: 25, Readout: 0.032, Flicker: 0.03, Exposure: 0.002, Motion: true},
	}
}

// Every codec gives a packet for each frame, with its time, and key frames every two seconds.
func TestStreamPackets(t *testing.T) {
	needFFmpeg(t)
	const seconds = 5
	for _, codec := range []string{"", "vp8", "vp9", "h264"} {
		t.Run("codec "+codec, func(t *testing.T) {
			r := call(1)
			r.Duration, r.Video.Codec = seconds*time.Second, codec
			s, err := r.Stream(t.Context(), sim.StreamOptions{Unpaced: true})
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for p, err := range s.Audio() {
				if err != nil {
					t.Fatal(err)
				}
				if want := time.Duration(n) * 20 * time.Millisecond; p.Time != want || !p.Key || len(p.Data) < 3 {
					t.Fatalf("packet of %d bytes at %v, want one at %v", len(p.Data), p.Time, want)
				}
				n++
			}
			if n != 50*seconds {
				t.Errorf("%d packets of sound, want %d", n, 50*seconds)
			}
			n = 0
			for p, err := range s.Video() {
				if err != nil {
					t.Fatal(err)
				}
				if want := time.Duration(n) * 40 * time.Millisecond; p.Time != want || p.Key != (n%50 == 0) || len(p.Data) < 3 {
					t.Fatalf("frame of %d bytes at %v, key %v, want one at %v", len(p.Data), p.Time, p.Key, want)
				}
				n++
			}
			if n != 25*seconds {
				t.Errorf("%d frames, want %d", n, 25*seconds)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
