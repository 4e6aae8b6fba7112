// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo && !noav

package media

/*
#include <stdlib.h>
#include "libav.h"
*/
import "C"

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"
	"unsafe"
)

const (
	// liveName is the name, argument 0, by which a worker knows that packets will come.
	liveName = "defakepro live worker"
	// liveMemory is what a live worker may map on top of what the program maps when it starts: a dozen frames of 4K take 150 MB.
	liveMemory = 1 << 30
)

// liveDecoders are FFmpeg's decoders for each codec, the one to be preferred first. Its own Opus decoder is second, as it delays
// the sound of low rates by a resampler's length.
var liveDecoders = map[Codec][]string{
	Opus: {"libopus", "opus"},
	VP8:  {"vp8", "libvpx"},
	VP9:  {"vp9", "libvpx-vp9"},
	H264: {"h264"},
	AV1:  {"libdav1d", "libaom-av1"},
}

// startLive starts this program again as a live worker, and returns the pipe into which packets go.
func startLive(ctx context.Context, codec Codec, stall time.Duration) (*process, *os.File, error) {
	if !workerReady.Load() {
		return nil, nil, errors.New("this program cannot decode it: its main does not call media.WorkerMain")
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	p, err := start(ctx, "/proc/self/exe", []string{liveName, string(codec)}, []*os.File{r}, stall)
	_ = r.Close() // the worker has its own
	if err != nil {
		_ = w.Close() // nothing was written
		return nil, nil, err
	}
	return p, w, nil
}

// serveLive decodes the packets that come through descriptor 3 as startLive says.
func serveLive(w *bufio.Writer, args []string) error {
	runtime.LockOSThread() // what confine takes away, it takes from this thread and from those that it starts
	if _, err := w.WriteString(wireMagic); err != nil {
		return err
	}
	if len(args) != 1 || liveDecoders[Codec(args[0])] == nil {
		return errors.New("media worker: wrong call")
	}
	if err := confine(liveMemory); err != nil {
		return err
	}
	return decodeLive(w, Codec(args[0]), os.NewFile(3, "packets"))
}

// decodeLive writes what is in the packets that r brings.
func decodeLive(w *bufio.Writer, codec Codec, r io.Reader) error {
	d, err := openLive(liveDecoders[codec])
	if err != nil {
		return err
	}
	defer C.dfp_close(d)
	wire := wireWriter{w: w}
	if err := wire.header(wireHeader{Info: Info{Format: "live"}}); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	in := packetReader{r: bufio.NewReaderSize(r, 1<<16)}
	for {
		since, data, err := in.packet()
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("media worker: %w", err)
		}
		ended := err != nil
		C.dfp_send(d, (*C.uint8_t)(unsafe.SliceData(data)), C.int(len(data)), C.int64_t(since))
		if err := liveBlock(&wire, d); err != nil {
			return err
		}
		if ended {
			return wire.text(wireEnd, "")
		}
		if err := wire.answer(uint64(C.dfp_damaged(d))); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
}

func openLive(names []string) (*C.dfp_decoder, error) {
	list := make([]*C.char, len(names)+1)
	for i, name := range names {
		list[i] = C.CString(name)
		defer C.free(unsafe.Pointer(list[i]))
	}
	array := (**C.char)(C.calloc(C.size_t(len(list)), C.size_t(unsafe.Sizeof(list[0]))))
	defer C.free(unsafe.Pointer(array))
	copy(unsafe.Slice(array, len(list)), list)
	var text [512]C.char
	d := C.dfp_live(array, &text[0], C.int(len(text)))
	if d == nil {
		return nil, errors.New(C.GoString(&text[0]))
	}
	return d, nil
}

// liveBlock writes what came of a packet.
func liveBlock(wire *wireWriter, d *C.dfp_decoder) error {
	var text [512]C.char
	var block C.dfp_block
	for {
		C.dfp_take(d, &block, &text[0], C.int(len(text)))
		switch block.kind {
		case C.DFP_IDLE:
			return nil
		case C.DFP_AUDIO:
			if err := wireSound(wire, &block); err != nil {
				return err
			}
		case C.DFP_VIDEO:
			return wirePicture(wire, &block) // there is no more than one
		default:
			return errors.New(C.GoString(&text[0]))
		}
	}
}
