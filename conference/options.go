// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/livekit/protocol/auth"
)

const (
	// defaultHeight is that of the layer which is asked for of video sent in several: rows are what ENF is read from, and beyond
	// this they cost more than they tell.
	defaultHeight = 720
	// tokenTime is how long a token made here is good for; the server renews it meanwhile.
	tokenTime = 6 * time.Hour
)

// Options say which room to join, and as whom. URL and Room are needed, and either Key and Secret or Token.
type Options struct {
	// URL is the server's, ws://host:port or wss://host; http and https are taken for these.
	URL string
	// Room is the room's name. A server that makes rooms on demand, as LiveKit does unless told otherwise, makes it where it does
	// not exist.
	Room string
	// Key and Secret are the server's API key, from which a token is made here; they are not sent.
	Key, Secret string
	// Token is used as it is, in place of Key and Secret; it says itself for which room and as whom.
	Token string
	// Identity is unique in the room; made up when empty, and made anew when somebody else joins under it. Name is for people to read.
	Identity, Name string
	// Height is that of the video layer to ask for, in pixels, 720 by default.
	Height int
	// Now is the clock; nil stands for time.Now.
	Now func() time.Time
	// Log takes what happens; nil for nothing. Keys, tokens, and names and media of participants never reach it.
	Log *slog.Logger
}

// prepare checks options and fills in defaults.
func (o Options) prepare() (Options, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil:
		return o, errors.New("conference: the server's URL cannot be parsed") // err has the URL in it, which might have a key in it
	case u.Scheme != "ws" && u.Scheme != "wss" && u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return o, errors.New("conference: the server's URL must be like ws://host:port or wss://host")
	case o.Token == "" && (o.Key == "" || o.Secret == ""):
		return o, errors.New("conference: neither an API key with its secret nor a token is given")
	case o.Token == "" && o.Room == "":
		return o, errors.New("conference: no room is named")
	case o.Height < 0:
		return o, fmt.Errorf("conference: a height of %d", o.Height)
	}
	if o.Identity == "" {
		o.Identity = newIdentity()
	}
	if o.Height == 0 {
		o.Height = defaultHeight
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

// newIdentity returns one that nobody can guess.
func newIdentity() string { return "defakepro-" + rand.Text() }

// server names the server in errors, without what else a URL may hold.
func (o Options) server() string {
	u, err := url.Parse(o.URL)
	if err != nil {
		return "the server"
	}
	return u.Scheme + "://" + u.Host
}

// token returns the token to join with.
func (o Options) token(publish bool) (string, error) {
	if o.Token != "" {
		return o.Token, nil
	}
	yes, no := true, false
	grant := &auth.VideoGrant{RoomJoin: true, Room: o.Room, CanPublish: &publish, CanSubscribe: &yes, CanPublishData: &no}
	if publish {
		grant.CanSubscribe = &no
	} else {
		grant.Hidden = true
	}
	t, err := auth.NewAccessToken(o.Key, o.Secret).SetVideoGrant(grant).SetIdentity(o.Identity).SetName(o.Name).SetValidFor(tokenTime).ToJWT()
	if err != nil {
		return "", errors.New("conference: no token can be made of this key and secret")
	}
	return t, nil
}
