// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import (
	"bytes"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/vectors.json anew")

// vectors is what another implementation must agree with, byte for byte: histories of machines. Bytes and hashes are in
// hexadecimal.
type vectors struct {
	Histories []vectorHistory `json:"histories"`
}

type vectorHistory struct {
	Name           string       `json:"name"`
	Committee      Committee    `json:"committee"`
	CommitteeBytes string       `json:"committee_bytes"`
	CommitteeHash  string       `json:"committee_hash"`
	Keys           []vectorKey  `json:"keys"`
	Genesis        int64        `json:"genesis_ms"`
	Steps          []vectorStep `json:"steps"`
	Machine        string       `json:"machine"` // in the end
}

type vectorKey struct {
	Member string `json:"member"`
	Seed   string `json:"seed"` // RFC 8032 §5.1.5
}

// vectorStep is a transaction, or where there is none, a tick.
type vectorStep struct {
	What     string   `json:"what"`
	Now      int64    `json:"now_ms"`
	Tx       string   `json:"tx,omitempty"`
	TxHash   string   `json:"tx_hash,omitempty"`
	Refused  string   `json:"refused,omitempty"`  // the sentinel's text
	Evidence string   `json:"evidence,omitempty"` // its bytes
	Rounds   []string `json:"rounds,omitempty"`   // their bytes
	Seed     string   `json:"seed,omitempty"`     // of the next epoch's tickets, after a tick
	Next     uint64   `json:"next"`
	Machine  string   `json:"machine_hash"`
}

const vectorsFile = "testdata/vectors.json"

