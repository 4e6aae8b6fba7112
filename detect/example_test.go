// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package detect_test

import (
	"context"
	"fmt"
	"time"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
)

// A recording of ten minutes, of which half a minute was put in from another day.
func Example() {
	grid := enftest.NewGrid(1, enftest.GridOptions{Duration: time.Hour}).Series()
	otherDay := enftest.NewGrid(2, enftest.GridOptions{Duration: time.Hour}).Series()

	recording := enf.Series{Step: time.Second}
	recording.Hz = append(recording.Hz, grid.Hz[600:900]...)
	recording.Hz = append(recording.Hz, otherDay.Hz[900:930]...)
	recording.Hz = append(recording.Hz, grid.Hz[930:1200]...)
	est := enf.Estimate{Series: recording, Grid: enf.Grid60, Source: enf.SourceAudio, Present: true}

	channel := detect.Compare(context.Background(), est, grid, detect.Options{Search: true})
	fmt.Println(channel.Verdict)
	fmt.Printf("made %.0f s into the reference\n", channel.Lag)
	for _, span := range channel.Forged {
		fmt.Printf("%s from minute %.1f to %.1f\n", span.Kind, span.Start/60, span.End/60)
	}
	// Output:
	// forged
	// made 600 s into the reference
	// foreign from minute 5.0 to 5.5
}

// When was it recorded?
func ExampleFindMatches() {
	reference := enftest.NewGrid(3, enftest.GridOptions{Duration: 24 * time.Hour}).Series()
	reference.Start = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	recording := enf.Series{Step: time.Second, Hz: reference.Hz[40000:40600]}

	matches, err := detect.FindMatches(context.Background(), recording, reference, 1)
	if err != nil {
		panic(err)
	}
	best := matches[0]
	fmt.Println(best.Time.Format(time.DateTime), best.LLR > 100)
	// Output: 2026-05-01 11:06:40 true
}
