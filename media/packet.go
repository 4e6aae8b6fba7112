// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package media

import (
	"encoding/binary"
	"errors"
	"io"
	"time"
)

// What a live worker reads: packets, each with its time (64 bits, ns from the first), its length (32 bits), and that many bytes,
// up to the end of the stream. The worker answers for each with a done record, after what came of it.
const packetHead = 8 + 4

// errPacket says that what a worker was sent is no packet.
var errPacket = errors.New("media worker: malformed packet")

// packetWriter is the parent's end.
type packetWriter struct {
	w    io.Writer
	head [packetHead]byte
}

func (w *packetWriter) packet(since time.Duration, data []byte) error {
	binary.NativeEndian.PutUint64(w.head[:], uint64(since))
	binary.NativeEndian.PutUint32(w.head[8:], uint32(len(data)))
	if _, err := w.w.Write(w.head[:]); err != nil {
		return err
	}
	_, err := w.w.Write(data)
	return err
}

// packetReader is the worker's end.
type packetReader struct {
	r    io.Reader
	head [packetHead]byte
	buf  []byte
}

// packet reads a packet, which is valid until the next; at the end io.EOF.
func (r *packetReader) packet() (since time.Duration, data []byte, err error) {
	if _, err := io.ReadFull(r.r, r.head[:]); err != nil {
		return 0, nil, err
	}
	since = time.Duration(binary.NativeEndian.Uint64(r.head[:]))
	n := binary.NativeEndian.Uint32(r.head[8:])
	if n < 1 || n > MaxPacket || since < -maxTime || since > maxTime {
		return 0, nil, errPacket
	}
	if uint32(cap(r.buf)) < n {
		r.buf = make([]byte, n, max(int(n), 2*cap(r.buf)))
	}
	data = r.buf[:n]
	if _, err := io.ReadFull(r.r, data); err != nil {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return since, data, nil
}
