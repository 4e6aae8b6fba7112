// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package upconv_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/defakepro/defakepro/upconv"
)

func noise(seed uint64, w, h int) *image.Gray {
	rng := rand.New(rand.NewPCG(seed, 0))
	m := image.NewGray(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = uint8(rng.UintN(256))
	}
	return m
}

// slow is the profile by its definition: the transform summed term by term, shifted, and averaged over rings.
func slow(m *image.Gray) []float64 {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	sum, count := map[int]float64{}, map[int]int{}
	outer := 0
	for v := range h {
		for u := range w {
			var f complex128
			for y := range h {
				for x := range w {
					angle := -2 * math.Pi * (float64((v-h/2)*y)/float64(h) + float64((u-w/2)*x)/float64(w))
					f += complex(float64(m.GrayAt(x, y).Y), 0) * cmplx.Rect(1, angle)
				}
			}
			r := int(math.Hypot(float64(u)-float64(w-1)/2, float64(v)-float64(h-1)/2))
			sum[r] += 20 * math.Log(cmplx.Abs(f+1e-8))
			count[r]++
			outer = max(outer, r)
		}
	}
	var out []float64
	for r := 1; r < outer; r++ {
		out = append(out, sum[r]/float64(count[r]))
	}
	return out
}

// TestProfile: the fast transform gives what the definition gives, for odd and even sides.
func TestProfile(t *testing.T) {
	a := upconv.NewAnalyzer()
	for _, size := range [][2]int{{16, 16}, {9, 14}, {15, 8}, {11, 11}} {
		m := noise(1, size[0], size[1])
		got, err := a.Profile(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		want := slow(m)
		if len(got) != len(want) {
			t.Fatalf("%v: %d rings, want %d", size, len(got), len(want))
		}
		for i := range got {
			if math.Abs(got[i]-want[i]) > 1e-6 {
				t.Errorf("%v: ring %d is %v, want %v", size, i+1, got[i], want[i])
			}
		}
	}
}

// TestBadPictures: what has no profile is said to have none.
func TestBadPictures(t *testing.T) {
	a := upconv.NewAnalyzer()
	for _, m := range []*image.Gray{image.NewGray(image.Rect(0, 0, 0, 0)), noise(1, 7, 100), noise(1, 100, 1)} {
		if _, err := a.Feature(m, 80); !errors.Is(err, upconv.ErrPicture) {
			t.Errorf("%v: %v", m.Bounds(), err)
		}
	}
	flat, err := a.Feature(image.NewGray(image.Rect(0, 0, 32, 32)), 80)
	for _, v := range flat {
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			t.Fatalf("a black picture: %v, %v", v, err)
		}
	}
	if _, err := a.Feature(noise(1, 64, 64), 3); err == nil {
		t.Error("a feature of 3 points")
	}
}

// TestGray: the luma of a JPEG is its own, that of another picture BT.601's; a part of a picture is that part.
func TestGray(t *testing.T) {
	m := image.NewRGBA(image.Rect(5, 5, 9, 9))
	m.Set(6, 7, color.RGBA{R: 255, A: 255})
	if got := upconv.Gray(m).GrayAt(1, 2).Y; got != 76 {
		t.Errorf("red is %d, want 76", got)
	}
	y := image.NewYCbCr(image.Rect(0, 0, 8, 8), image.YCbCrSubsampleRatio420)
	y.Y[y.YOffset(3, 4)] = 99
	if got := upconv.Gray(y.SubImage(image.Rect(2, 2, 8, 8))).GrayAt(1, 2).Y; got != 99 {
		t.Errorf("luma is %d, want 99", got)
	}
	g := noise(3, 20, 20)
	part := upconv.Crop(g, image.Rect(4, 6, 10, 12))
	if part.Bounds() != image.Rect(0, 0, 6, 6) || part.GrayAt(2, 3) != g.GrayAt(6, 9) {
		t.Error("a crop is not the part")
	}
}

// TestNoFace: without a face the middle third is taken.
func TestNoFace(t *testing.T) {
	got, ok := upconv.Face(image.NewGray(image.Rect(0, 0, 300, 150)))
	if want := image.Rect(100, 50, 200, 100); ok || got != want {
		t.Errorf("%v %v, want %v", got, ok, want)
	}
}

// clouds are two classes, with so much between their middles.
func clouds(seed uint64, n int, apart float64) (features [][]float64, fake []bool) {
	rng := rand.New(rand.NewPCG(seed, 0))
	for i := range n {
		f := []float64{rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()}
		if i%2 == 0 {
			f[1] += apart
		}
		features, fake = append(features, f), append(fake, i%2 == 0)
	}
	return features, fake
}

