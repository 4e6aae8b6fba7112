// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux || !cgo || noav

package media

// defaultDecoder is the ffmpeg program.
var defaultDecoder decoder = openPipe

// WorkerMain must be the first call in main, and in TestMain of packages whose tests open recordings. Where this process was
// started to decode a file or a live stream, it does so and exits; otherwise it returns at once. This build has no such processes.
func WorkerMain() {}
