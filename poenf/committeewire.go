// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// committeeFile is the form of a committee in JSON. Keys are in base64, as in CometBFT's genesis.
type committeeFile struct {
	ID            string            `json:"id"`
	Nominal       int               `json:"nominal_hz"`
	Rule          Rule              `json:"rule"`
	Faulty        *int              `json:"faulty"`
	Length        int               `json:"length"`
	Period        int64             `json:"period_s"`
	Grace         int64             `json:"grace_ms"`
	Expiry        int64             `json:"expiry_ms"`
	Skew          int64             `json:"skew_ms"`
	EpochRounds   int               `json:"epoch_rounds"`
	Seats         int               `json:"seats"`
	Administrator ed25519.PublicKey `json:"administrator,omitempty"`
	Members       []memberFile      `json:"members"`
}

type memberFile struct {
	Name      string            `json:"name"`
	Key       ed25519.PublicKey `json:"key"`
	Power     int64             `json:"power,omitempty"`
	Validator []byte            `json:"validator,omitempty"`
}

// MarshalJSON returns the committee's file, with every parameter in it.
func (c Committee) MarshalJSON() ([]byte, error) {
	f := committeeFile{
		c.ID, c.Nominal, c.Rule, &c.Faulty, c.Length, c.Period, c.Grace, c.Expiry, c.Skew, c.EpochRounds, c.Seats,
		c.Administrator, make([]memberFile, len(c.Members)),
	}
	for i, m := range c.Members {
		f.Members[i] = memberFile(m)
	}
	return json.Marshal(f)
}

// UnmarshalJSON takes a committee's file: an object with the fields of the table in docs/design/poenf.md, keys in base64.
// Parameters that are not there have the defaults of [NewCommittee]. Fields that are unknown, written in another case,
// given twice or null are refused, with an error that wraps [ErrMalformed], and bounds with one that wraps [ErrCommittee].
func (c *Committee) UnmarshalJSON(data []byte) error {
	if err := checkJSON(data); err != nil {
		return fmt.Errorf("%w: committee: %w", ErrMalformed, err)
	}
	d := NewCommittee("", 0)
	f := committeeFile{Rule: d.Rule, Length: d.Length, Period: d.Period, Grace: d.Grace, Expiry: d.Expiry, Skew: d.Skew}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		if errors.Is(err, ErrMalformed) {
			return fmt.Errorf("committee: %w", err)
		}
		return fmt.Errorf("%w: committee: %w", ErrMalformed, err)
	}
	out := Committee{
		f.ID, f.Nominal, f.Rule, 0, f.Length, f.Period, f.Grace, f.Expiry, f.Skew, f.EpochRounds, f.Seats,
		f.Administrator, make([]Member, len(f.Members)),
	}
	for i, m := range f.Members {
		out.Members[i] = Member(m)
	}
	if f.Faulty != nil {
		out.Faulty = *f.Faulty
	} else {
		out.Faulty = out.Rule.MaxFaulty(out.seats())
	}
	if err := out.Validate(); err != nil {
		return err
	}
	*c = out
	return nil
}

// checkJSON refuses what encoding/json lets pass: names given twice or in another case, null, and text after the value.
func checkJSON(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := checkValue(dec); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("something follows the object")
	}
	return nil
}

func checkValue(dec *json.Decoder) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	if token == nil {
		return errors.New("null is no value")
	}
	if delim, ok := token.(json.Delim); !ok || delim != '{' && delim != '[' {
		return nil
	}
	var seen []string
	for dec.More() {
		if token == json.Delim('{') {
			key, err := dec.Token()
			if err != nil {
				return err
			}
			name := key.(string)
			if slices.Contains(seen, name) || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
				return fmt.Errorf("field %.40q is there twice, or not in lower case", name)
			}
			seen = append(seen, name)
		}
		if err := checkValue(dec); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

// append appends the committee's bytes, in which its members are in order of name.
func (c Committee) append(b []byte) []byte {
	b = appendString(append(b, tagCommittee), c.ID)
	b = appendUint16(append(b, byte(c.Nominal), byte(c.Rule)), c.Faulty)
	b = appendUint16(b, c.Length)
	b = appendUint64(appendUint64(b, uint64(c.Period)), uint64(c.Grace))
	b = appendUint64(appendUint64(b, uint64(c.Expiry)), uint64(c.Skew))
	b = appendUint16(appendUint32(b, int64(c.EpochRounds)), c.Seats)
	b = appendString(b, string(c.Administrator))
	return appendMembers(b, c.Members)
}

func appendMembers(b []byte, members []Member) []byte {
	if !slices.IsSortedFunc(members, byName) {
		members = slices.SortedFunc(slices.Values(members), byName)
	}
	b = appendUint16(b, len(members))
	for _, m := range members {
		b = appendMember(b, m)
	}
	return b
}

func byName(a, b Member) int { return strings.Compare(a.Name, b.Name) }

// AppendBinary appends the committee's bytes. An error wraps [ErrCommittee].
func (c Committee) AppendBinary(b []byte) ([]byte, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c.append(b), nil
}

// MarshalBinary returns the committee's bytes, in which its members are in order of name. An error wraps [ErrCommittee].
func (c Committee) MarshalBinary() ([]byte, error) { return c.AppendBinary(nil) }

// UnmarshalBinary takes the bytes of a committee and nothing else. An error wraps [ErrMalformed] or [ErrCommittee].
func (c *Committee) UnmarshalBinary(data []byte) error {
	r := &reader{data: data}
	out := r.committee()
	if err := r.end(); err != nil {
		return fmt.Errorf("committee: %w", err)
	}
	*c = out
	return nil
}

func (r *reader) committee() Committee {
	r.tag(tagCommittee, "committee")
	c := Committee{
		ID: string(r.take(int(r.number(1)))), Nominal: r.nominal(), Rule: Rule(r.number(1)), Faulty: int(r.number(2)),
		Length: int(r.number(2)), Period: int64(r.number(8)), Grace: int64(r.number(8)), Expiry: int64(r.number(8)),
		Skew: int64(r.number(8)), EpochRounds: int(r.number(4)), Seats: int(r.number(2)),
		Administrator: r.take(int(r.number(1))),
	}
	c.Members = r.members()
	if r.err == nil {
		r.err = c.Validate()
	}
	return c
}

// members reads what [appendMembers] wrote, and in that order.
func (r *reader) members() []Member {
	members := make([]Member, r.count(1, MaxMembers, 1+1+ed25519.PublicKeySize+4, "members"))
	for i := range members {
		members[i] = r.member()
		if r.err == nil && i > 0 && members[i-1].Name >= members[i].Name {
			r.fail("member %s is not after %s", members[i].Name, members[i-1].Name)
		}
	}
	return members
}
