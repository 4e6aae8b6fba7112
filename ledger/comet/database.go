// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"errors"
	"sync"
	"sync/atomic"

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
	inner, err := config.DefaultDBProvider(c)
	if err != nil {
		return nil, err
	}
	db := &database{DB: inner}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, db)
	return db, nil
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
