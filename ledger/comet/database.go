// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/config"
)

// databases are those that CometBFT opened. It leaves some of them open when it stops, and closes others while goroutines
// of its own still use them.
type databases struct {
	mu  sync.Mutex
	all []*database
}

func (d *databases) open(c *config.DBContext) (dbm.DB, error) {
	inner, err := openDatabase(filepath.Join(c.Config.DBDir(), c.ID+".db"), func() (dbm.DB, error) {
		return config.DefaultDBProvider(c)
	})
	if err != nil {
		return nil, err
	}
	db := &database{DB: inner}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, db)
	return db, nil
}

// openDatabase opens the database in a directory of goleveldb's. That refuses one whose making was interrupted, though
// nothing was in it yet, for a machine that stopped in that moment would never start again: what there is of it is
// removed, and it is made anew. A database that another process has open, perhaps to make it, is left alone.
func openDatabase(dir string, open func() (dbm.DB, error)) (dbm.DB, error) {
	db, err := open()
	if err == nil || errors.Is(err, syscall.EAGAIN) {
		return db, err
	}
	begun, other := halfMade(dir)
	if other != nil || begun == nil {
		return nil, err
	}
	for _, name := range begun {
		if other := os.Remove(filepath.Join(dir, name)); other != nil {
			return nil, errors.Join(err, other)
		}
	}
	return open()
}

// halfMade returns the files of a database in a directory of goleveldb's to which nothing was ever written: a manifest,
// but neither CURRENT, which names it, nor a journal or a table. It returns none where there is anything else. A name
// with a number after CURRENT is what is to be renamed to it.
func halfMade(dir string) ([]string, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var begun []string
	for _, f := range files {
		name := f.Name()
		kind, number, _ := strings.Cut(strings.Replace(name, "-", ".", 1), ".")
		_, err := strconv.ParseUint(number, 10, 64)
		switch {
		case name == "LOCK", name == "LOG", name == "LOG.old":
		case err == nil && (kind == "MANIFEST" || kind == "CURRENT"):
			begun = append(begun, name)
		default:
			return nil, nil
		}
	}
	return begun, nil
}

func (d *databases) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for _, db := range d.all {
		errs = append(errs, db.Close())
	}
	return errors.Join(errs...)
}

// database is one that can be used after it was closed, as after a crash: it is empty then, and takes nothing. CometBFT
// ends the process over an error of its databases, and its goroutines outlive them.
type database struct {
	dbm.DB
	closed atomic.Bool
}

// Close closes the database, if it is open.
func (d *database) Close() error {
	if d.closed.Swap(true) {
		return nil
	}
	return d.DB.Close()
}

// mend drops the error of a database that was closed meanwhile.
func (d *database) mend(err error) error {
	if err != nil && d.closed.Load() {
		return nil
	}
	return err
}

func (d *database) Get(k []byte) ([]byte, error) {
	v, err := d.DB.Get(k)
	return v, d.mend(err)
}

func (d *database) Has(k []byte) (bool, error) {
	ok, err := d.DB.Has(k)
	return ok, d.mend(err)
}

func (d *database) Set(k, v []byte) error     { return d.mend(d.DB.Set(k, v)) }
func (d *database) SetSync(k, v []byte) error { return d.mend(d.DB.SetSync(k, v)) }
func (d *database) Delete(k []byte) error     { return d.mend(d.DB.Delete(k)) }
func (d *database) DeleteSync(k []byte) error { return d.mend(d.DB.DeleteSync(k)) }
func (d *database) NewBatch() dbm.Batch       { return &databaseBatch{d.DB.NewBatch(), d} }

// databaseBatch is a batch of a database.
type databaseBatch struct {
	dbm.Batch
	db *database
}

func (b *databaseBatch) Write() error     { return b.db.mend(b.Batch.Write()) }
func (b *databaseBatch) WriteSync() error { return b.db.mend(b.Batch.WriteSync()) }
