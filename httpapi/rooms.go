// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"maps"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/defakepro/defakepro/enf"
)

type roomInput struct {
	Room string `path:"room" doc:"The room's name."`
}

func (s *server) registerRooms(api huma.API) {
	watched := s.needs(func() bool { return s.Meetings != nil }, "no meeting is watched here")
	type listOutput struct {
		CacheControl string `header:"Cache-Control"`
		Body         roomList
	}
	op := served(operation(api, "watched-rooms", http.MethodGet, "/v1/rooms", "The rooms that are watched."), watched)
	huma.Register(api, op, func(context.Context, *struct{}) (*listOutput, error) {
		meetings := s.Meetings()
		out := roomList{Rooms: make([]roomBrief, 0, len(meetings)), Joining: s.Join != nil}
		for _, name := range slices.Sorted(maps.Keys(meetings)) {
			out.Rooms = append(out.Rooms, newBrief(name, meetings[name].Room()))
		}
		return &listOutput{"no-store", out}, nil
	})

	type roomOutput struct {
		CacheControl string `header:"Cache-Control"`
		Body         roomState
	}
	op = served(operation(api, "room", http.MethodGet, "/v1/rooms/{room}", "A room: who is in it, and the verdict on each.", http.StatusNotFound), watched)
	huma.Register(api, op, func(_ context.Context, in *roomInput) (*roomOutput, error) {
		m, err := s.meeting(in.Room)
		if err != nil {
			return nil, err
		}
		return &roomOutput{"no-store", newRoom(in.Room, m.Room(), s.Now())}, nil
	})

	type curvesInput struct {
		Room    string `path:"room" doc:"The room's name."`
		ID      string `path:"id" doc:"The participant's identity."`
		Channel string `query:"channel" required:"true" enum:"audio,video"`
		From    string `query:"from" maxLength:"40" doc:"From this time on, RFC 3339 or Unix seconds, and windows that end then or later; all that is kept if absent, an hour at most."`
	}
	type curvesOutput struct {
		CacheControl string `header:"Cache-Control"`
		Body         curves
	}
	op = served(operation(api, "curves", http.MethodGet, "/v1/rooms/{room}/participants/{id}/curves",
		"What is behind the verdict on one channel of a participant, over the time that is kept.", http.StatusNotFound), watched)
	huma.Register(api, op, func(_ context.Context, in *curvesInput) (*curvesOutput, error) {
		m, err := s.meeting(in.Room)
		if err != nil {
			return nil, err
		}
		c, ok := m.Curves(in.ID, enf.Source(in.Channel))
		if !ok {
			return nil, kindNoChannel.problem("room %s has no participant with this identity and %s", printable(in.Room), in.Channel)
		}
		var from time.Time
		if in.From != "" {
			if from, err = parseInstant(in.From); err != nil {
				return nil, kindRequest.problem("from: %v", err)
			}
		}
		return &curvesOutput{"no-store", newCurves(c, m.Room(), from)}, nil
	})
	s.registerRoomEvents(api, watched)
	s.registerTokens(api, watched)
}

// meeting returns the meeting in a room; its error is a problem.
func (s *server) meeting(room string) (Meeting, error) {
	m, ok := s.Meetings()[room]
	if !ok {
		return nil, kindNoRoom.problem("no room of this name is watched here")
	}
	return m, nil
}

func (s *server) registerRoomEvents(api huma.API, watched middleware) {
	op := served(operation(api, "room-events", http.MethodGet, "/v1/rooms/{room}/events",
		"The room as it is and whenever it has changed, once a second at most, as server-sent events: event room, the time in Unix milliseconds "+
			"as id, the room in JSON as data. A client that does not keep up is disconnected.",
		http.StatusNotFound, http.StatusServiceUnavailable), watched)
	schemas := api.OpenAPI().Components.Schemas
	op.Responses["200"] = &huma.Response{
		Description: "Server-sent events; each one's data is of this form.",
		Content:     map[string]*huma.MediaType{eventType: {Schema: schemas.Schema(reflect.TypeFor[roomState](), true, "RoomState")}},
	}
	huma.Register(api, op, func(_ context.Context, in *roomInput) (*eventsOutput, error) {
		if _, err := s.meeting(in.Room); err != nil {
			return nil, err
		}
		return &eventsOutput{func(ctx huma.Context) {
			r, w := humago.Unwrap(ctx)
			s.stream(w, r, s.still(r, "room-events", in.Room), func(ctx context.Context) iter.Seq[[]byte] { return s.roomEvents(ctx, in.Room) })
		}}, nil
	})
}

