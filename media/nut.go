// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package media

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
	"time"
)

// nutReader reads the packets of a NUT stream [5] with one track, as the ffmpeg program writes them to a pipe: the simplest of its
// formats that takes raw audio and video and keeps their timestamps.
type nutReader struct {
	r       *bufio.Reader
	most    int // bytes of a packet
	codes   [256]nutCode
	bases   []nutBase
	base    nutBase  // of the track
	elided  [][]byte // beginnings that packets leave out
	shift   uint     // bits of a short timestamp
	last    int64    // timestamp, in units of base
	started bool     // the track's header has been read
	buf     []byte
}

// nutBase is a time base: num/den seconds.
type nutBase struct{ num, den uint64 }

// nutCode is what the first byte of a frame stands for.
type nutCode struct {
	flags, mul, lsb, reserved, head uint64
	delta                           int64
}

// Flags of a frame.
const (
	nutCodedTime = 1 << 3
	nutTrackID   = 1 << 4
	nutSizeMSB   = 1 << 5
	nutChecksum  = 1 << 6
	nutReserved  = 1 << 7
	nutSideData  = 1 << 8
	nutHeadIndex = 1 << 10
	nutMatchTime = 1 << 11
	nutCoded     = 1 << 12
	nutInvalid   = 1 << 13
)

// Start codes of the packets that matter.
const (
	nutMain  = 0x4E4D7A561F5F04AD
	nutSync  = 0x4E4BE4ADEECA4569
	nutTrack = 0x4E5311405BF2F9DB
)

const (
	nutID         = "nut/multimedia container\x00"
	nutMaxHeader  = 1 << 16
	nutMaxElided  = 128
	nutMaxElision = 4096 // longer packets leave nothing out
)

var errNUT = errors.New("ffmpeg: malformed output")

// newNUT reads NUT from r, in which no packet is longer than most bytes.
func newNUT(r io.Reader, most int) *nutReader {
	return &nutReader{r: bufio.NewReaderSize(r, 1<<18), most: most}
}

// next returns the next packet, valid until the call after, and its timestamp; io.EOF at the end.
func (n *nutReader) next() (time.Duration, []byte, error) {
	for {
		code, err := n.r.ReadByte()
		if err != nil {
			return 0, nil, err
		}
		switch {
		case code == nutID[0] && !n.started && n.skipID():
		case code == 'N':
			err = n.packet()
		case !n.started:
			err = errNUT
		default:
			return n.frame(n.codes[code])
		}
		if err != nil {
			return 0, nil, whole(err)
		}
	}
}

// skipID passes over the rest of the file's identification, if that is what follows.
func (n *nutReader) skipID() bool {
	rest, err := n.r.Peek(len(nutID) - 1)
	if err != nil || string(rest) != nutID[1:] {
		return false
	}
	_, err = n.r.Discard(len(rest))
	return err == nil
}

