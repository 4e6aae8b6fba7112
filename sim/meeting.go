// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"math/rand/v2"

	"github.com/defakepro/defakepro/enf/enftest"
)

// Meeting returns n participants of a call on one grid, endless and honest, in 360p at 25 frames a second: each in a
// room of their own, with its hum, light, camera and talker, and with clocks that are off by up to 40 ppm. The seed
// stands for all of them. Change what should be otherwise, and stream each.
//
// The ranges are what rooms, cameras and crystals have, chosen by eye: the hum stands 45 to 55 dB-Hz over the noise,
// light swings by 2 to 4 per cent, shutters roll over 0.6 to 0.95 of a frame's time (S. Vatansever, A. E. Dirik, N.
// Memon, IEEE TIFS 14(9), 2019).
func Meeting(seed uint64, mains *enftest.Grid, n int) []Recording {
	const fps = 25
	rng := rand.New(rand.NewPCG(seed, 30))
	between := func(a, b float64) float64 { return a + (b-a)*rng.Float64() }
	people := make([]Recording, n)
	for i := range people {
		people[i] = Recording{
			Seed:  rng.Uint64(),
			Mains: mains,
			Audio: &Audio{CN0: between(45, 55), PPM: between(-40, 40), Stereo: true},
			Video: &Video{
				FPS: fps, Motion: true, Flicker: between(0.02, 0.04), Readout: between(0.6, 0.95) / fps, Exposure: between(1./1000, 1./300), PPM: between(-40, 40),
			},
		}
	}
	return people
}
