// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var (
	drawName  = rapid.StringMatching(`[A-Za-z0-9._-]{1,64}`)
	drawValue = rapid.Int32Range(-MaxOffset, MaxOffset)
	drawHz    = rapid.SampledFrom([]int{50, 60})
)

func drawBytes(n int) *rapid.Generator[[]byte] { return rapid.SliceOfN(rapid.Byte(), n, n) }

func drawHash(t *rapid.T) (h [32]byte) {
	copy(h[:], drawBytes(32).Draw(t, "hash"))
	return h
}

func drawProof(t *rapid.T) Proof {
	return Proof{
		drawHz.Draw(t, "nominal"), rapid.Uint64().Draw(t, "round"), drawName.Draw(t, "member"),
		rapid.SliceOfN(drawValue, 2, 70).Draw(t, "values"), drawBytes(64).Draw(t, "signature"),
	}
}

func drawMember(t *rapid.T) Member {
	m := Member{Name: drawName.Draw(t, "member"), Key: drawBytes(32).Draw(t, "key")}
	if m.Power = rapid.Int64Range(0, MaxPower-1).Draw(t, "power"); m.Power > 0 {
		m.Validator = drawBytes(32).Draw(t, "validator")
	}
	return m
}

func drawChange(t *rapid.T) Change {
	c := Change{Sequence: rapid.Uint64().Draw(t, "sequence"), Operations: rapid.SliceOfN(rapid.Custom(drawOperation), 1, 8).Draw(t, "operations")}
	keys := rapid.SliceOfNDistinct(drawBytes(32), 0, 3, func(b []byte) string { return string(b) }).Draw(t, "keys")
	slices.SortFunc(keys, bytes.Compare)
	for _, key := range keys {
		c.Endorsements = append(c.Endorsements, Endorsement{key, drawBytes(64).Draw(t, "signature")})
	}
	if len(keys) == 0 {
		c.Signature = drawBytes(64).Draw(t, "signature")
	}
	return c
}

func drawOperation(t *rapid.T) Operation {
	o := Operation{Op: Op(rapid.IntRange(1, len(opFields)-1).Draw(t, "op"))}
	has := o.Op.fields()
	if has&hasSeat != 0 {
		o.Member = drawMember(t)
		return o
	}
	if has&hasName != 0 {
		o.Member.Name = drawName.Draw(t, "member")
	}
	if has&hasKey != 0 {
		o.Member.Key = drawBytes(32).Draw(t, "key")
	}
	if has&hasFaulty != 0 {
		o.Faulty = rapid.IntRange(0, MaxMembers).Draw(t, "faulty")
	}
	if has&hasRoles != 0 {
		o.Roles = Roles(rapid.IntRange(1, 7).Draw(t, "roles")) << 2
	}
	if has&hasZone != 0 {
		o.Zone = drawName.Draw(t, "zone")
	}
	if has&hasKind != 0 {
		o.Kind = ZoneKind(rapid.IntRange(1, 3).Draw(t, "kind"))
	}
	if has&hasToken != 0 {
		o.Revocation = Revocation{drawHash(t), rapid.Int64Range(1, maxTime).Draw(t, "until")}
	}
	if has&hasThreshold != 0 {
		o.Threshold = rapid.IntRange(1, MaxAdministrators).Draw(t, "threshold")
	}
	return o
}

func drawTicket(t *rapid.T) Ticket {
	return Ticket{rapid.Uint64().Draw(t, "epoch"), drawName.Draw(t, "member"), drawBytes(80).Draw(t, "proof")}
}