// TestVectors makes the histories and compares them with those on file. All that is random is drawn in integers.
func TestVectors(t *testing.T) {
	got, err := json.MarshalIndent(vectors{[]vectorHistory{
		scriptMedian(t), scriptKrum(t), scriptElection(t), scriptLarge(t), scriptRegistry(t),
	}}, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile(vectorsFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		a, b := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
		for i := range min(len(a), len(b)) {
			if !bytes.Equal(a[i], b[i]) {
				t.Fatalf("line %d is %.200s\nwant %.200s", i+1, a[i], b[i])
			}
		}
		t.Fatalf("%d lines, want %d", len(a), len(b))
	}
}

// TestVectorsReplayed does what another implementation would: it knows only the file.
func TestVectorsReplayed(t *testing.T) {
	data, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	for _, h := range v.Histories {
		m := machine(t, h.Committee, h.Genesis)
		for i, want := range h.Steps {
			got := vectorStep{What: want.What, Now: want.Now, Tx: want.Tx}
			if want.Tx == "" {
				play(t, m, &got, nil)
			} else {
				tx, err := Decode(unhex(t, want.Tx))
				if err != nil {
					t.Fatal(err)
				}
				play(t, m, &got, tx)
			}
			data := m.append(nil)
			m = new(Machine) // each step goes on from what was written down
			if err := m.UnmarshalBinary(data); err != nil {
				t.Fatalf("%s, step %d: %v", h.Name, i, err)
			}
			a, _ := json.Marshal(want)
			b, _ := json.Marshal(got)
			if !bytes.Equal(a, b) {
				t.Fatalf("%s, step %d:\n%s\nwant\n%s", h.Name, i, b, a)
			}
			for _, r := range want.Rounds {
				var round Round
				if err := round.UnmarshalBinary(unhex(t, r)); err != nil {
					t.Error(err)
				}
			}
		}
		var end Machine
		if err := end.UnmarshalBinary(unhex(t, h.Machine)); err != nil || end.Hash() != m.Hash() {
			t.Errorf("%s ends otherwise: %v", h.Name, err)
		}
	}
}

// play makes the machine do a step and notes what came of it.
func play(t *testing.T, m *Machine, step *vectorStep, tx Tx) {
	t.Helper()
	if tx == nil {
		for _, r := range m.Tick(step.Now) {
			step.Rounds = append(step.Rounds, encoded(t, r))
		}
		if _, seed, ok := m.Election(step.Now); ok {
			step.Seed = hex.EncodeToString(seed[:])
		}
	} else {
		hash := tx.Hash()
		step.Tx, step.TxHash = encoded(t, tx), hex.EncodeToString(hash[:])
		r, err := m.Apply(step.Now, tx)
		for _, s := range sentinels {
			if errors.Is(err, s) {
				step.Refused = s.Error()
			}
		}
		if r.Evidence != nil {
			step.Evidence = encoded(t, *r.Evidence)
		}
	}
	hash := m.Hash()
	step.Next, step.Machine = m.Next(), hex.EncodeToString(hash[:])
}

func encoded(t *testing.T, v encoding.BinaryMarshaler) string {
	t.Helper()
	data, err := v.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(data)
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	data, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// script writes a history.
type script struct {
	t   *testing.T
	out vectorHistory
	m   *Machine
	r   *rand.Rand
}

func newScript(t *testing.T, name string, c Committee, genesis int64) *script {
	hash := c.Hash()
	s := &script{t: t, m: machine(t, c, genesis), r: rand.New(rand.NewPCG(20, 22)), out: vectorHistory{
		Name: name, Committee: c, Genesis: genesis, CommitteeBytes: encoded(t, c), CommitteeHash: hex.EncodeToString(hash[:]),
	}}
	for _, m := range slices.Concat(c.Members, []Member{{Name: "administrator"}}) {
		s.out.Keys = append(s.out.Keys, vectorKey{m.Name, hex.EncodeToString(key(m.Name).Seed())})
	}
	return s
}

func (s *script) tx(what string, now int64, tx Tx) {
	step := vectorStep{What: what, Now: now}
	play(s.t, s.m, &step, tx)
	s.out.Steps = append(s.out.Steps, step)
}

func (s *script) tick(what string, now int64) { s.tx(what, now, nil) }

func (s *script) done() vectorHistory {
	s.out.Machine = encoded(s.t, s.m)
	return s.out
}

// proof is one whose values are drawn: within noise of a grid that is off by base, and of a clock that is off by offset.
func (s *script) proof(i int, round uint64, base, offset, noise int32) Proof {
	c := s.out.Committee
	p := Proof{Nominal: c.Nominal, Round: round, Member: member(i).Name, Values: make([]int32, c.Length)}
	for k := range p.Values {
		p.Values[k] = base + offset + 37*int32(k) + s.r.Int32N(2*noise+1) - noise
	}
	if err := p.Sign(c.ID, key(p.Member)); err != nil {
		s.t.Fatal(err)
	}
	return p
}

func scriptMedian(t *testing.T) vectorHistory {
	c := committee(6)
	c.Length = 10
	s := newScript(t, "median of six, one liar", c, genesis)
	c.Length = 9
	s.tx("of the wrong length", end, proof(t, c, 0, first, 0))
	s.tx("too early", end-2001, s.proof(0, first, 8000, 0, 900))
	s.tx("a clock that is ahead", end-2000, s.proof(0, first, 8000, 700, 900))
	lie := s.proof(1, first, 30_000, 0, 2000)
	s.tx("a lie", end, lie)
	s.tx("the same again", end, lie)
	s.tx("another one", end, s.proof(1, first, -30_000, 0, 2000))
	s.tx("a third", end, s.proof(1, first, 0, 0, 2000))
	s.tx("a stranger", end, s.proof(8, first, 8000, 0, 900))
	for i := 2; i < 5; i++ {
		s.tx("honest", end+int64(i), s.proof(i, first, 8000, int32(i*300-1000), 900))
	}
	s.tick("n-f proofs are in", end+4)
	s.tick("the grace is over", end+1004)
	s.tx("too late", end+1005, s.proof(5, first, 8000, 0, 900))
	s.tx("one more member, with a vote", end+1500, change(t, c, 1, Operation{Op: Put, Member: Member{
		Name: "m06", Key: public("m06"), Power: 10, Validator: public("m06 votes"),
	}}))
	s.tx("one member less", end+1500, change(t, c, 2, Operation{Op: Remove, Member: Member{Name: "m00"}}))
	s.tx("three more members less", end+1500, change(t, c, 3,
		Operation{Op: Remove, Member: Member{Name: "m01"}}, Operation{Op: Remove, Member: Member{Name: "m02"}},
		Operation{Op: Remove, Member: Member{Name: "m03"}}))
	for i := range 7 {
		s.tx("under the new committee", end+5000, s.proof(i, first+1, 7000, int32(i*100), 900))
	}
	s.tick("all have proved", end+5000)
	s.tx("alone", end+10_000, s.proof(1, first+2, 6000, 0, 900))
	s.tick("void", end+70_000)
	s.tick("a long halt", end+1_000_000_000)
	return s.done()
}

func scriptKrum(t *testing.T) vectorHistory {
	c := committee(9)
	c.Rule, c.Length, c.Nominal, c.Grace = Krum, 7, 60, 0
	s := newScript(t, "krum of nine, two colluders", c, genesis)
	for i := range 9 {
		if i < 2 {
			s.tx("colluder", end, s.proof(i, first, 4000, 3000, 0))
		} else {
			s.tx("honest", end, s.proof(i, first, 4000, 0, 2500))
		}
	}
	for i := range 3 {
		s.tx("equal", end+5000, s.proof(8-i, first+1, 0, 0, 0))
	}
	s.tick("one round", end+5000)
	for i := range 6 {
		s.tx("equal", end+5001, s.proof(i, first+1, 0, 0, 0))
	}
	s.tick("another, in which all score nothing", end+5001)
	for i := range 7 {
		s.tx("range", end+10_000, s.proof(i, first+2, MaxOffset-800, 0, 500))
	}
	s.tick("at the end of the range", end+10_000)
	return s.done()
}

func scriptElection(t *testing.T) vectorHistory {
	c := electing(7, 3)
	s := newScript(t, "three of seven are drawn", c, end)
	s.tick("before the first draw", end)
	for i := range 6 {
		s.tx("ticket", end+int64(i), ticket(t, s.m, end, i))
	}
	s.tx("ticket for an epoch that is drawn", 1048_000, ticket(t, s.m, end, 6))
	s.tick("drawn", 1048_000)
	for i := range 7 {
		s.tx("who may prove", 1050_000, s.proof(i, 210, 100, 0, 50))
	}
	s.tick("closed", 1050_000)
	s.tx("a member who sits is removed", 1051_000, change(t, c, 1, Operation{Op: Remove, Member: Member{
		Name: s.m.eras[len(s.m.eras)-1].committee.Members[0].Name,
	}}))
	s.tick("too few tickets", 1098_000)
	s.tick("a halt over many epochs", 9_000_000)
	return s.done()
}

// scriptLarge has more members than go through any short cut, some too far away to be multiplied two at a time.
func scriptLarge(t *testing.T) vectorHistory {
	c := committee(45)
	c.Length = 60
	s := newScript(t, "median of forty-five", c, genesis)
	for i := range 45 {
		switch i % 4 {
		case 0:
			s.tx("liar", end, s.proof(i, first, 5000, 0, 300_000))
		case 1:
			s.tx("honest, clock off", end, s.proof(i, first, 5000, int32(i*50), 1500))
		default:
			s.tx("honest", end, s.proof(i, first, 5000, 0, 1500))
		}
	}
	s.tick("closed", end)
	return s.done()
}

func scriptRegistry(t *testing.T) vectorHistory {
	c := committee(4)
	c.Members[0].Power, c.Members[0].Validator = 10, public("m00 votes")
	s := newScript(t, "accounts, zones, tokens, and two of three administrators", c, genesis)
	s.out.Keys = append(s.out.Keys, vectorKey{"second", hex.EncodeToString(key("second").Seed())},
		vectorKey{"third", hex.EncodeToString(key("third").Seed())})
	s.tx("accounts", end, change(t, c, 1, enrol("guard", Guard), enrol("ann", Participant|Auditor), enrol("bob", Participant)))
	s.tx("zones", end+1, change(t, c, 2, Operation{Op: PutZone, Zone: "acme", Kind: OrganisationZone},
		Operation{Op: PutZone, Zone: "standup", Kind: MeetingZone}, join("acme", "ann"), join("acme", "m01"), join("standup", "bob")))
	s.tx("a stranger in a zone", end+1, change(t, c, 3, join("acme", "eve")))
	s.tx("suspended", end+2, change(t, c, 3, of(Suspend, "m01"), of(Suspend, "ann"), Operation{Op: SetFaulty}))
	s.tx("the proof of who is suspended, for a round that it might have proved", end+3, s.proof(1, first, 100, 0, 50))
	s.tx("and for one that it might not", end+5000, s.proof(1, first+1, 100, 0, 50))
	s.tx("the last vote", end+5001, change(t, c, 4, of(Suspend, "m00")))
	s.tx("another key", end+5002, change(t, c, 4, rotate("m02", "m02 again"), rotate("ann", "ann again")))
	s.tx("resumed", end+5003, change(t, c, 5, of(Resume, "m01")))
	s.tx("revoked", end+5004, change(t, c, 6, of(Revoke, "ann"), of(Revoke, "m03")))
	s.tx("a name that is gone", end+5005, change(t, c, 7, enrol("ann", Guard)))
	s.tx("a token", end+5006, change(t, c, 7, Operation{Op: RevokeToken, Revocation: Revocation{[32]byte{1}, end + 60_000}}))
	s.tx("three administrators, of whom two sign", end+5007, change(t, c, 8, Operation{Op: AddAdministrator, Member: Member{Key: public("second")}},
		Operation{Op: AddAdministrator, Member: Member{Key: public("third")}}, Operation{Op: SetThreshold, Threshold: 2}))
	s.tx("one signs", end+5008, change(t, c, 9, of(Suspend, "bob")))
	s.tx("two sign", end+5009, endorsed(t, c, 9, []string{"third", "administrator"}, of(Suspend, "bob")))
	s.tx("the first goes", end+5010, endorsed(t, c, 10, []string{"third", "second"},
		Operation{Op: RemoveAdministrator, Member: Member{Key: public("administrator")}}))
	s.tx("and signs", end+5011, endorsed(t, c, 11, []string{"administrator", "second"}, of(Resume, "bob")))
	s.tx("the token is forgotten, and a zone closed", end+60_000, endorsed(t, c, 11, []string{"second", "third"},
		Operation{Op: RemoveZone, Zone: "standup"}))
	s.tick("later", end+60_001)
	return s.done()
}
