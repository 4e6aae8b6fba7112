// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference_test

import (
	"context"
	"fmt"
	"os"

	"github.com/defakepro/defakepro/conference"
)

// It joins a room and tells of every block of sound and picture; without a server, in a test, it is compiled alone.
func ExampleJoin() {
	ctx := context.Background()
	room, err := conference.Join(ctx, conference.Options{
		URL: "wss://meet.example.org", Room: "board", Key: os.Getenv("LIVEKIT_API_KEY"), Secret: os.Getenv("LIVEKIT_API_SECRET"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = room.Close() }()
	for e := range room.Events(ctx) {
		switch e.Kind {
		case conference.Began:
			go func() {
				for {
					block, err := e.Track.Read(ctx)
					if err != nil {
						return // io.EOF when the stretch ends; another may begin
					}
					fmt.Println(e.Participant.Name, e.Track.Kind, e.Track.Number(), block.Audio != nil)
				}
			}()
		case conference.Unreadable:
			fmt.Println(e.Participant.Name, e.Of, e.Err)
		}
	}
}
