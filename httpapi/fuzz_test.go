// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/defakepro/defakepro/poenf"
)

// Whatever a round in JSON decodes to, its encoding decodes to the same.
func FuzzRound(f *testing.F) {
	good, err := json.Marshal(newRound(aRound(7)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"entries":[{"score":"18446744073709551616"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decodeRound(data)
		if err != nil {
			if errors.Is(err, poenf.ErrMalformed) {
				t.Errorf("%v blames the caller", err)
			}
			return
		}
		again, err := json.Marshal(newRound(r))
		if err != nil {
			t.Fatal(err)
		}
		if back, err := decodeRound(again); err != nil || !reflect.DeepEqual(r, back) {
			t.Errorf("%+v, %v; want %+v", back, err, r)
		}
	})
}

// A proof in JSON is one in bytes, or malformed.
func FuzzProof(f *testing.F) {
	f.Add([]byte(asJSON(committee.Proof("m000", 7))))
	f.Add([]byte("{}{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := decodeProof(data)
		if err != nil {
			if !errors.Is(err, poenf.ErrMalformed) {
				t.Errorf("%v", err)
			}
			return
		}
		b, err := p.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var back poenf.Proof
		if err := back.UnmarshalBinary(b); err != nil || !reflect.DeepEqual(p, back) {
			t.Errorf("%+v, %v; want %+v", back, err, p)
		}
	})
}

// A stream, cut anywhere, gives events that are no longer than allowed, and ends.
func FuzzEvents(f *testing.F) {
	f.Add(append(encodeRound(aRound(7)), ": beat\n\nid\ndata\n\n"...))
	f.Add([]byte("data:\r\n\r\n\n:\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		in := newEventReader(bytes.NewReader(data))
		for range len(data) + 1 {
			e, err := in.next(func() {})
			if err != nil {
				return
			}
			if len(e.data) > len(data) || bytes.Contains([]byte(e.name+e.id), []byte("\n")) {
				t.Errorf("%+v", e)
			}
		}
		t.Error("more events than bytes")
	})
}

func FuzzProblem(f *testing.F) {
	f.Add(problemType, []byte(`{"type":"urn:defakepro:problem:early","detail":"d"}`))
	f.Fuzz(func(t *testing.T, kind string, data []byte) {
		p := readProblem(409, kind, data)
		if s := p.Error(); s == "" || len(s) > 600 || bytes.ContainsAny([]byte(s), "\x00\x1b\n\r") || p.Status != 409 {
			t.Errorf("%+v", p)
		}
	})
}

func FuzzTruth(f *testing.F) {
	f.Add([]byte(`{"start":"1970-01-01T00:00:07Z","step_s":1,"hz":[50.1,null],"sigma_hz":[0,null]}`), 2)
	f.Fuzz(func(t *testing.T, data []byte, n int) {
		s, err := decodeTruth(data, time.Unix(7, 0), n)
		if err == nil && (len(s.Hz) != n || len(s.Sigma) != n || !s.Start.Equal(time.Unix(7, 0))) {
			t.Errorf("%+v", s)
		}
		var back floats
		if b, err := json.Marshal(floats(s.Hz)); err != nil || json.Unmarshal(b, &back) != nil || len(back) != len(s.Hz) {
			t.Errorf("%v became %s", s.Hz, b)
		}
		for i := range back {
			if back[i] != s.Hz[i] && !math.IsNaN(s.Hz[i]) {
				t.Errorf("%v became %v", s.Hz[i], back[i])
			}
		}
	})
}

func FuzzInstant(f *testing.F) {
	for _, s := range []string{"0", "253402300799", "253402300800", "2026-11-23T12:00:00Z", "2026-11-23T12:00:00.5 01:00", "-0", "1e9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, err := parseInstant(s)
		if err == nil && (at.Unix() < 0 || at.Unix() > lastTime) {
			t.Errorf("%q is %s", s, at)
		}
		if err != nil && len(err.Error()) > 600 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	})
}