func drawRound(t *rapid.T) Round {
	r := Round{
		Number: rapid.Uint64().Draw(t, "number"),
		Start:  rapid.Int64Range(-MaxLength, maxTime/1000).Draw(t, "start"), Closed: rapid.Int64Range(0, maxTime).Draw(t, "closed"),
		Nominal: drawHz.Draw(t, "nominal"), Rule: rapid.SampledFrom([]Rule{Median, Krum}).Draw(t, "rule"),
		Faulty: rapid.IntRange(0, MaxMembers).Draw(t, "faulty"), CommitteeHash: drawHash(t),
		Truth: rapid.SliceOfN(drawValue, 2, 70).Draw(t, "truth"), Spread: rapid.Uint32().Draw(t, "spread"),
	}
	names := rapid.SliceOfNDistinct(drawName, 1, 8, rapid.ID).Draw(t, "members")
	slices.Sort(names)
	for _, name := range names {
		r.Entries = append(r.Entries, Entry{name, drawHash(t), rapid.Uint64().Draw(t, "score"), rapid.Bool().Draw(t, "inlier")})
	}
	r.Winner = rapid.SampledFrom(names).Draw(t, "winner")
	return r
}

// decoder is a pointer to any of the types that have bytes.
type decoder interface {
	encoding.BinaryUnmarshaler
	encoding.BinaryMarshaler
}

// roundTrip checks that value and its bytes make each other, and that nothing shorter or longer does.
func roundTrip[T any, P interface {
	*T
	decoder
}](t *rapid.T, value T) {
	data, err := P(&value).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var got T
	if err := P(&got).UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(value, got); diff != "" {
		t.Fatal(diff)
	}
	cut := rapid.IntRange(0, len(data)-1).Draw(t, "cut")
	for _, wrong := range [][]byte{data[:cut], append(slices.Clone(data), 0), append([]byte{0xff}, data[1:]...)} {
		if err := P(new(T)).UnmarshalBinary(wrong); err == nil {
			t.Fatalf("%x is taken for %x", wrong, data)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		roundTrip(t, drawProof(t))
		roundTrip(t, drawChange(t))
		roundTrip(t, drawTicket(t))
		roundTrip(t, drawRound(t))
		first := drawProof(t)
		second := first
		second.Values = slices.Clone(first.Values)
		second.Values[0] = ^second.Values[0] % MaxOffset
		roundTrip(t, Evidence{first.Round, first.Member, first, second})
		for _, tx := range []Tx{drawProof(t), drawChange(t), drawTicket(t)} {
			data, err := tx.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			got, err := Decode(data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tx, got); diff != "" {
				t.Fatal(diff)
			}
			if len(data) > MaxTx {
				t.Fatalf("%d bytes", len(data))
			}
		}
	})
}

func TestMaxTx(t *testing.T) {
	c := Change{Operations: make([]Operation, MaxOperations), Endorsements: make([]Endorsement, MaxAdministrators)}
	for i := range c.Endorsements {
		c.Endorsements[i] = Endorsement{bytes.Repeat([]byte{byte(i)}, 32), make([]byte, 64)}
	}
	name := bytes.Repeat([]byte("n"), MaxName)
	for i := range c.Operations {
		c.Operations[i] = Operation{Op: Put, Member: Member{Name: string(name), Key: make([]byte, 32), Power: 1, Validator: make([]byte, 32)}}
	}
	data, err := c.MarshalBinary()
	if err != nil || len(data) != MaxTx {
		t.Errorf("%d bytes, and MaxTx is %d: %v", len(data), MaxTx, err)
	}
	if _, err := Decode(data); err != nil {
		t.Error(err)
	}
	_, err = Decode(append(data, 0))
	refused(t, "long", err, ErrMalformed)
	_, err = Decode(nil)
	refused(t, "empty", err, ErrMalformed)
	_, err = Decode([]byte{9})
	refused(t, "tag", err, ErrMalformed)
}

