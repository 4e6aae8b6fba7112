// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference

import (
	"runtime"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/defakepro/defakepro/media"
)

// TestEndlessFrame holds that a frame that never ends is not gathered, and that what comes after it can be followed.
func TestEndlessFrame(t *testing.T) {
	const packets, size = 20_000, 1200
	for codec, head := range map[media.Codec][2]byte{media.H264: {28, 5}, media.AV1: {0xD0, 0x30}, media.VP8: {0x10, 0}} {
		payload := make([]byte, size)
		payload[0], payload[1] = head[0], head[1]
		b := newBench(Video)
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		at := start
		for i := range packets {
			b.packet(&rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(i), Timestamp: 1, SSRC: 1}, Payload: payload}, codec, at)
			at = at.Add(time.Millisecond)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4*maxFrame {
			t.Errorf("%s: %d MB of a frame of %d MB are held", codec, grown>>20, packets*size>>20)
		}
		runtime.KeepAlive(b)
	}
}

// TestClockStep holds that times are by the wall clock of the guard, also when that is set meanwhile: a monotonic reading would
// hide it.
func TestClockStep(t *testing.T) {
	c := clock{rate: 48_000}
	c.see(c.unwrap(0), time.Now())
	if c.zero != c.zero.Round(0) {
		t.Error("the clock's zero has a monotonic reading")
	}
}
