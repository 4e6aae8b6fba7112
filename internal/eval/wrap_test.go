// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"strings"
	"testing"
)

func TestWrapped(t *testing.T) {
	long := strings.Repeat("word ", 23) + "ends - 2. here and goes on"
	got := wrapped("# A heading\n\n" + long + "\n\nshort\nlines\n")
	want := "# A heading\n\n" + strings.TrimSpace(strings.Repeat("word ", 23)) + "\nends - 2. here and goes on\n\nshort\nlines\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
