// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/defakepro/defakepro/conference"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/media"
	"github.com/defakepro/defakepro/sim"
)

// mostGuests bounds a simulated call: each guest is rendered and encoded here.
const mostGuests = 100

type simCallOptions struct {
	livekit, room string
	people        int
	seed          uint64
	mains         mainsOptions
	grid          enf.Grid
	video         sim.Video
	noVideo       bool
	noAudio       bool
	attacks       []sim.Attack
	duration      time.Duration
}

func newSimCallCommand() *cobra.Command {
	opts := simCallOptions{people: 4, seed: 1, mains: mainsOptions{seed: 1}, grid: enf.Grid60, video: sim.Video{FPS: 25}}
	codec := media.VP8
	c := &cobra.Command{
		Use:   "call --livekit URL --room ROOM",
		Short: "Send simulated participants into a meeting",
		Long: `Call joins a room of a LiveKit server as several participants, who are rendered, encoded and sent in real time: each in a room of their own with its
hum, light, camera and clock, all on one grid. It is for trying a guard out. --attack forges what the last one sends, from so many seconds on; the kinds are those
of sim.

The key and secret of the LiveKit project are taken from ` + livekitKeyVariable + ` and ` + livekitSecretVariable + `. With the --grid-seed and --grid-start of "defakepro sim mains", a
committee of nodes listens to the same grid.`,
		Example: `  defakepro sim call --livekit ws://127.0.0.1:7880 --room board --people 4 --attack replace:120-`,
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			opts.video.Codec = string(codec)
			return runSimCall(c.Context(), opts, c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.StringVar(&opts.livekit, "livekit", "", "the conference's `URL`")
	f.StringVar(&opts.room, "room", "", "the `ROOM` to join")
	f.IntVar(&opts.people, "people", opts.people, "how many")
	f.Uint64Var(&opts.seed, "seed", opts.seed, "what all chance comes from")
	opts.mains.flags(c)
	f.Var(gridFlag{&opts.grid}, "nominal", "the grid's nominal frequency in hertz; auto is 60")
	f.Func("size", "size of the picture, `LINES or PIXELS` such as 720p or 640x480 (default 360p)", func(s string) (err error) {
		opts.video.Width, opts.video.Height, err = sim.ParseSize(s)
		return err
	})
	f.Var(numberFlag{&opts.video.FPS, 60}, "fps", "frames a second")
	f.Var(choiceFlag[media.Codec]{&codec, []media.Codec{media.VP8, media.VP9, media.H264}}, "codec", "that of the picture")
	f.BoolVar(&opts.noVideo, "no-video", false, "send no picture")
	f.BoolVar(&opts.noAudio, "no-audio", false, "send no sound")
	f.Func("attack", "forge a stretch of the last one's, `KIND:FROM-[TO][:CHANNEL]` in seconds; repeatable", func(s string) error {
		a, err := sim.ParseAttack(s)
		opts.attacks = append(opts.attacks, a)
		return err
	})
	f.Var(durationFlag{&opts.duration, time.Second, 24 * time.Hour}, "seconds", "length of the call (default until SIGINT)")
	return c
}

// recordings are what is sent.
func (o simCallOptions) recordings(start time.Time) []sim.Recording {
	if o.mains.start.IsZero() {
		o.mains.start = start.Truncate(time.Second)
	}
	people := sim.Meeting(o.seed, o.mains.grid(o.grid), o.people)
	for i := range people {
		r := &people[i]
		r.Start, r.Duration = start, o.duration
		video := *r.Video
		video.Width, video.Height, video.Codec = o.video.Width, o.video.Height, o.video.Codec
		video.Readout *= video.FPS / o.video.FPS // the same share of a frame
		video.FPS = o.video.FPS
		r.Video = &video
		if o.noVideo {
			r.Video = nil
		}
		if o.noAudio {
			r.Audio = nil
		}
	}
	people[len(people)-1].Attacks = o.attacks
	return people
}

func runSimCall(ctx context.Context, opts simCallOptions, stdout io.Writer) error {
	room := conference.Options{URL: opts.livekit, Room: opts.room, Key: os.Getenv(livekitKeyVariable), Secret: os.Getenv(livekitSecretVariable)}
	switch {
	case opts.livekit == "" || opts.room == "":
		return errors.New("sim call: needs --livekit and --room, where to join")
	case room.Key == "" || room.Secret == "":
		return fmt.Errorf("sim call: needs %s and %s", livekitKeyVariable, livekitSecretVariable)
	case opts.people < 1 || opts.people > mostGuests:
		return fmt.Errorf("sim call: --people %d: must be from 1 to %d", opts.people, mostGuests)
	case opts.noVideo && opts.noAudio:
		return errors.New("sim call: --no-video and --no-audio leave nothing to send")
	}
	start := time.Now().Add(time.Second)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	if err := opts.enter(ctx, group, room, start); err != nil {
		cancel() // who is there already leaves
		if failed := group.Wait(); failed != nil && !errors.Is(failed, context.Canceled) {
			err = failed
		}
		return err
	}
	_, _ = fmt.Fprintf(stdout, "%d in %q from %s on\n", opts.people, opts.room, start.UTC().Format(time.RFC3339))
	for _, a := range opts.attacks {
		_, _ = fmt.Fprintf(stdout, "%s: %s from %s on\n", guestName(opts.people-1), a, start.Add(a.From).UTC().Format(time.RFC3339))
	}
	err := group.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// enter has all guests join and send.
func (o simCallOptions) enter(ctx context.Context, group *errgroup.Group, room conference.Options, start time.Time) error {
	for i, r := range o.recordings(start) {
		room.Identity, room.Name = fmt.Sprintf("sim-%d-%d", o.seed, i), guestName(i)
		guest, err := newGuest(ctx, r, room)
		if err != nil {
			return err
		}
		group.Go(func() error { return guest.send(ctx) })
	}
	return nil
}

// guestName is the name of a simulated participant.
func guestName(i int) string {
	names := []string{"Ada", "Ben", "Chloe", "Dora", "Edsger", "Fran", "Grace", "Hal"}
	name := names[i%len(names)]
	if i >= len(names) {
		name += fmt.Sprint(" ", i/len(names)+1)
	}
	return name
}

// guest is a simulated participant in a room.
type guest struct {
	stream *sim.Stream
	out    *conference.Publisher
}

// newGuest has a recording rendered, and joins a room as the one who sends it.
func newGuest(ctx context.Context, r sim.Recording, room conference.Options) (*guest, error) {
	stream, err := r.Stream(ctx, sim.StreamOptions{})
	if err != nil {
		return nil, err
	}
	var m conference.Media
	if r.Audio != nil {
		m.Audio = media.Opus
	}
	if r.Video != nil {
		m.Video = media.VP8
		if slices.Contains([]media.Codec{media.VP9, media.H264}, media.Codec(r.Video.Codec)) {
			m.Video = media.Codec(r.Video.Codec)
		}
		m.Width, m.Height = r.Video.Width, r.Video.Height
	}
	out, err := conference.Publish(ctx, room, m)
	if err != nil {
		return nil, errors.Join(err, stream.Close())
	}
	return &guest{stream, out}, nil
}

// send sends what is rendered until it ends or ctx does, and leaves.
func (g *guest) send(ctx context.Context) error {
	group, sending := errgroup.WithContext(ctx)
	pass := func(packets iter.Seq2[sim.Packet, error], write func([]byte, time.Duration) error) {
		group.Go(func() error {
			for p, err := range packets {
				if err == nil {
					err = write(p.Data, p.Time)
				}
				if err = cmp.Or(err, sending.Err()); err != nil { // without sound there is no picture, and the other way
					return err
				}
			}
			return nil
		})
	}
	if g.stream.Recording().Audio != nil {
		pass(g.stream.Audio(), g.out.WriteAudio)
	}
	if g.stream.Recording().Video != nil {
		pass(g.stream.Video(), g.out.WriteVideo)
	}
	err := group.Wait()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return errors.Join(err, g.out.Close(), g.stream.Close())
}
