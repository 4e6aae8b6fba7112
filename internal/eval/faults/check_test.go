// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"crypto/ed25519"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/poenf"
)

// round is one of a committee of two, closed with the given truth.
func round(number uint64, truth ...int32) poenf.Round {
	return poenf.Round{
		Number: number, Start: int64(number) - int64(len(truth)), Closed: int64(number) * 1000, Nominal: 50, Winner: "m0", Truth: truth,
		Entries: []poenf.Entry{{Member: "m0"}, {Member: "m1"}},
	}
}

// TestConflict: a drill whose ledgers contradict each other, or lack something, fails, and says where.
func TestConflict(t *testing.T) {
	good := []poenf.Round{round(7, 1, 2), round(8, 2, 3), round(10, 4, 5)}
	other := slices.Clone(good)
	other[1] = round(8, 2, 4) // by one µHz
	later := slices.Clone(good)
	later[1].Closed++
	for _, test := range []struct {
		name       string
		said, kept [][]poenf.Round
		want       string // in the failures; empty for none
	}{
		{"agreement", [][]poenf.Round{good[:2], good}, [][]poenf.Round{good, good}, ""},
		{"a truth", nil, [][]poenf.Round{good, other}, "round 8: node0's ledger and node1's ledger disagree"},
		{"a time", nil, [][]poenf.Round{good, later}, "round 8: node0's ledger and node1's ledger disagree"},
		{"taken back", [][]poenf.Round{good, other}, [][]poenf.Round{good, good}, "round 8: what node0 served and what node1 served disagree"},
		{"a node lacks one", nil, [][]poenf.Round{good, good[1:]}, "round 7 is not in node1's ledger"},
		{"served and forgotten by all", [][]poenf.Round{good}, [][]poenf.Round{good[:2], good[:2]}, "round 10 is not in node0's ledger"},
		{"nothing", nil, [][]poenf.Round{nil, nil}, "no round was closed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var said, kept []book
			for i, rounds := range test.said {
				said = append(said, bookOf([]string{"what node0 served", "what node1 served"}[i], rounds))
			}
			for i, rounds := range test.kept {
				kept = append(kept, bookOf([]string{"node0's ledger", "node1's ledger"}[i], rounds))
			}
			var r Result
			r.compare(said, kept, 10)
			err := Report{Results: []Result{r}}.Failed()
			if test.want == "" {
				if err != nil || r.Rounds != 3 || r.Void != 1 {
					t.Errorf("%v, %+v", err, r)
				}
				return
			}
			if err == nil || !strings.Contains(strings.Join(r.Failures, "\n"), test.want) {
				t.Errorf("failed: %v, %q; want %q", err, r.Failures, test.want)
			}
		})
	}
}

// TestLate: what closes after the nodes were told to stop may be missing.
func TestLate(t *testing.T) {
	a, b := bookOf("a", []poenf.Round{round(7, 1, 2), round(8, 2, 3)}), bookOf("b", []poenf.Round{round(7, 1, 2)})
	if out := lost(nil, []book{a, b}, 7); out != nil {
		t.Errorf("%q", out)
	}
	if out := lost(nil, []book{a, b}, 8); len(out) != 1 {
		t.Errorf("%q", out)
	}
}

// TestAway: a truth outside the honest range is measured against the bound.
func TestAway(t *testing.T) {
	honest := [][]int32{{100, 200}, {110, 190}}
	for _, test := range []struct {
		truth []int32
		most  int32
	}{{[]int32{105, 195}, 0}, {[]int32{90, 195}, 10}, {[]int32{105, 275}, 75}} {
		if most, bound := away(round(1, test.truth...), honest); most != test.most || bound != 74 {
			t.Errorf("%v: %d of %d, want %d of 74", test.truth, most, bound, test.most)
		}
	}
}

