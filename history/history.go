// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package history keeps the verdicts of conferences in an SQLite file, so that they can be asked for afterwards.
//
// An event is durable when [Store.Add] returns: the file has a write-ahead log, and survives a crash at any moment. How much is kept is bounded
// by age and number. [View] reads a history to which a guard may go on adding.
package history

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite" // the driver "sqlite"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/monitor"
)

const (
	// defaultMost is how many events are kept, by default.
	defaultMost = 1_000_000
	// answerMost is the most that one query returns.
	answerMost = 10_000
	// pruneEvery is after how many additions what is too old or too much is removed.
	pruneEvery = 256
	// busyFor is how long another process that writes is waited for, in milliseconds.
	busyFor = 5000
	// schema is the version of the tables below, kept in the file.
	schema = 1
)

const tables = `
CREATE TABLE events (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	time       INTEGER NOT NULL, -- Unix, nanoseconds
	room       TEXT NOT NULL,
	person     TEXT NOT NULL,
	name       TEXT NOT NULL,
	channel    TEXT NOT NULL,
	verdict    TEXT NOT NULL,
	former     TEXT NOT NULL,
	reason     TEXT NOT NULL,
	confidence REAL NOT NULL,
	forged     TEXT NOT NULL     -- JSON
) STRICT;
CREATE INDEX events_time ON events (time);
CREATE INDEX events_room ON events (room, id);
PRAGMA user_version = 1;`

// Options bound what is kept.
type Options struct {
	// Keep is for how long events are kept; 0 for as long as there is room.
	Keep time.Duration
	// Most is how many events are kept, a million by default: some 500 MB.
	Most int
	// Now is the clock; nil stands for time.Now.
	Now func() time.Time
}

// Store is a history on disk. It is safe for concurrent use, also by several processes.
type Store struct {
	db      *sql.DB
	options Options
	added   chan int // one token: additions since the last pruning
}

// Record is an event as it was kept.
type Record struct {
	// ID grows from one event to the next.
	ID    int64
	Event monitor.Event
}

// Query says which events are asked for. The zero value asks for all.
type Query struct {
	// Room and Person (its ID) choose; empty for all.
	Room, Person string
	// From and To bound the time, inclusive and exclusive; zero for unbounded.
	From, To time.Time
	// After leaves out records up to and including this ID.
	After int64
	// Limit is the most to return, of the oldest; 0 or more than ten thousand stand for ten thousand.
	Limit int
}

// Open opens the history at path, and makes it if it is not there, readable by its owner alone. It must be closed.
func Open(path string, o Options) (*Store, error) {
	o.Most = cmp.Or(max(o.Most, 0), defaultMost)
	if o.Now == nil {
		o.Now = time.Now
	}
	db, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("history %s: %w", path, err)
	}
	s := &Store{db: db, options: o, added: make(chan int, 1)}
	s.added <- 0
	if err := s.Prune(context.Background()); err != nil {
		return nil, errors.Join(fmt.Errorf("history %s: %w", path, err), db.Close())
	}
	return s, nil
}

// open opens the database and sees to its tables.
func open(path string) (*sql.DB, error) {
	// SQLite would make a file that all may read.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	pragmas := url.Values{"_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyFor), "auto_vacuum(INCREMENTAL)", "journal_mode(WAL)", "synchronous(FULL)", "trusted_schema(0)",
	}, "_txlock": {"immediate"}}
	name := (&url.URL{Scheme: "file", Path: full, RawQuery: pragmas.Encode()}).String()
	db, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(4)
	if err := prepare(db); err != nil {
		return nil, errors.Join(explain(err), db.Close())
	}
	return db, nil
}

// View opens the history at path to read it: it is neither made nor changed, and whoever writes it may go on. It must be closed.
func View(path string) (*Store, error) {
	db, err := view(path)
	if err != nil {
		return nil, fmt.Errorf("history %s: %w", path, err)
	}
	return &Store{db: db}, nil
}

func view(path string) (*sql.DB, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("is no file")
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// Beside a file that nobody has open nothing is written, so that it can be read where nothing can be.
	mode := url.Values{"mode": {"ro"}}
	if _, err := os.Stat(path + "-wal"); errors.Is(err, os.ErrNotExist) {
		mode.Set("immutable", "1")
	}
	mode["_pragma"] = []string{fmt.Sprintf("busy_timeout(%d)", busyFor), "query_only(1)", "trusted_schema(0)"}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: full, RawQuery: mode.Encode()}).String())
	if err != nil {
		return nil, err
	}
	var version int
	err = db.QueryRow("PRAGMA user_version").Scan(&version)
	if err == nil && version != schema {
		err = fmt.Errorf("is of version %d, not %d, or no history", version, schema)
	}
	if err != nil {
		return nil, errors.Join(explain(err), db.Close())
	}
	return db, nil
}

