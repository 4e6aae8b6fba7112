// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package monitor_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/defakepro/defakepro/monitor"
)

// What is said before the end is yielded, also what is said while one who follows is busy with what was said before, and at the very end.
func TestFollowToTheEnd(t *testing.T) {
	say := func(m *monitor.Monitor, words ...string) {
		for _, w := range words {
			m.Say(monitor.Event{Reason: w})
		}
	}
	for _, test := range []struct {
		name string
		busy func(m *monitor.Monitor, end func()) // during the first event
		idle func(m *monitor.Monitor, end func()) // when all has been yielded
		want []string
	}{
		{"while busy", func(m *monitor.Monitor, end func()) { say(m, "b", "c"); end() }, nil, []string{"a", "b", "c"}},
		{"at the end", nil, func(m *monitor.Monitor, end func()) { say(m, "b"); end() }, []string{"a", "b"}},
		{"nothing more", nil, func(_ *monitor.Monitor, end func()) { end() }, []string{"a"}},
		{"too late", nil, func(m *monitor.Monitor, end func()) { end(); synctest.Wait(); say(m, "b") }, []string{"a"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, end := context.WithCancel(t.Context())
				defer end()
				m := monitor.New(monitor.Options{})
				events := m.Follow(ctx)
				say(m, "a")
				var got []string
				done := make(chan struct{})
				go func() {
					defer close(done)
					for e := range events {
						got = append(got, e.Reason)
						if test.busy != nil && e.Reason == "a" {
							test.busy(m, end)
						}
					}
				}()
				synctest.Wait()
				if test.idle != nil {
					test.idle(m, end)
				}
				<-done
				if !slices.Equal(got, test.want) {
					t.Errorf("%q was yielded, not %q", got, test.want)
				}
			})
		})
	}
}
