// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package upconv

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/optimize"
)

// The end of a fit: how far the conditions of optimality may be missed (LIBSVM's default), and the most steps, beyond which a
// separation is as good as it gets.
const (
	tolerance = 1e-3
	mostSteps = 2_000_000
	tiny      = 1e-12
)

// fit finds the support vectors: sequential minimal optimization, the pair of each step chosen by second-order information
// (Fan, Chen and Lin 2005 [5], algorithm 2).
func (m *Model) fit(x [][]float64, fake []bool, c float64) {
	n := len(x)
	y := make([]float64, n)
	for i, f := range fake {
		y[i] = -1
		if f {
			y[i] = 1
		}
	}
	k := m.products(x)
	alpha, gradient := make([]float64, n), make([]float64, n)
	for i := range gradient {
		gradient[i] = -1
	}
	p := smo{k: k, y: y, alpha: alpha, gradient: gradient, c: c}
	for range mostSteps {
		i, j, ok := p.pair()
		if !ok {
			break
		}
		p.step(i, j)
	}
	m.bias = p.bias()
	for i, a := range alpha {
		if a > 0 {
			m.vectors, m.alpha = append(m.vectors, x[i]), append(m.alpha, a*y[i])
		}
	}
}

// products returns the kernel of every two samples.
func (m *Model) products(x [][]float64) [][]float32 {
	k := make([][]float32, len(x))
	for i := range x {
		k[i] = make([]float32, len(x))
		for j := range i + 1 {
			k[i][j] = float32(m.kernel(x[i], x[j]))
			k[j][i] = k[i][j]
		}
	}
	return k
}

// smo is an optimization under way: the least of ½αᵀQα - Σα with yᵀα = 0 and 0 ≤ α ≤ C, where Qij = yi yj Kij.
type smo struct {
	k               [][]float32
	y               []float64
	alpha, gradient []float64
	c               float64
}

// up and low report whether a sample's multiplier may move up or down along its class.
func (p *smo) up(i int) bool {
	return p.y[i] > 0 && p.alpha[i] < p.c || p.y[i] < 0 && p.alpha[i] > 0
}

func (p *smo) low(i int) bool {
	return p.y[i] > 0 && p.alpha[i] > 0 || p.y[i] < 0 && p.alpha[i] < p.c
}

// pair returns the two samples that miss the conditions of optimality most, or false where none does.
func (p *smo) pair() (int, int, bool) {
	i, most := -1, math.Inf(-1)
	for t := range p.y {
		if v := -p.y[t] * p.gradient[t]; p.up(t) && v >= most {
			i, most = t, v
		}
	}
	if i < 0 {
		return 0, 0, false
	}
	j, least, gain := -1, math.Inf(1), math.Inf(1)
	for t := range p.y {
		if !p.low(t) {
			continue
		}
		v := -p.y[t] * p.gradient[t]
		least = min(least, v)
		if b := most - v; b > 0 {
			a := max(float64(p.k[i][i]+p.k[t][t]-2*p.k[i][t]), tiny)
			if g := -b * b / a; g <= gain {
				j, gain = t, g
			}
		}
	}
	return i, j, j >= 0 && most-least >= tolerance
}

// step moves the multipliers of two samples as far as helps.
func (p *smo) step(i, j int) {
	a := max(float64(p.k[i][i]+p.k[j][j]-2*p.k[i][j]), tiny)
	b := -p.y[i]*p.gradient[i] + p.y[j]*p.gradient[j]
	oldI, oldJ := p.alpha[i], p.alpha[j]
	sum := p.y[i]*oldI + p.y[j]*oldJ
	p.alpha[i] = min(max(oldI+p.y[i]*b/a, 0), p.c)
	p.alpha[j] = min(max(p.y[j]*(sum-p.y[i]*p.alpha[i]), 0), p.c)
	p.alpha[i] = min(max(p.y[i]*(sum-p.y[j]*p.alpha[j]), 0), p.c)
	di, dj := (p.alpha[i]-oldI)*p.y[i], (p.alpha[j]-oldJ)*p.y[j]
	for t := range p.gradient {
		p.gradient[t] += p.y[t] * (float64(p.k[i][t])*di + float64(p.k[j][t])*dj)
	}
}

// bias returns the border's place: the mean over samples on the margin, or the middle of what is possible.
func (p *smo) bias() float64 {
	sum, free := 0.0, 0
	high, low := math.Inf(1), math.Inf(-1)
	for t := range p.y {
		v := -p.y[t] * p.gradient[t]
		if p.alpha[t] > 0 && p.alpha[t] < p.c {
			sum, free = sum+v, free+1
		}
		if p.up(t) {
			low = max(low, v)
		}
		if p.low(t) {
			high = min(high, v)
		}
	}
	if free > 0 {
		return sum / float64(free)
	}
	return (high + low) / 2
}

// regress finds the weights of a logistic regression: the least of ½|w|² + C Σ ln(1 + exp(-y wᵀx)), where x has a last value
// of one, as LIBLINEAR, the authors' solver, has it.
func (m *Model) regress(x [][]float64, fake []bool, c float64) error {
	n := m.Points
	margin := func(w, v []float64, fake bool) float64 {
		z := w[n]
		for k, u := range v {
			z += w[k] * u
		}
		if !fake {
			z = -z
		}
		return z
	}
	problem := optimize.Problem{
		Func: func(w []float64) float64 {
			var sum float64
			for _, u := range w {
				sum += u * u / 2
			}
			for i, v := range x {
				z := margin(w, v, fake[i])
				sum += c * (math.Log1p(math.Exp(-math.Abs(z))) + max(-z, 0))
			}
			return sum
		},
		Grad: func(grad, w []float64) {
			copy(grad, w)
			for i, v := range x {
				g := -c / (1 + math.Exp(margin(w, v, fake[i])))
				if !fake[i] {
					g = -g
				}
				for k, u := range v {
					grad[k] += g * u
				}
				grad[n] += g
			}
		},
	}
	settings := &optimize.Settings{GradientThreshold: 1e-4, MajorIterations: 1000}
	result, err := optimize.Minimize(problem, make([]float64, n+1), settings, &optimize.LBFGS{})
	if err != nil && result == nil {
		return fmt.Errorf("%w: %w", ErrTraining, err)
	}
	m.vectors, m.alpha, m.bias = [][]float64{result.X[:n]}, []float64{1}, result.X[n]
	return nil
}
