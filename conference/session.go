// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/defakepro/defakepro/media"
)

// Why a session ends or a track is not followed.
var (
	errExpelled = errors.New("put out of the room")
	errDouble   = fmt.Errorf("%w: somebody else has joined under the same identity", errExpelled)
	errNotYet   = errors.New("the room cannot be joined yet")
	errBroken   = errors.New("the connection to the server is broken")
	errTooMany  = fmt.Errorf("more than %d tracks", tracksMost)
	errCodec    = errors.New("a codec that is not followed")
	errSealed   = errors.New("end-to-end encrypted: nobody but the participants can see it")
)

// silence keeps LiveKit's client, which logs requests with their tokens, and Pion from the standard logger.
var silence = sync.OnceFunc(func() { lksdk.SetLogger(logger.GetLogger()) })

// session is one connection to a room, by LiveKit's client.
type session struct {
	lk *lksdk.Room
	// changed holds one when who is there, or what they send, or whether the connection stands, may have changed.
	changed chan struct{}
	// down is closed when the client has given up.
	down chan struct{}

	mu      sync.Mutex
	broken  bool
	ended   error
	wanted  map[string]bool // tracks that were subscribed to
	numbers map[string]int  // of these and those before
	left    bool
	leaving sync.Once
	cancel  context.CancelFunc // ends what follows tracks
}

// connect joins the room. Its tracks are followed until ctx ends or the session is left.
func (r *Room) connect(ctx context.Context) (*session, error) {
	s := &session{changed: make(chan struct{}, 1), down: make(chan struct{}), wanted: make(map[string]bool), numbers: make(map[string]int)}
	following, cancel := context.WithCancel(ctx)
	s.cancel = cancel
	callback := &lksdk.RoomCallback{
		OnDisconnectedWithReason:  s.disconnected,
		OnReconnecting:            func() { s.setBroken(true) },
		OnReconnected:             func() { s.setBroken(false) },
		OnParticipantConnected:    func(*lksdk.RemoteParticipant) { s.poke() },
		OnParticipantDisconnected: func(*lksdk.RemoteParticipant) { s.poke() },
		ParticipantCallback: lksdk.ParticipantCallback{
			OnTrackPublished:   func(*lksdk.RemoteTrackPublication, *lksdk.RemoteParticipant) { s.poke() },
			OnTrackUnpublished: func(*lksdk.RemoteTrackPublication, *lksdk.RemoteParticipant) { s.poke() },
			OnTrackMuted:       func(lksdk.TrackPublication, lksdk.Participant) { s.poke() },
			OnTrackUnmuted:     func(lksdk.TrackPublication, lksdk.Participant) { s.poke() },
			OnTrackSubscribed: func(t *webrtc.TrackRemote, p *lksdk.RemoteTrackPublication, rp *lksdk.RemoteParticipant) {
				in := &incoming{who: newParticipant(rp.Identity(), rp.Name()), id: p.SID(), kind: Video, track: t, key: rp.WritePLI, changed: s.poke}
				if t.Kind() == webrtc.RTPCodecTypeAudio {
					in.kind = Audio
				} else {
					setHeight(p, r.options.Height)
				}
				s.mu.Lock()
				defer s.mu.Unlock()
				if in.number = s.numbers[in.id]; !s.left {
					r.work.Go(func() { r.follow(following, in) })
				}
			},
		},
	}
	token, err := r.options.token(false)
	if err == nil {
		s.lk, err = dial(ctx, r.options, token, callback)
	}
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// dial joins by LiveKit's client, which knows no contexts.
func dial(ctx context.Context, o Options, token string, callback *lksdk.RoomCallback) (*lksdk.Room, error) {
	silence()
	again, err := askAgain()
	if err != nil {
		return nil, err
	}
	lk := lksdk.NewRoom(callback)
	err = attempt(ctx, func() error {
		err := lk.JoinWithToken(o.URL, token, lksdk.WithAutoSubscribe(false), lksdk.WithDisableRegionDiscovery(), again)
		if err != nil {
			return explain(o, err)
		}
		return nil
	}, lk.Disconnect)
	if err != nil {
		return nil, err
	}
	return lk, nil
}

// attempt waits for join, which cannot be broken off, or until ctx ends. Where it returns an error, leave undoes what join has done, or will have.
func attempt(ctx context.Context, join func() error, leave func()) error {
	var err error
	done := make(chan struct{})
	go func() {
		err = join()
		close(done)
	}()
	select {
	case <-done:
		if err != nil {
			leave()
		}
		return err
	case <-ctx.Done():
		go func() {
			<-done
			leave()
		}()
		return ctx.Err()
	}
}

// absence is why a room cannot be joined yet.
type absence string

func (a absence) Error() string      { return "conference: " + string(a) }
func (absence) Is(target error) bool { return target == errNotYet }

// explain says what is wrong in words of our own: the client's have no address in them. What may be otherwise later is errNotYet.
func explain(o Options, err error) error {
	what := err.Error()
	switch {
	case strings.HasPrefix(what, "unauthorized"):
		return fmt.Errorf("conference: %s refuses the API key or token", o.server())
	case strings.HasPrefix(what, "not found"):
		return absence(fmt.Sprintf("%s has no room %.60q, or is no LiveKit server", o.server(), o.Room))
	case errors.Is(err, lksdk.ErrConnectionTimeout):
		return absence(o.server() + " was reached, but no media connection to it came about")
	}
	return absence(o.server() + " cannot be reached, or is no LiveKit server")
}

func (s *session) poke() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *session) setBroken(b bool) {
	s.mu.Lock()
	s.broken = b
	if !b {
		clear(s.wanted) // the server may have forgotten
	}
	s.mu.Unlock()
	s.poke()
}

