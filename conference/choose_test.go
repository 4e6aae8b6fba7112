// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference

import "testing"

// TestBest holds that a track which no client shows is not followed in place of the camera that all see.
func TestBest(t *testing.T) {
	hidden, camera, second := publication{id: "a", kind: Video}, publication{id: "b", kind: Video, declared: true}, publication{id: "c", kind: Video, declared: true}
	muted := camera
	muted.muted = true
	sound := publication{id: "0", kind: Audio, declared: true}
	for _, test := range []struct {
		offered []publication
		want    string
	}{
		{[]publication{sound}, ""},
		{[]publication{hidden, sound}, "a"},
		{[]publication{hidden, camera}, "b"},
		{[]publication{camera, second}, "b"},
		{[]publication{muted, second}, "c"},
		{[]publication{hidden, muted}, "a"},
	} {
		r := &Room{seen: make(map[string]int), told: make(map[string]bool), events: newEvents()}
		got := ""
		if p := r.best(member{publications: test.offered}, Video); p != nil {
			got = p.id
		}
		if got != test.want {
			t.Errorf("%+v: %q is followed, not %q", test.offered, got, test.want)
		}
	}
}
