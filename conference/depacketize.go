// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference

import (
	"errors"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"github.com/defakepro/defakepro/media"
)

// maxFrame is the most that a frame may take, in bytes: a key frame of 4K is half of it.
const maxFrame = 1 << 20

var errShort = errors.New("payload is too short")

// frame is what one RTP timestamp covers, whole.
type frame struct {
	timestamp uint32
	data      []byte
	// key says that decoding can begin with it.
	key bool
}

// payload is what a packet adds to a frame.
type payload struct {
	data []byte
	// starts says that a frame, or a layer of one, begins with it, key that this can be decoded by itself, ends that a layer ends
	// with it.
	starts, key, ends bool
}

// unpacker takes the payloads of a codec out of packets, which come in order. A new one is needed where packets are missing.
type unpacker interface {
	unpack(b []byte) (payload, error)
}

// assembler makes frames of packets that come in order.
type assembler struct {
	codec media.Codec
	u     unpacker
	// current is the frame under way; open says that there is one, broken that a packet of it is missing or makes no sense.
	current      frame
	open, broken bool
	size         int   // of the payloads that went into it
	layers       []int // where the layers of a VP9 picture end in data
}

func newAssembler(codec media.Codec) *assembler {
	a := &assembler{codec: codec}
	a.restart()
	return a
}

// restart forgets what is under way.
func (a *assembler) restart() {
	switch a.codec {
	case media.VP8:
		a.u = new(vp8)
	case media.VP9:
		a.u = new(vp9)
	case media.H264:
		a.u = new(h264)
	case media.AV1:
		a.u = new(av1)
	}
	a.drop()
}

func (a *assembler) drop() {
	a.current, a.open, a.broken, a.size, a.layers = frame{}, false, false, 0, a.layers[:0]
}

// keyComes says that the frame under way is one with which decoding can begin.
func (a *assembler) keyComes() bool { return a.open && !a.broken && a.current.key }

// push takes the next packet, lost saying that some are missing before it. It returns a frame if one is whole, and whether one
// was lost: nothing but a key frame can be decoded then.
func (a *assembler) push(p *rtp.Packet, lost bool) (f frame, whole, gone bool) {
	if a.codec == media.Opus {
		if len(p.Payload) == 0 || silent(p.Payload) {
			return frame{}, false, false
		}
		return frame{timestamp: p.Timestamp, data: p.Payload, key: true}, true, false
	}
	if lost {
		a.restart()
	}
	gone = lost
	if len(p.Payload) == 0 { // padding, by which servers probe for bandwidth
		return frame{}, false, gone
	}
	if a.open && p.Timestamp != a.current.timestamp {
		gone = true // its last packet, by which it would have ended, never came
		a.restart()
	}
	if !a.broken { // else the unpacker would gather for as long as somebody sends
		a.take(p)
	}
	if !p.Marker {
		return frame{}, false, gone
	}
	if a.broken || len(a.current.data) == 0 {
		gone = gone || a.broken
		a.restart()
		return frame{}, false, gone
	}
	f = a.current
	if len(a.layers) > 1 {
		f.data = superframe(f.data, a.layers)
	}
	a.drop()
	return f, true, gone
}

// take unpacks a packet of the frame under way, or of one that begins with it.
func (a *assembler) take(p *rtp.Packet) {
	part, err := a.u.unpack(p.Payload)
	if err != nil || !a.open && !part.starts {
		a.broken = true
	}
	if !a.open {
		a.open, a.current = true, frame{timestamp: p.Timestamp}
	}
	a.add(part, len(p.Payload))
}

// add puts a payload to the frame under way.
func (a *assembler) add(part payload, size int) {
	if a.size += size; a.size > maxFrame {
		a.broken = true
	}
	if a.broken { // what it holds is of no use
		a.current.data = nil
		return
	}
	a.current.key = a.current.key || part.key
	a.current.data = append(a.current.data, part.data...)
	if part.ends {
		a.layers = append(a.layers, len(a.current.data))
	}
}

// silent reports whether an Opus packet has no sound in it: its frames are empty, as with discontinuous transmission (RFC 6716
// §2.1.9), or it is what LiveKit sends in place of a microphone that is muted.
func silent(b []byte) bool {
	switch frames := b[0] & 3; {
	case len(b) <= 2, frames > 0 && frames < 3 && len(b) <= 4: // a frame of a byte at most, two of them
		return true
	case frames == 3 && len(b) <= 2+2*int(b[1]&0x3F) && b[1]&0x40 == 0: // so many, of a byte and its length at most
		return true
	}
	if b[0] != 0xF8 || b[1] != 0xFF || b[2] != 0xFE {
		return false
	}
	for _, x := range b[3:] {
		if x != 0 {
			return false
		}
	}
	return true
}

// superframe adds the index by which a decoder tells the layers of a VP9 picture from one another (VP9 bitstream specification,
// Annex B). Beyond eight layers there is none.
func superframe(data []byte, ends []int) []byte {
	if len(ends) > 8 {
		return data
	}
	mark := byte(0xC0 | 3<<3 | (len(ends) - 1)) // four bytes a size
	data = append(data, mark)
	from := 0
	for _, to := range ends {
		n := to - from
		data = append(data, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
		from = to
	}
	return append(data, mark)
}

// vp8 is RFC 7741.
type vp8 struct{ p codecs.VP8Packet }

func (u *vp8) unpack(b []byte) (payload, error) {
	data, err := u.p.Unmarshal(b)
	if err != nil {
		return payload{}, err
	}
	starts := u.p.S == 1 && u.p.PID == 0
	return payload{data: data, starts: starts, key: starts && len(data) > 0 && data[0]&1 == 0}, nil
}

// vp9 is RFC 9628.
type vp9 struct{ p codecs.VP9Packet }

func (u *vp9) unpack(b []byte) (payload, error) {
	data, err := u.p.Unmarshal(b)
	if err != nil {
		return payload{}, err
	}
	return payload{data: data, starts: u.p.B, key: u.p.B && !u.p.P && u.p.SID == 0, ends: u.p.E}, nil
}

// h264 is RFC 6184.
type h264 struct{ p codecs.H264Packet }

func (u *h264) unpack(b []byte) (payload, error) {
	data, err := u.p.Unmarshal(b)
	if err != nil {
		return payload{}, err
	}
	const idr, parameters, fragment, first = 5, 7, 28, 0x80
	kind := b[0] & 0x1F
	starts := true
	if kind == fragment {
		if len(b) < 2 {
			return payload{}, errShort
		}
		kind, starts = b[1]&0x1F, b[1]&first != 0
	}
	key := kind == idr || kind == parameters
	for i := 0; !key && i+4 < len(data) && kind > 23; i++ { // several units in one packet
		key = data[i] == 0 && data[i+1] == 0 && data[i+2] == 0 && data[i+3] == 1 && (data[i+4]&0x1F == idr || data[i+4]&0x1F == parameters)
	}
	return payload{data: data, starts: starts, key: key}, nil
}

// av1 is the RTP payload format for AV1 of the Alliance for Open Media.
type av1 struct{ p codecs.AV1Depacketizer }

func (u *av1) unpack(b []byte) (payload, error) {
	data, err := u.p.Unmarshal(b)
	if err != nil {
		return payload{}, err
	}
	return payload{data: data, starts: !u.p.Z, key: u.p.N}, nil
}