// roomEvents yields a room as it is now, and again when it has changed, until ctx ends or it is watched no more. What
// changes between two events is in the second.
func (s *server) roomEvents(ctx context.Context, name string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for {
			m, ok := s.Meetings()[name]
			if !ok {
				return
			}
			changed, now := m.Changed(), s.Now() // before the room is read, so that no change is missed
			if !yield(encodeEvent("room", strconv.FormatInt(now.UnixMilli(), 10), newRoom(name, m.Room(), now))) {
				return
			}
			if !pause(ctx, s.Limits.Pace) {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}
}

// pause waits, and reports whether ctx is still good afterwards.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// ticket lets someone into a conference.
type ticket struct {
	URL   string `json:"url" doc:"The conference server."`
	Token string `json:"token" doc:"What it asks for; it is good for this room, and for a while."`
}

// newcomer is who asks for a ticket.
type newcomer struct {
	Name string `json:"name" minLength:"1" maxLength:"80" doc:"For the others to read."`
}

func (s *server) registerTokens(api huma.API, watched middleware) {
	type tokenInput struct {
		Room        string `path:"room" doc:"The room's name."`
		ContentType string `header:"Content-Type" hidden:"true"`
		RawBody     []byte
	}
	type tokenOutput struct {
		CacheControl string `header:"Cache-Control"`
		Body         ticket
	}
	op := served(operation(api, "join", http.MethodPost, "/v1/rooms/{room}/tokens", "A token to join the room with, for pages of this host.",
		http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
		http.StatusServiceUnavailable), watched,
		s.needs(func() bool { return s.Join != nil }, "tokens are not given here: join with a client of your own"), s.readBody)
	op.DefaultStatus = http.StatusCreated
	huma.Register(api, op, func(ctx context.Context, in *tokenInput) (*tokenOutput, error) {
		if kind, _, err := mime.ParseMediaType(in.ContentType); err != nil || kind != "application/json" {
			return nil, blank(http.StatusUnsupportedMediaType, "it takes application/json")
		}
		name, err := decodeNewcomer(in.RawBody)
		if err != nil {
			return nil, kindRequest.problem("%v", err)
		}
		if _, err := s.meeting(in.Room); err != nil {
			return nil, err
		}
		url, token, err := s.Join(ctx, in.Room, name)
		if err != nil {
			s.Log.Warn("token to join", slogErr(err))
			return nil, kindUnavailable.problem("no token could be had")
		}
		return &tokenOutput{"no-store", ticket{url, token}}, nil
	})
	content := api.OpenAPI().Paths[op.Path].Post.RequestBody.Content
	clear(content)
	content["application/json"] = &huma.MediaType{Schema: api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[newcomer](), true, "Newcomer")}
}

// decodeNewcomer returns the name of who asks for a ticket: what can be read, and is not too long to be one.
func decodeNewcomer(data []byte) (string, error) {
	var n newcomer
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&n); err != nil {
		return "", errors.New("the body is not as documented: " + printable(err.Error()))
	}
	if _, more := d.Token(); more != io.EOF {
		return "", errors.New("the body has more than one value")
	}
	name := strings.TrimSpace(n.Name)
	length := utf8.RuneCountInString(name)
	if length == 0 || length > 80 || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsGraphic(r) || r == utf8.RuneError }) {
		return "", errors.New("name: it takes 1 to 80 characters that can be read")
	}
	return name, nil
}
