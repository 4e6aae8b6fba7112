// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/defakepro/defakepro/monitor"
)

// reviewEvery is how often the webhook is asked how it does.
const reviewEvery = time.Second

// desk is the monitor as a conference's [Listener]. With why the guard is not in the meeting it has the room's problem say what else is wrong:
// whoever reads the page need not read the log.
type desk struct {
	*monitor.Monitor

	mu        sync.Mutex
	connected bool
	absence   string
	unkept    string // why verdicts are not kept
	unsent    string // why alerts wait
}

func newDesk(m *monitor.Monitor) *desk { return &desk{Monitor: m, absence: m.Room().Problem} }

// Connection implements Listener.
func (d *desk) Connection(connected bool, problem string) {
	d.note(func() { d.connected, d.absence = connected, problem })
}

// note changes what is wrong, and tells it.
func (d *desk) note(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
	var all []string
	for _, problem := range []string{d.absence, d.unkept, d.unsent} {
		if problem != "" {
			all = append(all, problem)
		}
	}
	d.Monitor.Connection(d.connected, strings.Join(all, "; "))
}

// kept notes how a verdict was written down.
func (d *desk) kept(err error) {
	unkept := ""
	if err != nil {
		unkept = "verdicts are not being kept: " + strings.TrimPrefix(clause(err), "history: ")
	}
	d.note(func() { d.unkept = unkept })
}

// ask notes, again and again until ctx ends, how something that sends alerts does.
func (d *desk) ask(ctx context.Context, problem func() string) {
	for sleep(ctx, reviewEvery) {
		unsent := problem()
		d.note(func() { d.unsent = unsent })
	}
}
