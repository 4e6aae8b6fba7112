// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package capability

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/biscuit-auth/biscuit-go/v2"
	"github.com/biscuit-auth/biscuit-go/v2/pb"
	"google.golang.org/protobuf/proto"
)

// The forger has no administrator's key. None of its tokens is worth anything.
func TestForger(t *testing.T) {
	a := authority(registry(), noon)
	all := Limits{Operations: list("*")}
	good := token(t, "administrator", "ann", all)
	decided(t, a, good, read, nil)

	decided(t, a, token(t, "eve", "ann", all), read, ErrToken)
	decided(t, a, token(t, "ann", "ann", all), read, ErrToken) // a member's key is no administrator's
	for _, text := range []string{"", "x", "Bearer", strings.Repeat("A", MaxToken), strings.Repeat("A", MaxToken+1), good + "A", good + "\n", "=" + good} {
		decided(t, a, text, read, ErrToken)
	}
	data, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	// Whatever bit of a token is changed, it is another, or the same one with a last secret that does not fit.
	for i := range data {
		for bit := range 8 {
			data[i] ^= 1 << bit
			decided(t, a, base64.RawURLEncoding.EncodeToString(data), read, ErrToken)
			data[i] ^= 1 << bit
		}
	}
	for i := range data {
		decided(t, a, base64.RawURLEncoding.EncodeToString(data[:i]), read, ErrToken)
	}
	// Blocks of two tokens do not go together.
	spliced := unmarshal(t, good)
	spliced.Authority.Block = unmarshal(t, token(t, "eve", "ann", Limits{Operations: list("rounds:read")})).Authority.Block
	decided(t, a, marshal(t, spliced), read, ErrToken)
	// A last secret of another length, over which the library would panic.
	for _, n := range []int{0, 1, 31, 33, 64} {
		odd := unmarshal(t, good)
		odd.Proof = &pb.Proof{Content: &pb.Proof_NextSecret{NextSecret: make([]byte, n)}}
		decided(t, a, marshal(t, odd), read, ErrToken)
	}
	// A good signature of the administrator under something that is no token of ours.
	made := biscuit.NewBlockBuilder(symbols())
	if err := made.AddFact(biscuit.Fact{Predicate: biscuit.Predicate{Name: "right", IDs: []biscuit.Term{biscuit.String("all")}}}); err != nil {
		t.Fatal(err)
	}
	foreign, err := biscuit.New(rand.Reader, key("administrator"), symbols(), made.Build())
	if err != nil {
		t.Fatal(err)
	}
	other, err := foreign.Serialize()
	if err != nil {
		t.Fatal(err)
	}
	decided(t, a, base64.RawURLEncoding.EncodeToString(other), read, ErrToken)
}

func unmarshal(t testing.TB, text string) *pb.Biscuit {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	var out pb.Biscuit
	if err := proto.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return &out
}

func marshal(t testing.TB, b *pb.Biscuit) string {
	t.Helper()
	data, err := proto.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(data)
}
