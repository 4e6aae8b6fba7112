// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/poenf"
)

// book is what one node says of closed rounds: its ledger on disk, or what it gave while it ran.
type book struct {
	name   string
	rounds map[uint64]poenf.Round
}

func bookOf(name string, rounds []poenf.Round) book {
	b := book{name, make(map[uint64]poenf.Round, len(rounds))}
	for _, r := range rounds {
		b.rounds[r.Number] = r
	}
	return b
}

// numbers returns the rounds that are in any book, in order.
func numbers(books []book) []uint64 {
	all := make(map[uint64]bool)
	for _, b := range books {
		for n := range b.rounds {
			all[n] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// disagreements names the rounds that are not the same in all books that have them.
func disagreements(books []book) []string {
	var out []string
	for _, n := range numbers(books) {
		have := slices.DeleteFunc(slices.Clone(books), func(b book) bool { _, ok := b.rounds[n]; return !ok })
		first := have[0].rounds[n].Hash()
		i := slices.IndexFunc(have, func(b book) bool { return b.rounds[n].Hash() != first })
		if i > 0 {
			out = append(out, fmt.Sprintf("round %d: %s and %s disagree", n, have[0].name, have[i].name))
		}
	}
	return out
}

// lost names the rounds up to last that are in any of said, and not in all of kept.
func lost(said, kept []book, last uint64) []string {
	var out []string
	for _, n := range numbers(append(slices.Clone(said), kept...)) {
		if n > last {
			break
		}
		for _, b := range kept {
			if _, ok := b.rounds[n]; !ok {
				out = append(out, fmt.Sprintf("round %d is not in %s", n, b.name))
			}
		}
	}
	return out
}

// void returns how many rounds between the first and the last closed one were not closed.
func void(books []book) int {
	all := numbers(books)
	if len(all) == 0 {
		return 0
	}
	return int(all[len(all)-1]-all[0]) + 1 - len(all)
}

// away returns how far, in µHz, a round's truth is outside the range of what the honest saw in any second, and how far it
// may be: the bound that poenf.Select states for the median rule.
func away(r poenf.Round, honest [][]int32) (most, bound int32) {
	spread := int32(0)
	for i, v := range r.Truth {
		low, high := honest[0][i], honest[0][i]
		for _, h := range honest {
			low, high = min(low, h[i]), max(high, h[i])
		}
		spread = max(spread, high-low)
		most = max(most, low-v, v-high)
	}
	return most, 7*spread + 4
}

// unnamed says where a ledger has no sound evidence against one of authors, members who signed two proofs for one round, or
// doubles, addresses of validators who voted twice; or any against another.
func unnamed(name string, evidence []comet.Evidence, c poenf.Committee, authors, doubles []string) []string {
	var out []string
	found := make(map[string]bool)
	for _, e := range evidence {
		switch {
		case e.DoubleSign != nil && slices.Contains(doubles, e.DoubleSign.Validator):
			found[e.DoubleSign.Validator] = true
		case e.DoubleSign != nil:
			out = append(out, fmt.Sprintf("%s has evidence of a double signature by validator %s", name, e.DoubleSign.Validator))
		case !slices.Contains(authors, e.Equivocation.Member):
			out = append(out, fmt.Sprintf("%s has evidence against %s, who is honest", name, e.Equivocation.Member))
		default:
			author := e.Equivocation.Member
			m, _ := c.Member(author)
			if err := e.Equivocation.Verify(c.ID, m.Key); err != nil {
				out = append(out, fmt.Sprintf("%s has evidence against %s that does not verify: %v", name, author, err))
			}
			found[author] = true
		}
	}
	for _, author := range slices.Concat(authors, doubles) {
		if !found[author] {
			out = append(out, fmt.Sprintf("%s has no evidence against %s", name, author))
		}
	}
	return out
}

// sameEvidence says where ledgers do not have the same evidence.
func sameEvidence(all [][]comet.Evidence) []string {
	var out []string
	for i, list := range all[1:] {
		if len(list) != len(all[0]) {
			out = append(out, fmt.Sprintf("node0 has %d pieces of evidence, node%d %d", len(all[0]), i+1, len(list)))
			continue
		}
		for j, e := range list {
			if e.Equivocation == nil || all[0][j].Equivocation == nil {
				continue
			}
			a, b := e.Equivocation, all[0][j].Equivocation
			if x, y := a.Second.Hash(), b.Second.Hash(); a.Member != b.Member || a.Round != b.Round || !bytes.Equal(x[:], y[:]) {
				out = append(out, fmt.Sprintf("evidence %d of node%d is another than node0's", j, i+1))
			}
		}
	}
	return out
}
