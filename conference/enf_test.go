// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
	"github.com/defakepro/defakepro/internal/livekit/livekittest"
	"github.com/defakepro/defakepro/media"
	"github.com/defakepro/defakepro/sim"
)

// talk is somebody who talks in a room on a known grid, encoded.
type talk struct {
	name           string
	mains          *enftest.Grid
	sound, picture []sample
	codec          media.Codec
	width, height  int
	length         time.Duration
}

// newTalk renders a talk of a length, for its beginning to be at second zero of its grid.
func newTalk(t testing.TB, seed uint64, length time.Duration, width, height int, fps float64, codec media.Codec) talk {
	t.Helper()
	mains := sim.NewMains(seed, enf.Grid60, start)
	s, err := sim.Recording{
		Seed: seed, Duration: length, Mains: mains, Start: start, Grid: enf.Grid60,
		Video: &sim.Video{Width: width, Height: height, FPS: fps, Readout: 0.75 / fps, Exposure: 1. / 400, Flicker: 0.03, Motion: true, Codec: string(codec)},
		Audio: &sim.Audio{Stereo: true, CN0: 50},
	}.Stream(t.Context(), sim.StreamOptions{Unpaced: true})
	if err != nil {
		t.Skipf("cannot render: %v", err)
	}
	defer s.Close()
	var sound, picture []sample
	var group sync.WaitGroup
	for list, packets := range map[*[]sample]iter.Seq2[sim.Packet, error]{&sound: s.Audio(), &picture: s.Video()} {
		group.Go(func() {
			for p, err := range packets {
				if err != nil {
					t.Error(err)
					return
				}
				*list = append(*list, sample{p.Time, p.Data})
			}
		})
	}
	group.Wait()
	return talk{fmt.Sprintf("%dp, %g fps, %s", height, fps, codec), mains, sound, picture, codec, width, height, length}
}

// score is how well a series keeps to the grid.
type score struct {
	rmse, offset float64 // hertz; of what is left after the offset, and the offset
	correlation  float64
	share        float64 // of seconds that have a value
}

func (s score) String() string {
	return fmt.Sprintf("RMSE %.2f mHz, offset %.2f mHz, correlation %.4f, %.0f %% of seconds", 1e3*s.rmse, 1e3*s.offset, s.correlation, 100*s.share)
}

// compare holds so much of a series from an instant on against the grid, whose second zero was at zero.
func compare(s enf.Series, mains *enftest.Grid, from, zero time.Time, length time.Duration) score {
	var n, sx, sy, sxx, syy, sxy float64
	for i, x := range s.Hz {
		at := s.Time(i).Sub(zero).Seconds()
		if past := s.Time(i).Sub(from); math.IsNaN(x) || past < 0 || past > length {
			continue
		}
		x, y := x-60, mains.Frequency(at)-60
		n, sx, sy, sxx, syy, sxy = n+1, sx+x, sy+y, sxx+x*x, syy+y*y, sxy+x*y
	}
	vx, vy, c := sxx/n-sx/n*sx/n, syy/n-sy/n*sy/n, sxy/n-sx/n*sy/n
	return score{
		rmse: math.Sqrt(max(0, vx+vy-2*c)), offset: (sx - sy) / n, correlation: c / math.Sqrt(vx*vy), share: n / length.Seconds(),
	}
}

// estimate follows a track to its end.
func estimate(ctx context.Context, track *Track) (enf.Estimate, error) {
	audio, video := enf.NewAudio(enf.Options{Grid: enf.Grid60, Live: true}), enf.NewVideo(enf.Options{Grid: enf.Grid60, Live: true})
	for {
		b, err := track.Read(ctx)
		if err == nil && b.Audio != nil {
			err = audio.Write(*b.Audio)
		} else if err == nil {
			err = video.Write(*b.Luma)
		}
		switch {
		case errors.Is(err, io.EOF):
			if track.Kind == Audio {
				return audio.Close(), nil
			}
			return video.Close(), nil
		case err != nil:
			return enf.Estimate{}, err
		}
	}
}

// direct is what a talk gives when it is decoded packet by packet, with no network between.
func (k talk) direct(t *testing.T, kind Kind) score {
	t.Helper()
	est, _ := throughLoss(t, k, kind, 0, false)
	return compare(est.Series, k.mains, start, start, k.length)
}

