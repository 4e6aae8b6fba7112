// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/dsp"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/internal/eval"
)

// A room that was recorded while somebody else recorded its mains, as a participant's sound through Opus: it is authentic for as long as it
// lasts, and forged soon after something older or later of the same room is played.
func TestRealRoomInCall(t *testing.T) {
	const (
		apart          = 360 // seconds by which the mains' recording began before the room's
		seconds        = 720
		begins, length = 200, 290
	)
	dir := dataFolder(t)
	if dir == "" {
		t.Skip("measured recordings are not here")
	}
	room, mains := filepath.Join(dir, "spcup", "Train_Grid_D_A1.flac"), filepath.Join(dir, "spcup", "Train_Grid_D_P1.flac")
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("no ffmpeg command: ", err)
	}
	if testing.Short() {
		t.Skip("half a minute of calls")
	}
	coded, plain := filepath.Join(t.TempDir(), "room.ogg"), filepath.Join(t.TempDir(), "room.flac")
	for _, args := range [][]string{
		{"-t", "720", "-i", room, "-ar", "48000", "-c:a", "libopus", "-application", "voip", "-b:a", "32k", coded},
		{"-i", coded, "-ar", "8000", plain},
	} {
		if out, err := exec.CommandContext(t.Context(), "ffmpeg", append([]string{"-v", "error"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("ffmpeg: %v: %s", err, out)
		}
	}
	sound, err := eval.ReadSound(t.Context(), plain)
	if err != nil {
		t.Fatal(err)
	}
	truth, err := eval.ReadMains(t.Context(), mains, enf.Grid50)
	if err != nil {
		t.Fatal(err)
	}
	// call is one in which the room is heard from second from on, and from second begins on what was jump seconds later.
	call := func(from, jump, begins, length int) eval.Heard {
		c := eval.Call{Seed: 1, Nominal: enf.Grid50, Length: length, Delay: 4}
		c.Frequency = func(at float64) float64 { return truth.Truth.Hz[min(max(int(at)+from+apart, 0), truth.Truth.Len()-1)] }
		c.Sound = func(at int) dsp.Signal {
			at += from
			if at-from >= begins {
				at += jump
			}
			n := int(sound.Rate)
			return dsp.Signal{Rate: sound.Rate, Channels: [][]float64{sound.Channels[0][at*n : (at+1)*n]}}
		}
		heard, err := c.Play(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return heard
	}
	honest := call(0, 0, 0, seconds-1)
	t.Logf("honest: authentic for %.0f %% of the time from two minutes on", 100*honest.Authentic)
	for _, e := range honest.Events {
		if e.Verdict == detect.Forged {
			t.Errorf("called forged after %g s: %s", e.Second, e.Reason)
		}
	}
	if honest.Authentic < 0.95 {
		t.Errorf("authentic for %.0f %% of the time", 100*honest.Authentic)
	}
	const calls = 6
	soon := 0
	for i := range calls {
		from, jump := 40*i, 200
		if i%2 == 1 {
			jump = -begins
		}
		var said []float64
		for _, e := range call(from, jump, begins, length).Events {
			if e.Verdict == detect.Forged {
				said = append(said, e.Second-begins)
			}
		}
		t.Logf("%d s of it, then what was %d s later: forged after %v s", begins, jump, said)
		switch {
		case len(said) == 0:
			t.Errorf("what was %d s later is not called forged", jump)
		case said[0] <= 0:
			t.Errorf("called forged %g s before anything happened", -said[0])
		case said[0] <= 25:
			soon++
		}
	}
	if soon < calls*2/3 {
		t.Errorf("%d of %d are called forged within 25 s", soon, calls)
	}
}
