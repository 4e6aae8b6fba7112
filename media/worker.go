// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo && !noav

package media

/*
#cgo CFLAGS: -O3 -Wall
#cgo pkg-config: libavformat libavcodec libswscale libavutil
#cgo LDFLAGS: -lm
#include <stdlib.h>
#include "libav.h"
*/
import "C"

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unsafe"
)

// workerMemory is what a worker may map on top of what the program maps when it starts: enough for 8K video with a dozen
// reference frames in several threads, too little to take the machine down.
const workerMemory = 4 << 30

// defaultDecoder is libavformat and libavcodec in a process of its own.
var defaultDecoder decoder = openWorker

// WorkerMain must be the first call in main, and in TestMain of packages whose tests open recordings. Where this process was
// started to decode a file or a live stream, it does so and exits; otherwise it returns at once.
func WorkerMain() {
	workerReady.Store(true)
	if os.Args[0] != workerName && os.Args[0] != liveName {
		return
	}
	w := bufio.NewWriterSize(os.Stdout, 1<<18)
	serve := serveFile
	if os.Args[0] == liveName {
		serve = serveLive
	}
	if err := serve(w, os.Args[1:]); err != nil {
		wire := wireWriter{w: w}
		_ = wire.text(wireFailure, err.Error()) // the writer keeps its error
	}
	if w.Flush() != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// serveFile decodes the file behind descriptor 3 as the arguments of openWorker say.
func serveFile(w *bufio.Writer, args []string) error {
	runtime.LockOSThread() // what confine takes away, it takes from this thread and from those that it starts
	if _, err := w.WriteString(wireMagic); err != nil {
		return err
	}
	if len(args) != 4 {
		return errors.New("media worker: wrong call")
	}
	threads, err := strconv.Atoi(args[2])
	if err != nil {
		return fmt.Errorf("media worker: %w", err)
	}
	if err := confine(workerMemory); err != nil {
		return err
	}
	return decodeFile(w, args[0] == "true", args[1] == "true", args[3] == "true", threads)
}

// confine gives up what decoding does not need, and keeps to so much memory on top of what is mapped already.
func confine(memory uint64) error {
	var mapped uint64
	statm, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		_, err = fmt.Sscan(strings.Fields(string(statm) + " ?")[0], &mapped)
	}
	if err != nil {
		return fmt.Errorf("media worker: %w", err)
	}
	limit := mapped*uint64(os.Getpagesize()) + memory
	if failed := C.dfp_confine(C.uint64_t(limit)); failed != nil {
		return fmt.Errorf("media worker: cannot limit %s", C.GoString(failed))
	}
	return nil
}

// decodeFile writes what is in descriptor 3.
func decodeFile(w *bufio.Writer, audio, video, pictures bool, threads int) error {
	var text [512]C.char
	var info C.dfp_info
	formats := C.CString(demuxers)
	defer C.free(unsafe.Pointer(formats))
	d := C.dfp_open(3, formats, flag(audio), flag(video), C.int(threads), &info, &text[0], C.int(len(text)))
	if d == nil {
		return errors.New(C.GoString(&text[0]))
	}
	defer C.dfp_close(d)
	if pictures {
		C.dfp_pictures(d)
	}
	wire := wireWriter{w: w}
	if err := wire.header(describe(&info)); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	var block C.dfp_block
	for {
		C.dfp_next(d, &block, &text[0], C.int(len(text)))
		var err error
		switch block.kind {
		case C.DFP_AUDIO:
			err = wireSound(&wire, &block)
		case C.DFP_VIDEO:
			err = wirePicture(&wire, &block)
		case C.DFP_IDLE:
			if err = wire.record(wireAlive, nil); err == nil {
				err = w.Flush()
			}
		case C.DFP_END:
			return wire.text(wireEnd, C.GoString(&text[0]))
		default:
			return errors.New(C.GoString(&text[0]))
		}
		if err != nil {
			return err
		}
	}
}

// wireSound writes a decoded stretch of audio in blocks of bounded length.
func wireSound(wire *wireWriter, block *C.dfp_block) error {
	n, channels := int(block.samples), int(block.channels)
	pcm := unsafe.Slice((*float32)(unsafe.Pointer(block.pcm)), n*channels)
	part := make([][]float32, channels)
	pts := time.Duration(block.pts)
	for from := 0; from < n; from += blockFrames {
		to := min(from+blockFrames, n)
		for c := range part {
			part[c] = pcm[c*n+from : c*n+to]
		}
		if err := wire.audio(pts, int(block.rate), part); err != nil {
			return err
		}
		pts = noTime // follows
	}
	return nil
}

// wirePicture writes a decoded frame.
func wirePicture(wire *wireWriter, block *C.dfp_block) error {
	sums := unsafe.Slice((*uint32)(unsafe.Pointer(block.sums)), int(block.rows*block.strips))
	var plane []byte
	if block.plane != nil {
		plane = unsafe.Slice((*byte)(unsafe.Pointer(block.plane)), int(block.width)*int(block.rows))
	}
	return wire.video(time.Duration(block.pts), int(block.width), int(block.strips), int(block.peak), sums, plane)
}

func describe(c *C.dfp_info) wireHeader {
	h := wireHeader{
		Info: Info{
			Format:     C.GoString(&c.format[0]),
			AudioCodec: C.GoString(&c.audio_codec[0]),
			VideoCodec: C.GoString(&c.video_codec[0]),
			Duration:   max(time.Duration(c.duration), 0),
			SampleRate: int(c.rate),
			Channels:   int(c.channels),
			Width:      int(c.width),
			Height:     int(c.height),
			FrameRate:  float64(c.frame_rate),
			Rotation:   int(c.rotation),
			OtherAudio: int(c.other_audio),
			OtherVideo: int(c.other_video),
		},
		Declared: max(time.Duration(c.declared), 0),
	}
	h.Info.HasAudio, h.Info.HasVideo = h.Info.AudioCodec != "", h.Info.VideoCodec != ""
	return h
}

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}
