// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// mostClients is how many clients' rates are kept, twice: some 2 MB. Whoever has more addresses than that has others' share as well.
const mostClients = 8192

// rates are how much of its rate each client has left. Those of clients who have not come for long are forgotten.
type rates struct {
	mu          sync.Mutex
	recent, old map[netip.Prefix]*rate.Limiter // old is what recent was when it was full
}

// wait takes so many requests of the client at an address off its rate, of so many a second and so many at once. It returns 0, or the time
// after which there will be as many left. Who is on this machine is not counted: that is its owner, or a proxy, behind which all clients are one.
func (r *rates) wait(remote string, now time.Time, perSecond float64, burst, requests int) time.Duration {
	if a, err := netip.ParseAddrPort(remote); err != nil || a.Addr().Unmap().IsLoopback() {
		return 0
	}
	who := client(remote)
	r.mu.Lock()
	defer r.mu.Unlock()
	limiter := r.recent[who]
	if limiter == nil {
		if limiter = r.old[who]; limiter == nil {
			limiter = rate.NewLimiter(rate.Limit(perSecond), burst)
		}
		if r.recent == nil || len(r.recent) >= mostClients {
			r.recent, r.old = make(map[netip.Prefix]*rate.Limiter), r.recent
		}
		r.recent[who] = limiter
	}
	reserved := limiter.ReserveN(now, requests)
	delay := reserved.DelayFrom(now)
	if delay > 0 {
		reserved.CancelAt(now)
	}
	return delay
}