// TestUnnamed: evidence must be there, sound, and against those who deserve it.
func TestUnnamed(t *testing.T) {
	c := poenf.NewCommittee("test", 50)
	keys := make(map[string]ed25519.PrivateKey)
	for _, name := range []string{"m0", "m1"} {
		keys[name] = ed25519.NewKeyFromSeed(slices.Repeat([]byte(name), 16))
		c.Members = append(c.Members, poenf.Member{Name: name, Key: keys[name].Public().(ed25519.PublicKey)})
	}
	against := func(name string, key ed25519.PrivateKey) comet.Evidence {
		proof := func(v int32) poenf.Proof {
			p := poenf.Proof{Nominal: 50, Round: 5, Member: name, Values: []int32{v, v}}
			if err := p.Sign(c.ID, key); err != nil {
				t.Fatal(err)
			}
			return p
		}
		return comet.Evidence{Equivocation: &poenf.Evidence{Round: 5, Member: name, First: proof(1), Second: proof(2)}}
	}
	sound, forged := against("m1", keys["m1"]), against("m1", keys["m0"])
	for _, test := range []struct {
		name     string
		evidence []comet.Evidence
		authors  []string
		doubles  []string
		want     string
	}{
		{"none wanted", nil, nil, nil, ""},
		{"sound", []comet.Evidence{sound}, []string{"m1"}, nil, ""},
		{"missing", nil, []string{"m1"}, nil, "no evidence against m1"},
		{"against the honest", []comet.Evidence{sound}, nil, nil, "against m1, who is honest"},
		{"forged", []comet.Evidence{forged}, []string{"m1"}, nil, "does not verify"},
		{"voted twice", []comet.Evidence{{DoubleSign: &comet.DoubleSign{Validator: "ab"}}}, nil, []string{"ab"}, ""},
		{"another did", []comet.Evidence{{DoubleSign: &comet.DoubleSign{Validator: "cd"}}}, nil, []string{"ab"}, "double signature by validator cd"},
		{"nobody found it", nil, nil, []string{"ab"}, "no evidence against ab"},
	} {
		out := strings.Join(unnamed("node0", test.evidence, c, test.authors, test.doubles), "\n")
		if (out == "") != (test.want == "") || !strings.Contains(out, test.want) {
			t.Errorf("%s: %q, want %q", test.name, out, test.want)
		}
	}
	if out := sameEvidence([][]comet.Evidence{{sound}, nil}); len(out) != 1 {
		t.Errorf("two ledgers with different evidence: %q", out)
	}
}

// TestRecovered: a committee has recovered with the first new round that is everywhere.
func TestRecovered(t *testing.T) {
	o := newObservations(2)
	nodes := []*node{{index: 0}, {index: 1}}
	o.observe(0, round(1, 1, 1))
	since := time.Now()
	o.observe(1, round(1, 1, 1)) // late, but not new
	o.observe(0, round(2, 1, 1))
	if _, ok := o.recovered(nodes, since); ok {
		t.Error("recovered without a new round at node 1")
	}
	o.observe(1, round(2, 1, 1))
	if took, ok := o.recovered(nodes, since); !ok || took <= 0 {
		t.Errorf("%v, %v", took, ok)
	}
	o.observe(1, round(2, 1, 3))
	if len(o.takenBack()) != 1 {
		t.Error("a round that changed was not noticed")
	}
}

// TestRelay: bytes pass through a relay, are late, are held back while the link is cut, and come when it is whole.
func TestRelay(t *testing.T) {
	r, err := newRelays(2, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	peers, _ := r.listen(0)
	l, err := net.Listen("tcp", peers)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go forward(l, func() (net.Conn, error) { // an echo
		a, b := net.Pipe()
		go func() { _, _ = io.Copy(b, b) }()
		return a, nil
	})
	c, err := net.Dial("tcp", r.reach(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	echo := func(deadline time.Duration) (time.Duration, error) {
		began := time.Now()
		_ = c.SetReadDeadline(began.Add(deadline))
		if _, err := c.Write([]byte("x")); err != nil {
			return 0, err
		}
		_, err := io.ReadFull(c, make([]byte, 1))
		return time.Since(began), err
	}
	if _, err := echo(time.Minute); err != nil {
		t.Fatal(err)
	}
	r.set(0, 1, link{delay: 50 * time.Millisecond})
	if took, err := echo(time.Minute); err != nil || took < 100*time.Millisecond {
		t.Errorf("there and back over 50 ms in %v, %v", took, err)
	}
	r.set(0, 1, link{cut: true})
	if _, err := echo(300 * time.Millisecond); err == nil {
		t.Error("a byte passed a link that is cut")
	}
	r.set(0, 1, link{})
	if _, err := echo(time.Minute); err != nil {
		t.Errorf("after healing: %v", err)
	}
}
