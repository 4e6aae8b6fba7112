// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package upconv

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
)

// Kind is a kind of classifier.
type Kind string

// The classifiers that the authors use, with their settings [3].
const (
	// SVMRBF is a support vector machine with kernel exp(-γ|x-y|²), γ = 0.86, and C = 6.37.
	SVMRBF Kind = "svm-rbf"
	// SVMLinear is one with the plain product, and C = 1.
	SVMLinear Kind = "svm-linear"
	// Logistic is logistic regression with C = 1.
	Logistic Kind = "logistic"
)

// Kinds lists them.
var Kinds = []Kind{SVMRBF, SVMLinear, Logistic}

// The settings of the authors' notebooks [3]; where those name none, scikit-learn's defaults, which they use.
const (
	rbfGamma = 0.86
	rbfC     = 6.37
	plainC   = 1
)

// ErrTraining means that a classifier cannot be made of the samples.
var ErrTraining = errors.New("samples cannot be learned from")

// The most that is taken to learn from. Training takes a square of the samples in memory.
const (
	mostSamples = 20_000
	mostPoints  = 4096
)

// Model is a classifier of features. It is safe for concurrent use.
type Model struct {
	// Kind is what it is.
	Kind Kind
	// Points is the length of the features that it takes.
	Points int

	gamma   float64     // of SVMRBF
	vectors [][]float64 // support vectors; of a linear model one, its weights
	alpha   []float64   // of each, with the sign of its class
	bias    float64
}

// Train learns to tell features of made pictures from features of photographs. It returns an error wrapping [ErrTraining] where
// there are none of either, they differ in length, or a value is not finite. Nothing in it is random.
func Train(kind Kind, features [][]float64, fake []bool) (*Model, error) {
	if err := checkSamples(features, fake); err != nil {
		return nil, err
	}
	m := &Model{Kind: kind, Points: len(features[0])}
	switch kind {
	case SVMRBF:
		m.gamma = rbfGamma
		m.fit(features, fake, rbfC)
	case SVMLinear:
		m.fit(features, fake, plainC)
		m.flatten()
	case Logistic:
		if err := m.regress(features, fake, plainC); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("classifier %q: must be one of %v", kind, Kinds)
	}
	return m, nil
}

func checkSamples(features [][]float64, fake []bool) error {
	switch {
	case len(features) != len(fake):
		return fmt.Errorf("%w: %d features and %d labels", ErrTraining, len(features), len(fake))
	case len(features) > mostSamples:
		return fmt.Errorf("%w: %d are more than %d", ErrTraining, len(features), mostSamples)
	case !slices.Contains(fake, true) || !slices.Contains(fake, false):
		return fmt.Errorf("%w: there must be both made pictures and photographs", ErrTraining)
	}
	for i, f := range features {
		if len(f) != len(features[0]) || len(f) == 0 || len(f) > mostPoints {
			return fmt.Errorf("%w: sample %d has %d points, the first one %d", ErrTraining, i+1, len(f), len(features[0]))
		}
		for _, v := range f {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("%w: sample %d has a value of %v", ErrTraining, i+1, v)
			}
		}
	}
	return nil
}

// kernel is the product of two features.
func (m *Model) kernel(x, y []float64) float64 {
	var sum float64
	if m.gamma > 0 {
		for i := range x {
			d := x[i] - y[i]
			sum += d * d
		}
		return math.Exp(-m.gamma * sum)
	}
	for i := range x {
		sum += x[i] * y[i]
	}
	return sum
}

// flatten makes one weight vector of a linear model's support vectors.
func (m *Model) flatten() {
	w := make([]float64, m.Points)
	for i, v := range m.vectors {
		for k := range w {
			w[k] += m.alpha[i] * v[k]
		}
	}
	m.vectors, m.alpha = [][]float64{w}, []float64{1}
}

// Score returns on which side of the border a feature lies, and how far: above zero is made, below is a photograph. It returns
// an error if the feature is of another length than the model's.
func (m *Model) Score(feature []float64) (float64, error) {
	if len(feature) != m.Points {
		return 0, fmt.Errorf("a feature of %d points, and the model takes %d", len(feature), m.Points)
	}
	sum := m.bias
	for i, v := range m.vectors {
		sum += m.alpha[i] * m.kernel(v, feature)
	}
	return sum, nil
}

// Accuracy returns the share of features that the model tells right.
func (m *Model) Accuracy(features [][]float64, fake []bool) (float64, error) {
	right := 0
	for i, f := range features {
		s, err := m.Score(f)
		if err != nil {
			return 0, fmt.Errorf("sample %d: %w", i+1, err)
		}
		if s > 0 == fake[i] {
			right++
		}
	}
	return float64(right) / float64(len(features)), nil
}

// Evaluate returns the accuracy on samples that were held out, for each of so many splits: the authors train on four fifths
// and try on the rest, ten times [3]. The splits depend on the seed alone.
func Evaluate(kind Kind, features [][]float64, fake []bool, splits int, seed uint64) ([]float64, error) {
	if err := checkSamples(features, fake); err != nil {
		return nil, err
	}
	held := len(features) / 5
	if held == 0 {
		return nil, fmt.Errorf("%w: %d are too few to hold a fifth out", ErrTraining, len(features))
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	out := make([]float64, splits)
	for i := range out {
		x, y := slices.Clone(features), slices.Clone(fake)
		rng.Shuffle(len(x), func(i, j int) {
			x[i], x[j] = x[j], x[i]
			y[i], y[j] = y[j], y[i]
		})
		m, err := Train(kind, x[held:], y[held:])
		if err != nil {
			return nil, err
		}
		if out[i], err = m.Accuracy(x[:held], y[:held]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// modelFile is a model in JSON.
type modelFile struct {
	Kind    Kind        `json:"classifier"`
	Points  int         `json:"points"`
	Gamma   float64     `json:"gamma,omitempty"`
	Bias    float64     `json:"bias"`
	Alpha   []float64   `json:"alpha"`
	Vectors [][]float64 `json:"vectors"`
}

// WriteTo writes the model as JSON.
func (m *Model) WriteTo(w io.Writer) (int64, error) {
	data, err := json.Marshal(modelFile{m.Kind, m.Points, m.gamma, m.bias, m.alpha, m.vectors})
	if err != nil {
		return 0, err
	}
	n, err := w.Write(append(data, '\n'))
	return int64(n), err
}

// mostModel is the longest file of a model.
const mostModel = 256 << 20

// ReadModel reads what [Model.WriteTo] wrote; name stands for r in errors.
func ReadModel(r io.Reader, name string) (*Model, error) {
	var f modelFile
	d := json.NewDecoder(io.LimitReader(r, mostModel))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("%s: not a model: %w", name, err)
	}
	bad := func(what string) error { return fmt.Errorf("%s: not a model: %s", name, what) }
	switch {
	case !slices.Contains(Kinds, f.Kind):
		return nil, bad(fmt.Sprintf("classifier %.40q", f.Kind))
	case f.Points < 1 || f.Points > mostPoints:
		return nil, bad(fmt.Sprintf("%d points", f.Points))
	case len(f.Alpha) != len(f.Vectors):
		return nil, bad("as many weights as vectors are needed")
	case (f.Kind == SVMRBF) != (f.Gamma > 0):
		return nil, bad("gamma belongs to svm-rbf")
	}
	for _, v := range f.Vectors {
		if len(v) != f.Points {
			return nil, bad("a vector's length is not the model's")
		}
	}
	return &Model{f.Kind, f.Points, f.Gamma, f.Vectors, f.Alpha, f.Bias}, nil
}
