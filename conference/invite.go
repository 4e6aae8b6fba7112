// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference

import (
	"crypto/rand"
	"errors"
	"time"

	"github.com/livekit/protocol/auth"
)

// inviteTime is how long after it was made a guest's token lets one in.
const inviteTime = 10 * time.Minute

// Invite returns a token with which someone of this name, who gets an identity of their own, may join the options' room
// within ten minutes and be seen there. It takes Key and Secret.
func (o Options) Invite(name string) (string, error) {
	if o.Key == "" || o.Secret == "" || o.Room == "" {
		return "", errors.New("conference: an invitation takes an API key with its secret, and a room")
	}
	yes, no := true, false
	grant := &auth.VideoGrant{RoomJoin: true, Room: o.Room, CanPublish: &yes, CanSubscribe: &yes, CanPublishData: &no}
	guest := newParticipant("guest-"+rand.Text()[:10], name)
	t, err := auth.NewAccessToken(o.Key, o.Secret).SetVideoGrant(grant).SetIdentity(guest.ID).SetName(guest.Name).SetValidFor(inviteTime).ToJWT()
	if err != nil {
		return "", errors.New("conference: no token can be made of this key and secret")
	}
	return t, nil
}
