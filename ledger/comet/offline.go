// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/defakepro/defakepro/poenf"
)

// Stored is what a home's ledger holds.
type Stored struct {
	// Rounds are the closed ones, in order.
	Rounds []poenf.Round
	// Evidence is the breaches recorded, oldest first.
	Evidence []Evidence
}

// ReadHome returns all that the ledger in a home holds, for an inspection afterwards. It is refused while a node runs there.
func ReadHome(home string) (Stored, error) {
	var out Stored
	engine, err := readEngine(home)
	if err != nil {
		return out, err
	}
	if _, err := os.Stat(filepath.Join(engine.DBDir(), "ledger.db")); err != nil {
		return out, err
	}
	s, err := openStore(engine.DBDir())
	if err != nil {
		return out, err
	}
	err = out.read(s)
	if err != nil {
		err = fmt.Errorf("%s: %w", home, err)
	}
	return out, errors.Join(err, s.close())
}

func (o *Stored) read(s *store) error {
	for number := uint64(0); ; number++ {
		next, ok, err := s.next(number)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		r, err := s.round(next)
		if err != nil {
			return err
		}
		o.Rounds = append(o.Rounds, r)
		number = next
	}
	for i := uint64(0); ; i++ {
		entry, err := s.find(key(keyEvidence, i))
		if err != nil {
			return err
		}
		if entry == nil {
			return nil
		}
		e, err := decodeEvidence(entry)
		if err != nil {
			return err
		}
		o.Evidence = append(o.Evidence, e)
	}
}
