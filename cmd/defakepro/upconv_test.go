// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
)

// pngBomb is "png-bomb FILE SIDE": it writes a PNG of a few bytes that claims to be SIDE pixels either way.
func pngBomb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: png-bomb FILE SIDE")
	}
	side, err := strconv.ParseUint(args[1], 10, 32)
	ts.Check(err)
	header := []byte("IHDR")
	header = binary.BigEndian.AppendUint32(header, uint32(side))
	header = binary.BigEndian.AppendUint32(header, uint32(side))
	header = append(header, 8, 0, 0, 0, 0) // gray, 8 bits
	file := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), header...)
	file = binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(header))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), file, 0o600))
}
