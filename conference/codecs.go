// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference

import (
	"fmt"
	"slices"

	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/livekit/server-sdk-go/v2/signalling"
	"github.com/pion/webrtc/v4"
)

// askAgain has lost sound asked for again, as LiveKit's client has lost pictures: a person hears no gap of 20 ms, but in the phase of the
// hum it shows. The codecs are those that the client has, Pion's own, with the feedback added to Opus (RFC 4585 §6.2.1).
func askAgain() (lksdk.ConnectOption, error) {
	codecs, err := defaultCodecs()
	if err != nil {
		return nil, fmt.Errorf("conference: codecs: %w", err)
	}
	for i, c := range codecs {
		if c.MimeType == webrtc.MimeTypeOpus {
			codecs[i].RTCPFeedback = append(slices.Clone(c.RTCPFeedback), webrtc.RTCPFeedback{Type: "nack"})
		}
	}
	return func(p *signalling.ConnectParams) { p.Codecs = codecs }, nil
}

// defaultCodecs lists what Pion registers by itself, which only a connection tells.
func defaultCodecs() ([]webrtc.RTPCodecParameters, error) {
	m := &webrtc.MediaEngine{}
	if err := m.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(m)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = pc.Close() }() // it never was connected
	var all []webrtc.RTPCodecParameters
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		t, err := pc.AddTransceiverFromKind(kind)
		if err != nil {
			return nil, err
		}
		all = append(all, t.Receiver().GetParameters().Codecs...)
	}
	return all, nil
}