// What cannot be decoded must not be encoded or signed either.
func TestMalformedIsNotEncoded(t *testing.T) {
	c := committee(4)
	p := proof(t, c, 0, first, 0)
	for name, spoil := range map[string]func(p *Proof){
		"nominal":   func(p *Proof) { p.Nominal = 55 },
		"member":    func(p *Proof) { p.Member = "" },
		"short":     func(p *Proof) { p.Values = p.Values[:1] },
		"long":      func(p *Proof) { p.Values = make([]int32, MaxLength+1) },
		"range":     func(p *Proof) { p.Values = []int32{0, -MaxOffset - 1} },
		"signature": func(p *Proof) { p.Signature = nil },
	} {
		bad := p
		spoil(&bad)
		_, err := bad.MarshalBinary()
		refused(t, name, err, ErrMalformed)
		if name != "signature" {
			refused(t, name, bad.Sign(c.ID, key("m00")), ErrMalformed)
			refused(t, name, bad.Verify(c.ID, public("m00")), ErrMalformed)
		}
	}
	refused(t, "private key", p.Sign(c.ID, nil), ErrMalformed)
	refused(t, "public key", p.Verify(c.ID, nil), ErrSignature)

	good := change(t, c, 1, Operation{Op: SetFaulty})
	for name, o := range map[string]Operation{
		"no such":        {Op: 17},
		"nothing":        {},
		"a seat's role":  {Op: Enrol, Member: Member{Name: "g", Key: public("g")}, Roles: Prover},
		"no role":        {Op: Enrol, Member: Member{Name: "g", Key: public("g")}},
		"no key":         {Op: Rotate, Member: Member{Name: "g"}},
		"a key too many": {Op: Suspend, Member: Member{Name: "g", Key: public("g")}},
		"no kind":        {Op: PutZone, Zone: "z"},
		"no zone":        {Op: Join, Member: Member{Name: "g"}},
		"no signatures":  {Op: SetThreshold},
		"no expiry":      {Op: RevokeToken},
		"put and faulty": {Op: Put, Member: member(0), Faulty: 1},
		"remove a key":   {Op: Remove, Member: member(0)},
		"remove nobody":  {Op: Remove},
		"faulty and who": {Op: SetFaulty, Member: Member{Name: "m00"}},
		"faulty":         {Op: SetFaulty, Faulty: -1},
	} {
		bad := good
		bad.Operations = []Operation{o}
		_, err := bad.MarshalBinary()
		refused(t, name, err, ErrMalformed)
		refused(t, name, bad.Sign(c.ID, key("administrator")), ErrMalformed)
	}
	refused(t, "private key", good.Sign(c.ID, nil), ErrMalformed)

	refused(t, "ticket", (&Ticket{Member: "a b"}).Sign("test", [32]byte{}, key("m00")), ErrMalformed)
	refused(t, "ticket key", (&Ticket{Member: "a"}).Sign("test", [32]byte{}, nil), ErrMalformed)
	_, err := Ticket{Member: "a"}.MarshalBinary()
	refused(t, "ticket without proof", err, ErrMalformed)

	_, err = Round{}.MarshalBinary()
	refused(t, "round", err, ErrMalformed)
}

func TestRoundRefused(t *testing.T) {
	c := committee(3)
	m := machine(t, c, genesis)
	for i := range 3 {
		apply(t, m, end, proof(t, c, i, first, int32(i)))
	}
	good := m.Tick(end)[0]
	for name, spoil := range map[string]func(r *Round){
		"nominal": func(r *Round) { r.Nominal = 0 },
		"closed":  func(r *Round) { r.Closed = -1 },
		"rule":    func(r *Round) { r.Rule = 2 },
		"faulty":  func(r *Round) { r.Faulty = MaxMembers + 1 },
		"length":  func(r *Round) { r.Truth = r.Truth[:1] },
		"range":   func(r *Round) { r.Truth = []int32{0, MaxOffset + 1} },
		"entries": func(r *Round) { r.Entries = nil },
		"order":   func(r *Round) { slices.Reverse(r.Entries) },
		"twice":   func(r *Round) { r.Entries[1] = r.Entries[0] },
		"name":    func(r *Round) { r.Entries[0].Member = "" },
		"winner":  func(r *Round) { r.Winner = "nobody" },
	} {
		bad := good
		bad.Truth, bad.Entries = slices.Clone(good.Truth), slices.Clone(good.Entries)
		spoil(&bad)
		_, err := bad.MarshalBinary()
		refused(t, name, err, ErrMalformed)
		// The bytes that it would have had are not read either.
		refused(t, name, new(Round).UnmarshalBinary(bad.append(nil)), ErrMalformed)
	}
}