// packet reads a header packet, of whose start code the first byte has been read.
func (n *nutReader) packet() error {
	var start [8]byte
	start[0] = 'N'
	if _, err := io.ReadFull(n.r, start[1:]); err != nil {
		return err
	}
	size, err := varlen(n.r)
	if err != nil {
		return err
	}
	if size > nutMaxHeader || size < 4 {
		return errNUT
	}
	if size > 4096 { // a checksum of what was read so far
		if _, err := n.r.Discard(4); err != nil {
			return err
		}
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(n.r, body); err != nil {
		return err
	}
	p := nutFields{b: body[:size-4]} // a checksum ends it
	switch binary.BigEndian.Uint64(start[:]) {
	case nutMain:
		n.main(&p)
	case nutTrack:
		n.track(&p)
	case nutSync:
		n.sync(&p)
	default:
		return nil
	}
	if p.bad {
		return errNUT
	}
	return nil
}

// main reads the main header: time bases, frame codes and elided beginnings.
func (n *nutReader) main(p *nutFields) {
	if version := p.v(); version > 3 {
		p.v()
	}
	tracks, _, bases := p.v(), p.v(), p.v()
	p.check(tracks == 1 && bases >= 1 && bases <= 16)
	n.bases = nil
	for i := uint64(0); i < bases && !p.bad; i++ {
		b := nutBase{p.v(), p.v()}
		p.check(b.num > 0 && b.den > 0 && b.num < 1<<31 && b.den < 1<<31)
		n.bases = append(n.bases, b)
	}
	n.table(p)
	if p.bad || len(p.b) == 0 {
		return
	}
	count := p.v()
	p.check(count < nutMaxElided)
	n.elided = [][]byte{nil}
	for i := uint64(0); i < count && !p.bad; i++ {
		n.elided = append(n.elided, bytes.Clone(p.bytes()))
	}
}

// table reads what each first byte of a frame stands for.
func (n *nutReader) table(p *nutFields) {
	c := nutCode{mul: 1}
	n.elided = [][]byte{nil}
	for i := 0; i < 256 && !p.bad; {
		c.flags = p.v()
		fields := p.v()
		p.check(fields <= 64)
		c.lsb, c.reserved = 0, 0
		count := uint64(0)
		for f := uint64(0); f < fields && !p.bad; f++ {
			switch f {
			case 0:
				c.delta = p.s()
			case 1:
				c.mul = p.v()
			case 3:
				c.lsb = p.v()
			case 4:
				c.reserved = p.v()
			case 5:
				count = p.v()
			case 7:
				c.head = p.v()
			default: // track, match time, reserved
				p.v()
			}
		}
		if fields <= 5 {
			count = c.mul - c.lsb
		}
		p.check(count > 0 && count <= 256 && c.mul < 1<<31 && c.lsb < 1<<31 && c.reserved <= 64)
		for ; count > 0 && i < 256 && !p.bad; i++ {
			if i == 'N' {
				n.codes[i].flags = nutInvalid
				continue
			}
			n.codes[i] = c
			c.lsb++
			count--
		}
	}
}

// track reads the track's header.
func (n *nutReader) track(p *nutFields) {
	id, _, _, base, shift := p.v(), p.v(), p.bytes(), p.v(), p.v()
	p.check(id == 0 && base < uint64(len(n.bases)) && shift < 32)
	if !p.bad {
		n.base, n.shift, n.started = n.bases[base], uint(shift), true
	}
}

// sync reads a sync point, from which timestamps are counted.
func (n *nutReader) sync(p *nutFields) {
	t, count := p.v(), uint64(len(n.bases))
	p.check(n.started && count > 0)
	if p.bad {
		return
	}
	from := n.bases[t%count]
	hi, lo := bits.Mul64(t/count, from.num*n.base.den)
	div := from.den * n.base.num
	p.check(hi < div)
	if p.bad {
		return
	}
	quotient, _ := bits.Div64(hi, lo, div)
	n.last = int64(quotient)
}

// frame reads a frame whose first byte stands for c.
func (n *nutReader) frame(c nutCode) (time.Duration, []byte, error) {
	size, head, err := n.frameHeader(c)
	if err != nil {
		return 0, nil, whole(err)
	}
	if size > nutMaxElision {
		head = 0
	}
	if head >= uint64(len(n.elided)) || size > uint64(n.most) || size < uint64(len(n.elided[head])) {
		return 0, nil, errNUT
	}
	if uint64(cap(n.buf)) < size {
		n.buf = make([]byte, size)
	}
	data := n.buf[:size]
	if _, err := io.ReadFull(n.r, data[copy(data, n.elided[head]):]); err != nil {
		return 0, nil, whole(err)
	}
	return n.time(), data, nil
}

// frameHeader reads the fields before the data and sets n.last.
func (n *nutReader) frameHeader(c nutCode) (size, head uint64, err error) {
	v := func() (x uint64) {
		if err == nil {
			x, err = varlen(n.r)
		}
		return x
	}
	flags, size, head := c.flags, c.lsb, c.head
	if flags&nutCoded != 0 {
		flags ^= v()
	}
	if flags&(nutInvalid|nutSideData) != 0 {
		return 0, 0, errNUT
	}
	if flags&nutTrackID != 0 && v() != 0 {
		return 0, 0, errNUT
	}
	n.last += c.delta
	if flags&nutCodedTime != 0 {
		n.last = n.full(int64(v()), n.last-c.delta)
	}
	if flags&nutSizeMSB != 0 {
		msb := v()
		if msb > nutMaxMSB {
			return 0, 0, errNUT
		}
		size += c.mul * msb
	}
	if flags&nutMatchTime != 0 {
		v()
	}
	if flags&nutHeadIndex != 0 {
		head = v()
	}
	reserved := c.reserved
	if flags&nutReserved != 0 {
		reserved = min(v(), 64)
	}
	for range reserved {
		v()
	}
	if flags&nutChecksum != 0 && err == nil {
		_, err = n.r.Discard(4)
	}
	return size, head, err
}

// nutMaxMSB bounds the high part of a size so that its product with the multiplier cannot overflow.
const nutMaxMSB = 1 << 31

// full restores a timestamp of which only the low bits may have been written.
func (n *nutReader) full(coded, last int64) int64 {
	if coded >= 1<<n.shift {
		return coded - 1<<n.shift
	}
	mask := int64(1)<<n.shift - 1
	delta := last - mask/2
	return (coded-delta)&mask + delta
}

// time is the timestamp of the frame just read, from the start of the stream.
func (n *nutReader) time() time.Duration {
	seconds := n.last / int64(n.base.den) * int64(n.base.num)
	rest := n.last % int64(n.base.den) * int64(n.base.num)
	d := time.Duration(seconds)*time.Second +
		time.Duration(rest/int64(n.base.den))*time.Second + time.Duration(rest%int64(n.base.den)*int64(time.Second)/int64(n.base.den))
	if n.last < 0 || d < 0 || d > maxTime {
		return noTime
	}
	return d
}

// nutFields reads the fields of a header; bad is set, and zeros come, once one is missing or wrong.
type nutFields struct {
	b   []byte
	bad bool
}

func (p *nutFields) check(ok bool) { p.bad = p.bad || !ok }

// v reads an unsigned number.
func (p *nutFields) v() uint64 {
	r := bytes.NewReader(p.b)
	x, err := varlen(r)
	p.check(err == nil)
	if p.bad {
		return 0
	}
	p.b = p.b[len(p.b)-r.Len():]
	return x
}

// s reads a signed number.
func (p *nutFields) s() int64 {
	v := p.v() + 1
	if v&1 != 0 {
		return -int64(v >> 1)
	}
	return int64(v >> 1)
}

// bytes reads a string.
func (p *nutFields) bytes() []byte {
	n := p.v()
	p.check(n <= uint64(len(p.b)))
	if p.bad {
		return nil
	}
	s := p.b[:n]
	p.b = p.b[n:]
	return s
}

// varlen reads a number in groups of seven bits, the highest first, all but the last with the top bit set.
func varlen(r io.ByteReader) (uint64, error) {
	var x uint64
	for range 10 {
		b, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		if x >= 1<<57 {
			return 0, errNUT
		}
		x = x<<7 | uint64(b&0x7F)
		if b&0x80 == 0 {
			return x, nil
		}
	}
	return 0, errNUT
}

// whole says that the stream may not end here.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
