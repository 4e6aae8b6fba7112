// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference

import (
	"time"

	"github.com/pion/rtp"
)

const (
	// reorderWait is how long a packet that is missing is waited for: several round trips, in which it can be sent once more (RFC 4585).
	reorderWait = 300 * time.Millisecond
	// reorderMost bounds what may wait meanwhile: 300 ms of 30 Mb/s.
	reorderMost = 1024
	// Beyond these a sequence number is no longer that of a packet lost or late (MAX_DROPOUT and MAX_MISORDER of RFC 3550,
	// A.1; the second is wider, as retransmissions come late).
	maxDropout, maxMisorder = 3000, 1000
)

// arrival is an RTP packet and when it came.
type arrival struct {
	packet *rtp.Packet
	at     time.Time
}

// reorder puts packets in the order of their sequence numbers. It counts on being called for each packet that comes, and holds
// what waits for a missing one until then.
type reorder struct {
	begun   bool
	next    int64 // number of the packet to be given out next
	highest int64
	held    map[int64]arrival
}

// push takes a packet that came at now. It returns false when its number has nothing to do with those before: then the stream
// is another.
func (r *reorder) push(p *rtp.Packet, now time.Time) bool {
	if !r.begun {
		*r = reorder{begun: true, next: int64(p.SequenceNumber), highest: int64(p.SequenceNumber), held: make(map[int64]arrival)}
	}
	n := r.highest + int64(int16(p.SequenceNumber-uint16(r.highest)))
	switch {
	case n > r.highest+maxDropout || n < r.highest-maxMisorder:
		return false
	case n < r.next: // given up, or come twice
		return true
	}
	r.highest = max(r.highest, n)
	r.held[n] = arrival{p, now}
	return true
}

// pop returns the next packet, and how many were lost just before it; ok is false when it must still be waited for.
func (r *reorder) pop(now time.Time) (a arrival, lost int64, ok bool) {
	if len(r.held) == 0 {
		return arrival{}, 0, false
	}
	if a, ok := r.held[r.next]; ok {
		delete(r.held, r.next)
		r.next++
		return a, 0, true
	}
	first, oldest := int64(-1), now
	for n, a := range r.held {
		if first < 0 || n < first {
			first = n
		}
		if a.at.Before(oldest) {
			oldest = a.at
		}
	}
	if len(r.held) < reorderMost && now.Sub(oldest) < reorderWait {
		return arrival{}, 0, false
	}
	lost = first - r.next
	a = r.held[first]
	delete(r.held, first)
	r.next = first + 1
	return a, lost, true
}