// TestENF holds that the grid's frequency comes through a conference as well as through the codec alone: four participants on a
// server, each with picture and sound.
func TestENF(t *testing.T) {
	if testing.Short() {
		t.Skip("takes two minutes and more")
	}
	const length = 90 * time.Second
	talks, direct := make([]talk, 4), make([]map[Kind]score, 4)
	t.Run("direct", func(t *testing.T) {
		for i, v := range []struct {
			width, height int
			fps           float64
			codec         media.Codec
		}{{640, 360, 25, media.VP8}, {640, 360, 30, media.VP8}, {1280, 720, 25, media.H264}, {1280, 720, 30, media.VP8}} {
			t.Run(fmt.Sprintf("%dp, %g fps, %s", v.height, v.fps, v.codec), func(t *testing.T) {
				t.Parallel()
				k := newTalk(t, uint64(i+1), length, v.width, v.height, v.fps, v.codec)
				talks[i], direct[i] = k, map[Kind]score{Audio: k.direct(t, Audio), Video: k.direct(t, Video)}
			})
		}
	})
	for _, d := range direct {
		if d == nil {
			t.Skip("not all could be rendered")
		}
	}
	s := livekittest.Server(t)
	r := join(t, options(s, "guard"))
	var group sync.WaitGroup
	began := make([]time.Time, len(talks))
	for i, k := range talks {
		p := publish(t, options(s, fmt.Sprint(i)), Media{Audio: media.Opus, Video: k.codec, Width: k.width, Height: k.height})
		began[i] = time.Now()
		var playing sync.WaitGroup
		playing.Go(func() { playOnce(t, k.sound, p.WriteAudio) })
		playing.Go(func() { playOnce(t, k.picture, p.WriteVideo) })
		group.Go(func() {
			playing.Wait()
			_ = p.Close() // always nil
		})
	}
	left := 0
	ctx, cancel := context.WithTimeout(t.Context(), length+time.Minute)
	defer cancel()
	for e := range r.Events(ctx) {
		if e.Kind == Left {
			if left++; left == len(talks) {
				break
			}
		}
		if e.Kind != Began {
			continue
		}
		group.Go(func() {
			var i int
			if _, err := fmt.Sscan(e.Participant.ID, &i); err != nil {
				t.Error(err)
				return
			}
			est, err := estimate(ctx, e.Track)
			if err != nil {
				t.Errorf("%s %s: %v", talks[i].name, e.Track.Kind, err)
				return
			}
			got := compare(est.Series, talks[i].mains, began[i], began[i], length)
			want := direct[i][e.Track.Kind]
			t.Logf("%s, %s: %v; without a conference: %v", talks[i].name, e.Track.Kind, got, want)
			if got.rmse > 1.3*want.rmse+0.0003 || got.share < want.share-0.1 || math.Abs(got.offset-want.offset) > 0.001 {
				t.Errorf("%s, %s: %v; without a conference: %v", talks[i].name, e.Track.Kind, got, want)
			}
		})
	}
	if left < len(talks) {
		t.Errorf("%d of %d have left", left, len(talks))
	}
	group.Wait()
}

// playOnce sends samples at their times.
func playOnce(t *testing.T, samples []sample, write func([]byte, time.Duration) error) {
	began := time.Now()
	for _, s := range samples {
		select {
		case <-t.Context().Done():
			return
		case <-time.After(time.Until(began.Add(s.at))):
		}
		if err := write(s.data, s.at); err != nil {
			t.Error(err)
			return
		}
	}
}

// TestENFLoss measures what is left of it when packets are lost, without a server and faster than real time; with nobody sending
// again what was lost, and with a sender that does, a round trip of 60 ms later.
func TestENFLoss(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	const length = 90 * time.Second
	k := newTalk(t, 5, length, 640, 360, 30, media.VP8)
	for _, again := range []bool{false, true} {
		for _, loss := range []float64{0, 0.02, 0.05, 0.1} {
			for _, kind := range []Kind{Audio, Video} {
				est, lost := throughLoss(t, k, kind, loss, again)
				got := compare(est.Series, k.mains, start, start, length)
				t.Logf("%s, loss %.0f %%, sent again %v: %.1f %% of packets missing: present %v, %v", kind, 100*loss, again, 100*lost, est.Present, got)
				if (again || loss == 0) && (got.rmse > 0.002 || got.share < 0.7) {
					t.Errorf("%v", got)
				}
				if kind == Video && !again && loss > 0 && est.Present {
					t.Errorf("pictures that need one that was lost: %v", got)
				}
			}
		}
	}
}

// inStep is a decoder that is not given packets faster than its blocks are read, since it would drop them.
type inStep struct {
	*media.Live
	ahead chan struct{}
}

func (s *inStep) Read(ctx context.Context) (media.Block, error) {
	b, err := s.Live.Read(ctx)
	if err == nil {
		<-s.ahead
	}
	return b, err
}

// throughLoss sends a talk through a network that loses packets.
func throughLoss(t *testing.T, k talk, kind Kind, loss float64, again bool) (enf.Estimate, float64) {
	t.Helper()
	r := rand.New(rand.NewPCG(7, uint64(1000*loss)))
	samples, codec, rate := k.sound, media.Opus, 48000.
	if kind == Video {
		samples, codec, rate = k.picture, k.codec, 90000
	}
	payloader := map[media.Codec]rtp.Payloader{
		media.Opus: &codecs.OpusPayloader{}, media.VP8: &codecs.VP8Payloader{EnablePictureID: true}, media.H264: &codecs.H264Payloader{},
	}[codec]
	p := rtp.NewPacketizer(packetSize, 96, 7, payloader, rtp.NewFixedSequencer(1), uint32(rate))
	b := newBench(kind)
	var l []line
	sent, lost := 0, 0
	for _, s := range samples {
		for _, packet := range p.Packetize(s.data, 0) {
			packet.Timestamp = uint32(math.Round(s.at.Seconds() * rate))
			sent++
			at := start.Add(s.at + time.Duration(r.Int64N(int64(10*time.Millisecond))))
			tries := 1
			for r.Float64() < loss {
				at = at.Add(60 * time.Millisecond)
				tries++
			}
			if tries > 1 && !again || tries > 4 {
				lost++
				continue
			}
			l = append(l, line{packet, at})
		}
	}
	b.transmit(codec, l)
	if len(b.stretches) != 1 {
		t.Fatalf("%d stretches", len(b.stretches))
	}
	live, err := media.OpenLive(t.Context(), codec, media.LiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	step := &inStep{Live: live, ahead: make(chan struct{}, 64)}
	go func() {
		defer live.End()
		for _, packet := range b.stretches[0].packets {
			step.ahead <- struct{}{}
			if err := live.Write(packet); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	track := &Track{Kind: kind, live: step}
	defer track.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	est, err := estimate(ctx, track)
	if err != nil {
		t.Fatal(err)
	}
	return est, float64(lost) / float64(sent)
}