// prepare makes the tables of a new file, and refuses one of another kind.
func prepare(db *sql.DB) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing once committed
	var version, others int
	if err := tx.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if err := tx.QueryRow("SELECT count(*) FROM sqlite_master").Scan(&others); err != nil {
		return err
	}
	switch {
	case version == schema:
		return nil
	case version != 0 || others != 0:
		return fmt.Errorf("is of version %d, not %d, or no history", version, schema)
	}
	if _, err := tx.Exec(tables); err != nil {
		return err
	}
	return tx.Commit()
}

// explain says what a code of SQLite's means.
func explain(err error) error {
	const notADatabase = 26 // SQLITE_NOTADB
	if e, ok := errors.AsType[*sqlite.Error](err); ok && e.Code() == notADatabase {
		return errors.New("is not a history")
	}
	return err
}

// Close ends the use of the file.
func (s *Store) Close() error { return s.db.Close() }

// Add keeps an event. It is on disk when Add returns.
func (s *Store) Add(ctx context.Context, e monitor.Event) error {
	forged, err := json.Marshal(spansOf(e))
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	_, err = s.db.ExecContext(ctx, `INSERT INTO events (time, room, person, name, channel, verdict, former, reason, confidence, forged)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		e.Time.UnixNano(), e.Room, e.Person.ID, e.Person.Name, string(e.Channel), string(e.Verdict), string(e.Former), e.Reason, min(max(e.Confidence, 0), 1), string(forged))
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	n := <-s.added + 1
	if n >= pruneEvery {
		n = 0
		err = s.Prune(context.WithoutCancel(ctx)) // the event is kept in any case
	}
	s.added <- n
	return err
}

// Prune removes what is too old or too much, and gives the room back. Open does it, and [Store.Add] now and then; where little is added it is
// for the caller to do from time to time.
func (s *Store) Prune(ctx context.Context) error {
	if s.options.Keep > 0 {
		if _, err := s.db.ExecContext(ctx, "DELETE FROM events WHERE time < ?", s.options.Now().Add(-s.options.Keep).UnixNano()); err != nil {
			return fmt.Errorf("history: %w", err)
		}
	}
	// IDs have no gaps but at the old end, so they tell the number.
	if _, err := s.db.ExecContext(ctx, "DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?", s.options.Most); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	if _, err := s.db.ExecContext(ctx, "PRAGMA incremental_vacuum"); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	return nil
}

// Events returns the records that q asks for, in the order in which they were kept.
func (s *Store) Events(ctx context.Context, q Query) ([]Record, error) {
	if q.Limit <= 0 || q.Limit > answerMost {
		q.Limit = answerMost
	}
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if !q.From.IsZero() {
		from = nanoseconds(q.From)
	}
	if !q.To.IsZero() {
		to = nanoseconds(q.To)
	}
	rows, err := s.db.QueryContext(ctx, `SELECT id, time, room, person, name, channel, verdict, former, reason, confidence, forged FROM events
		WHERE id > ? AND time >= ? AND time < ? AND (? = '' OR room = ?) AND (? = '' OR person = ?) ORDER BY id LIMIT ?`,
		q.After, from, to, q.Room, q.Room, q.Person, q.Person, q.Limit)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	defer rows.Close()
	var out []Record
	for rows.Next() {
		r, err := read(rows)
		if err != nil {
			return nil, fmt.Errorf("history: %w", err)
		}
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	return out, nil
}

// nanoseconds returns a time in Unix nanoseconds, and of one that is beyond what these reach, in the years 1677 and 2262, the nearest.
func nanoseconds(t time.Time) int64 {
	switch s := t.Unix(); {
	case s <= math.MinInt64/int64(time.Second):
		return math.MinInt64
	case s >= math.MaxInt64/int64(time.Second):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// read reads one row.
func read(rows *sql.Rows) (Record, error) {
	var r Record
	e := &r.Event
	var at int64
	var channel, verdict, former, forged string
	err := rows.Scan(&r.ID, &at, &e.Room, &e.Person.ID, &e.Person.Name, &channel, &verdict, &former, &e.Reason, &e.Confidence, &forged)
	if err != nil {
		return r, err
	}
	e.Time, e.Channel = time.Unix(0, at).UTC(), enf.Source(channel)
	e.Verdict, e.Former = detect.Verdict(verdict), detect.Verdict(former)
	var spans []spanJSON
	if err := json.Unmarshal([]byte(forged), &spans); err != nil {
		return r, fmt.Errorf("record %d: %w", r.ID, err)
	}
	for _, s := range spans {
		e.Forged = append(e.Forged, monitor.Span{From: s.From, To: s.To, Kind: detect.SpanKind(s.Kind)})
	}
	return r, nil
}

// spanJSON is a forged span as it is kept.
type spanJSON struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Kind string    `json:"kind"`
}

func spansOf(e monitor.Event) []spanJSON {
	out := []spanJSON{}
	for _, s := range e.Forged {
		out = append(out, spanJSON{s.From.UTC(), s.To.UTC(), string(s.Kind)})
	}
	return out
}
