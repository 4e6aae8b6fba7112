// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package media_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/defakepro/defakepro/media"
)

func ExampleOpen() {
	path := tone()
	defer os.Remove(path)

	r, err := media.Open(context.Background(), path, media.Options{Audio: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	fmt.Println(r.Info().Format, r.Info().SampleRate, "Hz", r.Info().Duration)
	for {
		b, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil { // may wrap media.ErrIncomplete: what came before is good
			fmt.Println(err)
			break
		}
		fmt.Println("from", b.Audio.Start.Sub(time.Time{}), "samples", b.Audio.Len())
	}
	// Output:
	// wav 8000 Hz 1.5s
	// from 0s samples 8192
	// from 1.024s samples 3808
}

// tone writes a WAV file of 1.5 s.
func tone() (path string) {
	b := []byte("RIFF\xe4\x5d\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\xc0\x5d\x00\x00")
	for i := range 12_000 {
		b = binary.LittleEndian.AppendUint16(b, uint16(i%80*400))
	}
	f, err := os.CreateTemp("", "tone-*.wav")
	if err != nil {
		panic(err)
	}
	if _, err := f.Write(b); err != nil {
		panic(err)
	}
	if err := f.Close(); err != nil {
		panic(err)
	}
	return f.Name()
}