// fuzz seeds a decoder with good bytes, and checks that it takes only what it would itself write.
func fuzz[T any, P interface {
	*T
	decoder
}](f *testing.F, seeds ...encoding.BinaryMarshaler) {
	for _, s := range seeds {
		data, err := s.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var value T
		if err := P(&value).UnmarshalBinary(data); err != nil {
			for _, s := range []error{ErrMalformed, ErrCommittee} {
				if errors.Is(err, s) {
					return
				}
			}
			t.Fatalf("%v wraps nothing", err)
		}
		again, err := P(&value).MarshalBinary()
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%x was read, %x written: %v", data, again, err)
		}
	})
}

func FuzzProof(f *testing.F) { fuzz[Proof](f, proof(f, committee(4), 0, first, 7)) }

func FuzzRegistry(f *testing.F) { fuzz[Registry](f, governed(f).Registry(), implied(committee(3))) }

func FuzzChange(f *testing.F) {
	fuzz[Change](f, change(f, committee(4), 1,
		Operation{Op: Put, Member: member(1)}, Operation{Op: Remove, Member: Member{Name: "m00"}}, Operation{Op: SetFaulty, Faulty: 1}))
}

func FuzzTicket(f *testing.F) {
	fuzz[Ticket](f, ticket(f, machine(f, electing(4, 3), end), end, 0))
}

func FuzzRound(f *testing.F) {
	m := machine(f, committee(3), genesis)
	for i := range 3 {
		apply(f, m, end, proof(f, committee(3), i, first, int32(i)))
	}
	fuzz[Round](f, m.Tick(end)[0])
}

func FuzzEvidence(f *testing.F) {
	c := committee(4)
	fuzz[Evidence](f, Evidence{first, "m00", proof(f, c, 0, first, 0), proof(f, c, 0, first, 1)})
}

func FuzzCommittee(f *testing.F) { fuzz[Committee](f, committee(3), electing(4, 3)) }

func FuzzMachine(f *testing.F) {
	m := machine(f, electing(4, 3), end)
	seated, _ := m.Committee(m.Next())
	apply(f, m, end+4000, ticket(f, m, end, 1))
	p := Proof{Nominal: 50, Round: m.Next(), Member: seated.Members[0].Name, Values: []int32{1, 2, 3, 4}}
	if err := p.Sign(seated.ID, key(p.Member)); err != nil {
		f.Fatal(err)
	}
	apply(f, m, end+4000, p)
	apply(f, m, end+4000, change(f, seated, 1, Operation{Op: Put, Member: member(9)}))
	fuzz[Machine](f, m, machine(f, committee(2), 0), governed(f))
}

func FuzzDecode(f *testing.F) {
	c := committee(4)
	for _, tx := range []Tx{
		proof(f, c, 0, first, 7), change(f, c, 1, Operation{Op: SetFaulty}), ticket(f, machine(f, electing(4, 3), end), end, 0),
	} {
		data, err := tx.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	m := machine(f, c, genesis)
	f.Fuzz(func(t *testing.T, data []byte) {
		tx, err := Decode(data)
		if err != nil {
			refused(t, "decode", err, ErrMalformed)
			return
		}
		again, err := tx.MarshalBinary()
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%x was read, %x written: %v", data, again, err)
		}
		_ = m.Check(end, tx) // whatever it says, it does not panic
	})
}

func FuzzCommitteeJSON(f *testing.F) {
	f.Add([]byte(smallFile))
	data, err := json.Marshal(electing(4, 3))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		var c Committee
		if json.Unmarshal(data, &c) != nil {
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var again Committee
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		if c.Hash() != again.Hash() {
			t.Fatalf("%s is not %s", text, data)
		}
	})
}
