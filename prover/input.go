// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package prover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/defakepro/defakepro/enf"
)

// InputOptions says how an input is read. The zero value is right for most.
type InputOptions struct {
	// Grid is the nominal frequency; it is known, for a committee has one.
	Grid enf.Grid
	// Format, Rate (Hz) and Channels are those of raw sound; zero for 16-bit little-endian, 8000 and 1.
	Format   Format
	Rate     int
	Channels int
	// Stdin is what "-" reads.
	Stdin io.Reader
	// Log takes what goes wrong on the way. nil discards.
	Log *slog.Logger
}

// Inputs describes the inputs that [Open] knows, a line each, for a command's help.
const Inputs = `soundcard[:DEVICE]  ALSA's default device, or DEVICE, through arecord
command:COMMAND     what the shell command writes: raw PCM, as --pcm, --rate and --channels say
-                   raw PCM from the standard input
media:FILE          a recording, played in real time from now on, once
csv:FILE            a frequency series, over and over: the value of UTC second t is row t modulo its length`

// Check returns an error if the input is none of [Inputs]. It opens nothing.
func Check(input string) error {
	kind, rest, _ := strings.Cut(input, ":")
	switch {
	case input == "-", kind == "soundcard":
		return nil
	case (kind == "command" || kind == "media" || kind == "csv") && rest != "":
		return nil
	}
	return fmt.Errorf("input %q: must be soundcard[:DEVICE], command:COMMAND, media:FILE, csv:FILE or -", input)
}

// Open opens an input by its description, one of [Inputs].
func Open(ctx context.Context, input string, o InputOptions) (Source, error) {
	if err := Check(input); err != nil {
		return nil, err
	}
	kind, rest, _ := strings.Cut(input, ":")
	switch kind {
	case "-":
		if o.Stdin == nil {
			return nil, errors.New("input -: there is no standard input here")
		}
		return NewPCM(o.Stdin, o)
	case "soundcard":
		return newSoundcard(ctx, rest, o)
	case "command":
		return newCommand(ctx, []string{"sh", "-c", rest}, o)
	case "media":
		return NewRecording(ctx, rest, o.Grid)
	}
	s, err := enf.ReadFile(rest)
	if err != nil {
		return nil, err
	}
	if s, _, err = s.Fundamental(o.Grid); err != nil {
		return nil, fmt.Errorf("%s: %w", rest, err)
	}
	return NewReplay(s)
}
