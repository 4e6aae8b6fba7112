// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo && !noav

package media

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
)

// workerName is the name, argument 0, by which a worker knows itself.
const workerName = "defakepro media worker"

// workerReady tells whether this program calls WorkerMain. Without that, starting a worker would start the whole program
// once more, and in a test that opens recordings, again and again.
var workerReady atomic.Bool

// worker is a file being decoded by a worker process.
type worker struct {
	p    *process
	wire wireReader
	meta Info
}

// openWorker starts this program again as a worker for f.
func openWorker(ctx context.Context, f *os.File, _ string, o Options) (source, error) {
	if !workerReady.Load() {
		return nil, errors.New("this program cannot decode the format: its main does not call media.WorkerMain")
	}
	threads := o.Threads
	if threads <= 0 {
		threads = runtime.NumCPU()
	}
	audio, video := o.wants()
	args := []string{workerName, strconv.FormatBool(audio), strconv.FormatBool(video), strconv.Itoa(min(threads, 64)),
		strconv.FormatBool(o.Pictures)}
	// The link holds even when the program's file has been replaced since.
	p, err := start(ctx, "/proc/self/exe", args, []*os.File{f}, o.Stall)
	if err != nil {
		return nil, err
	}
	w := &worker{p: p, wire: wireReader{r: bufio.NewReaderSize(p, 1<<18), pictures: o.Pictures}}
	if w.meta, err = w.wire.header(); err != nil {
		return nil, w.fail(err)
	}
	return w, nil
}

func (w *worker) info() Info { return w.meta }

func (w *worker) close() error { return w.p.close() }

func (w *worker) read() (Block, error) {
	b, err := w.wire.block()
	if err != nil {
		err = w.fail(err)
	}
	return b, err
}

// fail ends the worker and tells why.
func (w *worker) fail(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, os.ErrDeadlineExceeded) {
		return w.p.failure(err)
	}
	_ = w.p.close() // always nil
	return err
}
