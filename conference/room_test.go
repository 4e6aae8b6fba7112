// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference

import (
	"context"
	"math"
	"math/cmplx"
	"testing"
	"time"

	"github.com/defakepro/defakepro/media"
)

// tone measures the frequency of a tone of about f hertz by its phase, block by block against the blocks' times.
type tone struct {
	f          float64
	from       time.Time
	phases, at []float64
}

func (m *tone) add(b media.Block) {
	s := b.Audio
	if m.from.IsZero() {
		m.from = s.Start
	}
	var z complex128
	for i, x := range s.Channels[0] {
		if math.IsNaN(x) {
			return
		}
		z += complex(x, 0) * cmplx.Exp(complex(0, -2*math.Pi*m.f*(s.Start.Sub(m.from).Seconds()+float64(i)/s.Rate)))
	}
	p := cmplx.Phase(z)
	if n := len(m.phases); n > 0 {
		p = m.phases[n-1] + math.Remainder(p-m.phases[n-1], 2*math.Pi)
	}
	m.phases, m.at = append(m.phases, p), append(m.at, s.Start.Sub(m.from).Seconds())
}

// result is the frequency by a straight line through the phases, in hertz, and how far they lie from it at most, in radians.
func (m *tone) result() (hz, worst float64) {
	n := float64(len(m.at))
	var sx, sy, sxx, sxy float64
	for i, x := range m.at {
		sx, sy, sxx, sxy = sx+x, sy+m.phases[i], sxx+x*x, sxy+x*m.phases[i]
	}
	slope := (n*sxy - sx*sy) / (n*sxx - sx*sx)
	for i, x := range m.at {
		worst = max(worst, math.Abs(m.phases[i]-(sy-slope*sx)/n-slope*x))
	}
	return m.f + slope/(2*math.Pi), worst
}

func TestTwoParticipants(t *testing.T) {
	s := server(t)
	sound := encode(t, media.Opus, 50, "-f lavfi -i sine=frequency=100:sample_rate=48000:duration=4 -ac 2 -b:a 64k")
	picture := encode(t, media.VP8, 25, "-f lavfi -i testsrc2=size=640x360:rate=25:duration=4 -b:v 600k -g 50")
	sound = sound[:200]
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, id := range []string{"alice", "bob"} {
		p := publish(t, options(s, id), Media{Audio: media.Opus, Video: media.VP8, Width: 640, Height: 360})
		go func() { _ = play(ctx, sound, 4*time.Second, p.WriteAudio) }()
		go func() { _ = play(ctx, picture, 4*time.Second, p.WriteVideo) }()
	}
	r := join(t, options(s, "guard")) // later than the others
	tracks := make(map[string]*Track)
	joined := 0
	await(t, r, "two tracks of each of two", func(e Event) bool {
		if e.Kind == Joined {
			joined++
		}
		if e.Kind == Began {
			tracks[e.Participant.ID+" "+string(e.Track.Kind)] = e.Track
		}
		return len(tracks) == 4
	})
	if joined != 2 {
		t.Errorf("%d have joined", joined)
	}
	m := tone{f: 100}
	for len(m.phases) < 300 {
		b, err := tracks["bob audio"].Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		m.add(b)
	}
	hz, worst := m.result()
	t.Logf("%.6f Hz, at most %.3f rad off", hz, worst)
	if math.Abs(hz-100) > 0.001 {
		t.Errorf("%.6f Hz", hz)
	}
	var last time.Time
	for i := range 50 {
		b, err := tracks["alice video"].Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if step := b.Luma.Time.Sub(last); i > 0 && (step-40*time.Millisecond).Abs() > time.Millisecond || b.Luma.Rows != 360 {
			t.Errorf("picture of %d rows after %v", b.Luma.Rows, step)
		}
		last = b.Luma.Time
	}
	if late := time.Since(last); late > 6*time.Second || late < -50*time.Millisecond {
		t.Errorf("the newest picture is %v old", late)
	}
}
