// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"

	"github.com/defakepro/defakepro/media"
)

// packetSize is the most that an RTP packet takes, in bytes, with room for what SRTP, UDP and IPv6 add (1280 at least).
const packetSize = 1200

// Media says what a publisher sends.
type Media struct {
	// Audio and Video are codecs; empty for none. Audio can be Opus alone, Video any but AV1.
	Audio, Video media.Codec
	// Width and Height are those of the video, in pixels, for those who choose by them.
	Width, Height int
}

// Publisher is a participant that sends media which is encoded already: for demonstrations and tests. Its methods are safe for
// concurrent use.
type Publisher struct {
	lk           *lksdk.Room
	audio, video *sender
	once         sync.Once
}

// sender is one track that is sent.
type sender struct {
	track *lksdk.LocalTrack
	pub   *lksdk.LocalTrackPublication

	mu         sync.Mutex
	packetizer rtp.Packetizer
	rate       float64
	first      uint32
}

// Publish joins a room as a participant whom all can see. Discontinuous transmission is off, and sound stereo.
func Publish(ctx context.Context, o Options, m Media) (*Publisher, error) {
	o, err := o.prepare()
	if err != nil {
		return nil, err
	}
	token, err := o.token(true)
	if err != nil {
		return nil, err
	}
	p := &Publisher{}
	if p.lk, err = dial(ctx, o, token, &lksdk.RoomCallback{}); err != nil {
		return nil, err
	}
	if m.Audio != "" {
		p.audio, err = p.send(m.Audio, &lksdk.TrackPublicationOptions{Name: "microphone", DisableDTX: true, Stereo: true})
	}
	if m.Video != "" && err == nil {
		p.video, err = p.send(m.Video, &lksdk.TrackPublicationOptions{Name: "camera", VideoWidth: m.Width, VideoHeight: m.Height})
	}
	if err != nil {
		_ = p.Close() // always nil
		return nil, err
	}
	return p, nil
}

// send publishes a track.
func (p *Publisher) send(codec media.Codec, o *lksdk.TrackPublicationOptions) (*sender, error) {
	capability := webrtc.RTPCodecCapability{MimeType: mimeTypes()[codec], ClockRate: 90_000}
	var payloader rtp.Payloader
	switch codec {
	case media.Opus:
		capability.ClockRate, capability.Channels = 48_000, 2
		capability.SDPFmtpLine = "minptime=10;useinbandfec=1"
		payloader = &codecs.OpusPayloader{}
	case media.VP8:
		payloader = &codecs.VP8Payloader{EnablePictureID: true}
	case media.VP9:
		payloader = &codecs.VP9Payloader{}
	case media.H264:
		capability.SDPFmtpLine = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
		payloader = &codecs.H264Payloader{}
	default:
		return nil, fmt.Errorf("conference: %.20q cannot be published", string(codec))
	}
	track, err := lksdk.NewLocalTrack(capability)
	if err != nil {
		return nil, fmt.Errorf("conference: publish %s: %w", codec, err)
	}
	s := newSender(track, payloader, capability.ClockRate)
	if s.pub, err = p.lk.LocalParticipant.PublishTrack(track, o); err != nil {
		return nil, fmt.Errorf("conference: publish %s: %w", codec, err)
	}
	return s, nil
}

// newSender sends by a track; numbers and time stamps begin anywhere (RFC 3550 §5.1).
func newSender(track *lksdk.LocalTrack, payloader rtp.Payloader, rate uint32) *sender {
	sequence := rtp.NewRandomSequencer()
	return &sender{
		track: track, rate: float64(rate), first: uint32(sequence.NextSequenceNumber()) << 16,
		packetizer: rtp.NewPacketizer(packetSize, 0, 0, payloader, sequence, rate),
	}
}

// errAbsent says that a publisher has no such track.
var errAbsent = errors.New("conference: nothing of the kind is published")

// WriteAudio sends one Opus packet, whose sound begins at the given time after the publisher's beginning.
func (p *Publisher) WriteAudio(packet []byte, at time.Duration) error {
	return p.audio.write(packet, at)
}

// WriteVideo sends one frame, taken at the given time after the publisher's beginning. H.264 has start codes (Annex B).
func (p *Publisher) WriteVideo(frame []byte, at time.Duration) error { return p.video.write(frame, at) }

func (s *sender) write(data []byte, at time.Duration) error {
	if s == nil {
		return errAbsent
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, packet := range s.packetizer.Packetize(data, 0) {
		packet.Timestamp = s.first + uint32(int64(math.Round(at.Seconds()*s.rate)))
		if err := s.track.WriteRTP(packet, nil); err != nil {
			return fmt.Errorf("conference: send: %w", err)
		}
	}
	return nil
}

// Mute tells the room that what is of a kind is muted, or no longer is; it is for the caller to stop sending meanwhile.
func (p *Publisher) Mute(kind Kind, muted bool) error {
	s := p.audio
	if kind == Video {
		s = p.video
	}
	if s == nil {
		return errAbsent
	}
	s.pub.SetMuted(muted)
	return nil
}

// Close leaves the room. It returns nil and may be called more than once.
func (p *Publisher) Close() error {
	p.once.Do(p.lk.Disconnect)
	return nil
}
