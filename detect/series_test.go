// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect_test

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/defakepro/defakepro/enf"
)

var nan = math.NaN()

// wandering returns n seconds of a 60 Hz grid: the autoregressive process of the US Eastern grid, in two-second steps
// with the middle of each pair between them. (It is enftest's grid without its integral, which years do not need.)
func wandering(seed uint64, n int) enf.Series {
	rng := rand.New(rand.NewPCG(seed, 9))
	hz := make([]float64, n+2)
	var a, b, c, d float64
	for i := -500; i < len(hz)/2; i++ {
		a, b, c, d = 1.132*a+0.2558*b-0.320*c-0.0777*d+1.41e-3*rng.NormFloat64(), a, b, c
		if i >= 0 {
			hz[2*i] = 60 + a
			if i > 0 {
				hz[2*i-1] = 60 + (a+b)/2
			}
		}
	}
	return enf.Series{Step: time.Second, Hz: hz[:n]}
}

// noisy returns n seconds of grid from second from on as 16 s frames show them, with correlated errors of standard
// deviation sigma.
func noisy(grid enf.Series, from, n int, sigma float64, seed uint64) enf.Series {
	const half = 8
	rng := rand.New(rand.NewPCG(seed, 10))
	noise := make([]float64, n+2*half)
	for i := range noise {
		noise[i] = rng.NormFloat64()
	}
	s := enf.Series{Step: time.Second, Hz: make([]float64, n)}
	for i := range s.Hz {
		value, error, weights, squares := 0.0, 0.0, 0.0, 0.0
		for k := -half; k <= half; k++ {
			w := 0.5 + 0.5*math.Cos(math.Pi*float64(k)/(half+1))
			j := max(0, min(grid.Len()-1, from+i+k))
			value += w * grid.Hz[j]
			error += w * noise[i+k+half]
			weights, squares = weights+w, squares+w*w
		}
		s.Hz[i] = value/weights + sigma*error/math.Sqrt(squares)
	}
	return s
}

// joined returns the values of all parts, one after the other.
func joined(parts ...[]float64) enf.Series {
	s := enf.Series{Step: time.Second}
	for _, p := range parts {
		s.Hz = append(s.Hz, p...)
	}
	return s
}
