// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference

import (
	"slices"
	"testing"
	"time"

	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"

	"github.com/defakepro/defakepro/internal/livekit/livekittest"
	"github.com/defakepro/defakepro/media"
)

// TestAskAgain holds that the server and the guard agree on lost sound being sent again.
func TestAskAgain(t *testing.T) {
	s := livekittest.Server(t)
	sound := encode(t, media.Opus, 50, "-f lavfi -i sine=frequency=100:sample_rate=48000:duration=4 -ac 2 -b:a 64k")[:200]
	p := publish(t, options(s, "alice"), Media{Audio: media.Opus})
	go func() { _ = play(t.Context(), sound, 4*time.Second, p.WriteAudio) }()
	o, err := options(s, "guard").prepare()
	if err != nil {
		t.Fatal(err)
	}
	token, err := o.token(false)
	if err != nil {
		t.Fatal(err)
	}
	agreed := make(chan webrtc.RTPCodecParameters, 1)
	lk, err := dial(t.Context(), o, token, &lksdk.RoomCallback{ParticipantCallback: lksdk.ParticipantCallback{
		OnTrackPublished: func(p *lksdk.RemoteTrackPublication, _ *lksdk.RemoteParticipant) { _ = p.SetSubscribed(true) },
		OnTrackSubscribed: func(t *webrtc.TrackRemote, _ *lksdk.RemoteTrackPublication, _ *lksdk.RemoteParticipant) {
			agreed <- t.Codec()
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer lk.Disconnect()
	for _, rp := range lk.GetRemoteParticipants() {
		for _, tp := range rp.TrackPublications() {
			_ = tp.(*lksdk.RemoteTrackPublication).SetSubscribed(true) //nolint:forcetypeassert // of a remote participant
		}
	}
	select {
	case c := <-agreed:
		if c.MimeType != webrtc.MimeTypeOpus || !slices.Contains(c.RTCPFeedback, webrtc.RTCPFeedback{Type: "nack"}) {
			t.Errorf("agreed on %+v", c)
		}
	case <-time.After(time.Minute):
		t.Fatal("no sound comes")
	}
}

// TestDefaultCodecs holds that nothing is lost of what is followed.
func TestDefaultCodecs(t *testing.T) {
	codecs, err := defaultCodecs()
	if err != nil {
		t.Fatal(err)
	}
	for name, mime := range mimeTypes() {
		if !slices.ContainsFunc(codecs, func(c webrtc.RTPCodecParameters) bool { return c.MimeType == mime }) {
			t.Errorf("no %s", name)
		}
	}
}
