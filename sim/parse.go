// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/defakepro/defakepro/enf"
)

// ParseAttack reads an attack from its short form, kind:from-to in seconds, with an optional channel: "replace:60-100",
// "cut:30-42.5", "mute:10-20:audio". Without the second time, as in "camera:60-", it goes on to the end.
func ParseAttack(s string) (Attack, error) {
	parts := strings.Split(s, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return Attack{}, fmt.Errorf("attack %q: want kind:from-to in seconds, such as replace:60-100", s)
	}
	from, to, ranged := strings.Cut(parts[1], "-")
	if !ranged {
		return Attack{}, fmt.Errorf("attack %q: want kind:from-to in seconds, such as replace:60-100", s)
	}
	a := Attack{Kind: Kind(parts[0])}
	var err error
	if a.From, err = seconds(from); err == nil && to != "" {
		if a.To, err = seconds(to); err == nil && a.To <= a.From {
			err = errors.New("its end is not after its beginning")
		}
	}
	if err != nil {
		return Attack{}, fmt.Errorf("attack %q: %w", s, err)
	}
	if len(parts) == 3 {
		a.Only = enf.Source(parts[2])
	}
	if err := a.check(longest); err != nil {
		return Attack{}, err
	}
	return a, nil
}

func seconds(s string) (time.Duration, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v >= 0 && v <= longest.Seconds()) {
		return 0, fmt.Errorf("%q is not a time in seconds of at most %v", s, longest)
	}
	return time.Duration(math.Round(v * float64(time.Second))), nil
}

// ParseSize reads a picture's size: lines of 16:9 ("360p", "720p", "1080p") or width and height ("640x480").
func ParseSize(s string) (width, height int, err error) {
	if lines, ok := strings.CutSuffix(s, "p"); ok {
		height, err = strconv.Atoi(lines)
		width = (height*16/9 + 1) / 2 * 2
	} else {
		w, h, _ := strings.Cut(s, "x")
		if width, err = strconv.Atoi(w); err == nil {
			height, err = strconv.Atoi(h)
		}
	}
	if err != nil || width < 16 || height < 16 || width > 7680 || height > 4320 || height%2 != 0 || width%2 != 0 {
		return 0, 0, fmt.Errorf("picture size %q: want lines, such as 720p, or pixels, such as 640x480, both even", s)
	}
	return width, height, nil
}
