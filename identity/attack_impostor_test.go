// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/defakepro/defakepro/poenf"
)

// The impostor sees what goes over the wire, runs a node of its own that members connect to, and has keys of its own.
func TestImpostor(t *testing.T) {
	now := time.UnixMilli(1e12)
	v := verifierAt(t, "honest:1", func() time.Time { return now })
	refused := func(what string, want error, sent []byte, member string, signature []byte) {
		t.Helper()
		if p, err := v.Verify(sent, member, signature); !errors.Is(err, want) {
			t.Errorf("%s: %+v, %v; want %v", what, p, err, want)
		}
	}
	fresh := func(zone string) []byte { return challengeOf(t, v, zone) }

	sent := fresh("")
	good := answer(t, sent, "honest:1", "", "ann", "ann")
	if _, err := v.Verify(sent, "ann", good); err != nil {
		t.Fatal(err)
	}
	refused("replayed", ErrReplay, sent, "ann", good)
	refused("replayed as another's", ErrReplay, sent, "bob", good)
	refused("an old answer to a new challenge", ErrAnswer, fresh(""), "ann", good)

	sent = fresh("")
	refused("another's key", ErrAnswer, sent, "ann", answer(t, sent, "honest:1", "", "ann", "eve"))
	refused("a bad answer uses the challenge up", ErrReplay, sent, "ann", answer(t, sent, "honest:1", "", "ann", "ann"))
	sent = fresh("")
	refused("signed as somebody else", ErrAnswer, sent, "ann", answer(t, sent, "honest:1", "", "bob", "ann"))
	sent = fresh("")
	refused("nobody", poenf.ErrNotMember, sent, "eve", answer(t, sent, "honest:1", "", "eve", "eve"))
	sent = fresh("")
	refused("suspended", poenf.ErrNotMember, sent, "sam", answer(t, sent, "honest:1", "", "sam", "sam"))
	sent = fresh("acme")
	refused("not in the zone", poenf.ErrNotMember, sent, "bob", answer(t, sent, "honest:1", "acme", "bob", "bob"))
	sent = fresh("nowhere")
	refused("no such zone", poenf.ErrNotMember, sent, "ann", answer(t, sent, "honest:1", "nowhere", "ann", "ann"))

	// Relayed: ann connects to the impostor, which passes on a challenge of the honest node.
	sent = fresh("acme")
	if _, err := Answer(sent, "test", "impostor:1", "acme", "ann", keyOf("ann")); !errors.Is(err, ErrChallenge) {
		t.Errorf("ann answers a challenge that was not made for her: %v", err)
	}
	if _, err := Answer(sent, "test", "honest:1", "", "ann", keyOf("ann")); !errors.Is(err, ErrChallenge) {
		t.Errorf("ann answers for a zone that she was not asked for: %v", err)
	}
	if _, err := Answer(sent, "other", "honest:1", "acme", "ann", keyOf("ann")); !errors.Is(err, ErrChallenge) {
		t.Errorf("ann answers for another committee: %v", err)
	}
	// What ann answers to the impostor's own challenge is good nowhere else.
	impostor := verifier(t, "impostor:1")
	own := challengeOf(t, impostor, "acme")
	refused("made by the impostor", ErrChallenge, own, "ann", answer(t, own, "impostor:1", "acme", "ann", "ann"))
	// Nor is what the honest node asked before it was started anew.
	before := challengeOf(t, verifier(t, "honest:1"), "acme")
	refused("of another run", ErrChallenge, before, "ann", answer(t, before, "honest:1", "acme", "ann", "ann"))

	sent = fresh("acme")
	signature := answer(t, sent, "honest:1", "acme", "ann", "ann")
	for i := range sent {
		spoiled := bytes.Clone(sent)
		spoiled[i] ^= 1
		refused("changed", ErrChallenge, spoiled, "ann", signature)
	}
	for i := range len(sent) {
		refused("cut short", ErrChallenge, sent[:i], "ann", signature)
	}
	refused("too long", ErrChallenge, append(bytes.Clone(sent), make([]byte, 1000)...), "ann", signature)
	now = now.Add(DefaultLife)
	refused("too old", ErrChallenge, sent, "ann", signature)
}

// The flooder answers more challenges than anybody can remember: it is told so, and nothing grows.
func TestFlooder(t *testing.T) {
	v := verifier(t, "a:1")
	for i := range maxReplays {
		v.seen[[nonceSize]byte{byte(i), byte(i >> 8), byte(i >> 16), 1}] = 1e12 + 1
	}
	sent := challengeOf(t, v, "")
	if _, err := v.Verify(sent, "ann", answer(t, sent, "a:1", "", "ann", "ann")); !errors.Is(err, ErrBusy) {
		t.Errorf("%v, want ErrBusy", err)
	}
}
