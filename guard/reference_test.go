// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/enf"
)

// TestReference: what is added to the file is known, but where reading it takes long not at once, and what was known stays when it breaks.
func TestReference(t *testing.T) {
	path := filepath.Join(t.TempDir(), "grid.csv")
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	grow := func(seconds int) {
		t.Helper()
		var b strings.Builder
		b.WriteString("time,frequency_hz\n")
		for i := range seconds {
			fmt.Fprintf(&b, "%s,%.4f\n", start.Add(time.Duration(i)*time.Second).Format(time.RFC3339), 50+1e-3*math.Sin(float64(i)/9))
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	grow(100)
	r, err := OpenReference(path, enf.Grid50)
	if err != nil {
		t.Fatal(err)
	}
	present := func(want int, problem string) {
		t.Helper()
		s, err := r.Between(t.Context(), start, start.Add(time.Hour))
		if err != nil || s.Len() != 3600 || s.Present() != want || r.State().Problem != problem {
			t.Errorf("%d of %d seconds, want %d; %q, %v", s.Present(), s.Len(), want, r.State().Problem, err)
		}
	}
	slow := func(ago time.Duration) { r.read, r.took = time.Now().Add(-ago), time.Minute }
	present(100, "")
	grow(200)
	slow(8 * time.Minute)
	present(100, "")
	slow(9 * time.Minute)
	present(200, "")
	if err := os.WriteFile(path, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	slow(time.Hour)
	present(200, "the file cannot be read")
	slow(0)
	present(200, "the file cannot be read")
}