// TestTrain: each classifier parts what can be parted, does as well as Bayes where it cannot, and is the same again from
// its file.
func TestTrain(t *testing.T) {
	for _, kind := range upconv.Kinds {
		for apart, least := range map[float64]float64{8: 0.99, 2: 0.82} { // Bayes: 0.84 at two standard deviations
			x, y := clouds(1, 600, apart)
			m, err := upconv.Train(kind, x, y)
			if err != nil {
				t.Fatal(err)
			}
			held, truth := clouds(2, 2000, apart)
			got, err := m.Accuracy(held, truth)
			if err != nil {
				t.Fatal(err)
			}
			if kind == upconv.SVMRBF && apart == 2 {
				least = 0.76 // the authors' narrow kernel learns noise by heart
			}
			if got < least {
				t.Errorf("%s, %v apart: %.3f right, want %.3f", kind, apart, got, least)
			}
			var file bytes.Buffer
			if _, err := m.WriteTo(&file); err != nil {
				t.Fatal(err)
			}
			again, err := upconv.ReadModel(&file, "model.json")
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range held[:20] {
				one, _ := m.Score(f)
				two, _ := again.Score(f)
				if one != two {
					t.Errorf("%s: %v from the file, %v before", kind, two, one)
				}
			}
		}
	}
}

// TestBadSamples: what nothing can be learned from is refused.
func TestBadSamples(t *testing.T) {
	x, y := clouds(1, 10, 1)
	nan, _ := clouds(1, 10, 1)
	nan[3][1] = math.NaN()
	short, _ := clouds(1, 10, 1)
	short[4] = short[4][:2]
	for name, c := range map[string]struct {
		x [][]float64
		y []bool
	}{
		"none": {nil, nil}, "one class": {x, make([]bool, 10)}, "fewer labels": {x, y[:9]}, "not a number": {nan, y}, "uneven": {short, y},
	} {
		if _, err := upconv.Train(upconv.Logistic, c.x, c.y); !errors.Is(err, upconv.ErrTraining) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := upconv.Train("tree", x, y); err == nil {
		t.Error("an unknown classifier")
	}
	if _, err := upconv.Evaluate(upconv.Logistic, x[:4], y[:4], 1, 1); !errors.Is(err, upconv.ErrTraining) {
		t.Errorf("four samples: %v", err)
	}
}

// TestBadModels: a file that is not a model is refused, with its name.
func TestBadModels(t *testing.T) {
	for _, text := range []string{
		"", "{}", "[]", `{"classifier":"tree","points":1}`, `{"classifier":"logistic","points":2,"bias":0,"alpha":[1],"vectors":[[1]]}`,
		`{"classifier":"logistic","points":1,"bias":0,"alpha":[1,2],"vectors":[[1]]}`, `{"classifier":"svm-rbf","points":1}`,
		`{"classifier":"logistic","points":99999999}`, `{"classifier":"logistic","points":1,"more":1}`,
	} {
		if _, err := upconv.ReadModel(strings.NewReader(text), "m.json"); err == nil || !strings.HasPrefix(err.Error(), "m.json: not a model") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzReadModel(f *testing.F) {
	f.Add([]byte(`{"classifier":"logistic","points":1,"bias":0,"alpha":[1],"vectors":[[1]]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := upconv.ReadModel(bytes.NewReader(data), "m.json")
		if err != nil {
			return
		}
		if _, err := m.Score(make([]float64, m.Points)); err != nil {
			t.Error(err)
		}
	})
}

func BenchmarkFeature(b *testing.B) {
	for _, side := range []int{128, 256, 480, 720, 1080} {
		b.Run(fmt.Sprintf("%dx%[1]d", side), func(b *testing.B) {
			m, a := noise(1, side, side), upconv.NewAnalyzer()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Feature(m, upconv.DefaultFacePoints); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func ExampleTrain() {
	// Two photographs and two made pictures, by features of three points.
	features := [][]float64{{1, .8, .6}, {1, .81, .58}, {1, .7, .4}, {1, .72, .41}}
	fake := []bool{false, false, true, true}
	m, err := upconv.Train(upconv.SVMLinear, features, fake)
	if err != nil {
		fmt.Println(err)
		return
	}
	score, err := m.Score([]float64{1, .71, .38})
	fmt.Println(score > 0, err)
	// Output: true <nil>
}