func (s *session) isBroken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// disconnected notes that the client has given up, or was told to go.
func (s *session) disconnected(reason lksdk.DisconnectionReason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return
	}
	switch reason {
	case lksdk.DuplicateIdentity:
		s.ended = errDouble
	case lksdk.ParticipantRemoved:
		s.ended = fmt.Errorf("%w: an administrator has removed the guard", errExpelled)
	default:
		s.ended = fmt.Errorf("%w: %s", errBroken, string(reason))
	}
	close(s.down)
}

func (s *session) reason() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// leave ends the session and its tracks.
func (s *session) leave() {
	s.stop()
	s.leaving.Do(s.lk.Disconnect)
}

// stop ends what follows tracks.
func (s *session) stop() {
	s.mu.Lock()
	s.left = true
	s.mu.Unlock()
	s.cancel()
}

// member is a participant as a session sees it.
type member struct {
	who          Participant
	publications []publication
}

// publication is a track that somebody offers.
type publication struct {
	id    string
	kind  Kind
	muted bool
	// declared says that it is called a microphone or a camera, and not left open.
	declared bool
	problem  error // why it cannot be followed
	session  *session
	lk       *lksdk.RemoteTrackPublication
}

// members returns who is in the room, in the order of their identities.
func (s *session) members() []member {
	var all []member
	for _, rp := range s.lk.GetRemoteParticipants() {
		m := member{who: newParticipant(rp.Identity(), rp.Name())}
		for _, tp := range rp.TrackPublications() {
			lk, ok := tp.(*lksdk.RemoteTrackPublication)
			if !ok || lk.Source() == livekit.TrackSource_SCREEN_SHARE || lk.Source() == livekit.TrackSource_SCREEN_SHARE_AUDIO {
				continue
			}
			p := publication{id: lk.SID(), kind: Video, muted: lk.IsMuted(), declared: lk.Source() != livekit.TrackSource_UNKNOWN, session: s, lk: lk}
			if lk.Kind() == lksdk.TrackKindAudio {
				p.kind = Audio
			}
			if lk.TrackInfo().GetEncryption() != livekit.Encryption_NONE {
				p.problem = errSealed
			}
			m.publications = append(m.publications, p)
		}
		slices.SortFunc(m.publications, func(a, b publication) int { return cmp.Compare(a.id, b.id) })
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b member) int { return cmp.Compare(a.who.ID, b.who.ID) })
	return all
}

// forget drops what is known of tracks that are not there.
func (s *session) forget(there map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := func(id string) bool { return !there[id] }
	maps.DeleteFunc(s.wanted, func(id string, _ bool) bool { return gone(id) })
	maps.DeleteFunc(s.numbers, func(id string, _ int) bool { return gone(id) })
}

func (p *publication) wanted() bool {
	p.session.mu.Lock()
	defer p.session.mu.Unlock()
	return p.session.wanted[p.id]
}

func (p *publication) want(b bool) {
	p.session.mu.Lock()
	p.session.wanted[p.id] = b
	p.session.mu.Unlock()
	if p.lk.SetSubscribed(b) != nil {
		p.session.poke() // the connection breaks just now, and when it stands again all is asked for anew
	}
}

func (p *publication) subscribe(height, number int) {
	p.session.mu.Lock()
	p.session.numbers[p.id] = number
	p.session.mu.Unlock()
	p.want(true)
	if p.kind == Video {
		setHeight(p.lk, height)
	}
}

func (p *publication) unsubscribe() { p.want(false) }

// setHeight asks for the layer of video that is nearest to a height.
func setHeight(p *lksdk.RemoteTrackPublication, height int) {
	p.SetVideoDimensions(uint32(height*16/9), uint32(height))
}

// incoming is a track that is subscribed to.
type incoming struct {
	who     Participant
	id      string
	kind    Kind
	number  int
	track   *webrtc.TrackRemote
	key     func(webrtc.SSRC)
	changed func() // says that there is something to tell of it

	payloadType uint8
	codec       media.Codec
}

// read returns the next RTP packet; an error that is errCodec is that packet's alone.
func (in *incoming) read() (*rtp.Packet, media.Codec, error) {
	p, _, err := in.track.ReadRTP()
	if err != nil {
		return nil, "", err
	}
	if in.codec == "" || p.PayloadType != in.payloadType {
		in.payloadType = p.PayloadType
		name, ok := codecOf(in.track.Codec().MimeType)
		if in.codec = name; !ok {
			return nil, "", fmt.Errorf("%w: %.40q", errCodec, in.track.Codec().MimeType)
		}
	}
	return p, in.codec, nil
}

// expire makes read return, now and from now on.
func (in *incoming) expire() { _ = in.track.SetReadDeadline(time.Unix(1, 0)) }

func (in *incoming) askKey(ssrc uint32) { in.key(webrtc.SSRC(ssrc)) }

// codecOf is the codec of a media type.
func codecOf(mime string) (media.Codec, bool) {
	for name, m := range mimeTypes() {
		if strings.EqualFold(m, mime) {
			return name, true
		}
	}
	return "", false
}

// mimeTypes are the media types of the codecs that are followed.
func mimeTypes() map[media.Codec]string {
	return map[media.Codec]string{
		media.Opus: webrtc.MimeTypeOpus, media.VP8: webrtc.MimeTypeVP8, media.VP9: webrtc.MimeTypeVP9,
		media.H264: webrtc.MimeTypeH264, media.AV1: webrtc.MimeTypeAV1,
	}
}
