// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/poenf"
)

// MaxSpan is the longest interval that [Truth.Between] serves.
const MaxSpan = 31 * 24 * time.Hour

// A Truth remembers closed rounds in some 20 MB: those of two days of a minute every 5 s, with what a round takes beside its values counted as values.
const keptValues, keptBeside = 1 << 22, 40

// Truth is the frequency that a grid really had, as a ledger knows it: its rounds, which overlap, spliced into one
// series. It is safe for concurrent use.
type Truth struct {
	ledger    Ledger
	committee poenf.Committee

	mu   sync.Mutex
	kept map[uint64]poenf.Round // closed rounds, which never change, without what made them
}

// NewTruth returns the truth that l holds. Of the committee, Period and Length count.
func NewTruth(l Ledger, c poenf.Committee) *Truth {
	return &Truth{ledger: l, committee: c, kept: make(map[uint64]poenf.Round)}
}

// Between returns the frequency in hertz at each whole second from from, inclusive, to to, exclusive, with the spread of
// the round's members about it as Sigma. A second's value is that of the first closed round that covers it, so it never
// changes once given; it is NaN where no closed round covers it, or not yet. An interval above [MaxSpan] is refused;
// an error of the ledger is returned wrapped.
func (t *Truth) Between(ctx context.Context, from, to time.Time) (enf.Series, error) {
	start := from.Truncate(time.Second)
	if start.Before(from) {
		start = start.Add(time.Second)
	}
	if to.Sub(start) > MaxSpan {
		return enf.Series{}, fmt.Errorf("truth from %s to %s: more than %s", from.Format(time.RFC3339), to.Format(time.RFC3339), MaxSpan)
	}
	n := max(0, int((to.Sub(start)+time.Second-1)/time.Second))
	s := enf.Series{Start: start, Step: time.Second, Hz: make([]float64, n), Sigma: make([]float64, n)}
	for i := range s.Hz {
		s.Hz[i], s.Sigma[i] = math.NaN(), math.NaN()
	}
	if n == 0 || start.Unix() < 0 {
		return s, nil
	}
	first, last := start.Unix(), start.Unix()+int64(n)-1
	// Rounds close in order, so going downwards nothing can close behind our back: when a round is found, whatever
	// there will ever be of those before it is there, and overwrites.
	for r := (last + int64(t.committee.Length)) / t.committee.Period; r > first/t.committee.Period; r-- {
		round, err := t.round(ctx, uint64(r))
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return enf.Series{}, fmt.Errorf("truth: %w", err)
		}
		splice(s, round)
	}
	return s, nil
}

// splice writes the seconds that the round covers.
func splice(s enf.Series, r poenf.Round) {
	for i, offset := range r.Truth {
		if at := r.Start + int64(i) - s.Start.Unix(); at >= 0 && at < int64(len(s.Hz)) {
			s.Hz[at] = Hertz(r.Nominal, offset)
			s.Sigma[at] = float64(r.Spread) / 1e6
		}
	}
}

func (t *Truth) round(ctx context.Context, n uint64) (poenf.Round, error) {
	t.mu.Lock()
	r, ok := t.kept[n]
	t.mu.Unlock()
	if ok {
		return r, nil
	}
	r, err := t.ledger.Round(ctx, n)
	if err != nil {
		return poenf.Round{}, err
	}
	r = poenf.Round{Start: r.Start, Nominal: r.Nominal, Truth: r.Truth, Spread: r.Spread}
	t.mu.Lock()
	defer t.mu.Unlock()
	for old := range t.kept { // any: what is asked for again and again is the latest minute
		if len(t.kept) < keptValues/(t.committee.Length+keptBeside) {
			break
		}
		delete(t.kept, old)
	}
	t.kept[n] = r
	return r, nil
}
