// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package conference

import (
	"cmp"
	"fmt"
	"slices"
)

// tracksEach is how many cameras, or microphones, of one participant are followed side by side: each costs a process.
const tracksEach = 3

var errMany = fmt.Errorf("more than %d are sent at once", tracksEach)

// attendee is a participant as the room knows it from one moment to the next.
type attendee struct {
	who          Participant
	audio, video attendance
}

// attendance is what is kept of one participant's tracks of one kind.
type attendance struct {
	seen  []string           // those that are there, in the order in which they came
	lines [tracksEach]string // those that are followed, by their number
	said  string             // what was last said not to be followed
}

// choose returns the tracks of a kind that are to be followed, and why others that people see or hear are not. Seen or heard is
// what is not muted and says that it is a microphone or camera; what does not say what it is, clients show only where there is
// nothing else.
func (a *attendance) choose(all []*publication, trouble func(id string) error) (follow []*publication, problem error) {
	a.seen = slices.DeleteFunc(a.seen, func(id string) bool {
		return !slices.ContainsFunc(all, func(p *publication) bool { return p.id == id })
	})
	declared := false
	for _, p := range all {
		if !slices.Contains(a.seen, p.id) {
			a.seen = append(a.seen, p.id)
		}
		declared = declared || p.declared && !p.muted
	}
	slices.SortStableFunc(all, a.compare)
	for _, p := range all {
		shown := !p.muted && (p.declared || !declared)
		because := p.problem
		switch {
		case because != nil, declared && !p.declared:
		case len(follow) == tracksEach:
			because = errMany
		default:
			follow = append(follow, p)
			because = trouble(p.id)
		}
		if shown && problem == nil {
			problem = because
		}
	}
	return follow, problem
}

// compare puts what is not muted first, of this what says what it is, of this what was there first.
func (a *attendance) compare(p, q *publication) int {
	rank := func(p *publication) int {
		n := 0
		if p.muted {
			n += 2
		}
		if !p.declared {
			n++
		}
		return n
	}
	return cmp.Or(cmp.Compare(rank(p), rank(q)), cmp.Compare(slices.Index(a.seen, p.id), slices.Index(a.seen, q.id)))
}

// number gives the tracks that are followed numbers: each keeps its own, and who comes gets the least that is free, so that
// a camera that is switched off and on has the number it had.
func (a *attendance) number(follow []*publication) map[*publication]int {
	numbers := make(map[*publication]int)
	for i, id := range a.lines {
		n := slices.IndexFunc(follow, func(p *publication) bool { return p.id == id })
		if n < 0 {
			a.lines[i] = ""
			continue
		}
		numbers[follow[n]] = i
	}
	for _, p := range follow {
		if _, ok := numbers[p]; !ok {
			i := slices.Index(a.lines[:], "")
			a.lines[i], numbers[p] = p.id, i
		}
	}
	return numbers
}

// attend subscribes to a participant's tracks of a kind, and tells what cannot be followed.
func (r *Room) attend(m member, kind Kind, a *attendance) {
	var all []*publication
	for i := range m.publications {
		if p := &m.publications[i]; p.kind == kind {
			all = append(all, p)
		}
	}
	follow, problem := a.choose(all, r.troubleWith)
	numbers := a.number(follow)
	for _, p := range all {
		n, ok := numbers[p]
		switch {
		case !ok && p.wanted():
			p.unsubscribe()
		case ok && !p.wanted():
			p.subscribe(r.options.Height, n)
		}
	}
	if said := clause(problem); said != a.said {
		a.said = said
		r.put(Event{Kind: Unreadable, Participant: m.who, Of: kind, Err: problem})
	}
}

// clause is what an error says, nothing for none.
func clause(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// troubleWith is why a track that is subscribed to cannot be followed, nil if it can.
func (r *Room) troubleWith(id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.troubles[id]
}

// trouble notes why a track cannot be followed, or with nil that it can.
func (r *Room) trouble(in *incoming, err error) {
	r.mu.Lock()
	old := r.troubles[in.id]
	delete(r.troubles, in.id)
	if err != nil {
		r.troubles[in.id] = err // no more than tracks: sync forgets those that are not there
	}
	r.mu.Unlock()
	if clause(old) != clause(err) {
		in.changed()
	}
}
