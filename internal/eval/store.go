// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// storeVersion is raised when what a case measures changes, so that old results are not taken for new ones.
const storeVersion = 1

// Store keeps the results of cases that take long in a folder, so that a run that was interrupted goes on where it was. The zero value
// keeps nothing. What it keeps holds for the program that measured it: after a change of package enf or detect, begin anew.
type Store struct {
	// Dir is the folder; it is made when needed.
	Dir string
}

// remembered returns the result of the case that key tells from all others: that of an earlier run, or that of run, which is then kept.
func remembered[T any](s Store, key string, run func() (T, error)) (T, error) {
	if s.Dir == "" {
		return run()
	}
	path := filepath.Join(s.Dir, fmt.Sprintf("%.16x.json", sha256.Sum256(fmt.Appendf(nil, "%d %s", storeVersion, key))))
	var kept struct {
		Key    string
		Result T
	}
	data, err := os.ReadFile(path)
	if err == nil {
		if err := json.Unmarshal(data, &kept); err == nil && kept.Key == key {
			return kept.Result, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return kept.Result, err
	}
	if kept.Result, err = run(); err != nil {
		return kept.Result, err
	}
	kept.Key = key
	if data, err = json.Marshal(kept); err != nil {
		return kept.Result, fmt.Errorf("%s: %w", key, err)
	}
	// Whole or not at all: a run may be ended while it writes.
	if err := os.MkdirAll(s.Dir, 0o750); err != nil {
		return kept.Result, err
	}
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return kept.Result, err
	}
	return kept.Result, os.Rename(path+".new", path)
}
