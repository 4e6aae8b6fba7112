// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// TestAttempt: whoever gives up on joining is not in the room afterwards, however joining ends, and whenever.
func TestAttempt(t *testing.T) {
	refused := errors.New("refused")
	for name, c := range map[string]struct {
		ends    func(join, end context.CancelFunc) // in which order
		answer  error
		returns error
		left    bool
	}{
		"joined":        {func(join, _ context.CancelFunc) { join() }, nil, nil, false},
		"refused":       {func(join, _ context.CancelFunc) { join() }, refused, refused, true},
		"late":          {func(join, end context.CancelFunc) { end(); synctest.Wait(); join() }, nil, context.Canceled, true},
		"refused late":  {func(join, end context.CancelFunc) { end(); synctest.Wait(); join() }, refused, context.Canceled, true},
		"joined before": {func(join, end context.CancelFunc) { join(); synctest.Wait(); end() }, nil, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				answered, answer := context.WithCancel(context.Background())
				defer answer()
				left := 0
				returned := make(chan error, 1)
				go func() {
					returned <- attempt(ctx, func() error { <-answered.Done(); return c.answer }, func() { left++ })
				}()
				synctest.Wait()
				c.ends(answer, cancel)
				if err := <-returned; !errors.Is(err, c.returns) {
					t.Errorf("%v, want %v", err, c.returns)
				}
				synctest.Wait()
				if (left == 1) != c.left || left > 1 {
					t.Errorf("left %d times", left)
				}
			})
		})
	}
}
